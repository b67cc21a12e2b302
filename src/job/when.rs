//! `when`: whether a lookup is asked at all, decided by what an earlier lookup of the same row came to.

use crate::config::catalogue::{CodeForm, Condition, Pointer, is_written};
use crate::domain::outcome::{Outcome, State};
use serde_json::Value;

/// Codes of lookups that were skipped, as outputs and the ledger show them.
pub mod code {
    /// The condition is not met.
    pub const GATE: &str = "gate";
    /// What the condition is about failed, was denied, or its answer was lost.
    pub const UNDECIDED: &str = "undecided";
    /// There is no answer yet whose date could be named.
    pub const FIRST: &str = "first";
    /// The reference date is further back than the register looks.
    pub const TOO_OLD: &str = "too-old";
    /// A parameter breaks the catalogue: it was not asked, and nothing is known.
    pub const LOCAL: &str = "local";
    /// The service does not take this kind of number.
    pub const KIND: &str = "kind";
}

/// One condition. Everything that it says must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The lookup that it is about: its place in the job, before the lookup that has the condition.
    pub step: usize,
    /// Outcomes that fit; empty where any answer does.
    pub outcomes: Vec<Outcome>,
    /// Codes that fit; empty where any does, and none.
    pub codes: Vec<CodeForm>,
    /// What must hold within the answer's body.
    pub test: Option<Test>,
}

/// What must hold within an answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `is` or `equals`.
    Is(Condition),
    /// `any_of`: one of these words stands there, as a scalar that is written so, as an element of a list or within one, or
    /// as a key with something in it.
    AnyOf(Pointer, Vec<String>),
}

/// `first`: what becomes of a row about which there is no answer yet, so that nothing can have changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// What depends on it is bought.
    Buy,
    /// It is left out.
    Skip,
}

/// What an earlier lookup of the row has come to.
#[derive(Debug, Clone, Copy)]
pub struct Came<'a> {
    /// Where it stands.
    pub state: State,
    /// Its outcome, where it has one.
    pub outcome: Option<Outcome>,
    /// Its code, where it has one.
    pub code: Option<&'a str>,
    /// Its answer's body, where there is one.
    pub body: Option<&'a Value>,
}

/// What conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// All are met: the lookup is asked.
    Open,
    /// One is not met: it is skipped.
    Closed,
    /// One cannot be told, and none is unmet: it is skipped until `retry`.
    Undecided,
    /// One is about the lookup at this place of the job, which is not settled yet.
    Waits(usize),
}

impl When {
    /// Whether it is met by what its lookup came to. `first` is what is to become of a row without an answer yet.
    pub fn evaluate(&self, came: Came<'_>, first: First) -> Gate {
        let Some(outcome) = came.outcome.filter(|_| matches!(came.state, State::Settled | State::Parked))
        else {
            return Gate::Waits(self.step);
        };
        let open = |open: bool| if open { Gate::Open } else { Gate::Closed };
        match (outcome, came.code) {
            (Outcome::Failed | Outcome::Denied | Outcome::Unknown, _)
            | (Outcome::Skipped, Some(code::UNDECIDED)) => Gate::Undecided,
            // A mistake in the job or its input, which may be mended; but a job may ask for just that.
            (Outcome::Invalid, Some(code::LOCAL)) if !self.outcomes.contains(&Outcome::Invalid) => {
                Gate::Undecided
            }
            (Outcome::Skipped, Some(code::FIRST)) => open(first == First::Buy),
            (Outcome::Skipped, Some(code::TOO_OLD)) => Gate::Open,
            (Outcome::Skipped, _) if !self.outcomes.contains(&Outcome::Skipped) => Gate::Closed,
            (outcome, code) => {
                open(self.fits(outcome, code) && self.test.as_ref().is_none_or(|t| t.holds(came.body)))
            }
        }
    }

    fn fits(&self, outcome: Outcome, code: Option<&str>) -> bool {
        let outcomes = self.outcomes.is_empty() || self.outcomes.contains(&outcome);
        let codes =
            self.codes.is_empty() || code.is_some_and(|code| self.codes.iter().any(|form| form.takes(code)));
        outcomes && codes
    }
}

/// What several conditions come to together. One that is not met decides, whatever is not known of the others: what it
/// says cannot change.
pub fn combine(gates: impl IntoIterator<Item = Gate>) -> Gate {
    let weight = |gate: &Gate| match gate {
        Gate::Closed => 0,
        Gate::Waits(_) => 1,
        Gate::Undecided => 2,
        Gate::Open => 3,
    };
    gates.into_iter().min_by_key(weight).unwrap_or(Gate::Open)
}

impl Test {
    /// Where it looks.
    pub const fn pointer(&self) -> &Pointer {
        match self {
            Self::Is(condition) => &condition.pointer,
            Self::AnyOf(pointer, _) => pointer,
        }
    }

    fn holds(&self, body: Option<&Value>) -> bool {
        match self {
            Self::Is(condition) => condition.holds(body),
            Self::AnyOf(pointer, words) => {
                let found = body.and_then(|body| pointer.of(body));
                found.is_some_and(|value| words.iter().any(|word| says(value, word)))
            }
        }
    }
}

fn says(value: &Value, word: &str) -> bool {
    let filled = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    match value {
        Value::Array(list) => list.iter().any(|element| match element {
            Value::Object(members) => members.values().any(|value| is_written(value, word)),
            element => is_written(element, word),
        }),
        Value::Object(members) => members.get(word).is_some_and(filled),
        scalar => is_written(scalar, word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::catalogue::Is;
    use proptest::prelude::*;
    use serde_json::json;

    fn when() -> When {
        When { step: 0, outcomes: Vec::new(), codes: Vec::new(), test: None }
    }

    fn is(pointer: &str, is: Is) -> Test {
        Test::Is(Condition { pointer: Pointer(pointer.to_owned()), is })
    }

    fn settled(outcome: Outcome, code: Option<&'static str>) -> Came<'static> {
        Came { state: State::Settled, outcome: Some(outcome), code, body: None }
    }

    #[test]
    fn what_is_not_settled_is_waited_for_and_what_failed_decides_nothing() {
        use Outcome::{Denied, Failed, Hit, Invalid, Rejected, Skipped, Unknown};
        let hits = When { outcomes: vec![Hit], ..when() };
        let parked = Came { state: State::Parked, ..settled(Unknown, None) };
        for (came, gate) in [
            (Came { state: State::Pending, outcome: None, code: None, body: None }, Gate::Waits(0)),
            (Came { state: State::Started, outcome: None, code: None, body: None }, Gate::Waits(0)),
            (settled(Hit, None), Gate::Open),
            (settled(Rejected, Some("S4")), Gate::Closed),
            (settled(Failed, Some("503")), Gate::Undecided),
            (settled(Denied, Some("R1")), Gate::Undecided),
            (settled(Invalid, Some(code::LOCAL)), Gate::Undecided),
            (settled(Invalid, Some("22")), Gate::Closed),
            (parked, Gate::Undecided),
            (settled(Unknown, Some("billed")), Gate::Undecided),
            (settled(Skipped, Some(code::UNDECIDED)), Gate::Undecided),
            (settled(Skipped, Some(code::GATE)), Gate::Closed),
            (settled(Skipped, Some(code::KIND)), Gate::Closed),
            (settled(Skipped, Some(code::TOO_OLD)), Gate::Open),
            (settled(Skipped, Some(code::FIRST)), Gate::Open),
        ] {
            assert_eq!(hits.evaluate(came, First::Buy), gate, "{came:?}");
        }
        assert_eq!(hits.evaluate(settled(Skipped, Some(code::FIRST)), First::Skip), Gate::Closed);
        let skipped = When { outcomes: vec![Skipped], ..when() };
        assert_eq!(skipped.evaluate(settled(Skipped, Some(code::KIND)), First::Buy), Gate::Open);
        let invalid = When { outcomes: vec![Invalid], ..when() };
        assert_eq!(invalid.evaluate(settled(Invalid, Some(code::LOCAL)), First::Buy), Gate::Open);
        let codes = When { codes: ["S4", "S6"].map(CodeForm::new).into(), ..when() };
        assert_eq!(codes.evaluate(settled(Rejected, Some("S6")), First::Buy), Gate::Open);
        assert_eq!(codes.evaluate(settled(Hit, None), First::Buy), Gate::Closed);
    }

    #[test]
    fn what_stands_in_the_answer() {
        let body = json!({ "report": {
            "changes": [{ "code": "NAME", "date": "2026-01-02" }], "none": [], "words": ["a", "b"], "one": "a",
            "keys": { "address": true, "name": false, "status": "" },
            "class": 40, "classes": [40, { "code": 50 }], "flag": true, "nothing": null,
        }});
        let any = |pointer: &str, words: &[&str]| {
            Test::AnyOf(Pointer(pointer.to_owned()), words.iter().map(|word| (*word).to_owned()).collect())
        };
        for (test, open) in [
            (is("/report/changes", Is::NonEmpty), true),
            (is("/report/none", Is::NonEmpty), false),
            (is("/report/none", Is::Empty), true),
            (is("/report/missing", Is::Empty), false),
            (is("/report/missing", Is::Absent), true),
            (is("/report/one", Is::Equals("a".to_owned())), true),
            (any("/report/changes", &["ADDRESS", "NAME"]), true),
            (any("/report/changes", &["BOARD"]), false),
            (any("/report/words", &["b"]), true),
            (any("/report/one", &["a"]), true),
            (any("/report/keys", &["address"]), true),
            (any("/report/keys", &["name", "status"]), false),
            (any("/report/missing", &["a"]), false),
            // As `equals` compares: by what is written.
            (any("/report/class", &["40"]), true),
            (is("/report/class", Is::Equals("40".to_owned())), true),
            (any("/report/class", &["41", "4"]), false),
            (any("/report/classes", &["40"]), true),
            (any("/report/classes", &["50"]), true),
            (any("/report/flag", &["true"]), true),
            (any("/report/flag", &["false"]), false),
            (any("/report/nothing", &["null"]), false),
        ] {
            let when = When { test: Some(test), ..when() };
            let came = Came { body: Some(&body), ..settled(Outcome::Hit, None) };
            let gate = if open { Gate::Open } else { Gate::Closed };
            assert_eq!(when.evaluate(came, First::Buy), gate, "{when:?}");
        }
        let absent = When { test: Some(is("/report", Is::Absent)), ..when() };
        assert_eq!(
            absent.evaluate(settled(Outcome::NoHit, Some("15")), First::Buy),
            Gate::Open,
            "there is no body"
        );
    }

    fn gates() -> impl Strategy<Value = Vec<Gate>> {
        let gate = prop_oneof![
            Just(Gate::Open),
            Just(Gate::Closed),
            Just(Gate::Undecided),
            (0..4_usize).prop_map(Gate::Waits)
        ];
        proptest::collection::vec(gate, 0..5)
    }

    proptest! {
        /// What is asked has every condition met, and what is known to be unmet is skipped at once and for good.
        #[test]
        fn together_they_open_only_when_all_do(gates in gates()) {
            let all = combine(gates.clone());
            prop_assert_eq!(all == Gate::Open, gates.iter().all(|gate| *gate == Gate::Open));
            prop_assert_eq!(all == Gate::Closed, gates.contains(&Gate::Closed));
            let waits = gates.iter().any(|gate| matches!(gate, Gate::Waits(_)));
            prop_assert_eq!(matches!(all, Gate::Waits(_)), waits && !gates.contains(&Gate::Closed));
        }
    }
}
