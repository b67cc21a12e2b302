//! The arguments of the commands that keep the books.

use crate::ledger;
use clap::{Args, ValueEnum};
use jiff::civil::Date;

/// `spend`.
#[derive(Debug, Args)]
pub struct SpendArgs {
    /// What the sums are by
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub by: SpendBy,
    /// From this day on, in Stockholm, such as 2026-03-01
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
    /// Up to this day and with it
    #[arg(long, value_name = "DATE")]
    pub until: Option<Date>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print CSV, without the totals
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `--by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SpendBy {
    /// The job's name.
    #[default]
    Job,
    /// The service, as provider.service.
    Service,
    /// The day in Stockholm on which the call was sent.
    Day,
    /// The month in Stockholm.
    Month,
    /// The job's `cost_centre` when the call was sent.
    CostCentre,
}

impl From<SpendBy> for ledger::SpendBy {
    fn from(by: SpendBy) -> Self {
        match by {
            SpendBy::Job => Self::Job,
            SpendBy::Service => Self::Service,
            SpendBy::Day => Self::Day,
            SpendBy::Month => Self::Month,
            SpendBy::CostCentre => Self::CostCentre,
        }
    }
}
