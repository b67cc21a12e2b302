//! Opening the ledger, with the keys that the configuration names.

use super::Invocation;
use crate::config::{Account, SIMULATOR, Settings};
use crate::ledger::{Access, Act, ActKind, KeyError, Ledger, LedgerError, MasterKey};
use secrecy::ExposeSecret as _;
use std::path::Path;
use std::sync::Arc;

impl Invocation {
    /// Opens the ledger, and makes it where there is none.
    pub(super) async fn open(&self, settings: &Settings) -> Result<Ledger, LedgerError> {
        let ledger = Ledger::open(&settings.database, &access(settings).await?).await?;
        if let Some(key) = ledger.keyring().made() {
            let act = Act::new(ActKind::KeyMade).with("key", key.display().to_string());
            if let Some(told) = ledger.note_done(&act).await? {
                self.warn("audit", told);
            }
            // Of what the simulator makes up nobody keeps the key.
            if !self.asked.simulate {
                self.warn("key", made(key));
            }
        }
        Ok(ledger)
    }
}

/// Opens a ledger that must be there already.
pub(super) async fn open_existing(settings: &Settings) -> Result<Ledger, LedgerError> {
    Ledger::open_existing(&settings.database, &access(settings).await?).await
}

/// The same for those who only look at it.
pub(super) async fn open_to_read(settings: &Settings) -> Result<Ledger, LedgerError> {
    Ledger::open_to_read(&settings.database, &access(settings).await?).await
}

fn made(key: &Path) -> String {
    format!(
        "made {}, the key that the ledger is sealed with: without it nothing that was bought can be read. Keep a copy of it \
         elsewhere, apart from the ledger's backups",
        key.display()
    )
}

/// The keys that the configuration names, read.
pub(super) async fn access(settings: &Settings) -> Result<Access, LedgerError> {
    if settings.needs_a_key() {
        return Err(KeyError::Needed.into());
    }
    let mut keys = Vec::new();
    for place in &settings.privacy.keys {
        let text = place.read().await.map_err(|error| KeyError::Unread(error.to_string()))?;
        let key = MasterKey::parse(text.expose_secret()).ok_or_else(|| KeyError::NoKey(place.to_string()))?;
        keys.push((place.to_string(), Arc::new(key)));
    }
    let is_made_up = |account: &Account| account.environment == SIMULATOR;
    let unmarked = !settings.accounts.is_empty() && settings.accounts.values().all(is_made_up);
    let copies = settings.privacy.keyring_copies.clone();
    Ok(Access { keys, copies, unmarked, operator: settings.operator.clone(), sink: settings.sink.clone() })
}
