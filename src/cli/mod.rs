//! The command line: reads it, hands the work to the other rooms, says how it ended.

pub mod args;
mod commands;
pub mod console;
mod desk;
pub mod docs;
mod limits;
pub mod look;
pub mod report;
mod signals;
pub mod telemetry;

use crate::domain::exit::Exit;
use args::{Command, LogFormat, ProgressMode, parse};
use console::{Console, print_bytes};
use desk::{Desk, Failure};
use look::Look;
use std::ffi::OsString;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

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
        Failure::Reported(_) => {}
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
