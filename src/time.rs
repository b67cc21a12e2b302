//! The one place that reads the wall clock, and the forms in which times are written.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use std::time::Duration;

/// Now, in milliseconds since 1970 in UTC, as the ledger keeps times.
pub fn now_ms() -> i64 {
    now_us().div_euclid(1_000)
}

/// The end of a span that begins now, in milliseconds since 1970.
pub fn ms_from_now(span: Duration) -> i64 {
    now_ms().saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

/// Now, in microseconds since 1970 in UTC: what processes that share a pace have in common.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
pub fn now_us() -> i64 {
    #[cfg(test)]
    if let Some(now) = simulated::now_us() {
        return now;
    }
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

/// When a day begins in Stockholm, in milliseconds since 1970; `None` for a day beyond what a clock can show.
pub fn stockholm_midnight(day: Date) -> Option<i64> {
    let zone = TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC);
    day.to_zoned(zone).ok().map(|midnight| midnight.timestamp().as_millisecond())
}

/// The day of a zone that an instant lies in: when it begins and when the next one does, in milliseconds since 1970.
pub fn day_around(zone: &TimeZone, ms: i64) -> (i64, i64) {
    let stamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let day = stamp.to_zoned(zone.clone()).date();
    (midnight(zone, Ok(day)).unwrap_or(ms), midnight(zone, day.tomorrow()).unwrap_or(i64::MAX))
}

/// The month of a zone that an instant lies in: when it begins and when the next one does, in milliseconds since 1970.
pub fn month_around(zone: &TimeZone, ms: i64) -> (i64, i64) {
    let stamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let day = stamp.to_zoned(zone.clone()).date();
    let next = day.last_of_month().tomorrow();
    (midnight(zone, Ok(day.first_of_month())).unwrap_or(ms), midnight(zone, next).unwrap_or(i64::MAX))
}

fn midnight(zone: &TimeZone, day: Result<Date, jiff::Error>) -> Option<i64> {
    day.and_then(|day| day.to_zoned(zone.clone())).ok().map(|midnight| midnight.timestamp().as_millisecond())
}

/// Date, time of day and zone, as a person of that zone reads it: `2026-11-22 00:00 Europe/Stockholm`.
pub fn local(zone: &TimeZone, ms: i64) -> String {
    let stamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = stamp.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    format!("{time} {}", zone.iana_name().unwrap_or("UTC"))
}

/// RFC 3339 in UTC with whole seconds, as files and JSON show times.
pub fn rfc3339(ms: i64) -> String {
    let stamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.round(Unit::Second).unwrap_or(stamp).to_string()
}

/// RFC 3339 in UTC with milliseconds, where there are any.
pub fn rfc3339_ms(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// A wall clock that goes with tokio's paused time, for the tests of one thread.
#[cfg(test)]
pub(crate) mod simulated {
    use std::cell::Cell;
    use tokio::time::Instant;

    thread_local! {
        static BEGAN: Cell<Option<(Instant, i64)>> = const { Cell::new(None) };
    }

    /// From now on this thread's clock shows `wall`, in microseconds since 1970, and goes as tokio's does.
    pub(crate) fn begin(wall: i64) {
        BEGAN.set(Some((Instant::now(), wall)));
    }

    pub(super) fn now_us() -> Option<i64> {
        let (began, wall) = BEGAN.get()?;
        Some(wall + i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}
