//! How long a run waits for an upstream that says when to come again: as long as for one that says nothing, `outage_wait`.

use super::account_runtime::AccountRuntime;
use super::coordinator::Coordinator;
use super::halt::Reason;
use crate::http::throttle::time_left;
use crate::http::transport::Transport;
use crate::run::event::Level;
use std::time::Duration;
use tokio::time::Instant;

/// A wait that is shorter than a lookup's own back-off may be is not worth a line.
const TOLD: Duration = Duration::from_mins(1);

impl<T: Transport> Coordinator<T> {
    /// Says what an earlier process was told, since this one begins by waiting for it.
    pub(super) fn tell_what_is_held(&self) {
        let now = Instant::now();
        for AccountRuntime { config, throttle, .. } in &self.accounts {
            if let Some((until, why)) = throttle.upstream_wait(now) {
                let message = format!(
                    "{} was asked to wait ({why}): going on in {}",
                    config.name,
                    time_left(now, until)
                );
                self.notice(Level::Warning, held_kind(why), message);
            }
        }
    }

    /// Says that the upstream wants some lookups to come again much later. They wait, and the others go on.
    pub(super) fn tell_what_is_put_off(&mut self, account: usize, now: Instant, wait: Duration) {
        let AccountRuntime { config, told_until, .. } = &mut self.accounts[account];
        if wait <= TOLD || told_until.is_some_and(|told| now < told) {
            return;
        }
        *told_until = Some(now + wait);
        let message = format!(
            "{} asks to come again in {}: what it said that of waits so long, but for outage_wait at most",
            config.name,
            time_left(now, now + wait)
        );
        self.notice(Level::Warning, "put-off", message);
    }

    /// Says that the login was told to wait.
    pub(super) fn tell_of_login_hold(&self, account: usize, now: Instant, until: Instant, why: &str) {
        let message = format!(
            "{}: {why}: the next login in {}, and nothing is sent before where no token serves",
            self.accounts[account].config.name,
            time_left(now, until)
        );
        self.notice(Level::Warning, "login-held", message);
    }

    /// Ends a run that can send nothing for longer than it may wait, because every upstream it needs has named such a time.
    /// To sit there until `outage_wait` is over would help nobody.
    pub(super) fn stop_if_put_off_too_long(&mut self) {
        if !self.is_waiting() {
            return;
        }
        let (now, outage_wait) = (Instant::now(), self.prepared.job.rules.outage_wait);
        let mut reason = None;
        let busy = self.accounts.iter_mut().zip(&self.backlog.accounts).filter(|(_, work)| !work.is_idle());
        for (account, work) in busy {
            let Some((until, why)) = account.put_off(work, now) else { return };
            let since = *account.waiting_since.get_or_insert(now);
            // One cool-down of our own choosing is always sat out.
            let most = outage_wait.max(account.config.cool_down * 2);
            if until.saturating_duration_since(since) <= most {
                return;
            }
            reason.get_or_insert_with(|| {
                format!(
                    "{} asks to be left alone for {} ({why}), which is longer than outage_wait allows: continue the run then",
                    account.config.name,
                    time_left(now, until)
                )
            });
        }
        if let Some(reason) = reason {
            self.halt.stop(Reason::Unavailable, reason);
        }
    }

    /// Why nothing is sent, where that will last.
    pub(super) fn pause(&mut self, now: Instant) -> Option<String> {
        if let Some(why) = self.writer.availability().pause() {
            return Some(why.to_owned());
        }
        self.accounts.iter_mut().find_map(|account| account.throttle.pause_reason(now)).or_else(|| {
            let waiting = self.backlog.flights.is_empty();
            let mut accounts = self.accounts.iter().zip(&self.backlog.accounts).filter(|_| waiting);
            let put_off = accounts.find_map(|(account, work)| account.put_off(work, now));
            put_off.map(|(until, why)| {
                format!("the upstream asks to come again ({why}): going on in {}", time_left(now, until))
            })
        })
    }
}

fn held_kind(why: &str) -> &'static str {
    if why.contains("login") { "login-held" } else { "cool-down" }
}
