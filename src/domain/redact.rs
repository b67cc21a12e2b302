//! Finding and masking numbers and secrets in text that comes from outside, before it reaches a log, an error or a masked
//! output.
//!
//! First goes what is known ([`Known`]): secrets that are in use, and the number that the text is about, in every form in
//! which it may be written. Then what looks like a number of anybody's. In doubt it masks: a text with some asterisks too
//! many still explains a failure, and a number shown cannot be taken back. What it must leave alone is what people read such
//! texts for: times, amounts, codes.

mod columns;
mod glyphs;
mod numbers;
#[cfg(test)]
mod tests;
mod tokens;

use super::number::Subject;
pub use columns::{column_names, is_of_column};
use glyphs::{FEWEST, Sign, may_hold_number};
use memchr::memmem;
use numbers::Digits;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Number, Value};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// The text with everything that may be a Swedish organisation or personal number masked by asterisks of equal length,
/// and bearer tokens too. Used for texts from upstreams before they reach a log or an error, and for masked outputs.
///
/// A number is ten or twelve digits that are no part of a longer run, together or in the groups in which people write one
/// (`YYYY-MM-DD-NNNN`, pairs, single digits), parted by blanks, line breaks, dashes, points or slashes of any kind, in any
/// script and any escape, with or without what takes no room; and either right by its check digit or shaped like a date of
/// birth; `16` or `SE` in front count too. A token is what follows `Bearer`, or three parts of base64url with points between.
pub fn scrub(text: &str) -> String {
    Known::default().scrub(text)
}

/// What is known to be in a text that must not be seen: secrets that are in use, and somebody's number.
#[derive(Clone, Default)]
pub struct Known {
    secrets: Vec<SecretString>,
    numbers: Vec<Digits>,
}

/// Without what it knows.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// A code of an upstream's as it may be shown is no longer than this, in characters: those that are known have at most a few
/// words.
const LONGEST_CODE: usize = 40;

/// Shorter tokens are not looked for, in bytes: a few letters, or none where an upstream takes no token, stand in ordinary
/// text too, which would come out mangled. What is hard to guess is longer (RFC 6749 section 10.10 asks for 128 bits, which
/// are 22 characters of base64).
pub const SHORTEST_TOKEN: usize = 16;

impl Known {
    /// The number of a subject, in the orders in which it is written: with and without its century, the day first, and
    /// without zeros that a program took for nothing.
    pub fn of_subject(subject: &Subject) -> Self {
        Self::default().and_number(&subject.ten, subject.prefix.filter(|_| subject.kind().is_personal()))
    }

    /// The digits of what was no valid number, where they are so many that they may be one that was mistyped.
    pub fn of_cell(cell: &str) -> Self {
        let chars: Vec<char> = cell.chars().collect();
        let digits = glyphs::read(&chars, false).into_iter().filter_map(|glyph| match glyph.sign {
            Sign::Digit(value) => Some(value),
            _ => None,
        });
        let digits: Vec<u8> = digits.collect();
        let mut known = Self::default();
        if digits.len() >= FEWEST {
            known.numbers.push(Digits { digits, alone: false });
        }
        known
    }

    /// The same with the digits of a number as it was sent, of ten or twelve.
    #[must_use]
    pub fn and_sent(self, number: &str) -> Self {
        let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
        let Some((front, ten)) = digits.split_last_chunk::<10>() else { return self };
        let century = <[u8; 2]>::try_from(front).ok().filter(|century| century != b"16");
        self.and_number(ten, century)
    }

    /// The same with a secret. One that is too short to be worth its name is not looked for.
    #[must_use]
    pub fn and_secret(mut self, secret: &str) -> Self {
        if secret.chars().count() >= tokens::SHORTEST {
            self.secrets.push(secret.into());
        }
        self
    }

    /// The same with a token, where it is no shorter than one must be to be looked for.
    #[must_use]
    pub fn and_token(self, token: &str) -> Self {
        if token.len() < SHORTEST_TOKEN { self } else { self.and_secret(token) }
    }

    fn and_number(mut self, ten: &[u8; 10], century: Option<[u8; 2]>) -> Self {
        let value = |digits: &[u8]| digits.iter().map(|digit| digit - b'0').collect::<Vec<u8>>();
        let (date, last) = ten.split_at(6);
        let turned = [&date[4..6], &date[2..4], &date[..2], last].concat();
        let mut orders = vec![value(ten), value(&turned)];
        if let Some(century) = century {
            orders.push(value(&[&date[4..6], &date[2..4], &century, &date[..2], last].concat()));
        }
        self.numbers.extend(orders.into_iter().map(|digits| Digits { digits, alone: false }));
        let zeros = ten.iter().take_while(|digit| **digit == b'0').count();
        if zeros > 0 {
            self.numbers.push(Digits { digits: value(&ten[zeros..]), alone: true });
        }
        self
    }

    /// The text with everything masked that is known, and everything that looks like a number or a token.
    pub fn scrub(&self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        self.secrets.iter().for_each(|secret| tokens::mask_secret(&mut chars, secret.expose_secret()));
        tokens::mask_bearers(&mut chars);
        tokens::mask_web_tokens(&mut chars);
        if may_hold_number(text) {
            self.mask_numbers(&mut chars);
        }
        chars.into_iter().collect()
    }

    /// The text without secrets, with every number as it stands: for what is kept on disk, where numbers may be.
    pub fn hide_secrets(&self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        self.secrets.iter().for_each(|secret| tokens::mask_secret(&mut chars, secret.expose_secret()));
        chars.into_iter().collect()
    }

    /// The same for the text of a JSON value, in which a secret may be escaped.
    pub fn hide_secrets_in_json(&self, json: Vec<u8>) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(&json) else { return json };
        let escaped = |secret: &SecretString| {
            let quoted = Value::from(secret.expose_secret()).to_string();
            let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            text.contains(inner).then(|| inner.into())
        };
        let there: Vec<SecretString> = self.secrets.iter().filter_map(escaped).collect();
        let hidden = Self { secrets: there, numbers: Vec::new() };
        if hidden.secrets.is_empty() { json } else { hidden.hide_secrets(text).into_bytes() }
    }

    /// The same in some members of a JSON object alone; in all of it where it is none.
    pub fn hide_secrets_in_members(&self, json: Vec<u8>, names: &[&str]) -> Vec<u8> {
        let Ok(mut value) = serde_json::from_slice::<Value>(&json) else {
            return self.hide_secrets_in_json(json);
        };
        let Some(object) = value.as_object_mut() else { return self.hide_secrets_in_json(json) };
        let mut is_changed = false;
        for (_, member) in object.iter_mut().filter(|(name, _)| names.contains(&name.as_str())) {
            let said = crate::domain::json::bytes(member);
            let hidden = self.hide_secrets_in_json(said.clone());
            if hidden != said {
                *member = serde_json::from_slice(&hidden).unwrap_or(Value::Null);
                is_changed = true;
            }
        }
        if is_changed { crate::domain::json::bytes(&value) } else { json }
    }

    /// The same for bytes that are no JSON: as a text of any charset that is met, or in a piece of JSON.
    pub fn hide_secrets_in_bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for secret in &self.secrets {
            for form in tokens::forms(secret.expose_secret()) {
                let found: Vec<usize> = memmem::find_iter(&bytes, &form).collect();
                for at in found {
                    bytes[at..at + form.len()].fill(b'*');
                }
            }
        }
        bytes
    }

    fn mask_numbers(&self, chars: &mut [char]) {
        // What is left may be a number only now that what stood beside it is gone.
        loop {
            let mut found = self.places(chars, false);
            if glyphs::may_hold_escapes(chars) {
                found.extend(self.places(chars, true));
            }
            if found.is_empty() {
                return;
            }
            for place in found {
                chars[place].fill('*');
            }
        }
    }

    /// Where numbers stand, in characters.
    fn places(&self, chars: &[char], escapes: bool) -> Vec<Range<usize>> {
        let glyphs = glyphs::read(chars, escapes);
        let mut places = numbers::known(&glyphs, &self.numbers);
        places.extend(numbers::suspicious(&glyphs));
        let ends = |place: Range<usize>| Some(glyphs.get(place.start)?.start..glyphs.get(place.end - 1)?.end);
        places.into_iter().filter_map(ends).collect()
    }

    /// A code of an upstream's as it may be shown, on one short line: control characters go first, since they may part what
    /// is looked for.
    pub fn code(&self, code: &str) -> String {
        self.line(code).chars().take(LONGEST_CODE).collect()
    }

    /// The same of a message of ours that repeats one, however long.
    pub fn line(&self, text: &str) -> String {
        let seen: String = text.chars().filter(|c| !c.is_control()).collect();
        self.scrub(seen.trim())
    }

    /// [`scrub`](Self::scrub) on every text, number and object key of a JSON value. A number that is masked becomes a text;
    /// keys that are the same once masked are told apart by a serial.
    pub fn scrub_json(&self, value: &mut Value) {
        // Level by level: a value may be nested deeper than the stack is.
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::Null | Value::Bool(_) => {}
                Value::String(text) => *text = self.scrub(text),
                Value::Number(number) => {
                    if let Some(masked) = self.masked_number(number) {
                        *value = Value::String(masked);
                    }
                }
                Value::Array(values) => open.extend(values),
                Value::Object(members) => {
                    let mut apart = Apart::default();
                    for (key, member) in std::mem::take(members) {
                        let key = apart.name(self.scrub(&key), |name| members.contains_key(name));
                        members.insert(key, member);
                    }
                    open.extend(members.values_mut());
                }
            }
        }
    }

    /// What stands in the place of a number that is somebody's, as it is written or by its value: `5.56012579e9`.
    fn masked_number(&self, number: &Number) -> Option<String> {
        let written = number.to_string();
        let scrubbed = self.scrub(&written);
        if scrubbed != written {
            return Some(scrubbed);
        }
        let whole = whole(&written)?;
        (self.scrub(&whole) != whole).then(|| "*".repeat(whole.len()))
    }
}

/// Tells names apart that are the same, as those of numbers are once they are masked: `***`, `*** (2)`. Each name counts on
/// where it stopped, so that many take no longer than as many that differ.
#[derive(Default)]
pub struct Apart {
    last: HashMap<String, usize>,
}

impl Apart {
    /// The name, or with the first serial under which it is not taken.
    pub fn name(&mut self, name: String, taken: impl Fn(&str) -> bool) -> String {
        if !taken(&name) {
            return name;
        }
        let last = self.last.entry(name.clone()).or_insert(1);
        loop {
            *last += 1;
            let numbered = format!("{name} ({last})");
            if !taken(&numbered) {
                return numbered;
            }
        }
    }
}

/// The digits of a number whose value is whole and that is not written as such; `None` for any other, or a very long one.
fn whole(written: &str) -> Option<String> {
    const LONGEST: usize = 20;
    let written = written.trim_start_matches('-');
    let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
    let (front, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let decimals = decimals.trim_end_matches('0');
    let shift = usize::try_from(exponent.parse::<i32>().ok()?).ok()?;
    let zeros = shift.checked_sub(decimals.len())?;
    let digits = format!("{front}{decimals}{}", "0".repeat(zeros.min(LONGEST)));
    (digits.len() <= LONGEST && digits != written).then_some(digits)
}
