//! Reading ahead: the next pending lookups with what is known of each, decided in one place for `run` and for `plan`.

use super::RunError;
use super::prepared::{Ask, Prepared, Resolved};
use crate::domain::identity::Identity;
use crate::ledger::{Holder, Known, Ledger, Pending, Place, StoredAnswer};
use std::collections::HashMap;
use std::time::Duration;

/// A pending lookup and what is to be done with it.
pub(super) struct Fetched {
    pub(super) at: Place,
    pub(super) spent: u32,
    pub(super) lost: bool,
    pub(super) verdict: Verdict,
}

/// What is to be done with a pending lookup.
pub(super) enum Verdict {
    /// Ask it, unless an earlier row of this run is just asking the same.
    Ask(Ask),
    /// It follows an earlier lookup of this run.
    Follow(Ask, Holder),
    /// A stored answer is fresh enough.
    Reuse(Ask, StoredAnswer),
    /// A letter-making call with this identity was lost in another run: asking again could send a second letter.
    LetterUnknown,
    /// We refuse it: outcome `invalid`, code `local`.
    Invalid(String),
    /// The service does not take this kind of number.
    Skip(String),
}

/// When, and whether, stored answers may be used again.
#[derive(Clone, Copy)]
pub(super) struct Freshness {
    /// Milliseconds since 1970.
    pub(super) now: i64,
    /// `--buy-again`.
    pub(super) buy_again: bool,
    /// Whether the user has said that what was lost may be asked again.
    pub(super) unknown_too: bool,
}

impl Freshness {
    /// After which instant an answer must have come to be used again; nothing where none may be.
    pub(super) fn reuse_after(&self, reuse: Duration) -> Option<i64> {
        let span = i64::try_from(reuse.as_millis()).unwrap_or(i64::MAX);
        (!self.buy_again && !reuse.is_zero()).then(|| self.now.saturating_sub(span))
    }
}

/// The next pending lookups of a run after a place.
pub(super) async fn fetch(
    ledger: &Ledger,
    prepared: &Prepared,
    run: i64,
    after: Place,
    limit: u32,
    freshness: Freshness,
) -> Result<Vec<Fetched>, RunError> {
    let pending = ledger.pending(run, after, limit).await?;
    let resolved: Vec<(Pending, Resolved)> = pending
        .into_iter()
        .map(|pending| {
            let resolved = prepared.resolve(usize::from(pending.at.step), &pending.subject, &pending.columns);
            (pending, resolved)
        })
        .collect();
    let known = known(ledger, run, resolved.iter().map(|(_, resolved)| resolved)).await?;
    Ok(resolved
        .into_iter()
        .map(|(pending, resolved)| {
            let reuse = prepared.job.steps[usize::from(pending.at.step)].reuse;
            let verdict = verdict(resolved, Some(pending.at), &known, reuse, freshness);
            Fetched { at: pending.at, spent: pending.spent, lost: pending.lost, verdict }
        })
        .collect())
}

/// What the ledger knows of the questions among these.
pub(super) async fn known(
    ledger: &Ledger,
    run: i64,
    resolved: impl Iterator<Item = &Resolved>,
) -> Result<HashMap<Identity, Known>, RunError> {
    let identities: Vec<Identity> = resolved
        .filter_map(|resolved| match resolved {
            Resolved::Ask(ask) => Some(ask.identity),
            _ => None,
        })
        .collect();
    Ok(ledger.known(run, &identities).await?)
}

/// What is to be done with a lookup, given what the ledger knows of it. An earlier row of the same run comes before
/// everything else, so that a number that stands twice has one outcome.
pub(super) fn verdict(
    resolved: Resolved,
    at: Option<Place>,
    known: &HashMap<Identity, Known>,
    reuse: Duration,
    freshness: Freshness,
) -> Verdict {
    let ask = match resolved {
        Resolved::Ask(ask) => ask,
        Resolved::Invalid(reason) => return Verdict::Invalid(reason),
        Resolved::Skipped(reason) => return Verdict::Skip(reason),
    };
    let Some(known) = known.get(&ask.identity) else { return Verdict::Ask(ask) };
    if let Some(holder) = known.holder.filter(|holder| Some(holder.at) != at) {
        return Verdict::Follow(ask, holder);
    }
    let after = freshness.reuse_after(reuse);
    let fresh = |answer: &StoredAnswer| after.is_some_and(|after| answer.fetched_at > after);
    if let Some(answer) = known.answer.filter(|answer| answer.used_here || fresh(answer)) {
        return Verdict::Reuse(ask, answer);
    }
    if known.letter_unknown && ask.letter_making && !freshness.unknown_too {
        return Verdict::LetterUnknown;
    }
    Verdict::Ask(ask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Ore;
    use crate::domain::outcome::{Outcome, State};

    const HOUR: Duration = Duration::from_hours(1);
    const ID: Identity = Identity([1; 16]);
    const AT: Place = Place { row: 9, step: 0 };

    fn ask(letter_making: bool) -> Resolved {
        let number = "5560125790".to_owned();
        Resolved::Ask(Ask { number, params: Vec::new(), identity: ID, price: Ore::ZERO, letter_making })
    }

    fn decide(
        known: Known,
        letter: bool,
        reuse: Duration,
        buy_again: bool,
        unknown_too: bool,
    ) -> &'static str {
        let known = HashMap::from([(ID, known)]);
        let freshness = Freshness { now: 10 * 3_600_000, buy_again, unknown_too };
        match verdict(ask(letter), Some(AT), &known, reuse, freshness) {
            Verdict::Ask(_) => "ask",
            Verdict::Follow(..) => "follow",
            Verdict::Reuse(..) => "reuse",
            Verdict::LetterUnknown => "letter",
            Verdict::Invalid(_) => "invalid",
            Verdict::Skip(_) => "skip",
        }
    }

    fn answer(hours_old: i64, used_here: bool) -> StoredAnswer {
        let fetched_at = (10 - hours_old) * 3_600_000;
        StoredAnswer { attempt: 1, outcome: Outcome::Hit, fetched_at, used_here }
    }

    fn holder(at: Place) -> Holder {
        Holder { at, state: State::Settled, outcome: Some(Outcome::Hit), attempt: Some(1) }
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
    fn a_second_row_follows_the_first_whatever_the_rules() {
        let earlier = Place { row: 3, step: 0 };
        let known =
            Known { answer: Some(answer(0, false)), holder: Some(holder(earlier)), letter_unknown: true };
        assert_eq!(decide(known, true, HOUR, true, false), "follow");
        let itself = Known { holder: Some(holder(AT)), ..Known::default() };
        assert_eq!(decide(itself, false, HOUR, false, false), "ask", "its own earlier attempt");
        let stale_but_used = Known { answer: Some(answer(9, true)), ..Known::default() };
        assert_eq!(decide(stale_but_used, false, HOUR, true, false), "reuse");
    }

    #[test]
    fn a_lost_letter_blocks_until_the_user_says_otherwise() {
        let known = Known { letter_unknown: true, ..Known::default() };
        assert_eq!(decide(known, true, HOUR, false, false), "letter");
        assert_eq!(decide(known, true, HOUR, false, true), "ask");
        assert_eq!(decide(known, false, HOUR, false, false), "ask");
    }
}
