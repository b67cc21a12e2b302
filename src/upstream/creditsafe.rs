//! How Creditsafe Sweden's six services answer (apis.md sections 1 and 3 to 7).
//!
//! The same code means different things under different statuses (`15` is "no hit" as 404 and "no number given" as 400;
//! `S…` comes on 200 and on 403), so a reading follows from status and code together, never from texts, which change
//! with the language. Codes that nobody has documented are kept as they are and settle the one lookup they came with.

use super::content::{self, Content};
use super::page::foreign;
use super::{Answer, Fault, Reading, json, shown};
use crate::domain::json::{Json, text};
use crate::domain::outcome::Outcome;
use serde_json::Value;

pub(super) fn read(status: u16, content: Content) -> Reading {
    if !matches!(status, 200..=299 | 400..=407 | 409..=499) {
        return Reading::Lost { code: status.to_string() };
    }
    let parsed = content.json.filter(|value| value.is_object() || value.is_array());
    match (status, parsed) {
        (_, Some(value)) if is_theirs(status, &value) => Body::new(value).read(status),
        (200..=299, _) => content::unread(content.is_page),
        // Whoever says so and in whichever words: another token is what may help.
        (401, _) => Reading::TokenRefused { code: "401".to_owned() },
        _ => foreign(status),
    }
}

/// Whether a body is written as theirs are: `metaData`, a report, or an error in their form. Others write JSON too: a
/// gateway's `{"message": …}`, `{"error": "…"}` and `{"error": {"code": 403, "message": …}}` are no answers.
fn is_theirs(status: u16, value: &Value) -> bool {
    let success = status < 300;
    let member = |name: &str| value.get(name).is_some_and(|member| success || member.is_object());
    let report = value.get("report").is_some_and(|report| success || !report.is_null());
    report || member("metaData") || value.get("error").is_some_and(|error| is_their_error(status, error))
}

/// An error of theirs says at least one of `code`, `text` and `detail`, and says it in no other member. A code that is the
/// status as a number is another's.
fn is_their_error(status: u16, error: &Value) -> bool {
    let says = |name: &str| error.get(name).is_some_and(is_said);
    let is_status = error.get("code").and_then(Value::as_u64) == Some(u64::from(status));
    !is_status
        && ["code", "text", "detail"].into_iter().any(says)
        && !["message", "status", "reason", "errors"].into_iter().any(says)
}

/// A JSON body with the parts that decide.
struct Body {
    value: Json,
    code: Option<String>,
    error: bool,
    report: bool,
}

impl Body {
    fn new(value: Json) -> Self {
        let error = value.get("error").filter(|error| is_said(error));
        let code = error.and_then(|error| json::scalar(error.get("code"))).map(|code| shown(&code));
        let report = value.get("report").is_some_and(|report| !report.is_null());
        Self { code, error: error.is_some(), report, value }
    }

    fn read(self, status: u16) -> Reading {
        let success = status < 300;
        if success && self.report {
            let outcome = if self.error { Outcome::Partial } else { Outcome::Hit };
            return self.answer(outcome);
        }
        if let Some(reading) = self.refusal() {
            return reading;
        }
        let code = self.code.as_deref();
        match (status, code) {
            (200..=299 | 404, Some("15")) => self.answer(Outcome::NoHit),
            (200..=299, _) if self.error => self.answer(Outcome::Rejected),
            (200..=299, _) => self.answer(Outcome::Hit),
            (401, _) => Reading::TokenRefused { code: code.unwrap_or("401").to_owned() },
            (400 | 409 | 422, None) if self.complains() => {
                Self { code: Some(status.to_string()), ..self }.answer(Outcome::Invalid)
            }
            (404, _) | (_, None) => Reading::Fault(unexpected(status, code)),
            (400 | 403, Some(code)) if is_rejection(code) => {
                let outcome = if self.report { Outcome::Partial } else { Outcome::Rejected };
                self.answer(outcome)
            }
            (403, Some(_)) => self.answer(Outcome::Denied),
            (_, Some(_)) => self.answer(Outcome::Invalid),
        }
    }

    /// Whether there is an error, with or without a code.
    fn complains(&self) -> bool {
        self.value.get("error").is_some_and(Value::is_object)
    }

    /// What says the same under every status: the token, the account and the block.
    fn refusal(&self) -> Option<Reading> {
        let code = self.code.as_deref()?;
        let meaning = match code {
            "R3" | "R4" | "R5" => return Some(Reading::TokenRefused { code: code.to_owned() }),
            "R2" => "the service says that no token came with the request; check base_url and proxies",
            "R6" => {
                "the service does not take tokens of this issuer; check that base_url and token_url belong together"
            }
            "7" => "the account or the user has no access to this service; ask the provider to open it",
            "11" => {
                "the block is not on the account; mend blockname in the job file, or have the block added"
            }
            _ => return None,
        };
        let (code, message) = (code.to_owned(), meaning.to_owned());
        Some(Reading::Fault(Fault { code, message, billed: false }))
    }

    fn answer(self, outcome: Outcome) -> Reading {
        let meta = self.value.get("metaData");
        let member = |name: &str| meta.and_then(|meta| meta.get(name));
        Reading::Answer(Answer {
            outcome,
            text: self.text(),
            log_id: json::reference(member("apiLogId")),
            letter: json::flag(member("lodCreated")),
            billed: true,
            body: self.value.bytes(),
            code: self.code,
        })
    }

    /// The upstream's text and detail as one line. May hold personal data.
    fn text(&self) -> Option<String> {
        let error = self.value.get("error")?;
        let parts = [error.get("text"), error.get("detail")];
        let said: Vec<String> = if error.is_object() {
            parts.into_iter().flatten().filter(|part| is_said(part)).map(words).collect()
        } else {
            json::scalar(Some(error)).into_iter().collect()
        };
        (!said.is_empty()).then(|| said.join(": "))
    }
}

/// Whether a member says anything: nulls and empty shells do not.
fn is_said(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {}
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            Value::String(_) | Value::Bool(_) | Value::Number(_) => return true,
        }
    }
    false
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| text(value), str::to_owned)
}

/// `S` and digits: the register's own reasons, on 200 and, in an older manual, on 403.
fn is_rejection(code: &str) -> bool {
    code.strip_prefix('S')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn unexpected(status: u16, code: Option<&str>) -> Fault {
    let with = code.map_or_else(|| "without an error code".to_owned(), |code| format!("with code {code}"));
    Fault {
        code: code.map_or_else(|| status.to_string(), str::to_owned),
        message: format!(
            "the service answers with status {status} {with}, which it is not known to do; check base_url and what \
             the account is allowed, and ask the provider"
        ),
        billed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Question, answered};
    use super::*;
    use crate::config::catalogue::Dialect;
    use proptest::prelude::*;

    fn read(status: u16, body: &[u8]) -> Reading {
        super::super::read(&Dialect::Creditsafe, &answered(status, body), &Question::default())
    }

    /// A reading in one line: class, code, and for faults whether it is billed.
    fn class(status: u16, body: &str) -> String {
        match read(status, body.as_bytes()) {
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
            Reading::Foreign(fault) => {
                assert!(!fault.billed);
                format!("foreign {}", fault.code)
            }
        }
        .trim_end()
        .to_owned()
    }

    fn error(code: &str) -> String {
        format!(r#"{{"metaData":{{"apiLogId":1}},"error":{{"code":"{code}","text":"t"}}}}"#)
    }

    fn answer(status: u16, body: &str) -> Answer {
        match read(status, body.as_bytes()) {
            Reading::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn documented_codes_under_every_status_they_come_with() {
        let table = [
            (403, "R2", "fault R2 free"),
            (403, "R3", "token R3"),
            (403, "R4", "token R4"),
            (403, "R5", "token R5"),
            (403, "R6", "fault R6 free"),
            (401, "R4", "token R4"),
            (400, "R5", "token R5"),
            (200, "R4", "token R4"),
            (403, "7", "fault 7 free"),
            (400, "11", "fault 11 free"),
            (404, "15", "no_hit 15"),
            (200, "15", "no_hit 15"),
            (400, "15", "invalid 15"),
            (400, "R1", "invalid R1"),
            (400, "21", "invalid 21"),
            (400, "22", "invalid 22"),
            (400, "23", "invalid 23"),
            (400, "EX2", "invalid EX2"),
            (400, "NEW9", "invalid NEW9"),
            (422, "NEW9", "invalid NEW9"),
            (403, "S2", "rejected S2"),
            (403, "S391", "rejected S391"),
            (403, "451", "denied 451"),
            (403, "SPAR", "denied SPAR"),
            (404, "16", "fault 16 billed"),
            (404, "S200", "fault S200 billed"),
            (401, "99", "token 99"),
            (200, "S2", "rejected S2"),
            (200, "S3", "rejected S3"),
            (200, "S4", "rejected S4"),
            (200, "S5", "rejected S5"),
            (200, "S6", "rejected S6"),
            (200, "S7", "rejected S7"),
            (200, "S200", "rejected S200"),
            (200, "S231", "rejected S231"),
            (200, "S241", "rejected S241"),
            (200, "S291", "rejected S291"),
            (200, "NEW9", "rejected NEW9"),
            (400, "S4", "rejected S4"),
            (429, "15", "throttled"),
            (503, "15", "unavailable"),
            (500, "15", "lost 500"),
        ];
        for (status, code, expected) in table {
            assert_eq!(class(status, &error(code)), expected, "{status} {code}");
        }
    }

    #[test]
    fn bodies_that_are_not_an_error_of_theirs() {
        let html = "<html><body>Not Found</body></html>";
        let coded = r#"{"message":"no"}"#;
        let table = [
            (404, html, "foreign 404"),
            (404, "", "foreign 404"),
            (404, "\"gone\"", "foreign 404"),
            (404, coded, "foreign 404"),
            (403, html, "foreign 403"),
            (403, "", "foreign 403"),
            (403, coded, "foreign 403"),
            (401, "", "token 401"),
            (401, html, "token 401"),
            (401, coded, "token 401"),
            (400, html, "foreign 400"),
            (400, "[]", "foreign 400"),
            (403, r#"{"error":"forbidden"}"#, "foreign 403"),
            (404, r#"{"error":"Not Found","path":"/x"}"#, "foreign 404"),
            (404, r#"{"metaData":{}}"#, "fault 404 billed"),
            (403, r#"{"metaData":{},"error":null}"#, "fault 403 billed"),
            (407, html, "foreign 407"),
            (451, html, "foreign 451"),
            (415, "", "foreign 415"),
            (302, "", "foreign 302"),
            (301, html, "foreign 301"),
            (304, coded, "foreign 304"),
            (200, html, "lost page"),
            (206, " \n<?xml?>", "lost page"),
            (200, "", "unreadable"),
            (204, "", "unreadable"),
            (200, "7", "unreadable"),
            (200, "null", "unreadable"),
            (200, r#"{"report":{"a":"#, "unreadable"),
            (200, coded, "unreadable"),
            (200, "{}", "unreadable"),
            (202, r#"[{"report":{}}]"#, "unreadable"),
            (408, coded, "lost 408"),
            (500, html, "lost 500"),
            (502, "", "lost 502"),
            (504, "", "lost 504"),
            (599, "", "lost 599"),
            (101, "", "lost 101"),
            (0, "", "lost 0"),
            (429, html, "throttled"),
            (503, html, "unavailable"),
        ];
        for (status, body, expected) in table {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_input_refused_without_a_code_settles_its_lookup() {
        let object = r#"{"error":{"text":"bad","detail":"date"}}"#;
        for status in [400, 409, 422] {
            assert_eq!(class(status, object), format!("invalid {status}"));
            assert_eq!(class(status, r#"{"metaData":{},"error":{}}"#), format!("invalid {status}"));
            let others = [
                "{}",
                "[]",
                "bad",
                r#"{"error":{}}"#,
                r#"{"error":null}"#,
                r#"{"error":" "}"#,
                r#"{"error":"bad words"}"#,
            ];
            for other in others {
                assert_eq!(class(status, other), format!("foreign {status}"), "{other}");
            }
        }
        assert_eq!(class(403, object), "fault 403 billed");
        assert_eq!(answer(400, object).text.as_deref(), Some("bad: date"));
    }

    #[test]
    fn reports_in_every_shape() {
        let table = [
            (r#"{"metaData":{},"report":{"a":1}}"#, "hit"),
            (r#"{"report":[{"a":1}]}"#, "hit"),
            (r#"{"report":null}"#, "hit"),
            (r#"{"metaData":null}"#, "hit"),
            (r#"{"metaData":{"apiLogId":1}}"#, "hit"),
            (r#"{"metaData":{},"message":"ok"}"#, "hit"),
            (r#"{"report":{},"error":null}"#, "hit"),
            (r#"{"report":{},"error":{"code":null,"text":null,"detail":""}}"#, "hit"),
            (r#"{"report":{"a":1},"error":{"code":"S2"}}"#, "partial S2"),
            (r#"{"report":[],"error":{"code":" S6 "}}"#, "partial S6"),
            (r#"{"report":null,"error":{"code":"S2"}}"#, "rejected S2"),
            (r#"{"error":{"code":4}}"#, "rejected 4"),
            (r#"{"error":{"code":15,"new":[1]}}"#, "no_hit 15"),
            (r#"{"error":{"text":"without a code"}}"#, "rejected"),
            (r#"{"error":"plain words"}"#, "unreadable"),
            (r#"{"error":null}"#, "unreadable"),
            (r#"{"error":{"code":403,"message":"Forbidden"}}"#, "unreadable"),
        ];
        for (body, expected) in table {
            assert_eq!(class(200, body), expected, "{body}");
        }
        assert_eq!(class(403, r#"{"report":{"a":1},"error":{"code":"S2"}}"#), "partial S2");
    }

    #[test]
    fn what_comes_with_an_answer() {
        let body = r#"{"metaData":{"apiLogId":98765432109876543210,"lodCreated":true,"requestUrl":"https://x?n=1"},
            "error":{"code":"S4","text":"Deceased","detail":"2020-01-01"},"report":null,"more":{"k":1.10}}"#;
        let read = answer(200, body);
        assert_eq!(read.text.as_deref(), Some("Deceased: 2020-01-01"));
        assert_eq!(read.log_id.as_deref(), Some("98765432109876543210"));
        assert_eq!(read.letter, Some(true));
        let kept = String::from_utf8(read.body).unwrap();
        assert!(kept.contains(r#""k":1.10"#) && !kept.contains("requestUrl"), "{kept}");
        for (meta, log_id, letter) in [
            (r#"{"apiLogId":" a-1 ","lodCreated":"False"}"#, Some("a-1"), Some(false)),
            (r#"{"apiLogId":null,"lodCreated":null}"#, None, None),
            (r#"{"apiLogId":{},"lodCreated":"perhaps"}"#, None, None),
            ("7", None, None),
        ] {
            let read = answer(200, &format!(r#"{{"metaData":{meta},"report":{{}}}}"#));
            assert_eq!((read.log_id.as_deref(), read.letter), (log_id, letter), "{meta}");
        }
    }

    #[test]
    fn text_without_detail_and_detail_that_is_no_text() {
        let text = |error: &str| answer(200, &format!(r#"{{"error":{error}}}"#)).text;
        assert_eq!(text(r#"{"code":"S9","text":"t"}"#).as_deref(), Some("t"));
        assert_eq!(text(r#"{"code":"S9","detail":{"d":[1]}}"#).as_deref(), Some(r#"{"d":[1]}"#));
        assert_eq!(text(r#"{"code":"S9"}"#), None);
    }

    #[test]
    fn a_fault_names_the_remedy_and_quotes_no_text() {
        for code in ["R2", "R6", "7", "11", "R77", "19551218\\n9878"] {
            let body = format!(
                r#"{{"error":{{"code":"{code}","text":"Anna Andersson has no access","detail":"5560125790 hunter2"}}}}"#
            );
            let (status, remedy) = if code == "11" { (400, "blockname") } else { (404, "") };
            let Reading::Fault(fault) = read(status, body.as_bytes()) else { panic!("{code}") };
            let told = format!("{} {}", fault.code, fault.message);
            assert!(fault.message.contains(remedy), "{told}");
            for upstreams in ["Anna", "access to", "5560125790", "hunter2", "9878", "\n"] {
                assert!(upstreams == "access to" || !told.contains(upstreams), "{told}");
            }
        }
    }

    proptest! {
        #[test]
        fn an_unknown_code_settles_its_lookup_and_is_kept(code in "[T-Z][A-Z0-9]{0,5}") {
            prop_assert_eq!(class(400, &error(&code)), format!("invalid {code}"));
            prop_assert_eq!(class(200, &error(&code)), format!("rejected {code}"));
            prop_assert_eq!(class(403, &error(&code)), format!("denied {code}"));
        }

        #[test]
        fn only_a_200_with_a_report_is_a_hit(status: u16, code in "[A-Z0-9]{1,3}") {
            let said = class(status, &error(&code));
            prop_assert!(!said.starts_with("hit") && !said.starts_with("partial"), "{}", said);
        }
    }

    #[test]
    fn a_code_that_echoes_a_number_is_masked_and_kept_short() {
        assert_eq!(shown("S200"), "S200");
        assert_eq!(shown("19800101-0001"), "*".repeat(13));
        assert_eq!(shown(&"x".repeat(100)).len(), 40);
    }
}
