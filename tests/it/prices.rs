//! What nobody has given a price is priced by nobody, and never shown as if it cost nothing.

use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers};
use serde_json::Value;

const SERVICE: &str = "creditsafe.getsignatory";
const CUT: &str = "[[fault]]\nservice = 'getsignatory'\ndo = 'cut'\ntimes = 1";

/// Two questions about each of three companies, of which only the first has a price.
fn world(scenario: &str, lookups: &[&str]) -> World {
    let world = World::new(scenario).account("prices = { getdata = '3.20' }");
    let schedule = "[schedule]\ncron = '30 2 * * *'\n";
    world.job("job", &[&[numbers(&companies(3)).as_str()], lookups, &[CSV, schedule]].concat());
    world
}

fn json(world: &World, arguments: &[&str]) -> Value {
    serde_json::from_str(&world.orgpull(arguments).stdout).unwrap()
}

#[test]
fn every_place_that_tells_money_tells_that_it_is_not_known() {
    let world = world(CUT, &[REPORT, SIGNATORIES]);
    let how =
        "[providers.creditsafe] prices = { getsignatory = \"…\" } says what one costs, \"0\" that it is free";
    let plan = world.orgpull(&["plan", "job.toml"]).exits(0).says("Price 9.60 SEK + price unknown").says(how);
    assert!(
        plan.says("3 unknown price unknown")
            .stdout
            .contains("price unknown: creditsafe.getsignatory has no price")
    );
    let plan = json(&world, &["plan", "job.toml", "--json"]);
    assert_eq!((&plan["price"], &plan["unpriced"][0]), (&Value::from("9.60"), &Value::from(SERVICE)));
    assert_eq!(
        (&plan["steps"][0]["unpriced_calls"], &plan["steps"][1]["unpriced_calls"]),
        (&0.into(), &3.into())
    );

    let ran =
        world.orgpull(&["run", "job.toml", "--summary-json", "summary.json", "--progress", "none"]).exits(4);
    let ran = ran.says(how).says("cost 9.60 SEK, and price unknown for creditsafe.getsignatory");
    assert!(ran.stderr.contains("warning: price unknown: creditsafe.getsignatory"), "{}", ran.stderr);
    let summary: Value = serde_json::from_str(&world.read("summary.json")).unwrap();
    assert_eq!((&summary["cost"], &summary["unpriced"]), (&"9.60".into(), &vec![SERVICE].into()));

    world.orgpull(&["runs"]).exits(0).says("9.60 SEK + price unknown");
    let status = world.orgpull(&["status"]).exits(0).says("cost 9.60 SEK, and price unknown for");
    let status = status.says("may have been billed, price unknown");
    assert!(!status.stdout.contains("0.00"), "{}", status.stdout);
    assert_eq!(json(&world, &["status", "--json"])["unpriced"][0], SERVICE);
    assert_eq!(json(&world, &["status", "--unknowns", "--json"])[0]["price_unknown"], true);
    world.orgpull(&["schedule", ".", "--list", "--count", "1"]).exits(0).says("9.60 SEK + price unknown");

    world.orgpull(&["spend", "--by", "service"]).exits(0).says("getsignatory 3 2 1 price unknown");
    let spend = json(&world, &["spend", "--json", "--by", "month"]);
    assert_eq!((&spend["total"]["cost"], &spend["total"]["unpriced"][0]), (&"9.60".into(), &SERVICE.into()));
    assert_eq!(spend["rows"][0]["unpriced"][0], SERVICE);
    world.orgpull(&["spend", "--csv"]).exits(0).says("job,6,5,1,9.60,0.00,0,creditsafe.getsignatory");

    world.orgpull(&["retry", "job", "--unknown"]).exits(2).says("may cost 1 call, price unknown.");
    world
        .orgpull(&["plan", "job.toml", "--diff", "--buy-again"])
        .exits(0)
        .says("in the last run 9.60 SEK + price unknown");
    world.orgpull(&["resolve", "job", "--as", "billed"]).exits(0).says("1 billed: price unknown");
    world.orgpull(&["status"]).exits(0).says("price unknown for creditsafe.getsignatory");
}

#[test]
fn progress_tells_it_too() {
    let world = world("", &[SIGNATORIES]);
    let ran = world.orgpull(&["run", "job.toml", "--progress", "json"]).exits(0);
    let mut progress = ran.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let last = progress.rfind(|event| event["event"] == "progress").unwrap();
    assert_eq!((&last["cost"], &last["unpriced"][0]), (&"0.00".into(), &SERVICE.into()));
    assert!(ran.stdout.contains("-  price unknown for creditsafe.getsignatory"), "{}", ran.stdout);
}

#[test]
fn a_price_of_nothing_is_a_price() {
    let world =
        world(CUT, &[REPORT, SIGNATORIES]).account("prices = { getdata = '3.20', getsignatory = '0' }");
    for arguments in
        [&["plan", "job.toml"][..], &["run", "job.toml", "--max-cost", "100"], &["status"], &["spend"]]
    {
        let told = world.orgpull(arguments).said();
        assert!(!told.contains("price unknown") && told.contains("9.60"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_statement_says_what_nobody_has_said() {
    let world = world("", &[SIGNATORIES]);
    world.orgpull(&["run", "job.toml"]).exits(0);
    let days = world.orgpull(&["spend", "--by", "day", "--json"]).exits(0).stdout;
    let days: Value = serde_json::from_str(&days).unwrap();
    let day = days["rows"][0]["day"].as_str().unwrap();
    world.write(
        "statement.csv",
        &format!("date,transactionid,service,amount\n{day},op00000000000a,getsignatory,6.00\n"),
    );
    let told = world.orgpull(&["reconcile", "statement.csv"]).exits(4);
    let told = told.says("in the ledger but not billed 3 0.00 SEK price unknown");
    told.says("price unknown in the ledger, not billed");
}

#[test]
fn a_budget_of_money_over_it_is_refused_and_one_of_calls_speaks_of_calls() {
    let world = world("", &[SIGNATORIES]);
    world.run_refused("--max-cost");
    let budget = |keys: &str| {
        world.job("job", &[&numbers(&companies(3)), SIGNATORIES, CSV, "[budget]\n", keys]);
    };
    budget("max_cost = '10'\n");
    for command in ["check", "plan", "run"] {
        world
            .orgpull(&[command, "job.toml"])
            .exits(3)
            .says("getsignatory has no price")
            .says("\"0\" where it is free");
    }
    budget("max_calls = 2\nwarn_at = '50%'\n");
    world.orgpull(&["plan", "job.toml"]).exits(0).says("2 calls 0 calls, 0.00 SEK 3 calls pauses");
    let ran = world.orgpull(&["run", "job.toml"]).exits(8);
    let ran = ran.says("50 % of the budget of the run are spent: 1 call of 2 calls");
    assert!(
        ran.said().contains("is reached: 2 calls of 2 calls") && !ran.said().contains("0.00"),
        "{}",
        ran.said()
    );
    assert!(
        world.account("budget = { day = { max_cost = '10' } }").orgpull(&["check", "job.toml"]).exit == 3
    );
}

impl World {
    fn run_refused(&self, flag: &str) {
        let refused = self.orgpull(&["run", "job.toml", flag, "10"]).exits(3);
        refused.says("creditsafe.getsignatory has no price").says("\"0\" where it is free");
        assert!(self.bill().is_empty());
    }
}
