//! Numbers of persons that stand in a text, in whatever form.

use super::birth::Birth;
use super::shape::{Shape, luhn};

/// The last ten digits of each number of a person (personnummer or samordningsnummer) in a text, each once, in no order: ten or
/// twelve digits that are no part of a longer run, with or without a sign or a blank before the last four, that are a date of
/// birth with its check digit.
pub fn persons_in(text: &[u8]) -> Vec<[u8; 10]> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let first = run(text, at);
        let end = at + first;
        // Six or eight digits, a sign, and four more that end there.
        let signed = matches!(text.get(end), Some(b'-' | b'+' | b' ')) && run(text, end + 1) == 4;
        let digits = match first {
            6 | 8 if signed => Some([&text[at..end], &text[end + 1..end + 5]].concat()),
            10 | 12 => Some(text[at..end].to_vec()),
            _ => None,
        };
        found.extend(digits.as_deref().and_then(person));
        at = end;
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// How many digits follow one another from here.
fn run(text: &[u8], from: usize) -> usize {
    text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The last ten of ten or twelve digits, if they are a person's.
fn person(digits: &[u8]) -> Option<[u8; 10]> {
    let (front, ten) = digits.split_last_chunk::<10>()?;
    let birth = Birth::of(ten);
    let is_born = match front {
        [] => birth.exists(),
        [one, two] => birth.date_in([*one, *two]).is_some(),
        _ => false,
    };
    (Shape::of(ten) == Shape::Personal && is_born && luhn(ten)).then_some(*ten)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the numbers that Skatteverket keeps for tests.
    #[test]
    fn persons_are_found_in_every_form_and_nothing_else_is_one() {
        let ten = *b"8001019804";
        for text in [
            "19800101-9804",
            "198001019804",
            "\"800101-9804\"",
            "800101+9804",
            "800101 9804",
            "8001019804",
            "x800101-9804.",
            "{\"ssn\":198001019804,\"a\":1}",
            "198001019804,800101-9804",
        ] {
            assert_eq!(persons_in(text.as_bytes()), [ten], "{text}");
        }
        for text in [
            "",
            "800101-9805",
            "18800101-98044",
            "1198001019804",
            "80010-19804",
            "800101--9804",
            "801301-9804",
            "556012-5790",
            "169800101980",
            "21800101-9804",
            "800101-980",
        ] {
            assert!(persons_in(text.as_bytes()).is_empty(), "{text}");
        }
        let two = persons_in(b"[\"198001019812\",\"19800101-9804\",\"198001019812\"]");
        assert_eq!(two, [ten, *b"8001019812"]);
    }
}
