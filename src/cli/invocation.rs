//! What a command has before it: where it writes, how it is shown, its settings. And why it failed.

use super::args::{Cli, Global, LogFormat};
use super::console::Console;
use super::console::{print, print_as};
use super::report::{OutputMode, RefusedCommand, Reporter, TypedFlags, next_after_refusal};
use super::term_style;
use super::term_style::TermStyle;
use crate::config::{ConfigError, ConfigFlags, Settings};
use crate::daemon::DaemonError;
use crate::domain::exit::Exit;
use crate::export::ExportError;
use crate::ledger::{KeyError, LedgerError, RestoreError};
use crate::problem::FileError;
use crate::run::RunError;
use crate::run::event::{Event, Level, Notice};
use crate::simulator::{ScenarioError, SimulatorError};
use crate::statement::StatementError;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
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
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A statement is read to its end before anything is settled by it.
    #[error("{0}; nothing was changed")]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Standard output or a file named on the command line cannot be written.
    #[error("{0}")]
    Output(String),
    /// Reported already; only the code is left to give.
    #[error("")]
    Reported(Exit),
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Clap(_) | Self::Restore(RestoreError::Itself(_)) => Exit::Usage,
            Self::Config(_) | Self::File(_) | Self::Statement(_) | Self::Simulator(_) | Self::Scenario(_) => {
                Exit::Config
            }
            Self::Ledger(LedgerError::Key(KeyError::Needed)) => Exit::Config,
            Self::Ledger(_) | Self::Restore(_) => Exit::Ledger,
            Self::Run(error) => error.exit(),
            Self::Daemon(error) => error.exit(),
            Self::Export(_) | Self::Output(_) => Exit::Output,
            Self::Reported(exit) => *exit,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(format!("standard output cannot be written: {error}"))
    }
}

/// Says who is at it, where the user's name does not.
const OPERATOR: &str = "ORGPULL_OPERATOR";

/// Who is at it.
pub(super) fn operator() -> String {
    let named = std::env::var(OPERATOR).ok().filter(|name| !name.trim().is_empty());
    named.unwrap_or_else(|| {
        let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::geteuid().as_raw()));
        format!("{user}@{}", host())
    })
}

/// This machine's name.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What every command has at hand.
pub(super) struct Invocation {
    pub(super) global: Global,
    pub(super) console: Console,
    pub(super) output_mode: OutputMode,
    pub(super) asked: TypedCommand,
}

/// What was typed, as far as it is needed to say what to type next.
pub(super) struct TypedCommand {
    /// Behind the program's name.
    pub(super) words: Vec<String>,
    /// Whether a run was to be driven: only such commands say what to type next.
    pub(super) drives: bool,
    /// `run`'s job file.
    pub(super) job: Option<PathBuf>,
    /// `--simulate`.
    pub(super) simulate: bool,
}

impl Invocation {
    pub(super) fn new(cli: &Cli, words: &[OsString], console: Console) -> Self {
        let Cli { global, command } = cli;
        let output_mode = OutputMode {
            mode: command.reporting().map(|reporting| reporting.progress).unwrap_or_default(),
            quiet: global.quiet,
            verbose: global.verbose > 0,
            terminal: io::stderr().is_terminal() && !term_style::is_dumb(),
        };
        let asked = TypedCommand {
            words: words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            drives: command.reporting().is_some(),
            job: command.job().map(Path::to_owned),
            simulate: command.simulates(),
        };
        if global.log_format == LogFormat::Json {
            console.disable_colour();
        }
        Self { global: global.clone(), console, output_mode, asked }
    }

    pub(super) fn flags(&self, simulate: bool) -> ConfigFlags {
        ConfigFlags { config: self.global.config.clone(), database: self.global.database.clone(), simulate }
    }

    /// The configuration; with `simulate` every account is the simulator's, at an address still to be set.
    pub(super) fn settings(&self, simulate: bool) -> Result<Settings, Failure> {
        Ok(Settings { operator: operator(), ..Settings::load(self.flags(simulate))? })
    }
    /// A reporter on the console, in the form that was asked for.
    pub(super) fn reporter(&self) -> Reporter {
        Reporter::new(self.console.clone(), self.output_mode)
    }

    /// Something that does not look right and keeps nothing from going on.
    pub(super) fn warn(&self, kind: &'static str, message: String) {
        self.reporter().event(&Event::Notice(Notice { level: Level::Warning, kind, message }));
    }

    /// What the next command has to repeat.
    pub(super) fn typed(&self) -> TypedFlags {
        TypedFlags {
            folder: std::env::current_dir().unwrap_or_default(),
            config: self.global.config.clone(),
            database: self.global.database.clone(),
        }
    }

    /// What to type next after an ending without a run of its own: the job's name and file where they are known.
    pub(super) fn next_after_refusal(
        &self,
        exit: Exit,
        job: Option<&str>,
        job_path: Option<&Path>,
    ) -> String {
        let TypedCommand { words, simulate, .. } = &self.asked;
        let job_path = job_path.or(self.asked.job.as_deref());
        let refused = RefusedCommand { job, job_path, simulated: *simulate, words };
        next_after_refusal(exit, &refused, &self.typed())
    }

    /// How results look on standard output, as it is now.
    pub(super) fn style(&self) -> TermStyle {
        let style = TermStyle::of(&::console::Term::stdout());
        if self.global.log_format == LogFormat::Json { style.without_colour() } else { style }
    }

    /// Results for a person, to standard output. `-q` keeps them back: whoever calls this has nothing wrong to tell.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        self.say_to(&mut io::stdout().lock(), text)
    }

    pub(super) fn say_to(&self, out: &mut impl io::Write, text: &str) -> Result<(), Failure> {
        if self.global.quiet { Ok(()) } else { self.show_to(out, text) }
    }

    /// The same, `-q` or not.
    pub(super) fn show(&self, text: &str) -> Result<(), Failure> {
        self.show_to(&mut io::stdout().lock(), text)
    }

    /// No wider than the terminal, whoever has made the text.
    pub(super) fn show_to(&self, out: &mut impl io::Write, text: &str) -> Result<(), Failure> {
        let style = self.style();
        Ok(print_as(out, &style.fold(text), style)?)
    }

    /// Data that was asked for, to standard output, `-q` or not.
    pub(super) fn print(text: &str) -> Result<(), Failure> {
        Ok(print(&mut io::stdout().lock(), text)?)
    }
}
