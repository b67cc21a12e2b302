//! The accounts that a job uses, who asks at each of them, and the job made ready against them.

use super::prepared::Prepared;
use crate::config::catalogue::REQUESTOR;
use crate::config::{Account, Settings, Unreadable};
use crate::domain::identity::DigestKey;
use crate::job::Job;
use crate::ledger::RunRow;
use crate::run::error::RunError;
use jiff::civil::Date;
use secrecy::ExposeSecret;
use std::collections::BTreeSet;

/// The accounts that a job uses, each once, in the order of its lookups.
pub(crate) struct Used<'a>(Vec<&'a Account>);

impl<'a> Used<'a> {
    /// Those of a job.
    ///
    /// # Errors
    /// [`RunError::NoAccount`] where the configuration lacks one.
    pub(crate) fn of(settings: &'a Settings, job: &Job) -> Result<Self, RunError> {
        let mut used: Vec<&Account> = Vec::new();
        for step in &job.steps {
            let account = settings.accounts.get(&step.account);
            let account = account.ok_or_else(|| RunError::NoAccount(step.account.clone()))?;
            if !used.iter().any(|known| known.name == account.name) {
                used.push(account);
            }
        }
        Ok(Self(used))
    }

    /// The accounts.
    pub(crate) fn each(&self) -> &[&'a Account] {
        &self.0
    }

    /// Reads who asks, and keeps it nowhere: where something else could not be read either, all of it is told at once.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub(crate) async fn read_requestors(&self, job: &Job) -> Result<(), RunError> {
        requestors(&self.0, job).await.map(|_| ())
    }

    /// The job made ready against them: who asks is read, which nothing else of it takes a look outside for.
    ///
    /// # Errors
    /// [`RunError::NoRequestor`] where a service wants to know who asks and nobody says.
    pub(crate) async fn prepare(
        &self,
        job: Job,
        columns: &[String],
        today: Date,
        key: DigestKey,
    ) -> Result<Prepared, RunError> {
        let requestors = requestors(&self.0, &job).await?;
        let accounts = self.0.iter().map(|account| (*account).clone()).collect();
        Ok(Prepared::new(job, accounts, requestors, columns, today, key))
    }

    /// The same for a run that goes on: by the columns that it copied, and as of its first day.
    pub(crate) async fn prepare_again(
        &self,
        job: Job,
        run: &RunRow,
        key: DigestKey,
    ) -> Result<Prepared, RunError> {
        let today = run.first_day.parse();
        let today = today.map_err(|_| RunError::bug("the run's first day does not read"))?;
        self.prepare(job, &run.columns, today, key).await
    }
}

/// Who asks, for each account of a job: what stands in for a lookup that does not say so itself.
///
/// # Errors
/// [`RunError::NoRequestor`] where a service wants to know and nobody says.
async fn requestors(used: &[&Account], job: &Job) -> Result<Vec<Option<String>>, RunError> {
    let mut requestors = Vec::with_capacity(used.len());
    let (mut unread, mut nobody) = (Unreadable::default(), None);
    for account in used {
        let mut silent = job.steps.iter().filter(|step| {
            let says = step.params.iter().any(|(name, _)| name == REQUESTOR);
            step.account == account.name && step.service.needs_requestor && !says
        });
        requestors.push(match (&account.requestor_id, silent.next()) {
            (Some(place), _) => {
                let read = unread.note(&account.name, "requestor_id", place.read_token().await);
                read.map(|requestor| requestor.expose_secret().to_owned())
            }
            (None, None) => None,
            (None, Some(step)) => {
                let (lookup, account) = (step.id.clone(), account.name.clone());
                nobody.get_or_insert(RunError::NoRequestor { lookup, account });
                None
            }
        });
    }
    // What cannot be read is gathered with what else cannot, so it comes first.
    unread.into_result()?;
    nobody.map_or(Ok(requestors), Err)
}

/// The environment of a run: that of its accounts, told apart where they differ.
pub(crate) fn environment(accounts: &[&Account]) -> String {
    let distinct: BTreeSet<&str> = accounts.iter().map(|account| account.environment.as_str()).collect();
    if let [one] = distinct.iter().collect::<Vec<_>>().as_slice() {
        return (**one).to_owned();
    }
    let each: Vec<String> = accounts.iter().map(|a| format!("{}: {}", a.name, a.environment)).collect();
    each.join(", ")
}
