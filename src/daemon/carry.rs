//! One fire from its claim to its end: the job's unfinished run first, then the fire's own.

use super::{Teller, Told};
use crate::domain::exit::Exit;
use crate::domain::schedule::Overlap;
use crate::job::Job;
use crate::ledger::{Cause, FireRow, LedgerError, Stage};
use crate::run::event::{Event, Level};
use crate::run::{self, Context, Observer, Options, StopRequest};
use std::sync::Arc;
use std::time::Duration;

/// How long a fire that waits for its turn leaves the job's lock alone.
const TURN: Duration = Duration::from_secs(2);

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
pub(super) struct Carrying {
    pub(super) context: Context,
    pub(super) job: Job,
    pub(super) fire: FireRow,
    pub(super) teller: Teller,
}

impl Carrying {
    /// Carries the fire out.
    ///
    /// A run that is unfinished is continued by the first round, whosever it was; the fire's own begins in the next, which
    /// the ledger lets happen once.
    pub(super) async fn carry_out(self) -> Result<Ending, LedgerError> {
        loop {
            let own = self.context.ledger.run_of_fire(self.fire.id).await?;
            if let Some(run) = &own
                && matches!(run.stage, Stage::Finished | Stage::Closed)
            {
                let exit = run.exit.and_then(Exit::from_code).unwrap_or(Exit::Settled);
                return Ok(Ending::Ended { exit, reason: run.reason.clone().unwrap_or_default() });
            }
            // Its own run is there and unfinished, as another daemon left it: `unfinished = "restart"` must not begin
            // a second one for the same fire.
            let options =
                Options { only_continue: own.is_some(), fire: Some(self.fire.id), ..Options::default() };
            let ending = match run::execute(&self.context, self.job.clone(), options).await {
                Ok(Some(ended)) => {
                    self.tell_end(
                        &ended.run.run,
                        ended.exit,
                        ended.run.reason.as_deref().unwrap_or_default(),
                    );
                    let done = ended.run.fire == Some(self.fire.id) || ended.run.stage != Stage::Finished;
                    done.then(|| self.ending(ended.exit, ended.run.reason.unwrap_or_default()))
                }
                Ok(None) => None,
                Err(broken) => self.broken(&broken).await,
            };
            match ending {
                Some(ending) => return Ok(ending),
                None if self.is_stopping() => return Ok(Ending::Interrupted),
                None => {}
            }
        }
    }

    /// What a run that broke off means for the fire; nothing where it is worth another try.
    async fn broken(&self, broken: &run::Broken) -> Option<Ending> {
        let (exit, reason) = (broken.error.exit(), broken.error.to_string());
        if exit != Exit::Busy {
            self.tell_end(broken.run.as_ref().map_or("", |run| &run.run), exit, &reason);
            return Some(self.ending(exit, reason));
        }
        let schedule = self.job.schedule.as_ref();
        let waits = self.fire.cause == Cause::Hand
            || schedule.is_some_and(|schedule| schedule.overlap == Overlap::Queue);
        if !waits {
            return Some(Ending::LeftOut(reason));
        }
        let mut stop = self.context.stop.clone();
        tokio::select! {
            Ok(_) = stop.wait_for(|request| *request != StopRequest::None) => Some(Ending::Interrupted),
            () = tokio::time::sleep(TURN) => None,
        }
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

    fn tell_end(&self, run: &str, exit: Exit, reason: &str) {
        let level = if matches!(exit, Exit::Settled | Exit::Stopped | Exit::Budget) {
            Level::Info
        } else {
            Level::Warning
        };
        let which = if run.is_empty() { "no run".to_owned() } else { format!("run {run}") };
        let message = format!("{}: {which} ended with exit {}: {reason}", self.job.name, exit.code());
        (self.teller)(Told {
            run: (!run.is_empty()).then(|| run.to_owned()),
            due: Some(self.fire.due),
            exit: Some(exit.code()),
            ..Told::new(level, "ended", message).of(&self.job.name)
        });
    }
}

/// What is heard of a run: that it begins, and what an operator wants to know. How far it is, `orgpull status` tells.
pub(super) fn observer(job: &str, due: i64, teller: &Teller) -> Observer {
    let (job, teller) = (job.to_owned(), Arc::clone(teller));
    Arc::new(move |event| match event {
        Event::Started(started) => {
            let goes = if started.continued { "goes on" } else { "begins" };
            let message = format!("{job}: run {} {goes}: {} lookups to do", started.run, started.pending);
            let told = Told::new(Level::Info, "run", message).of(&job);
            teller(Told { run: Some(started.run), due: Some(due), ..told });
        }
        Event::Notice(notice) => {
            teller(Told::new(notice.level, notice.kind, format!("{job}: {}", notice.message)).of(&job));
        }
        Event::Loading { .. } | Event::Progress(_) => {}
    })
}
