//! The logins that the loop asks for, its questions to the health address, and what came of both.

use super::account_runtime::AccountRuntime;
use super::coordinator::Coordinator;
use super::login::{Asks, Login, LoginCame, log_in};
use super::message::Message;
use super::stops::Address;
use crate::http::cause::Cause;
use crate::http::throttle::OutageEffect;
use crate::http::transport::{Health, SendError, Transport};
use crate::ledger::{AccountChange, LedgerError};
use crate::run::error::RunError;
use crate::run::event::{self, Event, LoginResult};
use crate::time::ms_from_now;
use crate::upstream::LoginReading;
use std::sync::Arc;
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Starts the one login that the throttle has asked for, unless these very credentials were refused before.
    pub(super) fn log_in(&mut self, account: usize) {
        self.accounts[account].throttle.login_begins(Instant::now());
        if self.accounts[account].refused {
            let AccountRuntime { config, throttle, .. } = &mut self.accounts[account];
            throttle.login_done(Instant::now(), refused_before(&config.name), None);
            return;
        }
        let (ledger, transport) = (self.ledger.clone(), Arc::clone(&self.transports[account]));
        let runtime = &self.accounts[account];
        let (config, auth, credentials) = (runtime.config.clone(), runtime.auth, runtime.credentials.clone());
        let (shared, life) = (runtime.shared.clone(), config.refresh_after);
        let asks = Asks::Run(self.run);
        self.mailbox.spawn(async move {
            let login = log_in(ledger, transport, config, auth, credentials, asks);
            Message::Login { account, came: shared.or_log_in(life, login).await }
        });
    }

    pub(super) fn login_came(&mut self, account: usize, came: LoginCame) -> Result<(), RunError> {
        let came = match came {
            // It could not be written down, so it was not sent: it is waited for as for an upstream that is away.
            Err(RunError::Ledger(LedgerError::Full(_) | LedgerError::Busy(_))) => {
                Login::Read(LoginReading::Unavailable { code: "the ledger takes no writes".to_owned() }, None)
            }
            came => came?,
        };
        let (reading, retry_after) = match came {
            Login::Read(reading, retry_after) => (reading, retry_after),
            Login::Lost(error) => {
                self.login_lost(account, error);
                return Ok(());
            }
            Login::Refused => {
                let AccountRuntime { config, throttle, .. } = &mut self.accounts[account];
                throttle.login_done(Instant::now(), refused_before(&config.name), None);
                return Ok(());
            }
            Login::Wait(wait) => {
                let now = Instant::now();
                self.accounts[account].throttle.login_postponed(now, wait);
                let why = "its logins of five minutes are used up, or another process was told to wait";
                self.tell_of_login_hold(account, now, now + wait, why);
                return Ok(());
            }
        };
        let result = result_of(&reading);
        let mut why = None;
        match &reading {
            LoginReading::Refused { .. } => {
                let refused = Some(self.accounts[account].credentials.digest.clone());
                self.update_account(account, AccountChange::Refusal(refused));
            }
            LoginReading::Unavailable { code: text } | LoginReading::Misconfigured { message: text } => {
                why = Some(text.clone());
            }
            _ => {}
        }
        let now = Instant::now();
        let effect = self.accounts[account].throttle.login_done(now, reading, retry_after);
        self.apply(account, &effect, None);
        self.tell_login(account, result, why, &effect);
        if let Some(until) = self.accounts[account].throttle.login_held_until() {
            if result == LoginResult::Throttled {
                self.tell_of_login_hold(account, now, until, "the login asks us to slow down (429)");
            }
            self.update_account(
                account,
                AccountChange::LoginHold(ms_from_now(until.saturating_duration_since(now))),
            );
        }
        Ok(())
    }

    /// Tells what came of a login. In an outage that was told, why there is no token is no news.
    fn tell_login(&self, account: usize, result: LoginResult, why: Option<String>, effect: &OutageEffect) {
        let is_news = why.is_some() && (effect.begins || !effect.in_outage);
        let account = self.accounts[account].config.name.clone();
        (self.observer)(&Event::Login(event::Login { account, result, why, is_news }));
    }

    /// A login without an answer: an outage, unless it is a matter of the configuration.
    fn login_lost(&mut self, account: usize, error: SendError) {
        if let Cause::Certificate(why) = error.cause {
            self.untrusted(account, Address::Login, why);
            return;
        }
        let effect = self.accounts[account].throttle.login_lost(Instant::now(), error);
        self.apply(account, &effect, None);
        self.tell_login(account, LoginResult::Unavailable, Some(error.to_string()), &effect);
    }

    /// Asks the account's free health address.
    pub(super) fn ask_health(&mut self, account: usize) {
        let transport = Arc::clone(&self.transports[account]);
        let Some(url) = self.accounts[account].health.clone() else { return };
        self.accounts[account].throttle.health_begins();
        self.mailbox.spawn(async move {
            let said = match transport.health(&url).await {
                Ok(said) => Some(said),
                // Somebody is there: one call is tried, and tells what is at fault.
                Err(error) if matches!(error.cause, Cause::Certificate(_)) => Some(Health::UP),
                Err(_) => None,
            };
            Message::Health { account, said }
        });
    }

    /// What the health address said, or that nobody answered there.
    pub(super) fn health_came(&mut self, account: usize, said: Option<Health>) {
        let (now, there) = (Instant::now(), said.is_some_and(Health::is_up));
        let throttle = &mut self.accounts[account].throttle;
        throttle.note_retry_after(now, said.and_then(|said| said.retry_after).filter(|_| !there));
        let effect = throttle.health_done(now, there);
        self.apply(account, &effect, None);
    }
}

/// For credentials of an account that are known to be refused.
fn refused_before(account: &str) -> LoginReading {
    let message = format!(
        "these credentials were refused before and are not tried again: mend them, or let `orgpull login {account}` try \
         them once more"
    );
    LoginReading::Refused { message }
}

const fn result_of(reading: &LoginReading) -> LoginResult {
    match reading {
        LoginReading::Token { .. } => LoginResult::Token,
        LoginReading::Refused { .. } => LoginResult::Refused,
        LoginReading::Throttled => LoginResult::Throttled,
        LoginReading::Unavailable { .. } => LoginResult::Unavailable,
        LoginReading::Misconfigured { .. } => LoginResult::Misconfigured,
    }
}
