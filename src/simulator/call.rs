//! One data call, from its arrival to its answer: token, window, fault, answer, bill, wait.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, Uri};
use jiff::civil::Date;

use super::alter::{alter, enlarge};
use super::answers::{AnswerContent, Register};
use super::bill::{Arrival, Entry};
use super::codes::{self, Problem};
use super::nordic::{self, Question};
use super::query::Query;
use super::reply::Reply;
use super::scenario::{Deed, Fault};
use super::service::Service;
use super::wire::Fate;
use super::world::{Line, Live, World, canned};
use crate::time;

/// Log ids are far from every other number of a call, so that tests notice when one is taken for another.
const FIRST_LOG_ID: u64 = 700_000_000;

/// A data call as it came in.
struct Call<'a> {
    world: &'a World,
    live: &'a Live,
    service: Service,
    query: &'a Query,
    uri: &'a Uri,
    log_id: u64,
}

/// Answers a data call. It is on the bill before anything waits: a client that is killed meanwhile has been billed.
pub(super) async fn answer(
    service: Service,
    world: Arc<World>,
    fate: Fate,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let arrival = world.bill.arrive();
    let live = world.live();
    let query = Query::read(&uri);
    let log_id = FIRST_LOG_ID + arrival.sequence;
    let call = Call { world: &world, live: &live, service, query: &query, uri: &uri, log_id };
    let (reply, fault) = call.judge(&headers);
    call.bill(&arrival, &reply, fault.as_deref());
    let delay = world.delay(&live, fault.as_deref(), arrival.sequence);
    let line = Line { fate: &fate, sequence: arrival.sequence };
    let reply = world.deliver(reply, delay, fault.as_ref().map(|fault| &fault.deed), line).await;
    reply.into_response()
}

impl Call<'_> {
    /// The reply, and the fault that met the call. Only calls that reach the service count for faults.
    fn judge(&self, headers: &HeaderMap) -> (Reply, Option<Arc<Fault>>) {
        if let Err(code) = self.world.tokens.check(headers) {
            return (self.refused(code), None);
        }
        if let Err(retry_after) = self.live.admit() {
            return (Reply::bare(429).retry_after(retry_after), None);
        }
        let fault = self.live.faults.choose(self.service, self.query.get("searchnumber"));
        let reply = match &fault {
            None => self.truth(),
            Some(fault) => self.distorted(&fault.deed, headers),
        };
        (reply, fault)
    }

    fn refused(&self, code: &'static str) -> Reply {
        self.written(AnswerContent::error(403, Problem::new(code, self.query.language())))
    }

    fn content(&self) -> AnswerContent {
        let blocks = self.live.scenario.blocks.as_deref();
        Register { seed: self.world.seed, blocks, today }.answer(self.service, self.query)
    }

    fn truth(&self) -> Reply {
        self.written(self.content())
    }

    fn written(&self, content: AnswerContent) -> Reply {
        Reply::of(content, self.service, self.log_id, &self.world.base_url, self.uri)
    }

    fn distorted(&self, deed: &Deed, headers: &HeaderMap) -> Reply {
        let number = self.query.get("searchnumber").unwrap_or_default();
        if let Some(reply) = canned(deed, number, &self.world.base_url) {
            return reply;
        }
        match deed {
            Deed::ExpireToken => {
                self.world.tokens.expire(headers);
                self.refused("R4")
            }
            Deed::Error { status, code, text, detail, report } => {
                let text = text.as_ref().map_or_else(
                    || Cow::Borrowed(codes::text(code, self.query.language())),
                    |text| Cow::Owned(text.replace("{number}", number)),
                );
                let detail = detail.as_ref().map(|detail| detail.replace("{number}", number));
                let error = Some(Problem { code: Cow::Owned(code.clone()), text, detail });
                let truth = report.then(|| self.content());
                let letter = truth.as_ref().is_some_and(|truth| truth.letter);
                let report = truth.and_then(|truth| truth.report);
                self.written(AnswerContent { status: *status, error, report, letter })
            }
            Deed::Alter(alterations) => alter(self.truth(), alterations),
            Deed::Huge { size } => enlarge(self.truth(), *size),
            _ => self.truth(),
        }
    }

    /// What was carried out costs money, whether or not the answer arrives.
    fn bill(&self, arrival: &Arrival, reply: &Reply, fault: Option<&Fault>) {
        let code = reply.code.as_deref();
        let answered =
            !matches!(fault.map(|fault| &fault.deed), Some(Deed::Close | Deed::Reset | Deed::Stall));
        let hidden = fault.filter(|fault| fault.carried_out).map(|_| self.content());
        let answers = !reply.is_page() && codes::is_billed(reply.status.as_u16(), code);
        let billed = !answered || hidden.is_some() || answers;
        let letter = hidden.map_or(reply.letter, |hidden| hidden.letter);
        let own = |name: &str| self.query.get(name).map(str::to_owned);
        self.world.bill.enter(billed, letter, || Entry {
            sequence: arrival.sequence,
            at: arrival.at,
            service: self.service.as_str(),
            number: own("searchnumber").unwrap_or_default(),
            transactionid: own("transactionid"),
            block: own("blockname"),
            status: answered.then_some(reply.status.as_u16()),
            code: code.filter(|_| answered).map(str::to_owned),
            billed,
            letter,
            log_id: self.log_id,
            fault: fault.map(|fault| fault.word),
        });
    }
}

/// Answers a data call to a provider that is not Creditsafe.
pub(super) async fn answer_elsewhere(
    service: Service,
    world: Arc<World>,
    fate: Fate,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let arrival = world.bill.arrive();
    let live = world.live();
    let question = Question::read(service, &uri, &headers, &body);
    let provider = uri.path().split('/').nth(1).unwrap_or_default();
    let call = Elsewhere { world: &world, live: &live, question: &question, provider, headers: &headers };
    let (reply, fault) = call.judge(arrival.sequence);
    bill_elsewhere(&world, &question, &arrival, &reply, fault.as_deref());
    let delay = world.delay(&live, fault.as_deref(), arrival.sequence);
    let line = Line { fate: &fate, sequence: arrival.sequence };
    let reply = world.deliver(reply, delay, fault.as_ref().map(|fault| &fault.deed), line).await;
    reply.into_response()
}

/// A call to a provider that is not Creditsafe.
struct Elsewhere<'a> {
    world: &'a World,
    live: &'a Live,
    question: &'a Question,
    provider: &'a str,
    headers: &'a HeaderMap,
}

impl Elsewhere<'_> {
    /// The reply, and the fault that met the call. Only calls that reach the service count for faults.
    fn judge(&self, sequence: u64) -> (Reply, Option<Arc<Fault>>) {
        let Self { world, live, question, provider, headers } = *self;
        if let Err(text) = world.providers.admits(provider, headers) {
            return (token_refused(text), None);
        }
        if let Err(retry_after) = live.admit() {
            return (Reply::bare(429).retry_after(retry_after), None);
        }
        let number = question.number.as_deref();
        let fault = live.faults.choose(question.service, number);
        let register = Register { seed: world.seed, blocks: None, today };
        let truth = || question.answer(&register, FIRST_LOG_ID + sequence);
        let Some(deed) = fault.as_ref().map(|fault| &fault.deed) else { return (truth(), None) };
        let sent = number.unwrap_or_default();
        let reply = canned(deed, sent, &world.base_url).unwrap_or_else(|| match deed {
            Deed::ExpireToken => {
                world.providers.tokens(provider).expire(headers);
                token_refused("The access token expired")
            }
            Deed::Error { status, text, .. } => {
                let text = text.as_deref().unwrap_or("Something is wrong").replace("{number}", sent);
                nordic::problem(*status, "Error", &text, Some(sent))
            }
            Deed::Alter(alterations) => alter(truth(), alterations),
            Deed::Huge { size } => enlarge(truth(), *size),
            _ => truth(),
        });
        (reply, fault)
    }
}

/// Expired tokens are 401 here, where Creditsafe has 403.
fn token_refused(text: &str) -> Reply {
    let body = serde_json::json!({ "error": "invalid_token", "error_description": text });
    Reply::json(401, body.to_string())
}

fn bill_elsewhere(
    world: &World,
    question: &Question,
    arrival: &Arrival,
    reply: &Reply,
    fault: Option<&Fault>,
) {
    let status = reply.status.as_u16();
    let answered = !matches!(fault.map(|fault| &fault.deed), Some(Deed::Close | Deed::Reset | Deed::Stall));
    let carried_out = fault.is_some_and(|fault| fault.carried_out);
    let billed = !answered || carried_out || !(reply.is_page() || matches!(status, 401 | 429 | 503));
    world.bill.enter(billed, false, || Entry {
        sequence: arrival.sequence,
        at: arrival.at,
        service: question.service.as_str(),
        number: question.number.clone().unwrap_or_default(),
        transactionid: question.reference.clone(),
        block: None,
        status: answered.then_some(status),
        code: None,
        billed,
        letter: false,
        log_id: FIRST_LOG_ID + arrival.sequence,
        fault: fault.map(|fault| fault.word),
    });
}

fn today() -> Date {
    time::stockholm_date(time::now_ms())
}
