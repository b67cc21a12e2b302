//! When the upstream does not answer: stop, ask the free health address, wait longer each time, try one call.

use std::time::Duration;
use tokio::time::Instant;

/// Troubles in a row that make an outage.
const STREAK: usize = 5;
/// Requests in a row that were not taken and count as one trouble.
const NOT_TAKEN: u32 = 5;
/// The first wait; each is twice the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// How long other processes wait for the one that looks whether it is over.
const LOOKING: Duration = Duration::from_secs(30);

/// How a call failed that may be the upstream's failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The request never left.
    NotConnected,
    /// No answer in time, or one that was cut or cannot be read.
    TimedOut,
    /// 5xx other than 503.
    ServerError,
    /// 503: refused unprocessed.
    Unavailable,
    /// So many requests in a row were not taken, that it counts as one that failed. None of them spent an attempt.
    NotTaken,
}

impl FailureKind {
    /// Whether it is certain that nothing was carried out, though an attempt was spent.
    pub const fn is_unprocessed(self) -> bool {
        matches!(self, Self::NotConnected | Self::Unavailable)
    }

    /// Whether it may be about what one lookup asks, rather than about the upstream.
    const fn may_be_a_lookups_own(self) -> bool {
        !matches!(self, Self::NotConnected | Self::NotTaken)
    }
}

/// What a failed call means for its account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutageEffect {
    /// Whether the account is in an outage: what was certainly not carried out then spends no attempt.
    pub in_outage: bool,
    /// Whether it begins with this.
    pub begins: bool,
    /// Whether it is in doubt: the streak was all one lookup's, and the health address is to say whose it is. The attempt
    /// is spent; it is among the refunds if an outage begins, so the lookup is not given up while the doubt lasts.
    pub in_doubt: bool,
    /// Lookups that failed on the way into the outage without being carried out, each once per attempt to give back; the
    /// one just reported to an account that was not in doubt is not among them.
    pub refunds: Vec<u64>,
}

/// Whether the outage lets a call through.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OutageStep {
    Open,
    Health,
    /// Until a time, or until what is under way is done.
    Wait(Option<Instant>),
    /// It was waited for long enough.
    Over,
}

#[derive(Debug)]
pub(super) struct Outages {
    patience: Duration,
    has_health: bool,
    state: State,
    /// Not before: what the upstream asked for with a failure since it last answered.
    told: Option<Instant>,
    /// The lookup that was given up last as failing by itself, while nothing has answered since.
    alone: Option<u64>,
    /// Requests that were not taken since the last answer, or since they last counted as a trouble.
    not_taken: u32,
    /// Whether there is something that other processes have not been told.
    news: bool,
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    lookup: u64,
    kind: FailureKind,
}

#[derive(Debug)]
enum State {
    /// Troubles since the last answer.
    Calm(Vec<Failure>),
    /// All of the streak are one lookup's: the health address decides.
    Doubt {
        streak: Vec<Failure>,
        asked: bool,
    },
    Out(Out),
}

#[derive(Debug)]
struct Out {
    ends: Instant,
    wait: Duration,
    phase: Phase,
    /// It is the login that is not reached, of which the services' health says nothing.
    by_login: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Resting(Instant),
    Asking,
    /// One call may try.
    Ready,
    Trying,
    Over,
}

impl Outages {
    pub(super) fn new(patience: Duration, has_health: bool) -> Self {
        Self {
            patience,
            has_health,
            state: State::Calm(Vec::new()),
            told: None,
            alone: None,
            not_taken: 0,
            news: false,
        }
    }

    /// What may be done. Asking changes nothing: who acts on the answer says so.
    pub(super) fn step(&self, now: Instant, in_flight: u32) -> OutageStep {
        match &self.state {
            State::Calm(_) => OutageStep::Open,
            State::Doubt { asked: true, .. } => OutageStep::Wait(None),
            State::Doubt { asked: false, .. } => OutageStep::Health,
            State::Out(out) => out.step(now, in_flight, self.has_health, self.told),
        }
    }

    /// The health address is asked.
    pub(super) fn health_begins(&mut self) {
        match &mut self.state {
            State::Calm(_) => {}
            State::Doubt { asked, .. } => *asked = true,
            State::Out(out) => {
                out.phase = Phase::Asking;
                self.news = true;
            }
        }
    }

    /// A call was let through.
    pub(super) fn call_granted(&mut self) {
        if let State::Out(out) = &mut self.state {
            out.phase = Phase::Trying;
            self.news = true;
        }
    }

    /// The upstream works.
    pub(super) fn answered(&mut self) {
        self.news |= self.is_in_outage();
        self.told = None;
        self.alone = None;
        self.state = State::Calm(Vec::new());
        self.not_taken = 0;
    }

    /// The request of this lookup was not taken. That is no trouble by itself: a server that closes a connection in good
    /// order says so of whatever crossed its word on the way.
    pub(super) fn not_taken(&mut self, now: Instant, lookup: u64) -> OutageEffect {
        self.not_taken += 1;
        if self.not_taken < NOT_TAKEN {
            return OutageEffect { in_outage: self.is_in_outage(), ..OutageEffect::default() };
        }
        self.not_taken = 0;
        self.call_failed(now, lookup, FailureKind::NotTaken)
    }

    /// The upstream said with a failure when to come again. An outage, present or to come, looks no sooner.
    pub(super) fn note_retry_after(&mut self, until: Instant) {
        self.told = self.told.max(Some(until));
        if let State::Out(out @ Out { phase: Phase::Resting(_), .. }) = &mut self.state {
            out.not_before(Some(until));
            self.news = true;
        }
    }

    /// Until when the upstream asked to be left alone, where it is in an outage for that.
    pub(super) fn retry_after(&self, now: Instant) -> Option<Instant> {
        let resting = matches!(self.state, State::Out(Out { phase: Phase::Resting(_), .. }));
        self.told.filter(|until| resting && now < *until)
    }

    /// Something answered that is not the provider: no failure of the upstream, and no sign of its working either. Whether
    /// the account is in an outage.
    pub(super) fn foreign_answer(&mut self, now: Instant) -> bool {
        let told = self.told;
        if let State::Out(out @ Out { phase: Phase::Trying, .. }) = &mut self.state {
            out.rest(now, told);
            self.news = true;
        }
        self.is_in_outage()
    }

    pub(super) fn call_failed(&mut self, now: Instant, lookup: u64, kind: FailureKind) -> OutageEffect {
        let trouble = Failure { lookup, kind };
        match &mut self.state {
            State::Calm(streak) => {
                streak.push(trouble);
                if streak.len() < STREAK {
                    return OutageEffect::default();
                }
                let streak = std::mem::take(streak);
                self.judge(now, streak)
            }
            State::Doubt { streak, .. } => {
                streak.push(trouble);
                OutageEffect { in_doubt: true, ..OutageEffect::default() }
            }
            State::Out(out) => {
                if out.phase == Phase::Trying {
                    out.rest(now, self.told);
                    self.news = true;
                }
                OutageEffect { in_outage: true, ..OutageEffect::default() }
            }
        }
    }

    fn judge(&mut self, now: Instant, mut streak: Vec<Failure>) -> OutageEffect {
        let first = streak.first().map(|trouble| trouble.lookup);
        let own = streak.iter().all(|t| Some(t.lookup) == first && t.kind.may_be_a_lookups_own());
        // Where one lookup goes at a time, as on a trial for letters, each has a streak of its own: of two in a row it is the
        // upstream, whatever its health address says.
        let own = own && self.alone.is_none_or(|alone| Some(alone) == first);
        if own && !self.has_health {
            self.alone = first;
            return OutageEffect::default();
        }
        if own {
            self.state = State::Doubt { streak, asked: false };
            return OutageEffect { in_doubt: true, ..OutageEffect::default() };
        }
        streak.pop();
        self.begin(now, false, &streak)
    }

    fn begin(&mut self, now: Instant, by_login: bool, streak: &[Failure]) -> OutageEffect {
        let mut out = Out { ends: now + self.patience, wait: FIRST_WAIT, phase: Phase::Ready, by_login };
        out.rest(now, self.told);
        self.state = State::Out(out);
        self.news = true;
        let refunds = streak.iter().filter(|t| t.kind.is_unprocessed()).map(|t| t.lookup).collect();
        OutageEffect { in_outage: true, begins: true, in_doubt: false, refunds }
    }

    pub(super) fn health_done(&mut self, now: Instant, healthy: bool) -> OutageEffect {
        match &mut self.state {
            State::Doubt { streak, .. } if healthy => {
                self.alone = streak.first().map(|trouble| trouble.lookup);
                self.state = State::Calm(Vec::new());
            }
            State::Doubt { streak, .. } => {
                let streak = std::mem::take(streak);
                return self.begin(now, false, &streak);
            }
            State::Out(out @ Out { phase: Phase::Asking, .. }) => {
                self.news = true;
                if healthy {
                    out.phase = Phase::Ready;
                } else {
                    out.rest(now, self.told);
                }
            }
            State::Calm(_) | State::Out(_) => {}
        }
        OutageEffect { in_outage: self.out().is_some(), ..OutageEffect::default() }
    }

    pub(super) fn login_unreachable(&mut self, now: Instant) -> OutageEffect {
        match &mut self.state {
            State::Out(out) => {
                out.rest(now, self.told);
                OutageEffect { in_outage: true, ..OutageEffect::default() }
            }
            State::Calm(streak) | State::Doubt { streak, .. } => {
                let streak = std::mem::take(streak);
                self.begin(now, true, &streak)
            }
        }
    }

    pub(super) fn logged_in(&mut self) {
        if self.out().is_some_and(|out| out.by_login) {
            self.answered();
        }
    }

    pub(super) fn is_in_outage(&self) -> bool {
        self.out().is_some()
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self.state, State::Doubt { .. })
    }

    /// Whether something is to be shared with other processes.
    pub(super) fn must_share(&self) -> bool {
        self.news
    }

    /// Whether it was waited for long enough, which says nothing of how others wait.
    pub(super) fn is_over(&self) -> bool {
        self.out().is_some_and(|out| out.phase == Phase::Over)
    }

    /// What is shared with other processes: when to look again, and how long to wait after that; `None` without an outage.
    /// While we look ourselves, the others leave us time for it. A login that is not reached is each process's own.
    pub(super) fn share(&mut self, now: Instant) -> Option<(Instant, Duration)> {
        self.news = false;
        let out = self.out().filter(|out| !out.by_login)?;
        // A wait of our own never reaches so far: so others know that it is the upstream's word.
        if let Some(told) = self.retry_after(now) {
            return Some((told, out.wait.max(told.saturating_duration_since(now))));
        }
        let look = if let Phase::Resting(until) = out.phase { until } else { now + LOOKING };
        Some((look, out.wait))
    }

    /// Merges what another process has shared, unless there is something newer of our own.
    pub(super) fn merge(&mut self, now: Instant, told: Option<(Instant, Duration)>) {
        if self.news || self.is_over() || self.out().is_some_and(|out| out.by_login) {
            return;
        }
        let asked = told.filter(|(_, wait)| *wait > LONGEST_WAIT);
        self.told = self.told.max(asked.map(|(look, _)| look));
        match (&mut self.state, told) {
            (State::Out(_), None) => (self.state, self.told) = (State::Calm(Vec::new()), None),
            (State::Out(out), Some((look, wait))) => {
                if let Phase::Resting(until) = &mut out.phase {
                    *until = look.min(out.ends);
                    out.wait = if asked.is_some() { out.wait } else { wait.max(FIRST_WAIT) };
                    out.not_before(self.told);
                }
            }
            (State::Calm(_), Some((look, wait))) => {
                let ends = now + self.patience;
                let wait = if asked.is_some() { FIRST_WAIT } else { wait.max(FIRST_WAIT) };
                let phase = Phase::Resting(look.min(ends));
                self.state = State::Out(Out { ends, wait, phase, by_login: false });
            }
            (State::Calm(_) | State::Doubt { .. }, _) => {}
        }
    }

    fn out(&self) -> Option<&Out> {
        if let State::Out(out) = &self.state { Some(out) } else { None }
    }

    /// In an outage: when it asks again (`None` while it is asking), and when it gives up.
    pub(super) fn pause(&self) -> Option<(Option<Instant>, Instant)> {
        let out = self.out()?;
        let again = if let Phase::Resting(until) = out.phase { Some(until) } else { None };
        Some((again, out.ends))
    }
}

impl Out {
    fn step(&self, now: Instant, in_flight: u32, has_health: bool, told: Option<Instant>) -> OutageStep {
        match self.phase {
            Phase::Resting(until) if now < until => OutageStep::Wait(Some(until)),
            // Its time is over, and the upstream still wants to be left alone.
            Phase::Resting(_) if told > Some(now) => OutageStep::Over,
            Phase::Resting(_) if has_health && !self.by_login => OutageStep::Health,
            Phase::Asking => OutageStep::Wait(None),
            // With nothing in flight the call that was to try came back without a result (unsent, or given up).
            Phase::Trying if in_flight > 0 => OutageStep::Wait(None),
            Phase::Resting(_) | Phase::Ready | Phase::Trying => OutageStep::Open,
            Phase::Over => OutageStep::Over,
        }
    }

    /// Waits longer than the last time, but not past the end: there it asks once more.
    fn rest(&mut self, now: Instant, told: Option<Instant>) {
        let over = now >= self.ends;
        self.phase = if over { Phase::Over } else { Phase::Resting((now + self.wait).min(self.ends)) };
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.not_before(told);
    }

    fn not_before(&mut self, told: Option<Instant>) {
        if let (Phase::Resting(until), Some(told)) = (&mut self.phase, told) {
            *until = told.max(*until).min(self.ends);
        }
    }
}

#[cfg(test)]
mod tests;
