//! Finding and masking numbers in text that comes from outside, before it reaches a log, an error or a masked output.
//!
//! In doubt it masks: a text with some asterisks too many still explains a failure, and a number shown cannot be taken
//! back. What it must leave alone is what people read such texts for: times, amounts, codes.

use super::number::luhn;
use serde_json::{Map, Value};

/// The text with everything that may be a Swedish organisation or personal number masked by asterisks of equal length,
/// and bearer tokens too. Used for texts from upstreams before they reach a log or an error, and for masked outputs.
///
/// A number is ten or twelve digits that are no part of a longer run, perhaps with `-`, `+` or a blank before the last
/// four, and either right by its check digit or shaped like a date of birth; `16` or `SE` in front count too. A token
/// is what follows `Bearer`, or three parts of base64url with points between.
pub fn scrub(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    mask_bearers(&mut chars);
    mask_web_tokens(&mut chars);
    mask_numbers(&mut chars);
    chars.into_iter().collect()
}

/// [`scrub`] on every text, number and object key of a JSON value. A number that is masked becomes a text; keys that
/// are the same once masked are told apart by a serial.
pub fn scrub_json(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(text) => *text = scrub(text),
        Value::Number(number) => {
            let written = number.to_string();
            let scrubbed = scrub(&written);
            if scrubbed != written {
                *value = Value::String(scrubbed);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(scrub_json),
        Value::Object(members) => {
            for (key, mut member) in std::mem::take(members) {
                scrub_json(&mut member);
                members.insert(free_key(members, scrub(&key)), member);
            }
        }
    }
}

fn free_key(members: &Map<String, Value>, key: String) -> String {
    if !members.contains_key(&key) {
        return key;
    }
    let mut serial = 2;
    while members.contains_key(&format!("{key} ({serial})")) {
        serial += 1;
    }
    format!("{key} ({serial})")
}

fn mask(chars: &mut [char]) {
    chars.fill('*');
}

/// Where the run of such characters that begins at `from` ends.
fn run_end(chars: &[char], from: usize, belongs: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| !belongs(*c)).map_or(chars.len(), |length| from + length)
}

fn mask_bearers(chars: &mut [char]) {
    const WORD: &str = "bearer";
    let mut at = 0;
    while at + WORD.len() < chars.len() {
        let after = at + WORD.len();
        if chars[at..after].iter().zip(WORD.chars()).all(|(c, word)| c.eq_ignore_ascii_case(&word)) {
            let token = run_end(chars, after, char::is_whitespace);
            let end = if token > after { run_end(chars, token, is_token) } else { token };
            mask(&mut chars[token..end]);
            at = end;
        } else {
            at += 1;
        }
    }
}

/// The characters of a bearer token, RFC 6750.
fn is_token(c: char) -> bool {
    is_base64url(c) || matches!(c, '.' | '~' | '+' | '/' | '=')
}

fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Masks every dotted run in which three parts in a row are long enough to be those of a JSON web token.
fn mask_web_tokens(chars: &mut [char]) {
    const PART: usize = 10;
    let mut at = 0;
    while at < chars.len() {
        let end = run_end(chars, at, |c| is_base64url(c) || c == '.');
        let parts: Vec<usize> = chars[at..end].split(|c| *c == '.').map(<[char]>::len).collect();
        if parts.windows(3).any(|three| three.iter().all(|length| *length >= PART)) {
            mask(&mut chars[at..end]);
        }
        at = end + 1;
    }
}

fn mask_numbers(chars: &mut [char]) {
    let mut at = 0;
    while at < chars.len() {
        if chars[at].is_ascii_digit() {
            let end = run_end(chars, at, |c| c.is_ascii_digit());
            let masked = number_end(chars, at, end);
            if let Some(masked) = masked {
                mask(&mut chars[at..masked]);
            }
            at = masked.unwrap_or(end);
        } else {
            at += 1;
        }
    }
}

/// Where the number ends whose first run of digits is `at..end`, if it may be one.
fn number_end(chars: &[char], at: usize, end: usize) -> Option<usize> {
    let vat = follows_country(&chars[..at]);
    let may_be = |digits: &[char]| may_be_number(digits) || (vat && may_be_vat(digits));
    if may_be(&chars[at..end]) {
        return Some(end);
    }
    let last = separator_end(chars, end)?;
    let last_end = run_end(chars, last, |c| c.is_ascii_digit());
    let fits = match (end - at, last_end - last) {
        (6 | 8, 4) => true,
        (6, 6) => vat,
        _ => false,
    };
    let joined = || [&chars[at..end], &chars[last..last_end]].concat();
    (fits && may_be(&joined())).then_some(last_end)
}

/// Past one `-` or `+` of any kind, or one blank, with at most a blank on either side of the sign.
fn separator_end(chars: &[char], from: usize) -> Option<usize> {
    let is_sign =
        |c: char| matches!(c, '-' | '+' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0b}' | '\u{ff0d}');
    let step = |at: usize, belongs: &dyn Fn(char) -> bool| {
        at + usize::from(chars.get(at).is_some_and(|c| belongs(*c)))
    };
    let is_blank = |c: char| c.is_whitespace() && c != '\n';
    let end = step(step(step(from, &is_blank), &is_sign), &is_blank);
    (end > from).then_some(end)
}

fn follows_country(before: &[char]) -> bool {
    let before = before.strip_suffix(&[' ']).unwrap_or(before);
    matches!(before, [.., 's' | 'S', 'e' | 'E'])
}

fn may_be_number(digits: &[char]) -> bool {
    match digits {
        ['1', '6', ten @ ..] if ten.len() == 10 => true,
        ['1', '8' | '9', ten @ ..] | ['2', '0', ten @ ..] if ten.len() == 10 => {
            is_date_shaped(ten) || is_checked(ten)
        }
        ten if ten.len() == 10 => is_date_shaped(ten) || is_checked(ten),
        _ => false,
    }
}

fn may_be_vat(digits: &[char]) -> bool {
    digits.len() == 12 && is_checked(&digits[..10])
}

/// Whether it begins like a date of birth, also of a samordningsnummer, whose day has sixty added.
fn is_date_shaped(ten: &[char]) -> bool {
    let month = matches!(ten[2..4], ['0', '1'..='9'] | ['1', '0'..='2']);
    let day =
        matches!(ten[4..6], ['0' | '6', '1'..='9'] | ['1' | '2' | '7' | '8', _] | ['3' | '9', '0' | '1']);
    month && day
}

fn is_checked(ten: &[char]) -> bool {
    let bytes: Vec<u8> = ten.iter().filter_map(|digit| u8::try_from(*digit).ok()).collect();
    <[u8; 10]>::try_from(bytes).is_ok_and(|ten| luhn(&ten))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn numbers_in_every_form_are_masked_in_their_length() {
        for (text, scrubbed) in [
            ("5560125790", "**********"),
            ("556012-5790", "***********"),
            ("no 556012 5790 found", "no *********** found"),
            ("165560125790.", "************."),
            ("16556012-5790", "*************"),
            ("SE556012579001", "SE************"),
            ("se 556012-579001", "se *************"),
            ("(198001010001)", "(************)"),
            ("19800101-0001", "*************"),
            ("800101+0001", "***********"),
            ("800101 \u{2013} 0001", "*************"),
            ("701063-2391", "***********"),
            // A wrong check digit is what a mistyped number has.
            ("19800101-0009", "*************"),
            ("800101-0009", "***********"),
            ("path/5560125790/x", "path/**********/x"),
            ("\"number\":5560125790,", "\"number\":**********,"),
            ("5560125790 5565144408", "********** **********"),
            ("11 556012 5790", "11 ***********"),
            ("å5560125790å", "å**********å"),
        ] {
            assert_eq!(scrub(text), scrubbed, "{text}");
        }
    }

    #[test]
    fn times_amounts_and_codes_are_left_alone() {
        for text in [
            "",
            "2026-11-20T02:30:00",
            "2026-11-20T02:30:00.123456Z",
            "2026-11-20 02:30:00 +0100",
            "20261120T023000",
            "123456",
            "123456 SEK, 1 234 567",
            "5560125791",
            "55601257901",
            "5560125790123",
            "1763606400000",
            "Report with error code S17 after 1234 ms",
            "api.creditsafe.se/v1/getdata",
            "550e8400-e29b-41d4-a716-446655440000",
            "556012\n5790",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn tokens_are_masked() {
        let web = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdwdWxsIn0.c2lnbmF0dXJlLW9mLWl0";
        for (text, scrubbed) in [
            (format!("token {web}, denied"), format!("token {}, denied", "*".repeat(web.len()))),
            (format!("see {web}. Then"), format!("see {} Then", "*".repeat(web.len() + 1))),
            ("Authorization: Bearer s3cr/et+t=~".to_owned(), "Authorization: Bearer ***********".to_owned()),
            ("BEARER\tabc\nBearer def".to_owned(), "BEARER\t***\nBearer ***".to_owned()),
            ("the bearer".to_owned(), "the bearer".to_owned()),
            ("bearers came".to_owned(), "bearers came".to_owned()),
        ] {
            assert_eq!(scrub(&text), scrubbed);
        }
    }

    #[test]
    fn json_is_masked_in_texts_numbers_and_keys() {
        let mut value = json!({
            "number": 5_560_125_790_u64,
            "list": ["556012-5790", 198_001_010_001_u64, 123_456, true, null],
            "5560125790": 1,
            "5565144408": 2,
            "turnover": 1234.5,
        });
        scrub_json(&mut value);
        let expected = json!({
            "number": "**********",
            "list": ["***********", "************", 123_456, true, null],
            "**********": 1,
            "********** (2)": 2,
            "turnover": 1234.5,
        });
        assert_eq!(value.to_string(), expected.to_string());
    }

    /// A canary in one of its written forms: two organisations, a test person, a samordningsnummer.
    fn marked() -> impl Strategy<Value = (String, String)> {
        let numbers = ["5560125790", "5569565855", "201701012393", "197010632391", "8001010001"];
        let forms = prop::sample::select(vec!["", "-", "+", " ", "\u{a0}", "\u{2013}"]);
        (prop::sample::select(numbers.to_vec()), forms).prop_map(|(number, sign)| {
            let (front, last) = number.split_at(number.len() - 4);
            (front.to_owned(), format!("{front}{sign}{last}"))
        })
    }

    proptest! {
        #[test]
        fn no_marked_number_survives(
            before in "(?s).{0,30}([^0-9]|[^0-9]SE|\\PN-)|",
            (front, number) in marked(),
            after in "|([^0-9]|-\\PN)(?s).{0,30}",
        ) {
            prop_assume!(!before.contains(&front) && !after.contains(&front));
            let scrubbed = scrub(&format!("{before}{number}{after}"));
            prop_assert!(!scrubbed.contains(&front), "{}", scrubbed);
        }

        #[test]
        fn masking_keeps_the_length_and_is_done_once(text in any::<String>(), digits in "[-+ 0-9SE.]{0,40}") {
            for text in [text, digits] {
                let once = scrub(&text);
                prop_assert_eq!(once.chars().count(), text.chars().count());
                prop_assert_eq!(scrub(&once), once);
            }
        }
    }
}
