//! The arguments of the commands that keep the books.

use super::Days;
use crate::domain::invoice::{ColumnNames, Settles};
use crate::ledger;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `spend`.
#[derive(Debug, Args)]
pub struct SpendArgs {
    /// What the sums are by
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub by: SpendBy,
    /// From this day or month on, in Stockholm, such as 2026-03-01 or 2026-03
    #[arg(long, value_name = "DAY")]
    pub since: Option<Days>,
    /// Up to this day or month and with it
    #[arg(long, value_name = "DAY")]
    pub until: Option<Days>,
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

/// `reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// The provider's statement: csv or tsv with a header
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whose statement it is, and how it is written
    #[command(flatten)]
    pub invoice: InvoiceArgs,
    /// Write every line, with what it comes to, to this csv
    #[arg(long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Print JSON: every line, and the totals
    #[arg(long)]
    pub json: bool,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// The run whose lost answers are settled by --as: an id, a unique prefix of one, a job's name or `latest`
    #[arg(
        value_name = "RUN",
        requires = "settles",
        required_unless_present = "invoice",
        conflicts_with = "invoice"
    )]
    pub run: Option<String>,
    /// What became of them, as the provider's own records say
    #[arg(long = "as", value_name = "WHAT", value_enum, requires = "run")]
    pub settles: Option<ResolveAs>,
    /// Only those of this line of the input
    #[arg(long, value_name = "N", requires = "run")]
    pub line: Option<u64>,
    /// Only those of this lookup of the job
    #[arg(long, value_name = "ID", requires = "run")]
    pub lookup: Option<String>,
    /// The provider's statement, which settles those that it names: csv or tsv with a header
    #[arg(long, value_name = "FILE")]
    pub invoice: Option<PathBuf>,
    /// Whose statement it is, and how it is written
    #[command(flatten)]
    pub statement: InvoiceArgs,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `--as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ResolveAs {
    /// They cost nothing, and `retry` may ask them again.
    NotCarriedOut,
    /// They were paid for, and nobody has their answers.
    Billed,
}

impl From<ResolveAs> for Settles {
    fn from(settles: ResolveAs) -> Self {
        match settles {
            ResolveAs::NotCarriedOut => Self::NotCarriedOut,
            ResolveAs::Billed => Self::Billed,
        }
    }
}

/// Whose statement it is, how its columns are called, and which days it covers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "The statement")]
pub struct InvoiceArgs {
    /// The account it is for; not needed where there is only one
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The column of the day [default: by its name]
    #[arg(long, value_name = "COLUMN")]
    pub date: Option<String>,
    /// The column of transactionid or apiLogId [default: by its name]
    #[arg(long, value_name = "COLUMN")]
    pub reference: Option<String>,
    /// The column of apiLogId, where transactionid has one too [default: by its name]
    #[arg(long, value_name = "COLUMN")]
    pub log_id: Option<String>,
    /// The column of the service [default: by its name]
    #[arg(long, value_name = "COLUMN")]
    pub service: Option<String>,
    /// The column of the amount in SEK [default: by its name]
    #[arg(long, value_name = "COLUMN")]
    pub amount: Option<String>,
    /// The column of the currency, where there is one [default: by its name]
    #[arg(long, value_name = "COLUMN")]
    pub currency: Option<String>,
    /// The first day, or month, for which the statement is complete [default: its first date]
    #[arg(long, value_name = "DAY")]
    pub complete_from: Option<Days>,
    /// The last day, or month, for which the statement is complete [default: its last date]
    #[arg(long, value_name = "DAY")]
    pub complete_until: Option<Days>,
}

impl InvoiceArgs {
    /// The columns that the command line names.
    pub fn columns(&self) -> ColumnNames {
        ColumnNames {
            date: self.date.clone(),
            reference: self.reference.clone(),
            log_id: self.log_id.clone(),
            service: self.service.clone(),
            amount: self.amount.clone(),
            currency: self.currency.clone(),
        }
    }
}
