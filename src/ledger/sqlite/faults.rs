//! What tests do to a ledger, and what they look for in it.

use super::options::options;
use crate::ledger::{Ledger, transactionid};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};
use std::cell::Cell;

/// What is wrong with a ledger for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no room for another page.
    Full,
    /// Another process holds it and does not let go.
    Busy,
    /// What ends cannot be written, for a reason that is neither of these.
    Unwritable,
    /// What a run has spent cannot be read, by this process.
    Unasked,
}

/// A fault that lasts until it is mended.
pub(crate) struct Lasting {
    fault: Fault,
    /// Who holds the ledger.
    holder: Option<SqliteConnection>,
}

impl Lasting {
    pub(crate) fn hinders_writing(&self) -> bool {
        self.fault != Fault::Unasked
    }
}

thread_local! {
    static SCRATCH: Cell<u32> = const { Cell::new(0) };
}

/// A scratch file in use by a task of this thread: time may not go on meanwhile either.
pub(crate) struct Scratch;

impl Scratch {
    pub(crate) fn is_used() -> Self {
        SCRATCH.set(SCRATCH.get() + 1);
        Self
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.set(SCRATCH.get().saturating_sub(1));
    }
}

/// An attempt, as a test compares it with what reached the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptRow {
    pub(crate) reference: String,
    pub(crate) run: i64,
    pub(crate) state: String,
    pub(crate) outcome: Option<String>,
    /// What it cost, or what is reserved for it.
    pub(crate) cost: i64,
}

impl Ledger {
    /// Whether nothing is being read or written: time may go on.
    pub(crate) fn is_at_rest(&self) -> bool {
        let scratch = SCRATCH.get() > 0;
        !scratch && self.writer.try_lock().is_ok() && self.readers.num_idle() == self.readers.size() as usize
    }

    /// Brings a fault about.
    pub(crate) async fn break_it(&self, fault: Fault) -> Lasting {
        let text = match fault {
            Fault::Full => {
                let mut writer = self.writer.lock().await;
                let pages: i64 =
                    sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *writer).await.unwrap();
                format!("PRAGMA max_page_count = {pages}")
            }
            Fault::Busy => {
                let mut other = options(self.path()).connect().await.unwrap();
                sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
                return Lasting { fault, holder: Some(other) };
            }
            Fault::Unwritable => "CREATE TRIGGER IF NOT EXISTS fault BEFORE UPDATE ON attempts \
                                  BEGIN SELECT RAISE(ABORT, 'a fault of a test'); END"
                .to_owned(),
            Fault::Unasked => {
                self.tell_readers("CREATE TEMP VIEW spent_by_run AS SELECT * FROM nowhere").await;
                return Lasting { fault, holder: None };
            }
        };
        self.say(&text).await;
        Lasting { fault, holder: None }
    }

    /// Takes it away again.
    pub(crate) async fn mend(&self, Lasting { fault, holder }: Lasting) {
        match fault {
            Fault::Full => self.say("PRAGMA max_page_count = 1073741823").await,
            Fault::Busy => holder.unwrap().close().await.unwrap(),
            Fault::Unwritable => self.say("DROP TRIGGER IF EXISTS fault").await,
            Fault::Unasked => self.tell_readers("DROP VIEW temp.spent_by_run").await,
        }
    }

    /// How long it waits for others, in milliseconds: while one is at fault, not for a minute of real time.
    pub(crate) async fn wait_for_others(&self, ms: u32) {
        self.say(&format!("PRAGMA busy_timeout = {ms}")).await;
    }

    async fn say(&self, text: &str) {
        let mut writer = self.writer.lock().await;
        sqlx::query(AssertSqlSafe(text.to_owned())).execute(&mut *writer).await.unwrap();
    }

    async fn tell_readers(&self, text: &str) {
        let (one, two, three) =
            tokio::try_join!(self.readers.acquire(), self.readers.acquire(), self.readers.acquire()).unwrap();
        for mut reader in [one, two, three] {
            sqlx::query(AssertSqlSafe(text.to_owned())).execute(&mut *reader).await.unwrap();
        }
    }

    /// Every attempt, oldest first.
    pub(crate) async fn attempts(&self) -> Vec<AttemptRow> {
        let rows = sqlx::query(
            "SELECT id, run, state, outcome, coalesce(cost, reserved) AS cost FROM attempts ORDER BY id",
        );
        let rows = rows.fetch_all(&self.readers).await.unwrap();
        let each = rows.iter().map(|row| AttemptRow {
            reference: transactionid(row.get("id")),
            run: row.get("run"),
            state: row.get("state"),
            outcome: row.get("outcome"),
            cost: row.get("cost"),
        });
        each.collect()
    }

    /// How many lookups of each step of a run are pending or started.
    pub(crate) async fn left(&self, run: i64) -> Vec<(u16, u64)> {
        let rows = sqlx::query(
            "SELECT step, count(*) FROM lookups WHERE run = ? AND outcome IS NULL GROUP BY step ORDER BY step",
        );
        let rows = rows.bind(run).fetch_all(&self.readers).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get::<i64, _>(1).unsigned_abs())).collect()
    }
}
