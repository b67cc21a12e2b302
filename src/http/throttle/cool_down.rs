//! What a 429 does: the whole account stops, then goes on more slowly, then climbs back (apis.md, rate limit: going on
//! early prolongs the block, and the limit itself is not published).

use super::pace::Speed;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait of our own choosing. A longer `Retry-After` is honoured.
const LONGEST: Duration = Duration::from_mins(15);
/// The shortest wait, also where `Retry-After` says 0.
const SHORTEST: Duration = Duration::from_secs(1);
/// How much random time is added at most, as a share of the wait.
const JITTER: f64 = 0.1;
/// A level is forgotten when no 429 came for so many cool-downs after going on.
const FORGOTTEN_AFTER: u32 = 10;
/// How often the pace climbs a step.
const STEP: Duration = Duration::from_secs(10);
/// The slowest pace, as the power of two that the configured one is divided by.
const SLOWEST: u32 = 4;
/// Doublings after which an account without a configured pace has none again.
const DOUBLINGS: u32 = 6;

/// One 429 taken note of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoolDown {
    /// Nothing leaves before.
    pub until: Instant,
    /// How many times in a row, from 1; to be kept with the end.
    pub level: u32,
    /// Whether it began with this 429, rather than being met by more of them.
    pub begins: bool,
}

/// When a cool-down of an earlier process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoolDownEnd {
    /// So long from now.
    Left(Duration),
    /// So long ago.
    Ago(Duration),
}

/// The account's waits after 429, one after the other.
#[derive(Debug)]
pub(super) struct CoolDowns {
    base: Duration,
    configured: Speed,
    level: u32,
    /// The end of the last wait, ahead or past.
    until: Option<Instant>,
    /// Where no pace is configured: calls granted since `since`, and the pace that the last 429 left of it.
    granted: u64,
    since: Instant,
    left: Option<Duration>,
}

impl CoolDowns {
    pub(super) fn new(base: Duration, configured: Speed, now: Instant) -> Self {
        Self { base, configured, level: 0, until: None, granted: 0, since: now, left: None }
    }

    /// Takes note of a 429. `random` is in 0..1.
    pub(super) fn throttled(&mut self, now: Instant, retry_after: Option<Duration>, random: f64) -> CoolDown {
        let cooling = self.until.filter(|until| now < *until);
        if let Some(until) = cooling {
            let until = retry_after.map_or(until, |wait| until.max(now + wait));
            self.until = Some(until);
            return CoolDown { until, level: self.level, begins: false };
        }
        let level = self.level(now);
        let wait = retry_after.unwrap_or_else(|| self.own_wait(level, random)).max(SHORTEST);
        let until = now + wait;
        self.left = Some(self.half_of_achieved(now));
        (self.level, self.until) = (level.saturating_add(1), Some(until));
        (self.granted, self.since) = (0, until);
        CoolDown { until, level: self.level, begins: true }
    }

    fn own_wait(&self, level: u32, random: f64) -> Duration {
        let growth = 1.5_f64.powi(i32::try_from(level.min(64)).unwrap_or(64));
        let seconds = (self.base.as_secs_f64() * growth).min(LONGEST.max(self.base).as_secs_f64());
        Duration::from_secs_f64(seconds * (1.0 + JITTER * random))
    }

    /// Half of what went through since the last wait, and at least one call a second.
    fn half_of_achieved(&self, now: Instant) -> Duration {
        let span = now.saturating_duration_since(self.since).max(Duration::from_secs(1));
        let calls = u32::try_from(self.granted).unwrap_or(u32::MAX).max(1);
        (span / calls * 2).min(Duration::from_secs(1))
    }

    /// How many times in a row, as of `now`.
    pub(super) fn level(&self, now: Instant) -> u32 {
        let forgotten = self.until.is_none_or(|until| now >= until + self.remembered());
        if forgotten { 0 } else { self.level }
    }

    /// How long after its end a wait still counts.
    fn remembered(&self) -> Duration {
        self.base * FORGOTTEN_AFTER
    }

    /// The end of the wait that is under way.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    /// Takes up a wait of an earlier process, and the climb after it where that has begun.
    pub(super) fn restore(&mut self, now: Instant, end: CoolDownEnd, level: u32) {
        let until = match end {
            CoolDownEnd::Left(left) if level > 0 || !left.is_zero() => now + left,
            // A clock that started with the machine may not reach so far back; then it counts as over just now.
            CoolDownEnd::Ago(ago) if level > 0 && ago < self.remembered() => {
                now.checked_sub(ago).unwrap_or(now)
            }
            CoolDownEnd::Left(_) | CoolDownEnd::Ago(_) => return,
        };
        (self.level, self.until) = (level.max(1), Some(until));
        (self.left, self.since) = (Some(Duration::from_secs(1)), until.max(now));
    }

    /// Merges the cool-down of another process, if it ends later than the one we know. Whether it does.
    pub(super) fn merge(&mut self, now: Instant, until: Instant, level: u32) -> bool {
        if until <= now || self.until.is_some_and(|own| until <= own) {
            return false;
        }
        if self.until(now).is_none() {
            self.left = Some(self.half_of_achieved(now));
            (self.granted, self.since) = (0, until);
        }
        (self.level, self.until) = (level.max(1), Some(until));
        true
    }

    pub(super) fn granted(&mut self) {
        self.granted += 1;
    }

    /// How fast as of `now`: after a wait slower, then a step up each ten seconds.
    pub(super) fn speed(&self, now: Instant) -> Speed {
        let Some(until) = self.until.filter(|_| self.level > 0) else { return self.configured };
        let steps = now.saturating_duration_since(until).as_secs() / STEP.as_secs();
        match (self.configured.interval, self.left) {
            (Some(interval), _) => self.climb(interval, steps),
            (None, Some(left)) if steps < u64::from(DOUBLINGS) => {
                let doubled = u32::try_from(steps).map_or(u32::MAX, |steps| 1 << steps);
                Speed { interval: Some(left / doubled), burst: 1 }
            }
            (None, _) => self.configured,
        }
    }

    /// From half the pace (a quarter, an eighth … for each time in a row) by a quarter of the whole each step.
    fn climb(&self, interval: Duration, steps: u64) -> Speed {
        let sixteenths = (16_u64 >> self.level.min(SLOWEST)) + 4 * steps.min(4);
        match u32::try_from(sixteenths) {
            Ok(part @ 1..16) => Speed { interval: Some(interval * 16 / part), burst: 1 },
            _ => self.configured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn paced() -> (CoolDowns, Instant) {
        let now = Instant::now();
        (CoolDowns::new(MINUTE, Speed { interval: Some(SECOND), burst: 3 }, now), now)
    }

    #[test]
    fn retry_after_is_honoured_and_nothing_told_is_the_configured_wait() {
        let (mut cool, now) = paced();
        let first = cool.throttled(now, Some(7 * SECOND), 0.9);
        assert_eq!(first, CoolDown { until: now + 7 * SECOND, level: 1, begins: true });
        assert_eq!(cool.until(now + 6 * SECOND), Some(first.until));
        assert_eq!(cool.until(first.until), None);
        let (mut cool, now) = paced();
        assert_eq!(cool.throttled(now, None, 0.0).until, now + MINUTE);
        let (mut cool, now) = paced();
        assert_eq!(cool.throttled(now, None, 1.0).until, now + 66 * SECOND);
        let (mut cool, now) = paced();
        assert_eq!(cool.throttled(now, Some(Duration::ZERO), 0.0).until, now + SECOND);
    }

    #[test]
    fn more_of_them_while_waiting_extend_only_by_a_later_end() {
        let (mut cool, now) = paced();
        let first = cool.throttled(now, None, 0.0);
        assert_eq!(cool.throttled(now + SECOND, None, 0.9).until, first.until);
        assert_eq!(cool.throttled(now + SECOND, Some(5 * SECOND), 0.0).until, first.until);
        let later = cool.throttled(now + SECOND, Some(2 * MINUTE), 0.0);
        assert_eq!(later, CoolDown { until: now + SECOND + 2 * MINUTE, level: 1, begins: false });
    }

    #[test]
    fn each_in_a_row_waits_longer_up_to_a_quarter_of_an_hour_and_quiet_forgets() {
        let (mut cool, mut now) = paced();
        let mut waits = Vec::new();
        for _ in 0..9 {
            let until = cool.throttled(now, None, 0.0).until;
            waits.push((until - now).as_secs());
            now = until + SECOND;
        }
        assert_eq!(waits, [60, 90, 135, 202, 303, 455, 683, 900, 900]);
        now += 10 * MINUTE;
        assert_eq!(cool.level(now), 0);
        assert_eq!(cool.throttled(now, None, 0.0).until, now + MINUTE);
    }

    #[test]
    fn the_pace_is_halved_for_each_in_a_row_and_climbs_by_quarters() {
        let (mut cool, now) = paced();
        let until = cool.throttled(now, None, 0.0).until;
        let interval =
            |cool: &CoolDowns, seconds: u32| cool.speed(until + seconds * SECOND).interval.unwrap();
        assert_eq!(interval(&cool, 0), 2 * SECOND);
        assert_eq!(interval(&cool, 9), 2 * SECOND);
        assert_eq!(interval(&cool, 10), SECOND * 16 / 12);
        assert_eq!(cool.speed(until + 20 * SECOND), Speed { interval: Some(SECOND), burst: 3 });
        for (level, slowest) in [(2, 4), (3, 8), (4, 16), (9, 16)] {
            let (mut cool, now) = paced();
            cool.restore(now, CoolDownEnd::Ago(Duration::ZERO), level);
            assert_eq!(cool.speed(now).interval, Some(slowest * SECOND), "{level}");
        }
    }

    #[test]
    fn without_a_configured_pace_half_of_what_went_through_is_doubled_until_it_is_free_again() {
        let now = Instant::now();
        let mut cool = CoolDowns::new(MINUTE, Speed { interval: None, burst: 1 }, now);
        assert_eq!(cool.speed(now).interval, None);
        (0..200).for_each(|_| cool.granted());
        let until = cool.throttled(now + SECOND / 2, None, 0.0).until;
        assert_eq!(cool.speed(until).interval, Some(SECOND / 100));
        assert_eq!(cool.speed(until + 10 * SECOND).interval, Some(SECOND / 200));
        assert!(cool.speed(until + 59 * SECOND).interval.is_some());
        assert_eq!(cool.speed(until + 60 * SECOND).interval, None);
        let until = cool.throttled(until + 10 * SECOND, None, 0.0).until;
        assert_eq!(cool.speed(until).interval, Some(SECOND), "at least one a second");
    }

    #[test]
    fn what_another_process_was_told_counts_once() {
        let (mut cool, now) = paced();
        assert!(cool.merge(now, now + 10 * SECOND, 1));
        assert!(!cool.merge(now, now + 10 * SECOND, 1));
        let own = cool.throttled(now + SECOND, None, 0.0);
        assert_eq!(own, CoolDown { until: now + 10 * SECOND, level: 1, begins: false });
        assert!(!cool.merge(now + MINUTE, now + 20 * SECOND, 1), "it is over");
    }

    #[test]
    fn a_wait_of_an_earlier_process_goes_on() {
        let (mut cool, now) = paced();
        cool.restore(now, CoolDownEnd::Left(30 * SECOND), 2);
        assert_eq!(cool.until(now), Some(now + 30 * SECOND));
        assert_eq!(cool.level(now + MINUTE), 2);
        let (mut cool, now) = paced();
        cool.restore(now, CoolDownEnd::Left(Duration::ZERO), 0);
        assert_eq!((cool.until(now), cool.level(now), cool.speed(now).burst), (None, 0, 3));
    }

    #[test]
    fn a_wait_that_ended_in_an_earlier_process_is_climbed_back_from_and_forgotten() {
        let ended = |ago: Duration, interval: Option<Duration>| {
            let now = Instant::now();
            let mut cool = CoolDowns::new(MINUTE, Speed { interval, burst: 1 }, now);
            cool.restore(now, CoolDownEnd::Ago(ago), 2);
            (cool.level(now), cool.speed(now).interval)
        };
        let paced = |seconds: u32| ended(seconds * SECOND, Some(SECOND));
        assert_eq!(paced(0), (2, Some(4 * SECOND)));
        assert_eq!(paced(10), (2, Some(2 * SECOND)));
        assert_eq!(paced(30), (2, Some(SECOND)));
        assert_eq!(paced(599), (2, Some(SECOND)));
        assert_eq!(paced(600), (0, Some(SECOND)));
        assert_eq!(ended(9 * SECOND, None), (2, Some(SECOND)));
        assert_eq!(ended(20 * SECOND, None), (2, Some(SECOND / 4)));
        assert_eq!(ended(MINUTE, None), (2, None));
        assert_eq!(ended(Duration::from_hours(90 * 24), None), (0, None));
        assert_eq!(ended(Duration::MAX, None), (0, None));
    }
}
