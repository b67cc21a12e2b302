//! The arguments of the commands that take data away.

use crate::domain::pace::parse_span;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// `purge`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each its own")]
pub struct PurgeArgs {
    /// Also what is older than this, such as 30d or 12h, however long its job keeps it
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub older_than: Option<Duration>,
    /// Runs of this job only
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Leave the output files
    #[arg(long)]
    pub keep_outputs: bool,
    /// Tell what would go; nothing is changed
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `forget`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each its own")]
pub struct ForgetArgs {
    /// Tell what is held, and where; nothing is changed
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Print the receipt as JSON
    #[arg(long)]
    pub json: bool,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup, or a ledger that was rescued; it stays as it is
    #[arg(value_name = "FILE", required_unless_present = "settled")]
    pub file: Option<PathBuf>,
    /// What was bought since is known by other means: letters and budgets are no longer held back for it
    #[arg(long)]
    pub settled: bool,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}
