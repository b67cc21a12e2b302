//! The one place that reads the wall clock, and the forms in which times are written.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

/// Now, in milliseconds since 1970 in UTC, as the ledger keeps times.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Now, in microseconds since 1970 in UTC: what processes that share a pace have in common.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
pub fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Date and time of day in Stockholm.
pub fn stockholm(ms: i64) -> DateTime {
    let stamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC).to_datetime(stamp)
}

/// Today in Stockholm: the date by which reference dates and births are judged.
pub fn stockholm_date(ms: i64) -> Date {
    stockholm(ms).date()
}

/// When a day begins in Stockholm, in milliseconds since 1970; nothing for a day beyond what a clock can show.
pub fn stockholm_midnight(day: Date) -> Option<i64> {
    let zone = TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC);
    day.to_zoned(zone).ok().map(|midnight| midnight.timestamp().as_millisecond())
}

/// RFC 3339 in UTC with whole seconds, as files and JSON show times.
pub fn rfc3339(ms: i64) -> String {
    let stamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.round(Unit::Second).unwrap_or(stamp).to_string()
}
