//! Fires in the daemon's hands: claimed or taken over, set going one after the other, written down as they end.

use super::tasks::broken_off;
use super::{AtWork, DAY, Done, Serving};
use crate::daemon::DaemonEvent;
use crate::daemon::fire_task::{Ending, FireTask, run_observer};
use crate::domain::exit::Exit;
use crate::domain::redact::scrub;
use crate::domain::schedule::{Fire, FireAction};
use crate::ledger::{Cause, FireRow, LedgerError, NewFire};
use crate::run::event::Level;
use crate::run::{Context, StopRequest};
use crate::time::{local, now_ms};
use std::collections::{BTreeSet, VecDeque};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

impl Serving {
    /// Claims what is due, and sets it going.
    pub(super) async fn fire(&mut self) -> Result<(), LedgerError> {
        let now = now_ms();
        let names: Vec<String> = self.watched.keys().cloned().collect();
        for name in names {
            let Some(watch) = self.watched.get(&name).filter(|w| w.wake.is_some_and(|wake| wake <= now))
            else {
                continue;
            };
            let decision = watch.schedule.due(&name, watch.last, now);
            if let Some(fire) = decision.fire {
                self.claim(&name, fire, now).await?;
            }
            if let Some(watch) = self.watched.get_mut(&name) {
                watch.last = decision.fire.map_or(watch.last, |fire| fire.due);
                watch.wake = decision.wake;
            }
        }
        Ok(())
    }

    async fn claim(&mut self, name: &str, fire: Fire, now: i64) -> Result<(), LedgerError> {
        let Some(watch) = self.watched.get(name) else { return Ok(()) };
        let left_out = watch.schedule.left_out(fire, self.at_work.contains_key(name));
        let cause = if fire.action == FireAction::OnTime { Cause::Schedule } else { Cause::Missed };
        let new = NewFire { job: name, due: fire.due, cause, left_out };
        let zone = watch.schedule.zone.clone();
        let Some(claimed) = self.setup.ledger.claim(&self.daemon, new, now).await? else {
            tracing::debug!(job = name, due = fire.due, "claimed by another daemon, or paused");
            return Ok(());
        };
        let due = local(&zone, fire.due);
        let entry = match left_out {
            Some(why) => {
                DaemonEvent::new(Level::Warning, "skipped", format!("{name}: left out, due {due}: {why}"))
            }
            None if cause == Cause::Missed => {
                DaemonEvent::new(Level::Info, "fire", format!("{name} fires: due {due}, which was missed"))
            }
            None => DaemonEvent::new(Level::Info, "fire", format!("{name} fires: due {due}")),
        };
        self.tell(DaemonEvent { due: Some(fire.due), ..entry.of(name) });
        if left_out.is_none() {
            self.set_going(claimed);
        }
        Ok(())
    }

    /// Takes over what a daemon that is gone has left, and what was given by hand.
    pub(super) async fn take_over(&mut self) -> Result<(), LedgerError> {
        let held = self.held();
        for fire in self.setup.ledger.abandoned(&self.daemon, &held).await? {
            let Some(watch) = self.watched.get(&fire.job) else {
                self.tell_untaken(&fire).await?;
                continue;
            };
            let now = now_ms();
            let schedule = &watch.schedule;
            let catch_up = i64::try_from(schedule.catch_up.as_millis()).unwrap_or(i64::MAX);
            let (most, too_late) = match fire.cause {
                Cause::Hand => (DAY, "nobody took it up within a day"),
                Cause::Schedule | Cause::Missed => (catch_up, schedule.too_late()),
            };
            let (name, due) = (fire.job.clone(), local(&schedule.zone, fire.due));
            if !self.setup.ledger.take_over(&self.daemon, &fire, now).await? {
                continue;
            }
            if now - fire.due > most && self.setup.ledger.run_of_fire(fire.id).await?.is_none() {
                self.setup.ledger.end_fire(&self.daemon, fire.id, None, too_late, now).await?;
                let message = format!("{name}: left out, due {due}: {too_late}");
                let entry = DaemonEvent::new(Level::Warning, "skipped", message).of(&name);
                self.tell(DaemonEvent { due: Some(fire.due), ..entry });
                continue;
            }
            let message = match (fire.cause, &fire.daemon) {
                (Cause::Hand, None) => format!("{name} fires: by hand"),
                (_, Some(daemon)) if *daemon == self.daemon.name => {
                    format!("{name} fires: due {due}, taken up again")
                }
                _ => format!("{name} fires: due {due}, taken over from a daemon that is gone"),
            };
            let entry = DaemonEvent::new(Level::Info, "fire", message).of(&name);
            self.tell(DaemonEvent { due: Some(fire.due), ..entry });
            self.set_going(fire);
        }
        Ok(())
    }

    /// Tells of a fire that waits for a job which no daemon has any more.
    async fn tell_untaken(&mut self, fire: &FireRow) -> Result<(), LedgerError> {
        let taken = self.setup.ledger.daemons().await?.iter().any(|daemon| daemon.jobs.contains(&fire.job));
        if !taken && self.untaken.insert(fire.id) {
            let message = format!(
                "{}: a fire waits, and no daemon has a job of this name with a [schedule] (its file is gone, has problems, or \
                 shares its name): it is begun when there is one again, within a day if it was given by hand",
                scrub(&fire.job)
            );
            let entry = DaemonEvent::new(Level::Warning, "waiting", message).of(&fire.job);
            self.tell(DaemonEvent { due: Some(fire.due), ..entry });
        }
        Ok(())
    }

    /// The fires that this daemon has in hand.
    fn held(&self) -> BTreeSet<i64> {
        let at_work = self.at_work.values();
        let held = at_work.flat_map(|work| work.waiting.iter().map(|fire| fire.id).chain([work.fire]));
        held.chain(self.endings.iter().map(|done| done.fire.id)).collect()
    }

    /// Lets a fire begin, or wait for the job's turn. Of scheduled ones only the newest waits: it stands for all, as of
    /// those that were missed.
    fn set_going(&mut self, fire: FireRow) {
        if let Some(AtWork { waiting, .. }) = self.at_work.get_mut(&fire.job) {
            let scheduled = |fire: &FireRow| fire.cause != Cause::Hand;
            let other = waiting.iter().position(|other| scheduled(&fire) && scheduled(other));
            let other = other.and_then(|at| waiting.remove(at));
            let (waits, stands_back) = match other {
                Some(other) if other.due > fire.due => (other, Some(fire)),
                other => (fire, other),
            };
            waiting.push_back(waits);
            let ending = || Ending::LeftOut("a newer fire waits in its place".to_owned());
            self.endings.extend(stands_back.map(|fire| Done { fire, ending: ending() }));
            return;
        }
        // Where the file is gone, or just being edited, the fire stays open: it is taken up again when the job is back.
        let Some(watch) = self.watched.get(&fire.job) else { return };
        self.at_work.insert(fire.job.clone(), AtWork { fire: fire.id, waiting: VecDeque::new() });
        let observer = self.setup.observer.clone();
        let context = Context {
            ledger: self.setup.ledger.clone(),
            settings: self.settings.clone(),
            observer: run_observer(&fire.job, fire.due, &observer),
            stop: self.runs_stop.subscribe(),
            tokens: self.tokens.clone(),
        };
        let task = FireTask { context, job: watch.job.clone(), fire: fire.clone(), observer };
        let runtime = Handle::current();
        self.tasks.begin(fire, async move {
            // On a thread of its own: runs are not in each other's way.
            let carried = spawn_blocking(move || runtime.block_on(task.run()));
            match carried.await {
                Ok(Ok(ending)) => ending,
                Ok(Err(error)) => Ending::Ended { exit: Exit::Ledger, reason: error.to_string() },
                Err(_) => broken_off(),
            }
        });
    }

    /// Writes down how fires ended, and lets begin what waited for them.
    pub(super) async fn settle(&mut self) -> Result<(), LedgerError> {
        while let Some(Done { fire, ending }) = self.endings.front() {
            let (now, name, id) = (now_ms(), fire.job.clone(), fire.id);
            match ending {
                Ending::Ended { exit, reason } => {
                    self.setup.ledger.end_fire(&self.daemon, id, Some(exit.code()), reason, now).await?;
                    // Before what waits is set going: it asks whether the job is paused.
                    self.pause_if_it_keeps_failing(&name).await?;
                }
                Ending::LeftOut(why) => {
                    self.setup.ledger.end_fire(&self.daemon, id, None, why, now).await?;
                    let message = format!("{name}: left out: {why}");
                    let entry = DaemonEvent::new(Level::Warning, "skipped", message).of(&name);
                    self.tell(DaemonEvent { due: Some(fire.due), ..entry });
                }
                Ending::Interrupted => {}
            }
            self.endings.pop_front();
            let ended = self.at_work.get(&name).is_some_and(|work| work.fire == id);
            let waiting = if ended { self.at_work.remove(&name) } else { None }.map(|work| work.waiting);
            if *self.runs_stop.borrow() == StopRequest::None {
                waiting.into_iter().flatten().for_each(|fire| self.set_going(fire));
            }
        }
        Ok(())
    }

    async fn pause_if_it_keeps_failing(&self, name: &str) -> Result<(), LedgerError> {
        let after = self.watched.get(name).and_then(|watch| watch.schedule.pause_after);
        let Some(after) = after else { return Ok(()) };
        if !self.setup.ledger.keeps_failing(name, after, now_ms()).await? {
            return Ok(());
        }
        let why =
            if after == 1 { "it failed".to_owned() } else { format!("it failed {after} times in a row") };
        self.setup.ledger.pause(name, &why, now_ms()).await?;
        let message = format!("{name} is paused: {why}; `orgpull unpause {name}` lets it go on");
        self.tell(DaemonEvent::new(Level::Warning, "paused", message).of(name));
        Ok(())
    }
}
