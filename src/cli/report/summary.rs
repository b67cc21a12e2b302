//! The closing summary: what a run did, what it cost, and what to type next.

use super::figures::{count, counted, money, span};
use super::next::simulated;
use crate::cli::term_style::{TermStyle, Tone};
use crate::domain::budget::Spend;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::export::WrittenKind;
use crate::run::report::{RunState, Summary};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Chosen columns are few, but "every leaf found" may be hundreds.
const MOST_COLUMNS: usize = 12;

/// A run's end, with what only this invocation knows.
#[derive(Debug, Clone)]
pub struct Closing<'a> {
    /// The run. Its `next` is the last line.
    pub summary: &'a Summary,
    /// The outputs that were written, in the job's order.
    pub outputs: &'a [OutputLine],
    /// What it asked though another run's call for the same was lost.
    pub again: Spend,
    /// How long this invocation took.
    pub took: Duration,
}

/// One file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// Where it is.
    pub path: PathBuf,
    /// An output of the job, or its rejects.
    pub kind: WrittenKind,
    /// Its rows, without the header.
    pub rows: u64,
    /// Its columns from answers.
    pub columns: Vec<ColumnFound>,
    /// Cells longer than a cell of Excel, where the file is for Excel.
    pub too_long: u64,
    /// Where it would be if another run had not been there.
    pub instead_of: Option<PathBuf>,
}

/// In how many answers a column was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFound {
    /// Its header.
    pub name: String,
    /// Whether the job names it, rather than that it was found.
    pub chosen: bool,
    /// Answers that had it.
    pub found: u64,
    /// Answers that were looked into.
    pub of: u64,
    /// Where no answer had it: the nearest pointers there are.
    pub near: Vec<String>,
}

/// The summary for a person; its last line is what to type next.
pub fn summary_text(closing: &Closing<'_>, style: TermStyle) -> String {
    let summary = closing.summary;
    let mut text = head(summary);
    let _ = writeln!(text, "{}", ending(summary, Some(closing.took), style));
    text.push('\n');
    text.push_str(&figures(summary, style));
    if closing.again.calls > 0 {
        let again = closing.again;
        let _ = writeln!(
            text,
            "  asked again after an earlier run's answer was lost, and perhaps paid twice: {again}"
        );
    }
    for output in closing.outputs {
        text.push('\n');
        text.push_str(&output_text(output, style));
    }
    format!("{}\n{}\n", style.fold(&text), style.next(&summary.next))
}

/// Which run it is; that nothing was bought stands in the first line.
pub(super) fn head(summary: &Summary) -> String {
    let place = if simulated(summary) {
        "SIMULATED: no money was spent, no letter was sent"
    } else {
        summary.environment.as_str()
    };
    format!("{}, run {} ({place})\n", summary.job, summary.run)
}

/// How it stands, after how long, and why.
pub(super) fn ending(summary: &Summary, took: Option<Duration>, style: TermStyle) -> String {
    let state = match summary.state {
        RunState::Running => "running",
        RunState::Finished => "finished",
        RunState::Stopped => "not finished",
        RunState::Closed => "closed",
    };
    let after = took.map_or_else(String::new, |took| format!(" after {}", span(took)));
    let reason = if summary.reason.is_empty() { String::new() } else { format!(": {}", summary.reason) };
    let tone = summary.exit.map(exit_tone).filter(|_| summary.state != RunState::Running);
    let state = tone.map_or_else(|| state.to_owned(), |tone| style.paint(tone, state));
    format!("{state}{after}{reason}")
}

/// Rows, outcomes, calls and money, one under the other.
pub(super) fn figures(summary: &Summary, style: TermStyle) -> String {
    let mut lines = vec![row("rows", count(summary.rows), &bad_rows(summary))];
    lines.push(row("lookups", count(summary.lookups), &pending(summary)));
    for outcome in Outcome::ALL {
        let number = summary.count(outcome);
        if number > 0 {
            lines.push(row(&format!("  {outcome}"), count(number), meaning(outcome)));
        }
    }
    lines.push(row("bought", count(summary.bought), &reused(summary)));
    lines.push(row("calls", count(summary.calls), &calls(summary)));
    lines.push(cost_row(summary));
    if summary.saved_calls > 0 {
        let saved = match (summary.saved_cost, summary.saved_unpriced) {
            (Ore::ZERO, 0) => String::new(),
            (Ore::ZERO, _) => ": what that saved is not known, since there is no price".to_owned(),
            (saved, 0) => format!(": {} saved", money(saved)),
            (saved, _) => format!(": {} saved, and what has no price", money(saved)),
        };
        let note = format!("not asked, since their condition was not met{saved}");
        lines.push(row("gated", count(summary.saved_calls), &note));
    }
    if summary.letters > 0 {
        lines.push(row("letters", count(summary.letters), letters(summary)));
    }
    let width = lines.iter().map(|(_, number, _)| number.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, number, note) in lines {
        let tone = Outcome::parse(name.trim_start()).and_then(outcome_tone);
        let name = format!("{name:<12}");
        let name = tone.map_or_else(|| name.clone(), |tone| style.paint(tone, &name));
        let line = format!("  {name} {number:>width$}  {note}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

type Row = (String, String, String);

fn row(name: &str, number: String, note: &str) -> Row {
    (name.to_owned(), number, note.to_owned())
}

/// Without its unit, so that it lines up with the counts; the note begins with it.
fn amount(cost: Ore) -> String {
    money(cost).trim_end_matches(" SEK").to_owned()
}

fn bad_rows(summary: &Summary) -> String {
    if summary.bad_rows == 0 {
        String::new()
    } else {
        format!("{} of them bad: not asked", count(summary.bad_rows))
    }
}

fn pending(summary: &Summary) -> String {
    if summary.pending == 0 {
        String::new()
    } else {
        format!("{} of them still to do", count(summary.pending))
    }
}

fn reused(summary: &Summary) -> String {
    match summary.reused {
        0 => String::new(),
        1 => "1 more was reused".to_owned(),
        more => format!("{} more were reused", count(more)),
    }
}

fn calls(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if summary.retries > 0 {
        parts.push(format!("{} of them repeats", count(summary.retries)));
    }
    if summary.logins > 0 {
        parts.push(counted(summary.logins, "login", "logins"));
    }
    parts.join(", ")
}

/// What it cost, as far as anybody has said what calls cost.
fn cost_row(summary: &Summary) -> Row {
    let would = if simulated(summary) && summary.cost > Ore::ZERO { " would have been spent" } else { "" };
    let mut note = vec![format!("SEK{would}")];
    if summary.spent_unknown > Ore::ZERO {
        note.push(format!("of which {} for lost answers, billed or not", money(summary.spent_unknown)));
    }
    if summary.unpriced.is_empty() {
        return row("cost", amount(summary.cost), &note.join(", "));
    }
    let unknown = format!("price unknown for {}", summary.unpriced.join(", "));
    if summary.cost == Ore::ZERO {
        return row("cost", "-".to_owned(), &unknown);
    }
    note.push(format!("and {unknown}"));
    row("cost", amount(summary.cost), &note.join(", "))
}

fn letters(summary: &Summary) -> &'static str {
    if simulated(summary) { "of disclosure would have gone out" } else { "of disclosure went out" }
}

/// How an exit code is meant.
pub(super) fn exit_tone(exit: u8) -> Tone {
    match Exit::from_code(exit) {
        Some(Exit::Settled) => Tone::Good,
        Some(Exit::Unsettled | Exit::Budget | Exit::Stopped) => Tone::Warning,
        _ => Tone::Bad,
    }
}

/// What an outcome is to whoever reads it; `None` if it is neither good nor bad.
pub(super) const fn outcome_tone(outcome: Outcome) -> Option<Tone> {
    match outcome {
        Outcome::Hit | Outcome::Partial => Some(Tone::Good),
        Outcome::Invalid | Outcome::Denied => Some(Tone::Warning),
        Outcome::Failed | Outcome::Unknown => Some(Tone::Bad),
        Outcome::Rejected | Outcome::NoHit | Outcome::Skipped => None,
    }
}

/// An outcome in a few words.
pub(super) const fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "a report",
        Outcome::Partial => "a report with a rejection code",
        Outcome::Rejected => "the register says why there is none",
        Outcome::NoHit => "not in the register",
        Outcome::Invalid => "the input is refused",
        Outcome::Denied => "the account has no access to it",
        Outcome::Failed => "not carried out, attempts spent",
        Outcome::Unknown => "there is no answer to use",
        Outcome::Skipped => "not asked",
    }
}

/// Where an output is and what was found for it. Chosen columns never found come first, for they are mistakes in the
/// job; one that was not chosen stands there because some answer has it, if only as null.
fn output_text(output: &OutputLine, style: TermStyle) -> String {
    let mut text = format!("  {}", written(output));
    for note in notes(output) {
        let _ = writeln!(text, "    {}", style.told(&note));
    }
    text.push_str(&columns_text(output, MOST_COLUMNS));
    text
}

/// The same with every column, for whoever looks a run up.
pub(super) fn output_in_full(output: &OutputLine) -> String {
    format!("  {}{}", written(output), columns_text(output, usize::MAX))
}

/// What `export` wrote, and what is to be known of it.
pub fn exported_text(output: &OutputLine) -> String {
    let mut text = format!("{} ({})\n", output.path.display(), rows(output));
    for note in notes(output) {
        let _ = writeln!(text, "  {note}");
    }
    text
}

fn written(output: &OutputLine) -> String {
    let path = output.path.display();
    match output.kind {
        WrittenKind::Output | WrittenKind::Changes => format!("{path}  {}\n", rows(output)),
        WrittenKind::Rejects => format!("rejects  {path}  {}\n", rows(output)),
    }
}

fn rows(output: &OutputLine) -> String {
    match output.kind {
        WrittenKind::Output => counted(output.rows, "row", "rows"),
        WrittenKind::Changes => counted(output.rows, "change", "changes"),
        WrittenKind::Rejects => counted(output.rows, "bad row", "bad rows"),
    }
}

/// What a user should know of a file.
fn notes(output: &OutputLine) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(taken) = &output.instead_of {
        notes.push(format!("beside {}, which another run wrote", taken.display()));
    }
    if output.too_long > 0 {
        let cells = counted(output.too_long, "cell is", "cells are");
        notes.push(format!(
            "warning: {cells} longer than the 32,767 characters that Excel takes: choose other `columns`, or write them without \
             `excel`"
        ));
    }
    let never: Vec<String> = output.columns.iter().filter(|column| is_missing(column)).map(named).collect();
    if !never.is_empty() {
        notes.push(format!("warning: found in no answer: {}", listed(&never)));
    }
    notes
}

fn is_missing(column: &ColumnFound) -> bool {
    column.chosen && column.found == 0 && column.of > 0
}

/// A column that no answer had, with what may have been meant.
fn named(column: &ColumnFound) -> String {
    match column.near.as_slice() {
        [] => column.name.clone(),
        near => format!("{} (there is {})", column.name, near.join(", ")),
    }
}

fn columns_text(output: &OutputLine, most: usize) -> String {
    let mut text = String::new();
    let found: Vec<&ColumnFound> =
        output.columns.iter().filter(|column| most == usize::MAX || !is_missing(column)).collect();
    let width = found.iter().take(most).map(|column| column.name.chars().count()).max().unwrap_or(0);
    for column in found.iter().take(most) {
        let _ =
            writeln!(text, "    {:<width$}  {} of {}", column.name, count(column.found), count(column.of));
    }
    if found.len() > most {
        let more = counted((found.len() - most) as u64, "more column", "more columns");
        let _ = writeln!(text, "    and {more} (`orgpull status` lists them all)");
    }
    text
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_COLUMNS).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_COLUMNS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
