//! `backup`: a copy of the ledger.

use super::super::args::BackupArgs;
use super::super::opening::open_existing;
use super::super::{Failure, Invocation};
use super::protected;
use crate::domain::exit::Exit;
use crate::ledger::{Act, ActKind, BackupError};

/// `orgpull backup`.
pub(in crate::cli) async fn backup(invocation: &Invocation, args: &BackupArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_existing(&settings).await?;
    let protected = protected(&settings, &ledger).await;
    ledger.note(&Act::new(ActKind::BackedUp).with("to", args.file.display().to_string())).await?;
    ledger.back_up(&args.file, args.force, &protected).await.map_err(|error| match error {
        BackupError::Exists(_) | BackupError::Own(_) => Failure::Usage(error.to_string()),
        BackupError::Unwritten { .. } => Failure::Output(error.to_string()),
        BackupError::Ledger(error) => error.into(),
    })?;
    invocation.say(&format!("{} is a copy of {}\n", args.file.display(), ledger.path().display()))?;
    Ok(Exit::Settled)
}
