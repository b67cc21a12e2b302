//! What a daemon works with, what it tells, and why it ends.

use crate::config::{ConfigError, Settings};
use crate::domain::exit::Exit;
use crate::ledger::{Ledger, LedgerError};
use crate::problem::FileError;
use crate::run::StopRequest;
use crate::run::event::{Event, Level, Notice};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Hears what the daemon has to tell. It must not block.
pub type DaemonObserver = Arc<dyn Fn(DaemonEvent) + Send + Sync>;

/// Reads the configuration, at the start and whenever it is to be read again.
pub type Configure = Box<dyn Fn() -> Result<Settings, ConfigError> + Send + Sync>;

/// What the daemon works with.
pub struct Setup {
    /// The folder of jobs.
    pub folder: PathBuf,
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// The configuration.
    pub configure: Configure,
    /// Whether the simulator stands in for every provider: no pace is kept.
    pub simulate: bool,
    /// How long runs may take to come to an end once it is to stop.
    pub grace: Duration,
    /// This machine's name, for whoever asks who has a fire.
    pub host: String,
    /// Who hears of it.
    pub observer: DaemonObserver,
    /// What signals ask.
    pub stop: watch::Receiver<StopRequest>,
    /// Told where everything is to be read again.
    pub reload: mpsc::Receiver<()>,
}

/// What the daemon tells. None holds a number, a token or a body.
#[derive(Debug, Clone)]
pub struct DaemonEvent {
    /// The job that it is about.
    pub job: Option<String>,
    /// The due time of the fire that it is about, in milliseconds since 1970.
    pub due: Option<i64>,
    /// Whether a run of the job tells it, rather than the daemon.
    pub of_run: bool,
    /// What is told.
    pub event: Event,
}

impl DaemonEvent {
    /// Something that the daemon tells itself.
    pub fn new(level: Level, kind: &'static str, message: impl Into<String>) -> Self {
        let event = Event::Notice(Notice { level, kind, message: message.into() });
        Self { job: None, due: None, of_run: false, event }
    }

    /// Something that a run of this job tells.
    pub fn of_run(job: &str, event: Event) -> Self {
        Self { job: Some(job.to_owned()), due: None, of_run: true, event }
    }

    pub(super) fn of(self, job: &str) -> Self {
        Self { job: Some(job.to_owned()), ..self }
    }
}

/// Why the daemon does not begin, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FileError),
    /// There is nothing to do.
    #[error(
        "no job in {} has a [schedule]{}: name a folder of jobs, or give one of them a [schedule]", folder.display(),
        if *broken > 0 { " and no problems" } else { "" }
    )]
    NothingToDo {
        /// The folder.
        folder: PathBuf,
        /// Files with problems in it.
        broken: usize,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ticker does not start.
    #[error("the ticker does not start: {0}")]
    Ticker(#[from] tokio_cron_scheduler::JobSchedulerError),
}

impl DaemonError {
    /// How the process should end.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Folder(_) | Self::NothingToDo { .. } => Exit::Config,
            Self::Ledger(_) => Exit::Ledger,
            Self::Ticker(_) => Exit::Bug,
        }
    }
}
