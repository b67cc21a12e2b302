//! The codes of the Creditsafe family with their texts in both languages. Clients are to branch on the code only.

use std::borrow::Cow;

use serde::Serialize;

/// The manuals name no code for a malformed parameter, so the imitation uses a word that nobody takes for one of
/// theirs.
pub(super) const INPUT: &str = "INPUT";

/// Code, English text, Swedish text.
const TEXTS: [(&str, &str, &str); 24] = [
    ("R1", "Invalid language", "Ogiltigt språk"),
    ("R2", "Token is missing", "Token saknas"),
    ("R3", "Token has an invalid end time", "Token har ogiltig sluttid"),
    ("R4", "Token has expired", "Token har gått ut"),
    ("R5", "Token is invalid", "Token är ogiltig"),
    ("R6", "Token has the wrong issuer", "Token har fel utfärdare"),
    ("7", "No access to the service", "Behörighet till tjänsten saknas"),
    ("11", "Wrong block", "Fel block"),
    ("15", "No match record", "Ingen träff"),
    ("21", "Reference date is missing", "Referensdatum saknas"),
    ("22", "Reference date has the wrong format", "Referensdatum har fel format"),
    ("23", "Reference date is too old", "Referensdatum är för gammalt"),
    ("EX2", "Invalid personal number", "Ogiltigt personnummer"),
    (INPUT, "Invalid input", "Ogiltig indata"),
    ("S2", "Protected identity", "Skyddad identitet"),
    ("S3", "Blocked", "Spärrad"),
    ("S4", "Deceased", "Avliden"),
    ("S5", "Technically deregistered", "Tekniskt avregistrerad"),
    ("S6", "Emigrated", "Utvandrad"),
    ("S7", "Personal number has been changed", "Personnumret är ändrat"),
    ("S200", "Company is inactive", "Företaget är inaktivt"),
    ("S231", "Liquidation ended", "Likvidation avslutad"),
    ("S241", "Merger ended", "Fusion avslutad"),
    ("S291", "Bankruptcy ended", "Konkurs avslutad"),
];

/// The language of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Language {
    /// English, where nothing else is asked for.
    #[default]
    En,
    /// Swedish.
    Sv,
}

/// The `error` member of an answer.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The code, always a string.
    pub(super) code: Cow<'static, str>,
    /// What it means.
    pub(super) text: Cow<'static, str>,
    /// More about this one case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

impl Problem {
    /// The problem of that code in that language.
    pub(super) fn new(code: &'static str, language: Language) -> Self {
        Self { code: Cow::Borrowed(code), text: Cow::Borrowed(text(code, language)), detail: None }
    }

    /// The same with a detail.
    pub(super) fn detailed(code: &'static str, language: Language, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(code, language) }
    }
}

/// The text of a code; unknown ones have one too.
pub(super) fn text(code: &str, language: Language) -> &'static str {
    let found = TEXTS.iter().find(|(known, ..)| *known == code);
    match (found, language) {
        (Some((_, english, _)), Language::En) => english,
        (Some((_, _, swedish)), Language::Sv) => swedish,
        (None, Language::En) => "Unknown error",
        (None, Language::Sv) => "Okänt fel",
    }
}

/// Whether an answer of a service costs money: every one except token refusals, codes 7 and 11, 429 and 503.
pub(super) fn is_billed(status: u16, code: Option<&str>) -> bool {
    let refused = matches!(code, Some("R2" | "R3" | "R4" | "R5" | "R6" | "7" | "11"));
    !(refused || matches!(status, 401 | 429 | 503))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_billed() {
        let free = [
            (403, Some("R2")),
            (403, Some("R4")),
            (403, Some("7")),
            (400, Some("11")),
            (429, None),
            (503, None),
            (401, None),
        ];
        for (status, code) in free {
            assert!(!is_billed(status, code), "{status} {code:?}");
        }
        let billed = [
            (200, None),
            (200, Some("S200")),
            (404, Some("15")),
            (400, Some("15")),
            (400, Some("R1")),
            (403, Some("S4")),
            (500, None),
        ];
        for (status, code) in billed {
            assert!(is_billed(status, code), "{status} {code:?}");
        }
    }

    #[test]
    fn every_code_has_two_texts_and_stands_once() {
        for (place, (code, english, swedish)) in TEXTS.iter().enumerate() {
            assert!(!english.is_empty() && !swedish.is_empty(), "{code}");
            assert!(TEXTS[place + 1..].iter().all(|(other, ..)| other != code), "{code}");
        }
        assert_eq!(text("S999", Language::En), "Unknown error");
    }
}
