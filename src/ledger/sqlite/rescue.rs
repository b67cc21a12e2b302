//! What is left of a ledger whose file was taken away under a living process: everything is still open, and is written down
//! beside the place where the file was, for a person to put back.

use super::backup::copy_into;
use super::files::beside;
use crate::disk::{self, Draft, Mode, Place, Protected, publish_new};
use crate::ledger::{Ledger, LedgerError};
use crate::time::{now_ms, stockholm_date};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What stands between the ledger's name and the day.
const RESCUED: &str = ".rescued-";

impl Ledger {
    /// Writes the open database whole, with all that is committed, to `NAME.rescued-DAY` beside the place where the ledger
    /// was; in the working folder where that place cannot be written. Readable by its owner alone, and never in the place
    /// of another. Where several processes had the ledger open, each writes one, and who writes last has what all of them
    /// committed.
    pub async fn rescue(&self) -> Result<PathBuf, LedgerError> {
        let name = self.path().file_name().unwrap_or_default();
        let beside = self.path().parent().unwrap_or(Path::new("/"));
        let mut refused = None;
        for folder in [Ok(beside.to_owned()), std::env::current_dir()].into_iter().flatten() {
            match self.rescue_into(&folder, Path::new(name)).await {
                Ok(path) => return Ok(path),
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        let reason = refused.unwrap_or_default();
        Err(LedgerError::Unrescued { path: self.path().to_owned(), reason })
    }

    async fn rescue_into(&self, folder: &Path, name: &Path) -> Result<PathBuf, String> {
        // It may have been removed as a whole.
        disk::make_folders(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        // What it holds opens with the ring alone.
        self.keyring.rescue(folder).map_err(|e| e.to_string())?;
        let first = beside(&folder.join(name), &format!("{RESCUED}{}", stockholm_date(now_ms())));
        let mut path = first.clone();
        for number in 2_u32.. {
            if path.symlink_metadata().is_err() {
                let place =
                    Place::for_a_ledger(path.clone(), &Protected::new()).map_err(|e| e.to_string())?;
                let copy = Draft::create(place, Mode::Private).map_err(|e| e.to_string())?;
                // The writer's own connection: any other would be opened by name, and so would its log.
                copy_into(copy.path(), &mut *self.writer.lock().await).await?;
                match publish_new(copy.seal().map_err(|e| e.to_string())?) {
                    Ok(()) => break,
                    // Another process was quicker under that name.
                    Err(error) if error.cause().is_some_and(|e| e.kind() == ErrorKind::AlreadyExists) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
            path = beside(&first, &format!("-{number}"));
        }
        Ok(path)
    }
}

/// Refuses to go on where a rescued ledger stands beside the path and knows of calls that the file there does not: they would
/// be bought again. Whoever puts it back, or does not want it, moves it away.
pub(super) async fn refuse_pending_rescue(path: &Path) -> Result<(), LedgerError> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for rescued in rescued_beside(&path) {
        let known = match newest(&rescued).await {
            Ok(Some(newest)) => knows(&path, newest).await.unwrap_or(false),
            Ok(None) => true,
            // Nobody can tell what is in it.
            Err(_) => false,
        };
        if !known {
            return Err(LedgerError::Waits { path, rescued });
        }
    }
    Ok(())
}

fn rescued_beside(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut start = path.file_name().unwrap_or_default().to_owned();
    start.push(RESCUED);
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    // Not what SQLite or we keep beside one that somebody has looked into.
    let rescued = |name: &OsStr| {
        let day = name.as_encoded_bytes().strip_prefix(start.as_encoded_bytes());
        day.is_some_and(|day| day.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'))
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().filter(|entry| rescued(&entry.file_name())).map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// The newest call of a ledger. Ids rise with time and are drawn at random within it: no two calls share one.
async fn newest(path: &Path) -> Result<Option<i64>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut reader = options.connect().await?;
    let newest = sqlx::query_scalar("SELECT max(id) FROM attempts").fetch_one(&mut reader).await;
    reader.close().await?;
    newest
}

/// Whether the ledger of that path has this call.
async fn knows(path: &Path, call: i64) -> Result<bool, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut reader = options.connect().await?;
    let knows = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM attempts WHERE id = ?)")
        .bind(call)
        .fetch_one(&mut reader)
        .await;
    reader.close().await?;
    knows
}
