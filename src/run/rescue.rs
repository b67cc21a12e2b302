//! The end of a process whose ledger was taken away: what it has open is written down before it goes.

use super::dispatch::StopRequest;
use crate::ledger::{Ledger, LedgerError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How far apart it is tried, where there is no room for it.
const AGAIN: Duration = Duration::from_secs(10);

/// How long it is tried. What is open is lost with the process.
const WAIT: Duration = Duration::from_hours(6);

/// Rescues a ledger that is no longer the file that is open, once everything that was in flight is written; `None` if it is
/// still there. Tried again while there is no room, until a second signal. Gives what to tell: where everything is, and how
/// it is put back.
///
/// # Errors
/// [`LedgerError::Unrescued`], where it cannot be written anywhere.
pub async fn rescue(
    ledger: &Ledger,
    mut stop: watch::Receiver<StopRequest>,
    tell: impl Fn(String),
) -> Result<Option<String>, LedgerError> {
    if ledger.still_there().is_ok() {
        return Ok(None);
    }
    let (began, mut told) = (Instant::now(), false);
    let rescued = loop {
        let error = match ledger.rescue().await {
            Ok(path) => break path,
            Err(error) => error,
        };
        if began.elapsed() > WAIT || *stop.borrow() == StopRequest::Abort {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            tell(format!(
                "{error}; it is tried again every few seconds, and a second signal gives it up: make room"
            ));
        }
        tokio::select! {
            _ = stop.wait_for(|request| *request == StopRequest::Abort) => {}
            () = sleep(AGAIN) => {}
        }
    };
    let (path, rescued) = (ledger.path().display(), rescued.display());
    Ok(Some(format!(
        "what the ledger held, with every answer that came, is in {rescued}. To put it back: stop every orgpull on \
         {path}, then: orgpull restore {rescued}"
    )))
}
