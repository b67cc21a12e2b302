//! The budgets that a run must keep: its own, this invocation's, and those of its accounts by day and by month. Here is
//! what they are called and over what they are summed; they are asked in [`crate::ledger::Ledger::commit`].

use super::prepared::Prepared;
use crate::config::Account;
use crate::domain::budget::{Limit, Spend};
use crate::job::Job;
use crate::ledger::{Cap, Ledger, Over, RunRow};
use crate::run::error::RunError;
use crate::run::report::PlanBudget;
use crate::time::{day_around, local, month_around};
use jiff::tz::TimeZone;

/// One budget of a run.
pub(crate) struct Budget {
    span: Span,
    limit: Limit,
    warn_at: Option<u8>,
    /// When counting began and what stood then, for the rate at which it is used up.
    since: (i64, Spend),
    warned: bool,
}

/// Over what a budget is summed.
enum Span {
    Run,
    Invocation,
    Account { account: String, environment: String, services: Vec<i64>, zone: TimeZone, month: bool },
}

/// All budgets of a run, in the order in which they are asked.
#[derive(Default)]
pub(crate) struct Budgets(Vec<Budget>);

impl Budgets {
    /// Those of a job against its accounts. `spent` is what the run has spent before this invocation.
    pub(crate) fn of<'a>(
        prepared: &Prepared,
        accounts: impl Iterator<Item = (&'a Account, &'a [i64])>,
        (extra, spent): (Limit, Spend),
        now: i64,
    ) -> Self {
        let budget =
            |span, limit, warn_at| Budget { span, limit, warn_at, since: (now, spent), warned: false };
        let mut budgets = vec![
            budget(Span::Run, prepared.job.budget.limit, prepared.job.budget.warn_at),
            budget(Span::Invocation, extra.beyond(spent), None),
        ];
        for (account, service_ids) in accounts {
            for (limit, month) in [(account.budget.day, false), (account.budget.month, true)] {
                let span = Span::Account {
                    account: account.name.clone(),
                    environment: account.environment.clone(),
                    services: service_ids.iter().copied().filter(|id| *id > 0).collect(),
                    zone: account.timezone.clone(),
                    month,
                };
                budgets.push(budget(span, limit, account.budget.warn_at));
            }
        }
        budgets.retain(|budget| !budget.limit.is_none());
        Self(budgets)
    }

    /// What the ledger is to ask at this instant: a day or a month may have begun since.
    pub(crate) fn caps(&self, now: i64) -> Vec<Cap> {
        self.0.iter().map(|budget| Cap { over: budget.over(now), limit: budget.limit }).collect()
    }

    /// The account that a budget is of; `None` if it is the run's.
    pub(crate) fn account(&self, at: usize) -> Option<&str> {
        self.0[at].account()
    }

    /// That a budget is reached, for the person who reads it in the morning.
    pub(crate) fn reached(&self, at: usize, spent: Spend, now: i64) -> String {
        let budget = &self.0[at];
        let (name, limit) = (budget.name(), budget.limit);
        match &budget.span {
            Span::Run => format!("{name} is reached: {} of {limit}", limit.told(spent)),
            Span::Invocation => {
                let own = limit.less(budget.since.1);
                let spent = spent.since(budget.since.1);
                format!("{name} is reached: {} of {own}", own.told(spent))
            }
            Span::Account { zone, .. } => {
                let Some((_, end)) = budget.around(now) else { return name };
                let (opens, spent) = (local(zone, end), limit.told(spent));
                format!("{name} is reached: {spent} of {limit}, over all runs; the next begins at {opens}")
            }
        }
    }

    /// Those whose warning is due, each once, with the account that it is of: how far each is spent, and how long it lasts at this rate.
    pub(crate) fn warnings(&mut self, spent: &[Spend], now: i64) -> Vec<(Option<String>, String)> {
        let mut warnings = Vec::new();
        for (budget, spent) in self.0.iter_mut().zip(spent) {
            if !budget.warned && budget.warn_at.is_some_and(|at| budget.limit.is_spent_to(at, *spent)) {
                budget.warned = true;
                warnings.push((budget.account().map(str::to_owned), budget.warning(*spent, now)));
            }
        }
        warnings
    }
}

impl Budget {
    fn account(&self) -> Option<&str> {
        match &self.span {
            Span::Account { account, .. } => Some(account),
            Span::Run | Span::Invocation => None,
        }
    }

    fn name(&self) -> String {
        match &self.span {
            Span::Run => "the budget of the run".to_owned(),
            Span::Invocation => "the budget of this invocation (--max-calls, --max-cost)".to_owned(),
            Span::Account { account, month, .. } => {
                format!("the budget of account {account} for the {}", if *month { "month" } else { "day" })
            }
        }
    }

    fn around(&self, now: i64) -> Option<(i64, i64)> {
        match &self.span {
            Span::Run | Span::Invocation => None,
            Span::Account { zone, month: true, .. } => Some(month_around(zone, now)),
            Span::Account { zone, month: false, .. } => Some(day_around(zone, now)),
        }
    }

    fn over(&self, now: i64) -> Over {
        let (from, _) = self.around(now).unwrap_or_default();
        match &self.span {
            Span::Run | Span::Invocation => Over::Run,
            Span::Account { account, environment, services, .. } => Over::Account {
                account: account.clone(),
                environment: environment.clone(),
                services: services.clone(),
                from,
            },
        }
    }

    /// What is left at the rate since the day or the month began; of a run, since this invocation did.
    fn warning(&self, spent: Spend, now: i64) -> String {
        let (name, limit, percent) = (self.name(), self.limit, self.warn_at.unwrap_or(100));
        let (begun, before, end, zone) = match (&self.span, self.around(now)) {
            (Span::Account { zone, .. }, Some((from, end))) => {
                (from, Spend::default(), Some(end), zone.clone())
            }
            _ => {
                (self.since.0, self.since.1, None, TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC))
            }
        };
        let own = spent.since(before);
        let left = limit.less(before);
        let ends = left.lasts(own, now - begun).map(|span| begun.saturating_add(span));
        let rest = match (ends, end) {
            (Some(at), Some(end)) if at >= end => "; at this rate it lasts to its end".to_owned(),
            (Some(at), _) => format!("; at this rate it runs out at {}", local(&zone, at)),
            (None, _) => String::new(),
        };
        format!("{percent} % of {name} are spent: {} of {limit}{rest}", limit.told(spent))
    }
}

/// Refuses a run whose own budget was lowered below what it has spent.
pub(crate) async fn not_passed(ledger: &Ledger, job: &Job, run: &RunRow) -> Result<(), RunError> {
    let limit = job.budget.limit;
    if limit.is_none() {
        return Ok(());
    }
    let spent = ledger.spent_so_far(run.id, &Over::Run).await?;
    if limit.is_passed_by(spent) {
        return Err(RunError::BudgetPassed { run: run.run.clone(), spent, limit });
    }
    Ok(())
}

/// Every budget of a planned run, before and after. `each` is what the plan buys, for each lookup of the job.
pub(crate) async fn planned(
    ledger: Option<&Ledger>,
    prepared: &Prepared,
    run: Option<i64>,
    each: &[Spend],
    now: i64,
) -> Result<Vec<PlanBudget>, RunError> {
    let budget = &prepared.job.budget;
    let mut budgets = vec![(None, Span::Run, budget.limit)];
    for (at, account) in prepared.accounts.iter().enumerate() {
        for (limit, month) in [(account.budget.day, false), (account.budget.month, true)] {
            let (account, environment, zone) =
                (account.name.clone(), account.environment.clone(), account.timezone.clone());
            let span = Span::Account { account, environment, services: Vec::new(), zone, month };
            budgets.push((Some(at), span, limit));
        }
    }
    let mut lines = Vec::new();
    for (account, span, limit) in budgets.into_iter().filter(|(_, _, limit)| !limit.is_none()) {
        let budget = Budget { span, limit, warn_at: None, since: (now, Spend::default()), warned: false };
        let before = match ledger {
            Some(ledger) => match (budget.over(now), run) {
                (Over::Run, None) => Spend::default(),
                (over, run) => ledger.spent_so_far(run.unwrap_or_default(), &over).await?,
            },
            None => Spend::default(),
        };
        let counted =
            each.iter().zip(&prepared.account_of).filter(|(_, of)| account.is_none_or(|at| at == **of));
        let after = counted.fold(before, |sum, (more, _)| sum.and_all(*more));
        lines.push(PlanBudget { name: budget.name(), limit, before, after });
    }
    Ok(lines)
}
