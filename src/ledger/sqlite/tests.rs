//! The ledger against a real file: what a commit leaves, what a crash leaves, whose files are refused.

mod accounts;

use super::statements;
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::number::{Accept, AcceptKind, Subject};
use crate::domain::outcome::{Outcome, Outcomes, Source, State};
use crate::ledger::*;
use jiff::civil::date;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) const PRICE: Ore = Ore::new(320);
pub(super) const LATER: i64 = 1_800_000_000_000;

fn subject(text: &str) -> Subject {
    let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: false };
    Subject::parse(text, accept, date(2026, 11, 20)).unwrap()
}

fn at(row: i64) -> Place {
    Place { row, step: 0 }
}

/// A ledger with one run of `rows` good rows and one lookup each.
pub(super) async fn run_of(folder: &Path, rows: i64) -> (Ledger, i64) {
    let ledger = Ledger::open(&folder.join("orgpull.db")).await.unwrap();
    let run = begin(&ledger, "nightly", rows).await;
    (ledger, run)
}

/// A run without rows or steps.
pub(super) fn new_run<'a>(run: &'a str, job: &'a str) -> NewRun<'a> {
    NewRun {
        run,
        job,
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
        cost: Some(PRICE),
        outcome: Some(outcome),
        code: None,
        text: None,
        log_id: Some("4711".to_owned()),
        letter: Some(true),
        body: Some(pack(br#"{"report":{"a":1}}"#)),
        came: None,
    }
}

fn settled(row: i64, id: i64, outcome: Outcome) -> Change {
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

#[tokio::test]
async fn an_answer_and_the_next_intent_share_a_commit_and_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 3).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    let batch = Batch {
        ends: vec![answered(10, Outcome::Hit)],
        changes: vec![settled(1, 10, Outcome::Hit)],
        intents: vec![intent(keys, 2, 11, 2, false)],
        ..Batch::default()
    };
    ledger.commit(run, &batch).await.unwrap();
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

#[tokio::test]
async fn what_is_returned_and_cannot_be_committed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("orgpull.db")).await.unwrap();
    // A check that is put off to the commit stands for a disk that is full by then.
    let tables = "CREATE TABLE a (id INTEGER PRIMARY KEY); \
                  CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)";
    sqlx::raw_sql(tables).execute(&mut *ledger.writer.lock().await).await.unwrap();
    let lost = ledger.write_returning(sqlx::query("INSERT INTO b (a) VALUES (1) RETURNING a")).await;
    assert!(matches!(lost, Err(LedgerError::Database { .. })));
    let kept = ledger.write_returning(sqlx::query("INSERT INTO a (id) VALUES (1) RETURNING id")).await;
    assert!(kept.unwrap().is_some());
}

#[tokio::test]
async fn an_export_keeps_no_reader_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 1).await;
    let mut exports = Vec::new();
    for _ in 0..5 {
        let mut records = ledger.records(run, Answers::Own).await.unwrap();
        assert!(records.page().await.unwrap().is_some());
        exports.push(records);
    }
    assert_eq!(ledger.totals(run).await.unwrap().lookups, 1);
    for records in &mut exports {
        assert!(records.newest_answers(&[Identity([1; 16])]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn large_batches_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 300).await;
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

#[tokio::test]
async fn a_page_of_large_answers_is_short_and_no_row_is_lost() {
    const MIB: usize = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 40).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, (1..=40).map(|row| intent(keys, row, row, 1, false)).collect()).await;
    let large = pack(&vec![b' '; MIB]);
    let end = |id| AttemptEnd { body: (id <= 20).then(|| large.clone()), ..answered(id, Outcome::Hit) };
    let batch = Batch {
        ends: (1..=40).map(end).collect(),
        changes: (1..=40).map(|row| settled(row, row, Outcome::Hit)).collect(),
        ..Batch::default()
    };
    ledger.commit(run, &batch).await.unwrap();
    let mut records = ledger.records(run, Answers::Own).await.unwrap();
    let mut lines = Vec::new();
    while let Some(page) = records.page().await.unwrap() {
        let bodies = page.iter().filter_map(|record| record.lookups[0].body.as_ref());
        assert!(bodies.map(Vec::len).sum::<usize>() <= 5 * MIB);
        lines.extend(page.iter().map(|record| record.line));
    }
    assert_eq!(lines, (2..=41).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lookup_that_is_not_where_it_must_be_stops_the_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 2).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    let twice = Batch { intents: vec![intent(keys, 1, 11, 1, false)], ..Batch::default() };
    assert!(matches!(ledger.commit(run, &twice).await, Err(LedgerError::Database { .. })));
    let taken = Batch { intents: vec![intent(keys, 2, 10, 1, false)], ..Batch::default() };
    assert!(matches!(ledger.commit(run, &taken).await, Err(LedgerError::IdTaken)));
    assert_eq!(ledger.totals(run).await.unwrap().calls, 1, "neither left a trace");
}

#[tokio::test]
async fn what_a_dead_process_left_started_is_parked_at_its_price() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 2).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    ledger.close().await;
    let ledger = Ledger::open_existing(&folder.path().join("orgpull.db")).await.unwrap();
    assert_eq!(ledger.park_started(run, LATER).await.unwrap(), 1);
    assert_eq!(ledger.park_started(run, LATER).await.unwrap(), 0, "once");
    let totals = ledger.totals(run).await.unwrap();
    assert_eq!((totals.pending, totals.cost, totals.cost_unknown), (1, PRICE, PRICE));
    assert_eq!(ledger.unknowns(run, 10).await.unwrap()[0].line, 2);
    assert_eq!(ledger.retry(run, false).await.unwrap(), 0, "an unknown is not asked again by itself");
    assert_eq!(ledger.retry(run, true).await.unwrap(), 1);
    assert_eq!(ledger.totals(run).await.unwrap().cost_unknown, PRICE, "it stays on the books");
}

#[tokio::test]
async fn identities_are_known_by_their_newest_answer_and_their_first_row() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 3).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, true), intent(keys, 2, 11, 2, true)]).await;
    let batch = Batch {
        ends: vec![answered(10, Outcome::Hit)],
        changes: vec![settled(1, 10, Outcome::Hit)],
        ..Batch::default()
    };
    ledger.commit(run, &batch).await.unwrap();
    let asked = [Identity([1; 16]), Identity([2; 16]), Identity([3; 16]), Identity([1; 16])];
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

#[tokio::test]
async fn a_run_that_sent_nothing_is_discarded_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 5).await;
    ledger.discard(run).await.unwrap();
    assert!(ledger.recent(10).await.unwrap().is_empty());
    assert!(ledger.records(run, Answers::None).await.unwrap().page().await.unwrap().is_none());
}

#[tokio::test]
async fn runs_are_found_by_id_prefix_job_and_latest() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, first) = run_of(folder.path(), 1).await;
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

pub(super) fn learned(what: Lesson) -> Learned {
    Learned { account: "creditsafe".to_owned(), environment: "sandbox".to_owned(), what }
}

async fn learn(ledger: &Ledger, what: Lesson) {
    learn_at(ledger, what, LATER).await;
}

async fn learn_at(ledger: &Ledger, what: Lesson, now: i64) {
    ledger.learn_at(&learned(what), || now).await.unwrap();
}

/// An id is drawn as a run draws it, again where the ledger says that it is not above what stands there.
#[tokio::test]
async fn a_letter_that_is_lost_blocks_also_after_an_answer_of_a_clock_that_was_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, first) = run_of(folder.path(), 2).await;
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
    let known = ledger.known(None, &[identity]).await.unwrap()[&identity];
    assert!(known.letter_unknown, "{known:?}");
    // An id below another question's harms nobody, and is written.
    start(&ledger, second, vec![intent(keys, 2, 11, 8, true)]).await;
    let seen = Ledger::open(ledger.path()).await.unwrap();
    assert!(seen.attempt_ids().next(LATER) > ahead, "nor whoever opens it anew");
    assert!(seen.last_attempt().await.unwrap().is_some());
}

#[tokio::test]
async fn files_that_are_not_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.db");
    std::fs::write(
        &text,
        "a text file that is long enough to be taken for a database header, or so it hopes",
    )
    .unwrap();
    assert!(matches!(Ledger::open(&text).await, Err(LedgerError::NotALedger(_))));
    let foreign = folder.path().join("foreign.db");
    {
        use sqlx::ConnectOptions;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&foreign).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE customers (id INTEGER)").execute(&mut connection).await.unwrap();
    }
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(Ledger::open(&foreign).await, Err(LedgerError::NotALedger(_))));
    assert!(std::fs::read(&foreign).unwrap() == before, "it was written to");
    assert!(matches!(Ledger::open(folder.path()).await, Err(LedgerError::Unopened { .. })));
    let missing = folder.path().join("missing.db");
    assert!(matches!(Ledger::open_existing(&missing).await, Err(LedgerError::Missing(_))));
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_newer_ledger_is_refused_and_an_older_one_is_copied_before_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    let path = ledger.path().to_owned();
    ledger.close().await;
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    let mut newest = 0;
    for entry in std::fs::read_dir("migrations").unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        newest = newest.max(name[..4].parse::<u32>().unwrap());
        std::fs::copy(entry.path(), migrations.join(name)).unwrap();
    }
    std::fs::write(migrations.join("9999_next.sql"), "CREATE TABLE next (id INTEGER PRIMARY KEY) STRICT;")
        .unwrap();
    let newer = sqlx::migrate::Migrator::new(migrations.as_path()).await.unwrap();
    // What stands under the copy's name stays, whether it is an earlier copy or what somebody has put there to be filled.
    let premade = folder.path().join(format!("orgpull.v{newest}.backup.db"));
    std::fs::write(&premade, "an earlier copy").unwrap();
    std::fs::set_permissions(&premade, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join(format!("orgpull.v{newest}.backup-2.db")))
        .unwrap();
    let upgraded = Ledger::open_with(&path, &newer).await.unwrap();
    assert_eq!(upgraded.recent(10).await.unwrap().len(), 1);
    upgraded.close().await;
    assert_eq!(std::fs::read_to_string(&premade).unwrap(), "an earlier copy");
    assert!(!folder.path().join("elsewhere").exists());
    let copy = folder.path().join(format!("orgpull.v{newest}.backup-3.db"));
    assert_eq!(Ledger::open(&copy).await.unwrap().recent(10).await.unwrap().len(), 1);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Ledger::open(&path).await, Err(LedgerError::Newer(_))));
}

/// A migration under a running process would change tables that it knows otherwise.
#[tokio::test]
async fn nobody_migrates_a_ledger_that_others_have_open() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    let path = ledger.path().to_owned();
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    for entry in std::fs::read_dir("migrations").unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), migrations.join(entry.file_name())).unwrap();
    }
    std::fs::write(migrations.join("9999_next.sql"), "CREATE TABLE next (id INTEGER PRIMARY KEY) STRICT;")
        .unwrap();
    let newer = sqlx::migrate::Migrator::new(migrations.as_path()).await.unwrap();
    let refused = Ledger::open_with(&path, &newer).await;
    assert!(matches!(refused, Err(LedgerError::InUse(_))));
    let second = Ledger::open(&path).await.unwrap();
    assert_eq!(second.recent(10).await.unwrap().len(), 1, "nothing was changed, and others may open it");
    second.close().await;
    ledger.close().await;
    Ledger::open_with(&path, &newer).await.unwrap();
}

#[tokio::test]
async fn the_file_is_its_owners_alone_and_sqlite_is_new_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
    let mut writer = ledger.writer.lock().await;
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut *writer).await.unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "{version} has the WAL-reset fault");
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *writer).await.unwrap();
    assert_eq!(synchronous, 2, "FULL");
}

#[tokio::test]
async fn a_link_to_a_ledger_is_that_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(ledger.path(), &link).unwrap();
    let through = Ledger::open(&link).await.unwrap();
    assert_eq!(through.path(), ledger.path(), "one file, one set of locks");
    let _lock = JobLock::take(ledger.path(), "nightly", "now").unwrap();
    assert!(matches!(JobLock::take(through.path(), "nightly", "now"), Err(LockError::Held { .. })));
}

/// One whose migrations had the same numbers and other texts: nothing of it is read as if it were ours.
#[tokio::test]
async fn a_ledger_from_before_the_first_release_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    let path = ledger.path().to_owned();
    let history = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1; \
                   INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   VALUES (17, 'of yesterday', 1, x'00', 1)";
    sqlx::raw_sql(history).execute(&mut *ledger.writer.lock().await).await.unwrap();
    ledger.close().await;
    let before = std::fs::read(&path).unwrap();
    for _ in 0..2 {
        let refused = Ledger::open(&path).await.err().unwrap();
        assert!(matches!(refused, LedgerError::Unreleased(_)), "{refused}");
    }
    assert!(std::fs::read(&path).unwrap() == before, "it was written to");
    let copies = std::fs::read_dir(folder.path()).unwrap();
    let copies =
        copies.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("backup"));
    assert_eq!(copies.count(), 0);
}

#[tokio::test]
async fn a_lookup_has_an_outcome_exactly_where_its_state_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    let mut writer = ledger.writer.lock().await;
    for (text, is_taken) in [
        ("UPDATE lookups SET state = 'parked', outcome = 'unknown'", true),
        ("UPDATE lookups SET outcome = 'hit'", false),
        ("UPDATE lookups SET state = 'pending'", false),
        ("UPDATE lookups SET outcome = NULL", false),
        // One that was billed for an answer that is lost.
        ("UPDATE lookups SET state = 'settled'", true),
    ] {
        assert_eq!(sqlx::query(text).execute(&mut *writer).await.is_ok(), is_taken, "{text}");
    }
}

/// Every statement that meets many rows must search, not scan: a million rows are normal.
#[tokio::test]
async fn statements_over_many_rows_use_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = run_of(folder.path(), 1).await;
    let mut writer = ledger.writer.lock().await;
    for sql in statements::texts().into_iter().chain([ledger.rivals.text()]).chain(ledger.lookers.texts()) {
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .fetch_all(&mut *writer)
            .await
            .unwrap();
        for step in plan {
            let detail: String = sqlx::Row::get(&step, "detail");
            let scans_table = [
                "SCAN lookups",
                "SCAN attempts",
                "SCAN a",
                "SCAN b",
                "SCAN c",
                "SCAN o",
                "SCAN l",
                "SCAN rows",
                "SCAN answers",
            ]
            .iter()
            .any(|scan| detail == *scan || detail.starts_with(&format!("{scan} ")));
            assert!(!scans_table, "{detail}\nin {sql}");
        }
    }
}

#[tokio::test]
async fn with_room_again_the_same_batch_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(folder.path(), 300).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, (1..=300).map(|row| intent(keys, row, row, 1, false)).collect()).await;
    let batch = Batch {
        ends: (1..=300).map(|id| answered(id, Outcome::Hit)).collect(),
        changes: (1..=300).map(|row| settled(row, row, Outcome::Hit)).collect(),
        ..Batch::default()
    };
    // A limit of SQLite's own stands in for the disk; it lasts as long as the connection.
    let limit = "PRAGMA max_page_count = 1";
    sqlx::query(limit).execute(&mut *ledger.writer.lock().await).await.unwrap();
    assert!(matches!(ledger.commit(run, &batch).await, Err(LedgerError::Full(_))));
    assert_eq!(ledger.totals(run).await.unwrap().pending, 300, "rolled back whole");
    let none = "PRAGMA max_page_count = 1000000";
    sqlx::query(none).execute(&mut *ledger.writer.lock().await).await.unwrap();
    ledger.commit(run, &batch).await.unwrap();
    assert_eq!(ledger.totals(run).await.unwrap().pending, 0);
}
