//! Services that nobody has given a price: what they cost is in no sum, and a cap on money caps nothing of it.

use super::prepared::{Prepared, service_name};
use crate::config::Account;
use crate::domain::budget::Limit;
use crate::job::Job;
use crate::run::error::RunError;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses a cap on money over a service that has no price: it would cap nothing.
pub(crate) fn priced(job: &Job, accounts: &[&Account], limit: Limit) -> Result<(), RunError> {
    if limit.max_cost.is_none() {
        return Ok(());
    }
    let unpriced = job.steps.iter().find(|step| {
        let account = accounts.iter().find(|account| account.name == step.account);
        account.is_some_and(|account| !step.is_priced(account))
    });
    match unpriced {
        None => Ok(()),
        Some(step) => Err(RunError::Unpriced { lookup: step.id.clone(), service: service_name(step) }),
    }
}

/// The services that a job asks and that its account has no price for. A block that only a row knows may have one.
pub(crate) fn without_price(prepared: &Prepared) -> Vec<String> {
    let unpriced = prepared.job.steps.iter().enumerate().filter(|(at, step)| {
        let account = prepared.account(*at);
        let of_service = |call: &String| call.split(':').next() == Some(step.service.name.as_str());
        let by_row = step.service.block_param.is_some() && step.block().is_none();
        !(step.is_priced(account) || by_row && account.prices.keys().any(of_service))
    });
    unpriced.map(|(_, step)| service_name(step)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The kind of the notice that says so.
pub(crate) const PRICE_UNKNOWN: &str = "price-unknown";

/// What is said of services (`account.service`) that nobody has given a price.
pub fn price_unknown(services: &[String]) -> String {
    let mut accounts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (account, service) in services.iter().filter_map(|name| name.split_once('.')) {
        accounts.entry(account).or_default().push(format!("{service} = \"…\""));
    }
    let lines: Vec<String> = accounts
        .iter()
        .map(|(account, prices)| format!("[providers.{account}] prices = {{ {} }}", prices.join(", ")))
        .collect();
    let has = if services.len() == 1 { "has" } else { "have" };
    format!(
        "price unknown: {} {has} no price in the configuration, and nobody knows what the calls cost; {} says what one costs, \
         \"0\" that it is free",
        services.join(", "),
        lines.join(" and ")
    )
}
