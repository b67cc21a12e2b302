//! The last line of every run: what to type next.

use super::figures::count;
use crate::config::SIMULATOR;
use crate::domain::exit::Exit;
use crate::domain::outcome::Outcome;
use crate::run::report::{RunState, Summary};
use std::path::{Path, PathBuf};

/// What the person typed that the next command needs too.
#[derive(Debug, Clone, Default)]
pub struct TypedFlags {
    /// The working folder; job files below it are named relative to it.
    pub folder: PathBuf,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--database`.
    pub database: Option<PathBuf>,
}

impl TypedFlags {
    /// A command line of ours that a shell takes as it stands.
    pub fn command(&self, simulated: bool, words: &[&str]) -> String {
        let mut line = vec!["orgpull".to_owned()];
        for (flag, file) in [("--config", &self.config), ("--database", &self.database)] {
            if let Some(file) = file {
                line.extend([flag.to_owned(), quoted(&file.to_string_lossy())]);
            }
        }
        line.extend(words.iter().map(|word| quoted(word)));
        if simulated && words.first().is_some_and(|command| takes_simulate(command)) {
            line.push("--simulate".to_owned());
        }
        line.join(" ")
    }

    fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }
}

/// A command that ended before there was a run of its own.
#[derive(Debug, Clone, Copy)]
pub struct RefusedCommand<'a> {
    /// The job's name, once its file has been read.
    pub job: Option<&'a str>,
    /// The job's file, where it is known.
    pub job_path: Option<&'a Path>,
    /// Whether the command was one for the simulator.
    pub simulated: bool,
    /// The words that were typed after the program's name.
    pub words: &'a [String],
}

/// Whether the run is one against the simulator.
pub(super) fn simulated(summary: &Summary) -> bool {
    summary.environment == SIMULATOR
}

/// What to type next after a run that stands as this summary says: why, a colon, the command. The summary's own `next`
/// is not looked at.
pub fn next_step(summary: &Summary, typed: &TypedFlags) -> String {
    let status = typed.command(simulated(summary), &["status", &summary.run]);
    match summary.state {
        RunState::Running => format!("to look again: {status}"),
        RunState::Closed => {
            let newer = typed.command(simulated(summary), &["status", &summary.job]);
            format!("a newer run took its place; to see that one: {newer}")
        }
        RunState::Finished => after_end(summary, typed, &status),
        RunState::Stopped => to_go_on(summary, typed, &status),
    }
}

fn after_end(summary: &Summary, typed: &TypedFlags, status: &str) -> String {
    let of = |outcome| summary.count(outcome);
    let retry = typed.command(simulated(summary), &["retry", &summary.run]);
    let retry_unknown = typed.command(simulated(summary), &["retry", &summary.run, "--unknown"]);
    match (of(Outcome::Failed), of(Outcome::Unknown), of(Outcome::Denied)) {
        (0, 0, 0) => format!("to see the run in full: {status}"),
        (0, 0, denied) => {
            format!("to ask again what was denied ({}), once the account has access: {retry}", count(denied))
        }
        (0, unknown, _) => {
            format!(
                "to ask again what ended unknown ({}), which may be billed twice: {retry_unknown}",
                count(unknown)
            )
        }
        (failed, 0, _) => format!("to ask again what failed ({}): {retry}", count(failed)),
        (failed, unknown, _) => format!(
            "to ask again what failed ({}): {retry} (also what ended unknown ({}), which may be billed twice: add --unknown)",
            count(failed),
            count(unknown)
        ),
    }
}

fn to_go_on(summary: &Summary, typed: &TypedFlags, status: &str) -> String {
    let job = typed.shown(&summary.job_path).to_string_lossy();
    let limit = summary.limit.map(|limit| limit.to_string());
    let mut words = vec!["run", &job];
    words.extend(limit.iter().flat_map(|limit| ["--limit", limit]));
    let run = typed.command(simulated(summary), &words);
    let exit = summary.exit.and_then(Exit::from_code).unwrap_or(Exit::Stopped);
    let command = |words: &[&str]| typed.command(simulated(summary), words);
    match exit {
        Exit::Output => format!("{OUTPUT}, then (nothing is bought again): {run}"),
        Exit::Busy => format!("another process is at it; to look at it: {status}"),
        Exit::Unavailable => format!("when the upstream answers again: {run}"),
        Exit::Bug => format!("please report this; to go on: {run}"),
        Exit::Budget => format!("{BUDGET}: {run}"),
        exit => match remedy(exit, simulated(summary), Some(&job), command) {
            Some(remedy) => format!("{remedy}, then go on: {run}"),
            None => format!("to go on: {run}"),
        },
    }
}

/// What to type next after a command that ended so before there was a run that could be summed up: why, a colon, the
/// command.
pub fn next_after_refusal(exit: Exit, refused: &RefusedCommand<'_>, typed: &TypedFlags) -> String {
    let again = again(refused.words);
    let command = |words: &[&str]| typed.command(refused.simulated, words);
    match exit {
        Exit::Output => format!("{OUTPUT}, then: {again}"),
        Exit::Busy => {
            let look = refused.job.map_or_else(|| command(&["runs"]), |job| command(&["status", job]));
            format!("wait until the other process has ended; to look at its run: {look}")
        }
        Exit::Unavailable => format!("when the upstream answers again: {again}"),
        Exit::Bug => format!("please report this; to try again: {again}"),
        Exit::Budget => format!("{BUDGET}: {again}"),
        exit => {
            let job = refused.job_path.map(|path| typed.shown(path).to_string_lossy());
            match remedy(exit, refused.simulated, job.as_deref(), command) {
                Some(remedy) => format!("{remedy}, then: {again}"),
                None => format!("to try again: {again}"),
            }
        }
    }
}

const BUDGET: &str = "what is left stays pending; to go on, when its budget or its night allows it";
const OUTPUT: &str = "make room or mend the output's path";

/// What has to be done first, by hand, where that is so.
fn remedy(
    exit: Exit,
    simulated: bool,
    job: Option<&str>,
    command: impl Fn(&[&str]) -> String,
) -> Option<String> {
    Some(match exit {
        Exit::Config => match job {
            Some(job) => {
                format!("mend what is at fault ({} finds what it can)", command(&["check", job]))
            }
            None => "mend what is at fault".to_owned(),
        },
        Exit::Login if simulated => "take the refusal out of the scenario".to_owned(),
        // Fits a refused login and a refused token alike; which of them it was is told by the reason.
        Exit::Login => {
            format!("mend what the reason says of the account ({} tries its login)", command(&["login"]))
        }
        Exit::Ledger => "mend what is said of the ledger".to_owned(),
        _ => return None,
    })
}

/// The same words again, as a shell takes them.
fn again(words: &[String]) -> String {
    let words = words.iter().map(|word| quoted(word));
    std::iter::once("orgpull".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
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

    fn typed() -> TypedFlags {
        TypedFlags { folder: "/home/anna".into(), ..TypedFlags::default() }
    }

    /// Every ending, in the simulator and out of it.
    #[test]
    fn every_state_and_exit() {
        let mut lines = Vec::new();
        for (name, summary) in samples::endings() {
            let simulated = Summary { environment: SIMULATOR.to_owned(), ..summary.clone() };
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
        let typed = TypedFlags {
            config: Some("/etc/orgpull.toml".into()),
            database: Some("a b.db".into()),
            ..typed()
        };
        assert_eq!(
            next_step(&summary, &typed),
            r"to go on: orgpull --config /etc/orgpull.toml --database 'a b.db' run 'min jobb/anna'\''s.toml'"
        );
        summary.job_path = "/srv/jobs/x.toml".into();
        assert!(next_step(&summary, &TypedFlags::default()).ends_with("orgpull run /srv/jobs/x.toml"));
    }

    /// Without it the line would start a run of all rows.
    #[test]
    fn a_run_of_some_rows_is_continued_by_its_limit() {
        let summary = Summary { limit: Some(10), ..samples::stopped(Some(130)) };
        assert_eq!(next_step(&summary, &typed()), "to go on: orgpull run jobs/portfolio.toml --limit 10");
    }

    fn refused(exit: Exit, simulated: bool, known: bool) -> String {
        let words: Vec<String> = ["run", "jobs/my portfolio.toml", "--limit", "10"].map(Into::into).into();
        let refused = RefusedCommand {
            job: known.then_some("portfolio"),
            job_path: known.then_some(Path::new("/home/anna/jobs/my portfolio.toml")),
            simulated,
            words: &words,
        };
        next_after_refusal(exit, &refused, &typed())
    }

    #[test]
    fn every_refusal_leads_on() {
        const AGAIN: &str = "orgpull run 'jobs/my portfolio.toml' --limit 10";
        let table = [
            (
                Exit::Config,
                "mend what is at fault (orgpull check 'jobs/my portfolio.toml' finds what it can), then: {}",
            ),
            (
                Exit::Login,
                "mend what the reason says of the account (orgpull login tries its login), then: {}",
            ),
            (Exit::Ledger, "mend what is said of the ledger, then: {}"),
            (Exit::Output, "make room or mend the output's path, then: {}"),
            (
                Exit::Budget,
                "what is left stays pending; to go on, when its budget or its night allows it: {}",
            ),
            (
                Exit::Busy,
                "wait until the other process has ended; to look at its run: orgpull status portfolio",
            ),
            (Exit::Unavailable, "when the upstream answers again: {}"),
            (Exit::Stopped, "to try again: {}"),
            (Exit::Bug, "please report this; to try again: {}"),
        ];
        for (exit, next) in table {
            assert_eq!(refused(exit, false, true), next.replace("{}", AGAIN), "{exit:?}");
        }
    }

    #[test]
    fn a_refusal_names_no_more_than_is_known() {
        assert!(refused(Exit::Config, false, false).starts_with("mend what is at fault, then: orgpull run "));
        assert!(refused(Exit::Busy, false, false).ends_with("orgpull runs"));
    }

    /// Another ledger holds the simulator's runs, and its login is a scenario's.
    #[test]
    fn a_refusal_in_the_simulator_stays_there() {
        assert!(refused(Exit::Busy, true, true).ends_with("orgpull status portfolio --simulate"));
        assert!(refused(Exit::Login, true, true).starts_with("take the refusal out of the scenario"));
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
