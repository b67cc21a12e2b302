//! What goes over the wire and how answers are read: pure functions over values.
//!
//! This room knows protocols and nothing else: no socket, no clock, no ledger. A provider's addresses and services are
//! data (`config::catalogue`); how a *family* of answers is read is code, one file per dialect, chosen by an enum.
//! Everything here may hold personal data or a secret, so no `Debug` of this room shows a query, a body or a token.

mod charset;
mod connect;
mod content;
mod creditsafe;
mod dnb;
mod json;
mod login;
mod oauth;
mod page;
mod question;
mod request;
mod rules;

pub use crate::config::catalogue::Method;
pub use question::Question;
pub use request::{Request, RequestBody, is_too_long, prepare};

use crate::config::catalogue::{Auth, Dialect};
use crate::domain::json::Json;
use crate::domain::outcome::Outcome;
use crate::domain::redact::Known;
use content::Content;
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
        body: Option<Vec<u8>>,
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

/// Reads the answer to a lookup. Total: any status and any bytes have a reading.
pub fn read(dialect: &Dialect, response: &Response, question: &Question) -> Reading {
    let status = response.status;
    if let Some(reading) = protocol(status) {
        return reading;
    }
    let mut content = Content::of(response);
    if let Some(json) = &mut content.json {
        if status < 300 && login::is_logins(json) {
            return Reading::Mismatched { body: None };
        }
        let another = question.is_another(dialect, json);
        json.drop_members(ECHO);
        if another {
            return Reading::Mismatched { body: Some(json.bytes()) };
        }
    }
    let reading = match dialect {
        Dialect::Creditsafe => creditsafe::read(status, content),
        Dialect::Dnb => dnb::read(status, content),
        Dialect::Generic(rules) => rules::read(rules, status, content),
    };
    match reading {
        // Read a second time: it is rare, and nobody else needs the whole of what was read beside what was made of it.
        Reading::Unreadable(_) => Reading::Unreadable(Unread::of(response, Content::of(response).json)),
        reading => reading,
    }
}

/// The member that echoes the whole query, the number in it included. Of what is JSON it is kept nowhere, at no depth and in no
/// case. What is none is kept as it came, shown by nothing, and loses it once it can be read.
const ECHO: &str = "requestUrl";

/// The code of what cannot be read.
pub const UNREADABLE: &str = "unreadable";
/// The code of an answer to another question.
pub const MISMATCHED: &str = "mismatched";

/// What a status says by itself, whoever sends it and whatever comes with it.
fn protocol(status: u16) -> Option<Reading> {
    match status {
        429 => Some(Reading::Throttled),
        503 => Some(Reading::Unavailable),
        300..=399 => Some(page::foreign(status)),
        0..=199 | 600.. => Some(Reading::Lost { code: status.to_string() }),
        _ => None,
    }
}

/// A code as it may be shown: it goes to summaries and logs, so it is short, and holds no number or token that an upstream
/// might echo in it. Texts of upstreams are never shown: they may name anybody.
fn shown(code: &str) -> String {
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
                Self::Mismatched { body: body.map(|body| known.hide_secrets_in_json(body)) }
            }
            Self::Unreadable(unread) => Self::Unreadable(unread.without(known)),
            // Their words are ours.
            Self::Throttled | Self::Unavailable | Self::Foreign(_) => self,
        }
    }
}

impl Answer {
    fn without(self, known: &Known) -> Self {
        let Self { outcome, code, text, log_id, letter, billed, body } = self;
        let clean = |text: Option<String>| text.map(|text| known.hide_secrets(&text));
        // A report is what was paid for, and no login echoes in it: a password that is a word of it stays a word.
        let body = if outcome == Outcome::Hit { body } else { known.hide_secrets_in_json(body) };
        let code = code.map(|code| known.code(&code));
        Self { outcome, code, text: clean(text), log_id: clean(log_id), letter, billed, body }
    }
}

impl Unread {
    fn of(response: &Response, json: Option<Json>) -> Self {
        let as_it_came = response.content_type.as_deref();
        let content_type = as_it_came.and_then(|as_it_came| content::kept(as_it_came, json.is_some()));
        let body = json.map(|mut json| {
            json.drop_members(ECHO);
            json.bytes()
        });
        Self { body: body.unwrap_or_else(|| response.body.clone()), content_type }
    }

    fn without(self, known: &Known) -> Self {
        let Self { body, content_type } = self;
        let body = known.hide_secrets_in_bytes(known.hide_secrets_in_json(body));
        Self { body, content_type: content_type.filter(|text| known.line(text) == *text) }
    }
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

/// Reads the answer to a login. Total: any status and any bytes have a reading. Only what is certainly the provider's own
/// refusal is one: credentials that were refused are not tried again by themselves.
pub fn read_login(auth: Auth, response: &Response) -> LoginReading {
    match auth {
        Auth::Connect => connect::read(response),
        Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody | Auth::Bearer | Auth::None => {
            oauth::read(response)
        }
    }
}

/// What answers at the login address and is no login. It may pass, as a firewall's page does, or be a wrong address.
fn no_login(what: &str) -> LoginReading {
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

/// An answer as it comes in tests: of a type that says nothing.
#[cfg(test)]
fn answered(status: u16, body: impl AsRef<[u8]>) -> Response {
    Response { status, retry_after: None, content_type: None, body: body.as_ref().to_vec() }
}

#[cfg(test)]
mod table;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn debug_shows_neither_number_nor_body_nor_password() {
        let question = Question::default();
        let answer =
            read(&Dialect::Creditsafe, &answered(200, r#"{"report":{"n":"5560125790"}}"#), &question);
        let response = answered(200, "5560125790");
        let login =
            login_request(Auth::Connect, "https://x.test", &"u5560125790".into(), &"5560125790".into(), &[]);
        let body = br#"{"token":"5560125790"}"#.to_vec();
        let token = read_login(Auth::Connect, &Response { body, ..response.clone() });
        let shown = format!("{answer:?}{response:?}{login:?}{token:?}");
        assert!(!shown.contains("5560125790"), "{shown}");
    }

    /// Whatever a code echoes reaches neither screen nor disk, under every reading that has one.
    #[test]
    fn no_code_holds_what_is_known_of_the_call() {
        let known =
            Known::default().and_secret("a-token.of.ours").and_secret("hunter2").and_sent("195512189878");
        let code = "X a-token.of.ours hunter2 1955%2D12%2D18 9878 \u{1b}]0;";
        let answer = |outcome| {
            Reading::Answer(Answer {
                outcome,
                code: Some(code.to_owned()),
                text: Some("Bearer a-token.of.ours is not for hunter2; 556012-5790".to_owned()),
                log_id: Some("hunter2".to_owned()),
                letter: None,
                billed: true,
                body: br#"{"error":{"text":"hunter2"},"report":null}"#.to_vec(),
            })
        };
        let fault = Fault { code: code.to_owned(), message: format!("it says {code}"), billed: false };
        let refused = Reading::ClientRefused { code: code.to_owned(), message: String::new() };
        for reading in [
            answer(Outcome::Invalid),
            Reading::TokenRefused { code: code.to_owned() },
            refused,
            Reading::Lost { code: code.to_owned() },
            Reading::Fault(fault),
        ] {
            let mut shown = format!("{:?}", reading.clone());
            assert!(shown.contains("hunter2"), "{shown}");
            let reading = reading.without(&known);
            shown = format!("{reading:?}");
            if let Reading::Answer(answer) = &reading {
                let body = String::from_utf8_lossy(&answer.body);
                shown = format!("{shown}{:?} {:?} {body}", answer.text, answer.log_id);
                assert!(shown.contains("556012-5790"), "a number is kept where numbers may be: {shown}");
            }
            for secret in ["hunter2", "a-token", "1955", "9878", "\\u{1b}"] {
                assert!(!shown.contains(secret), "{secret}: {shown}");
            }
        }
        let Reading::Answer(hit) = answer(Outcome::Hit).without(&known) else { panic!() };
        assert!(String::from_utf8_lossy(&hit.body).contains("hunter2"), "a report stays as it was bought");
    }

    /// What is kept of an answer that cannot be read, as text, and its content type.
    fn unread(dialect: &Dialect, content_type: &str, body: &[u8]) -> (String, Option<String>) {
        let known = Known::default().and_secret("hunter2/\u{e5}").and_token("a-token.of-ours/with+all=");
        let content_type = Some(content_type.to_owned());
        let response = Response { content_type, ..answered(200, body) };
        match read(dialect, &response, &Question::default()).without(&known) {
            Reading::Unreadable(Unread { body, content_type }) => {
                (String::from_utf8_lossy(&body).into_owned(), content_type)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_read_is_kept_without_secrets_and_without_the_echo() {
        let echo = r#"{"a":[{"RequestUrl":"?n=5560125790","b":"\u0061-token.of-ours\/with+all=","c":"hunter2\/\u00e5"}],"d":1.50}"#;
        let plain = r#"{"message":"x","token":"a-token.of-ours/with+all=","by":"hunter2/å"}"#;
        let cut =
            [r#"{"to":"a-token.of-ours\/with+all=","by":"hunter2/\u00e5","n":"#, "hunter2/\u{e5}"].concat();
        let (json, utf_8) = ("application/json", "application/json; charset=utf-8");
        for dialect in [Dialect::Creditsafe, Dialect::Generic(Arc::default())] {
            let (body, _) = unread(&dialect, utf_8, echo.as_bytes());
            let stars = |count: usize| "*".repeat(count);
            assert_eq!(body, format!(r#"{{"a":[{{"b":"{}","c":"{}"}}],"d":1.50}}"#, stars(25), stars(9)));
            for (content_type, body) in [(json, plain.as_bytes()), (json, cut.as_bytes())] {
                let (kept, _) = unread(&dialect, content_type, body);
                assert!(!kept.contains("token.of") && !kept.contains("hunter"), "{kept}");
            }
            let latin = [&b"{\xff "[..], b"hunter2/\xe5"].concat();
            let wide: Vec<u8> = format!("[{plain}").encode_utf16().flat_map(u16::to_le_bytes).collect();
            for (charset, body) in [("iso-8859-1", latin), ("utf-16le", wide)] {
                let (kept, _) = unread(&dialect, &format!("application/json; charset={charset}"), &body);
                let kept = kept.replace('\0', "");
                assert!(!kept.contains("token.of") && !kept.contains("hunter"), "{kept}");
            }
        }
    }

    /// A header is read for the charset, and may hold anything.
    #[test]
    fn of_a_content_type_the_media_type_and_the_charset_are_kept() {
        let cut = b"{\"a\":";
        for (came, kept) in [
            ("application/json", Some("application/json")),
            (
                "Application/Json ; x=a-token.of-ours/with+all=; Charset=\"ISO-8859-1\"",
                Some("application/json; charset=iso-8859-1"),
            ),
            ("application/problem+json;charset=utf-16", Some("application/problem+json; charset=utf-16")),
            ("application/json; charset=a-token.of-ours", Some("application/json")),
            ("a-token.of-ours/with+all=", None),
            ("text/5560125790", None),
            ("a-token.of-ours", None),
            ("charset=latin1", None),
            ("x/", None),
            ("", None),
        ] {
            assert_eq!(unread(&Dialect::Dnb, came, cut).1.as_deref(), kept, "{came}");
        }
        assert_eq!(
            unread(&Dialect::Dnb, "application/json; charset=latin1", b"{}").1.as_deref(),
            Some("application/json")
        );
    }

    proptest! {
        #[test]
        fn any_bytes_and_any_status_have_a_reading(
            status: u16, content_type in prop::option::of("\\PC*"), body: Vec<u8>,
        ) {
            let response = Response { status, retry_after: None, content_type, body };
            for dialect in [Dialect::Creditsafe, Dialect::Dnb, Dialect::Generic(Arc::default())] {
                let _ = read(&dialect, &response, &Question::default());
            }
            for auth in [Auth::Connect, Auth::ClientCredentialsBasic] {
                let _ = read_login(auth, &response);
            }
        }
    }
}
