//! One fire from its claim to its end: the job's unfinished run first, then the fire's own.

use super::{DaemonEvent, DaemonObserver};
use crate::domain::exit::Exit;
use crate::domain::schedule::Overlap;
use crate::job::Job;
use crate::ledger::{Cause, FireRow, LedgerError, RunRow, Stage};
use crate::run::event::{Event, Level, RunEnd};
use crate::run::{self, Context, Observer, Options, StopRequest};
use crate::time::now_ms;
use std::slice::Iter;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a fire that waits for its turn leaves the job's lock alone.
const TURN: Duration = Duration::from_secs(2);

/// How long a fire waits before it tries once more, where something of this machine (files, disk, ledger) kept it from
/// having any run. After the last the fire has failed.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_mins(1), Duration::from_mins(5)];

/// How a fire ended.
pub(super) enum Ending {
    /// With a run, or with the reason why there is none.
    Ended { exit: Exit, reason: String },
    /// Without anything.
    LeftOut(String),
    /// The daemon stops. The fire stays open, and whoever comes next goes on with it.
    Interrupted,
}

/// What a fire is carried out with.
pub(super) struct FireTask {
    pub(super) context: Context,
    pub(super) job: Job,
    pub(super) fire: FireRow,
    pub(super) observer: DaemonObserver,
}

impl FireTask {
    /// Carries the fire out.
    ///
    /// A run that is unfinished is continued by the first round, whosever it was; the fire's own begins in the next, which
    /// the ledger lets happen once.
    pub(super) async fn run(self) -> Result<Ending, LedgerError> {
        let (mut began, mut again) = (Instant::now(), AGAIN.iter());
        let (mut driven, mut waits) = (false, false);
        loop {
            let has_run = match (self.stands().await, again.as_slice().first()) {
                (Ok(Stands::Over(ending)), _) => return Ok(ending),
                (Ok(Stands::At { has_run }), _) => has_run,
                (Err(error), None) => return Err(error),
                (Err(error), Some(wait)) => {
                    tracing::warn!(job = self.job.name, %error, "where a fire stands cannot be read; once more");
                    again.next();
                    match self.interrupted_within(*wait).await {
                        Some(interrupted) => return Ok(interrupted),
                        None => continue,
                    }
                }
            };
            // Its own run is there and unfinished, as another daemon left it: `unfinished = "restart"` must not begin
            // a second one for the same fire.
            let options = Options {
                only_continue: has_run,
                fire: Some(self.fire.id),
                began: Some(began),
                ..Options::default()
            };
            let ending = match run::execute(&self.context, self.job.clone(), options).await {
                Ok(Some(ended)) => {
                    driven = true;
                    let reason = ended.run.reason.as_deref().unwrap_or_default();
                    self.tell_end(Some(&ended.run.run), ended.exit, reason);
                    let done = ended.run.fire == Some(self.fire.id) || ended.run.stage != Stage::Finished;
                    done.then(|| self.ending(ended.exit, ended.run.reason.unwrap_or_default()))
                }
                Ok(None) => None,
                Err(broken) => match self.after(&broken, has_run, &mut again) {
                    After::Ended(ending) => Some(ending),
                    After::AgainIn(wait) => {
                        if !std::mem::replace(&mut waits, true) {
                            let message = format!("{}: waits: {}", self.job.name, broken.error);
                            (self.observer)(
                                DaemonEvent::new(Level::Info, "waiting", message).of(&self.job.name),
                            );
                        }
                        let interrupted = self.interrupted_within(wait).await;
                        // The night's time is not used up by waiting for it.
                        began = if driven { began } else { Instant::now() };
                        interrupted
                    }
                },
            };
            match ending {
                Some(ending) => return Ok(ending),
                None if self.is_stopping() => return Ok(Ending::Interrupted),
                None => {}
            }
        }
    }

    /// What a run that broke off means for the fire. `has_run` is whether the fire has a run of its own.
    fn after(&self, broken: &run::FailedRun, has_run: bool, again: &mut Iter<'_, Duration>) -> After {
        let (exit, reason) = (broken.error.exit(), broken.to_string());
        if exit == Exit::Busy {
            let schedule = self.job.schedule.as_ref();
            let waits = has_run
                || self.fire.cause == Cause::Hand
                || schedule.is_some_and(|schedule| schedule.overlap == Overlap::Queue);
            return if waits { After::AgainIn(TURN) } else { After::Ended(Ending::LeftOut(reason)) };
        }
        self.tell_end(broken.run.as_ref().map(|run| run.run.as_str()), exit, &reason);
        if self.context.ledger.still_there().is_err() {
            // The daemon ends, and what is rescued has the fire for the next one.
            return After::Ended(Ending::Interrupted);
        }
        let passing = !has_run && matches!(exit, Exit::Ledger | Exit::Output);
        match again.next() {
            Some(wait) if passing => After::AgainIn(*wait),
            _ => After::Ended(self.ending(exit, reason)),
        }
    }

    /// Waits; the ending where the daemon is to stop meanwhile.
    async fn interrupted_within(&self, wait: Duration) -> Option<Ending> {
        let mut stop = self.context.stop.clone();
        tokio::select! {
            Ok(_) = stop.wait_for(|request| *request != StopRequest::None) => Some(Ending::Interrupted),
            () = tokio::time::sleep(wait) => None,
        }
    }

    /// Where the fire stands in the ledger.
    async fn stands(&self) -> Result<Stands, LedgerError> {
        let ledger = &self.context.ledger;
        let own = ledger.run_of_fire(self.fire.id).await?;
        if let Some(ending) = own.as_ref().and_then(ended) {
            return Ok(Stands::Over(ending));
        }
        let held_back = own.is_none() && self.fire.cause != Cause::Hand;
        if held_back && ledger.schedule_record(&self.job.name, now_ms()).await?.paused.is_some() {
            return Ok(Stands::Over(Ending::LeftOut("the job is paused".to_owned())));
        }
        Ok(Stands::At { has_run: own.is_some() })
    }

    fn ending(&self, exit: Exit, reason: String) -> Ending {
        if exit == Exit::Stopped && self.is_stopping() {
            Ending::Interrupted
        } else {
            Ending::Ended { exit, reason }
        }
    }

    fn is_stopping(&self) -> bool {
        *self.context.stop.borrow() != StopRequest::None
    }

    fn tell_end(&self, run: Option<&str>, exit: Exit, reason: &str) {
        let end = RunEnd { run: run.map(str::to_owned), exit, reason: reason.to_owned() };
        (self.context.observer)(&Event::Ended(end));
    }
}

/// Where a fire stands.
enum Stands {
    Over(Ending),
    /// Whether its own run has begun.
    At {
        has_run: bool,
    },
}

/// What becomes of a fire whose run broke off.
enum After {
    Ended(Ending),
    AgainIn(Duration),
}

/// How the fire of a run that is over has ended. One that a newer run took the place of before it was through has no exit.
fn ended(run: &RunRow) -> Option<Ending> {
    let reason = run.reason.clone().unwrap_or_default();
    match (run.stage, run.exit.and_then(Exit::from_code)) {
        (Stage::Closed, None) => Some(Ending::LeftOut(reason)),
        (Stage::Finished | Stage::Closed, exit) => {
            Some(Ending::Ended { exit: exit.unwrap_or(Exit::Settled), reason })
        }
        _ => None,
    }
}

/// What is heard of a run of this job, for a fire that was due then.
pub(super) fn run_observer(job: &str, due: i64, observer: &DaemonObserver) -> Observer {
    let (job, observer) = (job.to_owned(), Arc::clone(observer));
    Arc::new(move |event| {
        observer(DaemonEvent { due: Some(due), ..DaemonEvent::of_run(&job, event.clone()) });
    })
}
