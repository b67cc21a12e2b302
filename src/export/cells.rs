//! What can stand in a cell, how a cell is kept from being run as a formula, and what Excel would make of it.

use crate::domain::json::{self, Json};
use crate::domain::money::Ore;
use crate::domain::redact::Known;
use jiff::civil::Date;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Deref;

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

/// A value out of an answer as an output may show it.
pub(super) enum Shown<'v> {
    AsItIs(&'v Value),
    Masked(Json),
}

impl Deref for Shown<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::AsItIs(value) => value,
            Self::Masked(value) => value,
        }
    }
}

/// A value out of an answer as an output may show it: where numbers are hidden, without that of the row, and without
/// anybody else's.
pub(super) fn shown<'v>(value: &'v Value, hide: Option<&Known>) -> Shown<'v> {
    let Some(known) = hide else { return Shown::AsItIs(value) };
    // Copied by its text, which costs no stack.
    let mut copy = Json::read(&json::text(value)).unwrap_or_default();
    known.scrub_json(&mut copy);
    Shown::Masked(copy)
}

/// The same of a text.
pub(super) fn shown_text<'t>(text: &'t str, hide: Option<&Known>) -> Cow<'t, str> {
    hide.map_or(Cow::Borrowed(text), |known| Cow::Owned(known.scrub(text)))
}

/// What a formula may begin with (CWE-1236). The full-width signs are there because Excel takes them for the narrow ones.
const BEGINS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What some program takes for the end of a cell, whatever separates the cells of the file: a spreadsheet opens a file of
/// commas with its own separator, and a text within a cell is then cut to pieces.
const PARTS: [char; 5] = [',', ';', '\t', '\r', '\n'];

/// A text that no spreadsheet runs as a formula: with an apostrophe before it, and before each of its pieces that might be
/// run where another separator is meant. A plain number is what it says, whatever sign it begins with.
pub fn harmless(text: &str, decimal: char) -> Cow<'_, str> {
    // A list within a text may end in a number.
    let may_run =
        |piece: &str| piece.starts_with(BEGINS) && !is_plain_number(piece.trim_end_matches([']', '}']), '.');
    let mut places = Vec::new();
    if text.starts_with(BEGINS) && !is_plain_number(text, decimal) {
        places.push(0);
    }
    for (at, part) in text.match_indices(PARTS) {
        let behind = &text[at + part.len()..];
        // Quotes at the beginning of a cell are no part of it.
        let unquoted = behind.trim_start_matches('"');
        let piece = unquoted.split(PARTS).next().unwrap_or_default();
        if may_run(piece) {
            places.push(text.len() - unquoted.len());
        }
    }
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + places.len());
    let mut done = 0;
    for place in places {
        safe.push_str(&text[done..place]);
        safe.push('\'');
        done = place;
    }
    safe.push_str(&text[done..]);
    Cow::Owned(safe)
}

/// JSON in which no text begins with what a formula may begin with, nor a piece of a text: those characters are escaped, so
/// that it reads as the same value.
pub(super) fn harmless_json(json: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let (mut done, mut within, mut escaped, mut begins) = (0, false, false, false);
    for (at, c) in json.char_indices() {
        if within && begins && BEGINS.contains(&c) {
            safe.push_str(&json[done..at]);
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
            done = at + c.len_utf8();
        }
        let quote = c == '"' && !escaped;
        escaped = within && c == '\\' && !escaped;
        begins = if quote { !within } else { within && (PARTS.contains(&c) || begins && c == '"') };
        within ^= quote;
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    safe.push_str(&json[done..]);
    Cow::Owned(safe)
}

/// Digits with at most a minus before them and a decimal part after them.
fn is_plain_number(text: &str, decimal: char) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = unsigned.split_once(['.', decimal]).unwrap_or((unsigned, "0"));
    all_digits(whole) && all_digits(part)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The most digits that Excel shows of a whole number, and the most that it keeps.
const SHOWN_DIGITS: usize = 11;
const KEPT_DIGITS: usize = 15;

/// The most characters of a cell of Excel, in UTF-16.
const LONGEST: usize = 32_767;

/// Whether Excel would make something else of a text than what stands there: a number without its zeros or its last digits,
/// a day, a time, a fraction. Whole dates (`2026-03-01`) become dates, which show the same.
pub(super) fn excel_alters(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if all_digits(unsigned) {
        return unsigned.len() > 1 && unsigned.starts_with('0') || unsigned.len() > SHOWN_DIGITS;
    }
    if text.len() > 40 || !text.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    is_dated(text) || is_decimal(unsigned) || is_scientific(unsigned) || is_grouped(unsigned)
}

/// Whether Excel keeps every digit of a number.
pub(super) fn excel_rounds(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
    digits.count() > KEPT_DIGITS
}

/// Whether a text is longer than a cell of Excel can be.
pub(super) fn excel_cuts(text: &[u8]) -> bool {
    text.len() > LONGEST && String::from_utf8_lossy(text).encode_utf16().count() > LONGEST
}

/// `5-9`, `1/2`, `2026-03`, `12:30`, `1.10`, `maj 5`, but no whole date.
fn is_dated(text: &str) -> bool {
    if text.len() == 10 && text.parse::<Date>().is_ok() {
        return false;
    }
    let groups: Vec<&str> = text.split(['-', '/', '.', ':']).map(str::trim).collect();
    let short = |group: &&str| all_digits(group) && group.len() <= 4;
    if (2..=3).contains(&groups.len()) && groups.iter().all(short) {
        return true;
    }
    let edge = |pair: &[u8]| pair[0].is_ascii_digit() != pair[1].is_ascii_digit();
    let mut parts = Vec::new();
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '/' | '.' | ','));
    for word in words.filter(|word| !word.is_empty()) {
        match word.as_bytes().windows(2).position(edge).filter(|_| word.is_ascii()) {
            Some(at) => parts.extend([&word[..=at], &word[at + 1..]]),
            None => parts.push(word),
        }
    }
    let (days, names): (Vec<&str>, Vec<&str>) = parts.into_iter().partition(|part| all_digits(part));
    let is_month = |name: &&str| MONTHS.contains(&name.to_lowercase().as_str());
    (1..=2).contains(&days.len()) && days.iter().all(short) && names.len() == 1 && names.iter().all(is_month)
}

/// Months as Excel reads them, in Swedish and English, whole and cut short.
const MONTHS: [&str; 33] = [
    "jan",
    "feb",
    "mar",
    "apr",
    "maj",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "okt",
    "oct",
    "nov",
    "dec",
    "januari",
    "january",
    "februari",
    "february",
    "mars",
    "march",
    "april",
    "juni",
    "june",
    "juli",
    "july",
    "augusti",
    "august",
    "september",
    "oktober",
    "october",
    "november",
    "december",
];

/// `1,50` and `01,5`: a decimal that shows otherwise as a number.
fn is_decimal(text: &str) -> bool {
    let Some((whole, part)) = text.split_once(',') else { return false };
    all_digits(whole)
        && all_digits(part)
        && (part.ends_with('0') || whole.len() > 1 && whole.starts_with('0') || excel_rounds(text))
}

/// `1E5`, `2,5e-3`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, part) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    all_digits(whole) && all_digits(part) && all_digits(exponent)
}

/// `12 345`, `1 1/2`.
fn is_grouped(text: &str) -> bool {
    let mut groups = text.split([' ', '\u{a0}']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let thousands = || first.len() <= 3 && rest.iter().all(|group| group.len() == 3 && all_digits(group));
    let fraction = || matches!(rest[..], [part] if part.split_once('/').is_some_and(|(top, below)| all_digits(top) && all_digits(below)));
    all_digits(first) && !rest.is_empty() && (thousands() || fraction())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_and_what_only_looks_like_one() {
        for text in [
            "=1+1", "+46 8", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-", "+1", "-1.", "-.5", "-1e5",
            "＝1",
        ] {
            assert!(
                harmless(text, '.').starts_with(&format!("'{}", text.chars().next().unwrap())),
                "{text:?}"
            );
        }
        for text in [
            "",
            "1",
            "-1",
            "-1.50",
            "a=1",
            "'=1",
            " =1",
            "å",
            "Foo, Bar; Öl",
            "a,-1",
            "1;-2,5",
            "x, =1",
            "[1,-2]",
        ] {
            assert_eq!(harmless(text, '.'), text);
        }
        assert_eq!(harmless("-1,5", '.'), "'-1,5", "a comma is no decimal mark in this file");
        assert_eq!(harmless("-1,5", ','), "-1,5");
    }

    #[test]
    fn formulas_behind_the_other_separator_are_harmless_too() {
        for (text, safe) in [
            ("Firma;=1+1", "Firma;'=1+1"),
            ("Firma,=1+1", "Firma,'=1+1"),
            ("Firma\t@x", "Firma\t'@x"),
            ("Firma\n=1", "Firma\n'=1"),
            ("Firma\r\n+1+1", "Firma\r\n'+1+1"),
            ("=1;=2,-3+4", "'=1;'=2,'-3+4"),
            ("Firma;\"=1\"", "Firma;\"'=1\""),
            ("a;;=1", "a;;'=1"),
            ("a;-1;＝2", "a;-1;'＝2"),
        ] {
            assert_eq!(harmless(text, '.'), safe, "{text:?}");
        }
    }

    #[test]
    fn json_in_a_cell_stays_the_same_value() {
        for (json, safe) in [
            (r#"["=1","a;=2",-3,"x"]"#, r#"["\u003d1","a;\u003d2",-3,"x"]"#),
            (r#"{"@a":"-1","b":1e+5}"#, r#"{"\u0040a":"\u002d1","b":1e+5}"#),
            (r#"["a\"=1","\"=1","\\=1"]"#, r#"["a\"=1","\"=1","\\=1"]"#),
            (r#"[1,-2,{"a":-1.5}]"#, r#"[1,-2,{"a":-1.5}]"#),
        ] {
            assert_eq!(harmless_json(json), safe);
        }
    }

    #[test]
    fn what_excel_would_make_something_else_of() {
        for text in [
            "01110",
            "00",
            "-05",
            "5-9",
            "1/2",
            "2026-03",
            "1-2-3",
            "12:30",
            "1.10",
            "3.5",
            "123456789012",
            "1,50",
            "01,5",
            "1E5",
            "2,5e-3",
            "12 345",
            "1 1/2",
            "maj 5",
            "5 maj",
            "mar-05",
            "DEC1",
            "1 mars 2026",
            "9999-99-99",
        ] {
            assert!(excel_alters(text), "{text}");
        }
        for text in [
            "",
            "0",
            "5",
            "12345678901",
            "-5",
            "556012-5790",
            "19800101-0001",
            "2026-03-01",
            "2026-03-01T01:30:05Z",
            "1,5",
            "111 22",
            "08-123 45 67",
            "Maj",
            "Mars AB",
            "Box 12",
            "S4",
            "C12",
            "true",
            "op6aegewrn5a80",
            "1e",
            "5 kr",
        ] {
            assert!(!excel_alters(text), "{text}");
        }
        assert!(excel_rounds("1234567890123456") && excel_rounds("0.1234567890123456"));
        assert!(
            !excel_rounds("123456789012345")
                && !excel_rounds("0.000000000000000001")
                && !excel_rounds("1e+300")
        );
        assert!(
            excel_cuts("å".repeat(LONGEST + 1).as_bytes()) && !excel_cuts("å".repeat(LONGEST).as_bytes())
        );
    }

    proptest! {
        /// However a spreadsheet cuts a text into cells, none of them is run; and nothing is lost but apostrophes are there.
        #[test]
        fn no_piece_is_run(text in "[=+\\-@\t\r\n;,\"' 0-9.a＝]{0,12}", decimal in prop::sample::select(vec!['.', ','])) {
            let safe = harmless(&text, decimal);
            for (at, piece) in safe.split([',', ';', '\t', '\n']).enumerate() {
                let piece = if at > 0 { piece.trim_start_matches('"') } else { piece };
                prop_assert!(!piece.starts_with(['=', '@', '＝', '+']), "{:?}", safe);
                prop_assert!(!piece.starts_with('-') || piece[1..].starts_with(|c: char| c.is_ascii_digit()), "{:?}", safe);
            }
            prop_assert_eq!(safe.replace('\'', ""), text.replace('\'', ""));
        }

        #[test]
        fn json_is_the_same_value(texts in prop::collection::vec("[=+\\-@\t;,\"\\\\a＝]{0,6}", 0..4), number in any::<i32>()) {
            let value = serde_json::json!({ "n": number, "list": texts.clone(), "o": { (texts.concat()): -1 } });
            let json = value.to_string();
            let safe = harmless_json(&json);
            prop_assert_eq!(serde_json::from_str::<Value>(&safe).unwrap(), value);
            // Behind a backslash is no beginning of a cell.
            let bare = safe.replace("\\\\", "x").replace("\\\"", "x");
            prop_assert!(!bare.contains("\"=") && !bare.contains(";=") && !bare.contains(",@"), "{}", safe);
        }

        #[test]
        fn no_text_breaks_excels_rules(text in "\\PC{0,20}|[0-9 ,.:/eE-]{0,12}") {
            let _ = (excel_alters(&text), excel_rounds(&text), excel_cuts(text.as_bytes()));
        }
    }
}
