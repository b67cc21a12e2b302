//! `run` and `retry`.

use super::super::args::{RetryArgs, RunArgs, Simulation};
use super::super::console::seen_as;
use super::super::look::Look;
use super::super::report::{Reporter, money, plan_text};
use super::super::{Desk, Failure, signals};
use super::driving::{Asked, Driving, exit_of};
use super::{job_of, load_job, one_run, origin};
use crate::config::{SIMULATOR, Settings};
use crate::domain::budget::Limit;
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::job::{Job, Origin};
use crate::ledger::{Ledger, LedgerError, RunRow};
use crate::run::{self, Context, Options, RunError, SharedTokens, StopRequest};
use crate::simulator::{self, Scenario, Simulator};
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// `orgpull run`.
pub(in crate::cli) async fn run(desk: &Desk, args: RunArgs) -> Result<Exit, Failure> {
    let mut settings = desk.settings(args.simulation.simulate)?;
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
    if asks && !wanted(desk, &settings, &job, &options).await? {
        // 0 would say that all is settled.
        return Ok(Exit::Stopped);
    }
    let began = Instant::now();
    let asked = Asked::of(&args.reporting, &job, &settings);
    let how = (args.simulation.simulate, job.rules.outage_wait);
    let (context, reporter) = begin(desk, settings, &asked, how).await?;
    let driving = Driving { desk, context: &context, reporter: &reporter, asked: &asked, began };
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
pub(in crate::cli) async fn retry(desk: &Desk, args: RetryArgs) -> Result<Exit, Failure> {
    let mut settings = desk.settings(args.simulation.simulate)?;
    let ledger = Ledger::open_existing(&settings.database).await?;
    let run = one_run(&ledger, &args.run).await?;
    let job = job_of(&run, &settings, desk)?;
    if args.unknown && !agreed(desk, &settings, &ledger, (&run, &job), &args).await? {
        return Ok(Exit::Stopped);
    }
    drop(ledger);
    let simulator = simulator_for(&mut settings, &args.simulation).await?;
    let began = Instant::now();
    let asked = Asked::of(&args.reporting, &job, &settings);
    let how = (args.simulation.simulate, job.rules.outage_wait);
    let (context, reporter) = begin(desk, settings, &asked, how).await?;
    let (job_name, job_path) = (job.name.clone(), job.path.clone());
    let driving = Driving { desk, context: &context, reporter: &reporter, asked: &asked, began };
    let exit = match run::retry(&context, job, &run, args.unknown).await {
        Ok(ended) => exit_of(&driving.close(ended, None, true).await?),
        Err(broken) => driving.broke_off(&broken, (&job_name, &job_path), None).await?,
    };
    end(context, simulator).await?;
    Ok(exit)
}

/// Starts the simulator in this process where the command line asks for it, and points every account at it.
pub(super) async fn simulator_for(
    settings: &mut Settings,
    asked: &Simulation,
) -> Result<Option<Simulator>, Failure> {
    if !asked.simulate {
        return Ok(None);
    }
    let scenario = match &asked.scenario {
        Some(path) => Scenario::load(path)?,
        None => Scenario::default(),
    };
    let options = simulator::Options {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        seed: asked.seed.unwrap_or_default(),
        scenario: scenario.without_bill(),
    };
    let simulator = Simulator::start(options).await?;
    settings.set_simulator_address(&simulator.base_url());
    for account in settings.accounts.values_mut() {
        account.rate = simulator.pace();
    }
    Ok(Some(simulator))
}

async fn begin(
    desk: &Desk,
    settings: Settings,
    asked: &Asked<'_>,
    (simulate, outage_wait): (bool, Duration),
) -> Result<(Context, Arc<Reporter>), Failure> {
    asked.writable()?;
    let mut stop = signals::stop_requests()
        .map_err(|e| Failure::Run(RunError::Bug(format!("signals cannot be listened to: {e}"))))?;
    let reporter = Arc::new(desk.reporter());
    reporter.files(settings.path.as_deref(), &settings.database);
    let ledger = tokio::select! {
        opened = Ledger::open(&settings.database) => Arc::new(opened?),
        // Another process may be migrating it.
        Ok(_) = stop.wait_for(|request| *request != StopRequest::None) => return Err(RunError::Stopped.into()),
    };
    ledger.wait_at_most(outage_wait);
    signals::hurry_when_stopped(&ledger, stop.clone());
    if simulate {
        only_simulated(&ledger).await?;
    }
    let hears = reporter.clone();
    let observer: run::Observer = Arc::new(move |event| hears.event(&event));
    Ok((Context { ledger, settings, observer, stop, tokens: SharedTokens::default() }, reporter))
}

/// Refuses the simulator a ledger in which real money is written down.
pub(super) async fn only_simulated(ledger: &Ledger) -> Result<(), Failure> {
    if !ledger.has_runs_outside(SIMULATOR).await? {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} holds runs of a real account, and the simulator keeps to a ledger of its own: leave --database (or \
         ORGPULL_DATABASE) out, or name another file",
        ledger.path().display()
    )))
}

/// Shows a person at a terminal the plan of a run that costs more than they said, and asks. Where nobody is, as under cron,
/// nothing is asked: budgets are for that.
pub(super) async fn wanted(
    desk: &Desk,
    settings: &Settings,
    job: &Job,
    options: &Options,
) -> Result<bool, Failure> {
    let piped = matches!(options.input.as_ref().unwrap_or(&job.input.origin), Origin::Stdin);
    if piped || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    let ledger = match Ledger::open_existing(&settings.database).await {
        Ok(ledger) => Some(ledger),
        Err(LedgerError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let limit = options.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    if options.only_continue
        && match &ledger {
            Some(ledger) => ledger.unfinished(&job.name, limit).await?.is_none(),
            None => true,
        }
    {
        return Ok(true);
    }
    // What is wrong with the job or its input the run itself tells.
    let options = Options { without_secrets: true, ..options.clone() };
    let max_cost = options.budget.max_cost;
    let plan = run::plan(settings, ledger.as_ref(), job.clone(), options).await;
    if let Some(ledger) = ledger {
        ledger.close().await;
    }
    let Ok(plan) = plan else { return Ok(true) };
    let price = max_cost.map_or(plan.price(), |most| most.min(plan.price()));
    // What has no price may cost more than anything.
    if plan.refusal.is_some() || price <= settings.confirm_above && !plan.is_unpriced() {
        return Ok(true);
    }
    let look = desk.console.look();
    let plan = (plan_text(&plan, look), may_cost(price, plan.is_unpriced()));
    if answered_yes(&format!("{}\nThis may cost {}. Run it? [y/N] ", plan.0, plan.1), look)? {
        return Ok(true);
    }
    desk.console.line("nothing is sent");
    Ok(false)
}

fn may_cost(price: Ore, unknown: bool) -> String {
    match (price, unknown) {
        (price, false) => money(price),
        (Ore::ZERO, true) => "money, and its price is unknown".to_owned(),
        (price, true) => format!("{}, and more whose price is unknown", money(price)),
    }
}

/// Puts a question on the terminal; whatever is not yes is no.
fn answered_yes(question: &str, look: Look) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", seen_as(question, look)).and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "j" | "ja"))
}

/// Says what asking again may cost, and asks.
async fn agreed(
    desk: &Desk,
    settings: &Settings,
    ledger: &Ledger,
    (run, job): (&RunRow, &Job),
    args: &RetryArgs,
) -> Result<bool, Failure> {
    let lost = ledger.totals(run.id).await?.outcomes[Outcome::Unknown.index()];
    if lost == 0 || args.reporting.yes {
        return Ok(true);
    }
    let again = run::asked_again(settings, ledger, job.clone(), run).await.map_err(Failure::Run)?;
    let lookups = counted(lost, "lookup", "lookups");
    let letters = match again.letters {
        0 => String::new(),
        letters => {
            format!(", and post {}", counted(letters, "letter of disclosure", "letters of disclosure"))
        }
    };
    let calls = if lost == 1 { "its call" } else { "their calls" };
    let what = format!(
        "{lookups} of run {} ended unknown; {calls} may have been carried out and billed.\nAsking again may cost {}{letters}.",
        run.run, again.calls
    );
    if !std::io::stdin().is_terminal() {
        let command =
            desk.typed().command(args.simulation.simulate, &["retry", &run.run, "--unknown", "--yes"]);
        return Err(Failure::Usage(format!("{what} There is nobody to ask: {command}")));
    }
    answered_yes(&format!("{what} Ask again? [y/N] "), desk.console.look())
}
