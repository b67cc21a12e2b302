//! What came back, and what it means for the lookup, its money and its account. The rules of "was it carried out?".

use super::account_runtime::AccountRuntime;
use super::coordinator::Coordinator;
use super::flight::Flight;
use super::halt::Reason;
use super::queue::Ready;
use super::stops::Address;
use super::worker::{Done, ExchangeResult, Kept};
use crate::config::Account;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Source, State};
use crate::http::cause::Cause;
use crate::http::throttle::{FailureKind, OutageEffect, back_off};
use crate::http::transport::Transport;
use crate::job::Step;
use crate::ledger::{
    AccountChange, AccountUpdate, AttemptEnd, AttemptState, Change, LookupId, transactionid,
};
use crate::run::decide::attempt::{FREE, Next, cost, state_of};
use crate::run::decide::prepared::service_name;
use crate::run::event::{Attempt, Event};
use crate::time::{ms_from_now, now_ms};
use crate::upstream::Answer;
use std::time::Duration;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Takes what came back for a lookup that was in flight.
    pub(super) async fn done(&mut self, done: Done) {
        let Some(mut flight) = self.backlog.untrack(done.at) else { return };
        let account = done.account;
        flight.took = done.took;
        let cause = done.came.cause().unwrap_or(Cause::Other);
        match done.came {
            ExchangeResult::Answer(answer, named) => {
                self.accounts[account].throttle.answered(done.generation);
                self.accounts[account].waiting_since = None;
                self.answered(&flight, *answer, named);
            }
            ExchangeResult::TokenRefused(code) => self.token_refused(account, flight, done.generation, code),
            ExchangeResult::Throttled(retry_after) => self.throttled(account, flight, retry_after),
            ExchangeResult::Unavailable(retry_after) => {
                self.not_carried_out(account, flight, FailureKind::Unavailable, cause, "503", retry_after);
            }
            ExchangeResult::NotConnected(Cause::Certificate(why)) => {
                self.unsent(flight, Some("certificate"));
                self.untrusted(account, Address::Services, why);
            }
            ExchangeResult::NotConnected(_) => {
                self.not_carried_out(
                    account,
                    flight,
                    FailureKind::NotConnected,
                    cause,
                    "not-connected",
                    None,
                );
            }
            ExchangeResult::ServerError(code) => {
                self.trouble(account, FailureKind::ServerError, cause, &mut flight.ready);
                self.lost(account, flight, code, None);
            }
            ExchangeResult::TimedOut => {
                self.trouble(account, FailureKind::TimedOut, cause, &mut flight.ready);
                self.lost(account, flight, "timeout".to_owned(), None);
            }
            ExchangeResult::Lost(code) => {
                // A maintenance page or a broken proxy would otherwise burn a whole list, each row at its price.
                self.trouble(account, FailureKind::TimedOut, cause, &mut flight.ready);
                self.lost(account, flight, code, None);
            }
            came @ (ExchangeResult::TooLarge | ExchangeResult::Unread(_) | ExchangeResult::Mismatched(_)) => {
                self.accounts[account].throttle.answered(done.generation);
                self.unusable_answer(account, flight, came);
            }
            ExchangeResult::ClientRefused(code, message) => {
                self.end(&flight, AttemptState::Refused, FREE, Some(code));
                self.change(Change::to(flight.ready.at, State::Pending, None));
                let message = format!("{}: {message}", self.accounts[account].config.name);
                self.halt.stop(Reason::Login, message);
                self.backlog.requeue(flight.ready);
            }
            ExchangeResult::Fault(fault) => {
                self.accounts[account].throttle.answered(done.generation);
                self.fault(&flight, &fault);
            }
            ExchangeResult::Foreign(page, wait) => self.foreign_page(account, flight, page, wait).await,
            ExchangeResult::NotTaken => {
                let effect =
                    self.accounts[account].throttle.not_taken(Instant::now(), flight.ready.at.to_bits());
                self.unsent(flight, Some("not-taken"));
                self.apply(account, &effect, None);
            }
            ExchangeResult::Unsendable => self.unsendable(flight),
            ExchangeResult::Unsent => self.unsent(flight, None),
        }
    }

    /// It was not sent, or not taken: it was no call, and takes its turn again.
    pub(super) fn unsent(&mut self, flight: Flight, code: Option<&str>) {
        self.end(&flight, AttemptState::Unsent, FREE, code.map(str::to_owned));
        self.change(Change { attempts: -1, ..Change::to(flight.ready.at, State::Pending, None) });
        self.backlog.requeue(flight.ready);
    }

    /// Writes down how an attempt ended without an answer.
    pub(super) fn end(
        &mut self,
        flight: &Flight,
        state: AttemptState,
        cost: Option<Ore>,
        code: Option<String>,
    ) {
        self.end_with(flight, state, cost, code, None);
    }

    /// The same where something came that is kept, and shown by nothing.
    pub(super) fn end_with(
        &mut self,
        flight: &Flight,
        state: AttemptState,
        cost: Option<Ore>,
        code: Option<String>,
        kept: Option<Kept>,
    ) {
        let (body, came, named) =
            kept.map_or_else(Default::default, |kept| (Some(kept.body), kept.came, kept.named));
        self.ended(
            flight,
            AttemptEnd {
                id: flight.attempt,
                state,
                settled_at: now_ms(),
                took: flight.took,
                cost,
                outcome: None,
                code,
                text: None,
                log_id: None,
                letter: None,
                body,
                came,
                named,
            },
        );
    }

    /// Hands the end of an attempt to the writer, and tells of it.
    fn ended(&mut self, flight: &Flight, end: AttemptEnd) {
        (self.observer)(&Event::Attempt(Attempt {
            transactionid: transactionid(end.id),
            service: service_name(self.step(flight)),
            state: end.state,
            outcome: end.outcome,
            code: end.code.clone(),
            took: end.took,
            cost: end.cost,
        }));
        self.writer.end(end);
    }

    fn answered(&mut self, flight: &Flight, answer: Answer, named: Vec<[u8; 10]>) {
        self.services.answered[usize::from(flight.ready.at.step)] = true;
        let step = &self.prepared.job.steps[usize::from(flight.ready.at.step)];
        self.services.streaks.answered(&step.account, &step.service.name);
        let letters = u32::from(answer.letter == Some(true));
        let outcome = answer.outcome;
        let (account, step) = (self.prepared.account(usize::from(flight.ready.at.step)), self.step(flight));
        let free = account.is_free(&step.service.name, outcome);
        let unannounced =
            letters > 0 && !account.may_send_letter(&step.service, flight.ready.ask.block(step));
        let cost = cost(&flight.ready.ask, answer.billed, free);
        if answer.letter == Some(false) {
            self.backlog.posted_none(flight.ready.at);
        }
        self.ended(
            flight,
            AttemptEnd {
                id: flight.attempt,
                state: AttemptState::Answered,
                settled_at: now_ms(),
                took: flight.took,
                cost,
                outcome: Some(outcome),
                code: answer.code,
                text: answer.text,
                log_id: answer.log_id,
                letter: answer.letter,
                body: Some(answer.body),
                came: None,
                named,
            },
        );
        self.change(Change {
            source: Some(Source::Bought),
            attempt: Some(flight.attempt),
            spent: 1,
            cost: cost.unwrap_or_default(),
            letters,
            ..Change::to(flight.ready.at, State::Settled, Some(outcome))
        });
        // After its end, of which those must hear who have a condition on it.
        if unannounced {
            self.unannounced_letter(flight);
        }
    }

    /// The lookup of the job that was asked.
    pub(super) fn step(&self, flight: &Flight) -> &Step {
        &self.prepared.job.steps[usize::from(flight.ready.at.step)]
    }

    /// Keeps in mind what was learned of an account: it is written with what it was learned by, so that neither is without
    /// the other.
    pub(super) fn update_account(&mut self, account: usize, what: AccountChange) {
        let Account { name, environment, .. } = &self.accounts[account].config;
        self.writer.update_account(AccountUpdate {
            account: name.clone(),
            environment: environment.clone(),
            what,
        });
    }

    /// An expired token: refused unprocessed, free, and repeated once with a new one.
    fn token_refused(&mut self, account: usize, mut flight: Flight, generation: u64, code: String) {
        self.end(&flight, AttemptState::Refused, FREE, Some(code));
        self.change(Change::to(flight.ready.at, State::Pending, None));
        let throttle = &mut self.accounts[account].throttle;
        throttle.token_refused(generation, flight.ready.refusals);
        flight.ready.refusals += 1;
        self.backlog.requeue(flight.ready);
    }

    fn throttled(&mut self, account: usize, flight: Flight, wait: Option<Duration>) {
        self.end(&flight, AttemptState::Refused, FREE, Some("429".to_owned()));
        self.change(Change::to(flight.ready.at, State::Pending, None));
        self.backlog.requeue(flight.ready);
        let (now, cool_down) =
            self.accounts[account].with_shared_state(|throttle, now| (now, throttle.throttled(now, wait)));
        let left = cool_down.until.duration_since(now);
        self.update_account(
            account,
            AccountChange::CoolDown { until: ms_from_now(left), level: cool_down.level },
        );
        if cool_down.begins {
            let account = self.accounts[account].config.name.clone();
            (self.observer)(&Event::CoolDown { account, wait: left });
        }
    }

    /// Tells the throttle of the trouble that a call of this lookup has met. Whether the account is in an outage now.
    fn trouble(&mut self, account: usize, kind: FailureKind, cause: Cause, ready: &mut Ready) -> bool {
        let effect =
            self.accounts[account].throttle.call_failed(Instant::now(), kind, cause, ready.at.to_bits());
        self.apply(account, &effect, Some(ready));
        effect.in_outage
    }

    /// Tells of an outage that begins, and gives back the attempts that were spent on the way into it, also to the lookup
    /// whose call has just come back.
    pub(super) fn apply(&mut self, account: usize, effect: &OutageEffect, mut at_hand: Option<&mut Ready>) {
        if effect.begins {
            let AccountRuntime { config, throttle, .. } = &self.accounts[account];
            (self.observer)(&Event::Outage {
                account: config.name.clone(),
                cause: throttle.cause().unwrap_or(Cause::Other),
                patience: self.prepared.job.rules.outage_wait,
            });
        }
        for at in effect.refunds.iter().map(|key| LookupId::from_bits(*key)) {
            if let Some(change) = self.backlog.refund(at, at_hand.as_deref_mut()) {
                self.change(change);
            }
        }
    }

    /// Certain that it was not carried out: repeated with back-off, up to the job's attempts.
    fn not_carried_out(
        &mut self,
        account: usize,
        mut flight: Flight,
        kind: FailureKind,
        cause: Cause,
        code: &str,
        retry_after: Option<Duration>,
    ) {
        let at = flight.ready.at;
        self.end(&flight, AttemptState::Refused, FREE, Some(code.to_owned()));
        self.accounts[account].throttle.note_retry_after(Instant::now(), retry_after);
        let in_outage = self.trouble(account, kind, cause, &mut flight.ready);
        if in_outage {
            self.change(Change::to(at, State::Pending, None));
            self.backlog.requeue(flight.ready);
            return;
        }
        self.try_again(account, flight, retry_after);
    }

    /// An attempt is spent; the next one follows later, where the job allows one.
    pub(super) fn try_again(&mut self, account: usize, mut flight: Flight, retry_after: Option<Duration>) {
        let at = flight.ready.at;
        flight.ready.spent += 1;
        let in_doubt = self.accounts[account].throttle.is_in_doubt();
        let next = flight.ready.attempts().after_refusal(&self.prepared.job.rules, in_doubt);
        if let Next::End(outcome) = next {
            let change = Change { spent: 1, ..Change::to(at, state_of(outcome), None) };
            return self.give_up(&flight, outcome, change);
        }
        self.change(Change { spent: 1, ..Change::to(at, State::Pending, None) });
        if next == Next::Doubt {
            // The health address decides whether it is the upstream that fails, or this lookup.
            self.backlog.accounts[account].doubted.push(flight);
        } else {
            self.repeat_later(account, flight, retry_after);
        }
    }

    /// Sent, and the answer is lost: it may have been billed, and it may have posted a letter.
    pub(super) fn lost(&mut self, account: usize, mut flight: Flight, code: String, kept: Option<Kept>) {
        let (at, price) = (flight.ready.at, flight.ready.ask.price);
        self.end_with(&flight, AttemptState::Unknown, price, Some(code), kept);
        let cost = price.unwrap_or_default();
        flight.ready.spent += 1;
        let sums =
            |state| Change { spent: 1, cost, cost_unknown: cost, lost: 1, ..Change::to(at, state, None) };
        flight.ready.lost = true;
        let step = &self.prepared.job.steps[usize::from(at.step)];
        let letter_making = flight.ready.ask.letter_making;
        match flight.ready.attempts().after_loss(&self.prepared.job.rules, step, letter_making) {
            Next::End(outcome) => self.give_up(&flight, outcome, sums(state_of(outcome))),
            Next::Later | Next::Doubt => {
                self.change(sums(State::Pending));
                self.repeat_later(account, flight, None);
            }
        }
    }

    /// Ends a lookup without an answer.
    pub(super) fn give_up(&mut self, flight: &Flight, outcome: Outcome, change: Change) {
        self.change(Change {
            outcome: Some(outcome),
            source: Some(Source::Bought),
            attempt: Some(flight.attempt),
            ..change
        });
    }

    /// Ends or keeps the lookups that were held back while an outage was in doubt.
    pub(super) fn resolve_doubts(&mut self) {
        for account in 0..self.accounts.len() {
            if self.backlog.accounts[account].doubted.is_empty()
                || self.accounts[account].throttle.is_in_doubt()
            {
                continue;
            }
            let out = self.accounts[account].throttle.is_in_outage();
            for flight in std::mem::take(&mut self.backlog.accounts[account].doubted) {
                if out || self.halt.draining() {
                    self.backlog.requeue(flight.ready);
                } else {
                    let outcome = flight.ready.attempts().end();
                    let change = Change::to(flight.ready.at, state_of(outcome), None);
                    self.give_up(&flight, outcome, change);
                }
            }
        }
    }

    fn repeat_later(&mut self, account: usize, flight: Flight, retry_after: Option<Duration>) {
        let delay = back_off(flight.ready.spent, retry_after, &mut fastrand::Rng::new());
        let now = Instant::now();
        if !self.backlog.stops(flight.ready.at) {
            self.tell_what_is_put_off(account, now, delay);
        }
        self.backlog.requeue_at(flight.ready, now + delay, retry_after == Some(delay));
    }
}
