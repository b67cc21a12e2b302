//! `run` and `retry`.

use super::super::args::{Place, Reporting, RetryArgs, RunArgs, Simulation};
use super::super::report::{
    Closing, ColumnFound, OutputLine, Reporter, money, plan_text, summary_json, summary_text, with_examples,
};
use super::super::{Desk, Failure, signals};
use super::read::summed_up;
use super::{job_of, load_job, one_run, origin};
use crate::config::{SIMULATOR, Settings};
use crate::domain::budget::{Limit, Spend};
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::export::{ColumnCount, Written};
use crate::job::{Job, Origin};
use crate::ledger::{Ledger, LedgerError, RunRow};
use crate::run::event::{RunState, Summary};
use crate::run::{self, Broken, Context, Ended, Options, RunError, SharedTokens};
use crate::simulator::{self, Scenario, Simulator};
use crate::time::{now_ms, rfc3339};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

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
    let (context, reporter) = begin(desk, settings, &args.reporting, args.simulation.simulate).await?;
    let (job_name, job_path) = (job.name.clone(), job.path.clone());
    let ended = run::execute(&context, job, options).await;
    let exit = match ended {
        Ok(Some(ended)) => close(desk, &context, &reporter, &args.reporting, ended, began).await?,
        Ok(None) => {
            desk.say(&format!(
                "nothing of {job_name} is unfinished
"
            ))?;
            Exit::Settled
        }
        Err(error) => {
            broke_off(desk, &context, &reporter, &args.reporting, &error, ((&job_name, &job_path), began))
                .await?
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
    let (context, reporter) = begin(desk, settings, &args.reporting, args.simulation.simulate).await?;
    let (job_name, job_path) = (job.name.clone(), job.path.clone());
    let exit = match run::retry(&context, job, &run, args.unknown).await {
        Ok(ended) => close(desk, &context, &reporter, &args.reporting, ended, began).await?,
        Err(error) => {
            broke_off(desk, &context, &reporter, &args.reporting, &error, ((&job_name, &job_path), began))
                .await?
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
    asked: &Reporting,
    simulate: bool,
) -> Result<(Context, Arc<Reporter>), Failure> {
    if let Some(Place::File(path)) = &asked.summary_json {
        writable(path)?;
    }
    let stop = signals::stop_requests()
        .map_err(|e| Failure::Run(RunError::Bug(format!("signals cannot be listened to: {e}"))))?;
    let reporter = Arc::new(desk.reporter());
    reporter.files(settings.path.as_deref(), &settings.database);
    let ledger = Arc::new(Ledger::open(&settings.database).await?);
    if simulate && ledger.has_runs_outside(SIMULATOR).await? {
        return Err(Failure::Usage(format!(
            "{} holds runs of a real account, and the simulator keeps to a ledger of its own: leave --database (or \
             ORGPULL_DATABASE) out, or name another file",
            settings.database.display()
        )));
    }
    let hears = reporter.clone();
    let observer: run::Observer = Arc::new(move |event| hears.event(&event));
    Ok((Context { ledger, settings, observer, stop, tokens: SharedTokens::default() }, reporter))
}

/// Shows how a run ended, and what to type next.
async fn close(
    desk: &Desk,
    context: &Context,
    reporter: &Reporter,
    asked: &Reporting,
    ended: Ended,
    began: Instant,
) -> Result<Exit, Failure> {
    let summary = summed_up(desk, &context.ledger, &ended.run, Some(ended.exit)).await?;
    reporter.finish(&summary);
    if desk.global.quiet && ended.exit == Exit::Settled {
        write_summary(&summary, asked.summary_json.as_ref())?;
        return Ok(ended.exit);
    }
    let outputs: Vec<OutputLine> = ended.written.iter().map(output_line).collect();
    let text = summary_text(&Closing {
        summary: &summary,
        outputs: &outputs,
        again: ended.again,
        took: began.elapsed(),
    });
    if asked.summary_json == Some(Place::Stream) {
        if !reporter.is_json() {
            desk.console.line(text.trim_end());
        }
    } else {
        Desk::print(&text)?;
    }
    write_summary(&summary, asked.summary_json.as_ref())?;
    Ok(ended.exit)
}

/// Says why nothing was run or why it broke off, and what to type next.
async fn broke_off(
    desk: &Desk,
    context: &Context,
    reporter: &Reporter,
    asked: &Reporting,
    broken: &Broken,
    (job, began): ((&str, &Path), Instant),
) -> Result<Exit, Failure> {
    let (error, exit) = (&broken.error, broken.error.exit());
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
    summary.reason = error.to_string();
    let mut told = error.to_string();
    if let RunError::Input { examples, bad_rows, rejects, .. } = error {
        told = with_examples(&told, examples, *bad_rows);
        if let Some(path) = rejects {
            told = format!("{told}\n  all bad rows: {}", path.display());
        }
    }
    // What it has cost so far is worth knowing, also where it broke off.
    if summary.calls > 0 && !reporter.is_json() && asked.summary_json != Some(Place::Stream) {
        Desk::print(&summary_text(&Closing {
            summary: &summary,
            outputs: &[],
            again: Spend::default(),
            took: began.elapsed(),
        }))?;
    }
    reporter.failed(&told, exit, Some(&summary.next));
    write_summary(&summary, asked.summary_json.as_ref())?;
    Ok(exit)
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

fn write_summary(summary: &Summary, place: Option<&Place>) -> Result<(), Failure> {
    let mut json = summary_json(summary);
    if summary.run.is_empty() {
        json["run"] = serde_json::Value::Null;
    }
    let text = format!("{json:#}\n");
    match place {
        None => Ok(()),
        Some(Place::Stream) => Desk::print(&text),
        Some(Place::File(path)) => write_file(path, &text)
            .map_err(|e| Failure::Output(format!("{} cannot be written: {e}", path.display()))),
    }
}

/// Whether `--summary-json` can be written, asked before anything is bought.
fn writable(path: &Path) -> Result<(), Failure> {
    let tried =
        if path.is_dir() { Err(std::io::Error::other("it is a folder")) } else { draft(path).map(drop) };
    tried.map_err(|e| Failure::Output(format!("{} cannot be written: {e}; nothing was sent", path.display())))
}

fn draft(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::NamedTempFile::new_in(folder)
}

/// Whole or not at all, readable by its owner alone.
fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = draft(path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn output_line(written: &Written) -> OutputLine {
    let column = |count: &ColumnCount| ColumnFound {
        name: count.name.clone(),
        chosen: count.chosen,
        found: count.found,
        of: count.answers,
    };
    OutputLine {
        path: written.path.clone(),
        kind: written.kind,
        rows: written.rows,
        columns: written.columns.iter().map(column).collect(),
        unreadable: written.unreadable,
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
    let plan = run::plan(settings, ledger.as_ref(), job.clone(), options.clone()).await;
    if let Some(ledger) = ledger {
        ledger.close().await;
    }
    let Ok(plan) = plan else { return Ok(true) };
    let price = options.budget.max_cost.map_or(plan.price(), |most| most.min(plan.price()));
    if plan.refusal.is_some() || price <= settings.confirm_above {
        return Ok(true);
    }
    let text = format!("{}\nThis may cost {}. Run it? [y/N] ", plan_text(&plan), money(price));
    if asked(&text)? {
        return Ok(true);
    }
    desk.console.line("nothing was sent");
    Ok(false)
}

/// Puts a question on the terminal; whatever is not yes is no.
fn asked(question: &str) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{question}").and_then(|()| stderr.flush())?;
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
    let lookups = if lost == 1 { "1 lookup" } else { &format!("{lost} lookups") };
    let letters = match again.letters {
        0 => String::new(),
        1 => ", and post 1 letter of disclosure".to_owned(),
        letters => format!(", and post {letters} letters of disclosure"),
    };
    let what = format!(
        "{lookups} of run {} ended unknown; their calls may have been carried out and billed.\nAsking again may cost {}{letters}.",
        run.run, again.calls
    );
    if !std::io::stdin().is_terminal() {
        let command =
            desk.typed().command(args.simulation.simulate, &["retry", &run.run, "--unknown", "--yes"]);
        return Err(Failure::Usage(format!("{what} There is nobody to ask: {command}")));
    }
    asked(&format!("{what} Ask again? [y/N] "))
}
