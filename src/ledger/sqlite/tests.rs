//! The ledger against a real file: what a commit leaves, what a crash leaves, whose files are refused.

use super::statements;
use crate::domain::identity::Identity;
use crate::domain::outcome::Outcome;
use crate::ledger::promises::{self, accounts, settled};
pub(super) use crate::ledger::promises::{
    LATER, account_update, answered, begin, ids, intent, new_run, start,
};
use crate::ledger::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) async fn open(folder: &Path) -> Ledger {
    Ledger::open(&folder.join("orgpull.db"), &Access::default()).await.unwrap()
}

/// A ledger with one run of `rows` good rows and one lookup each.
pub(super) async fn run_of(folder: &Path, rows: i64) -> (Ledger, i64) {
    promises::run_of(&open, folder, rows).await
}

/// Makes tests of promises. One that is left out is dead code, and told as such.
macro_rules! keeps {
    ($($module:ident: $($promise:ident),*;)*) => {
        $($(
            #[tokio::test]
            async fn $promise() {
                $module::$promise(open).await;
            }
        )*)*
    };
}

keeps! {
    promises:
        an_answer_and_the_next_intent_share_a_commit_and_add_up,
        large_batches_are_written_whole,
        a_page_of_large_answers_is_short_and_no_row_is_lost,
        a_lookup_that_is_not_where_it_must_be_stops_the_whole_batch,
        what_a_dead_process_left_started_is_parked_at_its_price,
        identities_are_known_by_their_newest_answer_and_their_first_row,
        a_run_that_sent_nothing_is_discarded_whole,
        runs_are_found_by_id_prefix_job_and_latest,
        a_letter_that_is_lost_blocks_also_after_an_answer_of_a_clock_that_was_ahead;
    accounts:
        what_an_account_must_keep_is_remembered_per_environment,
        all_processes_together_keep_the_cap_on_logins_and_hear_of_a_refusal,
        what_a_clock_that_was_ahead_has_written_counts_from_now_and_once,
        a_wait_is_moved_once_and_only_where_the_clock_was_ahead,
        what_one_process_writes_on_the_board_another_reads;
}

#[tokio::test]
async fn what_is_returned_and_cannot_be_committed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("orgpull.db"), &Access::default()).await.unwrap();
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
        assert!(records.newest_answers(&[Identity([1; 16]).into()]).await.unwrap().is_empty());
    }
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
    assert!(matches!(Ledger::open(&text, &Access::default()).await, Err(LedgerError::NotALedger(_))));
    let foreign = folder.path().join("foreign.db");
    {
        use sqlx::ConnectOptions;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&foreign).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE customers (id INTEGER)").execute(&mut connection).await.unwrap();
    }
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(Ledger::open(&foreign, &Access::default()).await, Err(LedgerError::NotALedger(_))));
    assert!(std::fs::read(&foreign).unwrap() == before, "it was written to");
    assert!(matches!(
        Ledger::open(folder.path(), &Access::default()).await,
        Err(LedgerError::Unopened { .. })
    ));
    let missing = folder.path().join("missing.db");
    assert!(matches!(
        Ledger::open_existing(&missing, &Access::default()).await,
        Err(LedgerError::Missing(_))
    ));
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
    let upgraded = Ledger::open_with(&path, &Access::default(), &newer).await.unwrap();
    assert_eq!(upgraded.recent(10).await.unwrap().len(), 1);
    upgraded.close().await;
    assert_eq!(std::fs::read_to_string(&premade).unwrap(), "an earlier copy");
    assert!(!folder.path().join("elsewhere").exists());
    let copy = folder.path().join(format!("orgpull.v{newest}.backup-3.db"));
    assert_eq!(Ledger::open(&copy, &Access::default()).await.unwrap().recent(10).await.unwrap().len(), 1);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Ledger::open(&path, &Access::default()).await, Err(LedgerError::Newer(_))));
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
    let refused = Ledger::open_with(&path, &Access::default(), &newer).await;
    assert!(matches!(refused, Err(LedgerError::InUse(_))));
    let second = Ledger::open(&path, &Access::default()).await.unwrap();
    assert_eq!(second.recent(10).await.unwrap().len(), 1, "nothing was changed, and others may open it");
    second.close().await;
    ledger.close().await;
    Ledger::open_with(&path, &Access::default(), &newer).await.unwrap();
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
    let through = Ledger::open(&link, &Access::default()).await.unwrap();
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
        let refused = Ledger::open(&path, &Access::default()).await.err().unwrap();
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
