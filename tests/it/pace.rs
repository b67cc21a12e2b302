//! Pace and cool-down in real time, by the clock of the simulator's bill.

use super::world::{CSV, REPORT, World, companies, distinct, numbers, side_by_side};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A busy machine holds arrivals back and lets them come bunched, which is none of the program's doing: one measurement
/// out of so many must be undisturbed.
const TRIES: usize = 4;

/// The most arrivals that any one second holds.
fn most_in_a_second(at: &[Duration]) -> usize {
    let second = |from: &Duration| at.iter().filter(|at| (*from..*from + SECOND).contains(*at)).count();
    at.iter().map(second).max().unwrap_or(0)
}

/// How much of the pace is used between most arrivals. The median, because a machine that stops for a moment makes a
/// few long gaps, and a program that dawdles makes all of them longer.
fn used(at: &[Duration], rate: u32) -> f64 {
    let mut gaps: Vec<f64> =
        at.windows(2).map(|pair| pair[1].saturating_sub(pair[0]).as_secs_f64()).collect();
    gaps.sort_by(f64::total_cmp);
    1.0 / (f64::from(rate) * gaps[gaps.len() / 2])
}

/// Asks for so many companies at that pace: the most in one second, and how much of the pace was used.
fn measure(rate: u32, burst: u32, rows: usize) -> (usize, f64) {
    let world = World::alone("");
    let world = world.account(&format!("rate = '{rate}/s'\nburst = {burst}\nconcurrency = 8"));
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
    world.run(&[]).exits(0);
    assert!(world.attempts().is_sorted_by_key(|attempt| attempt.number.clone()), "first come, first served");
    let at: Vec<Duration> = world.bill().iter().map(|entry| entry.at).collect();
    (most_in_a_second(&at), used(&at, rate))
}

#[test]
fn no_second_holds_more_than_rate_and_burst_and_the_pace_is_used() {
    for (rate, burst, rows) in [(50, 1, 126), (5, 1, 12), (20, 5, 45)] {
        let kept = |(most, used): &(usize, f64)| *most <= (rate + burst) as usize && *used >= 0.95;
        let mut measured = Vec::new();
        while !measured.last().is_some_and(kept) {
            assert!(measured.len() < TRIES, "{rate}/s, burst {burst}: {measured:?}");
            measured.push(measure(rate, burst, rows));
        }
    }
}

#[test]
fn a_job_lowers_the_pace_of_its_account_and_never_raises_it() {
    for (account, job) in [("2/s", "100/s"), ("100/s", "2/s")] {
        let world = World::new("").account(&format!("rate = '{account}'"));
        let run = format!("[run]\nrate = '{job}'\n");
        world.job("job", &[&numbers(&companies(4)), REPORT, CSV, &run]);
        world.run(&[]).exits(0);
        let bill = world.bill();
        assert!(bill[3].at.saturating_sub(bill[0].at) >= SECOND, "{account} and {job}");
    }
}

/// From the arrival of the one call that was answered with 429 to the next arrival.
fn silence(world: &World) -> Duration {
    let bill = world.bill();
    let refused = bill.iter().position(|entry| entry.status == Some(429)).unwrap();
    bill[refused + 1].at.saturating_sub(bill[refused].at)
}

#[test]
fn nothing_leaves_between_a_429_and_the_end_of_its_cool_down() {
    // A date has whole seconds: two seconds from now may be written as one and a bit.
    let table =
        [("retry_after = '2s'", 2_000), ("retry_after = '3s'\nretry_after_as = 'date'", 2_000), ("", 1_000)];
    side_by_side(&table, |(header, least)| {
        let scenario = format!("[[fault]]\ndo = 'status'\nstatus = 429\nafter = 2\ntimes = 1\n{header}\n");
        let world = World::new(&scenario).account("cool_down = '1s'");
        world.job("job", &[&numbers(&companies(4)), REPORT, CSV]);
        let ran = world.run(&[]).exits(0).says("answers 429");
        assert_eq!(world.out()[1..], ["hit bought 1 3.20", "hit bought 2 3.20", "hit bought 1 3.20"]);
        assert_eq!((ran.number("calls"), ran.text("cost")), (5, "12.80"));
        let silence = silence(&world).as_millis();
        assert!((*least..10_000).contains(&silence), "{header:?}: {silence} ms");
    });
}

#[test]
fn a_window_without_a_header_stops_every_worker() {
    let scenario = "[window]\ncalls = 20\nper = '2s'\n";
    let world = World::new(scenario).account("cool_down = '2s'\nconcurrency = 8");
    world.job("job", &[&numbers(&companies(40)), REPORT, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("logins")), (40, 1));
    let bill = world.bill();
    let first = bill.iter().find(|entry| entry.status == Some(429)).unwrap().at;
    // The seven others may have been on their way when it arrived; none follows them.
    let meanwhile = bill.iter().filter(|entry| entry.at > first && entry.at < first + 2 * SECOND).count();
    assert!(meanwhile <= 7, "{meanwhile} calls during the cool-down");
    assert!(distinct(bill.iter().filter(|entry| entry.billed).map(|entry| &entry.number)));
}

#[test]
fn a_cool_down_holds_over_a_restart_and_for_other_jobs() {
    let world = World::new("[[fault]]\ndo = 'status'\nstatus = 429\nretry_after = '4s'\ntimes = 1\n");
    for job in ["job", "another"] {
        world.job(job, &[&numbers(&companies(1)), REPORT, CSV]);
    }
    let mut first = world.start(&["run", "job.toml"]);
    first.until_says("cool-down");
    assert_eq!(first.interrupted(), Some(130));
    world.pull(&["run", "another.toml"]).exits(0);
    assert_eq!(world.bill().len(), 2);
    assert!(silence(&world) >= 4 * SECOND, "{:?}", silence(&world));
    assert_eq!(world.run(&[]).exits(0).number("reused"), 1);
}
