//! The command line: reads it, hands the work to the other rooms, says how it ended.

pub mod args;
mod commands;
pub mod console;
pub mod docs;
pub mod report;
mod signals;
pub mod telemetry;

use crate::config::{ConfigError, ConfigFlags, Settings};
use crate::domain::exit::Exit;
use crate::export::ExportError;
use crate::ledger::LedgerError;
use crate::problem::FileError;
use crate::run::RunError;
use crate::simulator::{ScenarioError, SimulatorError};
use args::{Cli, Command, Global, parse};
use console::{Console, print};
use std::ffi::OsString;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line asks for what makes no sense.
    #[error("{0}")]
    Usage(String),
    /// clap says it better, on its own stream.
    #[error("{0}")]
    Clap(Box<clap::Error>),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Standard output or a file named on the command line cannot be written.
    #[error("{0}")]
    Output(String),
    /// Told already; only the code is left to give.
    #[error("")]
    Told(Exit),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Clap(_) => Exit::Usage,
            Self::Config(_) | Self::File(_) | Self::Simulator(_) | Self::Scenario(_) => Exit::Config,
            Self::Ledger(_) => Exit::Ledger,
            Self::Run(error) => error.exit(),
            Self::Export(_) | Self::Output(_) => Exit::Output,
            Self::Told(exit) => *exit,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(format!("standard output cannot be written: {error}"))
    }
}

/// What every command has at hand.
struct Desk {
    global: Global,
    console: Console,
}

impl Desk {
    fn flags(&self, simulate: bool) -> ConfigFlags {
        ConfigFlags { config: self.global.config.clone(), database: self.global.database.clone(), simulate }
    }

    /// The configuration; with `simulate` every account is the simulator's, at an address still to be set.
    fn settings(&self, simulate: bool) -> Result<Settings, Failure> {
        Ok(Settings::load(self.flags(simulate))?)
    }

    /// Results, to standard output.
    fn print(text: &str) -> Result<(), Failure> {
        Ok(print(&mut io::stdout().lock(), text)?)
    }
}

/// Runs the program and gives its exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let console = Console::stderr();
    telemetry::hook_panics(console.clone());
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Err(error) = begin_logging(&cli, &console) {
        console.line(&format!("error: {error}"));
        return Exit::Usage.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.line(&format!("error: the runtime cannot be started: {error}"));
            return Exit::Bug.into();
        }
    };
    let desk = Desk { global: cli.global, console: console.clone() };
    // A panic's place is told by the hook; what is committed is safe, and the code says that it was a bug.
    let done = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(dispatch(desk, cli.command))));
    runtime.shutdown_background();
    match done {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            tell(&console, &failure);
            failure.exit().into()
        }
        Err(_) => Exit::Bug.into(),
    }
}

fn begin_logging(cli: &Cli, console: &Console) -> Result<(), telemetry::TelemetryError> {
    let variable = std::env::var(telemetry::VARIABLE).ok();
    let logging = telemetry::Logging {
        verbose: cli.global.verbose,
        quiet: cli.global.quiet,
        format: cli.global.log_format,
        variable: variable.as_deref(),
    };
    telemetry::init(logging, console)
}

async fn dispatch(desk: Desk, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => commands::run::run(&desk, args).await,
        Command::Retry(args) => commands::run::retry(&desk, args).await,
        Command::Plan(args) => commands::read::plan(&desk, args).await,
        Command::Runs(args) => commands::read::runs(&desk, &args).await,
        Command::Status(args) => commands::read::status(&desk, &args).await,
        Command::Export(args) => commands::export::export(&desk, &args).await,
        Command::Check(args) => commands::other::check(&desk, &args),
        Command::Simulator(args) => commands::other::simulator(&desk, &args).await,
        Command::Login(args) => commands::other::login(&desk, &args).await,
        Command::Schema(_) => commands::other::schema(),
        Command::Completions(args) => commands::other::completions(&args),
        Command::Man(args) => commands::other::man(&args),
    }
}

fn tell(console: &Console, failure: &Failure) {
    match failure {
        Failure::Told(_) => {}
        Failure::Clap(error) => {
            let _ = error.print();
        }
        // A file's problems begin with their own words.
        Failure::File(error) => console.line(error.to_string().trim_end()),
        Failure::Config(error @ ConfigError::File(_)) => console.line(error.to_string().trim_end()),
        failure => console.line(&format!("error: {failure}")),
    }
}
