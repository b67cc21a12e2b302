//! The arguments of each command.

use super::PathOrStream;
use super::not_yet::ending_not_yet;
use crate::cli::term_style::TermStyle;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::ledger::Hash;
use clap::error::ErrorKind;
use clap::{Args, Subcommand, ValueEnum, value_parser};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `run`.
#[derive(Debug, Args)]
#[command(after_long_help = Exit::table())]
pub struct RunArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Start another run and close the unfinished one
    #[arg(long, conflicts_with = "continue_only")]
    pub new: bool,
    /// Only continue; with nothing unfinished there is nothing to do
    #[arg(long = "continue")]
    pub continue_only: bool,
    /// Which rows, and whether stored answers may stand in
    #[command(flatten)]
    pub rows: Rows,
    /// Send at most N calls now; what is left stays pending (exit 8)
    #[arg(long, value_name = "N")]
    pub max_calls: Option<u64>,
    /// Spend at most so much now, such as 500 or 499.50; what is left stays pending (exit 8)
    #[arg(long, value_name = "SEK", value_parser = Ore::parse_sek)]
    pub max_cost: Option<Ore>,
    /// The simulator
    #[command(flatten)]
    pub simulation: Simulation,
    /// How it reports
    #[command(flatten)]
    pub reporting: Reporting,
}

/// What `run` and `plan` take of the input.
#[derive(Debug, Clone, Args)]
pub struct Rows {
    /// Read this instead of the job's own input; - is standard input
    #[arg(long, value_name = "PATH|-")]
    pub input: Option<PathOrStream>,
    /// The first N rows, as a run of its own
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Use no answer that is in the ledger already
    #[arg(long)]
    pub buy_again: bool,
}

/// `--simulate` and what goes with it, for commands that send.
#[derive(Debug, Clone, Args)]
pub struct Simulation {
    /// Use the simulator for every provider, with a ledger of its own; no secret is read
    #[arg(long)]
    pub simulate: bool,
    /// What goes wrong in the simulator
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub scenario: Option<PathBuf>,
    /// From which the simulator makes its answers
    #[arg(long, value_name = "N", requires = "simulate")]
    pub seed: Option<u64>,
}

/// How `run` and `retry` report.
#[derive(Debug, Clone, Args)]
pub struct Reporting {
    /// How progress is shown on stderr
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub progress: ProgressMode,
    /// Write the summary as JSON when the run ends; - is stdout
    #[arg(long, value_name = "PATH|-")]
    pub summary_json: Option<PathOrStream>,
    /// Answer every question with yes
    #[arg(long)]
    pub yes: bool,
}

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// A bar on a terminal, else plain.
    #[default]
    Auto,
    /// A line now and then.
    Plain,
    /// An object a line, logs and errors too.
    Json,
    /// The names of the files, and warnings.
    None,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which rows, and whether stored answers may stand in
    #[command(flatten)]
    pub rows: Rows,
    /// Also tell what differs from the job's last run
    #[arg(long)]
    pub diff: bool,
    /// Plan for the simulator and its ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Job files, catalogue files, configurations, or folders of them
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

/// `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The N most recent
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u64).range(1..))]
    pub limit: u64,
    /// The runs in the simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// An id, a unique prefix of one, a job's name (its last run) or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    pub run: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// With --json: the lost answers one by one instead of the run
    #[arg(long, requires = "json")]
    pub unknowns: bool,
    /// A run in the simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `retry`.
#[derive(Debug, Args)]
#[command(after_long_help = Exit::table())]
pub struct RetryArgs {
    /// An id, a unique prefix of one, a job's name (its last run) or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Also what ended unknown: it may have been billed already, so this says what it may cost and asks
    #[arg(long)]
    pub unknown: bool,
    /// The simulator
    #[command(flatten)]
    pub simulation: Simulation,
    /// How it reports
    #[command(flatten)]
    pub reporting: Reporting,
}

/// `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// An id, a unique prefix of one, a job's name (its last run) or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The outputs of this job file instead of the run's own
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "shape", "output"])]
    pub job: Option<PathBuf>,
    /// The format of --output [default: from its ending]
    #[arg(long, value_name = "FORMAT", value_enum, requires = "output")]
    pub format: Option<FileFormat>,
    /// A row a lookup, or a row an input line [default: long]
    #[arg(long, value_name = "SHAPE", value_enum, requires = "output")]
    pub shape: Option<FileShape>,
    /// Write this one file instead of the job's outputs; - is stdout
    #[arg(long, value_name = "PATH|-")]
    pub output: Option<PathOrStream>,
    /// A run in the simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// RFC 4180.
    Csv,
    /// One array.
    Json,
    /// One object a line.
    Jsonl,
}

/// `--shape`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FileShape {
    /// A row a lookup.
    #[default]
    Long,
    /// A row an input line.
    Wide,
}

/// What `export` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTo {
    /// The outputs of the run's own job.
    Own,
    /// The outputs of this job file.
    Job(PathBuf),
    /// One file.
    File {
        /// Where to.
        output: PathOrStream,
        /// Its format.
        format: FileFormat,
        /// Its shape.
        shape: FileShape,
    },
}

impl ExportArgs {
    /// What to write. A file without `--format` whose ending tells none is a mistake in usage.
    pub fn target(&self) -> Result<ExportTo, clap::Error> {
        if let Some(job) = &self.job {
            return Ok(ExportTo::Job(job.clone()));
        }
        let Some(output) = &self.output else { return Ok(ExportTo::Own) };
        let format = self.format.map_or_else(|| format_of(output), Ok)?;
        Ok(ExportTo::File { output: output.clone(), format, shape: self.shape.unwrap_or_default() })
    }
}

fn format_of(output: &PathOrStream) -> Result<FileFormat, clap::Error> {
    let ending = match output {
        PathOrStream::Stream => None,
        PathOrStream::File(path) => path.extension().and_then(|ending| ending.to_str()),
    };
    if let Some(message) = ending.and_then(ending_not_yet) {
        return Err(clap::Error::raw(ErrorKind::InvalidValue, format!("{message}\n")));
    }
    ending.and_then(|ending| FileFormat::from_str(ending, true).ok()).ok_or_else(|| {
        let message = "the ending of '--output' tells no format: give '--format csv', 'json' or 'jsonl'";
        super::command(TermStyle::PLAIN).error(ErrorKind::MissingRequiredArgument, message)
    })
}

/// `simulator`.
#[derive(Debug, Args)]
pub struct SimulatorArgs {
    /// Where to serve
    #[arg(long, value_name = "127.0.0.1:PORT", default_value = "127.0.0.1:8484", value_parser = loopback)]
    pub listen: SocketAddr,
    /// From which it makes its answers
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What goes wrong
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
}

/// The imitation speaks plain http, which the client side takes from loopback addresses only.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address and a port, such as 127.0.0.1:8484".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("only a loopback address is served".to_owned()) }
}

/// `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The account in the configuration; not needed where there is only one
    #[arg(value_name = "PROVIDER")]
    pub provider: Option<String>,
}

/// `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where the copy is written; it gets its name when all of it is on disk
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace what is there
    #[arg(long)]
    pub force: bool,
    /// Copy the simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `access`.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// Write JSON, with the answers, to this file, which its owner alone can read
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print JSON, with the answers
    #[arg(long)]
    pub json: bool,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Print JSON, an entry a line as a sink gets it
    #[arg(long)]
    pub json: bool,
    /// See instead whether every entry is what was written (else exit 6), and print the hash of the last
    #[arg(long)]
    pub verify: bool,
    /// With --verify: a hash that must still stand in it, from an earlier look or from the sink
    #[arg(long, value_name = "HASH", requires = "verify", value_parser = hash)]
    pub head: Option<Hash>,
    /// The simulator's ledger
    #[arg(long)]
    pub simulate: bool,
}

fn hash(text: &str) -> Result<Hash, String> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
    let hash = bytes.and_then(|bytes| Hash::try_from(bytes).ok());
    // A sign would be taken for a part of a number.
    hash.filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .ok_or_else(|| "64 hexadecimal digits, as `orgpull audit --verify` prints them".to_owned())
}

/// `key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// What is done
    #[command(subcommand)]
    pub command: KeyCommand,
    /// The simulator's ledger
    #[arg(long, global = true)]
    pub simulate: bool,
}

/// What `key` does.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key, in a file that is not there yet
    New {
        /// Where the key is written
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Wrap the key ring anew by the first key of the configuration; no answer is rewritten
    Rotate,
    /// Copy the key ring to a file
    Backup {
        /// Where the copy is written
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace what is there
        #[arg(long)]
        force: bool,
    },
    /// Put a copy of the key ring back
    Restore {
        /// The copy
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `catalogue`.
#[derive(Debug, Args)]
pub struct CatalogueArgs {
    /// A provider, or a service such as creditsafe.getdata
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_long_help = Exit::table())]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
