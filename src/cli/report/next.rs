//! The last line of every run: what to type next.

use super::figures::count;
use crate::domain::exit::Exit;
use crate::domain::outcome::Outcome;
use crate::run::event::{RunState, Summary};
use std::path::{Path, PathBuf};

/// What the person typed that the next command needs too.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// The working folder; job files below it are named relative to it.
    pub folder: PathBuf,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--database`.
    pub database: Option<PathBuf>,
}

impl Typed {
    /// A command line of ours that a shell takes as it stands.
    fn command(&self, summary: &Summary, words: &[&str]) -> String {
        let mut line = vec!["orgpull".to_owned()];
        for (flag, file) in [("--config", &self.config), ("--database", &self.database)] {
            if let Some(file) = file {
                line.extend([flag.to_owned(), quoted(&file.to_string_lossy())]);
            }
        }
        line.extend(words.iter().map(|word| quoted(word)));
        if simulated(summary) && words.first().is_some_and(|command| takes_simulate(command)) {
            line.push("--simulate".to_owned());
        }
        line.join(" ")
    }

    fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }
}

/// Whether the run is one against the simulator.
pub(super) fn simulated(summary: &Summary) -> bool {
    summary.environment == "simulator"
}

/// What to type next after a run that stands as this summary says: why, a colon, the command. The summary's own `next`
/// is not looked at.
pub fn next_step(summary: &Summary, typed: &Typed) -> String {
    let status = typed.command(summary, &["status", &summary.run]);
    match summary.state {
        RunState::Running => format!("to look again: {status}"),
        RunState::Closed => {
            let newer = typed.command(summary, &["status", &summary.job]);
            format!("a newer run took its place; to see that one: {newer}")
        }
        RunState::Finished => after_end(summary, typed, &status),
        RunState::Stopped => to_go_on(summary, typed, &status),
    }
}

fn after_end(summary: &Summary, typed: &Typed, status: &str) -> String {
    let of = |outcome| summary.count(outcome);
    let retry = typed.command(summary, &["retry", &summary.run]);
    let retry_unknown = typed.command(summary, &["retry", &summary.run, "--unknown"]);
    match (of(Outcome::Failed), of(Outcome::Unknown), of(Outcome::Denied)) {
        (0, 0, 0) => format!("to see the run in full: {status}"),
        (0, 0, denied) => {
            format!("to ask again what was denied ({}), once the account has access: {retry}", count(denied))
        }
        (0, unknown, _) => {
            format!(
                "to ask again what was lost ({}), which may be billed twice: {retry_unknown}",
                count(unknown)
            )
        }
        (failed, 0, _) => format!("to ask again what failed ({}): {retry}", count(failed)),
        (failed, unknown, _) => format!(
            "to ask again what failed ({}): {retry} (also what was lost ({}), which may be billed twice: add --unknown)",
            count(failed),
            count(unknown)
        ),
    }
}

fn to_go_on(summary: &Summary, typed: &Typed, status: &str) -> String {
    let job = typed.shown(&summary.job_path).to_string_lossy();
    let limit = summary.limit.map(|limit| limit.to_string());
    let mut words = vec!["run", &job];
    words.extend(limit.iter().flat_map(|limit| ["--limit", limit]));
    let run = typed.command(summary, &words);
    match summary.exit.and_then(Exit::from_code) {
        Some(Exit::Config) => {
            let check = typed.command(summary, &["check", &job]);
            format!("mend what is at fault ({check} finds what it can), then go on: {run}")
        }
        Some(Exit::Login) if simulated(summary) => {
            format!("take the refusal out of the scenario, then go on: {run}")
        }
        Some(Exit::Login) => {
            let login = typed.command(summary, &["login"]);
            format!("mend the user name and password ({login} tries them), then go on: {run}")
        }
        Some(Exit::Ledger) => format!("mend the ledger's disk or its rights, then go on: {run}"),
        Some(Exit::Output) => {
            format!("make room or mend the output's path, then (nothing is bought again): {run}")
        }
        Some(Exit::Budget) => format!("raise the budget, then go on: {run}"),
        Some(Exit::Busy) => format!("another process is at it; to look at it: {status}"),
        Some(Exit::Unavailable) => format!("when the upstream answers again: {run}"),
        Some(Exit::Bug) => format!("please report this; to go on: {run}"),
        _ => format!("to go on: {run}"),
    }
}

fn takes_simulate(command: &str) -> bool {
    matches!(command, "run" | "plan" | "runs" | "status" | "retry" | "export")
}

/// A word as a POSIX shell takes it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_./-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn typed() -> Typed {
        Typed { folder: "/home/anna".into(), ..Typed::default() }
    }

    /// Every ending, in the simulator and out of it.
    #[test]
    fn every_state_and_exit() {
        let mut lines = Vec::new();
        for (name, summary) in samples::endings() {
            let simulated = Summary { environment: "simulator".to_owned(), ..summary.clone() };
            lines.push(format!("{name}\n  {}", next_step(&summary, &typed())));
            lines.push(format!("  {}", next_step(&simulated, &typed())));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_was_typed_is_typed_again() {
        let mut summary = samples::summary();
        summary.state = RunState::Stopped;
        summary.exit = Some(130);
        summary.job_path = "/home/anna/min jobb/anna's.toml".into();
        let typed =
            Typed { config: Some("/etc/orgpull.toml".into()), database: Some("a b.db".into()), ..typed() };
        assert_eq!(
            next_step(&summary, &typed),
            r"to go on: orgpull --config /etc/orgpull.toml --database 'a b.db' run 'min jobb/anna'\''s.toml'"
        );
        summary.job_path = "/srv/jobs/x.toml".into();
        assert!(next_step(&summary, &Typed::default()).ends_with("orgpull run /srv/jobs/x.toml"));
    }

    /// Without it the line would start a run of all rows.
    #[test]
    fn a_run_of_some_rows_is_continued_by_its_limit() {
        let summary = Summary { limit: Some(10), ..samples::stopped(Some(130)) };
        assert_eq!(next_step(&summary, &typed()), "to go on: orgpull run jobs/portfolio.toml --limit 10");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_expand_them() {
        for (word, shell) in
            [("a.toml", "a.toml"), ("", "''"), ("a b", "'a b'"), ("$HOME", "'$HOME'"), ("år", "år")]
        {
            assert_eq!(quoted(word), shell);
        }
    }
}
