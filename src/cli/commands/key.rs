//! `key`: the master key of the ledger, and the ring that it wraps.

use super::super::args::{KeyArgs, KeyCommand};
use super::super::opening::{access, open_existing};
use super::super::{Failure, Invocation};
use super::protected;
use crate::config::Settings;
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::ledger::{Act, ActKind, KeyError, Keyring, Ledger, LedgerError, write_new_key};
use crate::time::now_ms;
use std::path::Path;

/// `orgpull key`.
pub(in crate::cli) async fn key(invocation: &Invocation, args: &KeyArgs) -> Result<Exit, Failure> {
    let said = match &args.command {
        KeyCommand::New { to } => new(to)?,
        KeyCommand::Rotate => rotate(&invocation.settings(args.simulate)?).await?,
        KeyCommand::Backup { file, force } => {
            back_up(&invocation.settings(args.simulate)?, file, *force).await?
        }
        KeyCommand::Restore { file } => restore(&invocation.settings(args.simulate)?, file).await?,
    };
    invocation.say(&said)?;
    Ok(Exit::Settled)
}

fn new(to: &Path) -> Result<String, Failure> {
    write_new_key(to).map_err(|error| match error {
        KeyError::KeyFile { .. } if to.symlink_metadata().is_ok() => Failure::Usage(error.to_string()),
        error => Failure::Output(error.to_string()),
    })?;
    let key = to.display();
    Ok(format!(
        "{key} is a new key, mode 0600. Keep a copy elsewhere, and not with the ledger's backups. In the configuration:\n\n    \
         [privacy]\n    key = {{ file = \"{key}\" }}\n"
    ))
}

async fn rotate(settings: &Settings) -> Result<String, Failure> {
    let ledger = open_existing(settings).await?;
    if settings.privacy.keys.is_empty() {
        let text = "the configuration names no key to go over to: make one (`orgpull key new --to FILE`) and name both, the new \
                    one first: `[privacy]` `key = [{ file = \"FILE\" }, { file = \"orgpull.key\" }]`";
        return Err(Failure::Usage(text.to_owned()));
    }
    let act = Act::new(ActKind::KeyRotated).with("key", settings.privacy.keys[0].to_string());
    ledger.note(&act).await?;
    let count = ledger.keyring().rotate().map_err(ledger_error)?;
    let keys = counted(count as u64, "data key is", "data keys are");
    let (ring, place) = (ledger.keyring().path().display(), &settings.privacy.keys[0]);
    Ok(format!(
        "{ring}: {keys} wrapped by {place} now, and by no other. Processes that are at work go on with the keys that they have; \
         copies of the ring from before (`key backup`) still open with the key from before\n"
    ))
}

async fn back_up(settings: &Settings, file: &Path, force: bool) -> Result<String, Failure> {
    let ledger = open_existing(settings).await?;
    let protected = protected(settings, &ledger).await;
    if file.symlink_metadata().is_ok() && !force {
        let text =
            format!("{} is there already: name another file, or give --force to replace it", file.display());
        return Err(Failure::Usage(text));
    }
    ledger.note(&Act::new(ActKind::KeyBackedUp).with("to", file.display().to_string())).await?;
    ledger.back_up_ring(file, &protected, now_ms()).await.map_err(|error| match error {
        LedgerError::Key(KeyError::Unwritten { .. }) => Failure::Output(error.to_string()),
        error => Failure::Ledger(error),
    })?;
    Ok(format!(
        "{} is a copy of {}. Without the key it opens nothing; with it, and a backup of the ledger, everything: keep the three \
         in different places\n",
        file.display(),
        ledger.keyring().path().display()
    ))
}

async fn restore(settings: &Settings, file: &Path) -> Result<String, Failure> {
    let access = access(settings).await?;
    let known = match Ledger::ring_of(&settings.database).await {
        Err(LedgerError::Missing(_)) => None,
        known => Some(known?),
    };
    let known = known.as_ref().map(|(id, given_up)| (id.as_str(), given_up.as_slice()));
    if known.is_some() {
        let act = Act::new(ActKind::KeyRestored).with("from", file.display().to_string());
        Ledger::note_unopened(&settings.database, &access, &act).await?;
    }
    let count = Keyring::restore(&settings.database, &access, known, file).map_err(ledger_error)?;
    let keys = counted(count as u64, "data key", "data keys");
    Ok(format!("{} is the key ring again: {keys}\n", file.display()))
}

fn ledger_error(error: KeyError) -> Failure {
    Failure::Ledger(error.into())
}
