//! How D&B Nordic and Bisnode answer (apis.md sections 8 and 12).
//!
//! Reports come in several shapes, nested and flat, and errors in several envelopes; what decides is the status, and the
//! OAuth2 error where there is one. Everything else is passed through as it came, but for what echoes the request.

use super::content::{self, Content};
use super::page::{foreign, is_phrase};
use super::{Answer, Fault, Reading, json, shown};
use crate::domain::json::bytes;
use crate::domain::outcome::Outcome;
use crate::domain::redact;
use serde_json::Value;

/// Members of the error envelopes; a body that has no other is no report.
const ENVELOPE: [&str; 13] = [
    "status",
    "statusText",
    "statusCode",
    "code",
    "message",
    "timestamp",
    "subErrors",
    "validationErrors",
    "detail",
    "title",
    "error",
    "error_description",
    "errors",
];
/// What others put beside those: gateways, firewalls and frameworks.
const OTHERS: [&str; 11] = [
    "success",
    "messages",
    "result",
    "fault",
    "request_id",
    "requestId",
    "traceId",
    "path",
    "type",
    "instance",
    "Message",
];
/// Members that say something in words, in the order in which they are told.
const WORDS: [&str; 4] = ["message", "detail", "error_description", "statusText"];
/// Lists of what was found; an empty one is no hit.
const LISTS: [&str; 2] = ["companies", "persons"];

pub(super) fn read(status: u16, content: Content) -> Reading {
    let Content { json, is_page, is_blank } = content;
    let mut parsed = json.filter(|value| value.is_object() || value.is_array());
    if let Some(value) = &mut parsed {
        value.drop_members("rejectedValue");
    }
    match (status, parsed) {
        (200..=299, Some(body)) => success(&body, is_page),
        (200..=299, None) => content::unread(is_page),
        (401, body) => not_let_in(body.as_deref()),
        (451, body) if is_blank || body.is_some() => {
            answer(Outcome::Rejected, Some("451".to_owned()), &body.unwrap_or_default())
        }
        (408 | 500.., _) => Reading::Lost { code: status.to_string() },
        (_, Some(body)) => refused(status, &body),
        (_, None) => foreign(status),
    }
}

fn success(body: &Value, is_page: bool) -> Reading {
    if json::flag(body.get("protected")) == Some(true) {
        return answer(Outcome::Rejected, Some("protected".to_owned()), body);
    }
    if is_empty_list(body) {
        return answer(Outcome::NoHit, None, body);
    }
    let has_report = match body {
        Value::Object(members) => {
            let mut names = members.keys().map(String::as_str);
            names.any(|name| !ENVELOPE.contains(&name) && !OTHERS.contains(&name) && name != "token")
        }
        _ => true,
    };
    if has_report { answer(Outcome::Hit, None, body) } else { content::unread(is_page) }
}

/// Whether a search found nothing. A count asked for alone (`limit` 0) comes with an empty list too.
fn is_empty_list(body: &Value) -> bool {
    let none = |list: Option<&Value>| list.and_then(Value::as_array).is_some_and(Vec::is_empty);
    let counted = body.pointer("/_paging/resultCount").and_then(Value::as_u64);
    counted.unwrap_or(0) == 0 && (none(Some(body)) || LISTS.iter().any(|name| none(body.get(name))))
}

/// 401: an expired token, unless the credentials themselves are not taken.
fn not_let_in(body: Option<&Value>) -> Reading {
    let error = body.and_then(|body| json::scalar(body.get("error"))).map(|error| shown(&error));
    match error.as_deref() {
        Some(code @ ("invalid_client" | "unauthorized_client" | "access_denied" | "invalid_scope")) => {
            Reading::ClientRefused {
                code: code.to_owned(),
                message: "the service does not take this client; check client_id, client_secret and scope, and that \
                          base_url and token_url belong together"
                    .to_owned(),
            }
        }
        Some("invalid_token") => Reading::TokenRefused { code: "invalid_token".to_owned() },
        _ => Reading::TokenRefused { code: "401".to_owned() },
    }
}

fn refused(status: u16, body: &Value) -> Reading {
    let error = json::scalar(body.get("error")).map(|error| shown(&error));
    let told = [json::scalar(body.get("code")).map(|code| shown(&code)), Some(status.to_string())];
    let code = told.into_iter().flatten().next();
    let ours = is_theirs(body);
    match (status, error.as_deref()) {
        (_, Some(error @ ("insufficient_scope" | "invalid_scope"))) => Reading::Fault(Fault {
            code: error.to_owned(),
            message:
                "the token's scope does not reach this service; check `scope` and what the account is allowed"
                    .to_owned(),
            billed: false,
        }),
        (404, _) if ours => answer(Outcome::NoHit, Some("404".to_owned()), body),
        (400 | 409 | 422, _) if ours => answer(Outcome::Invalid, code, body),
        (403, _) if ours => answer(Outcome::Denied, code, body),
        _ if ours => Reading::Fault(unexpected(status)),
        _ => foreign(status),
    }
}

/// Whether an error is in one of their envelopes (apis.md section 8): `{status, statusText, message, timestamp, subErrors}`,
/// `{message, validationErrors}`, `{detail}`, `{error}`. Others write JSON too: a gateway's `{"message": …}`, a framework's page
/// that names the path or the type of its problem, and what says no more than the status does.
fn is_theirs(body: &Value) -> bool {
    let Value::Object(members) = body else { return false };
    let has = |name: &str| members.contains_key(name);
    if ["path", "type", "title", "instance", "success"].into_iter().any(has) {
        return false;
    }
    let text = |name: &str| json::text(members.get(name));
    let says = |name: &str| text(name).is_some_and(|text| !is_phrase(text));
    let repeats = |name: &str| text(name).is_some_and(is_phrase);
    ["subErrors", "validationErrors", "error_description"].into_iter().any(has)
        || has("status") && has("message") && has("timestamp") && !repeats("error")
        || ["statusText", "detail", "error"].into_iter().any(says)
}

fn answer(outcome: Outcome, code: Option<String>, body: &Value) -> Reading {
    Reading::Answer(Answer {
        outcome,
        text: if outcome == Outcome::Hit { None } else { words(body) },
        code,
        log_id: None,
        letter: None,
        billed: true,
        body: bytes(body),
    })
}

/// What an error says, without the values that it refuses. Numbers in it are masked.
fn words(body: &Value) -> Option<String> {
    let said = WORDS.iter().filter_map(|name| json::scalar(body.get(name)));
    let lists = ["subErrors", "validationErrors"].iter().filter_map(|name| body.get(name)?.as_array());
    let inner = lists.flatten().filter_map(|error| match error {
        Value::Object(members) => {
            let parts = ["field", "message"].iter().filter_map(|name| json::scalar(members.get(*name)));
            Some(parts.collect::<Vec<_>>().join(": ")).filter(|text| !text.is_empty())
        }
        other => json::scalar(Some(other)),
    });
    let error = || json::scalar(body.get("error"));
    let mut parts: Vec<String> = said.chain(inner).collect();
    if parts.is_empty() {
        parts.extend(error());
    }
    parts.dedup();
    (!parts.is_empty()).then(|| redact::scrub(&parts.join("; ")))
}

fn unexpected(status: u16) -> Fault {
    Fault {
        code: status.to_string(),
        message: format!(
            "the service answers with status {status}, which it is not known to do; check base_url and what the account \
             is allowed, and ask the provider"
        ),
        billed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Question, answered};
    use super::*;
    use crate::config::catalogue::Dialect;

    fn read(status: u16, body: &[u8]) -> Reading {
        super::super::read(&Dialect::Dnb, &answered(status, body), &Question::default())
    }

    /// A reading in one line: class, code, and for faults whether it is billed.
    fn class(reading: Reading) -> String {
        match reading {
            Reading::Answer(answer) => format!("{} {}", answer.outcome, answer.code.unwrap_or_default()),
            Reading::TokenRefused { code } => format!("token {code}"),
            Reading::ClientRefused { code, .. } => format!("client {code}"),
            Reading::Throttled => "throttled".to_owned(),
            Reading::Unavailable => "unavailable".to_owned(),
            Reading::Unreadable(_) => "unreadable".to_owned(),
            Reading::Mismatched { .. } => "mismatched".to_owned(),
            Reading::Lost { code } => format!("lost {code}"),
            Reading::Fault(fault) if fault.billed => format!("fault {} billed", fault.code),
            Reading::Fault(fault) => format!("fault {} free", fault.code),
            Reading::Foreign(fault) => format!("foreign {}", fault.code),
        }
        .trim_end()
        .to_owned()
    }

    fn answer(status: u16, body: &str) -> Answer {
        match read(status, body.as_bytes()) {
            Reading::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statuses_and_envelopes() {
        let html = "<html>Not Found</html>";
        let error = r#"{"status":404,"statusText":"NOT_FOUND","message":"none","subErrors":[]}"#;
        let spring = r#"{"timestamp":"t","status":404,"error":"Not Found","path":"/nowhere"}"#;
        let oauth = |error: &str| format!(r#"{{"error":"{error}","error_description":"d"}}"#);
        let table = [
            (200, r#"{"companyInformation":{"name":"A"}}"#.to_owned(), "hit"),
            (200, r#"{"name":"A","status":{"operatingStatus":"ACTIVE"}}"#.to_owned(), "hit"),
            (200, r#"[{"a":1}]"#.to_owned(), "hit"),
            (200, r#"{"companies":[],"_paging":{"resultCount":0}}"#.to_owned(), "no_hit"),
            (200, r#"{"companies":[],"_paging":{"resultCount":3,"limit":0}}"#.to_owned(), "hit"),
            (200, r#"{"persons":[]}"#.to_owned(), "no_hit"),
            (200, "[]".to_owned(), "no_hit"),
            (200, r#"{"protected":true}"#.to_owned(), "rejected protected"),
            (200, r#"{"message":"ok"}"#.to_owned(), "unreadable"),
            (200, r#"{"message":"ok","token":"t"}"#.to_owned(), "unreadable"),
            (200, "{}".to_owned(), "unreadable"),
            (200, html.to_owned(), "lost page"),
            (204, String::new(), "unreadable"),
            (400, r#"{"message":"bad","validationErrors":[]}"#.to_owned(), "invalid 400"),
            (422, r#"{"detail":"bad"}"#.to_owned(), "invalid 422"),
            (400, html.to_owned(), "foreign 400"),
            (400, r#"{"reason":"no"}"#.to_owned(), "foreign 400"),
            (400, oauth("invalid_scope"), "fault invalid_scope free"),
            (401, oauth("invalid_token"), "token invalid_token"),
            (401, String::new(), "token 401"),
            (401, oauth("invalid_client"), "client invalid_client"),
            (403, r#"{"message":"no","validationErrors":[]}"#.to_owned(), "denied 403"),
            (403, r#"{"message":"no"}"#.to_owned(), "foreign 403"),
            (
                200,
                r#"{"success":false,"errors":[{"code":1000}],"messages":[],"result":null}"#.to_owned(),
                "unreadable",
            ),
            (200, r#"{"message":"Forbidden","request_id":"x"}"#.to_owned(), "unreadable"),
            (403, oauth("insufficient_scope"), "fault insufficient_scope free"),
            (403, html.to_owned(), "foreign 403"),
            (401, html.to_owned(), "token 401"),
            (404, error.to_owned(), "no_hit 404"),
            (404, spring.to_owned(), "foreign 404"),
            (404, html.to_owned(), "foreign 404"),
            (404, String::new(), "foreign 404"),
            (451, r#"{"message":"legal"}"#.to_owned(), "rejected 451"),
            (451, String::new(), "rejected 451"),
            (451, html.to_owned(), "foreign 451"),
            (302, String::new(), "foreign 302"),
            (415, error.to_owned(), "fault 415 billed"),
            (408, String::new(), "lost 408"),
            (500, error.to_owned(), "lost 500"),
            (502, html.to_owned(), "lost 502"),
            (504, String::new(), "lost 504"),
            (429, html.to_owned(), "throttled"),
            (503, error.to_owned(), "unavailable"),
        ];
        for (status, body, expected) in table {
            assert_eq!(class(read(status, body.as_bytes())), expected, "{status} {body}");
        }
    }

    #[test]
    fn what_an_error_refuses_is_not_repeated() {
        let body = r#"{"status":400,"message":"no such number 198001010001","subErrors":[
            {"object":"q","field":"registrationNumber","rejectedValue":"198001010001","message":"bad"}]}"#;
        let answer = answer(400, body);
        assert_eq!(answer.text.as_deref(), Some("no such number ************; registrationNumber: bad"));
        assert!(!String::from_utf8(answer.body).unwrap().contains("rejectedValue"));
    }
}
