//! How long a transaction waits to begin while another process holds the ledger. SQLite's own wait can neither be shortened
//! nor woken, so whoever has waited for long enough leaves it: what begins after all is rolled back at once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;

/// How long a statement waits for another process's transaction. Those are short; a minute means that something is wrong.
pub(super) const BUSY: Duration = Duration::from_mins(1);
/// The least that is waited for whatever a run allows: a transaction that is only slow is no reason to give up.
const LEAST: Duration = Duration::from_secs(5);
/// What is still waited for once the process is to end.
const HURRIED: Duration = Duration::from_secs(1);

/// How long is waited.
pub(super) struct BusyTimeout {
    /// In milliseconds.
    most: AtomicU64,
    hurried: watch::Sender<bool>,
}

impl BusyTimeout {
    pub(super) fn new() -> Self {
        let most = u64::try_from(BUSY.as_millis()).unwrap_or(u64::MAX);
        Self { most: AtomicU64::new(most), hurried: watch::Sender::new(false) }
    }

    /// Nothing waits longer than this from now on, within reason.
    pub(super) fn set_at_most(&self, most: Duration) {
        let most = most.clamp(LEAST, BUSY);
        self.most.store(u64::try_from(most.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// From now on next to nothing is waited for.
    pub(super) fn shorten(&self) {
        self.hurried.send_replace(true);
    }

    fn most(&self) -> Duration {
        Duration::from_millis(self.most.load(Relaxed))
    }

    /// Comes to its end when something that begins now has been waited for long enough.
    pub(super) async fn expired(&self) {
        let mut hurried = self.hurried.subscribe();
        let told = async { hurried.wait_for(|hurried| *hurried).await.is_ok() };
        if tokio::time::timeout(self.most(), told).await.is_ok() {
            tokio::time::sleep(HURRIED).await;
        }
    }
}
