//! What a run or the daemon tells, in the words for a person.

use super::figures::counted;
use crate::daemon::DaemonEvent;
use crate::domain::exit::Exit;
use crate::run::event::{BudgetEvent, Event, Level, Login, Notice, RunEnd, Started, Stopped};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A line for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// How loud.
    pub level: Level,
    /// A stable word for machines.
    pub kind: &'static str,
    /// For people.
    pub message: Cow<'a, str>,
}

/// The line that an event is worth; `None` if it is told in another way (how far a run is, how it begins and ends), or only
/// in the log.
pub(super) fn line(event: &Event) -> Option<Line<'_>> {
    let (level, message) = match event {
        Event::CoolDown { account, wait } => {
            let seconds = wait.as_secs().max(1);
            let message = format!(
                "{account} answers 429 (too many requests): the whole account waits for {seconds} s and then goes on slower"
            );
            (Level::Warning, message.into())
        }
        Event::Outage { account, cause, patience } => {
            let message = format!(
                "{account} is not answering ({cause}): the account pauses, asks its health address and goes on when it is back \
                 (for at most {} s)",
                patience.as_secs()
            );
            (Level::Warning, message.into())
        }
        Event::Login(Login { account, why: Some(why), is_news: true, .. }) => {
            (Level::Warning, format!("{account}: no token: {why}").into())
        }

        Event::Loading { .. }
        | Event::Started(_)
        | Event::Attempt(_)
        | Event::Progress(_)
        | Event::Login(_)
        | Event::Ended(_) => return None,
        Event::Budget(BudgetEvent { message, .. }) => (Level::Warning, message.as_str().into()),
        Event::Stopped(Stopped { reason, .. }) => (Level::Warning, reason.as_str().into()),
        Event::Notice(Notice { level, message, .. }) => (*level, message.as_str().into()),
    };
    Some(Line { level, kind: event.kind(), message })
}

/// What the daemon tells, a line each. It remembers what each job waits for, so that this is told once.
#[derive(Debug, Default)]
pub struct DaemonLines {
    waiting: Mutex<BTreeMap<String, String>>,
}

impl DaemonLines {
    /// The line that it is worth, if any.
    pub fn line<'a>(&self, told: &'a DaemonEvent) -> Option<Line<'a>> {
        let job = told.job.as_deref().unwrap_or_default();
        let info = |kind, message: String| Some(Line { level: Level::Info, kind, message: message.into() });
        match &told.event {
            // The daemon's own name the job themselves.
            event @ Event::Notice(_) if !told.of_run => line(event),
            Event::Started(Started { run, continued, pending, .. }) => {
                let goes = if *continued { "goes on" } else { "begins" };
                let lookups = counted(*pending, "lookup", "lookups");
                info("run", format!("{job}: run {run} {goes}: {lookups} to do"))
            }
            Event::Progress(progress) => {
                let pause = self.begins_to_wait(job, progress.pause.as_deref())?;
                info("waiting", format!("{job}: {pause}"))
            }
            Event::Ended(RunEnd { run, exit, reason }) => {
                self.begins_to_wait(job, None);
                let good = matches!(exit, Exit::Settled | Exit::Stopped | Exit::Budget);
                let level = if good { Level::Info } else { Level::Warning };
                let which = run.as_ref().map_or_else(|| "no run".to_owned(), |run| format!("run {run}"));
                let message = format!("{job}: {which} ended with exit {}: {reason}", exit.code());
                Some(Line { level, kind: "ended", message: message.into() })
            }
            event => {
                let line = line(event)?;
                Some(Line { message: format!("{job}: {}", line.message).into(), ..line })
            }
        }
    }

    /// What is waited for, where that is new. Its first words are what, the rest is how long.
    fn begins_to_wait<'p>(&self, job: &str, pause: Option<&'p str>) -> Option<&'p str> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pause) = pause else {
            waiting.remove(job);
            return None;
        };
        let what = pause.split(':').next().unwrap_or(pause);
        let before = waiting.insert(job.to_owned(), what.to_owned());
        (before.as_deref() != Some(what)).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::{LoginResult, Progress};

    fn of_run(event: Event) -> DaemonEvent {
        DaemonEvent { job: Some("nightly".to_owned()), due: Some(0), of_run: true, event }
    }

    #[test]
    fn a_wait_is_told_once_until_it_is_over() {
        let lines = DaemonLines::default();
        let waits = |pause: Option<&str>| {
            let progress = Progress { pause: pause.map(str::to_owned), ..Progress::default() };
            lines.line(&of_run(Event::Progress(progress))).map(|line| line.message.into_owned())
        };
        assert_eq!(waits(Some("away: 9 s")).as_deref(), Some("nightly: away: 9 s"));
        assert_eq!(waits(Some("away: 8 s")), None);
        assert_eq!(waits(Some("slow: 8 s")).as_deref(), Some("nightly: slow: 8 s"));
        assert_eq!(waits(None), None);
        assert_eq!(waits(Some("slow: 7 s")).as_deref(), Some("nightly: slow: 7 s"));
    }

    #[test]
    fn a_login_is_a_line_only_where_it_is_news() {
        let login = |is_news| {
            let (account, why) = ("dnb".to_owned(), Some("refused".to_owned()));
            Event::Login(Login { account, result: LoginResult::Unavailable, why, is_news })
        };
        assert_eq!(line(&login(false)), None);
        let told = of_run(login(true));
        let told = DaemonLines::default().line(&told).map(|line| (line.kind, line.message.into_owned()));
        assert_eq!(told, Some(("login", "nightly: dnb: no token: refused".to_owned())));
    }
}
