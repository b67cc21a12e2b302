//! A page that is not the provider's came instead of an answer: a firewall's, a proxy's, a maintenance notice.
//!
//! Before the service has answered anything in this run, everything says that the address is wrong, and each further lookup
//! would meet the same. Once it has answered, it is something that passes: nothing is paid for it, and the lookup is tried
//! again with back-off. Each page spends one of the lookup's attempts, so that a number which a firewall does not like ends
//! `failed` rather than being asked for ever. A lookup that may post a letter is not asked twice: it is parked.

use super::coordinator::Coordinator;
use super::flight::Flight;
use super::streak::UnusableAnswer;
use crate::domain::money::Ore;
use crate::domain::outcome::State;
use crate::http::transport::Transport;
use crate::ledger::{AttemptState, Change, LedgerError};
use crate::upstream::Fault;
use std::time::Duration;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Takes a foreign page; `wait` is the `Retry-After` that came with it.
    pub(super) async fn foreign_page(
        &mut self,
        account: usize,
        flight: Flight,
        page: Fault,
        wait: Option<Duration>,
    ) {
        match self.has_answered(&flight).await {
            Ok(true) => {}
            Ok(false) => return self.fault(&flight, &page),
            Err(error) => {
                self.broke(error.into());
                return self.fault(&flight, &page);
            }
        }
        let (at, now) = (flight.ready.at, Instant::now());
        let throttle = &mut self.accounts[account].throttle;
        throttle.note_retry_after(now, wait);
        let in_outage = throttle.foreign_answer(now);
        let step = self.step(&flight);
        let (name, service) = (step.account.clone(), step.service.name.clone());
        if flight.ready.ask.letter_making {
            self.lost(account, flight, page.code.clone(), None);
        } else if in_outage {
            // The call that was to try. How long that goes on, the outage decides.
            self.end(&flight, AttemptState::Refused, Some(Ore::ZERO), Some(page.code));
            self.change(Change::to(at, State::Pending, None));
            return self.backlog.requeue(flight.ready);
        } else {
            self.end(&flight, AttemptState::Refused, Some(Ore::ZERO), Some(page.code.clone()));
            self.try_again(account, flight, wait);
        }
        if self.services.streaks.count(&name, &service, UnusableAnswer::ForeignPage) {
            let message = format!("five pages in a row are not the provider's: {}", page.message);
            self.stop_for(&name, &service, &page.code, &message);
        }
    }

    /// Whether the service of a lookup has answered in this run, by this process or an earlier one.
    async fn has_answered(&mut self, flight: &Flight) -> Result<bool, LedgerError> {
        let of = self.step(flight);
        let steps = &self.prepared.job.steps;
        let same =
            |at: &usize| steps[*at].account == of.account && steps[*at].service.name == of.service.name;
        let same: Vec<usize> = (0..steps.len()).filter(same).collect();
        if same.iter().any(|at| self.services.answered[*at]) {
            return Ok(true);
        }
        for at in same {
            let step = u16::try_from(at).unwrap_or(u16::MAX);
            if self.ledger.has_answered(self.run, step).await? {
                self.services.answered[at] = true;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
