//! The log of who did what, in the ledger: entries added one at a time, and read page by page.

use super::busy_timeout::BusyTimeout;
use super::failed::failed;
use super::files::beside;
use super::open::{recognise, refusal};
use super::options::options;
use crate::disk;
use crate::domain::sink::Sink;
use crate::ledger::sink::give;
use crate::ledger::{Access, Act, AuditEntry, Hash, Ledger, LedgerError, Link};
use crate::time::now_ms;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::Mutex;

/// Entries that are read at once.
const PAGE: i64 = 512;
/// How far apart a process that finds another giving an entry to the sink looks again.
const TURN: Duration = Duration::from_millis(10);

/// Whether an act is about to happen, or has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

/// Who writes an entry, and where to.
struct Notary<'n> {
    path: &'n Path,
    operator: &'n str,
    sink: Option<Sink>,
    busy: &'n BusyTimeout,
    /// Let go of while the sink is given an entry: others have something to write too.
    writer: &'n Mutex<SqliteConnection>,
    /// Where it is open.
    ledger: Option<&'n Ledger>,
}

impl Ledger {
    /// Writes down what is about to be done: to the sink, then here.
    ///
    /// # Errors
    /// It is not written down, and may not be done.
    pub async fn note(&self, act: &Act) -> Result<(), LedgerError> {
        self.write_down(act, When::Before).await.map(drop)
    }

    /// Writes down what has been done, here also where the sink does not take it: then what to tell about that.
    pub async fn note_done(&self, act: &Act) -> Result<Option<String>, LedgerError> {
        self.write_down(act, When::After).await
    }

    async fn write_down(&self, act: &Act, when: When) -> Result<Option<String>, LedgerError> {
        if self.users.is_none() {
            let (log, reason) =
                (format!("the ledger {}", self.path.display()), "it can only be read here".to_owned());
            return Err(LedgerError::Unnoted { log, reason });
        }
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let notary = Notary {
            path: &self.path,
            operator: &self.operator,
            sink,
            busy: &self.busy_timeout,
            writer: &self.writer,
            ledger: Some(self),
        };
        let told = notary.add(act, when).await?;
        self.still_there()?;
        Ok(told)
    }

    /// The same of a ledger that does not open, since its ring or its key is not there.
    pub async fn note_unopened(path: &Path, access: &Access, act: &Act) -> Result<(), LedgerError> {
        let failed = |e: sqlx::Error| refusal(path, &e);
        if !path.is_file() {
            return Err(LedgerError::Missing(path.to_owned()));
        }
        recognise(path, SqliteConnectOptions::new().filename(path).read_only(true)).await?;
        let writer = Mutex::new(options(path).connect().await.map_err(failed)?);
        let (Access { operator, sink, .. }, busy) = (access, &BusyTimeout::new());
        let notary = Notary { path, operator, sink: sink.clone(), busy, writer: &writer, ledger: None };
        notary.add(act, When::Before).await?;
        writer.into_inner().close().await.map_err(failed)
    }

    /// From now on entries go there first.
    pub fn set_sink(&self, sink: Option<Sink>) {
        *self.sink.lock().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    /// The next entries of the log, from the one after this; none at its end.
    pub async fn audit_page(&self, after: &Link) -> Result<Vec<AuditEntry>, LedgerError> {
        let query = sqlx::query(
            "SELECT id, at, what, run, job, operator, details, hash FROM audit WHERE id > ? ORDER BY id LIMIT ?",
        );
        let rows = query.bind(after.id).bind(PAGE).fetch_all(&self.readers).await;
        let rows = rows.map_err(|e| self.failed(&e))?;
        let mut previous = after.hash;
        let entries = rows.iter().map(|row| {
            let entry = entry(row, previous)?;
            previous = entry.link.hash;
            Ok(entry)
        });
        entries.collect::<sqlx::Result<_>>().map_err(|e| self.failed(&e))
    }
}

impl Notary<'_> {
    /// Adds an entry. The sink has it before it is one; who dies in between leaves it with an entry that is none, and whose
    /// number the next one has.
    async fn add(&self, act: &Act, when: When) -> Result<Option<String>, LedgerError> {
        // Whoever has a sink waits for who gives it an entry: no two are given it with one number.
        let _turn = match &self.sink {
            Some(_) => Some(self.turn().await?),
            None => None,
        };
        let mut told = None;
        loop {
            let given = match &self.sink {
                Some(sink) => {
                    let last = last(&mut *self.writer.lock().await).await;
                    let last = last.map_err(|e| failed(self.path, &e))?;
                    let entry = AuditEntry::after(&last, now_ms(), self.operator, act);
                    if told.is_none() {
                        told = self.give(sink, &entry, when).await?;
                    }
                    Some(entry)
                }
                None => None,
            };
            if self.insert(act, given).await? {
                return Ok(told);
            }
        }
    }

    /// Gives an entry to the sink. What has been done is written down all the same: then what to tell.
    async fn give(&self, sink: &Sink, entry: &AuditEntry, when: When) -> Result<Option<String>, LedgerError> {
        match (give(sink, entry.line()).await, when) {
            (Ok(()), _) => Ok(None),
            (Err(reason), When::Before) => {
                Err(LedgerError::Unnoted { log: format!("{sink} ([audit] sink)"), reason })
            }
            (Err(reason), When::After) => Ok(Some(format!(
                "{sink} ([audit] sink) has no entry {} of the log of who did what: {reason}; it is in the ledger alone",
                entry.link.id
            ))),
        }
    }

    /// Writes an entry, unless what was given to the sink does not follow the last one: somebody without a sink was quicker.
    async fn insert(&self, act: &Act, given: Option<AuditEntry>) -> Result<bool, LedgerError> {
        let failed = |e: sqlx::Error| failed(self.path, &e);
        let mut writer = self.writer.lock().await;
        let mut transaction = match self.ledger {
            Some(ledger) => ledger.begin(&mut writer).await?,
            None => writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?,
        };
        let last = last(&mut transaction).await.map_err(failed)?;
        let entry = match given {
            Some(entry) if entry.previous != last.hash => return Ok(false),
            Some(entry) => entry,
            None => AuditEntry::after(&last, now_ms(), self.operator, act),
        };
        let AuditEntry { link, at, what, run, job, operator, details, .. } = entry;
        sqlx::query(
            "INSERT INTO audit (id, at, what, run, job, operator, details, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(link.id)
        .bind(at)
        .bind(what)
        .bind(run)
        .bind(job)
        .bind(operator)
        .bind(details)
        .bind(link.hash.to_vec())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Waits for the turn to give the sink an entry; freed by the system when the process ends, however it ends.
    async fn turn(&self) -> Result<File, LedgerError> {
        let unopened =
            |e: std::io::Error| LedgerError::Unopened { path: self.path.to_owned(), reason: e.to_string() };
        // No job's lock is called so.
        let file = disk::companion(&beside(self.path, "-audit.lock"), self.path).map_err(unopened)?;
        let taken = async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(TURN).await,
                    Err(TryLockError::Error(error)) => return Err(unopened(error)),
                }
            }
        };
        tokio::select! {
            biased;
            taken = taken => taken?,
            () = self.busy.expired() => return Err(LedgerError::Busy(self.path.to_owned())),
        }
        Ok(file)
    }
}

/// The last entry.
async fn last(connection: &mut SqliteConnection) -> Result<Link, sqlx::Error> {
    let query = sqlx::query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
    match query.fetch_optional(connection).await? {
        Some(row) => link(&row),
        None => Ok(Link::default()),
    }
}

fn link(row: &SqliteRow) -> sqlx::Result<Link> {
    let hash = Hash::try_from(row.try_get::<&[u8], _>("hash")?);
    let hash = hash.map_err(|_| sqlx::Error::Decode("a hash that is none".into()))?;
    Ok(Link { id: row.try_get("id")?, hash })
}

fn entry(row: &SqliteRow, previous: Hash) -> sqlx::Result<AuditEntry> {
    Ok(AuditEntry {
        link: link(row)?,
        previous,
        at: row.try_get("at")?,
        what: row.try_get("what")?,
        run: row.try_get("run")?,
        job: row.try_get("job")?,
        operator: row.try_get("operator")?,
        details: row.try_get("details")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::open;
    use super::*;
    use crate::ledger::{ActKind, AuditChain};
    use std::sync::Arc;

    /// All entries, gone through.
    async fn whole(ledger: &Ledger) -> Vec<AuditEntry> {
        let (mut chain, mut entries) = (AuditChain::default(), Vec::new());
        loop {
            let page = ledger.audit_page(&chain.last).await.unwrap();
            if page.is_empty() {
                return entries;
            }
            for entry in &page {
                chain.take(entry).unwrap();
            }
            entries.extend(page);
        }
    }

    async fn execute(ledger: &Ledger, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(sql).execute(&mut *ledger.writer.lock().await).await.map(drop)
    }

    #[tokio::test]
    async fn every_act_has_its_word_and_nothing_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path()).await;
        for kind in ActKind::ALL {
            ledger.note(&Act::new(kind).with("count", 3)).await.unwrap();
        }
        let entries = whole(&ledger).await;
        let words: Vec<&str> = entries.iter().map(|entry| entry.what.as_str()).collect();
        assert_eq!(words, ActKind::ALL.map(ActKind::as_str));
        for sql in [
            "UPDATE audit SET operator = 'nobody' WHERE id = 2",
            "DELETE FROM audit WHERE id = 19",
            "INSERT OR REPLACE INTO audit SELECT id, at, what, run, job, 'nobody', details, hash FROM audit WHERE id = 19",
            "INSERT INTO audit SELECT id + 2, at, what, run, job, operator, details, hash FROM audit WHERE id = 19",
            "INSERT INTO audit SELECT 20, at, 'slept', run, job, operator, details, hash FROM audit WHERE id = 19",
        ] {
            assert!(execute(&ledger, sql).await.is_err(), "{sql}");
        }
        assert_eq!(whole(&ledger).await, entries);
    }

    /// Several pages, in one of which an entry was changed by somebody who does not mind the triggers.
    #[tokio::test]
    async fn a_log_of_several_pages_is_read_whole_and_a_change_in_it_found() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path()).await;
        ledger.note(&Act::new(ActKind::Login)).await.unwrap();
        let mut last = whole(&ledger).await[0].link;
        let mut writer = ledger.writer.lock().await;
        let mut transaction = ledger.begin(&mut writer).await.unwrap();
        for at in 0..2 * PAGE {
            let AuditEntry { link, at, what, operator, details, .. } =
                AuditEntry::after(&last, at, "somebody", &Act::new(ActKind::Exported));
            let sql = "INSERT INTO audit (id, at, what, operator, details, hash) VALUES (?, ?, ?, ?, ?, ?)";
            let query = sqlx::query(sql).bind(link.id).bind(at).bind(what).bind(operator).bind(details);
            query.bind(link.hash.to_vec()).execute(&mut *transaction).await.unwrap();
            last = link;
        }
        transaction.commit().await.unwrap();
        drop(writer);
        assert_eq!(i64::try_from(whole(&ledger).await.len()).unwrap(), 2 * PAGE + 1);
        execute(&ledger, "DROP TRIGGER audit_unchanged").await.unwrap();
        execute(&ledger, "UPDATE audit SET at = at + 1 WHERE id = 600").await.unwrap();
        let (mut chain, mut broken) = (AuditChain::default(), None);
        while broken.is_none() {
            let page = ledger.audit_page(&chain.last).await.unwrap();
            broken = page.iter().find_map(|entry| chain.take(entry).err());
        }
        assert_eq!((broken.unwrap().to_string().contains("entry 600"), chain.last.id), (true, 599));
    }

    /// Some with a sink and some without: one chain, and the sink has each of its own entries once.
    #[tokio::test(flavor = "multi_thread")]
    async fn many_at_once_make_one_chain() {
        let folder = tempfile::tempdir().unwrap();
        let sink = folder.path().join("audit.jsonl");
        let (with, without) = (Arc::new(open(folder.path()).await), Arc::new(open(folder.path()).await));
        with.set_sink(Some(Sink::File(sink.clone())));
        let mut acts = tokio::task::JoinSet::new();
        for at in 0..24 {
            let ledger = Arc::clone(if at % 3 == 0 { &without } else { &with });
            acts.spawn(async move { ledger.note(&Act::new(ActKind::Exported).with("at", at)).await });
        }
        while let Some(noted) = acts.join_next().await {
            noted.unwrap().unwrap();
        }
        let entries = whole(&with).await;
        assert_eq!(entries.len(), 24);
        let lines = std::fs::read_to_string(&sink).unwrap();
        let given = entries.iter().filter(|entry| lines.lines().any(|line| line == entry.line()));
        assert_eq!(given.count(), 16, "{lines}");
    }

    #[tokio::test]
    async fn what_a_sink_does_not_take_is_not_to_be_done_and_what_was_done_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path()).await;
        let fails = ["sh", "-c", "cat > /dev/null; exit 3"].map(str::to_owned).to_vec();
        for (sink, why) in [
            (Sink::File(folder.path().join("none/audit.jsonl")), "No such file"),
            (Sink::Command(fails), "it ended with exit status: 3"),
        ] {
            ledger.set_sink(Some(sink));
            let before = whole(&ledger).await.len();
            let refused = ledger.note(&Act::new(ActKind::Accessed)).await.unwrap_err();
            assert!(matches!(refused, LedgerError::Unnoted { .. }), "{refused}");
            assert!(refused.to_string().contains(why), "{refused}");
            assert_eq!(whole(&ledger).await.len(), before);
            let told = ledger.note_done(&Act::new(ActKind::RunEnded)).await.unwrap().unwrap();
            assert!(told.contains(why), "{told}");
            assert_eq!(whole(&ledger).await.len(), before + 1);
        }
    }
}
