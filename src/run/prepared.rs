//! A job made ready against its accounts: what each lookup of each row would ask, decided by values alone.

use crate::config::Account;
use crate::config::catalogue::{Digits, Fallback, Param, REQUESTOR, Service, check_value};
use crate::domain::identity::{DigestKey, Identity, IdentityParts};
use crate::domain::money::Ore;
use crate::domain::number::{Kind, Subject};
use crate::job::{Job, Step};
use jiff::civil::Date;
use std::collections::HashMap;
use std::fmt;

/// A job with everything that deciding about a row needs.
pub(crate) struct Prepared {
    /// The job as its file stands.
    pub(crate) job: Job,
    /// The accounts that it uses.
    pub(crate) accounts: Vec<Account>,
    /// Who asks, by account, where the account says so.
    requestors: Vec<Option<String>>,
    /// Which account each lookup of the job uses.
    pub(crate) account_of: Vec<usize>,
    /// The run's first day in Stockholm.
    pub(crate) today: Date,
    /// Names of the row's columns, by position.
    columns: HashMap<String, usize>,
    key: DigestKey,
}

/// What a lookup comes to before anything is known of earlier answers.
pub(crate) enum Resolved {
    /// It can be asked.
    Ask(Ask),
    /// A parameter breaks the catalogue: outcome `invalid`, code `local`.
    Invalid(String),
    /// The service does not take this kind of number.
    Skipped(String),
}

/// A question ready to be asked.
#[derive(Clone)]
pub(crate) struct Ask {
    /// The number in the form in which it is sent.
    pub(crate) number: String,
    /// Parameters in the catalogue's order.
    pub(crate) params: Vec<(String, String)>,
    /// What makes it the same purchase as another.
    pub(crate) identity: Identity,
    /// What it costs.
    pub(crate) price: Ore,
    /// Whether a letter of disclosure may go out.
    pub(crate) letter_making: bool,
}

impl Prepared {
    /// Makes a job ready. `accounts` holds every account that its lookups name, `requestors` who asks at each of them;
    /// `columns` are the copied columns.
    pub(crate) fn new(
        job: Job,
        accounts: Vec<Account>,
        requestors: Vec<Option<String>>,
        columns: &[String],
        today: Date,
        key: DigestKey,
    ) -> Self {
        let place =
            |step: &Step| accounts.iter().position(|account| account.name == step.account).unwrap_or(0);
        let account_of = job.steps.iter().map(place).collect();
        let columns = columns.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        Self { job, accounts, requestors, account_of, today, columns, key }
    }

    /// The account of a lookup.
    pub(crate) fn account(&self, step: usize) -> &Account {
        &self.accounts[self.account_of[step]]
    }

    /// The first template column that the run did not copy, if there is one.
    pub(crate) fn missing_column(&self) -> Option<(&str, &str)> {
        self.job.steps.iter().find_map(|step| {
            let mut columns = step.params.iter().flat_map(|(_, template)| template.columns());
            let missing = columns.find(|name| !self.columns.contains_key(*name))?;
            Some((step.id.as_str(), missing))
        })
    }

    /// What lookup `step` of a row asks.
    pub(crate) fn resolve(&self, step: usize, subject: &Subject, columns: &[String]) -> Resolved {
        let rules = &self.job.steps[step];
        let account = self.account(step);
        let Some(digits) = digits_for(&rules.service, subject.kind()) else {
            return Resolved::Skipped(format!(
                "{} does not take {}",
                service_name(rules),
                a_kind(subject.kind())
            ));
        };
        let number = match digits {
            Digits::Ten => subject.sent10(),
            Digits::Twelve => match subject.sent12() {
                Some(number) => number,
                None => {
                    return Resolved::Invalid(format!(
                        "{} takes twelve digits, and the century of this number is not known",
                        service_name(rules)
                    ));
                }
            },
        };
        let params = match self.params(step, columns) {
            Ok(params) => params,
            Err(reason) => return Resolved::Invalid(reason),
        };
        let block = rules.service.block_param.as_deref();
        let block =
            block.and_then(|name| params.iter().find(|(param, _)| param == name)).map(|(_, v)| v.as_str());
        let identity = self.identity(account, rules, &number, &params);
        let price = account.price(&rules.service.name, block);
        let letter_making = subject.kind().gets_letter() && account.may_send_letter(&rules.service, block);
        Resolved::Ask(Ask { number, params, identity, price, letter_making })
    }

    fn params(&self, step: usize, columns: &[String]) -> Result<Vec<(String, String)>, String> {
        let requestor = self.requestors[self.account_of[step]].as_deref();
        let step = &self.job.steps[step];
        let column = |name: &str| self.columns.get(name).and_then(|at| columns.get(*at)).map(String::as_str);
        let mut values = Vec::with_capacity(step.params.len());
        for param in &step.service.params {
            let name = &param.name;
            let reason = |error: &dyn fmt::Display| format!("parameter `{name}`: {error}");
            let template = step.params.iter().find(|(given, _)| given == name).map(|(_, template)| template);
            let given = template.map(|template| template.fill(self.today, column)).transpose();
            let given = given.map_err(|e| reason(&e))?.filter(|value| !value.is_empty());
            // An empty cell says nothing about who asks, and the account does not speak in its place.
            let asks = requestor.filter(|_| name == REQUESTOR && template.is_none()).map(str::to_owned);
            let Some(value) = given.or(asks).or_else(|| stand_in(param)) else {
                if template.is_some() && param.required {
                    return Err(format!("parameter `{name}` is empty"));
                }
                if name == REQUESTOR && step.service.needs_requestor {
                    return Err(format!("{} is not sent without `{name}`", service_name(step)));
                }
                continue;
            };
            let value = check_value(param, &value, self.today).map_err(|e| reason(&e))?;
            step.service.carries(name, &value).map_err(|e| reason(&e))?;
            values.push((name.clone(), value));
        }
        Ok(values)
    }

    fn identity(
        &self,
        account: &Account,
        step: &Step,
        number: &str,
        params: &[(String, String)],
    ) -> Identity {
        let counts =
            |name: &str| step.service.params.iter().any(|param| param.name == name && param.identity);
        let params: Vec<(&str, &str)> = params
            .iter()
            .filter(|(name, _)| counts(name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.key.identity(IdentityParts {
            account: &account.name,
            environment: &account.environment,
            service: &step.service.name,
            number,
            params: &params,
        })
    }
}

/// What counts as given where the job gives nothing.
fn stand_in(param: &Param) -> Option<String> {
    match &param.default {
        Some(Fallback::Text(text)) => Some(text.clone()),
        Some(Fallback::Reference) | None => None,
    }
}

/// `provider.service`, as job files write it.
pub(crate) fn service_name(step: &Step) -> String {
    format!("{}.{}", step.account, step.service.name)
}

fn digits_for(service: &Service, kind: Kind) -> Option<Digits> {
    match kind {
        Kind::Organisation | Kind::Partnership => service.organisation,
        Kind::SoleTrader => service.sole_trader,
        Kind::Person => service.person,
    }
}

const fn a_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Organisation | Kind::Partnership => "organisation numbers",
        Kind::SoleTrader => "sole traders",
        Kind::Person => "personal numbers",
    }
}
