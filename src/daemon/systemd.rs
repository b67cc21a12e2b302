//! What the service manager is told, where there is one: ready, alive, reloading, stopping.

use sd_notify::NotifyState;
use std::time::Duration;

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// How often the manager has to hear of us, with room to spare; `None` if it does not watch.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|most| most / 3)
}

/// From the daemon's own loop, so that it is the loop that is known to be alive.
pub(super) fn alive() {
    if sd_notify::watchdog_enabled().is_some() {
        tell(&[NotifyState::Watchdog]);
    }
}

pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
