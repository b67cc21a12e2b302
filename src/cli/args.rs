//! The command line, as clap reads it.
//!
//! Only what is built is declared here, so that help, completions and man pages never promise more; what the design
//! names beyond that is recognised by its refusal in [`not_yet()`].

mod books;
mod commands;
mod days;
mod groups;
mod not_yet;
mod path_or_stream;
mod privacy;
mod schedule;

pub use books::{InvoiceArgs, ReconcileArgs, ResolveArgs, SpendArgs, SpendBy};
pub use commands::{
    AccessArgs, AuditArgs, BackupArgs, CatalogueArgs, CheckArgs, CompletionsArgs, DoctorArgs, ExportArgs,
    KeyArgs, KeyCommand, LoginArgs, ManArgs, PlanArgs, Reporting, RetryArgs, RunArgs, RunsArgs, SchemaArgs,
    Simulation, SimulatorArgs, StatusArgs,
};
pub use commands::{ExportTo, FileFormat, FileShape, ProgressMode};
pub use days::Days;
pub use not_yet::not_yet;
pub use path_or_stream::PathOrStream;
pub use privacy::{ForgetArgs, PurgeArgs, RestoreArgs};
pub use schedule::{InstallArgs, JobArgs, JobsArgs, ScheduleArgs, ScheduleCommand};

use super::term_style::TermStyle;
use crate::domain::exit::Exit;
use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use console::Term;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Columns of a help text, however wide the terminal is.
const WIDEST_HELP: usize = 100;

/// Pulls Swedish company and person data in bulk from paid registers.
///
/// A job file says which numbers to look up, where, and what to write. Nothing is bought twice and nothing bought is
/// lost: a run can be killed at any instant and continued. Results go to stdout, progress and logs to stderr.
#[derive(Parser)]
#[command(name = "orgpull", version, max_term_width = WIDEST_HELP, after_long_help = Exit::table())]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command; taken before and after it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The configuration [default: ./orgpull.toml, ./config/orgpull.toml, the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE", env = "ORGPULL_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// The ledger, instead of the configuration's `database`
    #[arg(long, global = true, value_name = "FILE", env = "ORGPULL_DATABASE", hide_env_values = true)]
    pub database: Option<PathBuf>,
    /// Logs more: -v logins, pauses, and where a run begins and ends; -vv also each attempt by its transactionid, with
    /// outcome and code; -vvv also commits
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Prints nothing unless something is wrong; data that is asked for, as with --json, is printed all the same
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How logs are written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// The commands that are built.
#[derive(Subcommand)]
pub enum Command {
    /// Run a job, or continue its unfinished run
    Run(RunArgs),
    /// Show what a run would do and cost; nothing is sent
    Plan(PlanArgs),
    /// Check job files, catalogue and configuration
    Check(CheckArgs),
    /// List the runs
    Runs(RunsArgs),
    /// Show one run in full
    Status(StatusArgs),
    /// Drive again what ended failed or denied; with --unknown, also what ended unknown
    Retry(RetryArgs),
    /// Write outputs again from the ledger; nothing is bought
    Export(ExportArgs),
    /// Add up what was spent
    Spend(SpendArgs),
    /// Hold the provider's statement against the ledger; nothing is changed
    Reconcile(ReconcileArgs),
    /// Settle lost answers by the provider's statement
    Resolve(ResolveArgs),
    /// Run the jobs of a folder when they are due, until told to stop
    Schedule(ScheduleArgs),
    /// List the jobs of a folder: when they fire, how they ended, who runs them
    Jobs(JobsArgs),
    /// Keep a job from firing
    Pause(JobArgs),
    /// Let a paused job fire again
    Unpause(JobArgs),
    /// Have the daemon run a job now
    Fire(JobArgs),
    /// Copy the ledger to a file, also while runs go on
    Backup(BackupArgs),
    /// Put a backup in the place of the ledger; what was bought since is carried over
    Restore(RestoreArgs),
    /// Print all that is held about one number, which is asked for
    Access(AccessArgs),
    /// Take one number, which is asked for, out of everything that is kept
    Forget(ForgetArgs),
    /// Take away what has been kept for as long as it may be
    Purge(PurgeArgs),
    /// Print who did what, or see whether that is what was written
    Audit(AuditArgs),
    /// Make, rotate, copy and put back the keys that the ledger is sealed with
    Key(KeyArgs),
    /// Serve the imitation of the upstreams on its own
    Simulator(SimulatorArgs),
    /// Try the login of an account
    Login(LoginArgs),
    /// List the providers and services, or tell all of one
    Catalogue(CatalogueArgs),
    /// See whether everything that a run needs is there
    Doctor(DoctorArgs),
    /// Print the JSON Schema of the job file
    Schema(SchemaArgs),
    /// Print a completion script
    Completions(CompletionsArgs),
    /// Print the man page
    Man(ManArgs),
}

impl Command {
    /// How it reports, where it is one that drives a run.
    pub fn reporting(&self) -> Option<&Reporting> {
        match self {
            Self::Run(args) => Some(&args.reporting),
            Self::Retry(args) => Some(&args.reporting),
            _ => None,
        }
    }

    /// The job file that is to be run.
    pub fn job(&self) -> Option<&Path> {
        match self {
            Self::Run(args) => Some(&args.job),
            _ => None,
        }
    }

    /// Whether it drives a run against the simulator.
    pub fn simulates(&self) -> bool {
        match self {
            Self::Run(args) => args.simulation.simulate,
            Self::Retry(args) => args.simulation.simulate,
            _ => false,
        }
    }
}

/// The command line's definition, with its commands in groups where help lists them.
pub fn command(style: TermStyle) -> clap::Command {
    let command = groups::grouped(Cli::command(), style);
    match style.width() {
        Some(width) => command.term_width(width.min(WIDEST_HELP)),
        None => command,
    }
}

/// Reads the command line. Help and version come as an error too: clap's error knows its text, its stream and its code
/// (0 or 2), and `print` writes it.
pub fn parse<I, T>(args: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let mut command = command(TermStyle::of(&Term::stdout()));
    let matches = command.try_get_matches_from_mut(args);
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command)));
    let cli = cli.map_err(|error| match not_yet(&error) {
        Some(message) => clap::Error::raw(error.kind(), format!("{message}\n")),
        None => error,
    })?;
    // clap looks for conflicts within one command only, and `-v run -q` spreads them over two.
    if cli.global.quiet && cli.global.verbose > 0 {
        let message = "the argument '--quiet' cannot be used with '--verbose'";
        return Err(command.error(ErrorKind::ArgumentConflict, message));
    }
    if let Some(message) = cli.global.database.as_deref().and_then(not_yet::database_not_yet) {
        return Err(clap::Error::raw(ErrorKind::InvalidValue, format!("{message}\n")));
    }
    Ok(cli)
}

#[cfg(test)]
mod tests;
