//! What goes over the wire and how answers are read: pure functions over values.
//!
//! This room knows protocols and nothing else: no socket, no clock, no ledger. A provider's addresses and services are
//! data (`config::catalogue`); how a *family* of answers is read is code, one file per dialect, chosen by an enum.
//! Everything here may hold personal data or a secret, so no `Debug` of this room shows a query, a body or a token.

mod connect;
mod creditsafe;
mod dnb;
mod json;
mod oauth;
mod request;
mod rules;

pub use crate::config::catalogue::Method;
pub use request::{Request, RequestBody, prepare};

use crate::config::catalogue::{Auth, Dialect};
use crate::domain::outcome::Outcome;
use crate::domain::redact;
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
    /// It may have been carried out and billed, and there is nothing to show for it.
    Lost {
        /// Why: a status such as `500`, or `unreadable`.
        code: String,
    },
    /// The configuration is at fault: the service is stopped and the lookup stays pending.
    Fault(Fault),
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
    /// The login cannot be reached or fails on its side.
    Unavailable {
        /// A status, or why it was not reached.
        code: String,
    },
    /// What answers is no login: the address is wrong.
    Misconfigured {
        /// For the operator.
        message: String,
    },
}

/// Reads the answer to a lookup. Total: any status and any bytes have a reading.
pub fn read(dialect: &Dialect, status: u16, body: &[u8]) -> Reading {
    match dialect {
        Dialect::Creditsafe => creditsafe::read(status, body),
        Dialect::Dnb => dnb::read(status, body),
        Dialect::Generic(rules) => rules::read(rules, status, body),
    }
}

/// What a status says by itself, whoever sends it and whatever comes with it.
fn protocol(status: u16) -> Option<Reading> {
    match status {
        429 => Some(Reading::Throttled),
        503 => Some(Reading::Unavailable),
        300..=399 => Some(Reading::Fault(Fault {
            code: status.to_string(),
            message:
                "the service answers with a redirect to elsewhere, which is not followed; check base_url"
                    .to_owned(),
            billed: true,
        })),
        0..=199 | 600.. => Some(Reading::Lost { code: status.to_string() }),
        _ => None,
    }
}

/// A code as it may be shown: it goes to summaries and logs, so it is short, and holds no number or token that an upstream
/// might echo in it.
fn shown(code: &str) -> String {
    /// Those that are known have at most a few words.
    const LONGEST: usize = 40;
    redact::scrub(code).chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// The request that asks for a token; nothing where there is no login. `name` is the user key or the client's id.
pub fn login_request(
    auth: Auth,
    token_url: &str,
    name: &SecretString,
    secret: &SecretString,
    scopes: &[String],
) -> Option<LoginRequest> {
    match auth {
        Auth::Connect => Some(connect::request(token_url, name, secret)),
        Auth::ClientCredentialsBasic => Some(oauth::request(token_url, name, secret, scopes, true)),
        Auth::ClientCredentialsBody => Some(oauth::request(token_url, name, secret, scopes, false)),
        Auth::Bearer | Auth::None => None,
    }
}

/// Reads the answer to a login. Total: any status and any bytes have a reading.
pub fn read_login(auth: Auth, status: u16, body: &[u8]) -> LoginReading {
    match auth {
        Auth::Connect => connect::read(status, body),
        Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody | Auth::Bearer | Auth::None => {
            oauth::read(status, body)
        }
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

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn debug_shows_neither_number_nor_body_nor_password() {
        let answer = read(&Dialect::Creditsafe, 200, br#"{"report":{"n":"5560125790"}}"#);
        let response = Response { status: 200, retry_after: None, body: b"5560125790".to_vec() };
        let login =
            login_request(Auth::Connect, "https://x.test", &"u5560125790".into(), &"5560125790".into(), &[]);
        let token = read_login(Auth::Connect, 200, br#"{"token":"5560125790"}"#);
        let shown = format!("{answer:?}{response:?}{login:?}{token:?}");
        assert!(!shown.contains("5560125790"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_and_any_status_have_a_reading(status: u16, body: Vec<u8>) {
            for dialect in [Dialect::Creditsafe, Dialect::Dnb, Dialect::Generic(Arc::default())] {
                let _ = read(&dialect, status, &body);
            }
            let _ = read_login(Auth::Connect, status, &body);
        }
    }
}
