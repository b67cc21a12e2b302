use super::super::tests::{ask, prepared};
use super::*;
use crate::domain::identity::Identity;
use crate::ledger::StoredAnswer;
use crate::run::decide::disposition::Disposition;
use crate::run::decide::prepared::Ask;
use std::time::Duration;

/// Two services of one account; the second lookup has a condition on the first, the third is of the second's service.
const JOB: &str = "[[lookup]]\nid = 'first'\nservice = 'creditsafe.getsignatory'\n\
     [[lookup]]\nid = 'second'\nservice = 'creditsafe.getdata'\nparams = { blockname = 'Basic' }\n\
     when = [{ lookup = 'first', outcome = ['hit'] }]\n\
     [[lookup]]\nid = 'third'\nservice = 'creditsafe.getdata'\nparams = { blockname = 'Basic' }\n\
     when = [{ lookup = 'second', outcome = ['hit'] }]\n";

const HIT: Ending = Ending { outcome: Outcome::Hit, attempt: 7 };

fn at(row: i64, step: u16) -> LookupId {
    LookupId { row, step }
}

fn fetched(at: LookupId, disposition: Disposition) -> Fetched {
    Fetched { at, heard_at: 0, spent: 0, lost: false, purpose: 0, disposition, chain: Vec::new() }
}

fn asks(row: i64, identity: u8) -> Fetched {
    fetched(at(row, 0), Disposition::Ask(ask(Identity([identity; 16]))))
}

fn end(at: LookupId, outcome: Outcome, attempt: Option<i64>) -> End {
    let source = Some(Source::Bought);
    End::of(&Change { source, attempt, ..Change::to(at, State::Settled, Some(outcome)) }).unwrap()
}

/// A backlog in the midst of reading, into which these were sorted; none of them needs anything at once.
fn reading(lookups: Vec<Fetched>) -> Backlog {
    let mut backlog = Backlog::new(prepared(JOB));
    assert!(matches!(backlog.begin_reading(Instant::now()), Some(Selection::After(..))));
    assert!(backlog.came(&lookups).is_empty());
    for lookup in lookups {
        assert!(backlog.sort(lookup).is_none());
    }
    backlog
}

fn sent(backlog: &mut Backlog) -> Flight {
    let work = &mut backlog.accounts[0];
    let ready = work.queue.pop().unwrap();
    work.in_flight += 1;
    let task = tokio::spawn(async {}).id();
    Flight { ready, attempt: 7, task, took: None }
}

#[tokio::test]
async fn who_asks_the_same_ends_as_the_first_did_or_is_read_again() {
    let mut backlog = reading(vec![asks(1, 1), asks(2, 1), asks(3, 2), asks(4, 2)]);
    backlog.end_reading(Vec::new());
    assert_eq!(backlog.accounts[0].queue.len(), 2, "one of each question");
    assert_eq!(backlog.ended(end(at(1, 0), Outcome::Hit, Some(7))), [(at(2, 0), HIT)]);
    assert_eq!(backlog.left(), Left::Waiting);
    backlog.let_go(at(3, 0));
    assert_eq!(backlog.left(), Left::ToRead, "it has nothing to hand on");
    assert_eq!(backlog.ended(end(at(1, 0), Outcome::Hit, Some(7))), [], "they hear of it once");
    let next = backlog.begin_reading(Instant::now());
    assert!(matches!(next, Some(Selection::At(ids)) if ids == [at(4, 0)]));
}

#[tokio::test]
async fn an_end_that_a_reading_cannot_have_seen_is_kept_until_it_is_sorted_in() {
    let mut backlog = reading(vec![asks(1, 1)]);
    assert_eq!(backlog.ended(end(at(1, 0), Outcome::Hit, Some(7))), []);
    assert!(matches!(backlog.sort(asks(2, 1)), Some(Sorted::Reuse(HIT))));
    let waits = fetched(at(1, 1), Disposition::Wait(at(1, 0)));
    assert!(backlog.sort(waits).is_none());
    assert!(backlog.accounts[0].reading.holds(at(1, 1)), "its condition is decided already");
    backlog.end_reading(Vec::new());
    let answer = StoredAnswer { attempt: 9, outcome: Outcome::NoHit, fetched_at: 0, used_here: false };
    let stored = fetched(at(3, 0), Disposition::Reuse(ask(Identity([1; 16])), answer));
    let own = Ending { outcome: Outcome::NoHit, attempt: 9 };
    assert!(matches!(backlog.sort(stored), Some(Sorted::Reuse(ending)) if ending == own));
}

#[tokio::test]
async fn who_has_a_condition_is_read_again_by_an_end_and_let_go_with_who_is_let_go() {
    let waits = |row, step| fetched(at(row, step), Disposition::Wait(at(row, step - 1)));
    let mut backlog =
        reading(vec![asks(1, 1), asks(2, 2), waits(1, 1), waits(1, 2), waits(2, 1), waits(2, 2)]);
    backlog.end_reading(Vec::new());
    assert_eq!(backlog.ended(end(at(1, 0), Outcome::Hit, Some(7))), []);
    assert!(backlog.accounts[0].reading.holds(at(1, 1)) && !backlog.accounts[0].reading.holds(at(1, 2)));
    backlog.let_go(at(2, 0));
    assert!((0..3).all(|step| !backlog.accounts[0].reading.holds(at(2, step))));
    assert_eq!([1, 2].map(|step| backlog.dependants.waiting(step)), [0, 1], "the whole chain is gone");
}

#[tokio::test]
async fn what_is_in_flight_of_a_stopped_service_still_ends_and_is_waited_for() {
    let waits = |row| fetched(at(row, 1), Disposition::Wait(at(row, 0)));
    let mut backlog = reading(vec![asks(1, 1), asks(2, 2), waits(1), waits(2)]);
    backlog.end_reading(Vec::new());
    let flight = sent(&mut backlog);
    let task = flight.task;
    backlog.track(flight);
    assert!(backlog.asks_any(&[true, false, false]));
    backlog.stop_steps(&[true, false, false]);
    assert!(!backlog.asks_any(&[true, false, false]));
    assert_eq!((backlog.left(), backlog.accounts[0].queue.len()), (Left::InFlight, 0));
    assert_eq!(backlog.dependants.waiting(1), 1, "of the row that is in flight");
    let flight = backlog.untrack_task(task).unwrap();
    assert_eq!(backlog.accounts[0].in_flight, 0);
    backlog.requeue(flight.ready);
    assert_eq!((backlog.accounts[0].queue.len(), backlog.dependants.waiting(1)), (0, 0));
    assert!(backlog.sort(asks(3, 3)).is_none() && backlog.accounts[0].queue.len() == 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_by_the_first_thing_that_keeps_it() {
    let mut backlog = reading(vec![asks(1, 1)]);
    assert_eq!((backlog.left(), backlog.next_look()), (Left::Reading, None));
    assert!(backlog.begin_reading(Instant::now()).is_none(), "one reading at a time");
    let elsewhere = fetched(at(2, 0), Disposition::InFlightElsewhere(ask(Identity([2; 16]))));
    assert!(backlog.sort(elsewhere).is_none());
    backlog.end_reading(Vec::new());
    assert_eq!(backlog.left(), Left::ToRead, "another process has its question");
    assert!(backlog.next_look().is_some() && !backlog.is_read());
    let flight = sent(&mut backlog);
    let at_hand = flight.ready.at;
    backlog.track(flight);
    assert_eq!(backlog.left(), Left::InFlight);
    let mut flight = backlog.untrack(at_hand).unwrap();
    assert!(backlog.refund(at_hand, Some(&mut flight.ready)).is_none(), "nothing was spent");
    flight.ready.spent = 2;
    assert!(backlog.refund(at_hand, Some(&mut flight.ready)).is_some_and(|change| change.spent == -1));
    assert_eq!(flight.ready.spent, 1);
    backlog.requeue_at(flight.ready, Instant::now() + Duration::from_secs(1), true);
    backlog.stop_steps(&[false, true, true]);
    backlog.let_go(at(2, 0));
    assert!(backlog.wake(Instant::now()).is_some());
    let ids = backlog.accounts[0].reading.take_again(Instant::now() + Duration::from_secs(1), 9);
    assert_eq!(ids, Some(vec![at(2, 0)]));
    assert_eq!(backlog.left(), Left::Waiting);
    backlog.stop_steps(&[true; 3]);
    assert_eq!((backlog.left(), backlog.is_read()), (Left::Nothing, true));
}

#[tokio::test]
async fn a_letter_that_was_not_foreseen_is_not_queued() {
    let letter = Ask { letter_making: true, ..ask(Identity([1; 16])) };
    let mut backlog = Backlog::new(prepared(JOB));
    let sorted = backlog.sort(fetched(at(1, 0), Disposition::Ask(letter)));
    assert!(matches!(sorted, Some(Sorted::Unforeseen)) && backlog.accounts[0].queue.len() == 0);
}
