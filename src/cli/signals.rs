//! INT and TERM: the first asks a run to drain, the second to end now. HUP asks a daemon to read everything again.

use crate::ledger::Ledger;
use crate::run::StopRequest;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Listens for HUP from now on. One that comes while another is waiting says nothing new.
pub(super) fn reload_requests() -> std::io::Result<mpsc::Receiver<()>> {
    let mut hup = signal(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while hup.recv().await.is_some() && !sender.is_closed() {
            let _ = sender.try_send(());
        }
    });
    Ok(receiver)
}

/// Listens from now on. Dropping the receiver ends nothing: signals are then only swallowed.
pub(super) fn stop_requests() -> std::io::Result<watch::Receiver<StopRequest>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (sender, receiver) = watch::channel(StopRequest::None);
    tokio::spawn(async move {
        for request in [StopRequest::Drain, StopRequest::Abort] {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            sender.send_replace(request);
        }
        // Kept, so that the receiver never finds the channel closed.
        sender.closed().await;
    });
    Ok(receiver)
}

/// From the first signal on nothing waits any more for a ledger that another process holds: what has to be written is tried
/// again and again while a run drains, so that the second is heard at once.
pub(super) fn hurry_when_stopped(ledger: &Arc<Ledger>, mut stop: watch::Receiver<StopRequest>) {
    let ledger = Arc::downgrade(ledger);
    tokio::spawn(async move {
        if stop.wait_for(|request| *request != StopRequest::None).await.is_ok()
            && let Some(ledger) = ledger.upgrade()
        {
            ledger.hurry();
        }
    });
}
