//! A ledger that cannot be used for a while: its disk is full, or another process does not let go of it. What was received
//! waits in memory, and it is waited for as long as for an upstream. That it cannot be written is one thing, and that it
//! cannot be read another: the end of the one says nothing of the other.

use super::coordinator::Coordinator;
use super::ledger_availability::LedgerUse;
use crate::domain::counted::counted;
use crate::http::transport::Transport;
use crate::ledger::{AttemptEnd, AttemptState, LedgerError};
use crate::run::error::RunError;
use crate::run::event::Level;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Until when the ledger is not to be tried.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.writer.held_until(now)
    }

    /// The ledger is full or busy: nothing is sent until it is tried again.
    ///
    /// # Errors
    /// Where it was waited for long enough, the ledger's error.
    pub(super) fn hold(
        &mut self,
        error: LedgerError,
        began: Instant,
        what: LedgerUse,
    ) -> Result<(), RunError> {
        let patience = self.prepared.job.rules.outage_wait;
        match (self.writer.failed(what, began, patience), what) {
            // What is in flight is paid for: it is heard first, and tried once more with the rest.
            (None, LedgerUse::Write) if !self.backlog.flights.is_empty() => return self.unwritten(error),
            (None, LedgerUse::Write) => {
                self.tell_what_is_unwritten();
                return Err(error.into());
            }
            (None, LedgerUse::Read) => return Err(error.into()),
            (Some(true), LedgerUse::Write) => {
                let waiting = match answers(self.writer.unwritten()) {
                    0 => String::new(),
                    waiting => format!(
                        "; {} in memory until it can be written",
                        counted(waiting, "answer waits", "answers wait")
                    ),
                };
                self.notice(Level::Warning, "ledger-held", format!("{error}. Nothing is sent{waiting}"));
            }
            (Some(true), LedgerUse::Read) => {
                self.notice(Level::Warning, "ledger-held", format!("{error}. It is read again in a moment"));
            }
            (Some(false), _) => {}
        }
        Ok(())
    }

    /// The ledger was read.
    pub(super) fn has_read(&mut self) {
        if self.writer.reads() {
            self.notice(Level::Info, "resumed", "the ledger can be read again".to_owned());
        }
    }

    /// Any other failure ends the run, but not before what is in flight is heard, since it is paid for; then its answers
    /// are tried once more. Until then they wait in memory, and are tried as often as where the disk is full.
    ///
    /// # Errors
    /// The failure, where nothing is in flight and it is not the first.
    pub(super) fn unwritten(&mut self, error: LedgerError) -> Result<(), RunError> {
        if self.backlog.flights.is_empty() && self.writer.availability().writing() {
            return Err(error.into());
        }
        self.writer.refuse_writes();
        self.broke(error.into());
        Ok(())
    }

    /// Says what is not written when nothing more will be.
    pub(super) fn tell_what_is_unwritten(&self) {
        if let Some(message) = unwritten(self.writer.unwritten(), self.backlog.flights.len()) {
            self.notice(Level::Warning, "unknown", message);
        }
    }
}

/// How many of these brought an answer.
fn answers(ends: &[AttemptEnd]) -> u64 {
    ends.iter().filter(|end| matches!(end.state, AttemptState::Answered | AttemptState::Unread)).count()
        as u64
}

/// What becomes of calls whose ends are not written, and of those in flight: whoever goes on with the run finds them begun,
/// and no more. `None` if there are none.
fn unwritten(ends: &[AttemptEnd], flights: usize) -> Option<String> {
    let answers = answers(ends);
    let others = (ends.len() + flights) as u64 - answers;
    let (lost, of) = (counted(answers, "answer", "answers"), counted(others, "call", "calls"));
    let what = match (answers, others) {
        (0, 0) => return None,
        (_, 0) => format!("{lost} could not be written"),
        (0, _) => format!("what became of {of} could not be written"),
        (_, _) => format!("{lost} could not be written, nor what became of {of}"),
    };
    Some(format!("{what}: what was asked so ends unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_is_called_one() {
        let end = |state| AttemptEnd {
            id: 1,
            state,
            settled_at: 0,
            took: None,
            cost: None,
            outcome: None,
            code: None,
            text: None,
            log_id: None,
            letter: None,
            body: None,
            came: None,
            named: Vec::new(),
        };
        let (answered, refused) = (end(AttemptState::Answered), end(AttemptState::Refused));
        let says = |ends: &[&AttemptEnd], flights| {
            let ends: Vec<AttemptEnd> = ends.iter().map(|end| (*end).clone()).collect();
            unwritten(&ends, flights).map(|message| message.replace(": what was asked so ends unknown", ""))
        };
        assert_eq!(says(&[], 0), None);
        let answers = says(&[&answered, &end(AttemptState::Unread)], 0);
        assert_eq!(answers.as_deref(), Some("2 answers could not be written"));
        let calls = says(&[&refused, &end(AttemptState::Unsent)], 1);
        assert_eq!(calls.as_deref(), Some("what became of 3 calls could not be written"));
        let both = says(&[&answered, &refused], 0);
        assert_eq!(both.as_deref(), Some("1 answer could not be written, nor what became of 1 call"));
    }
}
