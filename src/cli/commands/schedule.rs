//! `schedule`: the daemon, and what it is going to do.

use super::super::args::{LogFormat, ScheduleArgs, ScheduleCommand};
use super::super::invocation::{host, operator};
use super::super::report::{DaemonLines, NextFire, daemon_json, daemon_text, fires_text, too_long};
use super::super::{Failure, Invocation, signals, telemetry};
use super::folder::{absolute, folder, ledger_if_any};
use super::install::install;
use super::simulated::simulator_for;
use crate::config::{SIMULATOR, Settings};
use crate::daemon::{self, Configure, DaemonError, DaemonEvent, DaemonObserver, Setup};
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::pace::Rate;
use crate::domain::schedule::DueTime;
use crate::job::{Job, needs};
use crate::ledger::{Ledger, ScheduleRecord};
use crate::run::event::Level;
use crate::run::{RunError, StopRequest};
use crate::time::now_ms;
use std::sync::Arc;

/// `orgpull schedule`.
pub(in crate::cli) async fn schedule(invocation: &Invocation, args: ScheduleArgs) -> Result<Exit, Failure> {
    if let Some(ScheduleCommand::Install(args)) = &args.command {
        return install(invocation, args);
    }
    if args.list {
        return list(invocation, &args).await;
    }
    let mut settings = invocation.settings(args.simulation.simulate)?;
    let simulator = simulator_for(&mut settings, &args.simulation).await?;
    let deaf = |e: std::io::Error| Failure::Run(RunError::Bug(format!("signals cannot be listened to: {e}")));
    let (stop, reload) = signals::daemon_requests().map_err(deaf)?;
    let observer = observer(invocation);
    observer(files(&settings));
    let mut stopped = stop.clone();
    let ledger = tokio::select! {
        opened = invocation.open(&settings) => Arc::new(opened?),
        // A newer version may be copying and migrating it. Cut short, that is begun anew by the next.
        Ok(_) = stopped.wait_for(|request| *request != StopRequest::None) => return Ok(Exit::Settled),
    };
    signals::hurry_when_stopped(&ledger, stop.clone());
    if args.simulation.simulate && ledger.has_runs_outside(SIMULATOR).await? {
        return Err(Failure::Usage(format!(
            "{} holds runs of a real account, and the simulator keeps to a ledger of its own: leave --database (or \
             ORGPULL_DATABASE) out, or name another file",
            settings.database.display()
        )));
    }
    let setup = Setup {
        folder: absolute(&args.dir),
        ledger: Arc::clone(&ledger),
        configure: configure(
            invocation,
            simulator.as_ref().map(|simulator| (simulator.base_url(), simulator.pace())),
        ),
        simulate: args.simulation.simulate,
        grace: args.grace,
        host: host(),
        observer,
        stop,
        reload,
    };
    let exit = daemon::serve(setup).await?;
    if let Some(ledger) = Arc::into_inner(ledger) {
        ledger.close().await;
    }
    if let Some(simulator) = simulator {
        simulator.shutdown().await?;
    }
    Ok(exit)
}

/// Reads the configuration again, and keeps what this process has made up: the simulator's address and pace.
fn configure(invocation: &Invocation, simulated: Option<(String, Rate)>) -> Configure {
    let flags = invocation.flags(simulated.is_some());
    Box::new(move || {
        let mut settings = Settings { operator: operator(), ..Settings::load(flags.clone())? };
        if let Some((address, pace)) = &simulated {
            settings.set_simulator_address(address);
            settings.accounts.values_mut().for_each(|account| account.rate = *pace);
        }
        Ok(settings)
    })
}

/// One line each, in the form of the logs; `-q` keeps back what is no warning.
fn observer(invocation: &Invocation) -> DaemonObserver {
    let (console, quiet, format) =
        (invocation.console.clone(), invocation.global.quiet, invocation.global.log_format);
    let lines = DaemonLines::default();
    Arc::new(move |entry| {
        telemetry::log(&entry.event);
        let Some(line) = lines.line(&entry).filter(|line| !quiet || line.level == Level::Warning) else {
            return;
        };
        console.line(&match format {
            LogFormat::Text => daemon_text(&line, now_ms(), console.style()),
            LogFormat::Json => daemon_json(&entry, &line, now_ms()).to_string(),
        });
    })
}

/// Which files it goes by, as every run names them.
fn files(settings: &Settings) -> DaemonEvent {
    let configuration =
        settings.path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    let message = format!("configuration {configuration}, ledger {}", settings.database.display());
    DaemonEvent::new(Level::Info, "files", message)
}

/// `orgpull schedule --list`.
async fn list(invocation: &Invocation, args: &ScheduleArgs) -> Result<Exit, Failure> {
    let simulate = args.simulation.simulate;
    let settings = invocation.settings(simulate)?;
    let (folder, good) = folder(invocation, &args.dir, &settings, simulate)?;
    let ledger = ledger_if_any(&settings).await?;
    let jobs: Vec<&Job> = folder.jobs().into_iter().filter(|job| job.schedule.is_some()).collect();
    if jobs.is_empty() {
        let (folder, broken) = (absolute(&args.dir), folder.broken());
        return Err(DaemonError::NothingToDo { folder, broken }.into());
    }
    let now = now_ms();
    let count = usize::try_from(args.count).unwrap_or(usize::MAX);
    let mut fires: Vec<NextFire<'_>> = Vec::new();
    for job in jobs {
        let Some(schedule) = &job.schedule else { continue };
        let (cost, book) = match &ledger {
            Some(ledger) => {
                (last_cost(ledger, &job.name).await?, ledger.schedule_record(&job.name, now).await?)
            }
            None => (None, ScheduleRecord::default()),
        };
        let paused = book.paused.is_some();
        let next = |due: &DueTime| schedule.next(due.at);
        let first = schedule.next(book.counted_from.unwrap_or(now).max(now));
        let times = std::iter::successors(first, next).take(count);
        fires.extend(times.map(|due| NextFire { job: &job.name, schedule, due, cost, paused }));
        if let Some(needs) = needs(job, &settings) {
            invocation.warn("schedule", too_long(&job.name, needs));
        }
    }
    fires.sort_by_key(|fire| (fire.due.at, fire.job));
    fires.truncate(count);
    invocation.show(&fires_text(&fires, invocation.style()))?;
    if good { Ok(Exit::Settled) } else { Err(Failure::Reported(Exit::Config)) }
}

/// What the job's last run cost, which the next one may be expected to, and whether some of it has no price.
async fn last_cost(ledger: &Ledger, job: &str) -> Result<Option<(Ore, bool)>, Failure> {
    match ledger.last_finished(job).await? {
        Some(run) => {
            let totals = ledger.totals(run.id).await?;
            Ok(Some((totals.cost, !totals.unpriced.is_empty())))
        }
        None => Ok(None),
    }
}
