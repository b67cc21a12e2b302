//! One exchange with an upstream: send, read, pack. It decides nothing; it tells the coordinator what came back.

use super::credentials::Credentials;
use crate::config::catalogue::Service;
use crate::domain::number::persons_in;
use crate::domain::redact::{Known, SHORTEST_TOKEN};
use crate::http::cause::Cause;
use crate::http::throttle::{Latch, Token};
use crate::http::transport::{SendError, SendErrorKind, Transport};
use crate::ledger::{Cell, DataKey, LookupId, ResponseHead};
use crate::upstream::{
    Answer, Fault, MISMATCHED, Question, Reading, Request, Response, UNREADABLE, Unread, read,
};
use memchr::memmem;
use secrecy::ExposeSecret;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Everything that one exchange needs.
pub(super) struct ExchangeInput {
    pub(super) account: usize,
    pub(super) at: LookupId,
    pub(super) request: Request,
    pub(super) token: Arc<Token>,
    pub(super) timeout: Duration,
    pub(super) service: Arc<Service>,
    /// What the answer is held against.
    pub(super) question: Question,
    pub(super) latch: Latch,
    /// The number that is asked about, as it is sent.
    pub(super) number: String,
    pub(super) credentials: Arc<Credentials>,
    /// What its answer is sealed with, and the attempt that it is sealed for.
    pub(super) data_key: Arc<DataKey>,
    pub(super) attempt: i64,
    /// Whether it is not to leave after all.
    pub(super) held_back: bool,
}

impl ExchangeInput {
    /// What an upstream may echo and nobody may see: it is looked for before anything else is.
    fn known(&self) -> Known {
        let token = self.token.value().expose_secret();
        self.credentials.known().and_token(token).and_sent(&self.number)
    }

    /// A body as the ledger keeps it.
    fn sealed(&self, body: &[u8]) -> Vec<u8> {
        self.data_key.seal(Cell::Body(self.attempt), body)
    }

    /// The persons who are named in it, but for who was asked about.
    fn named(&self, body: &[u8]) -> Vec<[u8; 10]> {
        let mut named = persons_in(body);
        named.retain(|ten| !self.number.as_bytes().ends_with(ten));
        named
    }
}

/// What came back.
pub(super) struct Done {
    pub(super) account: usize,
    pub(super) at: LookupId,
    /// The generation of the token that was sent.
    pub(super) generation: u64,
    pub(super) came: ExchangeResult,
    /// How long it was under way; `None` if it did not leave.
    pub(super) took: Option<Duration>,
}

/// What came back, as far as it can be told.
pub(super) enum ExchangeResult {
    /// An answer, whose body is sealed already, and the persons who are named in it.
    Answer(Box<Answer>, Vec<[u8; 10]>),
    /// The token was not taken.
    TokenRefused(String),
    /// The client is not taken: its code, and what to tell.
    ClientRefused(String, String),
    /// 429.
    Throttled(Option<Duration>),
    /// 503.
    Unavailable(Option<Duration>),
    /// 500, 502, 504 and their like.
    ServerError(String),
    /// No answer in time.
    TimedOut,
    /// Part of an answer, or a page instead of one.
    Lost(String),
    /// An answer larger than any that is taken.
    TooLarge,
    /// An answer that arrived whole and cannot be read.
    Unread(Kept),
    /// An answer to another question.
    Mismatched(Option<Kept>),
    /// The configuration is at fault.
    Fault(Fault),
    /// A page that is not the provider's, and how long it asks to be left alone.
    Foreign(Fault, Option<Duration>),
    /// Certain that nothing left.
    NotConnected(Cause),
    /// It was never written, or the server says that it never took it.
    NotTaken,
    /// It cannot be put on the wire.
    Unsendable,
    /// Held back, because the account had just been told to wait, or the ledger was taken away.
    Unsent,
}

impl ExchangeResult {
    /// Why there is no answer, where that may be the upstream's failing.
    pub(super) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Unavailable(_) => Some(Cause::Status(503)),
            Self::ServerError(code) | Self::Lost(code) => Some(match (code.as_str(), code.parse()) {
                (_, Ok(status)) => Cause::Status(status),
                ("cut", _) => Cause::Cut,
                _ => Cause::Unreadable,
            }),
            Self::TimedOut => Some(Cause::TimedOut),
            Self::NotConnected(cause) => Some(*cause),
            Self::NotTaken => Some(Cause::NotTaken),
            _ => None,
        }
    }
}

/// The code of an answer larger than any that is taken.
pub(super) const TOO_LARGE: &str = "too-large";

/// An answer that settles nothing, for the ledger alone.
pub(super) struct Kept {
    /// Packed.
    pub(super) body: Vec<u8>,
    pub(super) came: Option<ResponseHead>,
    pub(super) named: Vec<[u8; 10]>,
}

/// For the log: a class and a code, never a number or a text of the upstream's.
impl fmt::Display for ExchangeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer, _) => {
                write!(f, "{} {}", answer.outcome, answer.code.as_deref().unwrap_or(""))
            }
            Self::TokenRefused(code) => write!(f, "token refused {code}"),
            Self::ClientRefused(code, _) => write!(f, "client refused {code}"),
            Self::Throttled(_) => f.write_str("429"),
            Self::Unavailable(_) => f.write_str("503"),
            Self::ServerError(code) | Self::Lost(code) => write!(f, "lost {code}"),
            Self::TooLarge => write!(f, "lost {TOO_LARGE}"),
            Self::Unread(_) => f.write_str(UNREADABLE),
            Self::Mismatched(_) => f.write_str(MISMATCHED),
            Self::TimedOut => f.write_str("lost timeout"),
            Self::Fault(fault) => write!(f, "fault {}", fault.code),
            Self::Foreign(page, _) => write!(f, "foreign page {}", page.code),
            Self::NotConnected(cause) => write!(f, "not connected: {cause}"),
            Self::NotTaken => f.write_str("not taken"),
            Self::Unsendable => f.write_str("unsendable"),
            Self::Unsent => f.write_str("unsent"),
        }
    }
}

/// Sends one request and reads what comes back.
pub(super) async fn exchange<T: Transport>(transport: Arc<T>, input: ExchangeInput) -> Done {
    let generation = input.token.generation();
    let held_back = input.held_back || input.latch.is_closed();
    let (came, took) =
        if held_back { (ExchangeResult::Unsent, None) } else { send(&*transport, &input).await };
    Done { account: input.account, at: input.at, generation, came, took }
}

/// Sends it: what came, and how long that was under way.
async fn send<T: Transport>(transport: &T, input: &ExchangeInput) -> (ExchangeResult, Option<Duration>) {
    let on_head = |status: u16| input.latch.on_head(status);
    let began = Instant::now();
    let came = transport.send(&input.request, input.token.value(), input.timeout, on_head).await;
    let left = !matches!(&came, Err(error) if error.kind.is_unprocessed());
    let took = left.then(|| began.elapsed());
    (understood(transport, input, came), took)
}

/// What it means that this came.
fn understood<T: Transport>(
    transport: &T,
    input: &ExchangeInput,
    came: Result<Response, SendError>,
) -> ExchangeResult {
    match came {
        Ok(response) => {
            let retry_after = response.retry_after;
            match read(&input.service.dialect, &response, &input.question).without(&input.known()) {
                Reading::Answer(mut answer) => {
                    without_token(&mut answer, input.token.value().expose_secret());
                    let named = input.named(&answer.body);
                    answer.body = input.sealed(&answer.body);
                    ExchangeResult::Answer(Box::new(answer), named)
                }
                Reading::TokenRefused { code } => ExchangeResult::TokenRefused(code),
                Reading::ClientRefused { code, message } => ExchangeResult::ClientRefused(code, message),
                Reading::Throttled => ExchangeResult::Throttled(retry_after),
                Reading::Unavailable => ExchangeResult::Unavailable(retry_after),
                Reading::Mismatched { body } => {
                    transport.distrust();
                    ExchangeResult::Mismatched(body.map(|body| Kept::of_another(body.0, input)))
                }
                Reading::Unreadable(unread) => {
                    ExchangeResult::Unread(Kept::of_unread(&unread, response.status, input))
                }
                Reading::Lost { code } if response.status >= 500 => ExchangeResult::ServerError(code),
                Reading::Lost { code } => ExchangeResult::Lost(code),
                Reading::Fault(fault) => ExchangeResult::Fault(fault),
                Reading::Foreign(page) => ExchangeResult::Foreign(page, retry_after),
            }
        }
        Err(error) => failed(error),
    }
}

impl Kept {
    fn of_unread(unread: &Unread, status: u16, input: &ExchangeInput) -> Self {
        let content_type = unread.content_type.clone();
        let named = input.named(&unread.body);
        Self { body: input.sealed(&unread.body), came: Some(ResponseHead { status, content_type }), named }
    }

    fn of_another(mut body: Vec<u8>, input: &ExchangeInput) -> Self {
        mask(&mut body, input.token.value().expose_secret());
        Self { body: input.sealed(&body), came: None, named: input.named(&body) }
    }
}

/// Takes the token out of an answer that echoes it: it is on no disk, not even in what an upstream says.
fn without_token(answer: &mut Answer, token: &str) {
    // A code is cut short before it comes here, and may be the beginning of a token. Texts are without it by now.
    let is_part = |code: &mut String| code.len() >= SHORTEST_TOKEN && token.contains(code.as_str());
    answer.code.take_if(is_part);
    mask(&mut answer.body, token);
}

const MASK: &str = "***";

fn mask(body: &mut Vec<u8>, token: &str) {
    if token.len() < SHORTEST_TOKEN {
        return;
    }
    let found: Vec<usize> = memmem::find_iter(body, token).collect();
    if found.is_empty() {
        return;
    }
    let (mut masked, mut from) = (Vec::with_capacity(body.len()), 0);
    for at in found {
        masked.extend_from_slice(&body[from..at]);
        masked.extend_from_slice(MASK.as_bytes());
        from = at + token.len();
    }
    masked.extend_from_slice(&body[from..]);
    *body = masked;
}

fn failed(error: SendError) -> ExchangeResult {
    match error.kind {
        SendErrorKind::Unsendable => ExchangeResult::Unsendable,
        SendErrorKind::NotConnected => ExchangeResult::NotConnected(error.cause),
        SendErrorKind::NotTaken => ExchangeResult::NotTaken,
        SendErrorKind::TimedOut => ExchangeResult::TimedOut,
        SendErrorKind::Cut | SendErrorKind::Other => ExchangeResult::Lost("cut".to_owned()),
        SendErrorKind::TooLarge => ExchangeResult::TooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Outcome;

    fn echoing(token: &str) -> Answer {
        Answer {
            outcome: Outcome::Invalid,
            code: Some(format!("bad {token}")),
            text: None,
            log_id: None,
            letter: None,
            billed: true,
            body: format!(r#"{{"error":{{"text":"å{token}{token}é","t":"{token}"}}}}"#).into_bytes(),
        }
    }

    #[test]
    fn a_token_that_an_answer_echoes_goes_nowhere() {
        let token = "abc.def-0123456789";
        let mut answer = echoing(token);
        without_token(&mut answer, token);
        assert_eq!(answer.body, r#"{"error":{"text":"å******é","t":"***"}}"#.as_bytes());
        let long = "x".repeat(60) + token;
        let mut cut = Answer { code: Some(long[..40].to_owned()), ..echoing("") };
        without_token(&mut cut, &long);
        assert_eq!(cut.code, None);
        let mut bytes = [&b"\xff"[..], token.as_bytes(), b"\0"].concat();
        mask(&mut bytes, token);
        assert_eq!(bytes, b"\xff***\0");
    }

    #[test]
    fn a_token_of_a_few_letters_and_none_at_all_are_not_looked_for() {
        for token in ["", "a", "AB", "error", "fifteen-letters"] {
            let (mut answer, before) = (echoing(token), echoing(token));
            without_token(&mut answer, token);
            assert!(answer == before, "{token}");
        }
    }
}
