//! Formats of text values: how each is checked, and how a schema describes it.

use super::address::check_address;
use super::suggestion::nearest;
use crate::domain::cron::CronLine;
use crate::domain::money::Ore;
use crate::domain::pace::{Rate, parse_span};
use crate::domain::redact::scrub;
use crate::domain::template::Template;
use jiff::tz::TimeZone;
use regex_lite::Regex;
use std::path::{Component, Path};

/// Placeholders that an output path may hold.
const PATH_PLACES: [&str; 4] = ["job", "run", "date", "time"];

/// The word that `status`, `retry` and `export` take for the last run.
const LAST_RUN: &str = "latest";

/// What a text must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Anything.
    Free,
    /// Anything but nothing.
    Filled,
    /// A job's name.
    JobName,
    /// A lookup's id.
    Id,
    /// A span of time; `0` is one.
    Span,
    /// A span of time longer than nothing.
    PositiveSpan,
    /// Calls per time.
    Rate,
    /// SEK.
    Money,
    /// `80%`.
    Percent,
    /// `50%`, or a count.
    PercentOrCount,
    /// A parameter's value with places to fill in.
    Template,
    /// The same, and not nothing.
    FilledTemplate,
    /// RFC 6901.
    Pointer,
    /// A file to write, with placeholders of a run.
    OutputPath,
    /// The permission bits of an output.
    FileMode,
    /// An address of an upstream.
    Address,
    /// A regular expression.
    Pattern,
    /// A time zone of the IANA database.
    Zone,
    /// A line of cron.
    Cron,
}

impl Text {
    /// Whether a text is of this format, or why it is not.
    pub fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Filled | Self::FilledTemplate if text.trim().is_empty() => Err("this is empty".to_owned()),
            Self::Free | Self::Filled => Ok(()),
            Self::JobName => name(text),
            Self::Id => id(text),
            Self::Span => parse_span(text).map(drop),
            Self::PositiveSpan => match parse_span(text)? {
                span if span.is_zero() => Err("this must be longer than 0".to_owned()),
                _ => Ok(()),
            },
            Self::Rate => Rate::parse(text).map(drop),
            Self::Money => Ore::parse_sek(text).map(drop).map_err(|error| error.to_string()),
            Self::Percent => percent(text),
            Self::PercentOrCount => percent_or_count(text),
            Self::Template | Self::FilledTemplate => Template::parse(text).map(drop),
            Self::Pointer => pointer(text),
            Self::OutputPath => output_path(text),
            Self::FileMode => file_mode(text).map(drop),
            Self::Address => check_address(text),
            Self::Zone => match TimeZone::get(text) {
                Ok(_) => Ok(()),
                Err(_) => {
                    Err("there is no such time zone: one of the IANA database, such as \"Europe/Stockholm\""
                        .to_owned())
                }
            },
            Self::Cron => CronLine::parse(text).map(drop),
            Self::Pattern => {
                Regex::new(text).map(drop).map_err(|error| format!("not a regular expression: {error}"))
            }
        }
    }

    /// The regular expression that an editor may check it with, where there is one.
    pub const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Filled | Self::FilledTemplate => Some(r"\S"),
            Self::JobName => Some("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
            Self::Id => Some("^[A-Za-z0-9_-]{1,64}$"),
            Self::Span => Some(r"^(0|[0-9]+\s*(ms|s|m|min|h|d|day|days)\s*)$"),
            Self::PositiveSpan => Some(r"^0*[1-9][0-9]*\s*(ms|s|m|min|h|d|day|days)\s*$"),
            Self::Rate => Some(r"^(unlimited|\s*\+?[0-9]+\s*/\s*(s|min|h|day)\s*)$"),
            Self::Money => Some(r"^[0-9]+(\.[0-9]{1,2})?$"),
            Self::Percent => Some(r"^([1-9][0-9]?|100)%$"),
            Self::PercentOrCount => Some(r"^([0-9]+|[0-9]{1,3}(\.[0-9]+)?%)$"),
            Self::Pointer => Some("^(/([^~]|~[01])*)?$"),
            Self::Address => Some("^https?://"),
            Self::OutputPath => Some("[^/]$"),
            Self::FileMode => Some("^0?[67][0-7][0145]$"),
            Self::Zone => Some(r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"),
            Self::Cron => Some(r"^\s*(@[A-Za-z]+|\S+(\s+\S+){4})\s*$"),
            Self::Free | Self::Template | Self::Pattern => None,
        }
    }
}

fn name(text: &str) -> Result<(), String> {
    if text == LAST_RUN {
        return Err(format!(
            "no job is called `{LAST_RUN}`: on the command line it is the last run of any job"
        ));
    }
    if scrub(text) != text {
        return Err("this may be the number of a person, and names stand in logs and file names".to_owned());
    }
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && text.len() <= 64 && text.bytes().all(word_byte) {
        return Ok(());
    }
    Err("a name is 1 to 64 letters (a to z), digits, `-` and `_`, and begins with a letter or a digit"
        .to_owned())
}

fn id(text: &str) -> Result<(), String> {
    if (1..=64).contains(&text.len()) && text.bytes().all(word_byte) {
        return Ok(());
    }
    Err("an id is 1 to 64 letters (a to z), digits, `-` and `_`".to_owned())
}

fn word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn percent(text: &str) -> Result<(), String> {
    let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let whole = digits.filter(|digits| !digits.starts_with('0')).and_then(|digits| digits.parse::<u8>().ok());
    match whole {
        Some(1..=100) => Ok(()),
        _ => Err("this is a whole share from \"1%\" to \"100%\"".to_owned()),
    }
}

fn percent_or_count(text: &str) -> Result<(), String> {
    const FORM: &str = "this is a share of the rows, such as \"50%\", or a count of rows, such as \"100\"";
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some(share) = text.strip_suffix('%') else {
        return if digits(text) && text.parse::<u64>().is_ok() { Ok(()) } else { Err(FORM.to_owned()) };
    };
    let (whole, part) = share.split_once('.').unwrap_or((share, "0"));
    match share.parse::<f64>() {
        Ok(value) if digits(whole) && digits(part) && value <= 100.0 => Ok(()),
        Ok(value) if value > 100.0 => Err("a share is at most 100%".to_owned()),
        _ => Err(FORM.to_owned()),
    }
}

fn pointer(text: &str) -> Result<(), String> {
    if !text.is_empty() && !text.starts_with('/') {
        return Err("a JSON pointer begins with `/`, such as \"/report/companyName\" (RFC 6901)".to_owned());
    }
    let mut rest = text;
    while let Some(at) = rest.find('~') {
        rest = &rest[at + 1..];
        if !rest.starts_with(['0', '1']) {
            return Err(
                "in a JSON pointer `~` is written `~0` and a `/` within a name `~1` (RFC 6901)".to_owned()
            );
        }
    }
    Ok(())
}

fn output_path(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("this is empty; a path names the file to write".to_owned());
    }
    if text == "-" || text.ends_with(['/', '\\']) || text == "." || text == ".." || text.ends_with("/..") {
        return Err("this is not a file; a path names the file to write".to_owned());
    }
    for place in placeholders(text)? {
        if !PATH_PLACES.contains(&place) {
            let meant = nearest(place, PATH_PLACES).map(|near| format!("did you mean `{{{near}}}`? "));
            return Err(format!(
                "`{{{place}}}` is not known here; {}a path may hold {{job}}, {{run}}, {{date}} and {{time}}",
                meant.unwrap_or_default()
            ));
        }
    }
    if Path::new(text)
        .components()
        .skip_while(|part| !is_filled(part))
        .any(|part| part == Component::ParentDir)
    {
        return Err(
            "`..` behind a place leads out of the folder that is named by it: leave both out".to_owned()
        );
    }
    Ok(())
}

fn is_filled(part: &Component<'_>) -> bool {
    part.as_os_str().as_encoded_bytes().contains(&b'{')
}

/// The permission bits that a mode of `chmod` stands for, if an output may have them.
pub(crate) fn file_mode(text: &str) -> Result<u32, String> {
    let octal = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let bits = octal.then(|| u32::from_str_radix(text, 8).ok()).flatten();
    let bits = bits.ok_or("a mode is three or four octal digits, as chmod takes them, such as \"0640\"")?;
    let refused = if bits & 0o7000 != 0 {
        "an output is no program and no folder: set-id and sticky bits have no place in its mode"
    } else if bits & 0o600 != 0o600 {
        "its owner must read and write an output: the digit of the owner is 6"
    } else if bits & 0o002 != 0 {
        "everybody could write this output: the last digit is 0, or 4 where everybody may read it"
    } else {
        return Ok(bits);
    };
    Err(refused.to_owned())
}

/// The names between braces in an output path.
fn placeholders(text: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let end = rest[at..].find('}').filter(|_| rest[at..].starts_with('{'));
        let end =
            end.ok_or("a brace without its partner; a path may hold {job}, {run}, {date} and {time}")?;
        names.push(&rest[at + 1..at + end]);
        rest = &rest[at + end + 1..];
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formats() {
        let long = "x".repeat(65);
        for (format, good, bad) in [
            (Text::Filled, vec!["a"], vec!["", "  "]),
            (
                Text::JobName,
                vec!["a", "latest-1", "0-b_C", &long[1..]],
                vec!["", "-a", "_a", "a b", "å", "a/b", &long, "latest"],
            ),
            (Text::Id, vec!["a", "-", "_9"], vec!["", "a.b", "a b", &long]),
            (Text::Span, vec!["0", "20h", "500ms"], vec!["", "20", "-1h", "1.5h"]),
            (Text::PositiveSpan, vec!["1ms", "90d"], vec!["0", "0s", ""]),
            (Text::Rate, vec!["60/min", "unlimited"], vec!["60", "0/s", ""]),
            (Text::Money, vec!["0", "3.2", "3.20"], vec!["", "3,20", "-1", "1.234"]),
            (
                Text::Percent,
                vec!["1%", "80%", "100%"],
                vec!["", "%", "0%", "101%", "80", "+8%", "8.5%", "08%"],
            ),
            (
                Text::Zone,
                vec!["Europe/Stockholm", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+1"],
                vec!["", "Stockholm", "Europe/Atlantis", "CET/"],
            ),
            (
                Text::PercentOrCount,
                vec!["50%", "0%", "100%", "0.5%", "100", "0"],
                vec!["", "%", "101%", "-1", "1.5", "+5%", "5 %"],
            ),
            (Text::Template, vec!["", "{a}", "x"], vec!["{", "{}"]),
            (Text::Pointer, vec!["", "/", "/a/0", "/a~1b~0"], vec!["a", "report/x", "/~", "/~2"]),
            (
                Text::OutputPath,
                vec!["a.csv", "../out/{job}-{run}-{date}-{time}.csv"],
                vec![
                    "",
                    "-",
                    "a/",
                    "{id}.csv",
                    "{job.csv",
                    "a}.csv",
                    "{job}/../a.csv",
                    "a-{run}/b/../../a.csv",
                ],
            ),
            (
                Text::FileMode,
                vec!["0640", "640", "600", "0664", "0644", "750"],
                vec![
                    "", "64", "00640", "0o640", "0680", "rw-", "+640", "-600", " 640", "0642", "0666",
                    "4640", "1600", "0440", "0240", "000",
                ],
            ),
            (Text::Cron, vec!["30 2 * * *", "@daily"], vec!["", "30 2 * *", "0 0 30 2 *"]),
            (Text::Pattern, vec![r"^\d{12}$"], vec!["("]),
        ] {
            for text in good {
                assert_eq!(format.check(text), Ok(()), "{format:?} {text:?}");
            }
            for text in bad {
                assert!(format.check(text).is_err(), "{format:?} {text:?}");
            }
        }
    }

    #[test]
    fn a_place_that_no_path_has_leads_to_the_one_that_was_meant() {
        for (path, meant) in [
            ("{dat}.csv", Some("date")),
            ("{runid}.csv", Some("run")),
            ("{Job}.csv", Some("job")),
            ("{x}", None),
        ] {
            let refused = Text::OutputPath.check(path).unwrap_err();
            assert_eq!(refused.contains("did you mean"), meant.is_some(), "{refused}");
            assert!(
                meant.is_none_or(|meant| refused.contains(&format!("did you mean `{{{meant}}}`?"))),
                "{refused}"
            );
        }
    }

    proptest! {
        /// An editor must not redden what the program takes.
        #[test]
        fn what_is_taken_matches_the_schema(text in "[0-9a-z.%/~_ -]{0,8}") {
            for format in [Text::Filled, Text::JobName, Text::Id, Text::Span, Text::PositiveSpan, Text::Rate, Text::Money,
                Text::Percent, Text::PercentOrCount, Text::Pointer, Text::OutputPath, Text::FileMode, Text::Zone, Text::Cron] {
                let pattern = Regex::new(format.pattern().unwrap()).unwrap();
                prop_assert!(format.check(&text).is_err() || pattern.is_match(&text), "{:?} {:?}", format, text);
            }
        }
    }
}
