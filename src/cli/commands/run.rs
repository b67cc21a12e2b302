//! `run` and `retry`.

use super::super::args::{Place, Reporting, RetryArgs, RunArgs, Simulation};
use super::super::console::seen;
use super::super::report::{
    Closing, ColumnFound, OutputLine, Reporter, money, plan_text, summary_json, summary_text, with_examples,
};
use super::super::{Desk, Failure, signals};
use super::read::summed_up;
use super::{job_of, load_job, one_run, origin};
use crate::config::{SIMULATOR, Settings};
use crate::disk::{self, Change, Draft, Mode, PlaceError, Protected};
use crate::domain::budget::{Limit, Spend};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::export::{ColumnCount, Written};
use crate::job::{Job, Origin, Output};
use crate::ledger::{Ledger, LedgerError, RunRow};
use crate::run::event::{Event, Level, Notice, RunState, Summary};
use crate::run::{self, Broken, Context, Ended, Options, RunError, SharedTokens, StopRequest};
use crate::simulator::{self, Scenario, Simulator};
use crate::time::{now_ms, rfc3339};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
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
    if !args.reporting.yes && !args.simulation.simulate && !wanted(desk, &settings, &job, &options).await? {
        // 0 would say that all is settled.
        return Ok(Exit::Stopped);
    }
    let began = Instant::now();
    let asked = Asked::of(&args.reporting, &job, &settings);
    let how = (args.simulation.simulate, job.rules.outage_wait);
    let (context, reporter) = begin(desk, settings, &asked, how).await?;
    let (job_name, job_path) = (job.name.clone(), job.path.clone());
    let ended = run::execute(&context, job, options).await;
    let exit = match ended {
        Ok(Some(ended)) => close(desk, &context, &reporter, &asked, ended, began).await?,
        Ok(None) => {
            desk.say(&format!(
                "nothing of {job_name} is unfinished
"
            ))?;
            Exit::Settled
        }
        Err(error) => {
            broke_off(desk, &context, &reporter, &asked, &error, ((&job_name, &job_path), began)).await?
        }
    };
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
    let exit = match run::retry(&context, job, &run, args.unknown).await {
        Ok(ended) => close(desk, &context, &reporter, &asked, ended, began).await?,
        Err(error) => {
            broke_off(desk, &context, &reporter, &asked, &error, ((&job_name, &job_path), began)).await?
        }
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

/// Shows how a run ended, and what to type next.
async fn close(
    desk: &Desk,
    context: &Context,
    reporter: &Reporter,
    asked: &Asked<'_>,
    ended: Ended,
    began: Instant,
) -> Result<Exit, Failure> {
    let summary = summed_up(desk, &context.ledger, &ended.run, Some(ended.exit)).await?;
    reporter.finish(&summary);
    // First, since whoever reads the text may have gone.
    asked.write(&summary)?;
    if desk.global.quiet && ended.exit == Exit::Settled {
        return Ok(ended.exit);
    }
    let outputs: Vec<OutputLine> = ended.written.iter().map(output_line).collect();
    let text = summary_text(&Closing {
        summary: &summary,
        outputs: &outputs,
        again: ended.again,
        took: began.elapsed(),
    });
    if asked.on_stdout() {
        if !reporter.is_json() {
            desk.console.line(text.trim_end());
        }
    } else {
        Desk::print(&text)?;
    }
    Ok(ended.exit)
}

/// Says why nothing was run or why it broke off, and what to type next.
async fn broke_off(
    desk: &Desk,
    context: &Context,
    reporter: &Reporter,
    asked: &Asked<'_>,
    broken: &Broken,
    (job, began): ((&str, &Path), Instant),
) -> Result<Exit, Failure> {
    let (error, exit, why) = (&broken.error, broken.error.exit(), broken.to_string());
    let tell = |message| {
        reporter.event(&Event::Notice(Notice { level: Level::Warning, kind: "ledger-gone", message }));
    };
    let rescued = run::rescue(&context.ledger, context.stop.clone(), tell).await;
    let mut summary = match &broken.run {
        Some(run) => {
            let run = context.ledger.find(&run.run).await?.pop().unwrap_or_else(|| run.clone());
            summed_up(desk, &context.ledger, &run, Some(exit)).await?
        }
        None => Summary {
            next: desk.next_after_refusal(exit, Some(job.0), Some(job.1)),
            exit: Some(exit.code()),
            ..none_begun(job)
        },
    };
    summary.reason.clone_from(&why);
    let mut told = why;
    if let RunError::Input { examples, bad_rows, rejects, .. } = error {
        told = with_examples(&told, examples, *bad_rows);
        if let Some(path) = rejects {
            told = format!("{told}\n  all bad rows: {}", path.display());
        }
    }
    match rescued {
        Ok(None) => {}
        Ok(Some(rescued)) => {
            told = format!("{told}\n  {rescued}");
            summary.next = put_back(&summary.next);
        }
        Err(lost) => told = format!("{told}\n  {lost}"),
    }
    // What it has cost so far is worth knowing, also where it broke off.
    let mut printed = Ok(());
    if summary.calls > 0 && !reporter.is_json() && !asked.on_stdout() {
        printed = Desk::print(&summary_text(&Closing {
            summary: &summary,
            outputs: &[],
            again: Spend::default(),
            took: began.elapsed(),
        }));
    }
    reporter.failed(&told, exit, Some(&summary.next));
    asked.write(&summary)?;
    printed.map(|()| exit)
}

/// What to type next, once the ledger is where it was.
fn put_back(next: &str) -> String {
    let command = next.split_once(": ").map_or(next, |(_, command)| command);
    format!("put the ledger back as said above, then: {command}")
}

/// The summary of an invocation that began no run.
fn none_begun((job, path): (&str, &Path)) -> Summary {
    Summary {
        run: String::new(),
        job: job.to_owned(),
        state: RunState::Stopped,
        exit: None,
        reason: String::new(),
        next: String::new(),
        started_at: rfc3339(now_ms()),
        finished_at: None,
        rows: 0,
        bad_rows: 0,
        lookups: 0,
        outcomes: [0; 9],
        pending: 0,
        bought: 0,
        reused: 0,
        calls: 0,
        retries: 0,
        logins: 0,
        cost: Ore::ZERO,
        spent_unknown: Ore::ZERO,
        letters: 0,
        saved_calls: 0,
        saved_cost: Ore::ZERO,
        environment: String::new(),
        job_path: path.to_owned(),
        limit: None,
    }
}

/// How a run is to be reported, and what `--summary-json` may not take the place of.
struct Asked<'a> {
    reporting: &'a Reporting,
    protected: Protected,
}

impl<'a> Asked<'a> {
    fn of(reporting: &'a Reporting, job: &Job, settings: &Settings) -> Self {
        let mut protected = run::protected(job, settings);
        let outputs = job.outputs.iter().map(|output| output.path.clone());
        let rejects = job.outputs.first().map(|first| Output::rejects_beside(&first.path));
        for path in outputs.chain(rejects) {
            protected.add(&path, "an output of the job");
        }
        Self { reporting, protected }
    }

    fn on_stdout(&self) -> bool {
        self.reporting.summary_json == Some(Place::Stream)
    }

    /// Whether `--summary-json` can be written, asked before anything is bought.
    fn writable(&self) -> Result<(), Failure> {
        let Some(Place::File(path)) = &self.reporting.summary_json else { return Ok(()) };
        let tried = self.draft(path).map(drop);
        tried.map_err(|error| Failure::Output(format!("--summary-json: {error}; nothing was sent")))
    }

    fn write(&self, summary: &Summary) -> Result<(), Failure> {
        let mut json = summary_json(summary);
        if summary.run.is_empty() {
            json["run"] = serde_json::Value::Null;
        }
        let text = format!("{json:#}\n");
        match &self.reporting.summary_json {
            None => Ok(()),
            Some(Place::Stream) => Desk::print(&text),
            Some(Place::File(path)) => self
                .write_file(path, &text)
                .map_err(|error| Failure::Output(format!("--summary-json: {error}"))),
        }
    }

    /// Whole or not at all, readable by its owner alone.
    fn write_file(&self, path: &Path, text: &str) -> Result<(), PlaceError> {
        let mut draft = self.draft(path)?;
        let written = draft.write_all(text.as_bytes());
        written.map_err(|cause| PlaceError::Io { action: "write", path: path.to_owned(), cause })?;
        disk::publish(vec![Change::Put(draft.seal()?)])
    }

    fn draft(&self, path: &Path) -> Result<Draft, PlaceError> {
        Draft::create(disk::Place::find(path.to_owned(), &self.protected)?, Mode::Private)
    }
}

pub(super) fn output_line(written: &Written) -> OutputLine {
    let column = |count: &ColumnCount| ColumnFound {
        name: count.name.clone(),
        chosen: count.chosen,
        found: count.found,
        of: count.answers,
        near: count.near.clone(),
    };
    OutputLine {
        path: written.path.clone(),
        kind: written.kind,
        rows: written.rows,
        columns: written.columns.iter().map(column).collect(),
        too_long: written.too_long,
        instead_of: written.instead_of.clone(),
    }
}

/// Shows a person at a terminal the plan of a run that costs more than they said, and asks. Where nobody is, as under cron,
/// nothing is asked: budgets are for that.
async fn wanted(desk: &Desk, settings: &Settings, job: &Job, options: &Options) -> Result<bool, Failure> {
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
    if plan.refusal.is_some() || price <= settings.confirm_above {
        return Ok(true);
    }
    let text = format!("{}\nThis may cost {}. Run it? [y/N] ", plan_text(&plan), money(price));
    if answered_yes(&text)? {
        return Ok(true);
    }
    desk.console.line("nothing was sent");
    Ok(false)
}

/// Puts a question on the terminal; whatever is not yes is no.
fn answered_yes(question: &str) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", seen(question)).and_then(|()| stderr.flush())?;
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
    answered_yes(&format!("{what} Ask again? [y/N] "))
}
