//! The arguments of what goes by the clock.

use super::Simulation;
use crate::domain::exit::Exit;
use crate::domain::pace::parse_span;
use clap::{Args, Subcommand, value_parser};
use std::path::PathBuf;
use std::time::Duration;

/// `schedule`.
#[derive(Debug, Args)]
#[command(after_long_help = Exit::table(), args_conflicts_with_subcommands = true)]
pub struct ScheduleArgs {
    /// What else there is to do
    #[command(subcommand)]
    pub command: Option<ScheduleCommand>,
    /// The folder of jobs
    #[arg(value_name = "DIR", default_value = "jobs")]
    pub dir: PathBuf,
    /// Print the next fires instead
    #[arg(long)]
    pub list: bool,
    /// How many fires are printed
    #[arg(long, value_name = "N", default_value_t = 10, requires = "list", value_parser = value_parser!(u64).range(1..=100_000))]
    pub count: u64,
    /// How long runs may take to come to a rest when it is to stop; then they are cut short
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = parse_span)]
    pub grace: Duration,
    /// The simulator
    #[command(flatten)]
    pub simulation: Simulation,
}

/// What else `schedule` does.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Write what systemd needs to run the jobs: the daemon's service, or a service and a timer a job
    Install(InstallArgs),
}

/// `schedule install`.
#[derive(Debug, Args)]
#[command(after_long_help = Exit::table())]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct InstallArgs {
    /// The folder of jobs
    #[arg(value_name = "DIR", default_value = "jobs")]
    pub dir: PathBuf,
    /// For systemd, which is the only one there is
    #[arg(long)]
    pub systemd: bool,
    /// For the user's own systemd
    #[arg(long, conflicts_with = "system", required_unless_present = "system")]
    pub user: bool,
    /// For the machine's systemd
    #[arg(long)]
    pub system: bool,
    /// A timer and a service a job instead of the daemon
    #[arg(long)]
    pub timer: bool,
    /// Print the units, write nothing
    #[arg(long)]
    pub print: bool,
}

/// `jobs`.
#[derive(Debug, Args)]
pub struct JobsArgs {
    /// The folder of jobs
    #[arg(value_name = "DIR", default_value = "jobs")]
    pub dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// What the simulator's ledger knows of them
    #[arg(long)]
    pub simulate: bool,
}

/// `pause`, `unpause` and `fire`.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job's name
    #[arg(value_name = "JOB")]
    pub job: String,
    /// In the simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}
