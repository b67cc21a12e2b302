//! What is asked no more in this run, since every call of it would meet the same: a service, or a whole account.

use super::coordinator::Coordinator;
use super::flight::Flight;
use super::halt::Reason;
use crate::domain::outcome::State;
use crate::http::cause::BadCertificate;
use crate::http::transport::Transport;
use crate::ledger::{AccountChange, AttemptState, Change};
use crate::run::decide::attempt::FREE;
use crate::run::event::{Event, Stopped};
use crate::time::now_ms;
use crate::upstream::Fault;

impl<T: Transport> Coordinator<T> {
    /// The configuration is at fault: every lookup of that service would meet the same, so none more is sent.
    pub(super) fn fault(&mut self, flight: &Flight, fault: &Fault) {
        let cost = if fault.billed { flight.ready.ask.price } else { FREE };
        self.end(flight, AttemptState::Refused, cost, Some(fault.code.clone()));
        self.change(Change {
            cost: cost.unwrap_or_default(),
            ..Change::to(flight.ready.at, State::Pending, None)
        });
        let step = self.step(flight);
        let (account, service) = (step.account.clone(), step.service.name.clone());
        self.stop_for(&account, &service, &fault.code, &fault.message);
        self.backlog.let_go(flight.ready.at);
    }

    /// Stops a service, and tells once by which code and why.
    pub(super) fn stop_for(&mut self, account: &str, service: &str, code: &str, why: &str) {
        let affected = self.steps_of(account, service);
        if self.backlog.asks_any(&affected) {
            let message = format!("{account}.{service} is stopped ({code}): {why}");
            self.stopped(account, Some(service), message);
        }
        self.backlog.stop_steps(&affected);
    }

    /// It cannot be put on the wire, and no other of its service could.
    pub(super) fn unsendable(&mut self, flight: Flight) {
        let step = self.step(&flight);
        let (name, service) = (step.account.clone(), step.service.name.clone());
        self.unsent(flight, Some("local"));
        let message = format!(
            "{name}.{service} is stopped: its requests cannot be put on the wire; check its provider file"
        );
        self.halt.stop(Reason::Config, message);
        self.stop_service(&name, &service);
    }

    /// A letter went out where the account says that none does: the service stops before there is a second one.
    pub(super) fn unannounced_letter(&mut self, flight: &Flight) {
        let account = self.prepared.account_of[usize::from(flight.ready.at.step)];
        let step = self.step(flight);
        let (name, service) = (step.account.clone(), step.service.name.clone());
        let block = flight.ready.ask.block(step);
        let call = block.map_or_else(|| service.clone(), |block| format!("{service}:{block}"));
        let message = format!(
            "{name}.{service} is stopped: {call} has posted a letter of disclosure, and [providers.{name}] lists it in \
             no_letters: move it to letters, and none goes out any more but for a lookup that says `letters = true`"
        );
        self.stopped(&name, Some(&service), message);
        self.update_account(account, AccountChange::Letter { call, at: now_ms() });
        self.stop_service(&name, &service);
    }

    /// A server of the account's shows a certificate that is not taken: nothing more is sent to the account.
    pub(super) fn untrusted(&mut self, account: usize, of: Address, why: BadCertificate) {
        let config = &self.accounts[account].config;
        let address = match of {
            Address::Services => Some(config.base_url.as_str()),
            Address::Login => config.token_url.as_deref(),
        };
        let told = why.told(address.unwrap_or_default(), &config.name);
        let message = format!("{} is stopped: {told}", config.name);
        let affected: Vec<bool> = self.prepared.account_of.iter().map(|of| *of == account).collect();
        if self.backlog.asks_any(&affected) {
            let name = config.name.clone();
            self.stopped(&name, None, message);
        }
        self.backlog.stop_steps(&affected);
    }

    /// Tells what is asked no more, and why; the run ends by it.
    fn stopped(&mut self, account: &str, service: Option<&str>, reason: String) {
        let (account, service) = (account.to_owned(), service.map(str::to_owned));
        (self.observer)(&Event::Stopped(Stopped { account, service, reason: reason.clone() }));
        self.halt.stop(Reason::Config, reason);
    }

    /// Sends no more to a service.
    fn stop_service(&mut self, account: &str, service: &str) {
        self.backlog.stop_steps(&self.steps_of(account, service));
    }

    /// Which lookups of the job ask a service.
    fn steps_of(&self, account: &str, service: &str) -> Vec<bool> {
        let steps = self.prepared.job.steps.iter();
        steps.map(|step| step.account == account && step.service.name == service).collect()
    }
}

/// Which of an account's addresses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Address {
    Services,
    Login,
}
