//! Histories, for a person: the runs in a table, and one run in full.

use super::figures::{count, money};
use super::next::simulated;
use super::summary::{OutputLine, ending, figures, head, meaning, output_in_full};
use super::table::table;
use crate::domain::outcome::Outcome;
use crate::ledger::DecidedBy;
use crate::run::event::Summary;
use std::fmt::Write as _;

/// One run in full.
#[derive(Debug, Clone)]
pub struct StatusReport<'a> {
    /// The run. Its `next` is the last line.
    pub summary: &'a Summary,
    /// What decided the lookups that it sent, counted.
    pub attempts: &'a [DecidedBy],
    /// The files that it wrote, in the order of its job.
    pub outputs: &'a [OutputLine],
    /// The first of its unknown lookups, a line each, told by their place in the input; the rest is counted.
    pub unknown: &'a [String],
    /// What its accounts wait for, a line each.
    pub holds: &'a [String],
}

/// The runs as a table, in the order given.
pub fn runs_text(runs: &[Summary]) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let header = ["run", "job", "state", "exit", "started", "lookups", "to do", "failed", "unknown", "cost"];
    let mut table = table(&header, 5);
    for run in runs {
        let exit = run.exit.map_or_else(String::new, |exit| exit.to_string());
        let mut cells = vec![run.run.clone(), run.job.clone(), state(run), exit, run.started_at.clone()];
        let numbers = [run.lookups, run.pending, run.count(Outcome::Failed), run.count(Outcome::Unknown)];
        cells.extend(numbers.map(count));
        cells.push(money(run.cost));
        table.add_row(cells);
    }
    format!("{}\n", table.trim_fmt())
}

/// One run in full; its last line is what to type next.
pub fn status_text(report: &StatusReport<'_>) -> String {
    let summary = report.summary;
    let mut text = head(summary);
    let _ = writeln!(text, "{}", ending(summary, None));
    let finished = summary.finished_at.as_ref().map_or_else(String::new, |at| format!(", finished {at}"));
    let exit = summary.exit.map_or_else(String::new, |exit| format!(", exit {exit}"));
    let _ = writeln!(text, "started {}{finished}{exit}", summary.started_at);
    let _ = writeln!(text, "job file {}", summary.job_path.display());
    for line in report.holds {
        let _ = writeln!(text, "held: {line}");
    }
    text.push('\n');
    text.push_str(&figures(summary));
    if !report.outputs.is_empty() {
        text.push_str("\nOutputs\n");
        report.outputs.iter().for_each(|output| text.push_str(&output_in_full(output)));
    }
    if !report.attempts.is_empty() {
        let _ = writeln!(text, "\nDecided by\n{}", attempts(report.attempts));
    }
    if !report.unknown.is_empty() {
        let _ = writeln!(text, "\nUnknown: {}", meaning(Outcome::Unknown));
        for line in report.unknown {
            let _ = writeln!(text, "  {line}");
        }
        let more = summary.count(Outcome::Unknown).saturating_sub(report.unknown.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {} more", count(more));
        }
    }
    let _ = write!(text, "\nNext: {}\n", summary.next);
    text
}

fn state(run: &Summary) -> String {
    let state = run.state.as_str();
    if simulated(run) { format!("{state} (simulated)") } else { state.to_owned() }
}

fn attempts(counts: &[DecidedBy]) -> String {
    let mut table = table(&["service", "outcome", "code", "lookups"], 3);
    for row in counts {
        let outcome = row.outcome.map_or("no answer", Outcome::as_str);
        let code = row.code.as_deref().unwrap_or_default();
        table.add_row([row.service.as_str(), outcome, code, &count(row.count)]);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::super::summary::ColumnFound;
    use super::*;
    use crate::config::SIMULATOR;
    use crate::export::WrittenKind;
    use crate::run::event::RunState;

    #[test]
    fn a_table_of_runs() {
        let simulated = Summary { environment: SIMULATOR.to_owned(), ..samples::settled() };
        let runs = [samples::summary(), samples::stopped(Some(130)), samples::stopped(None), simulated];
        insta::assert_snapshot!(runs_text(&runs));
        assert_eq!(runs_text(&[]), "no runs yet\n");
    }

    #[test]
    fn a_run_in_full() {
        let attempt = |outcome, code: Option<&str>, count| DecidedBy {
            service: "creditsafe.getdata".to_owned(),
            outcome,
            code: code.map(Into::into),
            count,
        };
        let attempts = [
            attempt(Some(Outcome::Hit), None, 11_204),
            attempt(Some(Outcome::Rejected), Some("S010"), 402),
            attempt(None, Some("429"), 12),
            attempt(Some(Outcome::Unknown), Some("time-out"), 2),
        ];
        let unknown = ["line 17, report: 2Q7KD0A1B3C4D5 (time-out, may have cost 3.20 SEK)".to_owned()];
        let column = |at| ColumnFound {
            name: format!("column{at}"),
            chosen: true,
            found: at,
            of: 20,
            near: Vec::new(),
        };
        let outputs = [OutputLine {
            path: "out/portfolio-k3v9q2.csv".into(),
            kind: WrittenKind::Output,
            rows: 12_000,
            columns: (0..14).map(column).collect(),
            too_long: 0,
            instead_of: None,
        }];
        let mut summary = samples::summary();
        summary.outcomes[Outcome::Unknown.index()] = 1_201;
        insta::assert_snapshot!(status_text(&StatusReport {
            summary: &summary,
            attempts: &attempts,
            outputs: &outputs,
            unknown: &unknown,
            holds: &[]
        }));
    }

    #[test]
    fn a_run_that_goes_on() {
        let next = "to look again: orgpull status k3v9q2".to_owned();
        let summary =
            Summary { state: RunState::Running, reason: String::new(), next, ..samples::stopped(None) };
        insta::assert_snapshot!(status_text(&StatusReport {
            summary: &summary,
            attempts: &[],
            outputs: &[],
            unknown: &[],
            holds: &["creditsafe takes no login before 2026-03-01T02:35:00Z (429)".to_owned()]
        }));
    }
}
