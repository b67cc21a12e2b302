//! How connections to the ledger are set up.

use super::busy_timeout::BUSY;
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::time::Duration;

/// The connections that read, all of them open: one that was opened later might find another file under the name.
pub(super) async fn readers(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    // Kibibytes, of each: what they look for stands in the system's cache already.
    let options = options.pragma("cache_size", "-2048");
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READERS_BUSY)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options);
    let mut open = Vec::new();
    for _ in 0..READERS {
        open.push(pool.acquire().await?);
    }
    Ok(pool)
}

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // The ledger records money: a commit that could be undone by a power cut would be bought twice.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        // Kibibytes: memory stays flat however large the file grows.
        .pragma("cache_size", "-6144")
        .pragma("wal_autocheckpoint", "4000")
        // What is deleted is overwritten: what is left on a free page could be read there for years.
        .pragma("secure_delete", "on")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

/// How many connections read at once.
const READERS: u32 = 3;

/// How long a query waits while others have all readers. Nobody keeps one while waiting for another, so that it is only a
/// matter of time; a run must not end for it.
const READERS_BUSY: Duration = Duration::from_mins(10);
