//! Nights that end by the clock, and what an operator lives with.

use crate::machine::{Process, release, until_held};
use crate::world::{CSV, REPORT, World, companies, numbers};

fn world(scenario: &str, rows: usize, run: &str) -> World {
    let world = World::new(scenario);
    rules(&world, rows, run);
    world
}

fn rules(world: &World, rows: usize, run: &str) {
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV, "[run]\n", run]);
}

#[test]
fn after_max_time_the_rest_waits_for_the_next_night() {
    // The second call would wait for half an hour.
    let world = world("", 3, "rate = '2/h'\nmax_time = '2s'\n");
    let ran = world.run(&[]).exits(8).says("the time that max_time allows is over");
    assert_eq!((ran.text("state"), ran.summary["exit"].as_u64()), ("stopped", Some(8)));
    assert!(ran.number("calls") <= 1 && ran.number("pending") >= 2, "{}", ran.said());
    assert!(ran.says("Next: ").text("next").ends_with("orgpull run job.toml"));
    assert!(!world.path("out.csv").exists());
    rules(&world, 3, "");
    assert_eq!(world.run(&[]).exits(0).outcome("hit"), 3);
    assert_eq!(world.bill().len(), 3);
}

#[test]
fn what_is_in_flight_then_finishes() {
    let world = world("[[fault]]\ndo = 'hold'\ntimes = 1", 2, "max_time = '1s'\n");
    let night = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    night.says("the time that max_time allows is over");
    release(&world);
    night.ends().exits(8);
    assert_eq!(world.bill().len(), 1);
    assert_eq!(world.exported("job"), ["hit bought 1 3.20", "pending 0 0.00"]);
    assert_eq!(world.run(&[]).exits(0).outcome("hit"), 2);
}

#[test]
fn max_time_ends_outages_and_cool_downs_too() {
    for scenario in ["login = { status = 503 }", "[[fault]]\ndo = 'status'\nstatus = 429\nretry_after = '1h'"]
    {
        let world = world(scenario, 2, "max_time = '1s'\n");
        let ran = world.run(&[]).exits(8);
        assert_eq!((ran.number("pending"), ran.text("cost")), (2, "0.00"));
    }
}

#[test]
fn the_stalest_come_first_and_outputs_stay_in_order() {
    let companies = companies(4);
    let world = World::new("");
    let job = |name: &str, at: &[usize]| {
        let chosen: Vec<&String> = at.iter().map(|at| &companies[*at]).collect();
        world.job(name, &[&numbers(&chosen), REPORT, CSV, "[run]\norder = 'oldest'\n"]);
    };
    job("first", &[3]);
    world.pull(&["run", "first.toml"]).exits(0);
    job("second", &[1]);
    world.pull(&["run", "second.toml"]).exits(0);
    job("job", &[1, 3, 0, 1, 2]);
    let ran = world.run(&["--buy-again"]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("calls")), (5, 4));
    let digits = |at: usize| companies[at].replace('-', "");
    let asked: Vec<String> = world.bill().into_iter().skip(2).map(|entry| entry.number).collect();
    let expected = [0, 2, 3, 1].map(digits);
    assert!(asked.iter().zip(&expected).all(|(asked, number)| asked.ends_with(number)), "{asked:?}");
    let lines: Vec<String> = world.rows("out.csv").into_iter().map(|row| row["line"].clone()).collect();
    assert_eq!(lines, ["1", "2", "3", "4", "5"]);
}

#[test]
fn every_number_gets_its_turn_over_the_nights() {
    let world = World::new("");
    let nights = |run: &str| rules(&world, 5, run);
    nights("order = 'oldest'\nunfinished = 'restart'\n");
    for night in 1..=5_usize {
        // A budget ends a night after exactly one call, as a clock would.
        world.run(&["--max-calls", "1", "--buy-again"]).exits(8);
        let numbers: std::collections::BTreeSet<_> =
            world.bill().into_iter().map(|entry| entry.number).collect();
        assert_eq!(numbers.len(), night);
    }
}

#[test]
fn what_is_tolerated_keeps_exit_0() {
    let faults =
        "[[fault]]\ndo = 'close'\ntimes = 2\n[[fault]]\nafter = 2\ndo = 'status'\nstatus = 503\ntimes = 1";
    for (tolerate, exit) in
        [("{ unknown = 2, failed = 1 }", 0), ("{ unknown = 2 }", 4), ("{ failed = 9 }", 4)]
    {
        let world = world(faults, 5, &format!("attempts = 1\ntolerate = {tolerate}\n"));
        let ran = world.run(&[]).exits(exit);
        assert_eq!((ran.outcome("unknown"), ran.outcome("failed")), (2, 1));
        assert_eq!(ran.summary["exit"].as_i64(), Some(i64::from(exit)));
        assert_eq!(ran.text("reason").contains("tolerated"), exit == 0);
        let status = world.orgpull(&["status", "--json"]).exits(0);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!((&status["exit"], &status["state"]), (&exit.into(), &"finished".into()));
    }
}

#[test]
fn a_killed_process_holds_no_job() {
    let world = world("[[fault]]\ndo = 'hold'\ntimes = 1", 2, "");
    let mut first = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    world.orgpull(&["run", "job.toml"]).exits(9).says(&format!("process {}, since ", first.pid()));
    world.orgpull(&["retry", "job"]).exits(9).says(&format!("process {}, since ", first.pid()));
    assert!(first.kill());
    world.run(&[]).exits(4);
}
