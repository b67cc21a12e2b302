//! What every ledger promises, whichever database keeps it. Each promise is a test that takes how a ledger is opened in a
//! folder, and asks nothing of it but what other rooms may ask; a database that keeps ledgers runs them all.

pub(super) mod accounts;

use super::*;
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::number::{Accept, AcceptKind, Subject};
use crate::domain::outcome::{Outcome, Outcomes, Source, State};
use jiff::civil::date;
use std::path::Path;
use std::time::Duration;

pub(super) const PRICE: Ore = Ore::new(320);
pub(super) const LATER: i64 = 1_800_000_000_000;

fn subject(text: &str) -> Subject {
    let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: false };
    Subject::parse(text, accept, date(2026, 11, 20)).unwrap()
}

fn at(row: i64) -> LookupId {
    LookupId { row, step: 0 }
}

/// A ledger with one run of `rows` good rows and one lookup each.
pub(super) async fn run_of(open: &impl AsyncFn(&Path) -> Ledger, folder: &Path, rows: i64) -> (Ledger, i64) {
    let ledger = open(folder).await;
    let run = begin(&ledger, "nightly", rows).await;
    (ledger, run)
}

/// A run without rows or steps.
pub(super) fn new_run<'a>(run: &'a str, job: &'a str) -> NewRun<'a> {
    NewRun {
        run,
        job,
        operator: "nobody@test",
        environment: "sandbox",
        job_path: "/jobs/nightly.toml",
        job_text: "",
        input_digest: "",
        limit_rows: None,
        input_given: None,
        buy_again: false,
        columns: "[]",
        steps: "[]",
        first_day: "2026-11-20",
        started_at: LATER,
        retention: None,
        fire: None,
    }
}

pub(super) async fn begin(ledger: &Ledger, job: &str, rows: i64) -> i64 {
    let id = run_id();
    let new = NewRun { steps: r#"[["report","creditsafe.getdata"]]"#, ..new_run(&id, job) };
    let run = ledger.begin_run(new).await.unwrap();
    let row =
        |row| NewRow { row, line: row + 1, subject: Ok(subject("556012-5790")), columns: "[]".to_owned() };
    ledger.load(run, 1, &(1..=rows).map(row).collect::<Vec<_>>()).await.unwrap();
    ledger.loaded(run, Counts { rows, ..Counts::default() }, None, LATER).await.unwrap();
    run
}

pub(super) fn intent(ledger_ids: (i64, i64), row: i64, id: i64, identity: u8, letter_making: bool) -> Intent {
    Intent {
        at: at(row),
        id,
        transactionid: transactionid(id),
        service: ledger_ids.0,
        purpose: ledger_ids.1,
        identity: Identity([identity; 16]),
        letter_making,
        started_at: LATER,
        reserved: Some(PRICE),
        reuse_after: None,
        reuse_outcomes: Outcomes::default(),
        purposes: None,
        unknown_too: false,
    }
}

pub(super) async fn ids(ledger: &Ledger) -> (i64, i64) {
    let service = ledger.service_id("creditsafe", "sandbox", "getdata").await.unwrap();
    (service, ledger.purpose_id("credit risk", "").await.unwrap())
}

pub(super) fn answered(id: i64, outcome: Outcome) -> AttemptEnd {
    AttemptEnd {
        id,
        state: AttemptState::Answered,
        settled_at: LATER + 5,
        took: Some(Duration::from_millis(12)),
        cost: Some(PRICE),
        outcome: Some(outcome),
        code: None,
        text: None,
        log_id: Some("4711".to_owned()),
        letter: Some(true),
        body: Some(br#"{"report":{"a":1}}"#.to_vec()),
        came: None,
        named: Vec::new(),
    }
}

/// The same batch as the dispatcher hands it over: with its bodies sealed.
pub(super) async fn sealed(ledger: &Ledger, run: i64, mut batch: Batch) -> Batch {
    let key = ledger.data_key(run).await.unwrap();
    for end in &mut batch.ends {
        end.body = end.body.as_deref().map(|body| key.seal(Cell::Body(end.id), body));
    }
    batch
}

pub(super) fn settled(row: i64, id: i64, outcome: Outcome) -> Change {
    Change {
        source: Some(Source::Bought),
        attempt: Some(id),
        spent: 1,
        cost: PRICE,
        letters: 1,
        ..Change::to(at(row), State::Settled, Some(outcome))
    }
}

pub(super) async fn start(ledger: &Ledger, run: i64, intents: Vec<Intent>) {
    ledger.commit(run, &Batch { intents, ..Batch::default() }).await.unwrap();
}

pub(super) fn account_update(what: AccountChange) -> AccountUpdate {
    AccountUpdate { account: "creditsafe".to_owned(), environment: "sandbox".to_owned(), what }
}

async fn update_account(ledger: &Ledger, what: AccountChange) {
    update_account_at(ledger, what, LATER).await;
}

async fn update_account_at(ledger: &Ledger, what: AccountChange, now: i64) {
    ledger.update_account_at(&account_update(what), || now).await.unwrap();
}

pub(super) async fn an_answer_and_the_next_intent_share_a_commit_and_add_up(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 3).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    let batch = Batch {
        ends: vec![answered(10, Outcome::Hit)],
        changes: vec![settled(1, 10, Outcome::Hit)],
        intents: vec![intent(keys, 2, 11, 2, false)],
        ..Batch::default()
    };
    ledger.commit(run, &sealed(&ledger, run, batch).await).await.unwrap();
    let totals = ledger.totals(run).await.unwrap();
    assert_eq!(
        (totals.lookups, totals.pending, totals.bought, totals.calls, totals.letters),
        (3, 2, 1, 2, 1)
    );
    assert_eq!(totals.cost, Ore::new(2 * PRICE.get()), "what is in flight may be spent already");
    let page = ledger.records(run, Answers::Own).await.unwrap().page().await.unwrap().unwrap();
    let first = &page[0].lookups[0];
    assert_eq!(first.outcome, Some(Outcome::Hit));
    assert_eq!(first.body.as_deref(), Some(&br#"{"report":{"a":1}}"#[..]));
    assert_eq!(first.log_id.as_deref(), Some("4711"));
    assert_eq!(first.transactionid, Some(transactionid(10)));
    assert_eq!(page[1].lookups[0].outcome, None, "started is not an outcome");
}

pub(super) async fn large_batches_are_written_whole(open: impl AsyncFn(&Path) -> Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 300).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, (1..=300).map(|row| intent(keys, row, row, 1, false)).collect()).await;
    let batch = Batch {
        ends: (1..=300).map(|id| answered(id, Outcome::NoHit)).collect(),
        changes: (1..=300).map(|row| settled(row, row, Outcome::NoHit)).collect(),
        ..Batch::default()
    };
    ledger.commit(run, &batch).await.unwrap();
    let totals = ledger.totals(run).await.unwrap();
    assert_eq!((totals.pending, totals.bought), (0, 300));
}

pub(super) async fn a_page_of_large_answers_is_short_and_no_row_is_lost(open: impl AsyncFn(&Path) -> Ledger) {
    const MIB: usize = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 40).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, (1..=40).map(|row| intent(keys, row, row, 1, false)).collect()).await;
    let large = vec![b' '; MIB];
    let end = |id| AttemptEnd { body: (id <= 20).then(|| large.clone()), ..answered(id, Outcome::Hit) };
    let batch = Batch {
        ends: (1..=40).map(end).collect(),
        changes: (1..=40).map(|row| settled(row, row, Outcome::Hit)).collect(),
        ..Batch::default()
    };
    ledger.commit(run, &sealed(&ledger, run, batch).await).await.unwrap();
    let mut records = ledger.records(run, Answers::Own).await.unwrap();
    let mut lines = Vec::new();
    while let Some(page) = records.page().await.unwrap() {
        let bodies = page.iter().filter_map(|record| record.lookups[0].body.as_ref());
        assert!(bodies.map(Vec::len).sum::<usize>() <= 5 * MIB);
        lines.extend(page.iter().map(|record| record.line));
    }
    assert_eq!(lines, (2..=41).collect::<Vec<_>>());
}

pub(super) async fn a_lookup_that_is_not_where_it_must_be_stops_the_whole_batch(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 2).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    let twice = Batch { intents: vec![intent(keys, 1, 11, 1, false)], ..Batch::default() };
    assert!(matches!(ledger.commit(run, &twice).await, Err(LedgerError::Database { .. })));
    let taken = Batch { intents: vec![intent(keys, 2, 10, 1, false)], ..Batch::default() };
    assert!(matches!(ledger.commit(run, &taken).await, Err(LedgerError::IdTaken)));
    assert_eq!(ledger.totals(run).await.unwrap().calls, 1, "neither left a trace");
}

pub(super) async fn what_a_dead_process_left_started_is_parked_at_its_price(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 2).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    ledger.close().await;
    let ledger = open(folder.path()).await;
    assert_eq!(ledger.park_started(run, LATER).await.unwrap(), 1);
    assert_eq!(ledger.park_started(run, LATER).await.unwrap(), 0, "once");
    let totals = ledger.totals(run).await.unwrap();
    assert_eq!((totals.pending, totals.cost, totals.cost_unknown), (1, PRICE, PRICE));
    assert_eq!(ledger.unknowns(run, 10).await.unwrap()[0].line, 2);
    assert_eq!(ledger.retry(run, false).await.unwrap(), 0, "an unknown is not asked again by itself");
    assert_eq!(ledger.retry(run, true).await.unwrap(), 1);
    assert_eq!(ledger.totals(run).await.unwrap().cost_unknown, PRICE, "it stays on the books");
}

pub(super) async fn identities_are_known_by_their_newest_answer_and_their_first_row(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 3).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, true), intent(keys, 2, 11, 2, true)]).await;
    let batch = Batch {
        ends: vec![answered(10, Outcome::Hit)],
        changes: vec![settled(1, 10, Outcome::Hit)],
        ..Batch::default()
    };
    ledger.commit(run, &batch).await.unwrap();
    let asked = [1, 2, 3, 1].map(|id| Asked::from(Identity([id; 16])));
    let here = ledger.known(Some(run), &asked).await.unwrap();
    let one = here[&Identity([1; 16])];
    assert_eq!(one.holder.map(|holder| (holder.at, holder.outcome)), Some((at(1), Some(Outcome::Hit))));
    assert_eq!(one.answer.map(|answer| (answer.attempt, answer.fetched_at)), Some((10, LATER + 5)));
    assert_eq!(here[&Identity([2; 16])].holder.map(|holder| holder.state), Some(State::Started));
    assert!(!here.contains_key(&Identity([3; 16])));
    assert!(!here[&Identity([2; 16])].letter_unknown, "its own run knows it by its row");

    let other = begin(&ledger, "weekly", 1).await;
    let there = ledger.known(Some(other), &asked).await.unwrap();
    assert_eq!(there[&Identity([1; 16])].holder, None);
    assert!(there[&Identity([2; 16])].letter_unknown, "a letter may be on its way");
    assert!(!there[&Identity([1; 16])].letter_unknown);
}

pub(super) async fn a_run_that_sent_nothing_is_discarded_whole(open: impl AsyncFn(&Path) -> Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 5).await;
    ledger.discard(run).await.unwrap();
    assert!(ledger.recent(10).await.unwrap().is_empty());
    assert!(ledger.records(run, Answers::None).await.unwrap().page().await.unwrap().is_none());
}

pub(super) async fn runs_are_found_by_id_prefix_job_and_latest(open: impl AsyncFn(&Path) -> Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, first) = run_of(&open, folder.path(), 1).await;
    let second = begin(&ledger, "nightly", 1).await;
    let newest = ledger.find("latest").await.unwrap().remove(0);
    assert_eq!(newest.id, second);
    assert_eq!(ledger.find("nightly").await.unwrap()[0].id, second, "a job's last run");
    assert_eq!(ledger.find(&newest.run[..9]).await.unwrap()[0].id, second);
    assert_eq!(ledger.find("").await.unwrap().len(), 2, "what begins every id is not unique");
    assert!(ledger.find("nothing").await.unwrap().is_empty());
    assert_eq!(ledger.unfinished("nightly", None).await.unwrap().map(|run| run.id), Some(second));
    ledger.end_run(second, Stage::Finished, 0, "all settled", Some(LATER)).await.unwrap();
    assert_eq!(
        ledger.unfinished("nightly", None).await.unwrap().map(|run| run.id),
        None,
        "the second closed it"
    );
    assert!(ledger.recent(10).await.unwrap().iter().any(|run| run.id == first && run.stage == Stage::Closed));
    assert_eq!(ledger.unfinished("nightly", Some(5)).await.unwrap().map(|run| run.id), None);
}

/// An id is drawn as a run draws it, again where the ledger says that it is not above what stands there.
pub(super) async fn a_letter_that_is_lost_blocks_also_after_an_answer_of_a_clock_that_was_ahead(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, first) = run_of(&open, folder.path(), 2).await;
    let (keys, identity) = (ids(&ledger).await, Identity([7; 16]));
    let mut drawn = ledger.attempt_ids();
    // Ten years ahead, and here by a hand that this process knows nothing of.
    let ahead = drawn.next(LATER) + (315_360_000_000 << 20);
    start(&ledger, first, vec![intent(keys, 1, ahead, 7, true)]).await;
    let batch = Batch {
        ends: vec![answered(ahead, Outcome::Hit)],
        changes: vec![settled(1, ahead, Outcome::Hit)],
        ..Batch::default()
    };
    ledger.commit(first, &batch).await.unwrap();

    let second = begin(&ledger, "other", 2).await;
    let sent = async |ids: &mut AttemptIds, row, identity| {
        let id = ids.next(LATER + 1_000);
        let intents = vec![intent(keys, row, id, identity, true)];
        (id, ledger.commit(second, &Batch { intents, ..Batch::default() }).await)
    };
    let (id, refused) = sent(&mut drawn, 1, 7).await;
    assert!(id < ahead && matches!(refused, Err(LedgerError::IdTaken)), "{refused:?}");
    drawn.redraw();
    let (id, written) = sent(&mut drawn, 1, 7).await;
    assert!(id > ahead && written.is_ok(), "{written:?}");
    assert!(
        ledger.attempt_ids().next(LATER) > ahead,
        "nor does any other run on the open ledger draw below it"
    );
    ledger.park_started(second, LATER + 2_000).await.unwrap();
    let known = ledger.known(None, &[identity.into()]).await.unwrap()[&identity];
    assert!(known.letter_unknown, "{known:?}");
    // An id below another question's harms nobody, and is written.
    start(&ledger, second, vec![intent(keys, 2, 11, 8, true)]).await;
    let seen = open(folder.path()).await;
    assert!(seen.attempt_ids().next(LATER) > ahead, "nor whoever opens it anew");
    assert!(seen.last_attempt().await.unwrap().is_some());
}
