//! Histories, for a person: the runs in a table, and one run in full.

use super::figures::{amount, count};
use super::next::simulated;
use super::summary::{OutputLine, ending, exit_tone, figures, head, meaning, outcome_tone, output_in_full};
use super::table::{Cell, Sheet, numbers, words};
use crate::cli::term_style::{TermStyle, Tone};
use crate::domain::outcome::Outcome;
use crate::ledger::DecidedBy;
use crate::run::report::Summary;
use std::fmt::Write as _;

/// One run in full.
#[derive(Debug, Clone)]
pub struct StatusReport<'a> {
    /// The run. Its `next` is the last line, where there is one.
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
pub fn runs_text(runs: &[Summary], style: TermStyle) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let mut sheet = Sheet::new([
        words("run"),
        words("job").cut(8),
        words("state"),
        words("exit"),
        words("started").short("started (UTC)").goes(5),
        numbers("lookups").goes(1),
        numbers("to do").goes(2),
        numbers("failed").goes(3),
        numbers("unknown").goes(4),
        numbers("cost").short("SEK"),
    ]);
    for run in runs {
        let exit = run.exit.map_or_else(String::new, |exit| exit.to_string());
        let bad = |number: u64| Cell::from(count(number)).tone((number > 0).then_some(Tone::Bad));
        let unknown = !run.unpriced.is_empty();
        sheet.row([
            run.run.as_str().into(),
            run.job.as_str().into(),
            Cell::from(state(run)).short(run.state.as_str()),
            Cell::from(exit).tone(run.exit.map(exit_tone)),
            Cell::from(run.started_at.as_str()).short(short_time(&run.started_at)),
            count(run.lookups).into(),
            count(run.pending).into(),
            bad(run.count(Outcome::Failed)),
            bad(run.count(Outcome::Unknown)),
            amount(run.cost, unknown).tone(unknown.then_some(Tone::Warning)),
        ]);
    }
    format!("{}\n", sheet.draw(style))
}

/// A time as RFC 3339 down to the minute; its heading says that it is UTC.
fn short_time(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}

/// One run in full; its last line is what to type next, where that is not what was typed.
pub fn status_text(report: &StatusReport<'_>, style: TermStyle) -> String {
    let summary = report.summary;
    let mut text = head(summary);
    let _ = writeln!(text, "{}", ending(summary, None, style));
    let finished = summary.finished_at.as_ref().map_or_else(String::new, |at| format!(", finished {at}"));
    let exit = summary.exit.map_or_else(String::new, |exit| format!(", exit {exit}"));
    let _ = writeln!(text, "started {}{finished}{exit}", summary.started_at);
    let _ = writeln!(text, "job file {}", summary.job_path.display());
    for line in report.holds {
        let _ = writeln!(text, "{}", style.paint(Tone::Warning, &format!("held: {line}")));
    }
    text.push('\n');
    text.push_str(&figures(summary, style));
    if !report.outputs.is_empty() {
        text.push_str("\nOutputs\n");
        report.outputs.iter().for_each(|output| text.push_str(&output_in_full(output)));
    }
    if !report.attempts.is_empty() {
        let _ = writeln!(text, "\nDecided by\n{}", attempts(report.attempts).draw(style));
    }
    if !report.unknown.is_empty() {
        let unknown = format!("Unknown: {}", meaning(Outcome::Unknown));
        let _ = writeln!(text, "\n{}", style.paint(Tone::Bad, &unknown));
        for line in report.unknown {
            let _ = writeln!(text, "  {line}");
        }
        let more = summary.count(Outcome::Unknown).saturating_sub(report.unknown.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {} more", count(more));
        }
    }
    if summary.next.is_empty() {
        return style.fold(&text);
    }
    format!("{}\n{}\n", style.fold(&text), style.next(&summary.next))
}

fn state(run: &Summary) -> String {
    let state = run.state.as_str();
    if simulated(run) { format!("{state} (simulated)") } else { state.to_owned() }
}

fn attempts(counts: &[DecidedBy]) -> Sheet {
    let mut sheet =
        Sheet::new([words("service").cut(16), words("outcome"), words("code").cut(8), numbers("lookups")]);
    for row in counts {
        let outcome = row.outcome.map_or("no answer", Outcome::as_str);
        let code = row.code.as_deref().unwrap_or_default();
        let tone = row.outcome.and_then(outcome_tone);
        sheet.row([
            row.service.as_str().into(),
            Cell::from(outcome).tone(tone),
            code.into(),
            count(row.count).into(),
        ]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::super::summary::ColumnFound;
    use super::*;
    use crate::config::SIMULATOR;
    use crate::export::WrittenKind;
    use crate::run::report::RunState;

    #[test]
    fn a_table_of_runs() {
        let simulated = Summary { environment: SIMULATOR.to_owned(), ..samples::settled() };
        let runs = [samples::summary(), samples::stopped(Some(130)), samples::stopped(None), simulated];
        insta::assert_snapshot!(runs_text(&runs, TermStyle::PLAIN));
        for width in [60, 80, 120] {
            insta::assert_snapshot!(format!("runs_{width}_wide"), runs_text(&runs, TermStyle::wide(width)));
        }
        assert_eq!(runs_text(&[], TermStyle::PLAIN), "no runs yet\n");
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
        let report = StatusReport {
            summary: &summary,
            attempts: &attempts,
            outputs: &outputs,
            unknown: &unknown,
            holds: &[],
        };
        insta::assert_snapshot!(status_text(&report, TermStyle::PLAIN));
        for width in [60, 80, 120] {
            insta::assert_snapshot!(
                format!("a_run_{width}_wide"),
                status_text(&report, TermStyle::wide(width))
            );
        }
    }

    #[test]
    fn a_run_that_goes_on() {
        let next = "to look again: orgpull status k3v9q2".to_owned();
        let summary =
            Summary { state: RunState::Running, reason: String::new(), next, ..samples::stopped(None) };
        let holds = ["creditsafe takes no login before 2026-03-01T02:35:00Z (429)".to_owned()];
        let report =
            StatusReport { summary: &summary, attempts: &[], outputs: &[], unknown: &[], holds: &holds };
        insta::assert_snapshot!(status_text(&report, TermStyle::PLAIN));
    }
}
