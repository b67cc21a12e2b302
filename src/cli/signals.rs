//! INT, TERM and HUP: the first asks a run to drain, the second to end now. A daemon takes HUP for the wish to read
//! everything again, as daemons do, unless it is its terminal that has gone away.

use crate::disk;
use crate::ledger::Ledger;
use crate::run::StopRequest;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// How long after HUP a terminal that closes is gone at the latest.
const CLOSING: Duration = Duration::from_millis(100);

/// Listens from now on. Dropping the receiver ends nothing: signals are then only swallowed.
pub(super) fn stop_requests() -> io::Result<watch::Receiver<StopRequest>> {
    // Whoever says `nohup` wants it to go on.
    let hup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    listen(hup, None)
}

/// The same for a daemon, and what asks it to read everything again. A wish that comes while another is waiting says nothing
/// new.
pub(super) fn daemon_requests() -> io::Result<(watch::Receiver<StopRequest>, mpsc::Receiver<()>)> {
    let ignored = hangups_are_ignored();
    let (sender, reload) = mpsc::channel(1);
    let stop = listen(Some(signal(SignalKind::hangup())?), Some(Reload { sender, stays: ignored }))?;
    Ok((stop, reload))
}

/// What HUP asks of a daemon.
struct Reload {
    sender: mpsc::Sender<()>,
    /// Whether it stays when its terminal goes.
    stays: bool,
}

fn listen(hup: Option<Signal>, reload: Option<Reload>) -> io::Result<watch::Receiver<StopRequest>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (sender, receiver) = watch::channel(StopRequest::None);
    let (mut hup, terminal) = (hup, Terminal::of_process());
    tokio::spawn(async move {
        while *sender.borrow() != StopRequest::Abort {
            let hung_up = tokio::select! {
                _ = int.recv() => false,
                _ = term.recv() => false,
                () = next(&mut hup) => true,
            };
            let closed = hung_up && terminal.has_gone().await;
            match &reload {
                Some(reload) if hung_up && (!closed || reload.stays) => {
                    let _ = reload.sender.try_send(());
                }
                // A terminal that closes says so several times, by the system and by the shell, and never means that what
                // is in flight is to be lost.
                _ if closed => drop(sender.send_replace(StopRequest::Drain)),
                _ => sender.send_modify(|request| *request = more(*request)),
            }
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

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

const fn more(request: StopRequest) -> StopRequest {
    match request {
        StopRequest::None => StopRequest::Drain,
        StopRequest::Drain | StopRequest::Abort => StopRequest::Abort,
    }
}

/// Whether this process was started with HUP ignored, as `nohup` does. Asked before anybody listens for it.
fn hangups_are_ignored() -> bool {
    disk::small(Path::new("/proc/self/status")).is_ok_and(|status| ignores_hangups(&status))
}

/// The same of `/proc/self/status` (proc(5)): a mask in hexadecimal, whose lowest bit is signal 1.
fn ignores_hangups(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// The terminal that a process was started from, where there was one.
struct Terminal {
    was_there: bool,
}

impl Terminal {
    fn of_process() -> Self {
        Self { was_there: Self::is_there() }
    }

    fn is_there() -> bool {
        disk::named(Path::new("/dev/tty")).is_ok()
    }

    async fn has_gone(&self) -> bool {
        if !self.was_there {
            return false;
        }
        sleep(CLOSING).await;
        !Self::is_there()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_recognised() {
        for (mask, ignored) in
            [("0000000000000001", true), ("0000000000001001", true), ("0000000000001000", false)]
        {
            assert_eq!(
                ignores_hangups(&format!("Name:\torgpull\nSigIgn:\t{mask}\nSigCgt:\t0\n")),
                ignored,
                "{mask}"
            );
        }
        assert!(!ignores_hangups("") && !ignores_hangups("SigIgn:\tx"));
    }
}
