//! Telling a run while it goes on.
//!
//! On a terminal a bar that is always up to date; elsewhere a line now and then, because a log that grows by the second
//! for two weeks is read by nobody; as JSON for programs.

use super::bar;
use super::event::{Line, line};
use super::figures::{count, counted};
use super::json::{error_json, event_json, finished_json};
use crate::cli::args::ProgressMode;
use crate::cli::console::Console;
use crate::domain::exit::Exit;
use crate::run::event::{Event, Level, Started};
use crate::run::report::Summary;
use crate::time;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When plain lines are due after the start, in seconds; hourly after that.
const PLAIN_AT: [u64; 7] = [10, 30, 60, 120, 300, 600, 1_800];
/// From the last of them on.
const PLAIN_THEN: u64 = 3_600;
/// JSON progress at most this often, so that a program can follow a long run without drowning.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// How loud the reporter is and in which form.
#[derive(Debug, Clone, Copy)]
pub struct OutputMode {
    /// `--progress`.
    pub mode: ProgressMode,
    /// `-q`: nothing but a failure.
    pub quiet: bool,
    /// `-v`: notices that are worth a line too, where the mode shows warnings only.
    pub verbose: bool,
    /// Whether standard error is a terminal that draws anew what it has shown.
    pub terminal: bool,
}

/// Tells the events of one run on the console. Shared by reference between tasks.
pub struct Reporter {
    console: Console,
    form: Form,
    json: bool,
    chatty: bool,
    state: Mutex<ReportState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Silent,
    Warnings,
    Plain,
    Bar,
    Json,
}

/// What was told so far, and when.
struct ReportState {
    job: String,
    start: Instant,
    lines: usize,
    last_json: Option<Instant>,
}

impl Reporter {
    /// A reporter whose time begins now.
    pub fn new(console: Console, output_mode: OutputMode) -> Self {
        let state = ReportState { job: String::new(), start: Instant::now(), lines: 0, last_json: None };
        let json = output_mode.mode == ProgressMode::Json;
        Self {
            console,
            form: output_mode.form(),
            json,
            chatty: output_mode.verbose,
            state: Mutex::new(state),
        }
    }

    /// Names the files that a run begins with: the configuration, where there is one, and the ledger.
    pub fn files(&self, configuration: Option<&Path>, ledger: &Path) {
        match self.form {
            Form::Warnings | Form::Plain | Form::Bar => {
                let name = configuration.map_or_else(|| "none".into(), Path::to_string_lossy);
                self.console.line(&format!("configuration {name}, ledger {}", ledger.display()));
            }
            Form::Json => {
                let configuration = configuration.map(Path::to_string_lossy);
                let ledger = ledger.to_string_lossy();
                let line = json!({ "event": "files", "at": now(), "configuration": configuration, "ledger": ledger });
                self.console.line(&line.to_string());
            }
            Form::Silent => {}
        }
    }

    /// Tells an event, now or together with later ones.
    pub fn event(&self, event: &Event) {
        match self.form {
            Form::Silent => {}
            Form::Warnings => self.notice_only(event),
            Form::Plain => self.plain(event),
            Form::Bar => self.bar(event),
            Form::Json => self.json(event),
        }
    }

    /// The run is over: the bar leaves the screen before the summary is printed.
    pub fn finish(&self, summary: &Summary) {
        self.clear();
        if self.form == Form::Json {
            self.console.line(&finished_json(summary, &now()).to_string());
        }
    }

    /// Whether standard error is for a program, which takes nothing there but an object a line.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The command has failed: why, and what to type next. No mode keeps this back.
    pub fn failed(&self, error: &str, exit: Exit, next: Option<&str>) {
        self.clear();
        if self.json {
            let message = without_error(error);
            self.console.line(&error_json(message, exit, next, &now()).to_string());
            return;
        }
        self.console.line(&error_line(error));
        if let Some(next) = next {
            self.console.next(next);
        }
    }

    /// Takes the bar off the screen, for a question.
    pub fn clear(&self) {
        self.console.clear();
    }

    fn notice_only(&self, event: &Event) {
        if let Some(line) = line(event)
            && (line.level == Level::Warning || self.chatty)
        {
            self.console.line(&line_text(&line));
        }
    }

    fn plain(&self, event: &Event) {
        let line = {
            let mut state = self.state();
            match event {
                Event::Started(started) => Some(state.begin(started)),
                Event::Loading { rows } => state.due(Instant::now()).then(|| bar::loading(*rows)),
                Event::Progress(progress) => {
                    state.due(Instant::now()).then(|| format!("{}: {}", state.job, bar::line(progress)))
                }
                event => line(event).as_ref().map(line_text),
            }
        };
        if let Some(line) = line {
            self.console.line(&line);
        }
    }

    fn bar(&self, event: &Event) {
        match event {
            Event::Started(started) => {
                let line = self.state().begin(started);
                self.clear();
                self.console.line(&line);
            }
            Event::Loading { rows } => self.console.bar(&bar::loading(*rows)),
            Event::Progress(progress) => {
                // Asked each time: the window may have another size by now.
                self.console.bar(&bar::running(progress, self.console.style()));
            }
            event => line(event).iter().for_each(|line| self.console.line(&line_text(line))),
        }
    }

    fn json(&self, event: &Event) {
        let often = matches!(event, Event::Loading { .. } | Event::Progress(_));
        if often && !self.state().json_due(Instant::now(), event) {
            return;
        }
        if let Some(line) = event_json(event, &now()) {
            self.console.line(&line.to_string());
        }
    }

    fn state(&self) -> MutexGuard<'_, ReportState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputMode {
    fn form(self) -> Form {
        match self.mode {
            _ if self.quiet => Form::Silent,
            ProgressMode::Auto if self.terminal => Form::Bar,
            ProgressMode::Auto | ProgressMode::Plain => Form::Plain,
            ProgressMode::Json => Form::Json,
            ProgressMode::None => Form::Warnings,
        }
    }
}

impl ReportState {
    fn begin(&mut self, started: &Started) -> String {
        self.job.clone_from(&started.job);
        started_line(started)
    }

    /// Whether a plain line is due. One line makes up for all that were missed.
    fn due(&mut self, now: Instant) -> bool {
        let elapsed = now.duration_since(self.start).as_secs();
        let mut due = false;
        while elapsed >= plain_at(self.lines) {
            self.lines += 1;
            due = true;
        }
        due
    }

    /// Whether progress is due as JSON: the first, then once in a while, and the last one in any case.
    fn json_due(&mut self, now: Instant, event: &Event) -> bool {
        let last = matches!(event, Event::Progress(progress) if progress.done == progress.lookups);
        let due = last || self.last_json.is_none_or(|told| now.duration_since(told) >= JSON_EVERY);
        if due {
            self.last_json = Some(now);
        }
        due
    }
}

/// Seconds after the start at which the plain line of this index is due.
fn plain_at(index: usize) -> u64 {
    let later = || PLAIN_THEN * (index - PLAIN_AT.len() + 1) as u64;
    PLAIN_AT.get(index).copied().unwrap_or_else(later)
}

fn now() -> String {
    time::rfc3339(time::now_ms())
}

/// A failure for a person. A file's problems bring the word with them; whatever is told has it once.
pub fn error_line(error: &str) -> String {
    format!("error: {}", without_error(error))
}

fn without_error(error: &str) -> &str {
    let error = error.trim_end();
    error.strip_prefix("error: ").unwrap_or(error)
}

/// A failure with the first bad rows (line and reason) below it, and how many more there are.
pub fn with_examples(error: &str, examples: &[(u64, String)], bad_rows: u64) -> String {
    let mut text = error.to_owned();
    for (line, reason) in examples {
        let _ = write!(text, "\n  line {line}: {reason}");
    }
    let more = bad_rows.saturating_sub(examples.len() as u64);
    if more > 0 {
        let _ = write!(text, "\n  and {} more", count(more));
    }
    text
}

/// A failure with what can be done about it below, a line each.
pub fn with_lines(error: &str, lines: &[String]) -> String {
    lines.iter().fold(error.to_owned(), |text, line| text + "\n  " + line)
}

fn started_line(started: &Started) -> String {
    let bad =
        if started.bad_rows == 0 { String::new() } else { format!(" ({} bad)", count(started.bad_rows)) };
    let rows = counted(started.rows, "row", "rows");
    let lookups = counted(started.lookups, "lookup", "lookups");
    let start = format!("run {} of {}", started.run, started.job);
    if started.continued {
        format!("{start} goes on: {} of {lookups} left, {rows}{bad}", count(started.pending))
    } else {
        format!("{start} begins: {lookups}, {rows}{bad}")
    }
}

fn line_text(line: &Line<'_>) -> String {
    match line.level {
        Level::Info => line.message.to_string(),
        Level::Warning => format!("warning: {}", line.message),
    }
}

#[cfg(test)]
mod tests;
