//! The token and its logins: one token, one login at a time, so many logins in five minutes and no more.
//!
//! A token has a generation. Only the failure of the current one asks for another, so ten calls refused together cost
//! one login. A token that is due for renewal goes on being used while its successor is fetched (at Creditsafe several
//! hold at once), but not past its life: what comes back from an outage, or sends one call an hour, waits for the login.

use super::StopReason;
use crate::upstream::LoginReading;
use secrecy::SecretString;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The span over which logins are counted: the upstream's own (apis.md section 2).
pub const LOGIN_WINDOW: Duration = Duration::from_mins(5);
/// How long before its end a token is renewed, where the upstream tells its life.
const MARGIN: Duration = Duration::from_mins(1);
/// A life that is told longer is taken for this.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// How long past its renewal a token is used whose life is not told: with the default it ends a minute before
/// Creditsafe's hour.
const GRACE: Duration = Duration::from_mins(4);
/// Up to this age a token is fresh: refused when older, it may have expired or been withdrawn.
const FRESH: Duration = Duration::from_mins(5);
/// The wait before a renewal that failed is tried again, while the old token still serves.
const RENEWAL_WAIT: Duration = Duration::from_mins(1);
/// Refusals in a row after which a lookup is held to be refused for good, even by tokens that serve others.
const REFUSALS: u32 = 3;

/// A bearer token. Never shown.
pub struct Token {
    generation: u64,
    value: SecretString,
}

impl Token {
    /// Which token of this process it is, from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The value, for the request's header and nowhere else.
    pub fn value(&self) -> &SecretString {
        &self.value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// What a call may do about its token.
#[derive(Debug)]
pub(super) enum Step {
    Use(Arc<Token>),
    Login,
    /// Until a time, or until the login under way is done.
    Wait(Option<Instant>),
}

/// What a finished login means for the account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LoggedIn {
    /// There is a token, new or still the old one.
    Served,
    /// A login has to wait, and there is no token meanwhile.
    Waiting,
    /// The login cannot be reached, and there is no token meanwhile.
    Unreachable,
    Stop(StopReason),
}

#[derive(Debug)]
pub(super) struct Tokens {
    refresh_after: Duration,
    most: u32,
    current: Option<Held>,
    generation: u64,
    /// When the login under way began.
    login: Option<Instant>,
    /// No login before, by the upstream's word.
    hold: Option<Instant>,
    /// No login before, because the last renewal failed.
    renewal: Option<Instant>,
    /// 429s to logins in a row.
    throttled: u32,
    /// When each login of the last five minutes stops counting.
    counted: VecDeque<Instant>,
}

#[derive(Debug)]
struct Held {
    token: Arc<Token>,
    fresh_until: Instant,
    renew: Instant,
    /// It is not used from then on.
    ends: Instant,
    /// Whether a refusal is its expiry: a call was answered with it, or it was used when it was no longer fresh.
    may_expire: bool,
}

impl Tokens {
    pub(super) fn new(refresh_after: Duration, most: u32) -> Self {
        Self {
            refresh_after,
            most: most.max(1),
            current: None,
            generation: 0,
            login: None,
            hold: None,
            renewal: None,
            throttled: 0,
            counted: VecDeque::new(),
        }
    }

    /// Counts logins of earlier processes, by their ages.
    pub(super) fn restore(&mut self, now: Instant, ages: &[Duration]) {
        let ends = ages.iter().filter_map(|age| LOGIN_WINDOW.checked_sub(*age)).map(|left| now + left);
        self.counted.extend(ends);
        self.counted.make_contiguous().sort();
    }

    /// Takes up what is left of an earlier process's wait after a 429 to its login. The next 429 is the second.
    pub(super) fn restore_hold(&mut self, now: Instant, left: Duration) {
        if !left.is_zero() {
            (self.hold, self.throttled) = (Some(now + left), 1);
        }
    }

    /// The end of the wait after the last 429 to a login, ahead or past.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.hold
    }

    /// What a call may do about its token. Asking changes nothing: who acts on the answer says so.
    pub(super) fn step(&self, now: Instant) -> Step {
        let serving = self.serving(now);
        let due = serving.is_none_or(|held| now >= held.renew);
        let login = if due { self.may_begin(now) } else { Err(None) };
        match (login, serving) {
            (Ok(()), _) => Step::Login,
            (Err(_), Some(held)) => Step::Use(Arc::clone(&held.token)),
            (Err(until), None) => Step::Wait(until),
        }
    }

    /// The token, where there is one that can still be used.
    fn serving(&self, now: Instant) -> Option<&Held> {
        self.current.as_ref().filter(|held| now < held.ends)
    }

    /// Whether a login may begin, or until when it may not: `Err(None)` for as long as one is under way.
    fn may_begin(&self, now: Instant) -> Result<(), Option<Instant>> {
        match self.waiting(now) {
            _ if self.login.is_some() => Err(None),
            Some(until) => Err(Some(until)),
            None => Ok(()),
        }
    }

    /// A login begins.
    pub(super) fn login_begins(&mut self, now: Instant) {
        self.login = Some(now);
        self.counted.retain(|end| *end > now);
        self.counted.push_back(now + LOGIN_WINDOW);
    }

    /// A call goes out with the token.
    pub(super) fn used(&mut self, now: Instant) {
        if let Some(held) = &mut self.current {
            held.may_expire |= now >= held.fresh_until;
        }
    }

    /// Until when no login may be sent, by an upstream's word or by the cap.
    fn waiting(&self, now: Instant) -> Option<Instant> {
        // More than the cap may count where an earlier process had a higher one.
        let capped = self.counted.iter().rev().nth(self.most as usize - 1).copied();
        capped.max(self.hold).max(self.renewal).filter(|until| now < *until)
    }

    pub(super) fn login_done(
        &mut self,
        now: Instant,
        reading: LoginReading,
        told: Option<Duration>,
    ) -> LoggedIn {
        let began = self.login.take().unwrap_or(now);
        match reading {
            LoginReading::Token { token, expires_in } => self.take_up(began, token, expires_in),
            LoginReading::Refused { message } => LoggedIn::Stop(StopReason::LoginRefused { message }),
            LoginReading::Throttled => self.too_many(now, told),
            // The same login brought the token that still serves.
            LoginReading::Unavailable { .. } | LoginReading::Misconfigured { .. }
                if self.serving(now).is_some() =>
            {
                self.renewal = Some(now + told.unwrap_or_default().max(RENEWAL_WAIT));
                LoggedIn::Served
            }
            LoginReading::Misconfigured { message } => {
                LoggedIn::Stop(StopReason::LoginMisconfigured { message })
            }
            LoginReading::Unavailable { .. } => LoggedIn::Unreachable,
        }
    }

    /// The login that was asked for was not sent: others have used up the cap, or were told to wait.
    pub(super) fn postponed(&mut self, until: Instant) {
        self.uncount();
        self.login = None;
        self.renewal = Some(until);
    }

    /// The login under way did not reach anybody: it is none of the cap.
    pub(super) fn uncount(&mut self) {
        if self.login.is_some() {
            self.counted.pop_back();
        }
    }

    fn take_up(&mut self, began: Instant, value: SecretString, expires_in: Option<Duration>) -> LoggedIn {
        self.generation += 1;
        (self.throttled, self.hold, self.renewal) = (0, None, None);
        let told = expires_in.filter(|life| !life.is_zero()).map(|life| life.min(LONGEST_LIFE));
        let (renew, ends) = match told {
            Some(life) => (life.saturating_sub(MARGIN).max(life / 2), life),
            None => (self.refresh_after, self.refresh_after + GRACE),
        };
        self.current = Some(Held {
            token: Arc::new(Token { generation: self.generation, value }),
            fresh_until: began + FRESH,
            renew: began + renew,
            ends: began + ends,
            may_expire: false,
        });
        LoggedIn::Served
    }

    /// Waited for once: going on longer shuts the account out for longer.
    fn too_many(&mut self, now: Instant, told: Option<Duration>) -> LoggedIn {
        self.throttled += 1;
        self.hold = Some(now + told.unwrap_or(LOGIN_WINDOW).max(Duration::from_secs(1)));
        match (self.serving(now), self.throttled) {
            (Some(_), _) => LoggedIn::Served,
            (None, 1) => LoggedIn::Waiting,
            (None, _) => LoggedIn::Stop(StopReason::LoginThrottled),
        }
    }

    pub(super) fn answered(&mut self, generation: u64) {
        if let Some(held) = &mut self.current {
            held.may_expire |= held.token.generation == generation;
        }
    }

    /// A call with this token was refused; `repeats` is how often its lookup was refused before, in a row. True where
    /// another token would not help.
    pub(super) fn refused(&mut self, generation: u64, repeats: u32) -> bool {
        let current = self.current.take_if(|held| held.token.generation == generation);
        let useless = current.is_some_and(|held| !held.may_expire) && repeats > 0;
        useless || repeats >= REFUSALS
    }

    /// Until when a call waits for a login that the upstream has asked us not to send.
    pub(super) fn held(&self, now: Instant) -> Option<Instant> {
        let waits = self.serving(now).is_none() && self.login.is_none();
        self.hold.filter(|until| waits && now < *until)
    }

    /// Until when a call waits for a login that may not be sent yet.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        if self.serving(now).is_some() || self.login.is_some() { None } else { self.waiting(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn fetched(value: &str) -> LoginReading {
        LoginReading::Token { token: value.into(), expires_in: None }
    }

    fn generation(step: &Step) -> u64 {
        match step {
            Step::Use(token) => token.generation(),
            _ => panic!("{step:?}"),
        }
    }

    fn with_token() -> (Tokens, Instant) {
        let now = Instant::now();
        let mut tokens = Tokens::new(55 * MINUTE, 10);
        assert!(matches!(tokens.act(now), Step::Login));
        assert!(matches!(tokens.act(now), Step::Wait(None)), "one at a time");
        assert_eq!(tokens.login_done(now, fetched("a"), None), LoggedIn::Served);
        (tokens, now)
    }

    impl Tokens {
        /// What a call is told, and does.
        fn act(&mut self, now: Instant) -> Step {
            let step = self.step(now);
            match &step {
                Step::Login => self.login_begins(now),
                Step::Use(_) => self.used(now),
                Step::Wait(_) => {}
            }
            step
        }
    }

    #[test]
    fn asking_changes_nothing() {
        let (mut tokens, now) = (Tokens::new(55 * MINUTE, 1), Instant::now());
        for _ in 0..3 {
            assert!(matches!(tokens.step(now), Step::Login), "whoever could not pay for it asks again");
        }
        tokens.login_begins(now);
        assert!(matches!(tokens.step(now), Step::Wait(None)));
    }

    #[test]
    fn the_value_is_not_shown() {
        let (mut tokens, now) = with_token();
        let token = Token { generation: 1, value: "marked".into() };
        assert!(!format!("{token:?}{tokens:?}{:?}", tokens.act(now)).contains("marked"));
    }

    #[test]
    fn renewed_by_age_once_while_the_old_one_serves() {
        let (mut tokens, now) = with_token();
        assert_eq!(generation(&tokens.act(now + 54 * MINUTE)), 1);
        let old = now + 55 * MINUTE;
        assert!(matches!(tokens.act(old), Step::Login));
        assert_eq!(generation(&tokens.act(old)), 1);
        tokens.login_done(old, LoginReading::Unavailable { code: "502".to_owned() }, None);
        assert_eq!(generation(&tokens.act(old)), 1, "a failed renewal waits");
        assert!(matches!(tokens.act(old + MINUTE), Step::Login));
        tokens.login_done(old + MINUTE, fetched("b"), None);
        assert_eq!(generation(&tokens.act(old + MINUTE)), 2);
    }

    #[test]
    fn a_renewal_that_meets_no_login_does_not_disturb_the_token_that_serves() {
        let misfit = || LoginReading::Misconfigured { message: "another grant".to_owned() };
        let (mut tokens, now) = with_token();
        let old = now + 55 * MINUTE;
        assert!(matches!(tokens.act(old), Step::Login));
        assert_eq!(tokens.login_done(old, misfit(), Some(2 * MINUTE)), LoggedIn::Served);
        assert_eq!(generation(&tokens.act(old + MINUTE)), 1, "not before the time that it asked for");
        assert!(matches!(tokens.act(old + 2 * MINUTE), Step::Login));
        let mut none = Tokens::new(55 * MINUTE, 10);
        none.act(now);
        let stop = none.login_done(now, misfit(), None);
        assert!(matches!(stop, LoggedIn::Stop(StopReason::LoginMisconfigured { .. })), "{stop:?}");
    }

    #[test]
    fn the_upstreams_word_on_its_life_comes_before_ours() {
        for (life, renewed) in [(3600, 3540), (100, 50), (7199, 7139)] {
            let now = Instant::now();
            let mut tokens = Tokens::new(55 * MINUTE, 10);
            tokens.act(now);
            let life = Some(Duration::from_secs(life));
            tokens.login_done(now, LoginReading::Token { token: "a".into(), expires_in: life }, None);
            assert!(matches!(tokens.act(now + Duration::from_secs(renewed - 1)), Step::Use(_)), "{renewed}");
            assert!(matches!(tokens.act(now + Duration::from_secs(renewed)), Step::Login), "{renewed}");
        }
    }

    #[test]
    fn a_token_past_its_life_is_not_used() {
        let (mut tokens, now) = with_token();
        assert!(matches!(tokens.act(now + 58 * MINUTE), Step::Login));
        assert_eq!(generation(&tokens.act(now + 58 * MINUTE)), 1);
        assert!(matches!(tokens.act(now + 59 * MINUTE), Step::Wait(None)));
        let gone = LoginReading::Unavailable { code: "502".to_owned() };
        assert_eq!(tokens.login_done(now + 59 * MINUTE, gone, None), LoggedIn::Unreachable);
        assert!(matches!(tokens.act(now + 60 * MINUTE), Step::Login));
        assert_eq!(tokens.login_done(now + 60 * MINUTE, LoginReading::Throttled, None), LoggedIn::Waiting);
        assert_eq!(tokens.pause(now + 60 * MINUTE), Some(now + 65 * MINUTE));
        for (told, lasts) in [(100, 100), (0, 59 * 60), (u64::MAX, 24 * 3_600)] {
            let (mut tokens, now) = (Tokens::new(55 * MINUTE, 10), Instant::now());
            tokens.act(now);
            let expires_in = Some(Duration::from_secs(told));
            tokens.login_done(now, LoginReading::Token { token: "a".into(), expires_in }, None);
            assert!(matches!(tokens.act(now + Duration::from_secs(lasts - 1)), Step::Login));
            assert_eq!(generation(&tokens.act(now + Duration::from_secs(lasts - 1))), 1, "{told}");
            assert!(matches!(tokens.act(now + Duration::from_secs(lasts)), Step::Wait(None)), "{told}");
        }
    }

    #[test]
    fn an_old_tokens_refusal_is_its_expiry_though_it_served_nobody() {
        for (age, useless) in [(0, true), (4, true), (5, false), (54, false), (58, false)] {
            let (mut tokens, now) = with_token();
            let now = now + age * MINUTE;
            tokens.act(now);
            tokens.act(now);
            assert_eq!(tokens.refused(1, 1), useless, "{age}");
        }
    }

    #[test]
    fn only_the_current_one_is_dropped_and_an_unproved_successor_ends_it() {
        let (mut tokens, now) = with_token();
        tokens.answered(1);
        assert!(!tokens.refused(1, 0));
        assert!(!tokens.refused(1, 0), "the second of ten");
        assert!(matches!(tokens.act(now), Step::Login));
        tokens.login_done(now, fetched("b"), None);
        assert!(!tokens.refused(1, 0), "a straggler with the old one");
        assert_eq!(generation(&tokens.act(now)), 2);
        assert!(tokens.refused(2, 1));
    }

    #[test]
    fn a_lookup_refused_by_tokens_that_serve_others_does_not_go_round_for_ever() {
        let (mut tokens, now) = with_token();
        for repeats in 0..3 {
            tokens.answered(u64::from(repeats) + 1);
            assert!(!tokens.refused(u64::from(repeats) + 1, repeats));
            assert!(matches!(tokens.act(now), Step::Login));
            tokens.login_done(now, fetched("n"), None);
        }
        tokens.answered(4);
        assert!(tokens.refused(4, 3));
    }

    #[test]
    fn at_the_cap_it_waits_over_restarts() {
        let now = Instant::now();
        let mut tokens = Tokens::new(55 * MINUTE, 2);
        tokens.restore(now, &[MINUTE, 9 * MINUTE, 4 * MINUTE]);
        let Step::Wait(Some(until)) = tokens.act(now) else { panic!() };
        assert_eq!(until, now + MINUTE);
        assert_eq!(tokens.pause(now), Some(until));
        assert!(matches!(tokens.act(until), Step::Login));
        let mut tokens = Tokens::new(55 * MINUTE, 1);
        tokens.restore(now, &[MINUTE, 2 * MINUTE]);
        assert!(matches!(tokens.act(now), Step::Wait(Some(until)) if until == now + 4 * MINUTE));
    }

    #[test]
    fn a_login_that_reached_nobody_is_none_of_the_cap() {
        let (mut tokens, now) = (Tokens::new(55 * MINUTE, 2), Instant::now());
        let gone = || LoginReading::Unavailable { code: "gone".to_owned() };
        for _ in 0..9 {
            assert!(matches!(tokens.act(now), Step::Login));
            tokens.uncount();
            assert_eq!(tokens.login_done(now, gone(), None), LoggedIn::Unreachable);
        }
        for _ in 0..2 {
            assert!(matches!(tokens.act(now), Step::Login));
            assert_eq!(tokens.login_done(now, gone(), None), LoggedIn::Unreachable);
        }
        assert!(matches!(tokens.act(now), Step::Wait(Some(_))), "these were answered");
    }

    #[test]
    fn the_wait_after_a_429_holds_over_restarts() {
        let (mut tokens, now) = (Tokens::new(55 * MINUTE, 10), Instant::now());
        tokens.restore_hold(now, Duration::ZERO);
        assert_eq!(tokens.held_until(), None);
        tokens.act(now);
        tokens.login_done(now, LoginReading::Throttled, None);
        let until = tokens.held_until().unwrap();
        assert_eq!(until, now + 5 * MINUTE);
        let mut tokens = Tokens::new(55 * MINUTE, 10);
        tokens.restore_hold(now + MINUTE, until - (now + MINUTE));
        assert_eq!(tokens.held_until(), Some(until));
        assert!(matches!(tokens.act(now + MINUTE), Step::Wait(Some(at)) if at == until));
        assert!(matches!(tokens.act(until), Step::Login));
        let mut again = Tokens::new(55 * MINUTE, 10);
        again.restore_hold(now, MINUTE);
        again.act(now + MINUTE);
        let second = again.login_done(now + MINUTE, LoginReading::Throttled, None);
        assert_eq!(second, LoggedIn::Stop(StopReason::LoginThrottled));
        tokens.login_done(until, fetched("a"), None);
        assert_eq!(tokens.held_until(), None);
    }

    #[test]
    fn refused_at_once_throttled_once_unreachable_told() {
        let now = Instant::now();
        let fresh = || {
            let mut tokens = Tokens::new(55 * MINUTE, 10);
            tokens.act(now);
            tokens
        };
        let refused = LoginReading::Refused { message: "no".to_owned() };
        assert!(matches!(
            fresh().login_done(now, refused, None),
            LoggedIn::Stop(StopReason::LoginRefused { .. })
        ));
        let gone = LoginReading::Unavailable { code: "502".to_owned() };
        assert_eq!(fresh().login_done(now, gone, None), LoggedIn::Unreachable);
        for (told, wait) in [(None, 5 * MINUTE), (Some(MINUTE), MINUTE)] {
            let mut tokens = fresh();
            assert_eq!(tokens.login_done(now, LoginReading::Throttled, told), LoggedIn::Waiting);
            assert!(matches!(tokens.act(now), Step::Wait(Some(until)) if until == now + wait));
            assert!(matches!(tokens.act(now + wait), Step::Login));
            let again = tokens.login_done(now + wait, LoginReading::Throttled, told);
            assert_eq!(again, LoggedIn::Stop(StopReason::LoginThrottled));
        }
    }
}
