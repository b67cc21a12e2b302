//! What can stand in a cell, and how a cell is kept from being run as a formula.

use crate::domain::money::Ore;
use crate::domain::redact::Known;
use serde_json::Value;
use std::borrow::Cow;

/// One value of a row, before a format gives it its form.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    /// Nothing: an empty cell, or null.
    Empty,
    /// Text of ours, of the input or of the register.
    Text(&'a str),
    /// A line or a count.
    Count(u64),
    /// An amount in SEK.
    Money(Ore),
    /// A value out of an answer.
    Json(&'a Value),
}

impl<'a> Field<'a> {
    /// A text that may be missing; an empty one counts as missing.
    pub(super) fn maybe(text: Option<&'a str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Empty, Self::Text)
    }
}

/// A value out of an answer as an output may show it: where numbers are hidden, without that of the row, and without
/// anybody else's.
pub(super) fn shown<'v>(value: &'v Value, hide: Option<&Known>) -> Cow<'v, Value> {
    let Some(known) = hide else { return Cow::Borrowed(value) };
    let mut copy = value.clone();
    known.scrub_json(&mut copy);
    Cow::Owned(copy)
}

/// The same of a text.
pub(super) fn shown_text<'t>(text: &'t str, hide: Option<&Known>) -> Cow<'t, str> {
    hide.map_or(Cow::Borrowed(text), |known| Cow::Owned(known.scrub(text)))
}

/// Whether a spreadsheet might run this text as a formula (CWE-1236). A plain number is what it says, whatever sign it
/// begins with. The full-width signs are there because Excel takes them for the narrow ones.
pub fn is_formula(text: &str, decimal: char) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && !is_plain_number(text, decimal)
}

/// Digits with at most a minus before them and a decimal part after them.
fn is_plain_number(text: &str, decimal: char) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = unsigned.split_once(['.', decimal]).unwrap_or((unsigned, "0"));
    digits(whole) && digits(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_what_only_looks_like_one() {
        for text in [
            "=1+1", "+46 8", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-", "+1", "-1.", "-.5", "-1e5",
            "＝1",
        ] {
            assert!(is_formula(text, '.'), "{text:?}");
        }
        for text in ["", "1", "-1", "-1.50", "a=1", "'=1", " =1", "å"] {
            assert!(!is_formula(text, '.'), "{text:?}");
        }
        assert!(is_formula("-1,5", '.'), "a comma is no decimal mark in this file");
        assert!(!is_formula("-1,5", ','));
    }
}
