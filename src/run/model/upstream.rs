//! The upstreams of a model: accounts with moods, and a memory of everything that reached them.

use super::draw::Draw;
use crate::http::cause::Cause;
use crate::http::transport::{Health, SendError, SendErrorKind, Transport};
use crate::upstream::{LoginRequest, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a call asks: account, service, block, number. Two of one subject are one purchase.
pub(super) type Question = [String; 4];

/// The status of a login over whose answer the task panics.
pub(super) const PANICS: u16 = 999;

const PAGE: &str = "<html>Forbidden</html>";
/// A report that cannot be read, and one that somebody else has asked for.
const UNREADABLE: &str = r#"{"report":{"turnover":NaN}}"#;
const ANOTHERS: &str =
    r#"{"metaData":{"requestUrl":"/getdata?transactionid=op0anothers0000"},"report":{"companyName":"x"}}"#;

/// The block that posts letters, and the one that does not.
pub(super) const LETTER_BLOCK: &str = "Credit";
pub(super) const PLAIN_BLOCK: &str = "Basic";

/// How an account behaves: how many of a thousand calls go wrong in which way, and when it is away.
#[derive(Debug, Clone, Default)]
pub(super) struct Mood {
    /// Carried out or not: no answer comes.
    pub(super) lost: u32,
    pub(super) not_connected: u32,
    /// Over HTTP/2 the stream is not taken.
    pub(super) not_taken: u32,
    /// A firewall's page instead of an answer.
    pub(super) pages: u32,
    /// Carried out, and what comes cannot be read.
    pub(super) unreadable: u32,
    /// Carried out, and what comes is another's.
    pub(super) mismatched: u32,
    /// 503.
    pub(super) unavailable: u32,
    /// 429 out of nowhere.
    pub(super) throttled: u32,
    /// The token has expired.
    pub(super) expired: u32,
    pub(super) no_hit: u32,
    pub(super) denied: u32,
    /// The worker panics over the answer.
    pub(super) panics: u32,
    /// The plain block posts a letter.
    pub(super) unannounced: u32,
    /// The plain block never says whether it posts any.
    pub(super) is_silent: bool,
    /// Not reached, health and login neither.
    pub(super) away: Vec<Range<Duration>>,
    /// 429 to all calls; with `Retry-After` until the end where it is told.
    pub(super) closed: Vec<(Range<Duration>, bool)>,
    /// From then on `getdata` is not on the account.
    pub(super) fault: Option<Duration>,
    /// What logins come to, and when.
    pub(super) logins: Vec<(Range<Duration>, u16)>,
    pub(super) delay: Range<u64>,
    /// What becomes of the first calls, and after how many milliseconds, whatever is said above.
    pub(super) script: VecDeque<(u64, Said)>,
}

/// What becomes of a call by a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Hit,
    Lost,
    Unavailable,
    NotConnected,
    Panic,
}

/// How a call ended, as the upstream knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// An answer came back whole: its outcome.
    Answered(&'static str),
    /// Certain that it was not carried out.
    Refused,
    /// It was no call at all.
    NotTaken,
    /// A page that is not the provider's came back.
    Page,
    /// An answer came back that cannot be read.
    Unread,
    /// It may have been.
    Lost,
    /// Whoever asked was gone before anything came back.
    Dropped,
}

/// A call that arrived.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) job: usize,
    pub(super) question: Question,
    pub(super) reference: String,
    pub(super) at: Duration,
    pub(super) posted: bool,
    pub(super) end: Option<End>,
}

#[derive(Default)]
struct State {
    seed: u64,
    moods: BTreeMap<String, Mood>,
    calls: Vec<Call>,
    tokens: BTreeSet<String>,
    logins: u64,
    healths: u64,
    in_flight: BTreeMap<String, u32>,
    complaints: Vec<String>,
    /// The most in flight at once that an account and a job allow.
    limits: BTreeMap<String, u32>,
}

pub(super) struct Upstream {
    start: Instant,
    state: Mutex<State>,
}

/// One job's way to the upstreams.
pub(super) struct Line {
    pub(super) upstream: Arc<Upstream>,
    pub(super) job: usize,
}

/// What comes back, and after how long.
enum Reply {
    Status(u16, String, Option<Duration>),
    Fails(SendErrorKind),
    Panic,
}

/// A call on its way: dropped before its end, nobody hears of it.
struct Flying<'u> {
    upstream: &'u Upstream,
    call: usize,
    names: [String; 2],
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        let mut state = self.upstream.state();
        for name in &self.names {
            *state.in_flight.entry(name.clone()).or_default() -= 1;
        }
        state.calls[self.call].end.get_or_insert(End::Dropped);
    }
}

impl Upstream {
    pub(super) fn new(seed: u64, moods: BTreeMap<String, Mood>, limits: BTreeMap<String, u32>) -> Self {
        let state = State { seed, moods, limits, ..State::default() };
        Self { start: Instant::now(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Everything is well from now on.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.moods.values_mut().for_each(|mood| *mood = Mood { delay: 5..50, ..Mood::default() });
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// What happened here, in all.
    pub(super) fn events(&self) -> u64 {
        let state = self.state();
        state.calls.len() as u64 + state.logins + state.healths
    }

    /// What an upstream would complain of.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.state().complaints.clone()
    }

    fn arrives(&self, job: usize, request: &Request, bearer: &str) -> (Flying<'_>, Duration, Reply) {
        let mut state = self.state();
        let (account, service) = place(&request.url);
        let value = |name: &str| {
            let found = request.query.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let question = [account.clone(), service, value("blockname"), value("searchnumber")];
        let names = [account, format!("job {job}")];
        for name in &names {
            let count = state.in_flight.entry(name.clone()).or_default();
            *count += 1;
            let count = *count;
            if state.limits.get(name).is_some_and(|most| count > *most) {
                state.complaints.push(format!("{count} calls of {name} at once"));
            }
        }
        let at = self.start.elapsed();
        let (delay, reply, posted) = state.decide(at, &question, bearer);
        let reference = value("transactionid");
        state.calls.push(Call { job, question, reference, at, posted, end: None });
        let call = state.calls.len() - 1;
        drop(state);
        (Flying { upstream: self, call, names }, delay, reply)
    }

    fn is_away(&self, account: &str) -> bool {
        let at = self.start.elapsed();
        self.state().moods.get(account).is_some_and(|mood| mood.away.iter().any(|span| span.contains(&at)))
    }
}

/// Account and service of an address such as `http://127.0.0.1:1/alpha/getdata`.
fn place(url: &str) -> (String, String) {
    let mut parts = url.splitn(5, '/').skip(3).map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Whether a number gets a letter of disclosure: that of a partnership.
pub(super) fn gets_letter(number: &str) -> bool {
    number.starts_with('9')
}

impl State {
    /// How long a call takes, what comes back, and whether a letter was posted.
    fn decide(&mut self, at: Duration, question: &Question, bearer: &str) -> (Duration, Reply, bool) {
        let [account, service, block, number] = question;
        let (mut mood, mut said) = (Mood::default(), None);
        if let Some(known) = self.moods.get_mut(account) {
            said = known.script.pop_front();
            mood = known.clone();
        }
        // What becomes of a call is drawn by what it asks, so that it does not depend on who came first.
        let before = self.calls.iter().filter(|call| call.question == *question).count();
        let mut hasher = DefaultHasher::new();
        (self.seed, question, before).hash(&mut hasher);
        let draw = &mut Draw::new(hasher.finish());
        let mut delay = Duration::from_millis(draw.within(mood.delay.clone()));
        if let Some((after, said)) = said {
            delay = Duration::from_millis(after);
            let certain = |what| if said == what { 1_000 } else { 0 };
            let (lost, unavailable, panics) =
                (certain(Said::Lost), certain(Said::Unavailable), certain(Said::Panic));
            let not_connected = certain(Said::NotConnected);
            let unannounced = mood.unannounced;
            mood = Mood { lost, not_connected, unavailable, panics, unannounced, ..Mood::default() };
        }
        let refused = |status, body: &str, wait| Reply::Status(status, body.to_owned(), wait);
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","text":"t"}}}}"#);
        if mood.away.iter().any(|span| span.contains(&at)) {
            return (delay, Reply::Fails(SendErrorKind::NotConnected), false);
        }
        if let Some((span, told)) = mood.closed.iter().find(|(span, _)| span.contains(&at)) {
            let wait = told.then(|| span.end.saturating_sub(at));
            return (delay, refused(429, "", wait), false);
        }
        if !self.tokens.contains(bearer) || draw.of_thousand(mood.expired) {
            self.tokens.remove(bearer);
            return (delay, refused(403, &error("R4"), None), false);
        }
        if mood.fault.is_some_and(|from| at >= from) && service == "getdata" {
            return (delay, refused(403, &error("11"), None), false);
        }
        let mut is = |share| draw.of_thousand(share);
        let credit = service == "getdata" && block == LETTER_BLOCK && gets_letter(number);
        if is(mood.not_connected) {
            return (delay, Reply::Fails(SendErrorKind::NotConnected), false);
        }
        if is(mood.not_taken) {
            return (delay, Reply::Fails(SendErrorKind::NotTaken), false);
        }
        let strays =
            [(mood.pages, 403, PAGE), (mood.unreadable, 200, UNREADABLE), (mood.mismatched, 200, ANOTHERS)];
        if let Some((_, status, body)) = strays.into_iter().find(|(share, ..)| is(*share)) {
            return (delay, refused(status, body, None), credit && status == 200);
        }
        if is(mood.unavailable) {
            let wait = if is(300) { Some(Duration::from_secs(if is(200) { 900 } else { 3 })) } else { None };
            return (delay, refused(503, "", wait), false);
        }
        if is(mood.throttled) {
            return (delay, refused(429, "", Some(Duration::from_secs(2))), false);
        }
        if is(mood.panics) {
            return (delay, Reply::Panic, credit);
        }
        if is(mood.lost) {
            let posted = credit && is(500);
            let reply = if is(500) {
                Reply::Fails(if is(500) { SendErrorKind::Cut } else { SendErrorKind::TimedOut })
            } else {
                refused(500, "", None)
            };
            return (delay, reply, posted);
        }
        if is(mood.denied) {
            return (delay, refused(403, &error("451"), None), false);
        }
        if is(mood.no_hit) {
            return (delay, refused(404, &error("15"), None), false);
        }
        let plain = service == "getdata" && block == PLAIN_BLOCK && gets_letter(number);
        let posted = credit || plain && is(mood.unannounced);
        let meta = if mood.is_silent && !posted { "" } else { &format!(r#""lodCreated":{posted}"#) };
        let body = format!(r#"{{"metaData":{{{meta}}},"report":{{"companyName":"x"}}}}"#);
        (delay, Reply::Status(200, body, None), posted)
    }
}

impl Transport for Line {
    fn distrust(&self) {}

    async fn send(
        &self,
        request: &Request,
        bearer: &SecretString,
        _timeout: Duration,
        on_head: impl FnOnce(u16) + Send,
    ) -> Result<Response, SendError> {
        let (flying, delay, reply) = self.upstream.arrives(self.job, request, bearer.expose_secret());
        sleep(delay).await;
        let end = |end: End| self.upstream.state().calls[flying.call].end = Some(end);
        match reply {
            Reply::Status(status, body, retry_after) => {
                on_head(status);
                end(End::of(status, &body));
                Ok(Response { status, retry_after, content_type: None, body: body.into_bytes() })
            }
            Reply::Fails(kind) => {
                end(match kind {
                    SendErrorKind::NotConnected => End::Refused,
                    SendErrorKind::NotTaken => End::NotTaken,
                    _ => End::Lost,
                });
                Err(SendError::new(kind, Cause::Other))
            }
            Reply::Panic => {
                end(End::Lost);
                panic!("a panic of the model's")
            }
        }
    }

    async fn health(&self, url: &str) -> Result<Health, SendError> {
        self.upstream.state().healths += 1;
        sleep(Duration::from_millis(20)).await;
        let (account, _) = place(url);
        if self.upstream.is_away(&account) {
            return Err(SendError::new(SendErrorKind::NotConnected, Cause::Refused));
        }
        Ok(Health::UP)
    }

    async fn login(&self, request: &LoginRequest) -> Result<Response, SendError> {
        self.upstream.state().logins += 1;
        sleep(Duration::from_millis(30)).await;
        let (account, _) = place(&request.url);
        if self.upstream.is_away(&account) {
            return Err(SendError::new(SendErrorKind::NotConnected, Cause::Refused));
        }
        let at = self.upstream.now();
        let mut state = self.upstream.state();
        let logins = state.moods.get(&account).map(|mood| mood.logins.clone()).unwrap_or_default();
        let status = logins.iter().find(|(span, _)| span.contains(&at)).map_or(200, |(_, status)| *status);
        assert!(status != PANICS, "a panic of the model's");
        if status != 200 {
            let body = br#"{"message":"Access denied - no such user or password"}"#.to_vec();
            return Ok(Response { status, retry_after: None, content_type: None, body });
        }
        let token = format!("{account}-{}", state.logins);
        let body = format!(r#"{{"token":"{token}"}}"#).into_bytes();
        state.tokens.insert(token);
        Ok(Response { status: 200, retry_after: None, content_type: None, body })
    }
}

impl End {
    fn of(status: u16, body: &str) -> Self {
        match status {
            200 if body == UNREADABLE => Self::Unread,
            200 if body == ANOTHERS => Self::Lost,
            200 => Self::Answered("hit"),
            404 => Self::Answered("no_hit"),
            403 if body.contains("451") => Self::Answered("denied"),
            403 if body == PAGE => Self::Page,
            500 => Self::Lost,
            _ => Self::Refused,
        }
    }
}
