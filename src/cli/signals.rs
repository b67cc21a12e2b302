//! INT and TERM: the first asks a run to drain, the second to end now.

use crate::run::StopRequest;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

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
