//! Declared rules that read an answer: by status, by the upstream's code and by what stands at a pointer.
//!
//! What no rule can undo is decided by [`is_protocol`]: a 429 is a pause, a 503 was not carried out, a redirect is a
//! fault, and what cannot be read after a 2xx or a 5xx may have been carried out and billed.

use crate::domain::outcome::Outcome;
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;

/// How the answers of a service are read. The first rule that matches decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// The rules, in their order.
    pub list: Vec<Rule>,
    /// Where the upstream's code stands: the first of these that is a scalar.
    pub code: Vec<Pointer>,
    /// Where its words stand: all of these that are there.
    pub text: Vec<Pointer>,
    /// Where the report stands. A `hit` or `partial` needs one there.
    pub report: Option<Pointer>,
    /// Where its own reference stands.
    pub log_id: Option<Pointer>,
    /// Where it says whether a letter of disclosure went out.
    pub letter: Option<Pointer>,
    /// Where it repeats our reference of the call.
    pub transactionid: Vec<Pointer>,
    /// Where it repeats the number, or says whom it is about.
    pub number: Vec<Pointer>,
    /// Whether a 401 that no rule reads is an expired token: it is where the provider logs in.
    pub renews: bool,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Statuses that it is for.
    pub statuses: Statuses,
    /// Codes that it is for; empty for any, and for none at all.
    pub codes: Vec<CodeForm>,
    /// What must hold at a pointer.
    pub condition: Option<Condition>,
    /// What it makes of the answer.
    pub meaning: Meaning,
    /// Whether such an answer is billed.
    pub billed: bool,
    /// The code to tell, in the place of the upstream's.
    pub as_code: Option<String>,
    /// What it means, for people; no personal data.
    pub about: Option<String>,
}

/// A set of HTTP statuses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statuses(pub Vec<RangeInclusive<u16>>);

/// A code, or all codes with a beginning (`S*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeForm {
    /// This one.
    Exactly(String),
    /// All that begin so.
    Beginning(String),
}

/// What must hold at a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where.
    pub pointer: Pointer,
    /// What.
    pub is: Is,
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    /// There, and null or an empty text, list or object. Not absent: what lacks the place altogether is another answer.
    Empty,
    /// There, and none of these.
    NonEmpty,
    /// There, be it null.
    Present,
    /// Not there.
    Absent,
    /// A scalar that is written so.
    Equals(String),
}

/// A JSON pointer, RFC 6901.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(pub String);

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It settles the lookup.
    Answer(Outcome),
    /// The token has expired: log in again, repeat once.
    TokenRefused,
    /// The account waits, as after a 429.
    Throttled,
    /// Not carried out, as a 503.
    Unavailable,
    /// It may have been carried out, and there is nothing to show for it.
    Lost,
    /// The configuration is at fault: the service is stopped.
    Fault,
}

impl Rules {
    /// The first rule for an answer of this status, code and body.
    pub fn first(&self, status: u16, code: Option<&str>, body: Option<&Value>) -> Option<&Rule> {
        self.list.iter().find(|rule| self.matches(rule, status, code, body))
    }

    fn matches(&self, rule: &Rule, status: u16, code: Option<&str>, body: Option<&Value>) -> bool {
        let reports = matches!(rule.meaning, Meaning::Answer(Outcome::Hit | Outcome::Partial));
        let report = || match (&self.report, body) {
            (Some(report), Some(body)) => report.of(body).is_some_and(|report| !report.is_null()),
            (None, body) => body.is_some(),
            (Some(_), None) => false,
        };
        rule.statuses.contains(status)
            && (rule.codes.is_empty()
                || code.is_some_and(|code| rule.codes.iter().any(|form| form.takes(code))))
            && rule.condition.as_ref().is_none_or(|condition| condition.holds(body))
            && (!is_doubtful(status) || rule.overrules_doubt())
            && (!reports || report())
    }
}

impl Rule {
    /// Whether it is asked at a status after which a request may have been carried out: where it goes by more than the
    /// status, or leaves the doubt as it is.
    pub fn overrules_doubt(&self) -> bool {
        !self.codes.is_empty() || self.condition.is_some() || self.meaning == Meaning::Lost
    }
}

/// Statuses whose meaning no rule changes: 429, 503, a redirect, and what is no final status.
pub const fn is_protocol(status: u16) -> bool {
    matches!(status, 429 | 503 | 0..=199 | 300..=399 | 600..)
}

/// Statuses after which a request may have been carried out: a rule must name a code or a pointer to say otherwise.
pub const fn is_doubtful(status: u16) -> bool {
    matches!(status, 408 | 500..=502 | 504..=599)
}

impl Statuses {
    /// Whether a status is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl CodeForm {
    /// Reads `15` or `S*`.
    pub fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(beginning) => Self::Beginning(beginning.to_owned()),
            None => Self::Exactly(text.to_owned()),
        }
    }

    /// Whether a code is of this form.
    pub fn takes(&self, code: &str) -> bool {
        match self {
            Self::Exactly(form) => form == code,
            Self::Beginning(beginning) => code.starts_with(beginning.as_str()),
        }
    }

    /// Whether every code of another form is of this one.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (form, Self::Exactly(code)) => form.takes(code),
            (Self::Beginning(mine), Self::Beginning(theirs)) => theirs.starts_with(mine.as_str()),
            (Self::Exactly(_), Self::Beginning(_)) => false,
        }
    }
}

impl fmt::Display for CodeForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(code) => f.write_str(code),
            Self::Beginning(beginning) => write!(f, "{beginning}*"),
        }
    }
}

impl Condition {
    /// Whether it holds in a body.
    pub fn holds(&self, body: Option<&Value>) -> bool {
        let found = body.and_then(|body| self.pointer.of(body));
        match &self.is {
            Is::Empty => found.is_some_and(is_empty),
            Is::NonEmpty => found.is_some_and(|value| !is_empty(value)),
            Is::Present => found.is_some(),
            Is::Absent => found.is_none(),
            Is::Equals(text) => found.is_some_and(|value| is_written(value, text)),
        }
    }
}

/// Whether a value is a scalar that is written so: the number 40 as the text `40`.
pub fn is_written(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Number(number) => number.as_str() == text,
        Value::Bool(yes) => text == if *yes { "true" } else { "false" },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

impl Pointer {
    /// What stands there.
    pub fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.pointer(&self.0)
    }
}

impl Meaning {
    /// The meaning of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "hit" => Self::Answer(Outcome::Hit),
            "partial" => Self::Answer(Outcome::Partial),
            "rejected" => Self::Answer(Outcome::Rejected),
            "no_hit" => Self::Answer(Outcome::NoHit),
            "invalid" => Self::Answer(Outcome::Invalid),
            "denied" => Self::Answer(Outcome::Denied),
            "token-refused" => Self::TokenRefused,
            "throttled" => Self::Throttled,
            "unavailable" => Self::Unavailable,
            "lost" => Self::Lost,
            "fault" => Self::Fault,
            _ => return None,
        })
    }

    /// Whether such an answer can be billed at all.
    pub const fn can_be_billed(self) -> bool {
        matches!(self, Self::Answer(_) | Self::Lost | Self::Fault)
    }
}
