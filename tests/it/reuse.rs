//! What is bought once and used again: numbers that stand twice, and answers of earlier runs.

use super::world::{CREDIT, CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships, side_by_side};

/// The first company three times, in three ways of writing it, and another one between.
const TWICE: [&str; 4] = ["599900-0002", "599900-0010", "SE599900000201", "165999000002"];

#[test]
fn a_number_that_stands_twice_has_one_outcome_when_it_is_met_again() {
    one_outcome(1);
}

#[test]
fn a_number_that_stands_twice_has_one_outcome_while_it_is_under_way() {
    one_outcome(4);
}

fn one_outcome(concurrency: u32) {
    let first = |fault: &str| format!("[[fault]]\nnumber = '5999000002'\n{fault}\n");
    // The fault, the exit, and the first row; the others follow it.
    let table = [
        ("", 0, "hit bought 1 3.20"),
        (&first("do = 'error'\nstatus = 404\ncode = '15'"), 0, "no_hit/15 bought 1 3.20"),
        (&first("do = 'error'\nstatus = 200\ncode = 'S200'"), 0, "rejected/S200 bought 1 3.20"),
        (&first("do = 'error'\nstatus = 200\ncode = 'S200'\nreport = true"), 0, "partial/S200 bought 1 3.20"),
        (&first("do = 'error'\nstatus = 400\ncode = '15'"), 0, "invalid/15 bought 1 3.20"),
        (&first("do = 'error'\nstatus = 403\ncode = 'NEW9'"), 0, "denied/NEW9 bought 1 3.20"),
        (&first("do = 'status'\nstatus = 503"), 4, "failed/503 bought 2 0.00"),
        (&first("do = 'close'"), 4, "unknown/cut bought 1 3.20"),
    ];
    side_by_side(&table, |(scenario, exit, leader)| {
        let world = World::new(scenario).account(&format!("concurrency = {concurrency}"));
        world.job("job", &[&numbers(&TWICE), REPORT, CSV, "[run]\nattempts = 2\n"]);
        let ran = world.run(&[]).exits(*exit);
        let outcome = leader.split(' ').next().unwrap();
        let follower = format!("{outcome} reused 0 0.00");
        assert_eq!(world.out(), [leader, "hit bought 1 3.20", &follower, &follower]);
        assert_eq!(ran.number("reused"), 2, "{leader}");
        again(&world, outcome);
    });
}

/// Drives again what did not end well: the first row is asked once more, and the others follow it once more.
fn again(world: &World, outcome: &str) {
    world.scenario("");
    let before = world.bill().len();
    let ran = match outcome.split('/').next().unwrap() {
        "failed" | "denied" => world.pull(&["retry", "job"]),
        "unknown" => world.pull(&["retry", "job", "--unknown", "--yes"]),
        _ => return assert_eq!(world.pull(&["retry", "job"]).exits(0).number("calls"), before as u64),
    };
    let ran = ran.exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("reused")), (4, 2), "{outcome}");
    assert_eq!(world.bill().len(), before + 1, "{outcome}");
    let out = world.out();
    assert!(out[0].starts_with("hit bought") && out[2] == "hit reused 0 0.00" && out[2] == out[3], "{out:?}");
}

#[test]
fn rows_that_break_the_catalogue_are_invalid_each_for_itself() {
    let world = World::new("");
    world.write("in.csv", "orgnr,since\n599900-0002,2099-01-01\n599900-0002,\n599900-0002,2025-01-01\n");
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    let lookup = "[[lookup]]\nid = 'changes'\nservice = 'creditsafe.datecheck-company'\n\
                  params = { referencedate = '{since}' }\n";
    world.job("job", &[input, lookup, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!(world.out(), ["invalid/local 0 0.00", "invalid/local 0 0.00", "hit bought 1 0.80"]);
    assert_eq!((ran.outcome("invalid"), ran.number("calls")), (2, 1));
}

#[test]
fn tonight_buys_what_this_morning_did_not() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    world.run(&[]).exits(0);

    // Arrow-up, and another job with the same question: everything is there.
    world.job("another", &[&numbers(&companies(4)), REPORT, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("reused"), ran.number("calls"), ran.text("cost")), (3, 0, "0.00"));
    assert_eq!(world.logins().len(), 1, "where nothing is sent, nobody logs in");
    let ran = world.pull(&["run", "another.toml"]).exits(0);
    assert_eq!((ran.number("reused"), ran.number("bought")), (3, 1));
    assert_eq!(world.out()[2..], ["hit reused 0 0.00", "hit bought 1 3.20"]);
    assert_eq!(world.bill().len(), 4);

    // Each of these buys again.
    let never = REPORT.to_owned() + "reuse = '0'\n";
    world.job("never", &[&numbers(&companies(3)), &never, CSV]);
    assert_eq!(world.pull(&["run", "never.toml"]).exits(0).number("bought"), 3);
    assert_eq!(world.run(&["--buy-again"]).exits(0).number("bought"), 3);
    assert_eq!(world.run(&[]).exits(0).number("reused"), 3);
    world.job("job", &[&numbers(&companies(3)), &REPORT.replace("Basic", "Financial"), CSV]);
    assert_eq!(world.run(&[]).exits(0).number("bought"), 3);
    world.job("job", &[&numbers(&companies(3)), SIGNATORIES, CSV]);
    assert_eq!(world.run(&[]).exits(0).number("bought"), 3);

    // The language of its texts makes it no other answer.
    let swedish = REPORT.replace("'Basic'", "'Basic', language = 'sv'");
    world.job("job", &[&numbers(&companies(3)), &swedish, CSV]);
    assert_eq!(world.run(&[]).exits(0).number("reused"), 3);
}

#[test]
fn what_was_lost_or_failed_is_never_used_again() {
    let fault = "[[fault]]\nnumber = '5999000002'\ndo = 'close'\n\
                 [[fault]]\nnumber = '5999000010'\ndo = 'status'\nstatus = 503\n";
    let world = World::new(fault);
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[run]\nattempts = 1\n"]);
    world.run(&[]).exits(4);
    assert_eq!(world.out(), ["unknown/cut bought 1 3.20", "failed/503 bought 1 0.00", "hit bought 1 3.20"]);
    world.scenario("");
    world.run(&[]).exits(0);
    assert_eq!(world.out(), ["hit bought 1 3.20", "hit bought 1 3.20", "hit reused 0 0.00"]);
}

#[test]
fn a_row_twice_in_a_run_that_buys_again_is_bought_once() {
    let world = World::new("").account("concurrency = 4");
    world.job("job", &[&numbers(&TWICE), REPORT, CSV]);
    world.run(&[]).exits(0);
    let ran = world.run(&["--buy-again"]).exits(0);
    assert_eq!((ran.number("bought"), ran.number("reused")), (2, 2));
    let twice = [REPORT, &REPORT.replace("'report'", "'same'")].concat();
    world.job("job", &[&numbers(&companies(2)), &twice, CSV]);
    let ran = world.run(&["--buy-again"]).exits(0);
    assert_eq!((ran.number("bought"), ran.number("reused")), (2, 2), "two lookups of one identity");
}

#[test]
fn no_answer_crosses_from_one_environment_to_another() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    world.run(&[]).exits(0);
    let world = world.moved();
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("bought"), ran.number("reused"), world.bill().len()), (3, 0, 3));
}

#[test]
fn another_block_is_another_question_also_in_one_run() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(2)), REPORT, CREDIT, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("lookups"), ran.number("bought"), ran.text("cost")), (4, 4, "35.40"));
    assert_eq!(
        world.out(),
        ["hit bought 1 3.20", "hit bought 1 14.50", "hit bought 1 3.20", "hit bought 1 14.50"]
    );
}

#[test]
fn every_answer_of_an_earlier_run_is_used_again_by_the_next() {
    let table = [
        ("do = 'error'\nstatus = 200\ncode = 'S200'", "rejected/S200"),
        ("do = 'error'\nstatus = 200\ncode = 'S200'\nreport = true", "partial/S200"),
        ("do = 'error'\nstatus = 400\ncode = '15'", "invalid/15"),
        ("do = 'error'\nstatus = 404\ncode = '15'", "no_hit/15"),
    ];
    for (fault, outcome) in table {
        let world = World::new(&format!("[[fault]]\n{fault}\n"));
        world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
        world.run(&[]).exits(0);
        assert_eq!(world.run(&[]).exits(0).number("calls"), 0);
        assert_eq!(world.out(), [format!("{outcome} reused 0 0.00")]);
    }
}

/// Two jobs at once about the same companies: what one is asking the other waits for, and neither buys it again.
#[test]
fn two_processes_buy_the_same_answers_once() {
    let world = World::new("delay = '20ms'").account("concurrency = 4");
    world.job("job", &[&numbers(&companies(24)), REPORT, CSV]);
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&companies(24)), REPORT, &other]);
    let (mut one, mut two) = (world.start(&["run", "job.toml"]), world.start(&["run", "other.toml"]));
    assert_eq!((one.ended(), two.ended()), (Some(0), Some(0)));
    assert_eq!(world.bill().len(), 24, "each is bought once");
    let (one, two) = (world.rows("out.csv"), world.rows("other.csv"));
    for (one, two) in one.iter().zip(&two) {
        assert_eq!((&one["log_id"], &one["fetched_at"]), (&two["log_id"], &two["fetched_at"]));
        let sources = [one["source"].as_str(), two["source"].as_str()];
        assert!(sources == ["bought", "reused"] || sources == ["reused", "bought"], "{sources:?}");
    }
}

/// What a process that was killed had sent is lost, not waited for: it may be asked again, unless a letter may be out.
#[test]
fn what_a_dead_process_asked_is_not_waited_for() {
    let world = World::new("[[fault]]\ndo = 'hold'\ntimes = 2").account("concurrency = 2");
    let firm = partnerships(1);
    world.job("job", &[&numbers(&[&companies(1)[0]]), REPORT, CSV]);
    let other = CSV.replace("out.csv", "other.csv");
    world.job("credit", &[&numbers(&firm), CREDIT, &CSV.replace("out.csv", "credit.csv")]);
    for job in ["job.toml", "credit.toml"] {
        let before = world.stats().arrivals;
        let going = world.start(&["run", job]);
        world.until_arrived(before + 1);
        drop(going);
    }
    world.job("other", &[&numbers(&[&companies(1)[0], &firm[0]]), CREDIT, REPORT, &other]);
    let ran = world.pull(&["run", "other.toml"]).exits(4);
    assert_eq!((ran.outcome("hit"), ran.outcome("unknown")), (3, 1), "{}", ran.said());
    let unknown = world.rows("other.csv").into_iter().find(|row| row["outcome"] == "unknown").unwrap();
    assert_eq!((&*unknown["lookup"], &*unknown["code"]), ("credit", "letter-unknown"));
}

/// A question that another process has in flight costs the others neither pace nor turn.
#[test]
fn what_is_waited_for_takes_no_turn_from_others() {
    let world = World::new("[[fault]]\nnumber = '5999000002'\ndo = 'hold'\ntimes = 1");
    let world = world.account("concurrency = 4\nrate = '5/s'");
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    let going = world.start(&["run", "job.toml"]);
    world.until_arrived(1);
    world.job("other", &[&numbers(&companies(8)), REPORT, &CSV.replace("out.csv", "other.csv")]);
    let mut other = world.start(&["run", "other.toml"]);
    world.until_arrived(8);
    drop(going);
    assert_eq!(other.ended(), Some(0), "who asked first is dead: it is asked again");
}
