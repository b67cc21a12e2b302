//! `Retry-After` in both of its forms (RFC 9110, 10.2.3).

use jiff::fmt::rfc2822::DateTimeParser;
use std::time::{Duration, UNIX_EPOCH};

/// Longer waits are taken for a mistake of the sender.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait that a header's value asks for, as of `now_ms` (milliseconds since 1970), at most a day. `None` if it
/// is neither seconds nor a date, and where the date is past: then our own wait is the safer one.
pub(super) fn parse(value: &str, now_ms: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let wait = u64::try_from(date_ms(value)?.saturating_sub(now_ms)).ok().filter(|ms| *ms > 0)?;
    Some(Duration::from_millis(wait).min(LONGEST))
}

/// A date of HTTP, in any of its three forms (RFC 9110, 5.6.7), in milliseconds since 1970. Some write one of mail instead,
/// with another zone.
pub(super) fn date_ms(value: &str) -> Option<i64> {
    let value = value.trim();
    if let Ok(date) = httpdate::parse_http_date(value) {
        return i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok();
    }
    let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
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
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Mon Nov 14 08:50:37 1994", Some(86_400)),
            ("Sun, 06 Nov 1994 10:50:37 +0200", Some(60)),
            ("Sun, 6 Nov 1994 08:50:37 GMT", Some(60)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
            ("Sun, 13 Nov 1994 08:49:37 GMT", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:00 GMT", None),
            ("", None),
            ("-5", None),
            ("+5", None),
            ("60 s", None),
            ("Sunday, 06-Nov-94 08:49:00 GMT", None),
            ("Thu Jan  1 00:00:00 1970", None),
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
