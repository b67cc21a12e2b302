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
mod reading;
mod request;
mod rules;

pub use crate::config::catalogue::Method;
pub use question::Question;
pub use request::{Request, RequestBody, is_too_long, prepare};

use crate::config::catalogue::{Auth, Dialect};
use content::Content;
pub use reading::{
    Answer, Fault, LoginContent, LoginReading, LoginRequest, MISMATCHED, Reading, Response, UNREADABLE,
    Unread, Unshown,
};
use reading::{no_login, shown};
use secrecy::SecretString;

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
            return Reading::Mismatched { body: Some(Unshown(json.bytes())) };
        }
    }
    let reading = match dialect {
        Dialect::Creditsafe => creditsafe::read(status, content),
        Dialect::Dnb => dnb::read(status, content),
        Dialect::Generic(rules) => rules::read(rules, status, content),
    };
    match reading {
        Reading::Unreadable(_) => Reading::Unreadable(content::kept_whole(response, ECHO)),
        reading => reading,
    }
}

/// The member that echoes the whole query, the number in it included. Of what is JSON it is kept nowhere, at no depth and in no
/// case. What is none is kept as it came, shown by nothing, and loses it once it can be read.
const ECHO: &str = "requestUrl";

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

/// The request that asks for a token; `None` if there is no login. `name` is the user key or the client's id.
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
    use crate::domain::outcome::Outcome;
    use crate::domain::redact::Known;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn debug_shows_neither_number_nor_body_nor_password() {
        let question = Question::default();
        let answer =
            read(&Dialect::Creditsafe, &answered(200, r#"{"report":{"n":"5560125790"}}"#), &question);
        // Byte by byte would be shown too.
        let other = Reading::Mismatched { body: Some(Unshown(b"5560125790".to_vec())) };
        assert!(!format!("{other:?}").contains("53, 53, 54"), "{other:?}");
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

    /// A user name is often a company's name, and the company may be a customer.
    #[test]
    fn a_report_with_a_rejection_stays_as_it_was_bought_too() {
        let known = Known::default().and_secret("Exempel");
        let body = r#"{"report":{"companyName":"Exempel Bygg AB","big":1.50},"error":{"text":"Exempel"},"metaData":["Exempel"]}"#;
        let partial = Answer {
            outcome: Outcome::Partial,
            code: Some("S200".to_owned()),
            text: None,
            log_id: None,
            letter: None,
            billed: true,
            body: body.as_bytes().to_vec(),
        };
        let Reading::Answer(kept) = Reading::Answer(partial.clone()).without(&known) else { panic!() };
        let stars = r#"{"report":{"companyName":"Exempel Bygg AB","big":1.50},"error":{"text":"*******"},"metaData":["*******"]}"#;
        assert_eq!(String::from_utf8_lossy(&kept.body), stars);
        let report = r#"{"report":{"companyName":"Exempel Bygg AB"}}"#.as_bytes().to_vec();
        let partial = Answer { body: report.clone(), ..partial };
        let Reading::Answer(kept) = Reading::Answer(partial).without(&known) else { panic!() };
        assert_eq!(kept.body, report, "untouched");
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
