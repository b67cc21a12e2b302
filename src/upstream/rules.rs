//! Answers read by declared rules: `generic`, for an upstream that nobody foresaw.
//!
//! A rule may say what an answer means; it cannot make a purchase of a pause, nor certainty of a doubt. What comes
//! without JSON is the work of something that stands before the service, and settles no lookup.

use super::content::{self, Content};
use super::page::foreign;
use super::{Answer, Fault, Reading, json, shown};
use crate::config::catalogue::{Meaning, Pointer, Rule, Rules, is_doubtful};
use crate::domain::json::bytes;
use crate::domain::outcome::Outcome;
use crate::domain::redact;
use serde_json::Value;

pub(super) fn read(rules: &Rules, status: u16, content: Content) -> Reading {
    let Content { json: parsed, is_page, is_blank } = content;
    let code = parsed.as_ref().and_then(|body| code(rules, body));
    let Some(rule) = rules.first(status, code.as_deref(), parsed.as_deref()) else {
        return unread(rules, status, code, is_page);
    };
    let code = rule.as_code.clone().or(code);
    match rule.meaning {
        // An error page is no answer, whatever its status, and says nothing of the configuration.
        Meaning::Answer(_) if parsed.is_none() && !is_blank => unread(rules, status, code, is_page),
        Meaning::Fault if is_page => unread(rules, status, code, is_page),
        Meaning::Answer(outcome) => answer(rules, rule, outcome, code, &parsed.unwrap_or_default()),
        Meaning::TokenRefused => Reading::TokenRefused { code: code.unwrap_or_else(|| status.to_string()) },
        Meaning::Throttled => Reading::Throttled,
        Meaning::Unavailable => Reading::Unavailable,
        Meaning::Lost => Reading::Lost { code: code.unwrap_or_else(|| status.to_string()) },
        Meaning::Fault => Reading::Fault(fault(rule, status, code)),
    }
}

fn code(rules: &Rules, body: &Value) -> Option<String> {
    rules.code.iter().find_map(|pointer| json::scalar(pointer.of(body))).map(|code| shown(&code))
}

fn answer(rules: &Rules, rule: &Rule, outcome: Outcome, code: Option<String>, body: &Value) -> Reading {
    let at = |pointer: &Option<Pointer>| pointer.as_ref().and_then(|pointer| pointer.of(body));
    let text: Vec<String> = rules.text.iter().filter_map(|pointer| json::scalar(pointer.of(body))).collect();
    Reading::Answer(Answer {
        outcome,
        code,
        text: (!text.is_empty()).then(|| redact::scrub(&text.join(": "))),
        log_id: json::reference(at(&rules.log_id)),
        letter: json::flag(at(&rules.letter)),
        billed: rule.billed,
        body: bytes(body),
    })
}

fn fault(rule: &Rule, status: u16, code: Option<String>) -> Fault {
    let message = rule.about.as_deref().unwrap_or("the provider's file calls this answer a fault");
    Fault {
        code: code.unwrap_or_else(|| status.to_string()),
        message: format!("{message} (status {status}); mend what it names, then continue the run"),
        billed: rule.billed,
    }
}

/// An answer that no rule reads. The provider's form is JSON with a code where the file says that codes stand.
fn unread(rules: &Rules, status: u16, code: Option<String>, is_page: bool) -> Reading {
    match (status, code) {
        (200..=299, _) => content::unread(is_page),
        (401, code) if rules.renews => {
            Reading::TokenRefused { code: code.unwrap_or_else(|| "401".to_owned()) }
        }
        (status, _) if is_doubtful(status) => Reading::Lost { code: status.to_string() },
        (_, None) => foreign(status),
        (_, Some(code)) => Reading::Fault(Fault {
            message: format!(
                "the service answers with status {status} with code {code}, for which the provider's file has no rule; \
                 check base_url and the service's path, or add a rule"
            ),
            code,
            billed: true,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Question, answered};
    use super::*;
    use crate::config::catalogue::{Catalogue, Dialect};
    use proptest::prelude::*;
    use std::path::Path;
    use std::sync::Arc;

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

    fn read(rules: &Arc<Rules>, status: u16, body: &[u8]) -> Reading {
        super::super::read(
            &Dialect::Generic(Arc::clone(rules)),
            &answered(status, body),
            &Question::default(),
        )
    }

    fn rules(service: &str) -> Arc<Rules> {
        let mut catalogue = Catalogue::default();
        let example = include_str!("../../config/providers/example.toml");
        catalogue.extend(Path::new("example.toml"), example).unwrap();
        match &catalogue.service(service).unwrap().1.dialect {
            Dialect::Generic(rules) => Arc::clone(rules),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_example_reads_as_its_file_says() {
        let html = "<html>Not Found</html>";
        let rules = rules("example.company");
        let table = [
            (200, r#"{"requestId":"q1","data":{"name":"A"}}"#, "hit"),
            (200, r#"{"data":{}}"#, "no_hit"),
            (200, r#"{"data":null}"#, "no_hit"),
            (200, r#"{"message":"hello from a proxy"}"#, "unreadable"),
            (200, html, "lost page"),
            (200, "", "unreadable"),
            (404, r#"{"error":{"code":"NOT_FOUND"}}"#, "no_hit NOT_FOUND"),
            (404, r#"{"error":{"code":"ROUTE"}}"#, "fault ROUTE billed"),
            (404, html, "foreign 404"),
            (404, r#"{"message":"no route"}"#, "foreign 404"),
            (403, r#"{"error":{"code":"PROTECTED"}}"#, "rejected PROTECTED"),
            (451, r#"{"error":{"code":"R7"}}"#, "rejected R7"),
            (451, r#"{"error":{"code":"X"}}"#, "fault X billed"),
            (403, r#"{"error":{"code":"NO_ACCESS"}}"#, "fault NO_ACCESS free"),
            (403, r#"{"status":"other"}"#, "denied other"),
            (403, html, "foreign 403"),
            (400, html, "foreign 400"),
            (422, r#"{"error":{"message":"bad"}}"#, "invalid"),
            (401, "", "token 401"),
            (401, html, "token 401"),
            (500, r#"{"error":{"code":"BACKEND_DOWN"}}"#, "unavailable"),
            (500, r#"{"error":{"code":"OTHER"}}"#, "lost 500"),
            (500, html, "lost 500"),
            (408, "", "lost 408"),
            (504, "", "lost 504"),
            (429, r#"{"data":{"a":1}}"#, "throttled"),
            (503, r#"{"data":{"a":1}}"#, "unavailable"),
            (302, r#"{"data":{"a":1}}"#, "foreign 302"),
        ];
        for (status, body, expected) in table {
            assert_eq!(class(read(&rules, status, body.as_bytes())), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_services_own_rules_and_places_come_first() {
        let rules = rules("example.status");
        assert_eq!(class(read(&rules, 200, br#"{"registered":true}"#)), "hit");
        assert_eq!(class(read(&rules, 200, br#"{"registered":false}"#)), "no_hit");
        assert_eq!(class(read(&rules, 200, br#"{"data":{"a":1}}"#)), "unreadable");
    }

    #[test]
    fn places_and_bills_are_those_of_the_file() {
        let rules = rules("example.company");
        let body = br#"{"requestId":7,"requestUrl":"u?id=198001010001","error":
            {"code":"NOT_FOUND","message":"no 198001010001"}}"#;
        let Reading::Answer(answer) = read(&rules, 404, body) else { panic!() };
        assert!(!answer.billed);
        assert_eq!(answer.text.as_deref(), Some("no ************"));
        assert_eq!(answer.log_id.as_deref(), Some("7"));
        assert!(!String::from_utf8(answer.body).unwrap().contains("requestUrl"));
        let Reading::Answer(hit) = read(&rules, 200, br#"{"data":[1]}"#) else { panic!() };
        assert!(hit.billed && hit.code.is_none() && hit.text.is_none());
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        use crate::config::catalogue::{CodeForm, Statuses};
        let words =
            ["hit", "no_hit", "invalid", "token-refused", "throttled", "unavailable", "lost", "fault"];
        (0usize..words.len(), 0u16..700, 0u16..700, prop::option::of("[A-C*]{1,2}"), any::<bool>()).prop_map(
            move |(word, from, to, code, billed)| Rule {
                statuses: Statuses(vec![from..=to]),
                codes: code.iter().map(|code| CodeForm::new(code)).collect(),
                condition: None,
                meaning: Meaning::parse(words[word]).unwrap(),
                billed,
                as_code: None,
                about: None,
            },
        )
    }

    proptest! {
        /// Whatever a file says, a pause stays a pause, a doubt a doubt, and a page without JSON settles nothing.
        #[test]
        fn no_rule_undoes_what_keeps_money_and_upstream_safe(
            list in prop::collection::vec(any_rule(), 0..6), status in 0u16..700,
        ) {
            let rules = Arc::new(Rules { list, code: vec![Pointer("/code".to_owned())], ..Rules::default() });
            let page = read(&rules, status, b"<html>556012-5790</html>");
            prop_assert!(!matches!(page, Reading::Answer(_)));
            for body in ["", "{}", r#"{"code":"A"}"#, r#"{"code":"5560125790","x":"198001010001"}"#] {
                let reading = read(&rules, status, body.as_bytes());
                let shown = format!("{reading:?}");
                prop_assert!(!shown.contains("5560125790") && !shown.contains("198001010001"), "{}", shown);
                match status {
                    429 => prop_assert_eq!(&reading, &Reading::Throttled),
                    503 => prop_assert_eq!(&reading, &Reading::Unavailable),
                    300..=399 => prop_assert!(matches!(reading, Reading::Foreign(_))),
                    408 | 500 | 502 | 504 if body.len() < 3 => {
                        let lost = matches!(reading, Reading::Lost { .. });
                        prop_assert!(lost);
                    }
                    _ => {}
                }
            }
        }
    }
}
