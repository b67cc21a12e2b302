//! What was spent: sums over attempts, however grouped.

use crate::domain::money::Ore;
use crate::time::stockholm_date;
use std::collections::BTreeSet;
use std::ops::AddAssign;

/// What sums are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendBy {
    /// The job's name.
    Job,
    /// `account.service`.
    Service,
    /// The day in Stockholm on which the intent was written.
    Day,
    /// That day's month.
    Month,
    /// The job's cost centre, as it was at the time; empty where it had none.
    CostCentre,
}

impl SpendBy {
    /// Every grouping.
    pub const ALL: [Self; 5] = [Self::Job, Self::Service, Self::Day, Self::Month, Self::CostCentre];

    /// The name of the column that it makes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Service => "service",
            Self::Day => "day",
            Self::Month => "month",
            Self::CostCentre => "cost_centre",
        }
    }

    /// The key of a group, as a person reads it.
    pub(super) fn key(self, group: String) -> String {
        let day = || stockholm_date(group.parse::<i64>().unwrap_or_default() * 3_600_000);
        match self {
            Self::Day => day().to_string(),
            Self::Month => day().strftime("%Y-%m").to_string(),
            Self::Job | Self::Service | Self::CostCentre => group,
        }
    }
}

/// Sums over attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests sent.
    pub calls: u64,
    /// Those that brought an answer, be it one that cannot be read.
    pub answered: u64,
    /// Those whose answer was lost and not settled since, or is still awaited.
    pub unknown: u64,
    /// What all of them cost, at the configuration's prices when they were sent.
    pub cost: Ore,
    /// The part of it that the unknown ones may have cost.
    pub cost_unknown: Ore,
    /// Of the unknown ones those without a price.
    pub unknown_unpriced: u64,
    /// Letters of disclosure that the upstream says went out.
    pub letters: u64,
}

impl AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.calls += more.calls;
        self.answered += more.answered;
        self.unknown += more.unknown;
        self.unknown_unpriced += more.unknown_unpriced;
        self.letters += more.letters;
        // No sum of prices comes near the end of 64 bits; one that did would rather stop there than wrap.
        self.cost = self.cost.checked_add(more.cost).unwrap_or(Ore::new(u64::MAX));
        self.cost_unknown = self.cost_unknown.checked_add(more.cost_unknown).unwrap_or(Ore::new(u64::MAX));
    }
}

/// One group's sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpendRow {
    /// What it was grouped by.
    pub key: String,
    /// Its sums.
    pub spent: Spent,
    /// The services (`account.service`) of its calls that nobody has given a price: what those cost is in no sum.
    pub unpriced: BTreeSet<String>,
}
