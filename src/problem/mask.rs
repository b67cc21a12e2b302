//! What must not be shown of a file's text: literal secrets, credentials in addresses, numbers.
//!
//! It works on lines rather than on the parsed tree, because a file that does not parse is shown too, and it would
//! rather hide too much than too little. Every masked byte becomes one `*`, so that places stay where they are.

use regex_lite::{Captures, Regex};
use std::ops::Range;
use std::sync::LazyLock;

/// What a key's name may hold when its value is a secret.
const SECRET_WORDS: [&str; 6] = ["user", "pass", "pwd", "secret", "client_id", "requestor"];
/// The keys themselves, for what is close to them by a slip of the keyboard.
const SECRET_KEYS: [&str; 3] = ["username", "password", "client_secret"];
/// The key of a job's own numbers.
const NUMBERS: &str = "numbers";
/// The forms in which a secret's *place* is written; these are not secret.
const PLACES: [&str; 3] = ["env", "file", "command"];

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test compiles them")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| regex(r#"([A-Za-z0-9_."'-]+)[ \t]*=[ \t]*"#));
static HEADER: LazyLock<Regex> = LazyLock::new(|| regex(r"^[ \t]*\[+[ \t]*([^\]\r\n]*)"));
static CREDENTIALS: LazyLock<Regex> = LazyLock::new(|| regex(r#"://([^\s"']*)@"#));
static QUERY: LazyLock<Regex> = LazyLock::new(|| regex(r#"https?://[^\s"'?#]*([?#][^\s"']*)"#));
/// Ten digits or more as people and TOML write them: in one, with `_` between them, with a sign or blanks before the last
/// four, as a date of birth with dashes, with an exponent, or in another base.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"\d(?:_?\d){9,}",
        r#"|\d{6,8}[^0-9A-Za-z\r\n"',=\[\]{}]{1,3}\d{4}"#,
        r#"|\d{2,4}[-./]\d\d[-./]\d\d[^0-9A-Za-z\r\n"',=\[\]{}]{0,3}\d{4}"#,
        r"|\d{2}[ .]?\d{2}[ .]?\d{2}[ .-]\d{2}[ .]?\d{2}",
        r"|\d[.,]\d{5,}[eE][+-]?\d+",
        r"|0x(?:_?[0-9A-Fa-f]){8,}|0o(?:_?[0-7]){10,}|0b(?:_?[01]){30,}",
    ))
});

/// The text of a file as it may be shown: same length, same lines.
pub(super) fn source(text: &str) -> String {
    let mut hidden = Vec::new();
    for pattern in [&CREDENTIALS, &QUERY] {
        hidden.extend(pattern.captures_iter(text).filter_map(|found| found.get(1)).map(|part| part.range()));
    }
    hidden.extend(NUMBER.find_iter(text).map(|found| found.range()));
    hidden.extend(secrets(text));
    hidden.extend(lists(text));
    stars(text, &hidden)
}

/// What stands in lists of numbers, however it is written: letters and digits between the brackets. Of what is close to the
/// key by a slip of the keyboard, too.
fn lists(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    for found in ASSIGNMENT.captures_iter(text) {
        let (Some(whole), name) = (found.get(0), found[1].trim_matches(['"', '\''])) else { continue };
        let value = &text[whole.end()..];
        let key = name.rsplit('.').next().unwrap_or(name).to_lowercase();
        if !value.starts_with('[') || strsim::damerau_levenshtein(NUMBERS, &key) > 2 {
            continue;
        }
        let end = value.find(']').unwrap_or(value.len());
        let shown = |c: char| matches!(c, '[' | ']' | ',') || c.is_whitespace();
        let inner = value[..end].char_indices().filter(|(_, c)| !shown(*c));
        hidden.extend(inner.map(|(at, c)| whole.end() + at..whole.end() + at + c.len_utf8()));
    }
    hidden
}

/// A message with everything that may be a number masked.
pub(super) fn numbers(text: &str) -> String {
    NUMBER.replace_all(text, |found: &Captures<'_>| "*".repeat(found[0].len())).into_owned()
}

/// The places of values that belong to secret keys.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    let mut secret_table = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(header) = HEADER.captures(line) {
            secret_table = header[1].split('.').any(is_secret);
        }
        let mut secret_until = 0;
        for found in ASSIGNMENT.captures_iter(line) {
            let (whole, name) = (found.get(0).map_or(0..0, |m| m.range()), &found[1]);
            let value = &line[whole.end..];
            let secret = secret_table || whole.start < secret_until || name.split('.').any(is_secret);
            let is_place = name.rsplit('.').next().is_some_and(|last| PLACES.contains(&last));
            if secret && value.starts_with('{') && value.contains('=') {
                secret_until = whole.end + value.find('}').unwrap_or(value.len());
            } else if secret && !is_place {
                let at = start + whole.end;
                hidden.push(at..at + value_length(&text[at..]));
            }
        }
        start += line.len();
    }
    hidden
}

fn is_secret(name: &str) -> bool {
    let name = name.trim_matches(['"', '\'', ' ']).to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
        || SECRET_KEYS.iter().any(|key| strsim::damerau_levenshtein(key, &name) <= 2)
}

/// How far a value reaches: to the closing quotes, else to the end of the line, since a value without them may hold
/// anything.
fn value_length(value: &str) -> usize {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(inner) = value.strip_prefix(quotes) {
            return inner.find(quotes).map_or(value.len(), |end| end + 6);
        }
    }
    let line = value.lines().next().unwrap_or_default();
    let Some(quote) = line.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return line.len() };
    let mut escaped = false;
    for (at, c) in line.char_indices().skip(1) {
        if c == quote && !escaped {
            let rest = line[at + 1..].trim_start();
            let ends = rest.is_empty() || rest.starts_with(['#', ',', '}', ']']);
            return if ends { at + 1 } else { line.len() };
        }
        escaped = c == '\\' && quote == '"' && !escaped;
    }
    line.len()
}

/// The text with every byte of these places but quotes and line breaks made a `*`.
fn stars(text: &str, hidden: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for at in hidden.iter().cloned().flatten() {
        if !matches!(bytes[at], b'"' | b'\'' | b'\r' | b'\n') {
            bytes[at] = b'*';
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_hidden_and_their_places_are_not() {
        for (text, shown) in [
            ("password = \"hunter2\"  # why", "password = \"*******\"  # why"),
            ("password = 'hunter2'", "password = '*******'"),
            ("password = \"hun\\\"ter2\"", "password = \"****\"****\""),
            ("password = hunter2", "password = *******"),
            ("password = hunter#2", "password = ********"),
            ("pasword = \"hunter2\"", "pasword = \"*******\""),
            ("\"password\" = \"hunter2\"", "\"password\" = \"*******\""),
            (
                "a = { rate = \"1/s\", password = \"hunter2\" }",
                "a = { rate = \"1/s\", password = \"*******\" }",
            ),
            ("password = [\"hunter2\"]", "password = *\"*******\"*"),
            ("password = { hunter2 }", "password = ***********"),
            ("password = \"hun\"ter2\"", "password = \"***\"****\""),
            ("password = \"hunter2", "password = \"*******"),
            ("password = \"\"\"hun\nter2\"\"\"\na = \"b\"", "password = \"\"\"***\n****\"\"\"\na = \"b\""),
            ("password = { env = \"NAME\" }", "password = { env = \"NAME\" }"),
            ("password = { value = \"hunter2\" }", "password = { value = \"*******\" }"),
            (
                "[a.password]\nvalue = \"hunter2\"\n[b]\nc = \"d\"",
                "[a.password]\nvalue = \"*******\"\n[b]\nc = \"d\"",
            ),
            ("base_url = \"https://me:pw@host/x\"", "base_url = \"https://*****@host/x\""),
            ("base_url = \"https://me:p@w@host/x\"", "base_url = \"https://******@host/x\""),
            ("base_url = \"https://host/x?key=1\"", "base_url = \"https://host/x******\""),
            ("a.password.value = \"hunter2\"", "a.password.value = \"*******\""),
            ("a.password.env = \"NAME\"", "a.password.env = \"NAME\""),
            ("name = \"quarterly\"", "name = \"quarterly\""),
        ] {
            assert_eq!(source(text), shown, "{text}");
        }
    }

    #[test]
    fn numbers_are_hidden() {
        assert_eq!(
            source("numbers = [\"701063-2391\", 197010632391]"),
            "numbers = [\"***********\", ************]"
        );
        for (text, shown) in [
            ("numbers = [5_560_125_791, 0x14B6_75C1E]", "numbers = [*************, ************]"),
            (
                "numbers = [\n  701063.2391, # who\n  '70 10 63 - 23 91',\n]",
                "numbers = [\n  ***********, * ***\n  '** ** ** * ** **',\n]",
            ),
            (
                "numbers = [1955-12-18, 7.010632391e9, \"åäö 5\"]",
                "numbers = [**********, *************, \"****** *\"]",
            ),
            ("nubmers = [\"70106.32391\"]", "nubmers = [\"***********\"]"),
            ("numbers = [\"701063", "numbers = [\"******"),
            ("a = 5_560_125_791", "a = *************"),
            ("a = \"701063\u{2013}2391\"", "a = \"*************\""),
            ("a = \"1970-10-63-2391\"", "a = \"***************\""),
            ("a = \"70.10.63-2391\"", "a = \"*************\""),
            (
                "a = 0b1_1010_0010_1101_1111_1001_0011_0010_0111",
                "a = *******************************************",
            ),
            ("a = 5.560125791E+9", "a = **************"),
            ("cron = \"30 2 * * 1-5\"", "cron = \"30 2 * * 1-5\""),
            ("base_url = \"http://127.0.0.1:8484\"", "base_url = \"http://127.0.0.1:8484\""),
            ("a = 2026-01-01T02:30:00Z # 20:15", "a = 2026-01-01T02:30:00Z # 20:15"),
        ] {
            assert_eq!(source(text), shown, "{text}");
        }
        assert_eq!(numbers("unknown key `5_560_125_791`"), "unknown key `*************`");
        assert_eq!(numbers("unknown key `7010632391`"), "unknown key `**********`");
        assert_eq!(source("referencedate = \"2026-01-01\""), "referencedate = \"2026-01-01\"");
    }

    proptest! {
        #[test]
        fn places_stay_where_they_are(text in "(password|a|åä) ?= ?[\"'{\\[]?[ -~åä\n]{0,40}[\"'}]?") {
            let shown = source(&text);
            prop_assert_eq!(shown.len(), text.len());
            prop_assert_eq!(shown.lines().count(), text.lines().count());
        }

        #[test]
        fn a_quoted_password_never_shows(secret in "[a-zA-Z]{8,20}", before in "[a-z =\n]{0,10}") {
            let shown = source(&format!("{before}\npassword = \"{secret}\"\n"));
            prop_assert!(!shown.contains(&secret));
        }
    }
}
