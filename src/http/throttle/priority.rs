//! Who gives way: a backfill takes a slot of the shared pace only where nobody of normal priority has just asked for one.

use super::pace::{Speed, spaced};
use super::shared_state::{Moment, SharedState, micros};
use std::time::Duration;

/// So many intervals after the last asking of a normal one, the pace is anybody's. Who waits for a slot asks at each.
const QUIET: i64 = 2;
/// After so many intervals of giving way it asks for one slot like everybody, so that it never starves.
const PATIENCE: i64 = 20;

/// One process's place among those that share a pace.
#[derive(Debug)]
pub(super) struct Priority {
    /// `priority = "low"`.
    low: bool,
    /// Since when it gives way, in microseconds since 1970.
    since: Option<i64>,
}

impl Priority {
    pub(super) fn new(low: bool) -> Self {
        Self { low, since: None }
    }

    /// Whether a slot may be asked for now, or when to try again. One of normal priority leaves word that it asks.
    pub(super) fn may_take(
        &mut self,
        shared: &mut SharedState,
        moment: Moment,
        speed: Speed,
    ) -> Result<(), Duration> {
        let Some(interval) = speed.interval.map(|interval| micros(spaced(interval)).max(1)) else {
            return Ok(());
        };
        if !self.low {
            shared.asked = moment.wall;
            return Ok(());
        }
        let quiet = moment.wall.saturating_sub(shared.asked);
        // What lies ahead was written before the clock was set back.
        if !(0..interval.saturating_mul(QUIET)).contains(&quiet) {
            return Ok(());
        }
        let since = *self.since.get_or_insert(moment.wall);
        let waited = moment.wall.saturating_sub(since).max(0);
        let left = interval.saturating_mul(PATIENCE).saturating_sub(waited);
        let next = left.min(interval.saturating_mul(QUIET) - quiet);
        if next <= 0 { Ok(()) } else { Err(Duration::from_micros(next.unsigned_abs())) }
    }

    /// It got a slot.
    pub(super) fn served(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::shared_state::Slots;
    use super::*;
    use crate::domain::pace::Rate;
    use std::ops::Range;
    use tokio::time::Instant;

    const START: i64 = 1_800_000_000_000_000;
    const SECOND: i64 = 1_000_000;

    struct Process {
        slots: Slots,
        priority: Priority,
        /// When it has something to ask.
        busy: Range<i64>,
        asks: i64,
        sent: Vec<i64>,
    }

    fn process(low: bool, busy: Range<i64>) -> Process {
        Process {
            slots: Slots::default(),
            priority: Priority::new(low),
            asks: busy.start,
            busy,
            sent: Vec::new(),
        }
    }

    /// Drives the processes through simulated time; each asks when it was told to, up to `late` after it.
    fn drive(mut processes: Vec<Process>, rate: &str, late: i64) -> Vec<Vec<i64>> {
        let mut rng = fastrand::Rng::with_seed(11);
        let speed = Speed::of(Rate::parse(rate).unwrap(), 1);
        let base = Instant::now();
        let mut shared = SharedState::default();
        loop {
            let next = processes.iter_mut().filter(|process| process.asks < process.busy.end);
            let Some(process) = next.min_by_key(|process| process.asks) else { break };
            let now = process.asks;
            let moment = Moment { at: base + Duration::from_micros(now.unsigned_abs()), wall: START + now };
            shared = SharedState::from_words(shared.to_words());
            let may_take =
                process.priority.may_take(&mut shared, moment, speed).map_err(|wait| now + micros(wait));
            let ready = may_take.and_then(|()| {
                Slots::ready(&mut shared, moment, speed).map_err(|until| micros(until - base))
            });
            if let Err(until) = ready {
                process.asks = until.max(now + 1) + rng.i64(0..late);
                continue;
            }
            process.slots.take(&mut shared, moment, speed, 8);
            process.slots.sent(&mut shared, moment.at, moment, speed);
            process.priority.served();
            process.sent.push(now);
            process.asks = now + 1;
        }
        processes.into_iter().map(|process| process.sent).collect()
    }

    #[test]
    fn alone_it_has_the_whole_pace() {
        for rate in ["50/s", "60/min"] {
            let normal = drive(vec![process(false, 0..100 * SECOND)], rate, 1_000);
            let low = drive(vec![process(true, 0..100 * SECOND)], rate, 1_000);
            assert_eq!(low[0].len(), normal[0].len());
        }
    }

    #[test]
    fn it_gives_way_and_does_not_starve() {
        for (rate, seconds) in [("50/s", 100), ("60/min", 2_000)] {
            let all = 0..seconds * SECOND;
            let sent = drive(vec![process(false, all.clone()), process(true, all)], rate, 1_000);
            let (normal, low) = (sent[0].len(), sent[1].len());
            assert!(low * 15 < normal, "{low} and {normal}");
            assert!(low * 50 > normal, "{low} and {normal}");
            let most = if rate == "50/s" { 5_000 } else { 2_000 };
            assert!((normal + low) * 100 >= most * 95, "{normal} and {low}: nothing is wasted");
        }
    }

    #[test]
    fn two_of_low_priority_share_what_nobody_wants() {
        let all = 0..100 * SECOND;
        let normal = process(false, 40 * SECOND..60 * SECOND);
        let sent = drive(vec![process(true, all.clone()), process(true, all), normal], "50/s", 1_000);
        assert!(sent[2].len() >= 850, "{}", sent[2].len());
        let meanwhile =
            |sent: &[i64]| sent.iter().filter(|at| (41 * SECOND..60 * SECOND).contains(at)).count();
        assert!(meanwhile(&sent[0]) + meanwhile(&sent[1]) <= 120);
        assert!(sent.iter().map(Vec::len).sum::<usize>() >= 4_850);
        assert!(sent[0].len() > 1_000 && sent[1].len() > 1_000);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_hold_it() {
        let speed = Speed::of(Rate::parse("1/s").unwrap(), 1);
        let mut shared = SharedState::default();
        shared.asked = START + 3_600 * SECOND;
        let moment = Moment { at: Instant::now(), wall: START };
        assert!(Priority::new(true).may_take(&mut shared, moment, speed).is_ok());
    }
}
