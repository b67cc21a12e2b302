//! After a commit: what is durable leaves, and what the ledger turned away waits, follows, or stops for want of money.

use super::account_runtime::AccountRuntime;
use super::coordinator::Coordinator;
use super::flight::GrantedCall;
use super::halt::Reason;
use super::leaders::Ending;
use crate::domain::budget::Spend;
use crate::http::transport::Transport;
use crate::ledger::{Committed, Intent, Refusal};
use crate::run::decide::prepared::service_name;
use crate::run::decide::prices::{PRICE_UNKNOWN, price_unknown};
use crate::run::event::{BudgetEvent, Event, Level};
use crate::time::now_ms;
use std::collections::BTreeSet;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Whether what is written will be found again. Where the ledger was taken away, nothing more leaves; what is in flight
    /// is still heard, and what is open is rescued by whoever started the run.
    pub(super) fn look_for_ledger(&mut self) {
        if let Err(gone) = self.ledger.still_there()
            && !self.halt.is_broken()
        {
            let message = format!(
                "{gone}; {} in flight are waited for, since they are paid for",
                self.backlog.flights.len()
            );
            self.notice(Level::Warning, "ledger-gone", message);
            self.broke(gone.into());
        }
    }

    /// Counts the calls that nobody has given a price, and says once of each service that it has none: where the block is a
    /// row's own, nobody knew it before.
    fn tell_unpriced<'a>(&mut self, sends: impl Iterator<Item = &'a GrantedCall>) {
        let mut news = BTreeSet::new();
        for send in sends {
            let service = service_name(&self.prepared.job.steps[usize::from(send.ready.at.step)]);
            self.tally.unpriced(&service);
            if !self.told_unpriced.contains(&service) {
                news.insert(service);
            }
        }
        if !news.is_empty() {
            let news: Vec<String> = news.into_iter().collect();
            self.notice(Level::Warning, PRICE_UNKNOWN, price_unknown(&news));
            self.told_unpriced.extend(news);
        }
    }

    /// Sends what is durable, and takes back what was turned away.
    pub(super) fn dispatch(&mut self, sends: Vec<GrantedCall>, intents: &[Intent], committed: Committed) {
        self.again = self.again.and_all(committed.again);
        let mut refused = committed.refused.into_iter().peekable();
        let (mut going, mut turned_away) = (Vec::new(), Vec::new());
        for (at, (send, intent)) in sends.into_iter().zip(intents).enumerate() {
            match refused.next_if(|(refused, _)| *refused == at) {
                Some((_, refusal)) => turned_away.push((send, refusal)),
                None => going.push((send, intent)),
            }
        }
        self.tally.sent(going.len());
        let unpriced = going.iter().filter(|(_, intent)| intent.reserved.is_none());
        self.tell_unpriced(unpriced.map(|(send, _)| send));
        for account in 0..self.accounts.len() {
            let granted: Vec<Instant> = going
                .iter()
                .filter(|(send, _)| send.account == account)
                .map(|(send, _)| send.granted)
                .collect();
            if !granted.is_empty() {
                self.accounts[account]
                    .with_shared_state(|throttle, now| granted.iter().for_each(|at| throttle.sent(*at, now)));
            }
        }
        for (send, intent) in going {
            self.send(send, intent);
        }
        for (account, message) in self.budgets.warnings(&committed.spent, now_ms()) {
            (self.observer)(&Event::Budget(BudgetEvent { account, reached: false, message }));
        }
        for (send, _) in &turned_away {
            self.backlog.accounts[send.account].in_flight -= 1;
        }
        for (send, refusal) in turned_away {
            self.turned_away(send, refusal, &committed.spent);
        }
    }

    /// What becomes of a lookup that is not sent now.
    fn turned_away(&mut self, send: GrantedCall, refusal: Refusal, spent: &[Spend]) {
        let GrantedCall { account, ready, .. } = send;
        match refusal {
            Refusal::Answered(answer) => {
                self.reuse(ready.at, Ending { outcome: answer.outcome, attempt: answer.attempt });
            }
            Refusal::InFlight => {
                tracing::debug!(account = %self.accounts[account].config.name, "another process asks the same: waiting for it");
                self.backlog.wait_for_another(ready.at);
            }
            Refusal::LetterUnknown => self.letter_unknown(ready.at),
            Refusal::Budget(cap) => {
                self.backlog.requeue(ready);
                self.is_short(cap, spent[cap]);
            }
        }
    }

    /// Whether the next call of an account fits its budgets, as far as can be said without reserving. Where it does not, and
    /// nothing in flight can come back cheaper, the budget is reached. Where it cannot be told, it does not now.
    pub(super) async fn can_pay(&mut self, account: usize) -> bool {
        let Some((service, price)) = self.accounts[account].next_price(&self.backlog.accounts[account])
        else {
            return true;
        };
        for (at, cap) in self.budgets.caps(now_ms()).iter().enumerate() {
            if !cap.over.counts(service) {
                continue;
            }
            match self.ledger.spent_so_far(self.run, &cap.over).await {
                Ok(spent) if cap.limit.admits(spent, price) => self.has_read(),
                Ok(spent) => {
                    self.is_short(at, spent);
                    return false;
                }
                Err(error) => {
                    self.not_read(error.into());
                    return false;
                }
            }
        }
        true
    }

    /// A call did not fit a budget. While calls that count are under way it is waited for what they cost in the end; then
    /// the budget is reached.
    fn is_short(&mut self, cap: usize, spent: Spend) {
        let name = self.budgets.account(cap).map(str::to_owned);
        let counts = |account: &AccountRuntime| name.as_ref().is_none_or(|name| *name == account.config.name);
        let mut counting =
            self.accounts.iter().zip(&self.backlog.accounts).filter(|(account, _)| counts(account));
        if counting.any(|(_, work)| work.in_flight > 0) {
            self.accounts
                .iter_mut()
                .filter(|account| counts(account))
                .for_each(|account| account.is_short = true);
            return;
        }
        let affected: Vec<bool> =
            self.prepared.account_of.iter().map(|at| counts(&self.accounts[*at])).collect();
        if self.backlog.asks_any(&affected) {
            let message = self.budgets.reached(cap, spent, now_ms());
            let told = BudgetEvent { account: name, reached: true, message: message.clone() };
            (self.observer)(&Event::Budget(told));
            self.halt.stop(Reason::Budget, message);
            self.backlog.stop_steps(&affected);
        }
    }
}
