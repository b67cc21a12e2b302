//! What a job's accounts have outside: an HTTP client each, so that one account's connections and certificates are its own,
//! and files that others can read.

use crate::config::{Account, Settings};
use crate::http::transport::{ClientConfig, HttpTransport};
use crate::job::Job;
use crate::run::error::RunError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The HTTP clients of a job's accounts, by their names.
pub(crate) type Transports<T> = BTreeMap<String, Arc<T>>;

pub(crate) fn transports(settings: &Settings, job: &Job) -> Result<Transports<HttpTransport>, RunError> {
    let accounts = job.steps.iter().filter_map(|step| settings.accounts.get(&step.account));
    accounts.map(|account| Ok((account.name.clone(), Arc::new(transport(account)?)))).collect()
}

/// The HTTP client of an account.
pub fn transport(account: &Account) -> Result<HttpTransport, RunError> {
    let mut addresses = vec![account.base_url.as_str()];
    addresses.extend(account.token_url.as_deref());
    let reach = ClientConfig {
        addresses: &addresses,
        concurrency: account.concurrency,
        timeout: account.timeout,
        keep_alive: account.keep_alive,
        roots: account.roots.as_ref().map(|roots| &*roots.pem),
    };
    let broken = |error| RunError::Client { account: account.name.clone(), error };
    HttpTransport::new(reach).map_err(broken)
}
