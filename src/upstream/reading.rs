//! What comes over the wire, and how it reads: the types that the dialects of services and logins have in common.

use crate::domain::outcome::Outcome;
use crate::domain::redact::Known;
use secrecy::SecretString;
use std::fmt;
use std::time::Duration;

/// What was answered: the whole body, or what was left of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` as seconds from now, already read from either of its forms.
    pub retry_after: Option<Duration>,
    /// `Content-Type`, as it came.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It settles the lookup.
    Answer(Answer),
    /// The token is not taken (expired or invalid): refused unprocessed, not billed.
    TokenRefused {
        /// The upstream's code.
        code: String,
    },
    /// The client itself is not taken, whatever its token: refused unprocessed, not billed, and the run stops.
    ClientRefused {
        /// The upstream's code.
        code: String,
        /// For the operator.
        message: String,
    },
    /// 429: refused unprocessed, not billed, and the whole account waits.
    Throttled,
    /// 503: refused unprocessed, not billed.
    Unavailable,
    /// It arrived whole and cannot be read: it was carried out, and it is kept until somebody can.
    Unreadable(Unread),
    /// It answers another question. What became of ours nobody knows.
    Mismatched {
        /// The body as JSON without `requestUrl`; nothing of a login's answer. Somebody else's data.
        body: Option<Unshown>,
    },
    /// It may have been carried out and billed, and there is nothing to show for it.
    Lost {
        /// Why: a status such as `500`, or `page` for a page in the place of an answer.
        code: String,
    },
    /// The configuration is at fault: the service is stopped and the lookup stays pending.
    Fault(Fault),
    /// A page that is not the provider's, by a status that promises nothing (3xx, 4xx): not billed. Before the service has
    /// ever answered it is the fault that it holds, and afterwards something that passes.
    Foreign(Fault),
}

/// An answer that settles a lookup.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// One of `hit partial rejected no_hit invalid denied`.
    pub outcome: Outcome,
    /// The upstream's code.
    pub code: Option<String>,
    /// The upstream's text (and detail). May hold personal data.
    pub text: Option<String>,
    /// The upstream's own reference.
    pub log_id: Option<String>,
    /// Whether a letter of disclosure went out, where the upstream says so.
    pub letter: Option<bool>,
    /// Whether the provider's terms have it billed.
    pub billed: bool,
    /// The body as JSON without `requestUrl`. Personal data.
    pub body: Vec<u8>,
}

/// Bytes that are kept and shown by nothing, not even one by one.
#[derive(Clone, PartialEq, Eq)]
pub struct Unshown(pub Vec<u8>);

/// What is kept of an answer that cannot be read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// As JSON without `requestUrl` where it is JSON, else as it came. Personal data.
    pub body: Vec<u8>,
    /// Media type and charset, as far as the body is to be read by them.
    pub content_type: Option<String>,
}

/// Why a service cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The upstream's code, or the status.
    pub code: String,
    /// For the operator, without personal data: what it means and what to mend.
    pub message: String,
    /// Whether the provider's terms have it billed.
    pub billed: bool,
}

/// A login as the HTTP room sends it: a POST.
#[derive(Clone)]
pub struct LoginRequest {
    /// The full address.
    pub url: String,
    /// What the body is.
    pub content: LoginContent,
    /// User name and password of HTTP Basic, where they go there.
    pub basic: Option<(SecretString, SecretString)>,
    /// The body, which may hold the secret.
    pub body: SecretString,
}

/// What a login's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginContent {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// The answer to a login, read.
#[derive(Debug)]
pub enum LoginReading {
    /// A token.
    Token {
        /// The bearer token; nothing but visible ASCII, so that it can stand in a header.
        token: SecretString,
        /// How long it holds, where the upstream tells.
        expires_in: Option<Duration>,
    },
    /// These credentials are not taken. Never tried again by itself.
    Refused {
        /// For the operator, without the credentials.
        message: String,
    },
    /// 429: too many logins.
    Throttled,
    /// The login cannot be reached, fails on its side, or something else answers in its place: it is tried again later.
    Unavailable {
        /// A status, or why it was not reached, with what to look at.
        code: String,
    },
    /// The login itself says that it is not to be logged in to in this way: the provider's description is wrong.
    Misconfigured {
        /// For the operator.
        message: String,
    },
}

/// The code of what cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// The code of an answer to another question.
pub const MISMATCHED: &str = "mismatched";

/// A code as it may be shown: it goes to summaries and logs, so it is short, and holds no number or token that an upstream
/// might echo in it. Texts of upstreams are never shown: they may name anybody.
pub(super) fn shown(code: &str) -> String {
    Known::default().code(code)
}

impl Reading {
    /// The same without what is known of the call it answers: its codes, which go into messages, without the secrets in use
    /// and the number that was asked about, and what is kept on disk without those secrets.
    #[must_use]
    pub fn without(self, known: &Known) -> Self {
        let clean = |code: String| known.code(&code);
        match self {
            Self::Answer(answer) => Self::Answer(answer.without(known)),
            Self::TokenRefused { code } => Self::TokenRefused { code: clean(code) },
            Self::ClientRefused { code, message } => Self::ClientRefused { code: clean(code), message },
            Self::Lost { code } => Self::Lost { code: clean(code) },
            Self::Fault(Fault { code, message, billed }) => {
                // The message repeats the code.
                Self::Fault(Fault { code: clean(code), message: known.line(&message), billed })
            }
            Self::Mismatched { body } => {
                let body = body.map(|Unshown(body)| Unshown(known.hide_secrets_in_json(body)));
                Self::Mismatched { body }
            }
            Self::Unreadable(unread) => Self::Unreadable(unread.without(known)),
            // Their words are ours.
            Self::Throttled | Self::Unavailable | Self::Foreign(_) => self,
        }
    }
}

/// Where an answer that has a report says what else there is to say: codes, texts, and what was asked.
const BESIDE_A_REPORT: [&str; 5] = ["error", "errors", "message", "metaData", "status"];

impl Answer {
    fn without(self, known: &Known) -> Self {
        let Self { outcome, code, text, log_id, letter, billed, body } = self;
        let clean = |text: Option<String>| text.map(|text| known.hide_secrets(&text));
        // A report is what was paid for, and no login echoes in it: a user name that is a word of it stays a word.
        let body = match outcome {
            Outcome::Hit => body,
            Outcome::Partial => known.hide_secrets_in_members(body, &BESIDE_A_REPORT),
            _ => known.hide_secrets_in_json(body),
        };
        let code = code.map(|code| known.code(&code));
        Self { outcome, code, text: clean(text), log_id: clean(log_id), letter, billed, body }
    }
}

impl Unread {
    fn without(self, known: &Known) -> Self {
        let Self { body, content_type } = self;
        let body = known.hide_secrets_in_bytes(known.hide_secrets_in_json(body));
        Self { body, content_type: content_type.filter(|text| known.line(text) == *text) }
    }
}

/// What answers at the login address and is no login. It may pass, as a firewall's page does, or be a wrong address.
pub(super) fn no_login(what: &str) -> LoginReading {
    LoginReading::Unavailable {
        code: format!("the login address answers {what}: check token_url if it stays so"),
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("outcome", &self.outcome)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unshown")
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").finish_non_exhaustive()
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("url", &self.url).finish_non_exhaustive()
    }
}
