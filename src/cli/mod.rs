//! The command line: reads it, hands the work to the other rooms, says how it ended.

pub mod args;
mod commands;
pub mod console;
pub mod docs;
mod invocation;
mod limits;
mod opening;
pub mod report;
mod signals;
pub mod telemetry;
pub mod term_style;

use crate::config::Settings;
use crate::domain::exit::Exit;
use crate::ledger::LedgerError;
use args::{Command, LogFormat, ProgressMode, parse};
use console::{Console, print_bytes};
use invocation::{Failure, Invocation};
use std::ffi::OsString;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use term_style::TermStyle;

/// Runs the program and gives its exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    limits::disable_core_dumps();
    limits::raise_open_file_limit();
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
    let invocation = Invocation::new(&cli, arguments.get(1..).unwrap_or_default(), console);
    if let Err(error) = begin_logging(&invocation) {
        invocation.reporter().failed(&error.to_string(), Exit::Usage, None);
        return Exit::Usage.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            invocation.reporter().failed(&format!("the runtime cannot be started: {error}"), Exit::Bug, None);
            return Exit::Bug.into();
        }
    };
    // A panic's place is told by the hook, and the code says that it was a bug. What it means for the ledger nobody knows.
    let done = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(dispatch(&invocation, cli.command))));
    runtime.shutdown_background();
    match done {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            tell(&invocation, &failure);
            failure.exit().into()
        }
        Err(_) => Exit::Bug.into(),
    }
}

fn begin_logging(invocation: &Invocation) -> Result<(), telemetry::TelemetryError> {
    let variable = std::env::var(telemetry::VARIABLE).ok();
    let logging = telemetry::Logging {
        verbose: invocation.global.verbose,
        quiet: invocation.global.quiet,
        // Logs stand on the same stream as progress, and a program that reads it takes nothing but JSON.
        format: if invocation.output_mode.mode == ProgressMode::Json {
            LogFormat::Json
        } else {
            invocation.global.log_format
        },
        variable: variable.as_deref(),
    };
    telemetry::init(logging, &invocation.console)
}

async fn dispatch(invocation: &Invocation, command: Command) -> Result<Exit, Failure> {
    limits::ignore_file_size_signal();
    match command {
        // Large, and awaited once a process.
        Command::Run(args) => Box::pin(commands::run::run(invocation, args)).await,
        Command::Retry(args) => commands::run::retry(invocation, args).await,
        Command::Plan(args) => commands::read::plan(invocation, args).await,
        Command::Runs(args) => commands::read::runs(invocation, &args).await,
        Command::Status(args) => commands::read::status(invocation, &args).await,
        Command::Export(args) => commands::export::export(invocation, &args).await,
        Command::Spend(args) => commands::spend::spend(invocation, &args).await,
        Command::Reconcile(args) => commands::reconcile::reconcile(invocation, &args).await,
        Command::Resolve(args) => commands::reconcile::resolve(invocation, &args).await,
        Command::Schedule(args) => commands::schedule::schedule(invocation, args).await,
        Command::Jobs(args) => commands::jobs::jobs(invocation, &args).await,
        Command::Pause(args) => commands::jobs::pause(invocation, &args).await,
        Command::Unpause(args) => commands::jobs::unpause(invocation, &args).await,
        Command::Fire(args) => commands::jobs::fire(invocation, &args).await,
        Command::Backup(args) => commands::backup::backup(invocation, &args).await,
        Command::Access(args) => commands::access::access(invocation, &args).await,
        Command::Forget(args) => commands::forget::forget(invocation, &args).await,
        Command::Restore(args) => commands::restore::restore(invocation, &args).await,
        Command::Purge(args) => commands::purge::purge(invocation, &args).await,
        Command::Audit(args) => commands::audit::audit(invocation, &args).await,
        Command::Key(args) => commands::key::key(invocation, &args).await,
        Command::Check(args) => commands::other::check(invocation, &args),
        Command::Simulator(args) => commands::other::simulator(invocation, &args).await,
        Command::Login(args) => commands::other::login(invocation, &args).await,
        Command::Catalogue(args) => commands::catalogue::catalogue(invocation, &args),
        Command::Doctor(args) => commands::doctor::doctor(invocation, &args).await,
        Command::Schema(_) => commands::other::schema(),
        Command::Completions(args) => commands::other::completions(&args),
        Command::Man(args) => commands::other::man(invocation, &args),
    }
}

fn tell(invocation: &Invocation, failure: &Failure) {
    match failure {
        Failure::Reported(_) => {}
        Failure::Clap(error) => tell_usage(&invocation.console, error),
        failure => {
            let exit = failure.exit();
            let next =
                before_a_run(invocation, failure).then(|| invocation.next_after_refusal(exit, None, None));
            invocation.reporter().failed(&told(failure), exit, next.as_deref());
        }
    }
}

/// What is wrong, in words. Whoever has only tried the simulator looks for its ledger.
fn told(failure: &Failure) -> String {
    match failure {
        Failure::Ledger(LedgerError::Missing(path)) if Settings::simulators(path).is_file() => {
            format!("{failure}; the simulator's ledger is there: add --simulate")
        }
        failure => failure.to_string(),
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
    let (style, text) = (TermStyle::of(&::console::Term::stdout()), error.render());
    let text = if style.colour() { text.ansi().to_string() } else { text.to_string() };
    let _ = print_bytes(&mut io::stdout().lock(), style.fold(&text).as_bytes());
}

/// Whether a run was asked for and this kept it from beginning, so that the command can be given again as it was.
fn before_a_run(invocation: &Invocation, failure: &Failure) -> bool {
    use Failure::{Config, File, Ledger, Scenario};
    invocation.asked.drives && matches!(failure, Config(_) | File(_) | Ledger(_) | Scenario(_))
}

#[cfg(test)]
mod tests;
