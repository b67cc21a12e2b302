//! Counting identities that occur more than once, for a plan over a million rows in flat memory: a scratch file that is
//! gone with its owner.

use super::LedgerError;
use super::values::ManyRows;
use crate::domain::identity::Identity;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use std::path::PathBuf;

/// The identities met so far.
pub struct Seen {
    connection: SqliteConnection,
    insert: ManyRows,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Seen {
    /// Nothing met yet.
    pub async fn new() -> Result<Self, LedgerError> {
        let folder = tempfile::tempdir()
            .map_err(|e| LedgerError::Unopened { path: std::env::temp_dir(), reason: e.to_string() })?;
        let path = folder.path().join("seen.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-16384")
            .disable_statement_logging();
        let failed = |e: sqlx::Error| LedgerError::Database { path: path.clone(), reason: e.to_string() };
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::query("CREATE TABLE seen (identity BLOB PRIMARY KEY) STRICT, WITHOUT ROWID")
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        let insert = ManyRows::new(
            1,
            "INSERT OR IGNORE INTO seen (identity) SELECT column1 FROM {values} WHERE column1 IS NOT NULL",
        );
        Ok(Self { connection, insert, path, _folder: folder })
    }

    /// How many of these are met for the first time.
    pub async fn first_times(&mut self, identities: &[Identity]) -> Result<usize, LedgerError> {
        self.insert
            .run(&mut self.connection, identities, |query, identity| query.bind(&identity.0[..]))
            .await
            .map_err(|e| LedgerError::Database { path: self.path.clone(), reason: e.to_string() })
    }
}
