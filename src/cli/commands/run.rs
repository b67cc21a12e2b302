//! `run` and `retry`.

use super::super::args::{RetryArgs, RunArgs};
use super::super::opening::open_existing;
use super::super::report::Reporter;
use super::super::{Failure, Invocation, signals, telemetry};
use super::consent::confirmed_cost;
use super::consent::confirmed_retry;
use super::driving::{Driving, RunReporting, exit_of};
use super::simulated::{only_simulated, simulator_for};
use super::{job_of, load_job, one_run, origin};
use crate::config::Settings;
use crate::domain::budget::Limit;
use crate::domain::exit::Exit;
use crate::run::event::observers;
use crate::run::{self, Context, Options, RunError, SharedTokens, StopRequest};
use crate::simulator::Simulator;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// `orgpull run`.
pub(in crate::cli) async fn run(invocation: &Invocation, args: RunArgs) -> Result<Exit, Failure> {
    let mut settings = invocation.settings(args.simulation.simulate)?;
    let job = load_job(&args.job, &settings, args.simulation.simulate)?;
    let simulator = simulator_for(&mut settings, &args.simulation).await?;
    let options = Options {
        new: args.new,
        only_continue: args.continue_only,
        limit: args.rows.limit,
        buy_again: args.rows.buy_again,
        input: args.rows.input.as_ref().map(origin),
        budget: Limit { max_calls: args.max_calls, max_cost: args.max_cost },
        ..Options::default()
    };
    let asks = !args.reporting.yes && !args.simulation.simulate;
    if asks && !confirmed_cost(invocation, &settings, &job, &options).await? {
        // 0 would say that all is settled.
        return Ok(Exit::Stopped);
    }
    let began = Instant::now();
    let asked = RunReporting::of(&args.reporting, &job, &settings);
    let how = (args.simulation.simulate, job.rules.outage_wait);
    let (context, reporter) = begin(invocation, settings, &asked, how).await?;
    let driving = Driving { invocation, context: &context, reporter: &reporter, asked: &asked, began };
    let exit = Box::pin(driving.runs(job, Options { began: Some(began), ..options }, asks)).await?;
    end(context, simulator).await?;
    Ok(exit)
}

/// Folds the ledger's log back into its file, and ends the simulator.
async fn end(context: Context, simulator: Option<Simulator>) -> Result<(), Failure> {
    if let Some(ledger) = Arc::into_inner(context.ledger) {
        ledger.close().await;
    }
    match simulator {
        Some(simulator) => Ok(simulator.shutdown().await?),
        None => Ok(()),
    }
}

/// `orgpull retry`.
pub(in crate::cli) async fn retry(invocation: &Invocation, args: RetryArgs) -> Result<Exit, Failure> {
    let mut settings = invocation.settings(args.simulation.simulate)?;
    let ledger = open_existing(&settings).await?;
    let run = one_run(&ledger, &args.run).await?;
    let job = job_of(&run, &settings, invocation)?;
    if args.unknown && !confirmed_retry(invocation, &settings, &ledger, (&run, &job), &args).await? {
        return Ok(Exit::Stopped);
    }
    drop(ledger);
    let simulator = simulator_for(&mut settings, &args.simulation).await?;
    let began = Instant::now();
    let asked = RunReporting::of(&args.reporting, &job, &settings);
    let how = (args.simulation.simulate, job.rules.outage_wait);
    let (context, reporter) = begin(invocation, settings, &asked, how).await?;
    let (job_name, job_path) = (job.name.clone(), job.path.clone());
    let driving = Driving { invocation, context: &context, reporter: &reporter, asked: &asked, began };
    let exit = match run::retry(&context, job, &run, args.unknown).await {
        Ok(ended) => exit_of(&driving.close(ended, None, true).await?),
        Err(broken) => driving.broke_off(&broken, (&job_name, &job_path), None).await?,
    };
    end(context, simulator).await?;
    Ok(exit)
}

async fn begin(
    invocation: &Invocation,
    settings: Settings,
    asked: &RunReporting<'_>,
    (simulate, outage_wait): (bool, Duration),
) -> Result<(Context, Arc<Reporter>), Failure> {
    asked.writable()?;
    let mut stop = signals::stop_requests()
        .map_err(|e| Failure::Run(RunError::Bug(format!("signals cannot be listened to: {e}"))))?;
    let reporter = Arc::new(invocation.reporter());
    reporter.files(settings.path.as_deref(), &settings.database);
    let ledger = tokio::select! {
        opened = invocation.open(&settings) => Arc::new(opened?),
        // Another process may be migrating it.
        Ok(_) = stop.wait_for(|request| *request != StopRequest::None) => return Err(RunError::Stopped.into()),
    };
    ledger.wait_at_most(outage_wait);
    signals::hurry_when_stopped(&ledger, stop.clone());
    if simulate {
        only_simulated(&ledger).await?;
    }
    let hears = reporter.clone();
    let observer = observers(vec![Arc::new(telemetry::log), Arc::new(move |event| hears.event(event))]);
    Ok((Context { ledger, settings, observer, stop, tokens: SharedTokens::default() }, reporter))
}
