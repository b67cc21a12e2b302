//! What is read ahead on its way into the backlog: lookups that need a request wait there, the others are settled at once.

use super::backlog::Sorted;
use super::coordinator::Coordinator;
use super::halt::Reason;
use super::ledger_availability::LedgerUse;
use super::message::Message;
use crate::domain::outcome::{Outcome, State};
use crate::http::transport::Transport;
use crate::ledger::{Change, LedgerError, LookupId};
use crate::run::decide::disposition::Skip;
use crate::run::decide::fetch::{Fetched, Page, fetch};
use crate::run::decide::freshness::Freshness;
use crate::run::error::RunError;
use crate::time::now_ms;
use std::sync::Arc;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Asks for the next pending lookups of an account that has room for them.
    pub(super) fn read_ahead(&mut self) {
        let now = Instant::now();
        if !self.may_read(now) {
            return;
        }
        if let Some(which) = self.backlog.begin_reading(now) {
            let (ledger, prepared, run) = (self.ledger.clone(), self.prepared.clone(), self.run);
            let saved = Arc::clone(&self.saved);
            let freshness = Freshness { now: now_ms(), ..self.freshness };
            self.mailbox.spawn(async move {
                Message::Fetched(fetch(&ledger, &prepared, run, which, freshness, &saved).await)
            });
        } else if self.backlog.is_read() {
            // Nothing is left to read by which to tell.
            self.writer.reads();
        }
    }

    /// What ended and is not written yet (a full disk) would be read as still under way.
    fn may_read(&self, now: Instant) -> bool {
        self.writer.is_empty() && !self.halt.draining() && self.held_until(now).is_none()
    }

    /// When the ledger is to be asked again about what other processes have in flight; `None` if something else comes first.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.backlog.next_look().filter(|_| self.may_read(Instant::now()))
    }

    /// Takes what was read ahead.
    pub(super) fn fetched(&mut self, page: Result<Page, RunError>) {
        let probes = match page {
            Ok(page) => {
                self.has_read();
                self.sort_in(page.lookups);
                page.probes
            }
            Err(error) => {
                self.backlog.came_to_nothing();
                self.not_read(error);
                Vec::new()
            }
        };
        self.backlog.end_reading(probes);
    }

    /// Sorts what was read ahead into the backlog, and settles what needs no request.
    fn sort_in(&mut self, lookups: Vec<Fetched>) {
        let missing = self.backlog.came(&lookups);
        for fetched in lookups {
            let at = fetched.at;
            if let Some(sorted) = self.backlog.sort(fetched) {
                self.settle_at_once(at, sorted);
            }
        }
        for at in missing {
            self.backlog.let_go(at);
        }
    }

    fn settle_at_once(&mut self, at: LookupId, sorted: Sorted) {
        match sorted {
            Sorted::Reuse(ending) => self.reuse(at, ending),
            Sorted::LetterUnknown => self.letter_unknown(at),
            Sorted::Invalid(reason) => self.change(Change {
                code: Some("local".to_owned()),
                text: Some(reason),
                ..Change::to(at, State::Settled, Some(Outcome::Invalid))
            }),
            Sorted::Damaged => self.change(Change {
                code: Some("damaged".to_owned()),
                text: Some("what the ledger holds of this row does not open: it was not asked".to_owned()),
                ..Change::to(at, State::Settled, Some(Outcome::Failed))
            }),
            Sorted::Skip(Skip { code, reason, saved }) => self.change(Change {
                code: Some(code.to_owned()),
                text: Some(reason),
                saved,
                ..Change::to(at, State::Settled, Some(Outcome::Skipped))
            }),
            Sorted::Unforeseen => self.stop_unforeseen(at),
        }
    }

    /// Stops a lookup of the job that would post a letter after all.
    fn stop_unforeseen(&mut self, at: LookupId) {
        let message = format!(
            "lookup `{}` is stopped: one of its calls would post a letter of disclosure that was not foreseen when the run \
             began; it is not sent",
            self.prepared.job.steps[usize::from(at.step)].id
        );
        self.halt.stop(Reason::Config, message);
        let steps = 0..self.prepared.job.steps.len();
        let affected: Vec<bool> = steps.map(|other| other == usize::from(at.step)).collect();
        self.backlog.stop_steps(&affected);
        self.backlog.let_go(at);
    }

    /// The ledger could not be read: where it is full or busy it is tried again in a moment, else the run ends.
    pub(super) fn not_read(&mut self, error: RunError) {
        match error {
            RunError::Ledger(error @ (LedgerError::Full(_) | LedgerError::Busy(_))) => {
                if let Err(error) = self.hold(error, Instant::now(), LedgerUse::Read) {
                    self.broke(error);
                }
            }
            error => self.broke(error),
        }
    }
}
