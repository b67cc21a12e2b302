//! Putting a ledger back, and telling that one was put back by other means.

use super::backup::copy_into;
use super::files::beside;
use super::merge::merge;
use super::open::{MIGRATIONS, lock_file, recognise, refusal, users, version};
use super::purge::empty_run;
use crate::disk::{self, Change, Draft, Place, Protected};
use crate::ledger::{
    Access, Erased, KeyError, Keyring, Ledger, LedgerError, Mark, RestoreError, Restored, Unsettled,
};
use crate::time::{now_ms, stockholm_date};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What stands in `meta`.
const UNSETTLED: &str = "unsettled";
/// Between two marks at most, in milliseconds.
const MARK_EVERY: i64 = 60_000;
/// Between the ledger's name and the day.
const ASIDE: &str = ".before-restore-";

impl Ledger {
    /// Puts the ledger in the file `from` in the place of the one at `path`, which is kept aside. What is known there since is
    /// carried over; what was purged or forgotten since is so in the other too. The file itself stays as it is.
    ///
    /// # Errors
    /// [`RestoreError`]; what stands at `path` stands there still.
    pub async fn restore(path: &Path, access: &Access, from: &Path) -> Result<Restored, RestoreError> {
        let path = &disk::behind_links(path).map_err(|e| unwritten(path, e.to_string()))?;
        let failed = |e: sqlx::Error| RestoreError::from(refusal(from, &e));
        if !from.is_file() {
            return Err(LedgerError::Missing(from.to_owned()).into());
        }
        if same_file(from, path) {
            return Err(RestoreError::Itself(from.to_owned()));
        }
        let reading = SqliteConnectOptions::new().filename(from).read_only(true).disable_statement_logging();
        recognise(from, reading.clone()).await?;
        let mut reader = reading.connect().await.map_err(failed)?;
        version(from, &mut reader, &MIGRATIONS).await?;
        let id = Self::ring_id(&mut reader).await.map_err(failed)?;
        let id = id.ok_or_else(|| LedgerError::NotALedger(from.to_owned()))?;
        // Whoever has the ledger open would go on writing to what is no longer there.
        let _opening = lock_file(path).await.map_err(|e| unwritten(path, e.to_string()))?;
        let users = users(path).map_err(|e| unwritten(path, e.to_string()))?;
        users.try_lock().map_err(|_| RestoreError::InUse(path.to_owned()))?;
        let keyring = Keyring::open(path, access, &id).map_err(LedgerError::from)?;
        let place = Place::for_a_ledger(path.clone(), &Protected::new());
        let place = place.map_err(|e| unwritten(path, e.to_string()))?;
        let draft = Draft::beside(place, path).map_err(|e| unwritten(path, e.to_string()))?;
        copy_into(draft.path(), &mut reader).await.map_err(|reason| unwritten(path, reason))?;
        reader.close().await.map_err(failed)?;
        let mut copy = SqliteConnectOptions::new()
            .filename(draft.path())
            // Nobody sees it before it is whole.
            .journal_mode(SqliteJournalMode::Memory)
            .pragma("secure_delete", "on")
            .foreign_keys(false)
            .disable_statement_logging()
            .connect()
            .await
            .map_err(failed)?;
        MIGRATIONS.run(&mut copy).await.map_err(|e| unwritten(path, e.to_string()))?;
        let restored = bring_up_to_date(&mut copy, path, &keyring).await.map_err(failed)?;
        copy.close().await.map_err(failed)?;
        let sealed = draft.seal().map_err(|e| unwritten(path, e.to_string()))?;
        let aside = keep_aside(path).await.map_err(|e| unwritten(path, e.to_string()))?;
        disk::publish(vec![Change::Put(sealed)]).map_err(|e| unwritten(path, e.to_string()))?;
        Ok(Restored { aside, ..restored })
    }

    /// The time about whose purchases the ledger knows nothing; `None` if there is none.
    pub async fn unsettled(&self) -> Result<Option<Unsettled>, LedgerError> {
        let mut reader = self.readers.acquire().await.map_err(|e| self.failed(&e))?;
        read_unsettled(&mut reader).await.map_err(|e| self.failed(&e))
    }

    /// Notes that what was bought in that time is known by other means, or is nothing.
    pub async fn settle_restore(&self) -> Result<(), LedgerError> {
        self.write_one(sqlx::query("DELETE FROM meta WHERE name = 'unsettled'")).await?;
        let newest = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM attempts");
        let attempt = newest.fetch_one(&self.readers).await.map_err(|e| self.failed(&e))?;
        Ok(self.keyring.reset_mark(Mark { attempt, at: now_ms() })?)
    }

    /// Whether the ledger holds the newest call that its ring knows of. Where it does not, it was put back (by `cp`, by an
    /// older snapshot), and that is noted.
    pub(super) async fn hold_against_mark(
        writer: &mut SqliteConnection,
        keyring: &Keyring,
    ) -> Result<(), sqlx::Error> {
        let (mark, stale) = keyring.mark().unwrap_or_default();
        let is_known = match mark.filter(|mark| mark.attempt > 0) {
            Some(mark) => knows(writer, mark).await?,
            None => true,
        };
        // It was written, and its process died before that was noted.
        if let Some(ahead) = keyring.ahead()
            && knows(writer, ahead).await?
        {
            drop(keyring.raise_mark(ahead, None));
        }
        if !keyring.is_marked() || is_known && !stale || read_unsettled(writer).await?.is_some() {
            return Ok(());
        }
        let to = mark.filter(|_| !stale).map_or_else(now_ms, |mark| mark.at + MARK_EVERY);
        note_unsettled(writer, to).await.map(drop)
    }

    /// Has the ring know of a call that may post a letter, before it is written and before it leaves: a ledger that was put back
    /// must not forget it. On disk when this returns.
    pub(super) async fn mark_ahead(&self, letter: Mark) -> Result<(), LedgerError> {
        if !self.keyring.is_marked() {
            return Ok(());
        }
        let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM attempts")
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let before = Mark { attempt: newest, at: letter.at };
        let keyring = Arc::clone(&self.keyring);
        let noted = tokio::task::spawn_blocking(move || keyring.raise_mark(before, Some(letter)));
        Ok(noted.await.unwrap_or_else(|_| Err(KeyError::Ring(self.keyring.path().to_owned())))?)
    }

    /// Notes the newest call that is written, once a minute and after each that may post a letter. One that cannot be noted is by
    /// the next.
    pub(super) async fn mark_newest(&self, newest: Option<Mark>, letters: bool) {
        let Some(mark) = newest.filter(|_| self.keyring.is_marked()) else { return };
        let last = self.marked_at.load(Ordering::Relaxed);
        if !letters && (last..last + MARK_EVERY).contains(&mark.at) {
            return;
        }
        self.marked_at.store(mark.at, Ordering::Relaxed);
        let keyring = Arc::clone(&self.keyring);
        let noted = tokio::task::spawn_blocking(move || keyring.raise_mark(mark, None)).await;
        if let Ok(Err(error)) = noted {
            tracing::warn!("the newest call is not noted in the key ring: {error}");
        }
    }
}

/// Carries over what is known at `path`, empties what was purged or forgotten since, and notes what is not known.
async fn bring_up_to_date(
    copy: &mut SqliteConnection,
    path: &Path,
    keyring: &Keyring,
) -> Result<Restored, sqlx::Error> {
    let now = now_ms();
    let there = path.symlink_metadata().is_ok();
    let carried = if there { merge(&mut *copy, path, now).await } else { Err(sqlx::Error::RowNotFound) };
    if let Err(error) = &carried
        && there
    {
        tracing::debug!(%error, "the present ledger is not carried over");
    }
    let mut restored = Restored { carried: carried.ok(), ..Restored::default() };
    let keys: Vec<(i64, i64)> = sqlx::query_as("SELECT id, data_key FROM runs WHERE shredded_at IS NULL")
        .fetch_all(&mut *copy)
        .await?;
    for (run, key) in keys {
        let given_up = u32::try_from(key).is_ok_and(|key| keyring.is_given_up(key).unwrap_or(false));
        if given_up {
            empty_run(&mut *copy, run, now).await?;
            restored.purged += 1;
        }
    }
    for erased in keyring.erased().unwrap_or_default() {
        restored.erased += erase(&mut *copy, &erased, now).await?;
    }
    sqlx::query("VACUUM").execute(&mut *copy).await?;
    let (mark, stale) = keyring.mark().unwrap_or_default();
    let mark = mark.filter(|mark| mark.attempt > 0);
    let is_whole = match mark {
        Some(mark) => knows(&mut *copy, mark).await? && (!stale || restored.carried.is_some()),
        None => restored.carried.is_some(),
    };
    if !is_whole {
        let to = mark.filter(|_| !stale).map_or(now, |mark| mark.at + MARK_EVERY);
        restored.unsettled = note_unsettled(&mut *copy, to).await?;
    }
    Ok(restored)
}

async fn knows(connection: &mut SqliteConnection, mark: Mark) -> Result<bool, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM attempts WHERE id = ?)");
    query.bind(mark.attempt).fetch_one(connection).await
}

pub(super) async fn read_unsettled(
    connection: &mut SqliteConnection,
) -> Result<Option<Unsettled>, sqlx::Error> {
    let value = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?").bind(UNSETTLED);
    let value: Option<Vec<u8>> = value.fetch_optional(connection).await?;
    Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
}

async fn note_unsettled(
    connection: &mut SqliteConnection,
    to: i64,
) -> Result<Option<Unsettled>, sqlx::Error> {
    let from: Option<i64> =
        sqlx::query_scalar("SELECT max(started_at) FROM attempts").fetch_one(&mut *connection).await?;
    let unsettled = Unsettled { from: from.unwrap_or(0), to };
    sqlx::query("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)")
        .bind(UNSETTLED)
        .bind(serde_json::to_vec(&unsettled).unwrap_or_default())
        .execute(connection)
        .await?;
    Ok(Some(unsettled))
}

/// Empties what is older than an erasure about whom it names. Which numbers those were is not known, and need not be.
async fn erase(copy: &mut SqliteConnection, erased: &Erased, now: i64) -> Result<u64, sqlx::Error> {
    let numbers = serde_json::to_string(&erased.numbers).unwrap_or_default();
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT r.run, r.row FROM rows r CROSS JOIN runs u ON u.id = r.run AND u.started_at <= ?2 \
         WHERE r.digest IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(&numbers)
    .bind(erased.at)
    .fetch_all(&mut *copy)
    .await?;
    let named: Vec<i64> = sqlx::query_scalar(
        "SELECT n.attempt FROM named n CROSS JOIN attempts a ON a.id = n.attempt AND a.started_at <= ?2 \
         WHERE n.digest = unhex(?1)",
    )
    .bind(&erased.named)
    .bind(erased.at)
    .fetch_all(&mut *copy)
    .await?;
    let all = serde_json::to_string(&rows).unwrap_or_default();
    let pairs = "WITH p (run, row) AS MATERIALIZED (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";
    for text in [
        "DELETE FROM answers WHERE attempt IN (SELECT a.id FROM attempts a CROSS JOIN p ON p.run = a.run AND p.row = a.row)",
        "UPDATE attempts SET text = NULL, emptied_at = coalesce(emptied_at, ?2), emptied_why = coalesce(emptied_why, 'forgotten'), \
         identity = iif(letter_making = 1 AND state IN ('unknown', 'unread') AND resolved IS NULL, identity, randomblob(16)) \
         WHERE (run, row) IN (SELECT run, row FROM p)",
        "UPDATE lookups SET state = iif(state = 'pending', 'settled', state), \
         outcome = iif(state = 'pending', 'skipped', outcome), code = iif(state = 'pending', 'forgotten', code), text = NULL \
         WHERE (run, row) IN (SELECT run, row FROM p)",
        "UPDATE rows SET content = NULL, emptied = coalesce(emptied, 'forgotten'), digest = randomblob(16) \
         WHERE (run, row) IN (SELECT run, row FROM p)",
    ] {
        let sql = sqlx::AssertSqlSafe(format!("{pairs} {text}"));
        let query = sqlx::query(sql).bind(&all);
        if text.contains("?2") { query.bind(now) } else { query }.execute(&mut *copy).await?;
    }
    // What is said of them elsewhere goes with the whole answer: nobody here knows the number that is to be looked for.
    let list = serde_json::to_string(&named).unwrap_or_default();
    for text in [
        "DELETE FROM answers WHERE attempt IN (SELECT value FROM json_each(?1)) AND ?2 > 0",
        "UPDATE attempts SET text = NULL, emptied_at = ?2, emptied_why = 'forgotten' \
         WHERE id IN (SELECT value FROM json_each(?1)) AND emptied_at IS NULL",
    ] {
        sqlx::query(text).bind(&list).bind(now).execute(&mut *copy).await?;
    }
    sqlx::query(
        "DELETE FROM heard WHERE digest IN (SELECT unhex(value) FROM json_each(?)) AND heard_at <= ?",
    )
    .bind(&numbers)
    .bind(erased.at)
    .execute(&mut *copy)
    .await?;
    Ok(rows.len() as u64 + named.len() as u64)
}

/// Gives the ledger at a path a dated name beside it, with the log that it needs to be read, in such an order that its own name
/// never leads to nothing.
async fn keep_aside(path: &Path) -> std::io::Result<Option<PathBuf>> {
    let is_there = path.symlink_metadata().is_ok();
    // What is in its log goes into it, where it can be read.
    let folded = async {
        let mut present = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut present).await?;
        present.close().await
    };
    if is_there {
        drop(folded.await);
    }
    let first = beside(path, &format!("{ASIDE}{}", stockholm_date(now_ms())));
    let aside = if is_there { second_name(path, &first)? } else { first };
    // One that is left without its ledger would be taken for the next one's, and spoil it.
    for companion in ["-wal", "-shm"] {
        let (from, to) = (beside(path, companion), beside(&aside, companion));
        match disk::rename(&from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(is_there.then_some(aside))
}

/// Gives a ledger a second name beside it: this one, or the next that nothing has.
fn second_name(path: &Path, first: &Path) -> std::io::Result<PathBuf> {
    let (mut aside, mut serial) = (first.to_owned(), 2_u32);
    loop {
        match disk::second_name(path, &aside) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                aside = beside(first, &format!("-{serial}"));
                serial += 1;
            }
            done => return done.map(|()| aside),
        }
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

fn unwritten(path: &Path, reason: String) -> RestoreError {
    RestoreError::Unwritten { path: path.to_owned(), reason }
}
