//! Schedules, for people and for programs: what the daemon says, the next fires, and the jobs of a folder.

use super::event::Line;
use super::figures::{amount, counted, span};
use super::summary::exit_tone;
use super::table::{Cell, Sheet, words};
use crate::cli::term_style::{TermStyle, Tone};
use crate::daemon::DaemonEvent;
use crate::domain::money::Ore;
use crate::domain::schedule::{ClockChange, DueTime, Schedule};
use crate::job::Needs;
use crate::ledger::DaemonRow;
use crate::run::event::{Event, Level};
use crate::time::{local, rfc3339};
use serde_json::{Value, json};
use std::time::Duration;

/// A fire to come.
#[derive(Debug, Clone)]
pub struct NextFire<'a> {
    /// The job.
    pub job: &'a str,
    /// Its schedule.
    pub schedule: &'a Schedule,
    /// When.
    pub due: DueTime,
    /// What the job's last run cost, and whether it asked something that nobody has given a price.
    pub cost: Option<(Ore, bool)>,
    /// Whether it is paused.
    pub paused: bool,
}

/// A job of a folder as it stands.
#[derive(Debug, Clone)]
pub struct JobLine {
    /// Its name.
    pub job: String,
    /// Its file.
    pub path: String,
    /// What `[schedule]` says; `None` if there is none.
    pub schedule: Option<String>,
    /// When its next fire is due, in milliseconds since 1970, and the same in its zone; `None` while it is paused.
    pub next: Option<(i64, String)>,
    /// When its last fire was due.
    pub last: Option<(i64, String)>,
    /// How its last fire or run ended: an exit code, and why.
    pub result: Option<(Option<u8>, String)>,
    /// The run that it last had.
    pub run: Option<String>,
    /// Since when it is paused (milliseconds since 1970), and why.
    pub paused: Option<(i64, String)>,
    /// Who runs it now.
    pub running: Option<String>,
}

/// A line of the daemon's log.
pub fn daemon_text(line: &Line<'_>, now: i64, style: TermStyle) -> String {
    let warning = if line.level == Level::Warning { "warning: " } else { "" };
    let message = line.message.strip_prefix("error: ").unwrap_or(&line.message);
    format!("{} {}{message}", rfc3339(now), style.paint(Tone::Warning, warning))
}

/// The same as an object.
pub fn daemon_json(entry: &DaemonEvent, line: &Line<'_>, now: i64) -> Value {
    let level = if line.level == Level::Warning { "warning" } else { "info" };
    let mut object = json!({ "event": line.kind, "at": rfc3339(now), "level": level });
    let (run, exit) = match &entry.event {
        Event::Started(started) => (Some(started.run.clone()), None),
        Event::Ended(end) => (end.run.clone(), Some(end.exit.code())),
        _ => (None, None),
    };
    let [account, service] = entry.event.of().map(|(key, value)| (key, value.map(Value::from)));
    let fields = [
        ("job", entry.job.clone().map(Value::from)),
        ("due", entry.due.map(|due| rfc3339(due).into())),
        ("run", run.map(Value::from)),
        ("exit", exit.map(Value::from)),
        account,
        service,
    ];
    for (key, value) in fields {
        if let Some(value) = value {
            object[key] = value;
        }
    }
    object["message"] = line.message.as_ref().into();
    object
}

/// What is said of a job whose fires come before it is done.
pub fn too_long(job: &str, needs: Needs) -> String {
    format!("{job} needs {} at its pace, and fires every {}", span(needs.time), every(needs.every))
}

/// A span between fires: whole hours up to two days, as people say it.
fn every(between: Duration) -> String {
    let seconds = between.as_secs();
    match (seconds.is_multiple_of(3_600), seconds.is_multiple_of(60)) {
        (true, _) if seconds <= 48 * 3_600 => format!("{} h", seconds / 3_600),
        (_, true) if seconds < 3_600 => format!("{} min", seconds / 60),
        _ => span(between),
    }
}

/// The fires to come, in order.
pub fn fires_text(fires: &[NextFire<'_>], style: TermStyle) -> String {
    let mut sheet =
        Sheet::new([words("due"), words("job").cut(12), words("last cost").goes(1), words("").cut(10)]);
    for fire in fires {
        let cost = fire.cost.map_or_else(|| Cell::from(""), |(sum, unknown)| amount(sum, unknown));
        let due = local(&fire.schedule.zone, fire.due.at);
        sheet.row([
            Cell::from(due.as_str()).short(short_local(&due)),
            fire.job.into(),
            cost,
            Cell::from(remarks(fire)).tone(fire.paused.then_some(Tone::Warning)),
        ]);
    }
    format!("{}\n", sheet.draw(style))
}

/// A time without the name of its zone.
fn short_local(at: &str) -> String {
    at.get(..16).unwrap_or(at).to_owned()
}

fn remarks(fire: &NextFire<'_>) -> String {
    let mut remarks = Vec::new();
    if fire.paused {
        remarks.push("paused".to_owned());
    }
    let named = fire.due.named.strftime("%H:%M");
    let comes = |at: i64| local(&fire.schedule.zone, at)[11..16].to_owned();
    match fire.due.change {
        Some(ClockChange::LeftOut) => {
            remarks.push(format!("{named} does not exist that night: fires at {}", comes(fire.due.at)));
        }
        Some(ClockChange::Twice) => {
            remarks.push(format!("{named} comes twice that night: fires at the first"));
        }
        None => {}
    }
    let at = fire.schedule.fires_at(fire.job, fire.due.at);
    if at != fire.due.at {
        let late = Duration::from_millis((at - fire.due.at).unsigned_abs());
        remarks.push(format!("{} later (jitter)", span(late)));
    }
    remarks.join("; ")
}

/// The jobs of a folder, by name.
pub fn jobs_text(jobs: &[JobLine], style: TermStyle) -> String {
    if jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let mut sheet = Sheet::new([
        words("job").cut(12),
        words("schedule").goes(2),
        words("next"),
        words("last fire").goes(3),
        words("last result").cut(16),
        words("run").goes(1),
        words("now").cut(7).goes(9),
    ]);
    for job in jobs {
        let now = match (&job.running, &job.paused) {
            (Some(who), _) => Cell::from(format!("running: {who}")).short("running").tone(Some(Tone::Good)),
            (None, Some((since, why))) => {
                let text = format!("paused since {}: {why}", rfc3339(*since));
                Cell::from(text).short("paused").tone(Some(Tone::Warning))
            }
            (None, None) => Cell::from(""),
        };
        let at = |when: &Option<(i64, String)>| match when {
            Some((_, text)) => Cell::from(text.as_str()).short(short_local(text)),
            None => Cell::from("-"),
        };
        let result = match &job.result {
            Some((Some(exit), why)) => Cell::from(format!("exit {exit}: {why}")).tone(Some(exit_tone(*exit))),
            Some((None, why)) => Cell::from(format!("left out: {why}")).tone(Some(Tone::Warning)),
            None => Cell::from("-"),
        };
        let schedule = job.schedule.as_deref().unwrap_or("-");
        let run = job.run.as_deref().unwrap_or("-");
        let times = (at(&job.next), at(&job.last));
        sheet.row([job.job.as_str().into(), schedule.into(), times.0, times.1, result, run.into(), now]);
    }
    format!("{}\n", sheet.draw(style))
}

/// Who sees to it that jobs fire.
pub fn daemons_text(daemons: &[DaemonRow], style: TermStyle) -> String {
    if daemons.is_empty() {
        let none = "no daemon is at work on this ledger, so nothing fires: `orgpull schedule` is one";
        return style.fold(&style.paint(Tone::Warning, none)) + "\n";
    }
    let line = |daemon: &DaemonRow| {
        format!(
            "daemon: process {} on {}, {} of {}, since {}, last heartbeat {}\n",
            daemon.pid,
            daemon.host,
            counted(daemon.jobs.len() as u64, "job", "jobs"),
            daemon.folder,
            rfc3339(daemon.started_at),
            rfc3339(daemon.beat_at)
        )
    };
    style.fold(&daemons.iter().map(line).collect::<String>())
}

/// The jobs as a list of objects.
pub fn jobs_json(jobs: &[JobLine]) -> Value {
    let line = |job: &JobLine| {
        let at = |when: &Option<(i64, String)>| when.as_ref().map(|(at, _)| rfc3339(*at));
        let (exit, reason) = job.result.clone().map_or((None, None), |(exit, why)| (exit, Some(why)));
        json!({
            "job": job.job,
            "path": job.path,
            "schedule": job.schedule,
            "next": at(&job.next),
            "last": at(&job.last),
            "exit": exit,
            "reason": reason,
            "run": job.run,
            "paused": job.paused.is_some(),
            "paused_since": job.paused.as_ref().map(|(since, _)| rfc3339(*since)),
            "paused_why": job.paused.as_ref().map(|(_, why)| why),
            "running": job.running,
        })
    };
    jobs.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::DaemonLines;
    use crate::domain::cron::CronLine;
    use crate::domain::exit::Exit;
    use crate::domain::schedule::{Missed, Overlap};
    use crate::run::event::RunEnd;
    use jiff::tz::TimeZone;

    #[test]
    fn a_job_that_needs_longer() {
        let hours = |hours| Duration::from_hours(hours);
        let needs = Needs { time: hours(13 * 24 + 21), every: hours(24) };
        assert_eq!(too_long("backfill", needs), "backfill needs 13 d 21 h at its pace, and fires every 24 h");
        for (between, said) in
            [(15 * 60, "15 min"), (3_600, "1 h"), (5_400, "1 h 30 min"), (7 * 86_400, "7 d 0 h")]
        {
            assert_eq!(every(Duration::from_secs(between)), said);
        }
    }

    fn jobs() -> [JobLine; 3] {
        let at = |text: &str| Some((0, format!("{text} Europe/Stockholm")));
        let nightly = JobLine {
            job: "nightly-refresh-of-the-whole-portfolio".to_owned(),
            path: "/srv/jobs/nightly.toml".to_owned(),
            schedule: Some("30 2 * * *".to_owned()),
            next: at("2026-11-23 02:30"),
            last: at("2026-11-22 02:30"),
            result: Some((Some(4), "3 failed and 2 unknown".to_owned())),
            run: Some("dqfawx9ap4".to_owned()),
            paused: None,
            running: Some("process 4711 on box, since 2026-11-22T01:30:00Z: orgpull schedule".to_owned()),
        };
        let paused = JobLine {
            job: "backfill".to_owned(),
            next: None,
            result: Some((Some(0), "all settled".to_owned())),
            paused: Some((0, "by hand".to_owned())),
            running: None,
            ..nightly.clone()
        };
        let by_hand = JobLine {
            job: "once".to_owned(),
            schedule: None,
            last: None,
            result: None,
            run: None,
            paused: None,
            ..paused.clone()
        };
        [nightly, paused, by_hand]
    }

    fn schedule() -> Schedule {
        Schedule {
            lines: vec![CronLine::parse("30 2 * * *").unwrap()],
            zone: TimeZone::get("Europe/Stockholm").unwrap(),
            overlap: Overlap::Skip,
            missed: Missed::RunOnce,
            catch_up: Duration::from_hours(168),
            jitter: Duration::from_mins(5),
            pause_after: None,
        }
    }

    #[test]
    fn jobs_and_fires_on_terminals() {
        let schedule = schedule();
        let fire = |job, cost, paused| {
            let due = schedule.next(1_774_600_000_000).unwrap();
            NextFire { job, schedule: &schedule, due, cost, paused }
        };
        let fires = [
            fire("nightly-refresh-of-the-whole-portfolio", Some((Ore::new(124_000), false)), false),
            fire("backfill", Some((Ore::new(320), true)), true),
            fire("once", None, false),
        ];
        let daemon = DaemonRow {
            daemon: "d".to_owned(),
            pid: 4711,
            host: "box".to_owned(),
            folder: "/srv/jobs".to_owned(),
            jobs: vec!["backfill".to_owned()],
            started_at: 0,
            beat_at: 0,
        };
        for width in [60, 80, 120] {
            let style = TermStyle::wide(width);
            let daemons =
                [daemons_text(std::slice::from_ref(&daemon), style), daemons_text(&[], style)].concat();
            let text = format!("{}\n{daemons}\n{}", jobs_text(&jobs(), style), fires_text(&fires, style));
            insta::assert_snapshot!(format!("jobs_and_fires_{width}_wide"), text);
        }
    }

    #[test]
    fn what_the_daemon_says() {
        let end =
            RunEnd { run: Some("dqfawx9ap4".to_owned()), exit: Exit::Unavailable, reason: "away".to_owned() };
        let entry = DaemonEvent { due: Some(0), ..DaemonEvent::of_run("nightly", Event::Ended(end)) };
        let lines = DaemonLines::default();
        let line = lines.line(&entry).unwrap();
        let text = "1970-01-01T00:00:01Z warning: nightly: run dqfawx9ap4 ended with exit 10: away";
        assert_eq!(daemon_text(&line, 1_000, TermStyle::PLAIN), text);
        let json = daemon_json(&entry, &line, 1_000);
        assert_eq!((&json["event"], &json["due"]), (&json!("ended"), &json!("1970-01-01T00:00:00Z")));
        assert_eq!((&json["run"], &json["exit"]), (&json!("dqfawx9ap4"), &json!(10)));
    }
}
