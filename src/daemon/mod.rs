//! The scheduler: it watches a folder of jobs and runs each when it is due.
//!
//! What is due is decided by a pure function (`domain::schedule`), and that a fire happens once by a row in the ledger, which
//! is claimed before its run starts. All that is left here is to look: when the next fire is due, at every tick, and when
//! something ends. A look too many finds nothing to do, and one that is lost is made up for by the next.

mod fire_task;
mod folder;
mod serving;
mod setup;
mod systemd;
mod ticker;
pub mod unit;

pub use folder::{DuplicateJob, Folder};

use crate::domain::exit::Exit;
use serving::Serving;
pub use setup::{Configure, DaemonError, DaemonEvent, DaemonObserver, Setup};
use tokio::sync::mpsc;

/// Serves until it is asked to stop: exit 0 where the runs came to an end or to a rest, 130 where they were cut short.
///
/// # Errors
/// Where it cannot begin. Once it serves, what goes wrong is told, and tried again.
pub async fn serve(setup: Setup) -> Result<Exit, DaemonError> {
    let (stop, reload) = (setup.stop.clone(), setup.reload);
    let setup = Setup { reload: mpsc::channel(1).1, ..setup };
    Serving::begin(setup).await?.serve(stop, reload).await
}
