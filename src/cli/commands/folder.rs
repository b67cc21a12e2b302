//! A folder of jobs as commands look at it, and the ledger beside it.

use super::super::opening::open_to_read;
use super::super::report::error_line;
use super::super::{Failure, Invocation};
use crate::config::Settings;
use crate::daemon::{DaemonError, Folder};
use crate::ledger::{Ledger, LedgerError};
use std::path::{Path, PathBuf};

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The jobs of a folder, after its problems have been told; whether there were any.
pub(super) fn folder(
    invocation: &Invocation,
    dir: &Path,
    settings: &Settings,
    simulate: bool,
) -> Result<(Folder, bool), Failure> {
    let mut folder = Folder::new(&absolute(dir), simulate);
    let (_, broken) = folder.look(settings).map_err(DaemonError::from)?;
    for error in broken {
        invocation.console.line(&error_line(&error.to_string()));
    }
    let twice = folder.duplicates();
    for twice in &twice {
        invocation.console.line(&error_line(&twice.to_string()));
    }
    let good = folder.broken() == 0 && twice.is_empty();
    Ok((folder, good))
}

/// The ledger, where there is one.
pub(super) async fn ledger_if_any(settings: &Settings) -> Result<Option<Ledger>, Failure> {
    match open_to_read(settings).await {
        Ok(ledger) => Ok(Some(ledger)),
        Err(LedgerError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
