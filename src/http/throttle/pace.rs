//! The pace: GCRA over all calls of an account (`governor`'s arithmetic, our clock, the caller's waiting).
//!
//! Calls are counted in tenths, so that the tolerance can be half an interval more than the burst: a timer that wakes
//! 2 ms late loses nothing, and still no span of one `per` holds more than rate + burst calls. What is charged is the
//! moment of *sending*: where a slow disk holds a granted call back, the bucket's clock stands still by as much, else
//! late and punctual calls would arrive bunched.

use crate::domain::pace::Rate;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Cells of the limiter that make one call.
const CELLS: u32 = 10;
/// Cells beyond the burst: half a call, the room for late timers.
const SLACK: u32 = 5;
/// Below this interval a hundredth of the pace is left unused, because jitter on the way to the upstream is then no
/// longer small against half an interval: at 200 a second it is room for 10 ms more.
const SHORT: Duration = Duration::from_millis(25);
/// Times the bucket's clock starts from, so that it can stand behind the time at which it was made.
const EPOCH: Duration = Duration::from_secs(1);

/// The pace of one account at one setting of its speed.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    concurrency: u32,
    /// Made with the first call, so that the tolerance does not fill up before it.
    bucket: Option<Bucket>,
    /// No grant before this.
    floor: Instant,
    last: Option<Instant>,
}

#[derive(Debug)]
struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, Hand, NoOpMiddleware<Duration>>,
    hand: Hand,
    interval: Duration,
    /// All cells of the bucket.
    capacity: NonZeroU32,
    made: Instant,
    /// How long the bucket's clock has stood still.
    held: Duration,
    /// Grants that are not known to be sent, oldest first.
    open: VecDeque<Grant>,
    /// As many grants can be open; more means that older ones were never sent.
    most_open: usize,
}

/// A grant and the bucket time it was charged for.
#[derive(Debug, Clone, Copy)]
struct Grant {
    at: Instant,
    slot: Duration,
}

/// The bucket's clock: it shows what it was last set to.
#[derive(Debug, Clone)]
struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

impl Pace {
    /// A pace that begins with its burst available, and no more.
    pub(super) fn new(speed: Speed, concurrency: u32, now: Instant) -> Self {
        Self { speed, concurrency, bucket: None, floor: now, last: None }
    }

    /// Goes on at another speed. The distance to the last call is kept, and no burst is given for the change.
    pub(super) fn change(&mut self, speed: Speed, now: Instant) {
        self.speed = speed;
        let Some(last) = self.last else { return };
        self.bucket = self.bucket(now);
        if let Some(bucket) = &mut self.bucket {
            bucket.keep_one(now);
            self.floor = self.floor.max(last + bucket.interval);
        }
    }

    fn bucket(&self, now: Instant) -> Option<Bucket> {
        self.speed.interval.map(|interval| Bucket::new(interval, self.speed.burst, self.concurrency, now))
    }

    /// No grant before `at`.
    pub(super) fn not_before(&mut self, at: Instant) {
        self.floor = self.floor.max(at);
    }

    /// Whether a call may be expected to be had by now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let half = self.speed.interval.unwrap_or_default() / 2;
        now >= self.floor && self.last.is_none_or(|last| now >= last + half)
    }

    /// Takes one call, or says when the next may be had.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if now < self.floor {
            return Err(self.floor);
        }
        if self.last.is_none() {
            self.bucket = self.bucket(now);
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now)?;
        }
        self.last = Some(now);
        Ok(())
    }

    /// The call granted at `granted` was sent at `sent`.
    pub(super) fn sent(&mut self, granted: Instant, sent: Instant) {
        self.last = self.last.map(|last| last.max(sent));
        if let Some(bucket) = &mut self.bucket {
            bucket.sent(granted, sent);
        }
    }
}

impl Bucket {
    fn new(interval: Duration, burst: u32, concurrency: u32, now: Instant) -> Self {
        let cell = (spaced(interval) / CELLS).max(Duration::from_nanos(1));
        let capacity = capacity(burst, cell);
        let hand = Hand(Arc::new(AtomicU64::new(0)));
        let quota = Quota::with_period(cell).unwrap_or_else(|| Quota::per_second(capacity));
        let limiter = RateLimiter::direct_with_clock(quota.allow_burst(capacity), hand.clone());
        let mut bucket = Self {
            limiter,
            hand,
            interval: cell * CELLS,
            capacity,
            made: now,
            held: Duration::ZERO,
            open: VecDeque::new(),
            most_open: concurrency as usize,
        };
        bucket.drain(SLACK, now);
        bucket
    }

    /// Leaves one call in the bucket.
    fn keep_one(&mut self, now: Instant) {
        self.drain(self.capacity.get() - SLACK - CELLS, now);
    }

    fn drain(&mut self, cells: u32, now: Instant) {
        if let Some(cells) = NonZeroU32::new(cells) {
            self.turn(now);
            // A bucket that was just made holds them.
            let _ = self.limiter.check_n(cells);
        }
    }

    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.turn(now);
        let call = NonZeroU32::new(CELLS).unwrap_or(NonZeroU32::MIN);
        if let Ok(Err(until)) = self.limiter.check_n(call) {
            return Err(self.real(until.earliest_possible()));
        }
        let slot = self.charged().saturating_sub(self.interval);
        self.open.push_back(Grant { at: now, slot });
        if self.open.len() > self.most_open {
            self.open.pop_front();
        }
        Ok(())
    }

    fn sent(&mut self, granted: Instant, sent: Instant) {
        let Some(at) = self.open.iter().position(|grant| grant.at == granted) else { return };
        let Some(grant) = self.open.remove(at) else { return };
        // A quarter of an interval of the tolerance's half is left for what the network adds.
        let charged = self.time(sent).saturating_sub(self.interval / 4);
        self.held += charged.saturating_sub(grant.slot);
    }

    /// Up to which bucket time calls are charged: the moment at which the bucket would be full again.
    fn charged(&self) -> Duration {
        match self.limiter.check_n(self.capacity) {
            Ok(Err(until)) => until.earliest_possible(),
            Ok(Ok(())) | Err(_) => self.hand.now(),
        }
    }

    fn time(&self, real: Instant) -> Duration {
        EPOCH + real.saturating_duration_since(self.made).saturating_sub(self.held)
    }

    fn real(&self, time: Duration) -> Instant {
        self.made + time.saturating_sub(EPOCH) + self.held
    }

    fn turn(&self, now: Instant) {
        let nanos = u64::try_from(self.time(now).as_nanos()).unwrap_or(u64::MAX);
        self.hand.0.store(nanos, Ordering::Relaxed);
    }
}

/// The interval that is kept.
pub(super) fn spaced(interval: Duration) -> Duration {
    if interval < SHORT { interval + interval / 100 } else { interval }
}

/// Cells for the burst and the slack, kept within what the limiter's 64-bit nanoseconds can hold.
fn capacity(burst: u32, cell: Duration) -> NonZeroU32 {
    let nanos = u64::try_from(cell.as_nanos()).unwrap_or(u64::MAX).max(1);
    let most = u32::try_from(u64::MAX / 4 / nanos).unwrap_or(u32::MAX);
    let wanted = burst.max(1).saturating_mul(CELLS).saturating_add(SLACK);
    NonZeroU32::new(wanted.min(most).max(CELLS + SLACK)).unwrap_or(NonZeroU32::MIN)
}

/// How fast, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speed {
    /// From call to call; `None` is no limit.
    pub(super) interval: Option<Duration>,
    /// Calls that may follow one another without it.
    pub(super) burst: u32,
}

impl Speed {
    pub(super) fn of(rate: Rate, burst: u32) -> Self {
        Self { interval: rate.interval(), burst }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends as fast as the pace allows: each grant is asked for `late` after the time that was told, each call sent
    /// `slow` after its grant, grants going on meanwhile where `slow` is long. Returns the times of sending.
    fn drive(
        rate: &str,
        burst: u32,
        span: Duration,
        late: impl FnMut() -> Duration,
        slow: impl FnMut() -> Duration,
    ) -> Vec<Duration> {
        let (mut late, mut slow) = (late, slow);
        let start = Instant::now();
        let mut pace = Pace::new(Speed::of(Rate::parse(rate).unwrap(), burst), 64, start);
        let mut now = start;
        let (mut waiting, mut sent): (Vec<(Instant, Instant)>, Vec<Duration>) = (Vec::new(), Vec::new());
        while now < start + span {
            waiting.sort_by_key(|(_, at)| *at);
            while waiting.first().is_some_and(|(_, at)| *at <= now) {
                let (granted, at) = waiting.remove(0);
                pace.sent(granted, at);
                sent.push(at - start);
            }
            match pace.take(now) {
                Ok(()) => waiting.push((now, now + slow())),
                Err(until) => {
                    let next = waiting.iter().map(|(_, at)| *at).min().unwrap_or(until);
                    now = next.min(until + late()).max(now + Duration::from_nanos(1));
                }
            }
        }
        sent
    }

    /// The most calls in any span of `per`.
    fn busiest(times: &[Duration], per: Duration) -> usize {
        let mut from = 0;
        let mut most = 0;
        for (to, time) in times.iter().enumerate() {
            while *time >= times[from] + per {
                from += 1;
            }
            most = most.max(to - from + 1);
        }
        most
    }

    #[test]
    fn exact_in_exact_time_and_starting_with_the_burst_alone() {
        let times = drive("1/s", 1, Duration::from_secs(10), || Duration::ZERO, || Duration::ZERO);
        assert_eq!(times, (0..10).map(Duration::from_secs).collect::<Vec<_>>());
        let times = drive("60/min", 3, Duration::from_secs(5), || Duration::ZERO, || Duration::ZERO);
        assert_eq!(times[..4], [0, 0, 0, 1].map(Duration::from_secs));
    }

    #[test]
    fn at_least_98_percent_are_used_though_timers_wake_late() {
        for (rate, per_second) in [("1/s", 1.0), ("50/s", 50.0), ("200/s", 200.0)] {
            let mut rng = fastrand::Rng::with_seed(7);
            let late = || Duration::from_micros(rng.u64(0..=1_500));
            let used = drive(rate, 1, Duration::from_mins(1), late, || Duration::from_micros(600)).len();
            assert!(f64::from(u32::try_from(used).unwrap()) >= 0.98 * 60.0 * per_second, "{rate}: {used}");
        }
    }

    #[test]
    fn a_stall_on_the_disk_is_not_made_up_for() {
        let mut turn = 0;
        // One in 150 calls meets a stall of 60 ms, and the eleven after it wait for the same end.
        let stalls = || {
            turn += 1;
            60u32.saturating_sub(5 * (turn % 150)).max(1) * MS
        };
        let times = drive("200/s", 1, Duration::from_secs(20), || MS, stalls);
        assert!(busiest(&times, Duration::from_secs(1)) <= 201);
        assert!(times.len() > 2_000, "{}", times.len());
    }

    #[test]
    fn the_floor_and_the_last_call_hold_over_a_change_of_speed() {
        let now = Instant::now();
        let slow = Speed { interval: Some(Duration::from_secs(2)), burst: 5 };
        let mut pace = Pace::new(Speed { interval: None, burst: 1 }, 8, now);
        pace.not_before(now + MS);
        assert_eq!(pace.take(now), Err(now + MS));
        assert_eq!(pace.take(now + MS), Ok(()));
        pace.change(slow, now + 10 * MS);
        assert_eq!(pace.take(now + 10 * MS), Err(now + MS + Duration::from_secs(2)));
        assert_eq!(pace.take(now + MS + Duration::from_secs(2)), Ok(()));
        assert!(pace.take(now + 2 * MS + Duration::from_secs(2)).is_err());
    }

    #[test]
    fn extremes_neither_panic_nor_overflow() {
        for rate in ["1/day", "1000000/s", "1000000/day"] {
            let now = Instant::now();
            let mut pace = Pace::new(Speed::of(Rate::parse(rate).unwrap(), u32::MAX), u32::MAX, now);
            assert_eq!(pace.take(now), Ok(()), "{rate}");
            pace.sent(now, now + Duration::from_hours(24));
            let _ = pace.take(now + Duration::from_secs(1));
        }
    }

    proptest! {
        #[test]
        fn no_span_holds_more_than_rate_and_burst(
            seed: u64, per_second in 1u32..300, burst in 1u32..6, late in 0u64..40_000, slow in 0u64..40_000,
        ) {
            let (mut one, mut two) = (fastrand::Rng::with_seed(seed), fastrand::Rng::with_seed(!seed));
            let times = drive(
                &format!("{per_second}/s"), burst, Duration::from_secs(4),
                || Duration::from_micros(one.u64(0..=late)),
                || Duration::from_micros(two.u64(0..=slow)),
            );
            let most = (per_second + burst) as usize;
            prop_assert!(busiest(&times, Duration::from_secs(1)) <= most, "{} > {most}", busiest(&times, Duration::from_secs(1)));
        }
    }
}
