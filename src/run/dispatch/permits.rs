//! Who may go: the accounts' throttles are asked in turns, so that what the job allows at once is shared by all of them.

use super::coordinator::Coordinator;
use super::earlier::earlier;
use super::flight::GrantedCall;
use super::halt::Reason;
use crate::http::throttle::{Permit, StopReason};
use crate::http::transport::Transport;
use std::collections::VecDeque;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Asks the accounts' throttles who may go, and gives out what is to be sent and when to ask again.
    pub(super) async fn permits(&mut self) -> (Vec<GrantedCall>, Option<Instant>) {
        let (mut sends, mut next) = (Vec::new(), None);
        let now = Instant::now();
        if let Some(again) = self.held_until(now) {
            return (sends, Some(again));
        }
        earlier(&mut next, self.backlog.wake(now));
        if self.backlog.flights.is_empty() {
            // Nothing is under way that could come back cheaper.
            self.accounts.iter_mut().for_each(|account| account.is_short = false);
        }
        let mut room = self.room();
        let (first, accounts) = (self.first_asked, self.accounts.len());
        let order = (first..first + accounts).map(|nth| nth % accounts);
        let mut open: VecDeque<usize> = order.filter(|at| self.may_ask(*at)).collect();
        while room > 0
            && let Some(at) = open.pop_front()
        {
            // As much as leaves the others their part; what they do not take is asked for again.
            let share = room.div_ceil(open.len() + 1);
            let before = sends.len();
            let asks_on = self.ask(at, share, &mut sends, &mut next).await;
            let granted = sends.len() - before;
            room -= granted;
            if granted > 0 {
                self.first_asked = at + 1;
            }
            if asks_on && self.may_ask(at) {
                open.push_back(at);
            }
        }
        (sends, next)
    }

    /// Asks an account's throttle for so many calls at most. False where it is of no use to ask on.
    async fn ask(
        &mut self,
        at: usize,
        most: usize,
        sends: &mut Vec<GrantedCall>,
        next: &mut Option<Instant>,
    ) -> bool {
        let mut left = most;
        while left > 0 && self.may_ask(at) {
            let until = self.backlog.lagging(at).map(|(_, after)| after);
            let work = &mut self.backlog.accounts[at];
            let (granted, tokens, end) = self.accounts[at].ask(work, left, until);
            left -= tokens.len();
            for token in tokens {
                let Some(ready) = work.queue.pop() else { break };
                work.in_flight += 1;
                sends.push(GrantedCall { account: at, ready, token, granted });
            }
            match end {
                None | Some(Permit::Go { .. }) => return true,
                Some(Permit::Wait { until, why }) => {
                    tracing::trace!(account = %self.accounts[at].config.name, ?why, "wait");
                    earlier(next, until);
                    return false;
                }
                // A login is not for nothing either.
                Some(Permit::Login) if !self.can_pay(at).await => return false,
                Some(Permit::Login) => self.log_in(at),
                Some(Permit::Health) => self.ask_health(at),
                Some(Permit::Stop(reason)) => self.stop(at, &reason),
            }
        }
        true
    }

    /// Whether an account's throttle is to be asked.
    pub(super) fn may_ask(&self, at: usize) -> bool {
        // What is still to be read of an earlier turn goes before what was read of a later one.
        let until = self.backlog.lagging(at).map(|(_, after)| after);
        !self.halt.draining() && self.accounts[at].may_ask(&self.backlog.accounts[at], until)
    }

    /// How many more lookups the job lets be under way. While it is tried whether the ledger takes writes again, one call is
    /// enough to try it with.
    fn room(&self) -> usize {
        let most = self.prepared.job.rules.concurrency.map_or(usize::MAX, |most| most as usize);
        let room = most.saturating_sub(self.backlog.flights.len());
        if self.writer.availability().writing() { room.min(1) } else { room }
    }

    fn stop(&mut self, account: usize, reason: &StopReason) {
        let why = format!("{}: {reason}", self.accounts[account].config.name);
        let reason = match reason {
            StopReason::LoginRefused { .. } | StopReason::TokenRefused => Reason::Login,
            StopReason::LoginMisconfigured { .. } => Reason::LoginAddress,
            StopReason::LoginThrottled | StopReason::Unavailable { .. } => Reason::Unavailable,
        };
        self.halt.stop(reason, why);
    }
}
