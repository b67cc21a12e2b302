//! What a job's accounts have outside: an HTTP client each, so that one account's connections and certificates are its own,
//! and files that others can read.

use super::{Context, RunError};
use crate::config::{Account, SIMULATOR, Settings};
use crate::http::transport::{HttpTransport, Reach};
use crate::job::{Job, Step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The HTTP clients of a job's accounts, by their names.
pub(super) type Transports<T> = BTreeMap<String, Arc<T>>;

pub(super) fn transports(settings: &Settings, job: &Job) -> Result<Transports<HttpTransport>, RunError> {
    let accounts = job.steps.iter().filter_map(|step| settings.accounts.get(&step.account));
    accounts.map(|account| Ok((account.name.clone(), Arc::new(transport(account)?)))).collect()
}

/// The HTTP client of an account.
pub fn transport(account: &Account) -> Result<HttpTransport, RunError> {
    let mut addresses = vec![account.base_url.as_str()];
    addresses.extend(account.token_url.as_deref());
    let reach = Reach {
        addresses: &addresses,
        concurrency: account.concurrency,
        timeout: account.timeout,
        keep_alive: account.keep_alive,
        roots: account.roots.as_ref().map(|roots| &*roots.pem),
    };
    let broken = |error| RunError::Client { account: account.name.clone(), error };
    HttpTransport::new(reach).map_err(broken)
}

/// What others can read though nothing is wrong with it; nothing in the simulator, where there is nothing to hide.
pub(super) fn exposures(context: &Context, job: &Job) -> Vec<String> {
    let accounts = &context.settings.accounts;
    let real =
        |step: &Step| accounts.get(&step.account).is_some_and(|account| account.environment != SIMULATOR);
    if !job.steps.iter().any(real) {
        return Vec::new();
    }
    context.settings.exposure().into_iter().chain(context.ledger.exposures()).collect()
}
