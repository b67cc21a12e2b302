//! The plan says what the run then does, and sends nothing.

use super::world::{
    CREDIT, CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships, people, side_by_side,
};
use serde_json::Value;

const CHANGES: &str = "[[lookup]]\nid = 'changes'\nservice = 'creditsafe.datecheck-company'\n\
                       params = { referencedate = '{since}' }\n";
const SPAR: &str = "[[lookup]]\nid = 'spar'\nservice = 'creditsafe.spar'\n";

fn planned(world: &World, flags: &[&str]) -> Value {
    let before = (world.bill().len(), world.logins().len());
    let plan = world.orgpull(&[&["plan", "job.toml", "--json"], flags].concat()).exits(0);
    assert_eq!((world.bill().len(), world.logins().len()), before, "a plan sends nothing");
    serde_json::from_str(&plan.stdout).unwrap()
}

/// Plans, runs, and compares.
fn plan_and_run(world: &World, flags: &[&str]) -> Value {
    let (plan, before) = (planned(world, flags), world.bill().len());
    let ran = world.run(flags).exits(0);
    let number = |key: &str| plan[key].as_u64().unwrap();
    assert_eq!(number("rows"), ran.number("rows"));
    assert_eq!(number("bad_rows"), ran.number("bad_rows"));
    assert_eq!(number("lookups"), ran.number("lookups"));
    assert_eq!(number("to_buy"), ran.number("calls"));
    assert_eq!(number("to_buy"), (world.bill().len() - before) as u64);
    assert_eq!(number("duplicates") + number("fresh") + number("unknown"), ran.number("reused"));
    assert_eq!(number("skipped"), ran.outcome("skipped"));
    assert_eq!(number("invalid"), ran.outcome("invalid"));
    assert_eq!(number("letters"), ran.number("letters"));
    assert_eq!(plan["price"], ran.summary["cost"]);
    plan
}

#[test]
fn the_plan_equals_what_the_run_does() {
    let all = [companies(3), partnerships(2), people(2), companies(2)].concat();
    let some = [companies(2), partnerships(1)].concat();
    let file = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    let table: [(&str, &[&str]); 6] = [
        ("companies", &[&numbers(&companies(5)), REPORT]),
        ("duplicates and kinds", &[&numbers(&all), REPORT, SPAR]),
        ("letters", &[&numbers(&all), CREDIT]),
        ("two lookups of one identity", &[&numbers(&some), REPORT, &REPORT.replace("'report'", "'same'")]),
        ("several services", &[&numbers(&some), REPORT, SIGNATORIES, CREDIT]),
        ("bad rows and bad parameters", &[file, CHANGES]),
    ];
    side_by_side(&table, |(name, parts)| {
        let world = World::new("").account("concurrency = 4");
        let since = "orgnr,since\n599900-0002,2025-01-01\n599900-0003,2025-01-01\nnone,\n599900-0010,2099-01-01\n\
                     599900-0010,2025-01-01\n599900-0002,2025-01-01\n599900-0002,2025-02-01\n";
        world.write("in.csv", since);
        world.job("job", &[&parts.concat(), CSV]);
        let limited = plan_and_run(&world, &["--limit", "2"]);
        let whole = plan_and_run(&world, &[]);
        assert!(limited["to_buy"].as_u64() < whole["lookups"].as_u64(), "{name}");
        let fresh = plan_and_run(&world, &[]);
        assert_eq!(fresh["to_buy"], 0, "{name}");
        let again = plan_and_run(&world, &["--buy-again"]);
        assert!(again["fresh"] == 0 && again["to_buy"] != 0, "{name}");
    });
}

#[test]
fn the_plan_of_an_unfinished_run_is_its_rest() {
    let world = World::new("[[fault]]\ndo = 'error'\nstatus = 403\ncode = '7'\nafter = 2\ntimes = 1\n");
    let twice = [companies(5), companies(4)[3..].to_vec()].concat();
    world.job("job", &[&numbers(&twice), REPORT, CSV]);
    world.run(&[]).exits(3);
    let plan = planned(&world, &[]);
    assert_eq!((&plan["lookups"], &plan["to_buy"], &plan["duplicates"]), (&4.into(), &3.into(), &1.into()));
    assert_eq!(plan["price"], "9.60");
    let before = world.stats().billed;
    world.run(&[]).exits(0);
    assert_eq!(world.stats().billed - before, 3);
}

#[test]
fn the_plan_knows_how_long_it_takes() {
    let world = World::new("").account("rate = '60/h'");
    world.job("job", &[&numbers(&companies(60)), REPORT, CSV]);
    let plan = planned(&world, &[]);
    assert_eq!((&plan["seconds"], &plan["time"]), (&3_600.into(), &"1 h 0 min".into()));
    let text = world.orgpull(&["plan", "job.toml"]).exits(0).said();
    assert!(text.contains("192.00") && text.contains("1 h 0 min"), "{text}");
    assert!(!world.path("orgpull.db").exists(), "a plan makes no ledger");
}
