//! Nights that end by the clock, and what an operator lives with.

use crate::books::Books;
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
    let world = world("[[fault]]\ndo = 'hold'\ntimes = 1", 2, "max_time = '3s'\n");
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
fn a_renamed_jobs_unfinished_run_is_not_forgotten_in_silence() {
    let world = World::new("");
    rules(&world, 5, "");
    assert_eq!(world.run(&["--max-calls", "1"]).exits(8).number("pending"), 4);
    let rename = |was: &str, now: &str| {
        let job = world.read("job.toml");
        world.write("job.toml", &job.replace(&format!("name = '{was}'"), &format!("name = '{now}'")));
    };
    rename("job", "weekly");
    let ran = world.run(&["--max-calls", "1"]).exits(8);
    assert!(ran.stderr.contains("of job job is unfinished"), "{}", ran.stderr);
    assert!(ran.stderr.contains("Under the name job again it goes on"), "{}", ran.stderr);
    rename("weekly", "job");
    let ran = world.run(&["--max-calls", "1"]).exits(8);
    assert!(ran.stderr.contains("of job goes on") && ran.number("pending") == 2, "{}", ran.stderr);
    rename("job", "weekly");
    // In another file too, where that one is gone.
    rename("weekly", "nightly");
    std::fs::rename(world.path("job.toml"), world.path("nightly.toml")).unwrap();
    let ran = world.pull(&["run", "nightly.toml"]).exits(0);
    assert!(ran.stderr.contains("of job weekly is unfinished"), "{}", ran.stderr);
    // What is said is done.
    let said = "`orgpull retry";
    let run = ran.stderr.split(said).nth(1).unwrap().split('`').next().unwrap().trim().to_owned();
    assert_eq!(world.pull(&["retry", &run]).exits(0).number("pending"), 0);
    // Another job on the same ledger is none of it.
    world.job("other", &[&numbers(&companies(4)), REPORT, CSV]);
    let other = world.pull(&["run", "other.toml"]).exits(0);
    assert!(!other.stderr.contains("unfinished"), "{}", other.stderr);
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

/// A list in a file, a run of it that stopped after its first row, and then another list under the same name.
fn tonights_list(world: &World, lookup: &str) {
    let list = |companies: &[String]| world.write("list.csv", &format!("orgnr\n{}\n", companies.join("\n")));
    let companies = companies(6);
    world.job("job", &["[input]\npath = 'list.csv'\ncolumn = 'orgnr'\n", lookup, CSV]);
    list(&companies[..3]);
    world.scenario("[[fault]]\ndo = 'error'\nstatus = 403\ncode = '7'\nafter = 1\n");
    world.run(&[]).exits(3);
    world.scenario("");
    list(&companies[2..]);
}

fn states(world: &World) -> Vec<(String, Option<i64>)> {
    Books::of(world).runs
}

fn finished(exit: i64) -> (String, Option<i64>) {
    ("finished".to_owned(), Some(exit))
}

/// As the daemon does it: nobody sees under `-q` which run it was, and the night's own list must be read.
#[test]
fn a_quiet_night_finishes_the_last_and_then_has_its_own_run() {
    let world = World::new("");
    tonights_list(&world, REPORT);
    let night = world.orgpull(&["-q", "run", "job.toml", "--summary-json", "summary.json"]).exits(0);
    assert_eq!((night.stdout.as_str(), night.stderr.as_str()), ("", ""));
    assert_eq!(states(&world), [finished(0), finished(0)]);
    let summary: serde_json::Value = serde_json::from_str(&world.read("summary.json")).unwrap();
    assert_eq!((&summary["rows"], &summary["bought"], &summary["reused"]), (&4.into(), &3.into(), &1.into()));
    assert_eq!(world.out().len(), 4, "the output is tonight's");
    Books::of(&world).nothing_twice().agree();
    // The next night has nothing to finish.
    world.orgpull(&["-q", "run", "job.toml"]).exits(0);
    assert_eq!(states(&world).len(), 3);
}

#[test]
fn who_only_continues_or_looks_on_has_one_run() {
    for words in [&["-q", "run", "job.toml", "--continue"][..], &["run", "job.toml"]] {
        let world = World::new("");
        tonights_list(&world, REPORT);
        world.orgpull(words).exits(0);
        assert_eq!(states(&world), [finished(0)], "{words:?}");
    }
    let world = World::new("");
    tonights_list(&world, REPORT);
    world.orgpull(&["-q", "run", "job.toml", "--new"]).exits(0);
    assert_eq!(states(&world), [("closed".to_owned(), Some(3)), finished(0)]);
}

#[test]
fn a_night_ends_as_the_worst_of_its_runs_and_tells_it() {
    let world = World::new("");
    tonights_list(&world, REPORT);
    world.scenario("[[fault]]\ndo = 'cut'\ntimes = 1");
    let night = world.orgpull(&["-q", "run", "job.toml", "--summary-json", "-"]).exits(4);
    let summary: serde_json::Value = serde_json::from_str(&night.stdout).unwrap();
    assert_eq!((&summary["exit"], &summary["rows"]), (&4.into(), &4.into()), "one summary, of tonight's run");
    assert!(summary["reason"].as_str().unwrap().contains("1 unknown; this one: all settled"), "{summary}");
    assert!(summary["next"].as_str().unwrap().contains("--unknown"), "{summary}");
    assert!(night.stderr.contains("1 unknown"), "{}", night.stderr);
    assert_eq!(states(&world), [finished(4), finished(0)]);
    // The other way round.
    let world = World::new("");
    tonights_list(&world, REPORT);
    std::fs::remove_file(world.path("list.csv")).unwrap();
    let night = world.orgpull(&["-q", "run", "job.toml"]).exits(3);
    assert!(night.stderr.contains("list.csv"), "{}", night.stderr);
}

#[test]
fn a_night_that_stops_again_leaves_it_at_that_and_caps_hold_over_both() {
    let world = World::new("");
    tonights_list(&world, REPORT);
    world.orgpull(&["-q", "run", "job.toml", "--max-calls", "1"]).exits(8);
    assert_eq!(states(&world), [("stopped".to_owned(), Some(8))]);
    world.orgpull(&["-q", "run", "job.toml", "--max-calls", "2"]).exits(8);
    assert_eq!(
        states(&world),
        [finished(0), ("stopped".to_owned(), Some(8))],
        "one for the last, one for tonight's"
    );
    assert_eq!(world.stats().billed, 4);
}
