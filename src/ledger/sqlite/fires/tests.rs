//! Fires on a real ledger: one claim wins, the dead are followed, and a year of nights in virtual time.

use super::*;
use crate::domain::cron::CronLine;
use crate::domain::schedule::{FireAction, Missed, Overlap, Schedule};
use crate::ledger::sqlite::tests::{new_run, open};
use crate::ledger::{NewRun, run_id};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const JOB: &str = "nightly";
const HOUR: i64 = 3_600_000;
/// 2026-01-01 in UTC.
const START: i64 = 1_767_225_600_000;
const END: i64 = START + 365 * 24 * HOUR;

fn due(due: i64) -> NewFire<'static> {
    NewFire { job: JOB, due, cause: Cause::Schedule, left_out: None }
}

async fn begin_run(ledger: &Ledger, fire: i64) {
    let run = run_id();
    let new = NewRun { fire: Some(fire), ..new_run(&run, JOB) };
    ledger.begin_run(new).await.unwrap();
}

#[tokio::test]
async fn one_of_two_daemons_wins_and_the_dead_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let one = ledger.enrol("here", folder.path(), 1).await.unwrap();
    let two = ledger.enrol("here", folder.path(), 2).await.unwrap();
    assert_eq!(ledger.daemons().await.unwrap().len(), 2);
    let fire = ledger.claim(&one, due(10), 10).await.unwrap().unwrap();
    assert_eq!(ledger.claim(&two, due(10), 10).await.unwrap(), None);
    let none = BTreeSet::new();
    assert_eq!(ledger.abandoned(&two, &none).await.unwrap(), []);
    assert_eq!(ledger.abandoned(&one, &BTreeSet::from([fire.id])).await.unwrap(), [], "it is at it");
    assert_eq!(
        ledger.abandoned(&one, &none).await.unwrap(),
        std::slice::from_ref(&fire),
        "it lost sight of it"
    );
    drop(one);
    assert_eq!(ledger.abandoned(&two, &none).await.unwrap(), std::slice::from_ref(&fire));
    assert!(ledger.take_over(&two, &fire, 11).await.unwrap());
    assert!(!ledger.take_over(&two, &fire, 11).await.unwrap(), "it is no longer as it was seen");
    begin_run(&ledger, fire.id).await;
    assert!(ledger.run_of_fire(fire.id).await.unwrap().is_some());
    let three = ledger.enrol("here", folder.path(), 3).await.unwrap();
    ledger.end_fire(&three, fire.id, None, "not its own", 12).await.unwrap();
    ledger.end_fire(&two, fire.id, Some(4), "2 unknown", 12).await.unwrap();
    ledger.end_fire(&two, fire.id, None, "it has ended", 13).await.unwrap();
    assert_eq!(ledger.schedule_record(JOB, 13).await.unwrap().last.unwrap().exit, Some(4));
    assert_eq!(ledger.daemons().await.unwrap().len(), 2, "the dead are forgotten");
    ledger.retire(three).await.unwrap();
    ledger.retire(two).await.unwrap();
    assert_eq!(ledger.daemons().await.unwrap(), []);
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|f| { f.as_ref().unwrap().file_name().to_string_lossy().contains("daemon") })
            .count(),
        0,
        "no lock file is left"
    );
}

#[tokio::test]
async fn what_is_paused_does_not_fire_and_is_not_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let daemon = ledger.enrol("here", folder.path(), 1).await.unwrap();
    assert_eq!(ledger.watch(JOB, "30 2 * * *", 100).await.unwrap().last, 100);
    assert_eq!(ledger.watch(JOB, "30 2 * * *", 200).await.unwrap().last, 100, "nothing new is said");
    assert_eq!(ledger.watch(JOB, "30 3 * * *", 300).await.unwrap().last, 300);
    ledger.pause(JOB, "by hand", 400).await.unwrap();
    assert_eq!(ledger.claim(&daemon, due(500), 500).await.unwrap(), None);
    assert_eq!(ledger.schedule_record(JOB, 400).await.unwrap().paused, Some((400, "by hand".to_owned())));
    ledger.fire_by_hand(JOB, 500).await.unwrap();
    ledger.fire_by_hand(JOB, 500).await.unwrap();
    let by_hand = ledger.abandoned(&daemon, &BTreeSet::new()).await.unwrap();
    assert_eq!(
        by_hand.iter().map(|fire| (fire.cause, fire.daemon.is_none())).collect::<Vec<_>>(),
        [(Cause::Hand, true); 2]
    );
    assert!(ledger.unpause(JOB, 600).await.unwrap() && !ledger.unpause(JOB, 601).await.unwrap());
    let book = ledger.schedule_record(JOB, 700).await.unwrap();
    assert_eq!((book.paused, book.counted_from), (None, Some(600)));
}

#[tokio::test]
async fn what_a_wrong_clock_wrote_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let daemon = ledger.enrol("here", folder.path(), 1).await.unwrap();
    ledger.watch(JOB, "30 2 * * *", 100).await.unwrap();
    ledger.claim(&daemon, due(200), 200).await.unwrap().unwrap();
    ledger.claim(&daemon, due(400 * DAY), 400 * DAY).await.unwrap().unwrap();
    assert_eq!(ledger.watch(JOB, "30 2 * * *", 300).await.unwrap().last, 200);
    assert_eq!(ledger.schedule_record(JOB, 400 * DAY).await.unwrap().counted_from, Some(400 * DAY));
    ledger.watch(JOB, "30 4 * * *", 500 * DAY).await.unwrap();
    assert_eq!(ledger.schedule_record(JOB, 300).await.unwrap().counted_from, Some(200));
    let ahead = ledger.claim(&daemon, due(600 * DAY), 600 * DAY).await.unwrap().unwrap();
    ledger.end_fire(&daemon, ahead.id, Some(4), "1 unknown", 600 * DAY).await.unwrap();
    assert!(!ledger.keeps_failing(JOB, 1, 300).await.unwrap());
    begin_run(&ledger, ahead.id).await;
    assert_eq!(ledger.schedule_record(JOB, 300).await.unwrap().last.unwrap().due, 200);
    let now = 598 * DAY;
    let real = ledger.claim(&daemon, due(600 * DAY), now).await.unwrap().unwrap();
    assert_ne!(real.id, ahead.id, "its time has come only now");
    assert!(ledger.run_of_fire(real.id).await.unwrap().is_none());
    assert_eq!(ledger.claim(&daemon, due(600 * DAY), now).await.unwrap(), None);
    let failed = ledger.claim(&daemon, due(310), 310).await.unwrap().unwrap();
    ledger.end_fire(&daemon, failed.id, Some(4), "1 unknown", 320).await.unwrap();
    assert!(ledger.keeps_failing(JOB, 1, 330).await.unwrap());
    ledger.pause(JOB, "it failed", 340).await.unwrap();
    assert!(ledger.unpause(JOB, 350).await.unwrap());
    assert_eq!(ledger.schedule_record(JOB, 360).await.unwrap().counted_from, Some(350));
    assert!(!ledger.keeps_failing(JOB, 1, 360).await.unwrap());
}

#[tokio::test]
async fn failures_in_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let daemon = ledger.enrol("here", folder.path(), 1).await.unwrap();
    let mut told = Vec::new();
    for (at, exit) in [10_u8, 4, 0, 3, 8, 10, 10, 4].into_iter().enumerate() {
        let at = i64::try_from(at).unwrap() + 2;
        let fire = ledger.claim(&daemon, due(at), at).await.unwrap().unwrap();
        ledger.end_fire(&daemon, fire.id, Some(exit), "", at).await.unwrap();
        told.push(ledger.keeps_failing(JOB, 3, 20).await.unwrap());
    }
    assert_eq!(told, [false, false, false, false, false, false, false, true]);
    ledger.pause(JOB, "3 times", 20).await.unwrap();
    ledger.unpause(JOB, 20).await.unwrap();
    assert!(!ledger.keeps_failing(JOB, 3, 20).await.unwrap(), "it begins anew");
}

/// A daemon that comes and goes.
struct Node {
    daemon: Option<Daemon>,
    last: i64,
    wake: i64,
    /// When it goes or comes next.
    turns: i64,
}

/// The job's lock: which fire has it, in which node, until when.
struct AtWork {
    fire: FireRow,
    node: usize,
    ends: i64,
}

struct Year {
    ledger: Ledger,
    schedule: Schedule,
    nodes: [Node; 2],
    at_work: Option<AtWork>,
    dice: fastrand::Rng,
    now: i64,
}

impl Year {
    /// The next instant at which anything happens.
    fn next(&self) -> i64 {
        let up = self.nodes.iter().filter(|node| node.daemon.is_some()).map(|node| node.wake);
        let work = self.at_work.iter().map(|work| work.ends);
        let next = self.nodes.iter().map(|node| node.turns).chain(up).chain(work).min().unwrap();
        next.max(self.now + 1)
    }

    async fn comes_or_goes(&mut self, at: usize, folder: &Path) {
        let (now, node) = (self.now, &mut self.nodes[at]);
        if node.turns > now {
            return;
        }
        node.turns = now + self.dice.i64(HOUR..100 * HOUR);
        if node.daemon.take().is_some() {
            // kill -9: what it had stays claimed.
            self.at_work.take_if(|work| work.node == at);
            return;
        }
        node.daemon = Some(self.ledger.enrol("here", folder, now).await.unwrap());
        node.last = self.ledger.watch(JOB, &self.schedule.text(), START).await.unwrap().last;
        node.wake = now;
    }

    /// What a daemon's turn does, less what goes over the wire.
    async fn turn(&mut self, at: usize) {
        let now = self.now;
        let Some(daemon) = self.nodes[at].daemon.take() else { return };
        let held = self.at_work.iter().map(|work| work.fire.id).collect();
        for fire in self.ledger.abandoned(&daemon, &held).await.unwrap() {
            if self.at_work.is_none() && self.ledger.take_over(&daemon, &fire, now).await.unwrap() {
                self.work(at, fire).await;
            }
        }
        if self.nodes[at].wake <= now {
            let decision = self.schedule.due(JOB, self.nodes[at].last, now);
            if let Some(fire) = decision.fire {
                let left_out = self.schedule.left_out(fire, self.at_work.is_some());
                let cause = if fire.action == FireAction::OnTime { Cause::Schedule } else { Cause::Missed };
                let new = NewFire { job: JOB, due: fire.due, cause, left_out };
                if let Some(claimed) = self.ledger.claim(&daemon, new, now).await.unwrap()
                    && left_out.is_none()
                {
                    self.work(at, claimed).await;
                }
                self.nodes[at].last = fire.due;
            }
            self.nodes[at].wake = decision.wake.unwrap();
        }
        self.nodes[at].daemon = Some(daemon);
    }

    async fn work(&mut self, node: usize, fire: FireRow) {
        // Some die between claim and run.
        if self.dice.u8(..10) == 0 {
            self.nodes[node].turns = self.now + 1;
            return;
        }
        if self.ledger.run_of_fire(fire.id).await.unwrap().is_none() {
            begin_run(&self.ledger, fire.id).await;
        }
        let ends = self.now + self.dice.i64(HOUR / 60..30 * HOUR);
        self.at_work = Some(AtWork { fire, node, ends });
    }
}

#[tokio::test]
async fn a_year_of_nights() {
    let folder = tempfile::tempdir().unwrap();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let node = |turns| Node { daemon: None, last: 0, wake: i64::MAX, turns };
    let mut year = Year {
        ledger: open(folder.path()).await,
        schedule: Schedule {
            lines: vec![CronLine::parse("30 2 * * *").unwrap()],
            zone: TimeZone::get("Europe/Stockholm").unwrap(),
            overlap: Overlap::Skip,
            missed: Missed::RunOnce,
            catch_up: Duration::from_hours(72),
            jitter: Duration::from_mins(5),
            pause_after: None,
        },
        nodes: [node(START), node(START + HOUR)],
        at_work: None,
        dice: fastrand::Rng::with_seed(seed),
        now: START,
    };
    // Due times for which somebody was there, or came within three days before the next.
    let mut awaited = BTreeSet::new();
    while year.now < END {
        year.now = year.next();
        if let Some(work) = year.at_work.take_if(|work| work.ends <= year.now) {
            let daemon = year.nodes[work.node].daemon.as_ref().unwrap();
            year.ledger.end_fire(daemon, work.fire.id, Some(0), "all settled", year.now).await.unwrap();
        }
        for at in [0, 1] {
            year.comes_or_goes(at, folder.path()).await;
            year.turn(at).await;
            if year.nodes[at].daemon.is_some() {
                let newest = year.schedule.due(JOB, START, year.now).fire;
                awaited
                    .extend(newest.filter(|fire| fire.action != FireAction::LeaveOut).map(|fire| fire.due));
            }
        }
    }
    // Whatever is left is followed to its end.
    for node in &mut year.nodes {
        node.daemon = None;
    }
    let daemon = year.ledger.enrol("here", folder.path(), END).await.unwrap();
    let none = BTreeSet::new();
    while let Some(fire) = year.ledger.abandoned(&daemon, &none).await.unwrap().into_iter().next() {
        assert!(year.ledger.take_over(&daemon, &fire, END).await.unwrap());
        if year.ledger.run_of_fire(fire.id).await.unwrap().is_none() {
            begin_run(&year.ledger, fire.id).await;
        }
        year.ledger.end_fire(&daemon, fire.id, Some(0), "all settled", END).await.unwrap();
    }
    let fires = year.ledger.fires("WHERE job = ?1 ORDER BY due", JOB).await.unwrap();
    let dues: BTreeSet<i64> = fires.iter().map(|fire| fire.due).collect();
    assert_eq!(dues.len(), fires.len());
    assert!(
        awaited.is_subset(&dues),
        "a night was lost: {:?}",
        awaited.difference(&dues).collect::<Vec<_>>()
    );
    assert!(fires.len() > 250, "{} fires", fires.len());
    for fire in &fires {
        let runs: i64 = sqlx::query_scalar("SELECT count(*) FROM runs WHERE fire = ?")
            .bind(fire.id)
            .fetch_one(&year.ledger.readers)
            .await
            .unwrap();
        let expected = i64::from(fire.state == "ended");
        assert_eq!(runs, expected, "{fire:?}");
    }
    for cause in [Cause::Schedule, Cause::Missed] {
        assert!(fires.iter().any(|fire| fire.cause == cause), "{cause:?} never came up");
    }
    assert!(fires.iter().any(|fire| fire.state == "skipped"));
}
