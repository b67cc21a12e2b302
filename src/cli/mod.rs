//! The command line: reads it, hands the work to the other rooms, says how it ended.

pub mod args;
mod commands;
pub mod console;
pub mod docs;
mod limits;
pub mod look;
pub mod report;
mod signals;
pub mod telemetry;

use crate::config::{ConfigError, ConfigFlags, Settings};
use crate::daemon::DaemonError;
use crate::domain::exit::Exit;
use crate::export::ExportError;
use crate::ledger::LedgerError;
use crate::problem::FileError;
use crate::run::RunError;
use crate::run::event::{Event, Level, Notice};
use crate::simulator::{ScenarioError, SimulatorError};
use crate::statement::StatementError;
use args::{Cli, Command, Global, LogFormat, ProgressMode, parse};
use console::{Console, print, print_as, print_bytes};
use look::Look;
use report::{Refused, Reporter, Typed, Voice, next_after_refusal};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
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
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Statement(#[from] StatementError),
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
            Self::Config(_) | Self::File(_) | Self::Statement(_) | Self::Simulator(_) | Self::Scenario(_) => {
                Exit::Config
            }
            Self::Ledger(_) => Exit::Ledger,
            Self::Run(error) => error.exit(),
            Self::Daemon(error) => error.exit(),
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
    voice: Voice,
    asked: Asked,
}

/// What was typed, as far as it is needed to say what to type next.
struct Asked {
    /// Behind the program's name.
    words: Vec<String>,
    /// Whether a run was to be driven: only such commands say what to type next.
    drives: bool,
    /// `run`'s job file.
    job: Option<PathBuf>,
    /// `--simulate`.
    simulate: bool,
}

impl Desk {
    fn new(cli: &Cli, words: &[OsString], console: Console) -> Self {
        let Cli { global, command } = cli;
        let voice = Voice {
            mode: command.reporting().map(|reporting| reporting.progress).unwrap_or_default(),
            quiet: global.quiet,
            verbose: global.verbose > 0,
            terminal: io::stderr().is_terminal() && !look::is_dumb(),
        };
        let asked = Asked {
            words: words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            drives: command.reporting().is_some(),
            job: command.job().map(Path::to_owned),
            simulate: command.simulates(),
        };
        if global.log_format == LogFormat::Json {
            console.unpainted();
        }
        Self { global: global.clone(), console, voice, asked }
    }

    fn flags(&self, simulate: bool) -> ConfigFlags {
        ConfigFlags { config: self.global.config.clone(), database: self.global.database.clone(), simulate }
    }

    /// The configuration; with `simulate` every account is the simulator's, at an address still to be set.
    fn settings(&self, simulate: bool) -> Result<Settings, Failure> {
        Ok(Settings::load(self.flags(simulate))?)
    }

    /// A reporter on the console, in the form that was asked for.
    fn reporter(&self) -> Reporter {
        Reporter::new(self.console.clone(), self.voice)
    }

    /// Something that does not look right and keeps nothing from going on.
    fn warn(&self, kind: &'static str, message: String) {
        self.reporter().event(&Event::Notice(Notice { level: Level::Warning, kind, message }));
    }

    /// What the next command has to repeat.
    fn typed(&self) -> Typed {
        Typed {
            folder: std::env::current_dir().unwrap_or_default(),
            config: self.global.config.clone(),
            database: self.global.database.clone(),
        }
    }

    /// What to type next after an ending without a run of its own: the job's name and file where they are known.
    fn next_after_refusal(&self, exit: Exit, job: Option<&str>, job_path: Option<&Path>) -> String {
        let Asked { words, simulate, .. } = &self.asked;
        let job_path = job_path.or(self.asked.job.as_deref());
        let refused = Refused { job, job_path, simulated: *simulate, words };
        next_after_refusal(exit, &refused, &self.typed())
    }

    /// How results look on standard output, as it is now.
    fn look(&self) -> Look {
        let look = Look::of(&::console::Term::stdout());
        if self.global.log_format == LogFormat::Json { look.without_colour() } else { look }
    }

    /// Results for a person, to standard output. `-q` keeps them back: whoever calls this has nothing wrong to tell.
    fn say(&self, text: &str) -> Result<(), Failure> {
        self.say_to(&mut io::stdout().lock(), text)
    }

    fn say_to(&self, out: &mut impl io::Write, text: &str) -> Result<(), Failure> {
        if self.global.quiet { Ok(()) } else { self.show_to(out, text) }
    }

    /// The same, `-q` or not.
    fn show(&self, text: &str) -> Result<(), Failure> {
        self.show_to(&mut io::stdout().lock(), text)
    }

    /// No wider than the terminal, whoever has made the text.
    fn show_to(&self, out: &mut impl io::Write, text: &str) -> Result<(), Failure> {
        let look = self.look();
        Ok(print_as(out, &look.fold(text), look)?)
    }

    /// Data that was asked for, to standard output, `-q` or not.
    fn print(text: &str) -> Result<(), Failure> {
        Ok(print(&mut io::stdout().lock(), text)?)
    }
}

/// Runs the program and gives its exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    limits::keep_memory();
    limits::open_many_files();
    console::note_terminal();
    let console = Console::stderr();
    telemetry::hook_panics(console.clone());
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            tell_usage(&console, &error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let desk = Desk::new(&cli, arguments.get(1..).unwrap_or_default(), console);
    if let Err(error) = begin_logging(&desk) {
        desk.reporter().failed(&error.to_string(), Exit::Usage, None);
        return Exit::Usage.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            desk.reporter().failed(&format!("the runtime cannot be started: {error}"), Exit::Bug, None);
            return Exit::Bug.into();
        }
    };
    // A panic's place is told by the hook, and the code says that it was a bug. What it means for the ledger nobody knows.
    let done = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(dispatch(&desk, cli.command))));
    runtime.shutdown_background();
    match done {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            tell(&desk, &failure);
            failure.exit().into()
        }
        Err(_) => Exit::Bug.into(),
    }
}

fn begin_logging(desk: &Desk) -> Result<(), telemetry::TelemetryError> {
    let variable = std::env::var(telemetry::VARIABLE).ok();
    let logging = telemetry::Logging {
        verbose: desk.global.verbose,
        quiet: desk.global.quiet,
        // Logs stand on the same stream as progress, and a program that reads it takes nothing but JSON.
        format: if desk.voice.mode == ProgressMode::Json { LogFormat::Json } else { desk.global.log_format },
        variable: variable.as_deref(),
    };
    telemetry::init(logging, &desk.console)
}

async fn dispatch(desk: &Desk, command: Command) -> Result<Exit, Failure> {
    limits::survive_large_files();
    match command {
        // Large, and awaited once a process.
        Command::Run(args) => Box::pin(commands::run::run(desk, args)).await,
        Command::Retry(args) => commands::run::retry(desk, args).await,
        Command::Plan(args) => commands::read::plan(desk, args).await,
        Command::Runs(args) => commands::read::runs(desk, &args).await,
        Command::Status(args) => commands::read::status(desk, &args).await,
        Command::Export(args) => commands::export::export(desk, &args).await,
        Command::Spend(args) => commands::spend::spend(desk, &args).await,
        Command::Reconcile(args) => commands::reconcile::reconcile(desk, &args).await,
        Command::Resolve(args) => commands::reconcile::resolve(desk, &args).await,
        Command::Schedule(args) => commands::schedule::schedule(desk, args).await,
        Command::Jobs(args) => commands::jobs::jobs(desk, &args).await,
        Command::Pause(args) => commands::jobs::pause(desk, &args).await,
        Command::Unpause(args) => commands::jobs::unpause(desk, &args).await,
        Command::Fire(args) => commands::jobs::fire(desk, &args).await,
        Command::Backup(args) => commands::backup::backup(desk, &args).await,
        Command::Check(args) => commands::other::check(desk, &args),
        Command::Simulator(args) => commands::other::simulator(desk, &args).await,
        Command::Login(args) => commands::other::login(desk, &args).await,
        Command::Catalogue(args) => commands::catalogue::catalogue(desk, &args),
        Command::Doctor(args) => commands::doctor::doctor(desk, &args).await,
        Command::Schema(_) => commands::other::schema(),
        Command::Completions(args) => commands::other::completions(&args),
        Command::Man(args) => commands::other::man(desk, &args),
    }
}

fn tell(desk: &Desk, failure: &Failure) {
    match failure {
        Failure::Told(_) => {}
        Failure::Clap(error) => tell_usage(&desk.console, error),
        failure => {
            let exit = failure.exit();
            let next = before_a_run(desk, failure).then(|| desk.next_after_refusal(exit, None, None));
            desk.reporter().failed(&failure.to_string(), exit, next.as_deref());
        }
    }
}

/// What clap says of the command line. What is asked for, as by `--help`, goes to standard output in clap's own colours; a
/// mistake goes where all mistakes go, and may repeat a name (`orgpull check *`) that holds what a terminal obeys. Lines of
/// usage clap does not break.
fn tell_usage(console: &Console, error: &clap::Error) {
    if error.use_stderr() {
        console.line(error.render().to_string().trim_end());
        return;
    }
    let (look, text) = (Look::of(&::console::Term::stdout()), error.render());
    let text = if look.colour() { text.ansi().to_string() } else { text.to_string() };
    let _ = print_bytes(&mut io::stdout().lock(), look.fold(&text).as_bytes());
}

/// Whether a run was asked for and this kept it from beginning, so that the command can be given again as it was.
fn before_a_run(desk: &Desk, failure: &Failure) -> bool {
    use Failure::{Config, File, Ledger, Scenario};
    desk.asked.drives && matches!(failure, Config(_) | File(_) | Ledger(_) | Scenario(_))
}

#[cfg(test)]
mod tests;
