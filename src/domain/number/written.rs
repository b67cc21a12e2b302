//! From what a person or a spreadsheet wrote to ten digits, with what stood before and between them.

use super::{NumberError, is_number, refuse};
use crate::domain::text::is_invisible;

/// A number as written: its ten digits, and what tells the century.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// ASCII digits.
    pub(super) ten: [u8; 10],
    /// The first two of twelve digits.
    pub(super) prefix: Option<[u8; 2]>,
    /// What stands before the last four digits.
    pub(super) sign: Option<Sign>,
}

/// The separator, which in ten digits of a person tells the century.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Minus,
    Plus,
}

/// Longer than any written form once blanks are gone, also with many decimals after it.
const LONGEST: usize = 40;

const NOT_A_NUMBER: &str = "not a number: something other than digits stands in it";
const AS_TEXT: &str =
    "format the column as text in the spreadsheet before the numbers go in, and save the file again";

/// Reads `556012-5790`, `5560125790`, `16556012-5790`, `SE556012579001`, `19800101-0001`, `800101+0001` and the like.
pub(super) fn read(text: &str) -> Result<Written, NumberError> {
    let text = tidy(text)?;
    if text.is_empty() {
        return refuse("empty: there is no number");
    }
    if let Some(rest) = vat_digits(&text) {
        return vat(rest);
    }
    if let Some(reason) = spreadsheet_damage(&text) {
        return Err(NumberError(format!("{reason}; {AS_TEXT}")));
    }
    let (digits, sign) = split_sign(&text)?;
    by_length(&digits, sign)
}

/// Without blanks, quotes around it and invisible characters, and with one kind of dash.
fn tidy(text: &str) -> Result<String, NumberError> {
    let text = text.trim_matches(is_blank);
    // `="…"` is how a number is kept as text in a csv for Excel.
    let text = text.strip_prefix('=').filter(|rest| rest.starts_with(is_quote)).unwrap_or(text);
    let text = text.trim_matches(|c| is_blank(c) || is_quote(c));
    let mut tidy = String::with_capacity(16);
    for c in text.chars().filter(|c| !is_blank(*c)) {
        if tidy.len() == LONGEST {
            return refuse("too long to be a number");
        }
        tidy.push(match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
            '\u{ff0b}' => '+',
            c if c.is_ascii() => c,
            _ => return refuse(NOT_A_NUMBER),
        });
    }
    Ok(tidy)
}

/// White space of every width, and what nobody sees.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '´' | '\u{2018}'..='\u{201f}' | '«' | '»')
}

fn vat_digits(text: &str) -> Option<&str> {
    text.split_at_checked(2).filter(|(country, _)| country.eq_ignore_ascii_case("SE")).map(|(_, rest)| rest)
}

/// A VAT number: the ten digits and a serial of two. The dashes in it only group, so they tell no century.
fn vat(rest: &str) -> Result<Written, NumberError> {
    let rest = rest.as_bytes();
    let (front, rest) = rest.split_at_checked(6).unwrap_or((rest, &[]));
    let (last, rest) = without_dash(rest).split_at_checked(4).unwrap_or((&[], &[]));
    let serial = without_dash(rest);
    match <[u8; 10]>::try_from([front, last].concat()) {
        Ok(ten) if all_digits(&ten) && serial.len() == 2 && all_digits(serial) && serial != b"00" => {
            Ok(Written { ten, prefix: None, sign: None })
        }
        _ => refuse("a VAT number is SE, the ten digits, and two more, mostly a zero and a one"),
    }
}

fn without_dash(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"-").unwrap_or(text)
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// What a spreadsheet makes of a number that it was not told to leave alone.
fn spreadsheet_damage(text: &str) -> Option<&'static str> {
    let text = text.as_bytes();
    if text.iter().all(|byte| *byte == b'#') {
        return Some("a spreadsheet's column was too narrow to show the number");
    }
    if is_scientific(text) {
        return Some(
            "a spreadsheet turned the number into scientific notation, and digits of it may be lost",
        );
    }
    let mut groups = text.split(|byte| matches!(byte, b'.' | b','));
    let whole = groups.next().filter(|whole| !whole.is_empty() && all_digits(whole))?;
    let groups: Vec<&[u8]> = groups.collect();
    match groups.as_slice() {
        [] => None,
        [decimals]
            if whole.len() > 3 && !decimals.is_empty() && decimals.iter().all(|digit| *digit == b'0') =>
        {
            Some("a spreadsheet turned the number into one with decimals")
        }
        groups if whole.len() <= 3 && groups.iter().all(|group| group.len() == 3 && all_digits(group)) => {
            Some("a spreadsheet set the number in thousands")
        }
        _ => None,
    }
}

/// Digits, perhaps with decimals, an `E`, and an exponent.
fn is_scientific(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) else { return false };
    let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
    let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
    let points = mantissa.iter().filter(|byte| matches!(byte, b'.' | b',')).count();
    mantissa.first().is_some_and(u8::is_ascii_digit)
        && points <= 1
        && mantissa.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        && !exponent.is_empty()
        && all_digits(exponent)
}

fn split_sign(text: &str) -> Result<(Vec<u8>, Option<Sign>), NumberError> {
    let is_sign = |byte: &u8| matches!(byte, b'-' | b'+');
    let bytes = text.as_bytes();
    if !bytes.iter().all(|byte| byte.is_ascii_digit() || is_sign(byte)) {
        return refuse(NOT_A_NUMBER);
    }
    let Some(at) = bytes.iter().position(is_sign) else { return Ok((bytes.to_vec(), None)) };
    let (front, last) = (&bytes[..at], &bytes[at + 1..]);
    if last.len() != 4 || !all_digits(last) {
        return refuse("a - or + belongs before the last four digits and nowhere else");
    }
    let sign = if bytes[at] == b'+' { Sign::Plus } else { Sign::Minus };
    Ok(([front, last].concat(), Some(sign)))
}

fn by_length(digits: &[u8], sign: Option<Sign>) -> Result<Written, NumberError> {
    let (prefix, ten) = match digits.len() {
        12 => (Some([digits[0], digits[1]]), &digits[2..]),
        _ => (None, digits),
    };
    if let Ok(ten) = ten.try_into() {
        return Ok(Written { ten, prefix, sign });
    }
    let count = count_word(digits.len());
    if sign.is_none() && lost_zeros(digits) {
        let reason = format!("{count} digits: a spreadsheet seems to have dropped the zeros at the front");
        return Err(NumberError(format!("{reason}; {AS_TEXT}")));
    }
    let digit = if digits.len() == 1 { "digit" } else { "digits" };
    Err(NumberError(format!("{count} {digit}, where a number has ten or twelve")))
}

/// Whether one to three zeros at the front would make it a number.
fn lost_zeros(digits: &[u8]) -> bool {
    let mut ten = [b'0'; 10];
    let Some(missing) = ten.len().checked_sub(digits.len()).filter(|missing| (1..=3).contains(missing))
    else {
        return false;
    };
    ten[missing..].copy_from_slice(digits);
    is_number(&ten)
}

/// In words, since a reason holds no digit.
const fn count_word(count: usize) -> &'static str {
    match count {
        0 => "no",
        1 => "one",
        2 => "two",
        3 => "three",
        4 => "four",
        5 => "five",
        6 => "six",
        7 => "seven",
        8 => "eight",
        9 => "nine",
        10 => "ten",
        11 => "eleven",
        12 => "twelve",
        13 => "thirteen",
        14 => "fourteen",
        _ => "more than fourteen",
    }
}
