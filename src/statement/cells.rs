//! Amounts and dates as statements write them. What can be read in two ways is not read.

use crate::domain::money::{MoneyError, Ore};
use jiff::civil::Date;

/// Why a cell is not an amount that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AmountError {
    /// Not digits with at most two decimals.
    #[error(
        "the amount is not money: SEK with at most two decimals, such as 3,20 or 1 250.00 (is it a line of totals?)"
    )]
    NotMoney,
    /// In another currency.
    #[error("the amount is not in SEK")]
    NotSek,
    /// Below zero.
    #[error("the amount is negative: take credits out, and the lines that they take back")]
    Credit,
    /// Beyond any price.
    #[error("the amount is larger than any price")]
    TooLarge,
}

/// Currencies that a statement may name by mistake; what is no word for SEK is refused in any case.
const OTHERS: [&str; 7] = ["EUR", "USD", "GBP", "NOK", "DKK", "CHF", "ISK"];

/// Whether a column's name says that its amounts are in another currency.
pub(super) fn names_other_currency(column: &str) -> bool {
    column.split(|c: char| !c.is_alphanumeric()).any(|word| OTHERS.contains(&word))
        || column.contains(['€', '$', '£'])
}

/// Whether this is a word for SEK.
pub(super) fn is_sek(word: &str) -> bool {
    ["sek", "kr", "kr.", "kronor"].contains(&word.to_lowercase().as_str())
}

/// An amount in SEK: `3,20`, `3.2`, `1 250,00`, `1.250,00`, `1,250.00`, with `kr` or `SEK` before or after it. One comma
/// or point with three digits behind it could be either mark, and is not read.
pub(super) fn amount(text: &str) -> Result<Ore, AmountError> {
    let number = without_currency(text.trim())?;
    if let Some(rest) = number.strip_prefix(['-', '\u{2212}']) {
        return Err(if rest.starts_with(|c: char| c.is_ascii_digit()) {
            AmountError::Credit
        } else {
            AmountError::NotMoney
        });
    }
    let (whole, part) = split(number);
    let whole = ungrouped(whole).ok_or(AmountError::NotMoney)?;
    Ore::parse_sek(&format!("{whole}.{part}")).map_err(|error| match error {
        MoneyError::TooLarge => AmountError::TooLarge,
        MoneyError::NotMoney => AmountError::NotMoney,
    })
}

/// The number in the text, where nothing but a word for SEK stands around it.
fn without_currency(text: &str) -> Result<&str, AmountError> {
    let begins = |c: char| c.is_ascii_digit() || matches!(c, '-' | '\u{2212}' | ',' | '.');
    let begin = text.find(begins).ok_or(AmountError::NotMoney)?;
    let last = text.rfind(|c: char| c.is_ascii_digit()).ok_or(AmountError::NotMoney)?;
    let (before, after) = (text[..begin].trim(), text[last + 1..].trim());
    if begin > last || after.starts_with([',', '.']) {
        return Err(AmountError::NotMoney);
    }
    let other = [before, after].into_iter().any(|word| !word.is_empty() && !is_sek(word));
    if other { Err(AmountError::NotSek) } else { Ok(&text[begin..=last]) }
}

/// The whole and the decimals, `0` where there are none. The last mark is the decimal one, unless it stands there twice.
fn split(number: &str) -> (&str, &str) {
    let Some((whole, part)) = number.rsplit_once([',', '.']) else { return (number, "0") };
    let mark = &number[whole.len()..=whole.len()];
    if whole.contains(mark) { (number, "0") } else { (whole, part) }
}

/// Digits without the marks between groups of three; `None` if they stand elsewhere, or differ.
fn ungrouped(whole: &str) -> Option<String> {
    const MARKS: [char; 6] = [' ', '\u{a0}', '\u{202f}', '\'', ',', '.'];
    let mut marks = whole.chars().filter(|c| MARKS.contains(c));
    if let Some(first) = marks.next()
        && marks.any(|mark| mark != first)
    {
        return None;
    }
    let mut groups = whole.split(MARKS);
    let first = groups.next()?;
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return None;
        }
        digits.push_str(group);
    }
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// A day: `2026-03-01` or `20260301`, whatever time of day follows it.
pub(super) fn day(text: &str) -> Option<Date> {
    let date = text.split(['T', ' ']).next()?;
    let bytes = date.as_bytes();
    let digits = |from: usize, to: usize| date.get(from..to)?.parse::<i16>().ok();
    let (month, day) = match bytes.len() {
        10 if bytes[4] == b'-' && bytes[7] == b'-' => ((5, 7), (8, 10)),
        8 => ((4, 6), (6, 8)),
        _ => return None,
    };
    let all_digits = bytes.iter().filter(|b| b.is_ascii_digit()).count() == 8;
    let small = |(from, to)| i8::try_from(digits(from, to)?).ok();
    if all_digits { Date::new(digits(0, 4)?, small(month)?, small(day)?).ok() } else { None }
}
