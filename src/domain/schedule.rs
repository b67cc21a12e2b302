//! When a job is due: a pure function of its schedule, its last fire and now.
//!
//! A line of cron names local times, and each of them comes once. One that a change of clock leaves out in spring comes at
//! the end of the gap; one that comes twice in autumn counts the first time. Lines that meet in one instant are one fire.

use super::cron::CronLine;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// A fire that is taken up within this time of its own is no missed one, in milliseconds.
const ON_TIME: i64 = 60_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// How far back the newest due time is looked for, step by step, in milliseconds; what was not found in one is rare
/// enough to be counted through in the next.
const BACK: [i64; 4] = [HOUR, DAY, 32 * DAY, 366 * DAY];
/// Due times that are looked at to say how far apart they are.
const SAMPLE: usize = 1_000;

/// `[schedule]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// `cron`: one or more lines.
    pub lines: Vec<CronLine>,
    /// `timezone`: whose clock the lines are read by.
    pub zone: TimeZone,
    /// `overlap`.
    pub overlap: Overlap,
    /// `missed`.
    pub missed: Missed,
    /// `catch_up`: how late a missed fire may still be made up for.
    pub catch_up: Duration,
    /// `jitter`: a fire comes up to so much after its due time.
    pub jitter: Duration,
    /// `pause_after`: failures in a row after which the job is paused.
    pub pause_after: Option<u32>,
}

/// `overlap`: what becomes of a fire while the job is still running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It is left out.
    Skip,
    /// It waits for its turn.
    Queue,
}

/// `missed`: what becomes of fires that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// The last of them is made up for.
    RunOnce,
    /// They are left out.
    Skip,
}

/// One time at which a schedule is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTime {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The local time that the line names.
    pub named: DateTime,
    /// What the clock does to it.
    pub change: Option<ClockChange>,
}

/// What a change of clock does to a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// It does not exist that day.
    LeftOut,
    /// It exists twice that day.
    Twice,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The fire to take up.
    pub fire: Option<Fire>,
    /// When to look again, in milliseconds since 1970; `None` if nothing ever comes.
    pub wake: Option<i64>,
}

/// A fire that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fire {
    /// Its due time, without jitter, in milliseconds since 1970: what it is known by.
    pub due: i64,
    /// What to do about it.
    pub action: FireAction,
}

/// What to do about a fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FireAction {
    /// It is its time.
    OnTime,
    /// It was missed, and is made up for.
    CatchUp,
    /// It was missed, and is left out.
    LeaveOut,
}

impl Schedule {
    /// What is due of a job whose last fire was due at `last`, at `now`. Of several that are due the newest counts: it
    /// stands for all.
    pub fn due(&self, job: &str, last: i64, now: i64) -> Decision {
        let newest = self.newest(job, last, now);
        let fire = newest.map(|due| {
            let late = now - self.fires_at(job, due);
            let caught_up = self.missed == Missed::RunOnce && late <= millis(self.catch_up);
            let action = match (late <= ON_TIME, caught_up) {
                (true, _) => FireAction::OnTime,
                (false, true) => FireAction::CatchUp,
                (false, false) => FireAction::LeaveOut,
            };
            Fire { due, action }
        });
        let wake = self.next(newest.unwrap_or(last)).map(|next| self.fires_at(job, next.at));
        Decision { fire, wake }
    }

    /// Why a fire is left out, where it is. `at_work` is whether the job is running.
    pub fn left_out(&self, fire: Fire, at_work: bool) -> Option<&'static str> {
        match fire.action {
            FireAction::LeaveOut => Some(self.too_late()),
            FireAction::OnTime | FireAction::CatchUp => {
                (at_work && self.overlap == Overlap::Skip).then_some("the job is still running")
            }
        }
    }

    /// Why a missed fire is not made up for.
    pub const fn too_late(&self) -> &'static str {
        match self.missed {
            Missed::Skip => "it was missed",
            Missed::RunOnce => "it was missed, and is too late to be made up for (`catch_up`)",
        }
    }

    /// The first due time after an instant (milliseconds since 1970).
    pub fn next(&self, after: i64) -> Option<DueTime> {
        let of_line = |line: &CronLine| {
            let mut named = self.zone.to_datetime(Timestamp::from_millisecond(after).ok()?);
            // A local time that comes twice, in its second round, has been counted in its first.
            loop {
                named = line.next(named)?;
                let due = self.comes(named)?;
                if due.at > after {
                    return Some(due);
                }
            }
        };
        self.lines.iter().filter_map(of_line).min_by_key(|due| (due.at, due.change.is_some()))
    }

    /// When the fire of a due time comes: the jitter is drawn from job and time, so that whoever asks gets the same.
    pub fn fires_at(&self, job: &str, due: i64) -> i64 {
        let span = millis(self.jitter);
        if span == 0 {
            return due;
        }
        let digest = Sha256::new().chain_update(due.to_le_bytes()).chain_update(job).finalize();
        let (drawn, _) = digest.as_chunks::<8>();
        let drawn = drawn.first().map_or(0, |bytes| u64::from_le_bytes(*bytes) >> 1);
        due + i64::try_from(drawn).unwrap_or(0) % span
    }

    /// The shortest and the most usual time between fires, from `from` on (milliseconds since 1970). A single due time has
    /// neither.
    pub fn spacing(&self, from: i64) -> Option<Spacing> {
        let mut times = std::iter::successors(self.next(from), |due| self.next(due.at)).take(SAMPLE);
        let mut last = times.next()?.at;
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for due in times {
            *counts.entry(due.at - last).or_default() += 1;
            last = due.at;
        }
        let shortest = *counts.keys().next()?;
        let usual = counts.iter().rev().max_by_key(|(_, count)| **count).map(|(gap, _)| *gap)?;
        let span = |ms: i64| Duration::from_millis(ms.unsigned_abs());
        Some(Spacing { shortest: span(shortest), usual: span(usual) })
    }

    /// What is told of it, and by which a change of it is known: its lines and its zone.
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(CronLine::text).collect();
        format!("{} ({})", lines.join(", "), self.zone.iana_name().unwrap_or("UTC"))
    }

    /// The newest time after `last` whose fire has come by `now`.
    fn newest(&self, job: &str, last: i64, now: i64) -> Option<i64> {
        let starts = BACK.map(|back| now.saturating_sub(back).max(last)).into_iter().chain([last]);
        for start in starts {
            let times = std::iter::successors(self.next(start), |due| self.next(due.at));
            let newest = times.map(|due| due.at).take_while(|due| self.fires_at(job, *due) <= now).last();
            if newest.is_some() || start == last {
                return newest;
            }
        }
        None
    }

    /// When a local time comes in the schedule's zone.
    fn comes(&self, named: DateTime) -> Option<DueTime> {
        let (offset, change) = match self.zone.to_ambiguous_timestamp(named).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset, None),
            AmbiguousOffset::Gap { before, .. } => (before, Some(ClockChange::LeftOut)),
            AmbiguousOffset::Fold { before, .. } => (before, Some(ClockChange::Twice)),
        };
        let mut at = offset.to_timestamp(named).ok()?;
        if change == Some(ClockChange::LeftOut) {
            // By the clock as it was before it lies after the change; the gap ends where the change is.
            let after = at.checked_add(Duration::from_secs(1)).ok()?;
            at = self.zone.preceding(after).next()?.timestamp();
        }
        Some(DueTime { at: at.as_millisecond(), named, change })
    }
}

/// How far apart fires are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// The least.
    pub shortest: Duration,
    /// What most of them are; the shorter where two are as frequent.
    pub usual: Duration,
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
