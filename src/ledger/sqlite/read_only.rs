//! Opening a ledger to look at it where it cannot be written: on a file system that is read-only, or as a user who may not.

use super::busy_timeout::{BUSY, BusyTimeout};
use super::files::{Files, beside, has_one_name};
use super::open::{MIGRATIONS, check_owner_only, recognise, refusal, tables, version};
use super::options::readers;
use super::statements::{CommitStatements, Lookers, rivals};
use crate::disk;
use crate::ledger::ids::NewestId;
use crate::ledger::{Access, Ledger, LedgerError};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex as StdMutex};
use tokio::sync::Mutex;

impl Ledger {
    /// Opens a ledger that must be there already for those who only look at it. Where it can be written it is opened as any,
    /// and an older version's is brought up to date.
    pub async fn open_to_read(path: &Path, access: &Access) -> Result<Self, LedgerError> {
        if path.is_file() && !is_writable(path) {
            Self::read_only(path, access).await
        } else {
            Self::open_existing(path, access).await
        }
    }

    /// Makes, locks and changes nothing. What would write to it fails.
    async fn read_only(path: &Path, access: &Access) -> Result<Self, LedgerError> {
        let unopened = |reason: String| LedgerError::Unopened { path: path.to_owned(), reason };
        let mut files = Files::of(path).map_err(|e| unopened(e.to_string()))?;
        let path = &disk::behind_links(path).map_err(|e| unopened(e.to_string()))?;
        check_owner_only(path)?;
        has_one_name(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(is_at_rest(path))
            .busy_timeout(BUSY)
            .pragma("cache_size", "-6144")
            .disable_statement_logging();
        recognise(path, options.clone()).await?;
        let mut writer = options.connect().await.map_err(|e| refusal(path, &e))?;
        // Somebody is about to make it.
        if tables(&mut writer).await.map_err(|e| refusal(path, &e))? == 0 {
            return Err(LedgerError::Missing(path.clone()));
        }
        if version(path, &mut writer, &MIGRATIONS).await?.is_older {
            let why = "it is an older version's, and cannot be brought up to date where it cannot be written";
            return Err(unopened(why.to_owned()));
        }
        let (keyring, key) = Self::keys(path, access, &mut writer, false).await?;
        let readers = readers(options).await.map_err(|e| refusal(path, &e))?;
        files.and_companions(path);
        Ok(Self {
            path: path.clone(),
            files,
            key,
            keyring: Arc::new(keyring),
            data_keys: StdMutex::default(),
            writer: Mutex::new(writer),
            readers,
            users: None,
            newest: NewestId::default(),
            marked_at: AtomicI64::new(0),
            commits: CommitStatements::new(),
            rivals: rivals(),
            lookers: Lookers::new(),
            busy_timeout: BusyTimeout::new(),
            operator: access.operator.clone(),
            sink: StdMutex::new(access.sink.clone()),
        })
    }
}

/// Whether this process may write the ledger, what stands beside it, and into its folder, where SQLite keeps its log.
fn is_writable(path: &Path) -> bool {
    let Ok(path) = disk::behind_links(path) else { return true };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let beside = ["-wal", "-shm", ".lock", ".open"].map(|ending| beside(&path, ending));
    let there = beside.into_iter().filter(|path| path.exists());
    disk::may_write(folder) && disk::may_write(&path) && there.into_iter().all(|path| disk::may_write(&path))
}

/// Whether all that is committed stands in the file itself, and nobody has it open: SQLite keeps a log beside it for as
/// long as somebody has, and could make none here.
fn is_at_rest(path: &Path) -> bool {
    let length = |ending| beside(path, ending).metadata().ok().map(|about| about.len());
    match length("-wal") {
        None => true,
        Some(0) => length("-shm").is_none(),
        Some(_) => false,
    }
}
