//! Answers read by declared rules: `generic`, for an upstream that nobody foresaw.
//!
//! A rule may say what an answer means; it cannot make a purchase of a pause, nor certainty of a doubt. What comes
//! without JSON is the work of something that stands before the service, and settles no lookup.

use super::{Answer, Fault, Reading, json, protocol, shown};
use crate::config::catalogue::{Meaning, Pointer, Rule, Rules, is_doubtful};
use crate::domain::outcome::Outcome;
use crate::domain::redact;
use serde_json::Value;

pub(super) fn read(rules: &Rules, status: u16, body: &[u8]) -> Reading {
    if let Some(reading) = protocol(status) {
        return reading;
    }
    let parsed = json::parse(body);
    let blank = body.trim_ascii().is_empty();
    let code = parsed.as_ref().and_then(|body| code(rules, body));
    let Some(rule) = rules.first(status, code.as_deref(), parsed.as_ref()) else {
        return unread(rules, status, code, parsed.is_some());
    };
    let code = rule.as_code.clone().or(code);
    match rule.meaning {
        // An error page is no answer, whatever its status.
        Meaning::Answer(_) if parsed.is_none() && !blank => unread(rules, status, code, false),
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
        log_id: json::scalar(at(&rules.log_id)),
        letter: json::flag(at(&rules.letter)),
        billed: rule.billed,
        body: json::bytes(body),
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

/// An answer that no rule reads.
fn unread(rules: &Rules, status: u16, code: Option<String>, is_json: bool) -> Reading {
    match status {
        200..=299 => Reading::Lost { code: "unreadable".to_owned() },
        401 if rules.renews => Reading::TokenRefused { code: code.unwrap_or_else(|| "401".to_owned()) },
        status if is_doubtful(status) => Reading::Lost { code: status.to_string() },
        _ => {
            let with = match (&code, is_json) {
                (Some(code), _) => format!("with code {code}"),
                (None, true) => "without a code".to_owned(),
                (None, false) => "without JSON".to_owned(),
            };
            Reading::Fault(Fault {
                code: code.unwrap_or_else(|| status.to_string()),
                message: format!(
                    "the service answers with status {status} {with}, for which the provider's file has no rule; \
                     check base_url and the service's path, or add a rule"
                ),
                billed: is_json,
            })
        }
    }
}
