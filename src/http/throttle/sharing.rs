//! What the throttles of an account in several processes keep together: who goes next, and what each has learned.

use super::Throttle;
use super::pace::Speed;
use super::shared_state::{Moment, SharedState, Slots};
use std::time::Duration;
use tokio::time::Instant;

/// Of an outage whose next look is further away, either way, nothing is heard: nobody lives who was in it, or the clock was
/// set. In microseconds.
const OUTAGE_HEARD: i64 = 6 * 60 * 1_000_000;

impl Throttle {
    /// Takes a call of our own pace and of the one over all processes, or of neither.
    pub(super) fn slot(&mut self, now: Instant) -> Result<(), Instant> {
        let speed = self.shared_speed();
        let Some((moment, shared)) = &mut self.shared else { return self.pace.take(now) };
        // Whoever waits for a slower pace of its own keeps nobody from the account's.
        if self.pace.is_due(now) {
            self.priority.may_take(shared, *moment, speed).map_err(|wait| now + wait)?;
        }
        Slots::ready(shared, *moment, speed)?;
        self.pace.take(now)?;
        self.slots.take(shared, *moment, speed, self.rules.concurrency);
        self.priority.served();
        Ok(())
    }

    /// The account's own speed, slowed down after a 429 as much as ours is.
    pub(super) fn shared_speed(&self) -> Speed {
        let own = Speed::of(self.rules.shared_rate, self.rules.burst);
        let configured = self.rules.rate.interval();
        match (own.interval, configured, self.speed.interval) {
            (Some(own), Some(configured), Some(now)) if now > configured => {
                let slower = now.as_secs_f64() / configured.as_secs_f64();
                Speed { interval: Some(own.mul_f64(slower)), burst: 1 }
            }
            (None, None, _) => self.speed,
            _ => own,
        }
    }

    /// Merges what other processes have shared since. To be followed by what is to be done at this very moment, and then
    /// by [`Throttle::shared_state`], while nobody else can do the same.
    pub fn merge_shared(&mut self, moment: Moment, told: SharedState) {
        let known = self.shared.map(|(_, shared)| shared);
        // What was taken up once is not read again: the wall clock may have been set meanwhile.
        if known.is_none_or(|known| known.cool_down_until != told.cool_down_until) {
            let until = moment.instant(told.cool_down_until);
            if self.cool_downs.merge(moment.at, until, told.cool_down_level) {
                self.latch.close();
            }
        }
        let wait = Duration::from_micros(told.outage_wait.max(0).unsigned_abs());
        // Further ahead than a wait of anybody's own is what the upstream asked for, and then the wait says so.
        let ahead = OUTAGE_HEARD.max(told.outage_wait.saturating_add(OUTAGE_HEARD));
        let current = (-OUTAGE_HEARD..ahead).contains(&told.outage_look.saturating_sub(moment.wall));
        self.outages.merge(moment.at, current.then(|| (moment.instant(told.outage_look), wait)));
        self.shared = Some((moment, told));
    }

    /// The same if the shared state cannot be read: what was known last still holds.
    pub fn shared_unreadable(&mut self, moment: Moment) {
        self.shared = Some((moment, self.shared.map_or_else(SharedState::default, |(_, shared)| shared)));
    }

    /// The state to be shared with other processes.
    pub fn shared_state(&mut self) -> SharedState {
        let Some((moment, shared)) = &mut self.shared else { return SharedState::default() };
        if !self.outages.is_in_doubt() && !self.outages.is_over() {
            let (look, wait) = self
                .outages
                .share(moment.at)
                .map_or((0, Duration::ZERO), |(look, wait)| (moment.wall(look), wait));
            shared.outage_look = look;
            shared.outage_wait = i64::try_from(wait.as_micros()).unwrap_or_default();
        }
        *shared
    }

    /// Whether something is to be shared before the next call is due.
    pub fn must_share(&self) -> bool {
        self.outages.must_share()
    }
}
