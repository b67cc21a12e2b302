//! The token and its logins: one token, one login at a time, so many logins in five minutes and no more.
//!
//! A token has a generation. Only the failure of the current one asks for another, so ten calls refused together cost
//! one login. An old token goes on being used while its successor is fetched: at Creditsafe several hold at once.

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
    /// No login before.
    hold: Option<Instant>,
    /// 429s to logins in a row.
    throttled: u32,
    /// When each login of the last five minutes stops counting.
    counted: VecDeque<Instant>,
}

#[derive(Debug)]
struct Held {
    token: Arc<Token>,
    renew: Instant,
    /// Whether a call was answered with it: then a refusal is its expiry.
    proved: bool,
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

    pub(super) fn step(&mut self, now: Instant) -> Step {
        let serving = self.current.as_ref().map(|held| (Arc::clone(&held.token), now >= held.renew));
        match serving {
            Some((token, false)) => Step::Use(token),
            Some((token, true)) => {
                if self.begin(now).is_ok() {
                    Step::Login
                } else {
                    Step::Use(token)
                }
            }
            None => self.begin(now).map_or_else(Step::Wait, |()| Step::Login),
        }
    }

    /// Begins a login, or says until when it may not: nothing for as long as one is under way.
    fn begin(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if self.login.is_some() {
            return Err(None);
        }
        if let Some(until) = self.waiting(now) {
            return Err(Some(until));
        }
        self.login = Some(now);
        self.counted.retain(|end| *end > now);
        self.counted.push_back(now + LOGIN_WINDOW);
        Ok(())
    }

    /// Until when no login may be sent, by an upstream's word or by the cap.
    fn waiting(&self, now: Instant) -> Option<Instant> {
        // More than the cap may count where an earlier process had a higher one.
        let over = self.counted.len().checked_sub(self.most as usize);
        let capped = over.and_then(|at| self.counted.get(at)).filter(|end| **end > now);
        capped.copied().max(self.hold.filter(|until| now < *until))
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
            LoginReading::Misconfigured { message } => {
                LoggedIn::Stop(StopReason::LoginMisconfigured { message })
            }
            LoginReading::Throttled => self.too_many(now, told),
            LoginReading::Unavailable { .. } if self.current.is_some() => {
                self.hold = Some(now + RENEWAL_WAIT);
                LoggedIn::Served
            }
            LoginReading::Unavailable { .. } => LoggedIn::Unreachable,
        }
    }

    fn take_up(&mut self, began: Instant, value: SecretString, expires_in: Option<Duration>) -> LoggedIn {
        self.generation += 1;
        (self.throttled, self.hold) = (0, None);
        let life = expires_in.map(|life| life.saturating_sub(MARGIN).max(life / 2));
        let token = Arc::new(Token { generation: self.generation, value });
        self.current = Some(Held { token, renew: began + life.unwrap_or(self.refresh_after), proved: false });
        LoggedIn::Served
    }

    /// Waited for once: going on longer shuts the account out for longer.
    fn too_many(&mut self, now: Instant, told: Option<Duration>) -> LoggedIn {
        self.throttled += 1;
        self.hold = Some(now + told.unwrap_or(LOGIN_WINDOW).max(Duration::from_secs(1)));
        match (&self.current, self.throttled) {
            (Some(_), _) => LoggedIn::Served,
            (None, 1) => LoggedIn::Waiting,
            (None, _) => LoggedIn::Stop(StopReason::LoginThrottled),
        }
    }

    pub(super) fn answered(&mut self, generation: u64) {
        if let Some(held) = &mut self.current {
            held.proved |= held.token.generation == generation;
        }
    }

    /// A call with this token was refused; `repeats` is how often its lookup was refused before, in a row. True where
    /// another token would not help.
    pub(super) fn refused(&mut self, generation: u64, repeats: u32) -> bool {
        let current = self.current.take_if(|held| held.token.generation == generation);
        let useless = current.is_some_and(|held| !held.proved) && repeats > 0;
        useless || repeats >= REFUSALS
    }

    /// Until when a call waits for a login that may not be sent yet.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        if self.current.is_some() || self.login.is_some() { None } else { self.waiting(now) }
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
        assert!(matches!(tokens.step(now), Step::Login));
        assert!(matches!(tokens.step(now), Step::Wait(None)), "one at a time");
        assert_eq!(tokens.login_done(now, fetched("a"), None), LoggedIn::Served);
        (tokens, now)
    }

    #[test]
    fn the_value_is_not_shown() {
        let (mut tokens, now) = with_token();
        let token = Token { generation: 1, value: "marked".into() };
        assert!(!format!("{token:?}{tokens:?}{:?}", tokens.step(now)).contains("marked"));
    }

    #[test]
    fn renewed_by_age_once_while_the_old_one_serves() {
        let (mut tokens, now) = with_token();
        assert_eq!(generation(&tokens.step(now + 54 * MINUTE)), 1);
        let old = now + 55 * MINUTE;
        assert!(matches!(tokens.step(old), Step::Login));
        assert_eq!(generation(&tokens.step(old)), 1);
        tokens.login_done(old, LoginReading::Unavailable { code: "502".to_owned() }, None);
        assert_eq!(generation(&tokens.step(old)), 1, "a failed renewal waits");
        assert!(matches!(tokens.step(old + MINUTE), Step::Login));
        tokens.login_done(old + MINUTE, fetched("b"), None);
        assert_eq!(generation(&tokens.step(old + MINUTE)), 2);
    }

    #[test]
    fn the_upstreams_word_on_its_life_comes_before_ours() {
        for (life, renewed) in [(3600, 3540), (100, 50), (7199, 7139)] {
            let now = Instant::now();
            let mut tokens = Tokens::new(55 * MINUTE, 10);
            tokens.step(now);
            let life = Some(Duration::from_secs(life));
            tokens.login_done(now, LoginReading::Token { token: "a".into(), expires_in: life }, None);
            assert!(matches!(tokens.step(now + Duration::from_secs(renewed - 1)), Step::Use(_)), "{renewed}");
            assert!(matches!(tokens.step(now + Duration::from_secs(renewed)), Step::Login), "{renewed}");
        }
    }

    #[test]
    fn only_the_current_one_is_dropped_and_an_unproved_successor_ends_it() {
        let (mut tokens, now) = with_token();
        tokens.answered(1);
        assert!(!tokens.refused(1, 0));
        assert!(!tokens.refused(1, 0), "the second of ten");
        assert!(matches!(tokens.step(now), Step::Login));
        tokens.login_done(now, fetched("b"), None);
        assert!(!tokens.refused(1, 0), "a straggler with the old one");
        assert_eq!(generation(&tokens.step(now)), 2);
        assert!(tokens.refused(2, 1));
    }

    #[test]
    fn a_lookup_refused_by_tokens_that_serve_others_does_not_go_round_for_ever() {
        let (mut tokens, now) = with_token();
        for repeats in 0..3 {
            tokens.answered(u64::from(repeats) + 1);
            assert!(!tokens.refused(u64::from(repeats) + 1, repeats));
            assert!(matches!(tokens.step(now), Step::Login));
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
        let Step::Wait(Some(until)) = tokens.step(now) else { panic!() };
        assert_eq!(until, now + MINUTE);
        assert_eq!(tokens.pause(now), Some(until));
        assert!(matches!(tokens.step(until), Step::Login));
        let mut tokens = Tokens::new(55 * MINUTE, 1);
        tokens.restore(now, &[MINUTE, 2 * MINUTE]);
        assert!(matches!(tokens.step(now), Step::Wait(Some(until)) if until == now + 4 * MINUTE));
    }

    #[test]
    fn refused_at_once_throttled_once_unreachable_told() {
        let now = Instant::now();
        let fresh = || {
            let mut tokens = Tokens::new(55 * MINUTE, 10);
            tokens.step(now);
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
            assert!(matches!(tokens.step(now), Step::Wait(Some(until)) if until == now + wait));
            assert!(matches!(tokens.step(now + wait), Step::Login));
            let again = tokens.login_done(now + wait, LoginReading::Throttled, told);
            assert_eq!(again, LoggedIn::Stop(StopReason::LoginThrottled));
        }
    }
}
