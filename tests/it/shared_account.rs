//! Several processes at once on one ledger: an account's pace, cool-down, outage and cap on logins are one.

use super::world::{CSV, Going, REPORT, World, companies, numbers};
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
/// A busy machine bunches arrivals, which is none of the program's doing: one measurement must be undisturbed.
const TRIES: usize = 4;

/// Jobs that share nothing but the account, started together and gone on to their ends.
fn jobs(world: &World, count: usize, rows: usize) {
    let companies = companies(count * rows);
    let begin = |(at, companies): (usize, &[String])| {
        let output = CSV.replace("out.csv", &format!("{at}.csv"));
        world.job(&format!("job-{at}"), &[&numbers(companies), REPORT, &output]);
        world.start(&["run", &format!("job-{at}.toml")])
    };
    let mut going: Vec<Going> = companies.chunks(rows).enumerate().map(begin).collect();
    let ended: Vec<Option<i32>> = going.iter_mut().map(Going::ended).collect();
    assert_eq!(ended, vec![Some(0); count]);
}

#[test]
fn four_processes_keep_one_pace() {
    let measure = || {
        let world = World::alone("").account("rate = '50/s'\nconcurrency = 8");
        jobs(&world, 4, 50);
        let at: Vec<Duration> = world.bill().iter().map(|entry| entry.at).collect();
        assert_eq!(at.len(), 200);
        let second = |from: &Duration| at.iter().filter(|at| (*from..*from + SECOND).contains(*at)).count();
        (at.iter().map(second).max().unwrap(), at[199].saturating_sub(at[0]))
    };
    let mut measured = Vec::new();
    while measured.last().is_none_or(|(most, _)| *most > 51) {
        assert!(measured.len() < TRIES, "{measured:?}");
        measured.push(measure());
    }
    let (_, span) = measured[measured.len() - 1];
    assert!(span < 20 * SECOND, "200 calls at 50 a second took {span:?}");
}

#[test]
fn a_429_to_one_stops_the_other() {
    let world =
        World::new("[[fault]]\ndo = 'status'\nstatus = 429\nafter = 3\ntimes = 1\nretry_after = '3s'\n");
    let world = world.account("rate = '10/s'");
    jobs(&world, 2, 6);
    let bill = world.bill();
    assert_eq!(bill.len(), 13, "one call is repeated");
    let first = bill.iter().find(|entry| entry.status == Some(429)).unwrap().at;
    let meanwhile = bill.iter().filter(|entry| entry.at > first && entry.at < first + 3 * SECOND).count();
    assert!(meanwhile <= 1, "{meanwhile} calls during the cool-down; one may have been on its way");
}

#[test]
fn they_keep_one_cap_on_logins() {
    let world = World::new("delay = '200ms'\n").account("logins = 1");
    let row = |at: usize| numbers(&companies(2)[at..=at]);
    world.job("one", &[&row(0), REPORT, CSV]);
    world.job("two", &[&row(1), REPORT, CSV]);
    let mut going = ["one.toml", "two.toml"].map(|job| world.start(&["run", job]));
    // Whichever is second waits for its login, and the other has its answer.
    let [one, two] = &mut going;
    let said = "no more logins for now";
    let waits = one.ended_or_says(said);
    let other = if waits { two.ended() } else { Some(0) };
    assert_eq!(other, Some(0));
    let waiting = if waits { one } else { two };
    assert_eq!(waiting.interrupted(), Some(130));
    assert_eq!((world.logins().len(), world.bill().len()), (1, 1));
}

#[test]
fn a_live_ledger_is_copied_and_the_copy_is_one() {
    let world = World::new("delay = '100ms'\n");
    world.orgpull(&["backup", "copy.db"]).exits(6).says("there is no ledger");
    world.job("job", &[&numbers(&companies(20)), REPORT, CSV]);
    let mut going = world.start(&["run", "job.toml"]);
    let deadline = Instant::now() + 60 * SECOND;
    while world.bill().len() < 3 {
        assert!(Instant::now() < deadline, "nothing is asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    world.orgpull(&["backup", "copy.db"]).exits(0).says("copy.db is a copy of");
    assert_eq!(going.ended(), Some(0));
    world.orgpull(&["backup", "copy.db"]).exits(2).says("--force");
    world
        .orgpull(&["backup", "orgpull.db", "--force"])
        .exits(2)
        .says("would be replaced, but it is the ledger");
    let copied =
        world.orgpull(&["export", "job", "--output", "-", "--format", "csv", "--database", "copy.db"]);
    assert!(copied.exits(0).stdout.contains("hit"));
    world.orgpull(&["backup", "copy.db", "--force"]).exits(0);
    world.orgpull(&["backup", "nowhere/copy.db"]).exits(7).says("cannot be written");
}
