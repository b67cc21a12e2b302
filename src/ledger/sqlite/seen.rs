//! Counting identities that occur more than once, for a plan over a million rows in flat memory: a scratch file that is
//! gone with its owner.

use super::cells;
use super::values::ManyRows;
use crate::disk::{self, TempDir};
use crate::domain::identity::Identity;
use crate::ledger::LedgerError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use std::collections::HashSet;
use std::path::PathBuf;

/// The identities met so far.
pub struct SeenIdentities {
    connection: SqliteConnection,
    insert: ManyRows,
    path: PathBuf,
    _folder: TempDir,
}

impl SeenIdentities {
    /// Nothing met yet.
    pub async fn new() -> Result<Self, LedgerError> {
        #[cfg(test)]
        let _work = super::faults::Scratch::is_used();
        let folder = disk::temporary_folder()
            .map_err(|e| LedgerError::Unopened { path: std::env::temp_dir(), reason: e.to_string() })?;
        let path = folder.path().join("seen.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-4096")
            .disable_statement_logging();
        let failed = |e: sqlx::Error| LedgerError::Database { path: path.clone(), reason: e.to_string() };
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::query("CREATE TABLE seen (identity BLOB PRIMARY KEY) STRICT, WITHOUT ROWID")
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        let insert = ManyRows::new(
            1,
            "INSERT OR IGNORE INTO seen (identity) SELECT column1 FROM {values} WHERE column1 IS NOT NULL RETURNING identity",
        );
        Ok(Self { connection, insert, path, _folder: folder })
    }

    /// Those of these that are met for the first time.
    pub async fn first_times(&mut self, identities: &[Identity]) -> Result<HashSet<Identity>, LedgerError> {
        #[cfg(test)]
        let _work = super::faults::Scratch::is_used();
        let failed =
            |e: sqlx::Error| LedgerError::Database { path: self.path.clone(), reason: e.to_string() };
        let mut first = HashSet::new();
        for chunk in identities.chunks(ManyRows::MOST) {
            let (mut query, length) = self.insert.query(chunk.len());
            for at in 0..length {
                query = query.bind(chunk.get(at).map(|identity| identity.0.to_vec()));
            }
            let rows = query.fetch_all(&mut self.connection).await.map_err(failed)?;
            for row in &rows {
                first.extend(cells::identity(row).map_err(failed)?);
            }
        }
        Ok(first)
    }
}
