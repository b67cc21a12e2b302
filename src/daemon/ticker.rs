//! The tick that wakes the scan. It decides nothing: in UTC, every few seconds, whatever the clock does elsewhere.

use std::sync::Arc;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every five seconds.
const TICKS: &str = "*/5 * * * * *";

pub(super) struct Ticker {
    scheduler: JobScheduler,
    ticks: Arc<Notify>,
}

impl Ticker {
    pub(super) async fn start() -> Result<Self, JobSchedulerError> {
        let ticks = Arc::new(Notify::new());
        let told = Arc::clone(&ticks);
        let scheduler = JobScheduler::new().await?;
        let job = Job::new_async(TICKS, move |_, _| {
            told.notify_one();
            Box::pin(std::future::ready(()))
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, ticks })
    }

    /// The next tick, or one that came meanwhile.
    pub(super) async fn tick(&self) {
        self.ticks.notified().await;
    }

    pub(super) async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(%error, "the ticker does not stop");
        }
    }
}
