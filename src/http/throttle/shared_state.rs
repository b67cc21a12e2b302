//! What the processes on one ledger tell one another of an account: the pace's slots, a cool-down, an outage.
//!
//! The pace is GCRA once more, over all of them, and its state is two numbers. A call takes the slot that is due *now* or
//! is told when to ask again: nobody holds a slot to come, so a process that dies leaves at most one of them unused.

use super::pace::{Speed, spaced};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How far the slots may be ahead beyond what the pace itself explains (calls that were sent late). What is further ahead
/// was written before the clock was set back.
const AHEAD: i64 = 10_000_000;
/// How far apart the ends of one cool-down may be that is told to other processes and to the ledger.
const TWICE_TOLD: Duration = Duration::from_secs(1);
/// Which layout of [`SharedState::to_words`] this is.
const LAYOUT: i64 = 1;

/// A moment by both clocks: processes have only the wall clock in common.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the monotonic clock.
    pub at: Instant,
    /// In microseconds since 1970.
    pub wall: i64,
}

impl Moment {
    pub(super) fn instant(self, wall: i64) -> Instant {
        let micros = |span: i64| Duration::from_micros(span.max(0).unsigned_abs());
        let past = self.at.checked_sub(micros(self.wall.saturating_sub(wall))).unwrap_or(self.at);
        past + micros(wall.saturating_sub(self.wall))
    }

    pub(super) fn wall(self, at: Instant) -> i64 {
        let ahead = micros(at.saturating_duration_since(self.at));
        self.wall.saturating_add(ahead).saturating_sub(micros(self.at.saturating_duration_since(at)))
    }
}

pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

/// What the processes share of one account. Times are microseconds since 1970; 0 is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SharedState {
    /// Up to when calls are charged, by a clock that is `held` behind the wall clock.
    charged: i64,
    /// How long that clock has stood still, because granted calls were sent late.
    held: i64,
    pub(super) cool_down_until: i64,
    pub(super) cool_down_level: u32,
    /// When somebody next looks whether an outage is over; 0 where there is none.
    pub(super) outage_look: i64,
    /// How long the wait after that look is, in microseconds.
    pub(super) outage_wait: i64,
    /// When somebody of normal priority last asked for a slot.
    pub(super) asked: i64,
}

impl SharedState {
    /// As it is kept outside the process.
    pub fn to_words(&self) -> [i64; 8] {
        let Self { charged, held, cool_down_until, cool_down_level, outage_look, outage_wait, asked } = *self;
        [LAYOUT, charged, held, cool_down_until, cool_down_level.into(), outage_look, outage_wait, asked]
    }

    /// The same where a cool-down was told by a clock that was ahead: it ended at `was`, or later, and ends at `is` by this one
    /// (milliseconds since 1970). One that ends before was told by another clock, and stays.
    #[must_use]
    pub fn with_cool_down_moved(self, was: i64, is: i64) -> Self {
        // Its end is written in two places, one after the other.
        let told = self.cool_down_until >= was.saturating_mul(1_000).saturating_sub(micros(TWICE_TOLD));
        if !told {
            return self;
        }
        Self { cool_down_until: is.saturating_mul(1_000), ..self }
    }

    /// Reads it again. What another version wrote, or nobody yet, is a state in which nothing has happened.
    pub fn from_words(words: [i64; 8]) -> Self {
        let [LAYOUT, charged, held, cool_down_until, level, outage_look, outage_wait, asked] = words else {
            return Self::default();
        };
        let cool_down_level = u32::try_from(level).unwrap_or_default();
        Self { charged, held, cool_down_until, cool_down_level, outage_look, outage_wait, asked }
    }
}

/// One process's part in the shared pace.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Grants that are not known to be sent, with the slots they were charged for, oldest first.
    open: VecDeque<(Instant, i64)>,
}

impl Slots {
    /// Whether a call may go now, or when to ask again. Nothing is taken.
    pub(super) fn ready(shared: &mut SharedState, moment: Moment, speed: Speed) -> Result<(), Instant> {
        let Some(interval) = speed.interval.map(|interval| micros(spaced(interval))) else { return Ok(()) };
        let clock = moment.wall.saturating_sub(shared.held);
        let tolerance =
            interval.saturating_mul(i64::from(speed.burst.max(1)) - 1).saturating_add(interval / 2);
        let most = tolerance.saturating_add(interval.saturating_mul(2)).saturating_add(AHEAD);
        if shared.charged.saturating_sub(clock) > most {
            shared.charged = clock.saturating_add(interval);
        }
        let early = shared.charged.saturating_sub(tolerance).saturating_sub(clock);
        if early > 0 { Err(moment.at + Duration::from_micros(early.unsigned_abs())) } else { Ok(()) }
    }

    /// Takes the slot that [`Slots::ready`] found.
    pub(super) fn take(&mut self, shared: &mut SharedState, moment: Moment, speed: Speed, most_open: u32) {
        let Some(interval) = speed.interval.map(|interval| micros(spaced(interval))) else { return };
        let slot = shared.charged.max(moment.wall.saturating_sub(shared.held));
        shared.charged = slot.saturating_add(interval);
        self.open.push_back((moment.at, slot));
        if self.open.len() > most_open as usize {
            self.open.pop_front();
        }
    }

    /// The call granted at `granted` is sent now. As in one process, being late is charged to all.
    pub(super) fn sent(&mut self, shared: &mut SharedState, granted: Instant, moment: Moment, speed: Speed) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == granted) else { return };
        let Some((_, slot)) = self.open.remove(at) else { return };
        let allowed = speed.interval.map_or(0, |interval| micros(spaced(interval) / 4));
        let late = moment.wall.saturating_sub(shared.held).saturating_sub(allowed).saturating_sub(slot);
        // A clock that was set forward meanwhile is no lateness.
        shared.held = shared.held.saturating_add(late.clamp(0, AHEAD));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pace::Rate;
    use proptest::prelude::*;

    const START: i64 = 1_800_000_000_000_000;

    fn speed(rate: &str, burst: u32) -> Speed {
        Speed::of(Rate::parse(rate).unwrap(), burst)
    }

    /// One process of a simulated few: it asks when told to, late, and sends after its commit.
    #[derive(Default)]
    struct Process {
        slots: Slots,
        asks: i64,
        sends: Option<(Instant, i64)>,
        sent: Vec<i64>,
        dies: Option<i64>,
    }

    /// Drives `count` processes for `seconds` of virtual time, and returns when each of them sent.
    fn drive(
        count: usize,
        speed: Speed,
        seconds: i64,
        dies: Option<i64>,
        mut random: impl FnMut(i64) -> i64,
        (late, slow): (i64, i64),
    ) -> Vec<Vec<i64>> {
        let base = Instant::now();
        let at =
            |time: i64| Moment { at: base + Duration::from_micros(time.unsigned_abs()), wall: START + time };
        let mut shared = SharedState::default();
        let mut processes: Vec<Process> = (0..count).map(|_| Process::default()).collect();
        processes[0].dies = dies;
        loop {
            let next = |process: &Process| process.sends.map_or(process.asks, |(_, time)| time);
            let alive = |process: &&mut Process| process.dies.is_none_or(|dies| next(process) < dies);
            let Some(process) = processes.iter_mut().filter(alive).min_by_key(|process| next(process)) else {
                break;
            };
            let now = next(process);
            if now > seconds * 1_000_000 {
                break;
            }
            shared = SharedState::from_words(shared.to_words());
            if let Some((granted, _)) = process.sends.take() {
                process.slots.sent(&mut shared, granted, at(now), speed);
                process.sent.push(now);
                process.asks = now + 1;
            } else if let Err(until) = Slots::ready(&mut shared, at(now), speed) {
                process.asks = micros(until - base).max(now + 1) + random(late);
            } else {
                process.slots.take(&mut shared, at(now), speed, 8);
                process.sends = Some((at(now).at, now + random(slow)));
            }
        }
        processes.into_iter().map(|process| process.sent).collect()
    }

    fn busiest(times: &[i64]) -> usize {
        let second =
            |from: &i64| times.iter().filter(|time| (*from..*from + 1_000_000).contains(time)).count();
        times.iter().map(second).max().unwrap_or(0)
    }

    fn all(sent: &[Vec<i64>]) -> Vec<i64> {
        let mut all = sent.concat();
        all.sort_unstable();
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn together_they_never_pass_what_one_may(
            seed: u64, count in 1usize..6, rate in 1u32..120, burst in 1u32..5, late in 1i64..20_000,
            slow in 1i64..40_000,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let speed = speed(&format!("{rate}/s"), burst);
            let sent = all(&drive(count, speed, 4, None, |most| rng.i64(0..most), (late, slow)));
            prop_assert!(busiest(&sent) <= (rate + burst) as usize, "{}", busiest(&sent));
        }
    }

    #[test]
    fn four_use_the_pace_and_none_starves() {
        let mut rng = fastrand::Rng::with_seed(5);
        let sent = drive(4, speed("50/s", 1), 60, None, |most| rng.i64(0..most), (1_500, 3_000));
        assert!(all(&sent).len() >= 2_940, "{}", all(&sent).len());
        assert!(
            sent.iter().all(|sent| sent.len() >= 500),
            "{:?}",
            sent.iter().map(Vec::len).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_dead_process_takes_no_more_than_one_slot_with_it() {
        let mut rng = fastrand::Rng::with_seed(6);
        let sent = drive(2, speed("1/s", 1), 30, Some(10_500_000), |most| rng.i64(0..most), (1_500, 1));
        let gaps: Vec<i64> = all(&sent).windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap <= 2_010_000), "{gaps:?}");
    }

    #[test]
    fn a_cool_down_of_a_clock_that_was_ahead_is_moved_and_nothing_else() {
        let (was, is) = (START / 1_000 + 900_000, START / 1_000 + 300_000);
        let told = |cool_down_until| SharedState {
            charged: START,
            asked: START,
            cool_down_until,
            ..SharedState::default()
        };
        for (until, right) in [
            (was * 1_000, is * 1_000),
            (was * 1_000 - 3_000, is * 1_000),
            (was * 1_000 + 60_000_000, is * 1_000),
            // By the right clock, and by nobody.
            (START + 400_000_000, START + 400_000_000),
            (0, 0),
        ] {
            assert_eq!(told(until).with_cool_down_moved(was, is), told(right));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stall_them() {
        let now = Instant::now();
        let mut shared = SharedState { charged: START + 3_600_000_000, ..SharedState::default() };
        let until = Slots::ready(&mut shared, Moment { at: now, wall: START }, speed("1/s", 1)).unwrap_err();
        assert!(until <= now + Duration::from_secs(1));
    }

    #[test]
    fn what_nobody_or_another_version_wrote_is_nothing() {
        let shared = SharedState {
            charged: 1,
            held: 2,
            cool_down_until: 3,
            cool_down_level: 4,
            outage_look: 5,
            outage_wait: 6,
            asked: 7,
        };
        assert_eq!(SharedState::from_words(shared.to_words()), shared);
        assert_eq!(SharedState::from_words([0; 8]), SharedState::default());
        assert_eq!(SharedState::from_words([9; 8]), SharedState::default());
    }
}
