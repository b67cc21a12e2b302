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
pub enum TroubleKind {
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

impl TroubleKind {
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
pub struct Verdict {
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
pub(super) enum Gate {
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
    /// Requests that were not taken since the last answer, or since they last counted as a trouble.
    not_taken: u32,
    /// Whether there is something that other processes have not been told.
    news: bool,
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    lookup: u64,
    kind: TroubleKind,
}

#[derive(Debug)]
enum State {
    /// Troubles since the last answer.
    Calm(Vec<Trouble>),
    /// All of the streak are one lookup's: the health address decides.
    Doubt {
        streak: Vec<Trouble>,
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
        Self { patience, has_health, state: State::Calm(Vec::new()), told: None, not_taken: 0, news: false }
    }

    pub(super) fn gate(&mut self, now: Instant, in_flight: u32) -> Gate {
        match &mut self.state {
            State::Calm(_) => Gate::Open,
            State::Doubt { asked, .. } if *asked => Gate::Wait(None),
            State::Doubt { asked, .. } => {
                *asked = true;
                Gate::Health
            }
            State::Out(out) => {
                let before = out.phase;
                let gate = out.gate(now, in_flight, self.has_health, self.told);
                self.news |= out.phase != before;
                gate
            }
        }
    }

    /// A call was let through.
    pub(super) fn went(&mut self) {
        if let State::Out(out @ Out { phase: Phase::Ready, .. }) = &mut self.state {
            out.phase = Phase::Trying;
            self.news = true;
        }
    }

    /// The upstream works.
    pub(super) fn answered(&mut self) {
        self.news |= self.is_out();
        self.told = None;
        self.state = State::Calm(Vec::new());
        self.not_taken = 0;
    }

    /// The request of this lookup was not taken. That is no trouble by itself: a server that closes a connection in good
    /// order says so of whatever crossed its word on the way.
    pub(super) fn not_taken(&mut self, now: Instant, lookup: u64) -> Verdict {
        self.not_taken += 1;
        if self.not_taken < NOT_TAKEN {
            return Verdict { in_outage: self.is_out(), ..Verdict::default() };
        }
        self.not_taken = 0;
        self.trouble(now, lookup, TroubleKind::NotTaken)
    }

    /// The upstream said with a failure when to come again. An outage, present or to come, looks no sooner.
    pub(super) fn asked_to_wait(&mut self, until: Instant) {
        self.told = self.told.max(Some(until));
        if let State::Out(out @ Out { phase: Phase::Resting(_), .. }) = &mut self.state {
            out.not_before(Some(until));
            self.news = true;
        }
    }

    /// Until when the upstream asked to be left alone, where it is in an outage for that.
    pub(super) fn told(&self, now: Instant) -> Option<Instant> {
        let resting = matches!(self.state, State::Out(Out { phase: Phase::Resting(_), .. }));
        self.told.filter(|until| resting && now < *until)
    }

    /// Something answered that is not the provider: no failure of the upstream, and no sign of its working either. Whether
    /// the account is in an outage.
    pub(super) fn strayed(&mut self, now: Instant) -> bool {
        let told = self.told;
        if let State::Out(out @ Out { phase: Phase::Trying, .. }) = &mut self.state {
            out.rest(now, told);
            self.news = true;
        }
        self.is_out()
    }

    pub(super) fn trouble(&mut self, now: Instant, lookup: u64, kind: TroubleKind) -> Verdict {
        let trouble = Trouble { lookup, kind };
        match &mut self.state {
            State::Calm(streak) => {
                streak.push(trouble);
                if streak.len() < STREAK {
                    return Verdict::default();
                }
                let streak = std::mem::take(streak);
                self.judge(now, streak)
            }
            State::Doubt { streak, .. } => {
                streak.push(trouble);
                Verdict { in_doubt: true, ..Verdict::default() }
            }
            State::Out(out) => {
                if out.phase == Phase::Trying {
                    out.rest(now, self.told);
                    self.news = true;
                }
                Verdict { in_outage: true, ..Verdict::default() }
            }
        }
    }

    fn judge(&mut self, now: Instant, mut streak: Vec<Trouble>) -> Verdict {
        let first = streak.first().map(|trouble| trouble.lookup);
        let own = streak.iter().all(|t| Some(t.lookup) == first && t.kind.may_be_a_lookups_own());
        if own && !self.has_health {
            return Verdict::default();
        }
        if own {
            self.state = State::Doubt { streak, asked: false };
            return Verdict { in_doubt: true, ..Verdict::default() };
        }
        streak.pop();
        self.begin(now, false, &streak)
    }

    fn begin(&mut self, now: Instant, by_login: bool, streak: &[Trouble]) -> Verdict {
        let mut out = Out { ends: now + self.patience, wait: FIRST_WAIT, phase: Phase::Ready, by_login };
        out.rest(now, self.told);
        self.state = State::Out(out);
        self.news = true;
        let refunds = streak.iter().filter(|t| t.kind.is_unprocessed()).map(|t| t.lookup).collect();
        Verdict { in_outage: true, begins: true, in_doubt: false, refunds }
    }

    pub(super) fn health_done(&mut self, now: Instant, healthy: bool) -> Verdict {
        match &mut self.state {
            State::Doubt { .. } if healthy => self.state = State::Calm(Vec::new()),
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
        Verdict { in_outage: self.out().is_some(), ..Verdict::default() }
    }

    pub(super) fn login_unreachable(&mut self, now: Instant) -> Verdict {
        match &mut self.state {
            State::Out(out) => {
                out.rest(now, self.told);
                Verdict { in_outage: true, ..Verdict::default() }
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

    pub(super) fn is_out(&self) -> bool {
        self.out().is_some()
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self.state, State::Doubt { .. })
    }

    /// Whether other processes are to be told something.
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// Whether it was waited for long enough, which says nothing of how others wait.
    pub(super) fn is_over(&self) -> bool {
        self.out().is_some_and(|out| out.phase == Phase::Over)
    }

    /// What other processes are told: when to look again, and how long to wait after that; nothing without an outage.
    /// While we look ourselves, the others leave us time for it. A login that is not reached is each process's own.
    pub(super) fn tell(&mut self, now: Instant) -> Option<(Instant, Duration)> {
        self.news = false;
        let out = self.out().filter(|out| !out.by_login)?;
        // A wait of our own never reaches so far: so others know that it is the upstream's word.
        if let Some(told) = self.told(now) {
            return Some((told, out.wait.max(told.saturating_duration_since(now))));
        }
        let look = if let Phase::Resting(until) = out.phase { until } else { now + LOOKING };
        Some((look, out.wait))
    }

    /// Takes up what another process tells, unless there is something newer of our own to tell.
    pub(super) fn join(&mut self, now: Instant, told: Option<(Instant, Duration)>) {
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

    /// In an outage: when it asks again (nothing while it is asking), and when it gives up.
    pub(super) fn pause(&self) -> Option<(Option<Instant>, Instant)> {
        let out = self.out()?;
        let again = if let Phase::Resting(until) = out.phase { Some(until) } else { None };
        Some((again, out.ends))
    }
}

impl Out {
    fn gate(&mut self, now: Instant, in_flight: u32, has_health: bool, told: Option<Instant>) -> Gate {
        match self.phase {
            Phase::Resting(until) if now < until => Gate::Wait(Some(until)),
            // Its time is over, and the upstream still wants to be left alone.
            Phase::Resting(_) if told > Some(now) => {
                self.phase = Phase::Over;
                Gate::Over
            }
            Phase::Resting(_) if has_health && !self.by_login => {
                self.phase = Phase::Asking;
                Gate::Health
            }
            Phase::Asking => Gate::Wait(None),
            // With nothing in flight the call that was to try came back without a result (unsent, or given up).
            Phase::Trying if in_flight > 0 => Gate::Wait(None),
            Phase::Resting(_) | Phase::Ready | Phase::Trying => {
                self.phase = Phase::Ready;
                Gate::Open
            }
            Phase::Over => Gate::Over,
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
mod tests {
    use super::*;
    use TroubleKind::{NotConnected, ServerError, TimedOut, Unavailable};

    const SECOND: Duration = Duration::from_secs(1);
    const HOURS: Duration = Duration::from_hours(6);

    fn out(has_health: bool, patience: Duration) -> (Outages, Instant, Verdict) {
        let now = Instant::now();
        let mut outages = Outages::new(patience, has_health);
        for (lookup, kind) in [(1, NotConnected), (2, TimedOut), (1, Unavailable), (3, ServerError)] {
            assert_eq!(outages.trouble(now, lookup, kind), Verdict::default());
        }
        let verdict = outages.trouble(now, 4, NotConnected);
        (outages, now, verdict)
    }

    #[test]
    fn five_in_a_row_and_what_was_not_carried_out_is_given_back() {
        let (mut outages, now, verdict) = out(true, HOURS);
        assert_eq!(verdict, Verdict { in_outage: true, begins: true, in_doubt: false, refunds: vec![1, 1] });
        assert_eq!(outages.trouble(now, 9, TimedOut), Verdict { in_outage: true, ..Verdict::default() });
        assert_eq!(
            outages.gate(now, 3),
            Gate::Wait(Some(now + SECOND)),
            "a straggler does not lengthen the wait"
        );
    }

    #[test]
    fn an_answer_between_starts_the_count_again() {
        let mut outages = Outages::new(HOURS, true);
        for lookup in 0..40 {
            assert!(!outages.trouble(Instant::now(), lookup, NotConnected).in_outage);
            if lookup % 4 == 3 {
                outages.answered();
            }
        }
    }

    #[test]
    fn health_then_one_call_then_over() {
        let (mut outages, now, _) = out(true, HOURS);
        let now = now + SECOND;
        assert_eq!(outages.gate(now, 0), Gate::Health);
        assert_eq!(outages.gate(now, 0), Gate::Wait(None));
        outages.health_done(now, false);
        assert_eq!(outages.gate(now, 0), Gate::Wait(Some(now + 2 * SECOND)));
        let now = now + 2 * SECOND;
        assert_eq!(outages.gate(now, 0), Gate::Health);
        assert!(outages.health_done(now, true).in_outage);
        assert_eq!(outages.gate(now, 0), Gate::Open);
        outages.went();
        assert_eq!(outages.gate(now, 1), Gate::Wait(None), "one alone");
        assert!(outages.trouble(now, 1, TimedOut).in_outage);
        assert_eq!(outages.gate(now, 0), Gate::Wait(Some(now + 4 * SECOND)));
        outages.answered();
        assert_eq!(outages.gate(now, 0), Gate::Open);
        assert_eq!(outages.pause(), None);
    }

    #[test]
    fn a_try_that_came_back_without_result_is_made_again() {
        let (mut outages, now, _) = out(false, HOURS);
        assert_eq!(outages.gate(now + SECOND, 0), Gate::Open, "no health address: straight to the try");
        outages.went();
        assert_eq!(outages.gate(now + SECOND, 1), Gate::Wait(None));
        assert_eq!(outages.gate(now + SECOND, 0), Gate::Open);
    }

    #[test]
    fn waits_grow_to_five_minutes_and_end_with_a_last_question() {
        let (mut outages, start, _) = out(true, Duration::from_secs(1_000));
        let (mut now, mut waits) = (start, Vec::new());
        loop {
            match outages.gate(now, 0) {
                Gate::Wait(Some(until)) => {
                    waits.push((until - now).as_secs());
                    now = until;
                }
                Gate::Health => drop(outages.health_done(now, false)),
                Gate::Over => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 189]);
        assert_eq!(now, start + Duration::from_secs(1_000));
        let (mut none, now, _) = out(true, Duration::ZERO);
        assert_eq!(none.gate(now, 0), Gate::Over);
    }

    #[test]
    fn five_that_were_not_taken_in_a_row_are_one_step() {
        let now = Instant::now();
        let mut outages = Outages::new(HOURS, true);
        for nth in 1..=25 {
            let verdict = outages.not_taken(now, 7);
            assert_eq!((verdict.begins, verdict.in_outage), (nth == 25, nth == 25), "{nth}");
            assert!(verdict.refunds.is_empty(), "they spent no attempt");
        }
        let now = now + SECOND;
        assert_eq!(outages.gate(now, 0), Gate::Health);
        outages.health_done(now, true);
        assert_eq!(outages.gate(now, 0), Gate::Open);
        for nth in 1..=5 {
            outages.went();
            assert!(outages.not_taken(now, 7).in_outage);
            let gate = outages.gate(now, 0);
            assert_eq!(
                gate == Gate::Open,
                nth < 5,
                "{nth}: a try without a result is made again, five times: {gate:?}"
            );
        }
        let mut outages = Outages::new(HOURS, true);
        for nth in 0..100 {
            assert!(!outages.not_taken(now, nth).in_outage);
            if nth % 4 == 3 {
                outages.answered();
            }
        }
        for lookup in 0..4 {
            outages.trouble(now, lookup, NotConnected);
        }
        assert!((1..=5).map(|nth| outages.not_taken(now, nth).begins).eq([false, false, false, false, true]));
    }

    #[test]
    fn one_lookups_own_trouble_is_an_outage_only_if_the_health_address_says_so() {
        let now = Instant::now();
        let doubt = |has_health| {
            let mut outages = Outages::new(HOURS, has_health);
            for nth in 1..=5 {
                let verdict = outages.trouble(now, 7, Unavailable);
                assert_eq!((verdict.in_outage, verdict.in_doubt), (false, has_health && nth == 5));
            }
            assert_eq!(outages.is_in_doubt(), has_health);
            outages
        };
        let mut outages = doubt(true);
        assert_eq!((outages.gate(now, 0), outages.gate(now, 0)), (Gate::Health, Gate::Wait(None)));
        assert_eq!(outages.health_done(now, true), Verdict::default());
        assert_eq!(outages.gate(now, 0), Gate::Open);
        let mut outages = doubt(true);
        outages.gate(now, 0);
        let later = Verdict { in_doubt: true, ..Verdict::default() };
        assert_eq!(outages.trouble(now, 8, NotConnected), later, "another one's, before the answer");
        let verdict = outages.health_done(now, false);
        assert_eq!((verdict.in_outage, verdict.in_doubt, verdict.begins), (true, false, true));
        assert_eq!(verdict.refunds, [7, 7, 7, 7, 7, 8]);
        let mut outages = doubt(true);
        outages.answered();
        assert!(!outages.is_in_doubt(), "an answer ends it before the health address was asked");
        assert_eq!(doubt(false).gate(now, 0), Gate::Open);
        let mut outages = Outages::new(HOURS, true);
        let verdicts: Vec<_> = (0..5).map(|_| outages.trouble(now, 7, NotConnected).in_outage).collect();
        assert_eq!(verdicts, [false, false, false, false, true], "not connected is never a lookup's own");
    }

    #[test]
    fn a_login_out_of_reach_waits_without_asking_the_services_health() {
        let now = Instant::now();
        let mut outages = Outages::new(HOURS, true);
        assert!(outages.login_unreachable(now).begins);
        assert_eq!(outages.gate(now, 0), Gate::Wait(Some(now + SECOND)));
        assert_eq!(outages.gate(now + SECOND, 0), Gate::Open);
        assert!(!outages.login_unreachable(now + SECOND).begins);
        assert_eq!(outages.gate(now + SECOND, 0), Gate::Wait(Some(now + 3 * SECOND)));
        assert_eq!(outages.pause(), Some((Some(now + 3 * SECOND), now + HOURS)));
        outages.logged_in();
        assert_eq!(outages.pause(), None);
    }

    #[test]
    fn one_process_looks_and_the_others_hear_of_it() {
        let (mut ours, now, _) = out(true, HOURS);
        ours.trouble(now, 4, NotConnected);
        let mut theirs = Outages::new(HOURS, true);
        theirs.join(now, ours.tell(now));
        assert_eq!(theirs.gate(now, 0), Gate::Wait(Some(now + SECOND)));
        assert_eq!(ours.gate(now + SECOND, 0), Gate::Health);
        theirs.join(now + SECOND, ours.tell(now + SECOND));
        assert_eq!(theirs.gate(now + SECOND, 0), Gate::Wait(Some(now + SECOND + LOOKING)), "ours is looking");
        ours.health_done(now + 2 * SECOND, false);
        theirs.join(now + 2 * SECOND, ours.tell(now + 2 * SECOND));
        assert_eq!(theirs.gate(now + 2 * SECOND, 0), Gate::Wait(Some(now + 4 * SECOND)));
        assert_eq!(theirs.gate(now + 4 * SECOND, 0), Gate::Health, "whoever comes first");
        theirs.health_done(now + 4 * SECOND, true);
        assert_eq!(theirs.gate(now + 4 * SECOND, 0), Gate::Open);
        theirs.went();
        theirs.answered();
        assert!(theirs.has_news());
        ours.join(now + 5 * SECOND, theirs.tell(now + 5 * SECOND));
        assert!(!ours.is_out() && !theirs.is_out());
    }

    #[test]
    fn what_the_upstream_asks_for_is_waited_for_and_heard_by_others() {
        const MINUTE: Duration = Duration::from_mins(1);
        let now = Instant::now();
        let mut ours = Outages::new(HOURS, true);
        ours.asked_to_wait(now + 20 * MINUTE);
        for lookup in 0..5 {
            ours.trouble(now, lookup, Unavailable);
        }
        assert_eq!(ours.gate(now, 0), Gate::Wait(Some(now + 20 * MINUTE)), "on the way into it");
        ours.asked_to_wait(now + 30 * MINUTE);
        ours.asked_to_wait(now + 10 * MINUTE);
        assert_eq!(ours.gate(now, 0), Gate::Wait(Some(now + 30 * MINUTE)), "the latest counts");
        let told = ours.tell(now);
        assert_eq!(told, Some((now + 30 * MINUTE, 30 * MINUTE)));
        let mut theirs = Outages::new(HOURS, true);
        theirs.join(now, told);
        assert_eq!(theirs.gate(now, 0), Gate::Wait(Some(now + 30 * MINUTE)));
        assert_eq!(theirs.told(now), Some(now + 30 * MINUTE));
        ours.join(now, told);
        let now = now + 30 * MINUTE;
        assert_eq!(ours.gate(now, 0), Gate::Health, "not forgotten by hearing its own words");
        assert_eq!(ours.told(now), None);
        ours.asked_to_wait(now + MINUTE);
        ours.health_done(now, false);
        assert_eq!(ours.gate(now, 0), Gate::Wait(Some(now + MINUTE)), "said by the health address");
        ours.answered();
        assert_eq!((ours.gate(now, 0), ours.told(now)), (Gate::Open, None));
    }

    #[test]
    fn whoever_is_told_to_come_after_the_end_does_not_ask_at_the_end() {
        let now = Instant::now();
        let mut outages = Outages::new(HOURS, true);
        outages.asked_to_wait(now + 4 * HOURS);
        assert!(outages.login_unreachable(now).begins);
        assert_eq!(outages.gate(now, 0), Gate::Wait(Some(now + HOURS)));
        assert_eq!(outages.gate(now + HOURS, 0), Gate::Over);
    }

    #[test]
    fn a_foreign_page_is_no_answer_and_no_failure() {
        let now = Instant::now();
        let mut outages = Outages::new(HOURS, false);
        for lookup in 0..4 {
            outages.trouble(now, lookup, ServerError);
            assert!(!outages.strayed(now));
        }
        assert!(outages.trouble(now, 4, ServerError).begins, "it did not begin the count anew");
        let now = now + SECOND;
        assert_eq!(outages.gate(now, 0), Gate::Open);
        outages.went();
        assert!(outages.strayed(now));
        assert_eq!(outages.gate(now, 0), Gate::Wait(Some(now + 2 * SECOND)), "the try was not answered");
    }

    #[test]
    fn who_has_waited_long_enough_does_not_end_it_for_others() {
        let (mut ours, now, _) = out(true, SECOND);
        ours.trouble(now, 4, NotConnected);
        assert_eq!(ours.gate(now + SECOND, 0), Gate::Health);
        ours.health_done(now + SECOND, false);
        assert!(ours.is_over());
        ours.join(now + SECOND, None);
        ours.tell(now + SECOND);
        ours.join(now + SECOND, None);
        assert_eq!(ours.gate(now + SECOND, 0), Gate::Over);
    }
}
