//! One invocation that drives runs: which ones, one after the other, and what is shown of how they ended.

use super::super::args::{PathOrStream, Reporting};
use super::super::report::{
    Closing, ColumnFound, OutputLine, Reporter, summary_json, summary_text, with_examples, with_lines,
};
use super::super::{Failure, Invocation};
use super::consent::confirmed_cost;
use super::read::summed_up;
use crate::config::Settings;
use crate::disk::{self, Change, Draft, Mode, PlaceError, Protected};
use crate::domain::budget::Spend;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::export::{ColumnCount, Written};
use crate::job::{Job, Output};
use crate::ledger::Stage;
use crate::run::event::{Event, Level, Notice, RunEnd};
use crate::run::report::{RunState, Summary};
use crate::run::{self, Context, Ended, FailedRun, Options, RunError};
use crate::time::{now_ms, rfc3339};
use std::io::Write;
use std::path::Path;
use tokio::time::Instant;

/// What drives runs, and who hears of it.
pub(super) struct Driving<'d> {
    pub(super) invocation: &'d Invocation,
    pub(super) context: &'d Context,
    pub(super) reporter: &'d Reporter,
    pub(super) asked: &'d RunReporting<'d>,
    pub(super) began: Instant,
}

impl Driving<'_> {
    /// Runs a job. Under `-q`, where nobody sees which run it is, an unfinished one is finished first and then today's begun, as
    /// a fire of the daemon does it.
    pub(super) async fn runs(&self, job: Job, mut options: Options, asks: bool) -> Result<Exit, Failure> {
        let mut earlier: Option<Summary> = None;
        loop {
            let ended = match run::execute(self.context, job.clone(), options.clone()).await {
                Ok(Some(ended)) => ended,
                Ok(None) => {
                    self.invocation.say(&format!("nothing of {} is unfinished\n", job.name))?;
                    return Ok(Exit::Settled);
                }
                Err(broken) => {
                    return self.broke_off(&broken, (&job.name, &job.path), earlier.as_ref()).await;
                }
            };
            let first = self.invocation.global.quiet && ended.continued && ended.run.stage == Stage::Finished;
            if !first || options.only_continue {
                return Ok(exit_of(&self.close(ended, earlier.as_ref(), true).await?));
            }
            options.budget = options.budget.less(ended.spent);
            let summary = self.close(ended, earlier.as_ref(), false).await?;
            if asks && !confirmed_cost(self.invocation, &self.context.settings, &job, &options).await? {
                let exit = exit_of(&summary).worst(Exit::Stopped);
                self.asked.write(&Summary { exit: Some(exit.code()), ..summary })?;
                return Ok(exit);
            }
            earlier = Some(summary);
        }
    }

    /// Shows how a run ended, and what to type next.
    pub(super) async fn close(
        &self,
        ended: Ended,
        earlier: Option<&Summary>,
        is_last: bool,
    ) -> Result<Summary, Failure> {
        let Self { invocation, context, reporter, asked, began } = self;
        let summary = summed_up(invocation, &context.ledger, &ended.run, Some(ended.exit)).await?;
        let summary = after(earlier, summary);
        (context.observer)(&Event::Ended(RunEnd {
            run: Some(summary.run.clone()),
            exit: ended.exit,
            reason: summary.reason.clone(),
        }));
        reporter.finish(&summary);
        // First, since whoever reads the text may have gone.
        if is_last {
            asked.write(&summary)?;
        }
        if invocation.global.quiet && ended.exit == Exit::Settled {
            return Ok(summary);
        }
        let outputs: Vec<OutputLine> = ended.written.iter().map(output_line).collect();
        let closing =
            Closing { summary: &summary, outputs: &outputs, again: ended.again, took: began.elapsed() };
        if asked.on_stdout() {
            if !reporter.is_json() {
                invocation.console.write(summary_text(&closing, invocation.console.style()).trim_end());
            }
        } else {
            invocation.show(&summary_text(&closing, invocation.style()))?;
        }
        Ok(summary)
    }

    /// Says why nothing was run or why it broke off, and what to type next.
    pub(super) async fn broke_off(
        &self,
        broken: &FailedRun,
        job: (&str, &Path),
        earlier: Option<&Summary>,
    ) -> Result<Exit, Failure> {
        let Self { invocation, context, reporter, asked, began } = self;
        let (error, exit, why) = (&broken.error, broken.error.exit(), broken.to_string());
        let tell = |message| {
            reporter.event(&Event::Notice(Notice { level: Level::Warning, kind: "ledger-gone", message }));
        };
        let rescued = run::rescue(&context.ledger, context.stop.clone(), tell).await;
        let mut summary = match &broken.run {
            Some(run) => {
                let run = context.ledger.find(&run.run).await?.pop().unwrap_or_else(|| run.clone());
                summed_up(invocation, &context.ledger, &run, Some(exit)).await?
            }
            None => Summary {
                next: invocation.next_after_refusal(exit, Some(job.0), Some(job.1)),
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
        told = with_lines(&told, &error.ways_out());
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
            let closing =
                Closing { summary: &summary, outputs: &[], again: Spend::default(), took: began.elapsed() };
            printed = invocation.show(&summary_text(&closing, invocation.style()));
        }
        let run = broken.run.as_ref().map(|run| run.run.clone());
        (context.observer)(&Event::Ended(RunEnd { run, exit, reason: summary.reason.clone() }));
        reporter.failed(&told, exit, Some(&summary.next));
        let summary = after(earlier, summary);
        asked.write(&summary)?;
        printed.map(|()| exit_of(&summary))
    }
}

pub(super) fn exit_of(summary: &Summary) -> Exit {
    summary.exit.and_then(Exit::from_code).unwrap_or(Exit::Settled)
}

/// An invocation ends as the worst of its runs did.
fn after(earlier: Option<&Summary>, summary: Summary) -> Summary {
    let Some(earlier) = earlier else { return summary };
    let exit = exit_of(&summary).worst(exit_of(earlier));
    if exit == exit_of(&summary) {
        return summary;
    }
    let reason =
        format!("run {}, finished first: {}; this one: {}", earlier.run, earlier.reason, summary.reason);
    Summary { exit: Some(exit.code()), reason, next: earlier.next.clone(), ..summary }
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
        unpriced: Vec::new(),
        letters: 0,
        saved_calls: 0,
        saved_cost: Ore::ZERO,
        saved_unpriced: 0,
        environment: String::new(),
        job_path: path.to_owned(),
        limit: None,
    }
}

/// How a run is to be reported, and what `--summary-json` may not take the place of.
pub(super) struct RunReporting<'a> {
    pub(super) reporting: &'a Reporting,
    protected: Protected,
}

impl<'a> RunReporting<'a> {
    pub(super) fn of(reporting: &'a Reporting, job: &Job, settings: &Settings) -> Self {
        let mut protected = run::protected(job, settings);
        let outputs = job.outputs.iter().map(|output| output.path.clone());
        let rejects = job.outputs.first().map(|first| Output::rejects_beside(&first.path));
        for path in outputs.chain(rejects) {
            protected.add(&path, "an output of the job");
        }
        Self { reporting, protected }
    }

    fn on_stdout(&self) -> bool {
        self.reporting.summary_json == Some(PathOrStream::Stream)
    }

    /// Whether `--summary-json` can be written, asked before anything is bought.
    pub(super) fn writable(&self) -> Result<(), Failure> {
        let Some(PathOrStream::File(path)) = &self.reporting.summary_json else { return Ok(()) };
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
            Some(PathOrStream::Stream) => Invocation::print(&text),
            Some(PathOrStream::File(path)) => self
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
