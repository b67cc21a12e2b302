//! `[schedule]`, and what its values say about one another and about the input.

use super::Reader;
use crate::domain::cron::CronLine;
use crate::domain::schedule::{Missed, Overlap, Schedule};
use crate::job::{Input, Origin};
use crate::problem::Problem;
use crate::shape::View;
use jiff::tz::TimeZone;
use std::time::Duration;

impl Reader<'_> {
    pub(super) fn schedule(&mut self, job: &View<'_>, input: &Input) -> Option<Schedule> {
        if !job.has("schedule") {
            return None;
        }
        let view = job.table("schedule");
        if input.origin == Origin::Stdin {
            let message = "a job with a [schedule] cannot read standard input";
            let problem = Problem::new(view.header(), message);
            self.problems.push(problem.help("name a file in [input], or run the job by hand"));
        }
        let listed = view.list("cron");
        let written = view.item("cron").into_iter().chain(listed);
        let schedule = Schedule {
            lines: written.filter_map(|line| CronLine::parse(line.text).ok()).collect(),
            zone: TimeZone::get(view.text("timezone")?).ok()?,
            overlap: if view.text("overlap") == Some("queue") { Overlap::Queue } else { Overlap::Skip },
            missed: if view.text("missed") == Some("skip") { Missed::Skip } else { Missed::RunOnce },
            catch_up: view.duration("catch_up"),
            jitter: view.duration("jitter"),
            pause_after: view.small("pause_after"),
        };
        self.jitter(&view, &schedule);
        Some(schedule)
    }

    /// Fires keep their order: one that is put off must come before the next.
    fn jitter(&mut self, view: &View<'_>, schedule: &Schedule) {
        /// 2026-01-01: the same for every reader, whatever the day. A thousand daily fires see every change of clock.
        const FROM: i64 = 1_767_225_600_000;
        if schedule.jitter == Duration::ZERO {
            return;
        }
        if schedule.spacing(FROM).is_some_and(|spacing| spacing.shortest <= schedule.jitter) {
            let problem = Problem::new(view.place("jitter"), "`jitter` reaches the next fire");
            self.problems.push(problem.help("make it shorter than the time between two fires"));
        }
    }
}
