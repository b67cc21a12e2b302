//! The daemon's purge: once a day, by whichever daemon comes first, beside whatever else is at work.

use crate::config::Settings;
use crate::daemon::DaemonEvent;
use crate::ledger::{Act, ActKind, Ledger, LedgerError, PurgeScope};
use crate::run::event::Level;
use crate::run::report::Purged;
use crate::run::{self, PurgeOptions, RunError};
use crate::time::now_ms;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often it is asked whether a day has passed.
const ASK: Duration = Duration::from_mins(10);

/// The purge that is under way, if one is.
#[derive(Default)]
pub(super) struct Retention {
    task: Option<JoinHandle<Result<Purged, RunError>>>,
    stopped: Arc<AtomicBool>,
    asked: Option<Instant>,
}

impl Retention {
    /// Begins a purge where one is due, and gives what to tell of the last one.
    pub(super) async fn turn(
        &mut self,
        ledger: &Arc<Ledger>,
        settings: &Settings,
    ) -> Result<Option<DaemonEvent>, LedgerError> {
        if self.task.as_ref().is_some_and(JoinHandle::is_finished) {
            return Ok(self.end().await);
        }
        if self.task.is_some() || self.asked.is_some_and(|asked| asked.elapsed() < ASK) {
            return Ok(None);
        }
        self.asked = Some(Instant::now());
        if ledger.claim_purge(now_ms()).await? {
            let (ledger, settings, stopped) =
                (Arc::clone(ledger), settings.clone(), Arc::clone(&self.stopped));
            let scope = PurgeScope { default: settings.privacy.kept_ms(), ..PurgeScope::default() };
            self.task = Some(tokio::spawn(async move {
                ledger.note(&Act::new(ActKind::Purged).with("daily", true)).await?;
                let options = PurgeOptions { scope, ..PurgeOptions::default() };
                run::purge(&ledger, &settings, &options, &|| stopped.load(Ordering::Relaxed)).await
            }));
        }
        Ok(None)
    }

    /// Waits for the purge that is under way, which ends after the run that it is at.
    pub(super) async fn stop(&mut self) -> Option<DaemonEvent> {
        self.stopped.store(true, Ordering::Relaxed);
        self.end().await
    }

    async fn end(&mut self) -> Option<DaemonEvent> {
        let (level, told) = match self.task.take()?.await {
            Ok(Ok(purged)) => (Level::Info, purged.told(false)?),
            Ok(Err(error)) => {
                (Level::Warning, format!("{error}; what was due is purged tomorrow, or by `orgpull purge`"))
            }
            Err(_) => (Level::Warning, "a bug in orgpull: the purge broke off".to_owned()),
        };
        Some(DaemonEvent::new(level, "purged", told))
    }
}
