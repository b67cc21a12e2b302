//! What is to be done with a pending lookup, by what the ledger knows of its question: one place for `run` and for `plan`.

use super::freshness::{Freshness, Reuse};
use super::prepared::{Ask, Resolved};
use crate::domain::identity::Identity;
use crate::job::when::{Gate, code};
use crate::ledger::{EarlierLookup, InFlightElsewhere, Known, LookupId, SavedCall, StoredAnswer};
use std::collections::HashMap;

/// What is to be done with a pending lookup.
pub(crate) enum Disposition {
    /// Ask it, unless an earlier row of this run is just asking the same.
    Ask(Ask),
    /// It follows an earlier lookup of this run.
    Follow(Ask, EarlierLookup),
    /// A stored answer is fresh enough.
    Reuse(Ask, StoredAnswer),
    /// Another process is just asking it.
    InFlightElsewhere(Ask),
    /// A letter-making call with this identity was lost in another run: asking again could send a second letter.
    LetterUnknown,
    /// We refuse it: outcome `invalid`, code `local`.
    Invalid(String),
    /// What the ledger holds of its row does not open: outcome `failed`, code `damaged`.
    Damaged,
    /// It is not asked.
    Skip(Skip),
    /// Its condition is about this lookup, which is not settled yet.
    Wait(LookupId),
}

/// Why a lookup is not asked.
pub(crate) struct Skip {
    /// In a word.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) reason: String,
    /// The call, where it would have been made but for its condition.
    pub(crate) saved: Option<SavedCall>,
}

/// What a condition makes of what would be done without one.
pub(crate) fn gated(disposition: Disposition, gate: Gate, at: LookupId) -> Disposition {
    let skip = |code, reason: &str| Disposition::Skip(Skip { code, reason: reason.to_owned(), saved: None });
    match (gate, disposition) {
        // Whatever its condition comes to, it is not asked.
        (_, Disposition::Skip(why)) if why.code == code::KIND => Disposition::Skip(why),
        (Gate::Open, disposition) => disposition,
        (Gate::Waits(step), _) => {
            Disposition::Wait(LookupId { row: at.row, step: u16::try_from(step).unwrap_or(u16::MAX) })
        }
        (Gate::Undecided, _) => skip(
            code::UNDECIDED,
            "what its condition is about failed, was denied or is unknown: `retry` decides anew",
        ),
        (Gate::Closed, _) => skip(code::GATE, "its condition is not met"),
    }
}

/// What is to be done with a lookup, given what the ledger knows of it. An earlier row of the same run comes before
/// everything else, so that a number that stands twice has one outcome.
pub(crate) fn disposition(
    resolved: Resolved,
    at: Option<LookupId>,
    known: &HashMap<Identity, Known>,
    reuse: Reuse,
    freshness: Freshness,
) -> Disposition {
    let ask = match resolved {
        Resolved::Ask(ask) => ask,
        Resolved::Invalid(reason) => return Disposition::Invalid(reason),
        Resolved::Damaged => return Disposition::Damaged,
        Resolved::Skipped { code, reason } => return Disposition::Skip(Skip { code, reason, saved: None }),
    };
    let Some(known) = known.get(&ask.identity) else { return Disposition::Ask(ask) };
    if let Some(holder) = known.holder.filter(|holder| Some(holder.at) != at) {
        return Disposition::Follow(ask, holder);
    }
    let after = freshness.reuse_after(reuse.within);
    let recent = |answer: &StoredAnswer| after.is_some_and(|after| answer.fetched_at > after);
    let fresh = |answer: &StoredAnswer| recent(answer) && reuse.outcomes.contains(answer.outcome);
    if let Some(answer) = known.answer.filter(|answer| answer.used_here || fresh(answer)) {
        return Disposition::Reuse(ask, answer);
    }
    // What could not be read an hour ago cannot be read now: it is not paid for again so soon.
    let unread = known.unread.filter(|_| !freshness.unknown_too);
    if let Some(unread) = unread.filter(|unread| unread.used_here || recent(unread)) {
        return Disposition::Reuse(ask, unread);
    }
    let waits = |elsewhere: InFlightElsewhere| {
        after.is_some() || elsewhere.letter_making && ask.letter_making && !freshness.unknown_too
    };
    if known.elsewhere.is_some_and(waits) {
        return Disposition::InFlightElsewhere(ask);
    }
    if known.letter_unknown && ask.letter_making && !freshness.unknown_too {
        return Disposition::LetterUnknown;
    }
    Disposition::Ask(ask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Ore;
    use crate::domain::number::Kind;
    use crate::domain::outcome::Outcomes;
    use crate::domain::outcome::{Outcome, State};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_hours(1);
    const ID: Identity = Identity([1; 16]);
    const AT: LookupId = LookupId { row: 9, step: 0 };

    fn ask(letter_making: bool) -> Resolved {
        Resolved::Ask(Ask { letter_making, ..plain() })
    }

    fn plain() -> Ask {
        let number = "5560125790".to_owned();
        Ask {
            number,
            params: Vec::new(),
            identity: ID,
            price: Some(Ore::ZERO),
            kind: Kind::Organisation,
            letter_making: false,
            tried: None,
            purposes: None,
        }
    }

    fn decide(
        known: Known,
        letter: bool,
        reuse: Duration,
        buy_again: bool,
        unknown_too: bool,
    ) -> &'static str {
        let known = HashMap::from([(ID, known)]);
        let freshness = Freshness { now: 10 * 3_600_000, began: 0, buy_again, unknown_too };
        let reuse = Reuse { within: reuse, outcomes: Outcomes::default() };
        match disposition(ask(letter), Some(AT), &known, reuse, freshness) {
            Disposition::Ask(_) => "ask",
            Disposition::Follow(..) => "follow",
            Disposition::Reuse(..) => "reuse",
            Disposition::LetterUnknown => "letter",
            Disposition::Invalid(_) => "invalid",
            Disposition::Damaged => "damaged",
            Disposition::Skip(_) => "skip",
            Disposition::Wait(_) => "wait",
            Disposition::InFlightElsewhere(_) => "elsewhere",
        }
    }

    fn answer(hours_old: i64, used_here: bool) -> StoredAnswer {
        let fetched_at = (10 - hours_old) * 3_600_000;
        StoredAnswer { attempt: 1, outcome: Outcome::Hit, fetched_at, used_here }
    }

    fn holder(at: LookupId) -> EarlierLookup {
        EarlierLookup { at, state: State::Settled, outcome: Some(Outcome::Hit), attempt: Some(1) }
    }

    #[test]
    fn a_fresh_answer_is_used_and_an_old_one_is_not() {
        let known = |hours| Known { answer: Some(answer(hours, false)), ..Known::default() };
        assert_eq!(decide(known(1), false, 2 * HOUR, false, false), "reuse");
        assert_eq!(decide(known(3), false, 2 * HOUR, false, false), "ask");
        assert_eq!(decide(known(1), false, 2 * HOUR, true, false), "ask", "--buy-again");
        assert_eq!(decide(known(0), false, Duration::ZERO, false, false), "ask", "reuse = \"0\"");
    }

    #[test]
    fn the_job_says_which_outcomes_are_used_again() {
        let known = HashMap::from([(ID, Known { answer: Some(answer(1, false)), ..Known::default() })]);
        let freshness = Freshness { now: 10 * 3_600_000, began: 0, buy_again: false, unknown_too: false };
        for (outcomes, reused) in [([Outcome::Hit], true), ([Outcome::NoHit], false)] {
            let reuse = Reuse { within: 2 * HOUR, outcomes: outcomes.into_iter().collect() };
            let disposition = disposition(ask(false), Some(AT), &known, reuse, freshness);
            assert_eq!(matches!(disposition, Disposition::Reuse(..)), reused);
        }
    }

    #[test]
    fn a_second_row_follows_the_first_whatever_the_rules() {
        let earlier = LookupId { row: 3, step: 0 };
        let known = Known {
            answer: Some(answer(0, false)),
            holder: Some(holder(earlier)),
            letter_unknown: true,
            ..Known::default()
        };
        assert_eq!(decide(known, true, HOUR, true, false), "follow");
        let itself = Known { holder: Some(holder(AT)), ..Known::default() };
        assert_eq!(decide(itself, false, HOUR, false, false), "ask", "its own earlier attempt");
        let stale_but_used = Known { answer: Some(answer(9, true)), ..Known::default() };
        assert_eq!(decide(stale_but_used, false, HOUR, true, false), "reuse");
    }

    #[test]
    fn what_another_process_asks_is_waited_for_where_its_answer_would_be_used() {
        let known = |letter_making| Known {
            elsewhere: Some(InFlightElsewhere { letter_making }),
            ..Known::default()
        };
        assert_eq!(decide(known(false), false, HOUR, false, false), "elsewhere");
        assert_eq!(decide(known(false), false, Duration::ZERO, false, false), "ask");
        assert_eq!(decide(known(false), false, HOUR, true, false), "ask", "--buy-again");
        assert_eq!(decide(known(true), true, HOUR, true, false), "elsewhere", "a letter may be on its way");
        assert_eq!(decide(known(true), true, HOUR, true, true), "ask");
    }

    #[test]
    fn a_lost_letter_blocks_until_the_user_says_otherwise() {
        let known = Known { letter_unknown: true, ..Known::default() };
        assert_eq!(decide(known, true, HOUR, false, false), "letter");
        assert_eq!(decide(known, true, HOUR, false, true), "ask");
        assert_eq!(decide(known, false, HOUR, false, false), "ask");
    }

    #[test]
    fn what_cannot_be_read_is_taken_over_while_it_is_fresh_and_a_letter_stays_blocked_after_that() {
        let unread = |hours, letter_unknown| {
            let unread = StoredAnswer { outcome: Outcome::Unknown, ..answer(hours, false) };
            Known { unread: Some(unread), letter_unknown, ..Known::default() }
        };
        for letter in [false, true] {
            assert_eq!(decide(unread(1, letter), letter, 2 * HOUR, false, false), "reuse");
            assert_eq!(decide(unread(1, letter), letter, 2 * HOUR, false, true), "ask", "`retry --unknown`");
            let after = if letter { "letter" } else { "ask" };
            assert_eq!(decide(unread(3, letter), letter, 2 * HOUR, false, false), after);
            assert_eq!(decide(unread(1, letter), letter, 2 * HOUR, true, false), after, "--buy-again");
            assert_eq!(
                decide(unread(0, letter), letter, Duration::ZERO, false, false),
                after,
                "reuse = \"0\""
            );
        }
        let both = Known { answer: Some(answer(1, false)), ..unread(0, false) };
        let known = HashMap::from([(ID, both)]);
        let freshness = Freshness { now: 10 * 3_600_000, began: 0, buy_again: false, unknown_too: false };
        let reuse = Reuse { within: 2 * HOUR, outcomes: Outcomes::default() };
        let Disposition::Reuse(_, used) = disposition(ask(false), Some(AT), &known, reuse, freshness) else {
            panic!()
        };
        assert_eq!(used.outcome, Outcome::Hit, "an answer that is fresh and can be read comes first");
    }

    #[test]
    fn a_condition_comes_before_everything_but_what_is_never_asked() {
        let disposition = |gate| match gated(Disposition::Reuse(plain(), answer(0, false)), gate, AT) {
            Disposition::Reuse(..) => "reuse".to_owned(),
            Disposition::Wait(at) => format!("wait for {}", at.step),
            Disposition::Skip(skip) => skip.code.to_owned(),
            _ => "else".to_owned(),
        };
        assert_eq!(disposition(Gate::Open), "reuse");
        assert_eq!(disposition(Gate::Waits(3)), "wait for 3");
        assert_eq!(disposition(Gate::Closed), "gate");
        assert_eq!(disposition(Gate::Undecided), "undecided");
        let never = Disposition::Skip(Skip { code: code::KIND, reason: String::new(), saved: None });
        assert!(
            matches!(gated(never, Gate::Waits(0), AT), Disposition::Skip(skip) if skip.code == code::KIND)
        );
    }
}
