//! Where a run stands, on a terminal: a bar with its figures, and below what came of it.

use super::figures::{cost, count, counted, per_second, percent, span};
use super::summary::outcome_tone;
use crate::cli::term_style::{TermStyle, Tone};
use crate::domain::outcome::Outcome;
use crate::run::event::Progress;
use console::measure_text_width;
use std::fmt::Write as _;

/// Lines are shorter than this however wide the terminal is: a window that is made narrower, down to so much, then wraps
/// nothing of what stands there, and nothing is left behind when it is drawn anew.
const NARROW: usize = 60;
/// The bar itself takes what the figures leave of a line, at most so much; where that is less than [`SHORTEST`], none.
const LONGEST: usize = 30;
const SHORTEST: usize = 6;

/// While the input is read: how far it goes is not known.
pub(super) fn loading(rows: u64) -> String {
    format!("reading the input: {}", counted(rows, "row", "rows"))
}

/// The bar with its figures, and the detail below, in as many lines as it takes.
pub(super) fn running(progress: &Progress, style: TermStyle) -> String {
    let room = style.width().unwrap_or(NARROW).clamp(2, NARROW) - 1;
    let style = style.within(room);
    let figures = figures(progress);
    let length = room.saturating_sub(figures.chars().count() + "[]  ".len()).min(LONGEST);
    let bar = if length < SHORTEST { String::new() } else { format!("[{}]  ", drawn(progress, length)) };
    let mut text = style.fold(&format!("{bar}{figures}"));
    let mut used = room;
    for part in detail(progress, style) {
        let long = measure_text_width(&part);
        if used + ", ".len() + long <= room {
            text.push_str(", ");
            text.push_str(&part);
            used += ", ".len() + long;
        } else {
            let part = style.fold(&part);
            used = part.lines().last().map_or(0, measure_text_width);
            text.push('\n');
            text.push_str(&part);
        }
    }
    text
}

fn drawn(progress: &Progress, length: usize) -> String {
    let share = percent(progress.done, progress.lookups);
    let full = usize::try_from(share).unwrap_or(100) * length / 100;
    let head = if full < length { ">" } else { "" };
    format!("{:<length$}", "=".repeat(full) + head)
}

/// Beside the bar. It has no gap that a line could hang by.
fn figures(progress: &Progress) -> String {
    let done = percent(progress.done, progress.lookups);
    let mut text = format!("{done} %, {} of {}", count(progress.done), count(progress.lookups));
    let _ = write!(text, ", {}", per_second(progress.rate));
    if let Some(left) = progress.left {
        let _ = write!(text, ", {} left", span(left));
    }
    text
}

/// All of it in one line, for logs.
pub(super) fn line(progress: &Progress) -> String {
    let done = percent(progress.done, progress.lookups);
    let mut line = format!("{} of {} ({done} %)", count(progress.done), count(progress.lookups));
    let _ = write!(line, ", {}", per_second(progress.rate));
    if let Some(left) = progress.left {
        let _ = write!(line, ", {} left", span(left));
    }
    format!("{line}; {}", detail(progress, TermStyle::PLAIN).join(", "))
}

/// What came of it, what it cost, and why nothing is being sent where that is so.
fn detail(progress: &Progress, style: TermStyle) -> Vec<String> {
    let outcomes = Outcome::ALL.iter().filter(|outcome| progress.count(**outcome) > 0);
    let mut parts: Vec<String> = outcomes
        .map(|outcome| {
            let told = format!("{outcome} {}", count(progress.count(*outcome)));
            outcome_tone(*outcome).map_or_else(|| told.clone(), |tone| style.paint(tone, &told))
        })
        .collect();
    parts.push(cost(progress.cost, !progress.unpriced.is_empty()));
    if let Some(pause) = &progress.pause {
        parts.insert(0, style.paint(Tone::Warning, &format!("paused: {pause}")));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use std::time::Duration;

    /// Everything at once, and long.
    fn full() -> Progress {
        Progress {
            lookups: 1_204_331,
            done: 711_204,
            outcomes: [611_204, 31, 40_200, 59_700, 5, 1, 3, 2, 58],
            left: Some(Duration::from_hours(333)),
            pause: Some("the account cools down after a 429, 42 s left".to_owned()),
            unpriced: vec!["creditsafe.spar".to_owned()],
            rate: 1_204.0,
            ..samples::progress()
        }
    }

    #[test]
    fn a_bar_on_terminals() {
        let mut all = String::new();
        for width in [20, 60, 80, 120] {
            for progress in [samples::progress(), full()] {
                let _ =
                    writeln!(all, "{}\n{}", "-".repeat(width), running(&progress, TermStyle::wide(width)));
            }
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn a_window_made_narrower_wraps_nothing() {
        for progress in [samples::progress(), full()] {
            let drawn = running(&progress, TermStyle::wide(200));
            assert!(drawn.lines().all(|line| measure_text_width(line) < NARROW), "{drawn}");
        }
    }

    #[test]
    fn a_bar_fills_with_what_is_done() {
        let at = |done| drawn(&Progress { done, lookups: 200, ..Progress::default() }, 10);
        assert_eq!(at(0), ">         ");
        assert_eq!(at(100), "=====>    ");
        assert_eq!(at(199), "=========>");
        assert_eq!(at(200), "==========");
    }

    #[test]
    fn a_line_names_figures_outcomes_cost_and_pause() {
        let mut progress = samples::progress();
        let told =
            "1 204 of 12 000 (10 %), 1.0/s, 2 h 59 min left; hit 1 120, no_hit 80, failed 4, 3 808.00 SEK";
        assert_eq!(line(&progress), told);
        progress.pause = Some("outage".to_owned());
        assert!(line(&progress).contains("; paused: outage, hit"));
        progress.unpriced.push("creditsafe.spar".to_owned());
        assert!(line(&progress).ends_with("3 808.00 SEK + price unknown"));
    }
}
