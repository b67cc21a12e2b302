//! `Retry-After` in both of its forms (RFC 9110, 10.2.3).

use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// Longer waits are taken for a mistake of the sender.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait that a header's value asks for, as of `now_ms` (milliseconds since 1970), at most a day. Nothing where it
/// is neither seconds nor a date, and where the date is past: then our own wait is the safer one.
pub(super) fn parse(value: &str, now_ms: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let date = match parser.parse_timestamp(value) {
        Ok(date) => date,
        // A date beyond the calendar of the library is a long wait too.
        Err(_) if value.contains(" 9999 ") => return Some(LONGEST),
        Err(_) => return None,
    };
    let wait = u64::try_from(date.as_millisecond().saturating_sub(now_ms)).ok().filter(|ms| *ms > 0)?;
    Some(Duration::from_millis(wait).min(LONGEST))
}

/// A date of HTTP in milliseconds since 1970.
pub(super) fn date_ms(value: &str) -> Option<i64> {
    let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value.trim()).ok()?;
    Some(date.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: i64 = 784_111_777_000;

    #[test]
    fn seconds_and_dates() {
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("86401", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 10:50:37 +0200", Some(60)),
            ("Sun, 13 Nov 1994 08:49:37 GMT", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:00 GMT", None),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(parse(value, NOW), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:38 GMT", NOW + 400), Some(Duration::from_millis(600)));
    }

    proptest! {
        #[test]
        fn never_more_than_a_day_and_never_a_panic(value: String, now: i64) {
            prop_assert!(parse(&value, now).is_none_or(|wait| wait <= LONGEST));
        }
    }
}
