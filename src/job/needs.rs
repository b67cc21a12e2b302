//! How long a job needs at its pace, beside how often it fires.

use super::input::{Columns, Reader};
use super::{Job, Origin, Step};
use crate::config::{Account, Settings};
use crate::time::{now_ms, stockholm_date};
use std::time::Duration;

/// A job that cannot be done by the time its next fire comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// How long its slowest account takes where everything that is asked without a condition is bought.
    pub time: Duration,
    /// The time between most of its fires.
    pub every: Duration,
}

/// What a scheduled job needs where that is more than the time between its fires. It reads the input through; `None` if
/// that cannot be read, or where no pace is set.
pub fn needs(job: &Job, settings: &Settings) -> Option<Needs> {
    let every = job.schedule.as_ref()?.spacing(now_ms())?.usual;
    if settings.accounts.values().all(|account| account.rate.min(job.rules.rate).interval().is_none()) {
        return None;
    }
    let rows = rows(job)?;
    let of_account = |account: &Account| {
        // What is asked on a condition may not be asked at all.
        let asked = |step: &&Step| step.account == account.name && step.when.is_empty();
        let steps = job.steps.iter().filter(asked).count() as u64;
        let calls = u32::try_from(rows.saturating_mul(steps)).unwrap_or(u32::MAX);
        Some(account.rate.min(job.rules.rate).interval()?.saturating_mul(calls))
    };
    let time = settings.accounts.values().filter_map(of_account).max()?;
    (time > every).then_some(Needs { time, every })
}

/// Good rows of the input.
fn rows(job: &Job) -> Option<u64> {
    if job.input.origin == Origin::Stdin {
        return None;
    }
    let reader = Reader::open(&job.input, Columns::Named(&[]), stockholm_date(now_ms())).ok()?;
    let mut rows = 0;
    for row in reader {
        rows += u64::from(row.ok()?.subject.is_ok());
    }
    Some(rows)
}
