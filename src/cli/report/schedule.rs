//! Schedules, for people and for programs: what the daemon says, the next fires, and the jobs of a folder.

use super::figures::{counted, money, span};
use super::table::table;
use crate::daemon::Told;
use crate::domain::money::Ore;
use crate::domain::schedule::{ClockChange, DueTime, Schedule};
use crate::job::Needs;
use crate::ledger::DaemonRow;
use crate::run::event::Level;
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
    /// What the job's last run cost.
    pub cost: Option<Ore>,
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
    /// What `[schedule]` says; nothing where there is none.
    pub schedule: Option<String>,
    /// When its next fire is due, in milliseconds since 1970, and the same in its zone; nothing while it is paused.
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
pub fn told_text(told: &Told, now: i64) -> String {
    let warning = if told.level == Level::Warning { "warning: " } else { "" };
    let message = told.message.strip_prefix("error: ").unwrap_or(&told.message);
    format!("{} {warning}{message}", rfc3339(now))
}

/// The same as an object.
pub fn told_json(told: &Told, now: i64) -> Value {
    let level = if told.level == Level::Warning { "warning" } else { "info" };
    let mut line = json!({ "event": told.kind, "at": rfc3339(now), "level": level });
    let fields = [
        ("job", told.job.clone().map(Value::from)),
        ("due", told.due.map(|due| rfc3339(due).into())),
        ("run", told.run.clone().map(Value::from)),
        ("exit", told.exit.map(Value::from)),
    ];
    for (key, value) in fields {
        if let Some(value) = value {
            line[key] = value;
        }
    }
    line["message"] = told.message.clone().into();
    line
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
pub fn fires_text(fires: &[NextFire<'_>]) -> String {
    let mut table = table(&["due", "job", "last cost", ""], 4);
    for fire in fires {
        let cost = fire.cost.map_or_else(String::new, money);
        table.add_row([local(&fire.schedule.zone, fire.due.at), fire.job.to_owned(), cost, remarks(fire)]);
    }
    format!("{}\n", table.trim_fmt())
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
pub fn jobs_text(jobs: &[JobLine]) -> String {
    if jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let mut table = table(&["job", "schedule", "next", "last fire", "last result", "run", "now"], 7);
    for job in jobs {
        let now = match (&job.running, &job.paused) {
            (Some(who), _) => format!("running: {who}"),
            (None, Some((since, why))) => format!("paused since {}: {why}", rfc3339(*since)),
            (None, None) => String::new(),
        };
        let at = |when: &Option<(i64, String)>| when.as_ref().map_or("-", |(_, text)| text).to_owned();
        let result = job.result.as_ref().map_or_else(
            || "-".to_owned(),
            |(exit, why)| {
                exit.map_or_else(|| format!("left out: {why}"), |exit| format!("exit {exit}: {why}"))
            },
        );
        let schedule = job.schedule.clone().unwrap_or_else(|| "-".to_owned());
        let run = job.run.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([job.job.clone(), schedule, at(&job.next), at(&job.last), result, run, now]);
    }
    format!("{}\n", table.trim_fmt())
}

/// Who sees to it that jobs fire.
pub fn daemons_text(daemons: &[DaemonRow]) -> String {
    if daemons.is_empty() {
        return "no daemon is at work on this ledger, so nothing fires: `orgpull schedule` is one\n"
            .to_owned();
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
    daemons.iter().map(line).collect()
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

    #[test]
    fn what_the_daemon_says() {
        let told = Told {
            level: Level::Warning,
            kind: "ended",
            job: Some("nightly".to_owned()),
            run: Some("dqfawx9ap4".to_owned()),
            due: Some(0),
            exit: Some(10),
            message: "nightly: run dqfawx9ap4 ended with exit 10: away".to_owned(),
        };
        let text = "1970-01-01T00:00:01Z warning: nightly: run dqfawx9ap4 ended with exit 10: away";
        assert_eq!(told_text(&told, 1_000), text);
        let json = told_json(&told, 1_000);
        assert_eq!((&json["event"], &json["due"]), (&json!("ended"), &json!("1970-01-01T00:00:00Z")));
        assert_eq!((&json["run"], &json["exit"]), (&json!("dqfawx9ap4"), &json!(10)));
    }
}
