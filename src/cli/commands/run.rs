//! `run` and `retry`.

use super::super::args::{Place, Reporting, RetryArgs, RunArgs, Simulation};
use super::super::report::{
    Closing, ColumnFound, OutputLine, Reporter, Typed, Voice, next_step, summary_json, summary_text,
};
use super::super::{Desk, Failure, signals};
use super::{job_of, load_job, one_run};
use crate::config::Settings;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::export::Written;
use crate::ledger::{Ledger, RunRow};
use crate::run::event::Summary;
use crate::run::{self, Context, Ended, Options, RunError};
use crate::simulator::{self, Scenario, Simulator};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

/// `orgpull run`.
pub(in crate::cli) async fn run(desk: &Desk, args: RunArgs) -> Result<Exit, Failure> {
    let mut settings = desk.settings(args.simulation.simulate)?;
    let job = load_job(&args.job, &settings, args.rows.input.as_ref(), args.simulation.simulate)?;
    let simulator = simulator_for(&mut settings, &args.simulation).await?;
    let options = Options {
        new: args.new,
        only_continue: args.continue_only,
        limit: args.rows.limit,
        buy_again: args.rows.buy_again,
    };
    let began = Instant::now();
    let (context, reporter) = begin(desk, settings, &args.reporting).await?;
    let job_name = job.name.clone();
    let ended = run::execute(&context, job, options).await;
    let exit = match ended {
        Ok(Some(ended)) => close(desk, &context, &reporter, &args.reporting, ended, began).await?,
        Ok(None) => {
            if !desk.global.quiet {
                Desk::print(&format!("nothing of {job_name} is unfinished\n"))?;
            }
            Exit::Settled
        }
        Err(error) => {
            broke_off(desk, &context, &reporter, &args.reporting, &error, (&job_name, args.rows.limit))
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
    if args.unknown && !agreed(&ledger, &run, args.reporting.yes).await? {
        return Ok(Exit::Settled);
    }
    drop(ledger);
    let simulator = simulator_for(&mut settings, &args.simulation).await?;
    let began = Instant::now();
    let (context, reporter) = begin(desk, settings, &args.reporting).await?;
    let job_name = job.name.clone();
    let exit = match run::retry(&context, job, &run, args.unknown).await {
        Ok(ended) => close(desk, &context, &reporter, &args.reporting, ended, began).await?,
        Err(error) => {
            let limit = run.limit_rows.map(i64::unsigned_abs);
            broke_off(desk, &context, &reporter, &args.reporting, &error, (&job_name, limit)).await?
        }
    };
    end(context, simulator).await?;
    Ok(exit)
}

/// Starts the simulator in this process where the command line asks for it, and points every account at it.
async fn simulator_for(settings: &mut Settings, asked: &Simulation) -> Result<Option<Simulator>, Failure> {
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
) -> Result<(Context, Arc<Reporter>), Failure> {
    let voice = Voice {
        mode: asked.progress,
        quiet: desk.global.quiet,
        verbose: desk.global.verbose > 0,
        terminal: std::io::stderr().is_terminal(),
    };
    let reporter = Arc::new(Reporter::new(desk.console.clone(), voice));
    reporter.files(settings.path.as_deref(), &settings.database);
    let stop = signals::stop_requests()
        .map_err(|e| Failure::Run(RunError::Bug(format!("signals cannot be listened to: {e}"))))?;
    let ledger = Arc::new(Ledger::open(&settings.database).await?);
    let hears = reporter.clone();
    let observer: run::Observer = Arc::new(move |event| hears.event(&event));
    Ok((Context { ledger, settings, observer, stop }, reporter))
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
    let summary = summed_up(desk, context, &ended.run, ended.exit).await?;
    reporter.finish(&summary);
    write_summary(&summary, asked.summary_json.as_ref())?;
    if desk.global.quiet && ended.exit == Exit::Settled {
        return Ok(ended.exit);
    }
    let outputs: Vec<OutputLine> = ended.written.iter().map(output_line).collect();
    let text = summary_text(&Closing { summary: &summary, outputs: &outputs, took: began.elapsed() });
    if asked.summary_json == Some(Place::Stream) {
        desk.console.line(text.trim_end());
    } else {
        Desk::print(&text)?;
    }
    Ok(ended.exit)
}

/// Says why nothing was run or why it broke off; where a run can be continued, how.
async fn broke_off(
    desk: &Desk,
    context: &Context,
    reporter: &Reporter,
    asked: &Reporting,
    error: &RunError,
    (job, limit): (&str, Option<u64>),
) -> Result<Exit, Failure> {
    reporter.clear();
    desk.console.line(&format!("error: {error}"));
    if let RunError::Input { examples, bad_rows, .. } = error {
        for (line, reason) in examples {
            desk.console.line(&format!("  line {line}: {reason}"));
        }
        let more = bad_rows.saturating_sub(examples.len() as u64);
        if more > 0 {
            desk.console.line(&format!("  and {more} more, all in the rejects file beside the first output"));
        }
    }
    // Another process's run is not ours to sum up.
    if error.exit() == Exit::Busy {
        return Ok(Exit::Busy);
    }
    if let Ok(Some(run)) =
        context.ledger.unfinished(job, limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX))).await
        && let Ok(summary) = summed_up(desk, context, &run, error.exit()).await
    {
        write_summary(&summary, asked.summary_json.as_ref())?;
        desk.console.line(&format!("Next: {}", summary.next));
    }
    Ok(error.exit())
}

async fn summed_up(desk: &Desk, context: &Context, run: &RunRow, exit: Exit) -> Result<Summary, Failure> {
    let mut summary = run::summary(&context.ledger, run).await?;
    summary.exit = Some(exit.code());
    summary.next = next_step(&summary, &typed(desk));
    Ok(summary)
}

/// What the user typed that the next command has to repeat.
pub(super) fn typed(desk: &Desk) -> Typed {
    Typed {
        folder: std::env::current_dir().unwrap_or_default(),
        config: desk.global.config.clone(),
        database: desk.global.database.clone(),
    }
}

fn write_summary(summary: &Summary, place: Option<&Place>) -> Result<(), Failure> {
    let text = format!("{:#}\n", summary_json(summary));
    match place {
        None => Ok(()),
        Some(Place::Stream) => Desk::print(&text),
        Some(Place::File(path)) => write_file(path, &text)
            .map_err(|e| Failure::Output(format!("{} cannot be written: {e}", path.display()))),
    }
}

/// Whole or not at all, readable by its owner alone.
fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn output_line(written: &Written) -> OutputLine {
    let column = |count: &crate::export::ColumnCount| ColumnFound {
        name: count.name.clone(),
        found: count.found,
        of: count.answers,
    };
    OutputLine {
        path: written.path.clone(),
        rows: written.rows,
        columns: written.columns.iter().map(column).collect(),
    }
}

/// Says what asking again may cost, and asks.
async fn agreed(ledger: &Ledger, run: &RunRow, yes: bool) -> Result<bool, Failure> {
    let totals = ledger.totals(run.id).await?;
    let unknown =
        Outcome::ALL.iter().position(|o| *o == Outcome::Unknown).map_or(0, |at| totals.outcomes[at]);
    if unknown == 0 || yes {
        return Ok(true);
    }
    let cost: Ore = totals.cost_unknown;
    let mut stderr = std::io::stderr();
    let question = format!(
        "{unknown} lookups of run {} ended unknown: their calls may have been billed ({cost} SEK) and may have sent \
         letters.\nAsking again may cost as much once more and send a second letter. Ask again? [y/N] ",
        run.run
    );
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question}\nthere is nobody to ask: --yes answers")));
    }
    write!(stderr, "{question}").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "j" | "ja"))
}
