//! A job made ready against its accounts: what each lookup of each row would ask, decided by values alone.

use crate::config::Account;
use crate::config::catalogue::{Digits, Fallback, Param, REQUESTOR, check_value};
use crate::domain::identity::{DigestKey, Identity, IdentityParts, hex};
use crate::domain::money::Ore;
use crate::domain::number::{Kind, Subject};
use crate::domain::redact::scrub;
use crate::domain::template::Template;
use crate::job::when::code;
use crate::job::{Job, Step};
use crate::ledger::Pending;
use crate::upstream::is_too_long;
use jiff::civil::Date;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

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
    /// Which lookups of the job others depend on.
    pub(crate) gates: Vec<bool>,
}

/// What a lookup comes to before anything is known of earlier answers.
pub(crate) enum Resolved {
    /// It can be asked.
    Ask(Ask),
    /// A parameter breaks the catalogue: outcome `invalid`, code `local`.
    Invalid(String),
    /// What the ledger holds of its row does not open.
    Damaged,
    /// It is not asked: the service does not take this kind of number, or there is no day to ask since.
    Skipped {
        /// Why, in a word of [`code`].
        code: &'static str,
        /// Why, for people.
        reason: String,
    },
}

/// When a question is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On {
    /// The day in Sweden, by which the register judges dates.
    pub(crate) day: Date,
    /// The day of the newest answer that the question is about.
    pub(crate) last: Option<Date>,
}

impl Resolved {
    const fn skipped(code: &'static str, reason: String) -> Self {
        Self::Skipped { code, reason }
    }
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
    /// What it costs; `None` if nobody has given a price.
    pub(crate) price: Option<Ore>,
    /// What kind of subject it is about.
    pub(crate) kind: Kind,
    /// Whether a letter of disclosure may go out.
    pub(crate) letter_making: bool,
    /// The block, where the subject gets letters and the account says that this one posts none.
    pub(crate) tried: Option<String>,
    /// About a person: the purposes for which an answer may have been bought that is used instead.
    pub(crate) purposes: Option<Arc<str>>,
}

impl Ask {
    /// The block that is asked for, where the service has blocks.
    pub(crate) fn block(&self, step: &Step) -> Option<&str> {
        let name = step.service.block_param.as_deref()?;
        self.params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_str())
    }
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
        let gates = (0..job.steps.len())
            .map(|step| job.steps.iter().flat_map(|step| &step.when).any(|when| when.step == step))
            .collect();
        Self { job, accounts, requestors, account_of, today, columns, key, gates }
    }

    /// The key of the ledger's digests.
    pub(crate) const fn key(&self) -> &DigestKey {
        &self.key
    }

    /// The account of a lookup.
    pub(crate) fn account(&self, step: usize) -> &Account {
        &self.accounts[self.account_of[step]]
    }

    /// The first template column that the run did not copy, if there is one.
    pub(crate) fn missing_column(&self) -> Option<(&str, &str)> {
        let of_purpose = self.job.purpose.iter().flat_map(Template::columns);
        if let Some(missing) = of_purpose.into_iter().find(|name| !self.columns.contains_key(*name)) {
            return Some(("purpose", missing));
        }
        self.job.steps.iter().find_map(|step| {
            let mut columns = step.params.iter().flat_map(|(_, template)| template.columns());
            let missing = columns.find(|name| !self.columns.contains_key(*name))?;
            Some((step.id.as_str(), missing))
        })
    }

    /// Why each of these is asked.
    pub(crate) fn purposes(&self, pending: &[Pending]) -> Vec<String> {
        let of = |lookup: &Pending| self.purpose(lookup.row()?.1);
        pending.iter().map(|lookup| of(lookup).unwrap_or_default()).collect()
    }

    /// Why a row is asked about; `None` if that is empty.
    fn purpose(&self, columns: &[String]) -> Option<String> {
        let column = |name: &str| self.columns.get(name).and_then(|at| columns.get(*at)).map(String::as_str);
        let filled = self.job.purpose.as_ref()?.fill(self.today, None, column).ok()?;
        // A number in it would stand where nobody masks it.
        Some(scrub(filled.trim())).filter(|purpose| !purpose.is_empty())
    }

    /// For which purposes an answer about a row may have been bought that is used instead of another: about persons for its own,
    /// and for those that the job names.
    fn allowed(&self, kind: Kind, columns: &[String]) -> Option<Arc<str>> {
        if !kind.is_personal() {
            return None;
        }
        let own = self.purpose(columns).unwrap_or_default();
        let others = self.job.reuse_purposes.iter().map(|purpose| scrub(purpose.trim()));
        let digests =
            [own].into_iter().chain(others).map(|purpose| hex(&self.key.short("purpose", &purpose).0));
        serde_json::to_string(&digests.collect::<Vec<_>>()).ok().map(Arc::from)
    }

    /// The lookup of the job whose newest answer a parameter of lookup `step` names the day of.
    pub(crate) fn last_of(&self, step: usize) -> Option<usize> {
        let id = self.job.steps[step].last()?;
        self.job.steps.iter().position(|step| step.id == id)
    }

    /// What lookup `step` of a row asks.
    pub(crate) fn resolve(&self, step: usize, subject: &Subject, columns: &[String], on: On) -> Resolved {
        let rules = &self.job.steps[step];
        let account = self.account(step);
        let Some(digits) = rules.service.digits(subject.kind()) else {
            return Resolved::skipped(
                code::KIND,
                format!("{} does not take {}", service_name(rules), a_kind(subject.kind())),
            );
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
        if let (Some(id), None) = (rules.last(), on.last) {
            return Resolved::skipped(code::FIRST, format!("there is no answer to `{id}` yet"));
        }
        if self.job.purpose.is_some() && self.purpose(columns).is_none() {
            return Resolved::Invalid("its purpose is empty".to_owned());
        }
        let params = match self.params(step, columns, on) {
            Ok(params) => params,
            Err(reason) => return Resolved::Invalid(reason),
        };
        if let Some(reason) = too_old(rules, &params, subject, on.day) {
            return Resolved::skipped(code::TOO_OLD, reason);
        }
        if is_too_long(&account.base_url, &rules.service, &number, &params) {
            return Resolved::Invalid(
                "its parameters make the request longer than any that can be sent".to_owned(),
            );
        }
        let block = rules.service.block_param.as_deref();
        let block =
            block.and_then(|name| params.iter().find(|(param, _)| param == name)).map(|(_, v)| v.as_str());
        let identity = self.identity(account, rules, &number, &params);
        let price = account.price(&rules.service.name, block);
        let gets_letter = subject.kind().gets_letter() && rules.service.letters;
        let letter_making = gets_letter && account.may_send_letter(&rules.service, block);
        let tried = (gets_letter && !letter_making).then(|| block.unwrap_or_default().to_owned());
        let (kind, purposes) = (subject.kind(), self.allowed(subject.kind(), columns));
        Resolved::Ask(Ask { number, params, identity, price, kind, letter_making, tried, purposes })
    }

    fn params(&self, step: usize, columns: &[String], on: On) -> Result<Vec<(String, String)>, String> {
        let requestor = self.requestors[self.account_of[step]].as_deref();
        let step = &self.job.steps[step];
        let column = |name: &str| self.columns.get(name).and_then(|at| columns.get(*at)).map(String::as_str);
        let mut values = Vec::with_capacity(step.params.len());
        for param in &step.service.params {
            let name = &param.name;
            let reason = |error: &dyn fmt::Display| format!("parameter `{name}`: {error}");
            let template = step.params.iter().find(|(given, _)| given == name).map(|(_, template)| template);
            let given = template.map(|template| template.fill(self.today, on.last, column)).transpose();
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
            // A run that goes on for days may name an answer that came after its first.
            let value = check_value(param, &value, self.today.max(on.day)).map_err(|e| reason(&e))?;
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

/// That a date is further back than the register looks about this subject: it would be refused, and perhaps billed.
fn too_old(step: &Step, params: &[(String, String)], subject: &Subject, day: Date) -> Option<String> {
    let person = matches!(subject.kind(), Kind::Person | Kind::SoleTrader);
    step.service.params.iter().find_map(|param| {
        let age = param.max_age?;
        let (_, value) = params.iter().find(|(name, _)| *name == param.name)?;
        let months = if person { age.months_person } else { age.months };
        let passed = value.parse().is_ok_and(|date| age.is_passed(date, day, person));
        passed
            .then(|| format!("`{}` is more than {months} months ago, which the register refuses", param.name))
    })
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

/// The id and the service of each lookup of a job, as the ledger keeps them.
pub(crate) fn steps(job: &Job) -> Vec<(String, String)> {
    job.steps.iter().map(|step| (step.id.clone(), service_name(step))).collect()
}

const fn a_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Organisation | Kind::Partnership => "organisation numbers",
        Kind::SoleTrader => "sole traders",
        Kind::Person => "personal numbers",
    }
}
