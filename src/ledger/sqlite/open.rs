//! Opening the ledger: whose file it is, its migrations, its connections.

use super::busy_timeout::{BUSY, BusyTimeout};
use super::failed::failed;
use super::files::{Files, beside, has_one_name};
use super::options::{options, readers};
use super::rescue::refuse_pending_rescue;
use super::statements::{CommitStatements, Lookers, rivals};
use crate::disk::{self, Draft, Mode, Place, Protected, Standing};
use crate::ledger::Access;
use crate::ledger::Ledger;
use crate::ledger::LedgerError;
use crate::ledger::ids::NewestId;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, Transaction};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;
use tokio::sync::Mutex;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!();

/// `application_id` of the first migration.
const OURS: i64 = 1_869_640_044;

/// Copies of one version that may stand beside a ledger.
const MOST_COPIES: u32 = 100;
/// How far apart a process that finds another opening the ledger looks again.
const OPENING_WAIT: Duration = Duration::from_millis(20);

/// How often, and how far apart, a migration tries to have the ledger to itself.
const MIGRATION_TRIES: u32 = 20;
const MIGRATION_WAIT: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 500 });

impl Ledger {
    /// Opens the ledger, makes it where there is none, and brings it up to date.
    pub async fn open(path: &Path, access: &Access) -> Result<Self, LedgerError> {
        Self::open_with(path, access, &MIGRATIONS).await
    }

    /// Opens a ledger that must be there already.
    pub async fn open_existing(path: &Path, access: &Access) -> Result<Self, LedgerError> {
        let looked = path.try_exists();
        if looked.map_err(|e| LedgerError::Unopened { path: path.to_owned(), reason: e.to_string() })? {
            return Self::open(path, access).await;
        }
        refuse_pending_rescue(path).await?;
        Err(LedgerError::Missing(path.to_owned()))
    }

    /// Whether a ledger could be made there, without making it: for a plan.
    pub fn can_be_created(path: &Path) -> Result<(), LedgerError> {
        let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let there =
            folders.clone().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(Path::new("."));
        disk::can_be_written(there)
            .map_err(|e| LedgerError::Unopened { path: path.to_owned(), reason: e.to_string() })
    }

    pub(super) async fn open_with(
        path: &Path,
        access: &Access,
        migrations: &Migrator,
    ) -> Result<Self, LedgerError> {
        let unopened = |reason: String| LedgerError::Unopened { path: path.to_owned(), reason };
        refuse_pending_rescue(path).await?;
        create(path).map_err(|e| unopened(e.to_string()))?;
        let mut files = Files::of(path).map_err(|e| unopened(e.to_string()))?;
        // One file has one name: locks stand beside it, and a link must not lead to others.
        let path = &disk::behind_links(path).map_err(|e| unopened(e.to_string()))?;
        check_owner_only(path)?;
        has_one_name(path)?;
        // Migrating takes no lock of its own on SQLite, and two processes that start together would race.
        let lock = lock_file(path).await.map_err(|e| unopened(e.to_string()))?;
        recognise(path, SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY))
            .await?;
        let options = options(path);
        let users = users(path).map_err(|e| unopened(e.to_string()))?;
        let mut writer = options.connect().await.map_err(|e| refusal(path, &e))?;
        migrate(path, &mut writer, migrations, &users).await?;
        // Others may open it meanwhile, and nobody migrates it under us.
        users.lock_shared().map_err(|e| unopened(e.to_string()))?;
        // Its log is there by now, and nothing of ours is in it yet: nobody may have been quicker to make it than SQLite.
        check_owner_only(path)?;
        // Under the lock: of several that start together one makes the keys.
        let (keyring, key) = Self::keys(path, access, &mut writer, true).await?;
        Self::hold_against_mark(&mut writer, &keyring).await.map_err(|e| refusal(path, &e))?;
        drop(lock);
        ready(&mut writer).await.map_err(|e| refusal(path, &e))?;
        let newest = NewestId::default();
        let id = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM attempts").fetch_one(&mut writer);
        newest.observe(id.await.map_err(|e| refusal(path, &e))?);
        let readers = readers(options.read_only(true)).await.map_err(|e| refusal(path, &e))?;
        files.and_companions(path);
        let ledger = Self {
            path: path.to_owned(),
            files,
            key,
            keyring: Arc::new(keyring),
            data_keys: StdMutex::default(),
            writer: Mutex::new(writer),
            readers,
            users: Some(users),
            newest,
            marked_at: AtomicI64::new(0),
            commits: CommitStatements::new(),
            rivals: rivals(),
            lookers: Lookers::new(),
            busy_timeout: BusyTimeout::new(),
            operator: access.operator.clone(),
            sink: StdMutex::new(access.sink.clone()),
        };
        // Every connection has opened its files by now: what they are was asked before the first and is asked after the last.
        ledger.still_there()?;
        Ok(ledger)
    }

    /// Another connection to the file that is open, whatever stands under its name by now.
    pub(super) async fn connect(
        &self,
        options: SqliteConnectOptions,
    ) -> Result<SqliteConnection, LedgerError> {
        self.still_there()?;
        let connection = options.connect().await.map_err(|e| self.failed(&e))?;
        self.still_there()?;
        Ok(connection)
    }

    /// What others may do with it that its owner should know: read it, or take its name away from it.
    pub fn exposures(&self) -> Vec<String> {
        let path = &self.path;
        let mut told = self.keyring.exposures();
        if let Ok(Standing::Readable(exposed)) = disk::standing(path) {
            let (shown, remedy) = (path.display(), disk::chmod(path, exposed));
            told.push(format!("the ledger {shown} can be read by others ({exposed}): {remedy}"));
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        if let Some(mode) = disk::open_to_others(folder) {
            let shown = folder.display();
            told.push(format!(
                "the folder of the ledger, {shown}, can be written by others (mode {mode:04o}), who may put another in its \
                 place: chmod go-w {shown}"
            ));
        }
        told
    }

    /// Begins a transaction of the writer.
    ///
    /// SQLite rolls a transaction back by itself when the disk is full. sqlx's own `ROLLBACK` then fails, and its
    /// connection counts as within the transaction for good: such a connection is replaced.
    pub(super) async fn begin<'w>(
        &self,
        writer: &'w mut SqliteConnection,
    ) -> Result<Transaction<'w, Sqlite>, LedgerError> {
        if writer.is_in_transaction() {
            *writer = self.connect(options(&self.path)).await?;
            ready(writer).await.map_err(|e| self.failed(&e))?;
        }
        tokio::select! {
            biased;
            begun = writer.begin_with("BEGIN IMMEDIATE") => begun.map_err(|e| self.failed(&e)),
            () = self.busy_timeout.expired() => Err(LedgerError::Busy(self.path.clone())),
        }
    }

    /// Closes every connection, so that the last one folds the write-ahead log back into the file.
    pub async fn close(self) {
        let closing = async {
            self.readers.close().await;
            self.writer.into_inner().close().await
        };
        tokio::select! {
            biased;
            closed = closing => if let Err(error) = closed { tracing::debug!(%error, "closing the ledger") },
            () = self.busy_timeout.expired() => {}
        }
    }
}

/// Sets a writer up for its commits, after the migrations. A statement of many rows keeps the pages as they were before it:
/// by default in a file of its own, which would cost each commit a file. What readers sort goes into such a file, sealed as it
/// is: a million rows in memory would be hundreds of megabytes.
async fn ready(writer: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA temp_store = memory").execute(writer).await.map(drop)
}

/// Makes an empty file that only its owner reads, before SQLite would make one that others can; its companions
/// (`-wal`, `-shm`) take over the mode.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        disk::make_folders(folder)?;
    }
    match path.metadata() {
        Ok(about) if about.is_dir() => return Err(std::io::Error::other("it is a directory")),
        // A pipe would be waited for without end.
        Ok(about) if !about.is_file() => return Err(std::io::Error::other("it is no ordinary file")),
        _ => {}
    }
    match disk::new_companion(path, path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map(drop),
    }
}

/// The file that every open ledger holds a shared lock on, and who migrates an exclusive one. Freed by the system when a
/// process ends, however it ends.
pub(super) fn users(path: &Path) -> std::io::Result<File> {
    disk::companion(&beside(path, ".open"), path)
}

/// Waits a while until nobody else has the ledger open. A daemon is asked to stop by a person, not by us.
async fn alone(path: &Path, users: &File) -> Result<(), LedgerError> {
    for _ in 0..MIGRATION_TRIES {
        match users.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(MIGRATION_WAIT).await,
            Err(TryLockError::Error(error)) => {
                return Err(LedgerError::Unopened { path: path.to_owned(), reason: error.to_string() });
            }
        }
    }
    Err(LedgerError::InUse(path.to_owned()))
}

/// Held while migrations run; freed by the system when the process ends, however it ends. Waited for without a word to the
/// system, so that a signal is heard meanwhile.
pub(super) async fn lock_file(path: &Path) -> std::io::Result<File> {
    let file = disk::companion(&beside(path, ".lock"), path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(OPENING_WAIT).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whose file it is, asked without writing: setting a journal mode would already change another program's file.
pub(super) async fn recognise(path: &Path, options: SqliteConnectOptions) -> Result<(), LedgerError> {
    let refused = |e: sqlx::Error| refusal(path, &e);
    let mut reader = options.disable_statement_logging().connect().await.map_err(refused)?;
    let id: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut reader).await.map_err(refused)?;
    let tables = tables(&mut reader).await.map_err(refused)?;
    reader.close().await.map_err(refused)?;
    if tables > 0 && id != OURS { Err(LedgerError::NotALedger(path.to_owned())) } else { Ok(()) }
}

pub(super) async fn tables(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await
}

/// Which migrations a ledger has seen.
pub(super) struct Version {
    /// The newest of them.
    applied: i64,
    /// Whether there are others by now.
    pub(super) is_older: bool,
}

/// The version of a ledger; a newer one's is refused, and so is one that other migrations made under the same numbers.
pub(super) async fn version(
    path: &Path,
    connection: &mut SqliteConnection,
    migrations: &Migrator,
) -> Result<Version, LedgerError> {
    let seen: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(connection)
            .await
            .map_err(|e| refusal(path, &e))?;
    let is_another = |(version, checksum): &(i64, Vec<u8>)| {
        let ours = migrations.iter().find(|migration| migration.version == *version);
        ours.is_some_and(|migration| *migration.checksum != checksum[..])
    };
    if seen.iter().any(is_another) {
        return Err(LedgerError::Unreleased(path.to_owned()));
    }
    let applied = seen.last().map_or(0, |(version, _)| *version);
    let newest = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    if applied > newest {
        return Err(LedgerError::Newer(path.to_owned()));
    }
    Ok(Version { applied, is_older: seen.len() < migrations.iter().count() })
}

/// Brings the file up to date, after a copy where there is anything to lose.
async fn migrate(
    path: &Path,
    writer: &mut SqliteConnection,
    migrations: &Migrator,
    users: &File,
) -> Result<(), LedgerError> {
    let refused = |e: sqlx::Error| refusal(path, &e);
    if tables(&mut *writer).await.map_err(refused)? > 0 {
        let version = version(path, writer, migrations).await?;
        if version.is_older {
            alone(path, users).await?;
            let copy = back_up(path, writer, version.applied).await?;
            tracing::warn!(
                "the ledger {} was an older version's and is brought up to date; as it was it is kept in {} (mode 0600), to be \
                 deleted when nobody needs it any more",
                path.display(),
                copy.display()
            );
        }
    }
    migrations.run(writer).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            LedgerError::Newer(path.to_owned())
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => refusal(path, &error),
        error => LedgerError::Unopened { path: path.to_owned(), reason: error.to_string() },
    })
}

/// A copy of the ledger as version `version` left it, beside it, readable by its owner alone and under a name that nothing
/// had: an earlier copy stays.
async fn back_up(path: &Path, writer: &mut SqliteConnection, version: i64) -> Result<PathBuf, LedgerError> {
    let failed = |reason: &dyn std::fmt::Display| LedgerError::Unopened {
        path: path.to_owned(),
        reason: format!("the copy before migrating cannot be made: {reason}"),
    };
    for serial in 1..=MOST_COPIES {
        let name = match serial {
            1 => format!("v{version}.backup.db"),
            serial => format!("v{version}.backup-{serial}.db"),
        };
        let copy = path.with_extension(name);
        if copy.symlink_metadata().is_ok() {
            continue;
        }
        let place = Place::of_ours(copy.clone(), &Protected::new()).map_err(|e| failed(&e))?;
        let draft = Draft::create(place, Mode::Private).map_err(|e| failed(&e))?;
        let into = sqlx::query("VACUUM INTO ?").bind(draft.path().to_string_lossy().into_owned());
        into.execute(&mut *writer).await.map_err(|e| failed(&e))?;
        disk::publish_new(draft.seal().map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
        return Ok(copy);
    }
    Err(failed(&"there are a hundred of them already"))
}

/// Nobody but its owner may write the ledger, or what SQLite keeps beside it: what was bought and what was answered is
/// read from there.
pub(super) fn check_owner_only(path: &Path) -> Result<(), LedgerError> {
    let unopened = |reason: String| LedgerError::Unopened { path: path.to_owned(), reason };
    match disk::standing(path).map_err(|e| unopened(e.to_string()))? {
        Standing::Writable(exposed) => Err(LedgerError::Exposed { path: path.to_owned(), exposed }),
        Standing::Foreign { exposed, .. } if exposed.writable() => {
            Err(LedgerError::Exposed { path: path.to_owned(), exposed })
        }
        Standing::Foreign { owner, .. } if !disk::owns_folder_of(owner, path) => {
            Err(LedgerError::Foreign { path: path.to_owned(), owner })
        }
        Standing::Private | Standing::Readable(_) | Standing::Foreign { .. } => Ok(()),
    }?;
    for companion in ["-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(companion);
        disk::private_beside(Path::new(&name), path).map_err(|e| unopened(e.to_string()))?;
    }
    Ok(())
}

pub(super) fn refusal(path: &Path, error: &sqlx::Error) -> LedgerError {
    if let sqlx::Error::Database(database) = error {
        // SQLITE_NOTADB
        if database.code().as_deref() == Some("26") {
            return LedgerError::NotALedger(path.to_owned());
        }
    }
    match failed(path, error) {
        LedgerError::Database { path, reason } => LedgerError::Unopened { path, reason },
        error => error,
    }
}
