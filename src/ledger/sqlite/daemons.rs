//! Daemons on a ledger: each has a row with its heartbeat, and a lock of the system's that vanishes with it.

use super::cells;
use crate::disk;
use crate::ledger::{DaemonRow, Ledger, LedgerError, run_id};
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A daemon that is at work. Dropped, or with its process, it is gone, and others may take its fires over.
#[derive(Debug)]
pub struct Daemon {
    /// Its name in the ledger.
    pub name: String,
    path: PathBuf,
    _lock: File,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = disk::remove(&self.path);
    }
}

impl Ledger {
    /// Enrols this process as a daemon, and forgets those that are gone.
    pub async fn enrol(&self, host: &str, folder: &Path, now: i64) -> Result<Daemon, LedgerError> {
        let name = run_id();
        let path = lock_path(self.path(), &name);
        let unopened =
            |e: std::io::Error| LedgerError::Unopened { path: path.clone(), reason: e.to_string() };
        let lock = disk::new_companion(&path, self.path()).map_err(unopened)?;
        lock.lock().map_err(unopened)?;
        let daemon = Daemon { name, path, _lock: lock };
        let query = sqlx::query(
            "INSERT INTO daemons (daemon, pid, host, folder, started_at, beat_at) VALUES (?, ?, ?, ?, ?5, ?5)",
        );
        let query = query.bind(&daemon.name).bind(std::process::id()).bind(host);
        self.write_one(query.bind(folder.to_string_lossy().into_owned()).bind(now)).await?;
        for gone in self.enrolled().await?.iter().filter(|other| !self.lives(&other.daemon)) {
            let _ = disk::remove(&lock_path(self.path(), &gone.daemon));
            self.write_one(sqlx::query("DELETE FROM daemons WHERE daemon = ?").bind(&gone.daemon)).await?;
        }
        Ok(daemon)
    }

    /// Notes that a daemon is alive, and which jobs it has.
    pub async fn beat(&self, daemon: &Daemon, jobs: &[&str], now: i64) -> Result<(), LedgerError> {
        let query = sqlx::query("UPDATE daemons SET jobs = ?, beat_at = ? WHERE daemon = ?");
        self.write_one(query.bind(Value::from(jobs).to_string()).bind(now).bind(&daemon.name)).await
    }

    /// Takes a daemon off the list, as it ends in good order.
    pub async fn retire(&self, daemon: Daemon) -> Result<(), LedgerError> {
        self.write_one(sqlx::query("DELETE FROM daemons WHERE daemon = ?").bind(&daemon.name)).await
    }

    /// The daemons that are at work now.
    pub async fn daemons(&self) -> Result<Vec<DaemonRow>, LedgerError> {
        let mut daemons = self.enrolled().await?;
        daemons.retain(|daemon| self.lives(&daemon.daemon));
        Ok(daemons)
    }

    async fn enrolled(&self) -> Result<Vec<DaemonRow>, LedgerError> {
        let sql =
            "SELECT daemon, pid, host, folder, jobs, started_at, beat_at FROM daemons ORDER BY started_at";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await.map_err(|e| self.failed(&e))?;
        let read = |row: &SqliteRow| {
            Ok(DaemonRow {
                daemon: row.try_get(0)?,
                pid: row.try_get(1)?,
                host: row.try_get(2)?,
                folder: row.try_get(3)?,
                jobs: cells::json(row, 4)?,
                started_at: row.try_get(5)?,
                beat_at: row.try_get(6)?,
            })
        };
        rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(|e| self.failed(&e))
    }

    /// Whether a daemon's lock is held by some process. Where that cannot be told it counts as alive: two daemons with one
    /// fire are worse than a fire that waits.
    pub(super) fn lives(&self, daemon: &str) -> bool {
        match disk::noted(&lock_path(self.path(), daemon), self.path()) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }
}

fn lock_path(database: &Path, daemon: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".daemon-{daemon}.lock"));
    PathBuf::from(name)
}
