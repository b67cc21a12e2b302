//! `jobs`, `pause`, `unpause` and `fire`.

use super::super::args::{JobArgs, JobsArgs};
use super::super::report::{JobLine, daemons_text, jobs_json, jobs_text};
use super::super::{Failure, Invocation};
use super::folder::{folder, ledger_if_any};
use crate::domain::exit::Exit;
use crate::domain::redact::scrub;
use crate::job::Job;
use crate::ledger::{DaemonRow, FireRow, JobLock, Ledger, RunRow, ScheduleRecord};
use crate::shape::{Text, suggestion};
use crate::time::{local, now_ms, rfc3339};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Heartbeats are half a minute apart. After three that did not come, something is wrong; in milliseconds.
const SILENT: i64 = 90_000;

/// `orgpull jobs`.
pub(in crate::cli) async fn jobs(invocation: &Invocation, args: &JobsArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let (folder, good) = folder(invocation, &args.dir, &settings, args.simulate)?;
    let ledger = ledger_if_any(&settings).await?;
    let mut lines = Vec::new();
    for job in folder.jobs() {
        lines.push(match &ledger {
            Some(ledger) => known(ledger, job).await?,
            None => line(job, ScheduleRecord::default(), None, None),
        });
    }
    if args.json {
        Invocation::print(&format!("{:#}\n", jobs_json(&lines)))?;
    } else {
        let daemons = match &ledger {
            Some(ledger) => ledger.daemons().await?,
            None => Vec::new(),
        };
        let style = invocation.style();
        invocation.say(&format!("{}\n{}", jobs_text(&lines, style), daemons_text(&daemons, style)))?;
    }
    if good { Ok(Exit::Settled) } else { Err(Failure::Reported(Exit::Config)) }
}

async fn known(ledger: &Ledger, job: &Job) -> Result<JobLine, Failure> {
    let book = ledger.schedule_record(&job.name, now_ms()).await?;
    let run = ledger.last_run(&job.name).await?;
    Ok(line(job, book, run, JobLock::holder(ledger.path(), &job.name)))
}

fn line(job: &Job, book: ScheduleRecord, run: Option<RunRow>, running: Option<String>) -> JobLine {
    let zone = job.schedule.as_ref().map_or(TimeZone::UTC, |schedule| schedule.zone.clone());
    let at = |ms: i64| (ms, local(&zone, ms));
    let now = now_ms();
    let next = job.schedule.as_ref().filter(|_| book.paused.is_none());
    // What was due while nobody was there is no time to come.
    let next = next.and_then(|schedule| schedule.next(book.counted_from.unwrap_or(now).max(now)));
    // A job that is run by hand or by cron has results without fires, and newer ones.
    let of_fire = |fire: &FireRow| {
        (fire.state != "claimed").then(|| (fire.exit, fire.reason.clone().unwrap_or_default()))
    };
    let newer = run.as_ref().filter(|run| {
        book.last.as_ref().is_none_or(|fire| run.started_at > fire.ended_at.unwrap_or(fire.due))
    });
    let result = match newer {
        Some(run) => run.exit.map(|exit| (Some(exit), run.reason.clone().unwrap_or_default())),
        None => book.last.as_ref().and_then(of_fire),
    };
    JobLine {
        job: job.name.clone(),
        path: job.path.display().to_string(),
        schedule: job.schedule.as_ref().map(crate::domain::schedule::Schedule::text),
        next: next.map(|due| at(due.at)),
        last: book.last.as_ref().map(|fire| at(fire.due)),
        result,
        run: run.map(|run| run.run),
        paused: book.paused,
        running,
    }
}

/// `orgpull pause`.
pub(in crate::cli) async fn pause(invocation: &Invocation, args: &JobArgs) -> Result<Exit, Failure> {
    let ledger = ledger_of(invocation, args).await?;
    ledger.pause(&args.job, "by hand", now_ms()).await?;
    ledger.still_there()?;
    invocation.say(&format!(
        "{0} is paused until `orgpull unpause {0}`; a run that goes on is not stopped\n",
        args.job
    ))?;
    if !ledger.knows_job(&args.job).await? {
        invocation.warn(
            "schedule",
            format!("nothing has run or watched a job called {} on this ledger yet", args.job),
        );
    }
    Ok(Exit::Settled)
}

/// `orgpull unpause`.
pub(in crate::cli) async fn unpause(invocation: &Invocation, args: &JobArgs) -> Result<Exit, Failure> {
    let ledger = ledger_of(invocation, args).await?;
    let was = ledger.unpause(&args.job, now_ms()).await?;
    ledger.still_there()?;
    let goes_on = "goes on with its next fire; what was due meanwhile is not made up for";
    invocation.say(&format!("{} {}\n", args.job, if was { goes_on } else { "was not paused" }))?;
    Ok(Exit::Settled)
}

/// `orgpull fire`.
pub(in crate::cli) async fn fire(invocation: &Invocation, args: &JobArgs) -> Result<Exit, Failure> {
    let ledger = ledger_of(invocation, args).await?;
    let refused = |why: &str| {
        let job = &args.job;
        invocation.console.line(&format!(
            "error: {why}; `orgpull run FILE` runs the job {job} from here; nothing was done"
        ));
        Err(Failure::Reported(Exit::Config))
    };
    let daemons = ledger.daemons().await?;
    if daemons.is_empty() {
        return refused("no daemon is at work on this ledger (`orgpull schedule`)");
    }
    let having: Vec<&DaemonRow> = daemons.iter().filter(|daemon| daemon.jobs.contains(&args.job)).collect();
    let Some(last) = having.iter().map(|daemon| daemon.beat_at).max() else {
        let jobs: Vec<&str> = daemons.iter().flat_map(|daemon| &daemon.jobs).map(String::as_str).collect();
        let help = suggestion(&args.job, jobs.iter().copied());
        return refused(&format!("no daemon has a job called {} with a [schedule] ({help})", args.job));
    };
    ledger.fire_by_hand(&args.job, now_ms()).await?;
    ledger.still_there()?;
    invocation.say(&format!("{} is given to the daemon, which begins within some seconds\n", args.job))?;
    if now_ms() - last > SILENT {
        let since = rfc3339(last);
        invocation.warn(
            "schedule",
            format!("the daemon has not been heard of since {since}: it may be stopped, or hang"),
        );
    }
    let folders: BTreeSet<&str> = having.iter().map(|daemon| daemon.folder.as_str()).collect();
    if folders.len() > 1 {
        let folders = folders.into_iter().collect::<Vec<_>>().join(" and ");
        invocation
            .warn("schedule", format!("daemons of {folders} have a job of this name: one of them takes it"));
    }
    Ok(Exit::Settled)
}

async fn ledger_of(invocation: &Invocation, args: &JobArgs) -> Result<Ledger, Failure> {
    // What was typed may be a number by mistake.
    Text::JobName.check(&args.job).map_err(|why| Failure::Usage(format!("`{}`: {why}", scrub(&args.job))))?;
    let settings = invocation.settings(args.simulate)?;
    Ok(invocation.open(&settings).await?)
}
