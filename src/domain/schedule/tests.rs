//! Held against a second way of counting: minute by minute through UTC, looking at the clock on the wall.

use super::*;
use jiff::civil::date;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const ZONES: [&str; 4] = ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "UTC"];

/// A line, and by hand what it means.
type Meant = (&'static str, fn(DateTime) -> bool);

const LINES: [Meant; 9] = [
    ("30 2 * * *", |t| t.hour() == 2 && t.minute() == 30),
    ("0 2 * * *", |t| t.hour() == 2 && t.minute() == 0),
    ("15 1 * * *", |t| t.hour() == 1 && t.minute() == 15),
    ("45 1,2 * * *", |t| [1, 2].contains(&t.hour()) && t.minute() == 45),
    ("0 3 * * *", |t| t.hour() == 3 && t.minute() == 0),
    ("*/15 * * * *", |t| t.minute() % 15 == 0),
    ("@hourly", |t| t.minute() == 0),
    ("* * * * *", |_| true),
    ("10 2 * * 0", |t| t.hour() == 2 && t.minute() == 10 && t.weekday().to_sunday_zero_offset() == 0),
];

fn schedule(lines: &[&str], zone: &str) -> Schedule {
    Schedule {
        lines: lines.iter().map(|line| CronLine::parse(line).unwrap()).collect(),
        zone: TimeZone::get(zone).unwrap(),
        overlap: Overlap::Skip,
        missed: Missed::RunOnce,
        catch_up: Duration::from_hours(7 * 24),
        jitter: Duration::ZERO,
        pause_after: None,
    }
}

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// Looks at the wall clock once a minute: every local minute that it shows for the first time counts, and those that it
/// jumps over count when it has jumped.
fn by_the_wall(meant: fn(DateTime) -> bool, zone: &TimeZone, from: i64, to: i64) -> Vec<i64> {
    let wall = |at: i64| zone.to_datetime(Timestamp::from_millisecond(at).unwrap());
    let mut shown = wall(from);
    let (mut found, mut at) = (Vec::new(), from);
    while at < to {
        at += MINUTE;
        let now = wall(at);
        let mut due = false;
        while shown < now {
            shown = shown.checked_add(Duration::from_mins(1)).unwrap();
            due |= meant(shown);
        }
        if due {
            found.push(at);
        }
    }
    found
}

fn counted(schedule: &Schedule, from: i64, to: i64) -> Vec<i64> {
    let times = std::iter::successors(schedule.next(from), |due| schedule.next(due.at));
    times.map(|due| due.at).take_while(|at| *at <= to).collect()
}

/// Two days around every change of clock from 2024 to 2030; where there is none, around the ends of March and October.
#[test]
fn every_change_of_clock() {
    for zone in ZONES {
        let zone_of = TimeZone::get(zone).unwrap();
        let (from, to) = (ms("2024-01-01T00:00:00Z"), ms("2031-01-01T00:00:00Z"));
        let mut changes: Vec<i64> = zone_of
            .following(Timestamp::from_millisecond(from).unwrap())
            .map(|change| change.timestamp().as_millisecond())
            .take_while(|at| *at < to)
            .collect();
        assert_eq!(changes.len(), if zone == "UTC" { 0 } else { 14 }, "{zone}");
        changes.extend([ms("2026-03-29T01:00:00Z"), ms("2028-02-29T00:00:00Z")]);
        for change in changes {
            for (line, meant) in LINES {
                let (from, to) = (change - DAY, change + DAY);
                let expected = by_the_wall(meant, &zone_of, from, to);
                assert_eq!(
                    counted(&schedule(&[line], zone), from, to),
                    expected,
                    "{line} in {zone} at {change}"
                );
                // The decision, asked each minute, comes to the same: each once and in its minute.
                let (from, to) = (change - 3 * HOUR, change + 3 * HOUR);
                let (asked, mut last, mut fires) = (schedule(&[line], zone), from, Vec::new());
                for now in (from..=to).step_by(60_000) {
                    if let Some(fire) = asked.due("job", last, now).fire {
                        assert_eq!((fire.due, fire.action), (now, FireAction::OnTime), "{line} in {zone}");
                        fires.push(fire.due);
                        last = fire.due;
                    }
                }
                let near: Vec<i64> = expected.into_iter().filter(|at| (from + 1..=to).contains(at)).collect();
                assert_eq!(fires, near, "{line} in {zone} at {change}, asked each minute");
            }
        }
    }
}

#[test]
fn what_the_clock_does_is_told() {
    let nightly = schedule(&["30 2 * * *"], "Europe/Stockholm");
    let spring = nightly.next(ms("2027-03-27T12:00:00Z")).unwrap();
    assert_eq!((spring.at, spring.change), (ms("2027-03-28T01:00:00Z"), Some(ClockChange::LeftOut)));
    assert_eq!(spring.named, date(2027, 3, 28).at(2, 30, 0, 0));
    let autumn = nightly.next(ms("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!((autumn.at, autumn.change), (ms("2026-10-25T00:30:00Z"), Some(ClockChange::Twice)));
    assert_eq!(nightly.next(autumn.at).unwrap().at, ms("2026-10-26T01:30:00Z"));
    // Lord Howe moves its clock by half an hour.
    let howe = schedule(&["15 2 * * *"], "Australia/Lord_Howe");
    let spring = howe.next(ms("2026-10-03T12:00:00Z")).unwrap();
    assert_eq!((spring.at, spring.change), (ms("2026-10-03T15:30:00Z"), Some(ClockChange::LeftOut)));
    let two = schedule(&["30 2 * * *", "0 3 * * *"], "Europe/Stockholm");
    assert_eq!(
        counted(&two, ms("2027-03-28T00:00:00Z"), ms("2027-03-28T12:00:00Z")).len(),
        1,
        "one instant, one fire"
    );
}

#[test]
fn missed_fires_are_made_up_for_once_or_left_out() {
    let nightly = schedule(&["30 2 * * *"], "Europe/Stockholm");
    let skip = Schedule { missed: Missed::Skip, ..nightly.clone() };
    let short = Schedule { catch_up: Duration::from_hours(6), ..nightly.clone() };
    let (last, newest) = (ms("2026-11-18T01:30:00Z"), ms("2026-11-21T01:30:00Z"));
    for (schedule, now, action) in [
        (&nightly, "2026-11-21T01:30:00Z", FireAction::OnTime),
        (&skip, "2026-11-21T01:31:00Z", FireAction::OnTime),
        (&nightly, "2026-11-21T01:31:01Z", FireAction::CatchUp),
        (&skip, "2026-11-21T01:31:01Z", FireAction::LeaveOut),
        (&short, "2026-11-21T07:30:00Z", FireAction::CatchUp),
        (&short, "2026-11-21T08:00:00Z", FireAction::LeaveOut),
    ] {
        let decision = schedule.due("job", last, ms(now));
        assert_eq!(decision.fire, Some(Fire { due: newest, action }), "{now}");
        assert_eq!(decision.wake, Some(ms("2026-11-22T01:30:00Z")));
        assert_eq!(schedule.due("job", newest, ms(now)).fire, None);
    }
    let yearly = schedule(&["@yearly"], "UTC");
    let late = yearly.due("job", ms("2020-06-01T00:00:00Z"), ms("2026-11-21T00:00:00Z")).fire.unwrap();
    assert_eq!((late.due, late.action), (ms("2026-01-01T00:00:00Z"), FireAction::LeaveOut));
    // A clock that is set back makes nothing due again.
    assert_eq!(nightly.due("job", newest, last).fire, None);
}

#[test]
fn how_far_apart() {
    let from = ms("2026-01-01T00:00:00Z");
    for (line, shortest, usual) in
        [("30 2 * * *", 23, 24), ("0 6 * * 1-5", 24, 24), ("0 1,2 * * *", 1, 1), ("0 0 1 * *", 672, 744)]
    {
        let spacing = schedule(&[line], "Europe/Stockholm").spacing(from).unwrap();
        let hours = |span: Duration| span.as_secs() / 3_600;
        assert_eq!((hours(spacing.shortest), hours(spacing.usual)), (shortest, usual), "{line}");
    }
}

proptest! {
    /// Whoever asks, however often and in whatever steps, sees the same fires, in order, each once, within the jitter.
    #[test]
    fn jitter_is_the_same_for_all(steps in proptest::collection::vec(1_i64..40_000_000, 1..60), name in "[a-z]{1,8}") {
        let jittered = Schedule { jitter: Duration::from_mins(50), ..schedule(&["@hourly"], "Europe/Stockholm") };
        let start = ms("2026-10-24T20:00:00Z");
        let (mut now, mut last) = (start, start);
        for step in steps {
            now += step;
            let decision = jittered.due(&name, last, now);
            prop_assert!(decision.wake.unwrap() > now);
            if let Some(fire) = decision.fire {
                let at = jittered.fires_at(&name, fire.due);
                prop_assert!(fire.due > last && at <= now && at >= fire.due && at < fire.due + 50 * MINUTE);
                // Nothing newer has come.
                let next = jittered.next(fire.due).unwrap();
                prop_assert!(jittered.fires_at(&name, next.at) > now);
                last = fire.due;
            }
        }
    }
}
