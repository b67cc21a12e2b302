//! A transport that answers from a script in simulated time, and a small run that drives an [`Throttle`] with it. Neither
//! ledger nor socket: paused time would fire their time-outs.

use super::{FailureKind, Latch, Permit, StopReason, Throttle, ThrottleRules};
use crate::config::catalogue::{Auth, Dialect};
use crate::domain::pace::Rate;
use crate::http::cause::Cause;
use crate::http::transport::{Health, SendError, SendErrorKind, Transport};
use crate::upstream::{self, LoginContent, LoginRequest, Method, Question, Reading, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// What a script is asked: when (since the start), and with which token.
pub(super) struct Asked<'a> {
    pub(super) at: Duration,
    pub(super) token: &'a str,
    pub(super) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    Call,
    Login,
    Health,
}

/// Status and how long it takes; status 0 is a connection that cannot be made.
pub(super) struct Say(
    pub(super) u16,
    pub(super) Duration,
    pub(super) &'static str,
    pub(super) Option<Duration>,
);

pub(super) const HIT: &str = r#"{"report":{}}"#;
pub(super) const EXPIRED: &str = r#"{"error":{"code":"R4"}}"#;

type Script = Box<dyn Fn(&Asked<'_>) -> Say + Send + Sync>;

pub(super) struct ScriptedTransport {
    start: Instant,
    script: Script,
    log: Mutex<Vec<(What, Duration)>>,
}

impl ScriptedTransport {
    async fn play(&self, what: What, token: &str, on_head: impl FnOnce(u16)) -> Result<Response, SendError> {
        let at = self.start.elapsed();
        self.log.lock().unwrap().push((what, at));
        let Say(status, delay, body, retry_after) = (self.script)(&Asked { at, token, what });
        sleep(delay).await;
        if status == 0 {
            return Err(SendError::new(SendErrorKind::NotConnected, Cause::Refused));
        }
        on_head(status);
        let body = match what {
            What::Login if status == 200 => format!(r#"{{"token":"t{}"}}"#, self.times(What::Login).len()),
            _ => body.to_owned(),
        };
        Ok(Response { status, retry_after, content_type: None, body: body.into_bytes() })
    }

    fn times(&self, what: What) -> Vec<Duration> {
        self.log.lock().unwrap().iter().filter(|(w, _)| *w == what).map(|(_, at)| *at).collect()
    }
}

impl Transport for ScriptedTransport {
    async fn send(
        &self,
        _request: &Request,
        bearer: &SecretString,
        _timeout: Duration,
        on_head: impl FnOnce(u16) + Send,
    ) -> Result<Response, SendError> {
        self.play(What::Call, bearer.expose_secret(), on_head).await
    }

    fn distrust(&self) {}

    async fn health(&self, _url: &str) -> Result<Health, SendError> {
        let Response { status, retry_after, .. } = self.play(What::Health, "", |_| {}).await?;
        Ok(Health { status, retry_after })
    }

    async fn login(&self, _request: &LoginRequest) -> Result<Response, SendError> {
        self.play(What::Login, "", |_| {}).await
    }
}

/// What came of a small run; times are since its start.
pub(super) struct Report {
    pub(super) calls: Vec<Duration>,
    pub(super) logins: Vec<Duration>,
    pub(super) healths: Vec<Duration>,
    pub(super) settled: usize,
    pub(super) refunds: usize,
    pub(super) stop: Option<StopReason>,
}

pub(super) fn rules(rate: &str, concurrency: u32) -> ThrottleRules {
    ThrottleRules {
        rate: Rate::parse(rate).unwrap(),
        shared_rate: Rate::parse(rate).unwrap(),
        burst: 1,
        low: false,
        concurrency,
        refresh_after: Duration::from_mins(55),
        logins: 10,
        cool_down: Duration::from_mins(1),
        outage_wait: Duration::from_hours(6),
        has_health: true,
    }
}

enum Done {
    Call(Lookup, u64, Result<Response, SendError>),
    Login(Result<Response, SendError>),
    Health(Option<Health>),
}

#[derive(Clone, Copy)]
struct Lookup {
    id: u64,
    repeats: u32,
}

struct Run {
    throttle: Throttle,
    transport: Arc<ScriptedTransport>,
    latch: Latch,
    pending: VecDeque<Lookup>,
    tasks: JoinSet<Done>,
    in_flight: u32,
    report: Report,
}

/// Drives `lookups` lookups to their answers, or until the throttle stops it.
pub(super) async fn run(
    lookups: u64,
    rules: ThrottleRules,
    script: impl Fn(&Asked<'_>) -> Say + Send + Sync + 'static,
) -> Report {
    let start = Instant::now();
    let throttle = Throttle::new(rules, start, fastrand::Rng::with_seed(3));
    let transport = ScriptedTransport { start, script: Box::new(script), log: Mutex::default() };
    let report =
        Report { calls: vec![], logins: vec![], healths: vec![], settled: 0, refunds: 0, stop: None };
    let mut run = Run {
        latch: throttle.latch(),
        throttle,
        transport: Arc::new(transport),
        pending: (0..lookups).map(|id| Lookup { id, repeats: 0 }).collect(),
        tasks: JoinSet::new(),
        in_flight: 0,
        report,
    };
    while run.turn().await {}
    run.report.calls = run.transport.times(What::Call);
    run.report.logins = run.transport.times(What::Login);
    run.report.healths = run.transport.times(What::Health);
    run.report
}

impl Run {
    async fn turn(&mut self) -> bool {
        let until = self.start_all();
        if self.tasks.is_empty() && (self.pending.is_empty() || self.report.stop.is_some()) {
            return false;
        }
        let far = Instant::now() + Duration::from_hours(100);
        tokio::select! {
            Some(done) = self.tasks.join_next() => self.done(done.unwrap()),
            () = sleep_until(until.unwrap_or(far)) => assert!(until.is_some(), "nothing will ever happen"),
        }
        true
    }

    fn start_all(&mut self) -> Option<Instant> {
        let now = Instant::now();
        while !self.pending.is_empty() && self.report.stop.is_none() {
            let transport = Arc::clone(&self.transport);
            match self.throttle.permit(now, self.in_flight) {
                Permit::Wait { until, .. } => return until,
                Permit::Stop(reason) => self.report.stop = Some(reason),
                Permit::Login => {
                    self.throttle.login_begins(now);
                    let login = LoginRequest {
                        url: String::new(),
                        content: LoginContent::Json,
                        basic: None,
                        body: "".into(),
                    };
                    self.tasks.spawn(async move { Done::Login(transport.login(&login).await) });
                }
                Permit::Health => {
                    self.throttle.health_begins();
                    self.tasks.spawn(async move { Done::Health(transport.health("").await.ok()) });
                }
                Permit::Go { token } => {
                    assert!(!self.latch.is_closed());
                    let Some(lookup) = self.pending.pop_front() else { continue };
                    self.in_flight += 1;
                    self.throttle.sent(now, now);
                    let latch = self.latch.clone();
                    self.tasks.spawn(async move {
                        let request = Request {
                            method: Method::Get,
                            url: String::new(),
                            query: Vec::new(),
                            headers: Vec::new(),
                            body: None,
                        };
                        let head = |status| latch.on_head(status);
                        let answer = transport.send(&request, token.value(), Duration::MAX, head).await;
                        Done::Call(lookup, token.generation(), answer)
                    });
                }
            }
        }
        None
    }

    fn done(&mut self, done: Done) {
        let now = Instant::now();
        let effect = match done {
            Done::Login(answer) => match answer {
                Ok(answer) => {
                    let reading = upstream::read_login(Auth::Connect, &answer);
                    self.throttle.login_done(now, reading, answer.retry_after)
                }
                Err(error) => self.throttle.login_lost(now, error),
            },
            Done::Health(health) => {
                let there = health.is_some_and(Health::is_up);
                let wait = health.and_then(|health| health.retry_after).filter(|_| !there);
                self.throttle.note_retry_after(now, wait);
                self.throttle.health_done(now, there)
            }
            Done::Call(lookup, generation, answer) => {
                self.in_flight -= 1;
                self.call_done(now, lookup, generation, answer)
            }
        };
        self.report.refunds += effect.refunds.len();
    }

    fn call_done(
        &mut self,
        now: Instant,
        mut lookup: Lookup,
        generation: u64,
        answer: Result<Response, SendError>,
    ) -> super::OutageEffect {
        let mut effect = super::OutageEffect::default();
        match answer
            .map(|answer| (upstream::read(&Dialect::Creditsafe, &answer, &Question::default()), answer))
        {
            Ok((Reading::Answer(_), _)) => {
                self.throttle.answered(generation);
                self.report.settled += 1;
                return effect;
            }
            Ok((Reading::Throttled, answer)) => drop(self.throttle.throttled(now, answer.retry_after)),
            Ok((Reading::TokenRefused { .. }, _)) => {
                self.throttle.token_refused(generation, lookup.repeats);
                lookup.repeats += 1;
            }
            Ok((Reading::Unavailable, answer)) => {
                self.throttle.note_retry_after(now, answer.retry_after);
                effect =
                    self.throttle.call_failed(now, FailureKind::Unavailable, Cause::Status(503), lookup.id);
            }
            Ok((other, _)) => panic!("{other:?}"),
            Err(error) => {
                effect = self.throttle.call_failed(now, FailureKind::NotConnected, error.cause, lookup.id);
            }
        }
        self.pending.push_front(lookup);
        effect
    }
}
