//! The throttle of one account at an upstream: token, pace, cool-down and outage, over all services and workers.
//!
//! A state machine over values of time. It neither waits nor sends: the run asks [`Throttle::permit`] what to do now, does
//! it, and tells what came of it. So everything is decided in one place and in order, and tested in simulated time.
//! Nothing here knows lookups (but for their ids in a streak of failures), the ledger, or the wall clock: what must
//! outlive the process (the end and level of a cool-down, times of logins and the wait after a 429 to one, the last call)
//! goes in and out as spans.

mod back_off;
mod cool_down;
mod latch;
mod outage;
mod pace;
mod pause;
mod priority;
mod shared_state;
mod sharing;
mod stop;
mod token;

pub use back_off::back_off;
pub use cool_down::{CoolDown, CoolDownEnd};
pub use latch::Latch;
pub use outage::{FailureKind, OutageEffect};
pub use pause::time_left;
pub use shared_state::{Moment, SharedState};
pub use token::{LOGIN_WINDOW, Token};

use crate::domain::pace::Rate;
use crate::http::cause::Cause;
use crate::http::transport::SendError;
use crate::upstream::LoginReading;
use cool_down::CoolDowns;
use outage::{OutageStep, Outages};
use pace::{Pace, Speed};
use priority::Priority;
use shared_state::Slots;
use std::sync::Arc;
use std::time::Duration;
pub use stop::StopReason;
use token::{LoggedIn, Step, Tokens};
use tokio::time::Instant;

/// What an account is held to.
#[derive(Debug, Clone)]
pub struct ThrottleRules {
    /// Calls in a span, over all services; the slower of the account's and the job's.
    pub rate: Rate,
    /// The account's own: what all processes together are held to.
    pub shared_rate: Rate,
    /// Calls that may follow one another without the pace's distance.
    pub burst: u32,
    /// Whether the pace is left to other processes that ask for it.
    pub low: bool,
    /// Calls in flight at once.
    pub concurrency: u32,
    /// Age at which a token is renewed, where the upstream does not tell its life.
    pub refresh_after: Duration,
    /// Logins in [`LOGIN_WINDOW`].
    pub logins: u32,
    /// Wait after a 429 without `Retry-After`.
    pub cool_down: Duration,
    /// How long an outage is waited for.
    pub outage_wait: Duration,
    /// Whether there is a free health address to ask.
    pub has_health: bool,
}

/// What may be done now.
#[derive(Debug)]
pub enum Permit {
    /// One call may be sent; its pace is taken. The caller tells [`Throttle::sent`] and then the result.
    Go {
        /// The token to send it with.
        token: Arc<Token>,
    },
    /// Nothing, before `until` or (where there is none) before something in flight or under way is done.
    Wait {
        /// When to ask again at the latest.
        until: Option<Instant>,
        /// What is waited for.
        why: WaitReason,
    },
    /// A login is needed. Who sends it tells [`Throttle::login_begins`], and then [`Throttle::login_done`]; between the two
    /// no other is asked for.
    Login,
    /// The health address is to be asked. Who does tells [`Throttle::health_begins`], and then [`Throttle::health_done`];
    /// between the two it is not asked for again.
    Health,
    /// Nothing more, ever.
    Stop(StopReason),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// As many calls as allowed are in flight.
    Concurrency,
    /// The upstream does not answer.
    Outage,
    /// The upstream asked us to slow down.
    CoolDown,
    /// A login is under way, or must wait.
    Login,
    /// The distance between two calls.
    Pace,
}

/// The throttle of one account.
#[derive(Debug)]
pub struct Throttle {
    rules: ThrottleRules,
    speed: Speed,
    pace: Pace,
    cool_downs: CoolDowns,
    outages: Outages,
    /// Why a call or a login failed last.
    cause: Option<Cause>,
    tokens: Tokens,
    latch: Latch,
    slots: Slots,
    priority: Priority,
    /// The state last shared with other processes, and when; `None` if nothing is shared.
    shared: Option<(Moment, SharedState)>,
    stop: Option<StopReason>,
    rng: fastrand::Rng,
}

impl Throttle {
    /// A throttle that has seen nothing yet. `rng` gives the jitter of cool-downs.
    pub fn new(rules: ThrottleRules, now: Instant, rng: fastrand::Rng) -> Self {
        let speed = Speed::of(rules.rate, rules.burst);
        Self {
            speed,
            pace: Pace::new(speed, rules.concurrency, now),
            cool_downs: CoolDowns::new(rules.cool_down, speed, now),
            outages: Outages::new(rules.outage_wait, rules.has_health),
            cause: None,
            tokens: Tokens::new(rules.refresh_after, rules.logins),
            latch: Latch::default(),
            slots: Slots::default(),
            priority: Priority::new(rules.low),
            shared: None,
            stop: None,
            rng,
            rules,
        }
    }

    /// Takes up the last cool-down of an earlier process: when it ends, and its level. One that ended has the pace climb
    /// back from where it would be by now, and ten times [`ThrottleRules::cool_down`] after its end it is forgotten.
    pub fn restore_cool_down(&mut self, now: Instant, end: CoolDownEnd, level: u32) {
        self.cool_downs.restore(now, end, level);
    }

    /// Counts logins of other processes by their ages; those older than [`LOGIN_WINDOW`] do not count.
    pub fn restore_logins(&mut self, now: Instant, ages: &[Duration]) {
        self.tokens.restore(now, ages);
    }

    /// Takes up what is left of an earlier process's wait after a 429 to its login.
    pub fn restore_login_hold(&mut self, now: Instant, left: Duration) {
        self.tokens.restore_hold(now, left);
    }

    /// No call before `at`: the last one of an earlier process and the pace's distance to it.
    pub fn not_before(&mut self, at: Instant) {
        self.pace.not_before(at);
    }

    /// What may be done now. `in_flight` counts the calls that were granted and whose results were not told yet. But for the
    /// pace of a call that may go, asking takes nothing: where a login or a look at the health address is put off, it is
    /// asked for again.
    pub fn permit(&mut self, now: Instant, in_flight: u32) -> Permit {
        let closed = self.stopped().or_else(|| self.full(in_flight));
        let closed = closed.or_else(|| self.outage(now, in_flight)).or_else(|| self.cooling(now));
        if let Some(permit) = closed {
            return permit;
        }
        let token = match self.tokens.step(now) {
            Step::Use(token) => token,
            Step::Login => return Permit::Login,
            Step::Wait(until) => return Permit::Wait { until, why: WaitReason::Login },
        };
        self.follow_speed(now);
        if let Err(until) = self.slot(now) {
            return Permit::Wait { until: Some(until), why: WaitReason::Pace };
        }
        self.tokens.used(now);
        self.cool_downs.granted();
        self.outages.call_granted();
        Permit::Go { token }
    }

    fn stopped(&self) -> Option<Permit> {
        self.stop.clone().map(Permit::Stop)
    }

    fn full(&self, in_flight: u32) -> Option<Permit> {
        let full = in_flight >= self.rules.concurrency.max(1);
        full.then_some(Permit::Wait { until: None, why: WaitReason::Concurrency })
    }

    fn outage(&mut self, now: Instant, in_flight: u32) -> Option<Permit> {
        match self.outages.step(now, in_flight) {
            OutageStep::Open => None,
            OutageStep::Health => Some(Permit::Health),
            OutageStep::Wait(until) => Some(Permit::Wait { until, why: WaitReason::Outage }),
            OutageStep::Over => {
                self.stop = Some(StopReason::Unavailable { cause: self.cause });
                self.stopped()
            }
        }
    }

    fn cooling(&mut self, now: Instant) -> Option<Permit> {
        let until = self.cool_downs.until(now);
        if until.is_none() {
            self.latch.open();
        }
        // A 429 whose head was seen and whose result is on its way closes without an end.
        let closed = until.is_some() || self.latch.is_closed();
        closed.then_some(Permit::Wait { until, why: WaitReason::CoolDown })
    }

    fn follow_speed(&mut self, now: Instant) {
        let speed = self.cool_downs.speed(now);
        if speed != self.speed {
            self.speed = speed;
            self.pace.change(speed, now);
        }
    }

    /// The call granted at `granted` left at `sent`. The distance to the next is counted from there.
    pub fn sent(&mut self, granted: Instant, sent: Instant) {
        self.pace.sent(granted, sent);
        let speed = self.shared_speed();
        if let Some((moment, shared)) = &mut self.shared {
            self.slots.sent(shared, granted, *moment, speed);
        }
    }

    /// A call was answered with the token of this generation, with anything but 429, a token's refusal or 5xx.
    pub fn answered(&mut self, generation: u64) {
        self.tokens.answered(generation);
        self.outages.answered();
        self.cause = None;
    }

    /// A call was answered with 429: the whole account cools down. To be told once for each 429.
    pub fn throttled(&mut self, now: Instant, retry_after: Option<Duration>) -> CoolDown {
        self.outages.answered();
        self.latch.acknowledge();
        let cool_down = self.cool_downs.throttled(now, retry_after, self.rng.f64());
        if let Some((moment, shared)) = &mut self.shared {
            shared.cool_down_until = shared.cool_down_until.max(moment.wall(cool_down.until));
            shared.cool_down_level = cool_down.level;
        }
        cool_down
    }

    /// A call's token, of this generation, was refused; `repeats` is how often its lookup was refused before, in a row.
    /// The lookup is to be repeated with the next permit's token, unless that says stop.
    pub fn token_refused(&mut self, generation: u64, repeats: u32) {
        self.outages.answered();
        if self.tokens.refused(generation, repeats) {
            self.stop.get_or_insert(StopReason::TokenRefused);
        }
    }

    /// A call of this lookup failed in a way that may be the upstream's failing, and why.
    pub fn call_failed(
        &mut self,
        now: Instant,
        kind: FailureKind,
        cause: Cause,
        lookup: u64,
    ) -> OutageEffect {
        self.cause = Some(cause);
        self.outages.call_failed(now, lookup, kind)
    }

    /// The upstream said, with a failure or at its login or health address, when to come again: an outage looks no sooner.
    pub fn note_retry_after(&mut self, now: Instant, retry_after: Option<Duration>) {
        if let Some(wait) = retry_after {
            self.outages.note_retry_after(now + wait);
        }
    }

    /// A call was answered by something that is not the provider, such as a proxy. Whether the account is in an outage.
    pub fn foreign_answer(&mut self, now: Instant) -> bool {
        self.outages.foreign_answer(now)
    }

    /// Until when the upstream has asked to be left alone, where nothing can be sent before, and how it asked.
    pub fn upstream_wait(&self, now: Instant) -> Option<(Instant, &'static str)> {
        let outage = self.outages.retry_after(now).map(|until| (until, "Retry-After"));
        let cooling = || self.cool_downs.until(now).map(|until| (until, "429"));
        let login = || self.tokens.held(now).map(|until| (until, "429 to the login"));
        outage.or_else(cooling).or_else(login)
    }

    /// A call of this lookup was certainly not carried out, though the upstream was there: over HTTP/2 it did not take the
    /// stream, or the request was never written. To be sent again with the next permit.
    pub fn not_taken(&mut self, now: Instant, lookup: u64) -> OutageEffect {
        self.cause = Some(Cause::NotTaken);
        self.outages.not_taken(now, lookup)
    }

    /// Why a call or a login failed last.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Whether the health address is still to say if this is an outage. A doubt ends by [`Throttle::health_done`], by any
    /// answer, and by a login that is not reached.
    pub fn is_in_doubt(&self) -> bool {
        self.outages.is_in_doubt()
    }

    /// Whether the account is in an outage.
    pub fn is_in_outage(&self) -> bool {
        self.outages.is_in_outage()
    }

    /// The login that was asked for is about to be sent.
    pub fn login_begins(&mut self, now: Instant) {
        self.tokens.login_begins(now);
    }

    /// The health address is about to be asked.
    pub fn health_begins(&mut self) {
        self.outages.health_begins();
    }

    /// What the login answered; `retry_after` is what came with it.
    pub fn login_done(
        &mut self,
        now: Instant,
        reading: LoginReading,
        retry_after: Option<Duration>,
    ) -> OutageEffect {
        if let LoginReading::Unavailable { code } = &reading {
            self.cause = Some(code.parse().map_or(Cause::Unreadable, Cause::Status));
            self.note_retry_after(now, retry_after);
        }
        self.logged_in(now, reading, retry_after)
    }

    /// The login that was asked for has no answer. Where it certainly reached nobody, it is none of the cap.
    pub fn login_lost(&mut self, now: Instant, error: SendError) -> OutageEffect {
        self.cause = Some(error.cause);
        if error.kind.is_unprocessed() {
            self.tokens.uncount();
        }
        self.logged_in(now, LoginReading::Unavailable { code: error.to_string() }, None)
    }

    fn logged_in(
        &mut self,
        now: Instant,
        reading: LoginReading,
        retry_after: Option<Duration>,
    ) -> OutageEffect {
        match self.tokens.login_done(now, reading, retry_after) {
            LoggedIn::Served => self.outages.logged_in(),
            LoggedIn::Waiting => {}
            LoggedIn::Unreachable => return self.outages.login_unreachable(now),
            LoggedIn::Stop(reason) => {
                self.stop.get_or_insert(reason);
            }
        }
        OutageEffect::default()
    }

    /// The login that was asked for was not sent and may be after `wait`: other processes have used up the cap.
    pub fn login_postponed(&mut self, now: Instant, wait: Duration) {
        self.tokens.postponed(now + wait);
    }

    /// Whether the health address says that the service is healthy. The effect tells whether the account is in an outage
    /// now; where it was in doubt before, that decides what becomes of the lookup whose trouble it was.
    pub fn health_done(&mut self, now: Instant, healthy: bool) -> OutageEffect {
        self.outages.health_done(now, healthy)
    }

    /// The handle that stops sending at a 429's head.
    pub fn latch(&self) -> Latch {
        self.latch.clone()
    }

    /// The end of the wait after the last 429 to a login, ahead or past, to be kept over restarts; `None` after a login
    /// that succeeded.
    pub fn login_held_until(&self) -> Option<Instant> {
        self.tokens.held_until()
    }
}

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
