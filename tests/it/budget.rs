//! Budgets: what a run, an invocation, a day and a month may cost is never passed, whoever spends.

use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers};
use serde_json::Value;

/// A run's budget, as the job writes it.
fn budget(keys: &str) -> String {
    format!("[budget]\n{keys}\n")
}

fn account_budget(span: &str, keys: &str) -> String {
    format!("[budget.{span}]\n{keys}\n")
}

#[test]
fn a_run_pauses_at_its_budget_and_goes_on_when_it_is_raised() {
    let world = World::new("").account("concurrency = 4");
    let job = |keys: &str| {
        world.job("job", &[&numbers(&companies(12)), REPORT, CSV, &budget(keys)]);
    };
    job("max_cost = '16.50'\nwarn_at = '60%'");
    let ran = world.run(&[]).exits(8);
    assert_eq!((ran.number("calls"), ran.text("cost")), (5, "16.00"));
    let ran = ran.says("the budget of the run is reached: 5 calls, 16.00 SEK of 16.50 SEK");
    let ran = ran.says("60 % of the budget of the run are spent").says("7 of them still to do");
    assert!(ran.text("next").contains("run job.toml") && !world.path("out.csv").exists());
    let again = world.run(&[]).exits(8);
    assert_eq!(again.number("calls"), 5, "nothing fits any more");
    job("max_cost = '9.00'");
    let before = world.orgpull(&["status", "job", "--json"]).stdout;
    let lowered = world.orgpull(&["run", "job.toml"]).exits(3);
    lowered.says("[budget] allows 9.00 SEK").says("has spent 5 calls, 16.00 SEK already").says("--new");
    assert_eq!(world.orgpull(&["status", "job", "--json"]).stdout, before, "it stands as it stood");
    job("max_calls = 9");
    assert_eq!(world.run(&[]).exits(8).number("calls"), 9);
    job("max_calls = 12\nmax_cost = '38.40'");
    let done = world.run(&[]).exits(0);
    assert_eq!((done.number("calls"), done.text("cost")), (12, "38.40"), "to the last öre");
    assert_eq!(world.rows("out.csv").len(), 12);
}

#[test]
fn an_invocation_spends_what_it_was_given() {
    let world = World::new("").account("concurrency = 3");
    world.job("job", &[&numbers(&companies(9)), REPORT, CSV]);
    let ran = world.run(&["--max-calls", "4"]).exits(8);
    assert_eq!(ran.number("calls"), 4);
    ran.says(
        "the budget of this invocation (--max-calls, --max-cost) is reached: 4 calls, 12.80 SEK of 4 calls",
    );
    let ran = world.run(&["--max-cost", "6.40"]).exits(8);
    assert_eq!(ran.number("calls"), 6);
    ran.says("is reached: 2 calls, 6.40 SEK of 6.40 SEK");
    assert_eq!(world.run(&["--max-calls", "0"]).exits(8).number("calls"), 6);
    assert_eq!(world.run(&["--max-calls", "100"]).exits(0).number("calls"), 9);
    for bad in ["--max-calls=-1", "--max-calls=ten", "--max-cost=12,50", "--max-cost=-1", "--max-cost=9 kr"] {
        world.orgpull(&["run", "job.toml", bad]).exits(2);
    }
}

/// What is refused unprocessed or free does not use money up: the room that it leaves is used.
#[test]
fn money_that_a_call_did_not_cost_is_spent_on_others() {
    let scenario = "[[fault]]\ndo = 'status'\nstatus = 503\nafter = 1\ntimes = 2";
    let world = World::new(scenario).account("concurrency = 4");
    world.job("job", &[&numbers(&companies(8)), REPORT, CSV, &budget("max_cost = '12.80'")]);
    let ran = world.run(&[]).exits(8);
    assert_eq!((ran.text("cost"), ran.outcome("hit")), ("12.80", 4), "{}", ran.said());
}

#[test]
fn a_lost_answer_counts_at_its_price() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 1");
    world.job("job", &[&numbers(&companies(6)), REPORT, CSV, &budget("max_cost = '9.60'")]);
    let ran = world.run(&[]).exits(8);
    assert_eq!((ran.number("calls"), ran.text("cost"), ran.text("spent_unknown")), (3, "9.60", "3.20"));
}

#[test]
fn an_accounts_day_and_month_are_shared_by_all_jobs() {
    let world = World::new("").account(&account_budget("day", "max_cost = '16.00'"));
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&companies(8)), "", SIGNATORIES, &other]);
    assert_eq!(world.run(&[]).exits(0).text("cost"), "9.60");
    let ran = world.pull(&["run", "other.toml"]).exits(8);
    assert_eq!(ran.text("cost"), "6.00", "one at 6.00 fits, two would pass it");
    ran.says("the budget of account creditsafe for the day is reached").says("the next begins at 2");
    let plan: Value =
        serde_json::from_str(&world.orgpull(&["plan", "other.toml", "--json"]).exits(0).stdout).unwrap();
    let line = &plan["budgets"][0];
    assert_eq!(
        (&line["cost_before"], &line["cost_after"], &line["passed"]),
        (&"15.60".into(), &"57.60".into(), &true.into())
    );
    world.orgpull(&["plan", "other.toml"]).exits(0).says("pauses before the end (exit 8)");
    let world = world.account(
        &account_budget("month", "max_calls = 5")
            .replace("[budget", "[budget.day]\nmax_cost = '1000'\n[budget"),
    );
    let ran = world.pull(&["run", "other.toml"]).exits(8);
    assert_eq!(ran.number("calls"), 2);
    ran.says("for the month is reached: 5 calls");
}

/// Another account of the same job goes on.
#[test]
fn one_accounts_budget_stops_that_account_alone() {
    let world = World::new("").account(&account_budget("day", "max_calls = 2")).provider("dnb", "");
    let dnb = "[[lookup]]\nid = 'dnb'\nservice = 'dnb.company'\n";
    world.job("job", &[&numbers(&companies(5)), REPORT, dnb, CSV]);
    let ran = world.run(&[]).exits(8);
    assert_eq!(ran.number("calls"), 7, "{}", ran.said());
    assert_eq!(world.attempts().iter().filter(|attempt| attempt.account == "creditsafe").count(), 2);
}

#[test]
fn a_cap_on_money_over_a_call_without_a_price_is_refused() {
    let world = World::new("");
    let config = world.read("orgpull.toml").replace("getsignatory = \"6.00\"", "");
    world.write("orgpull.toml", &config);
    let job = |keys: &str| world.job("job", &[&numbers(&companies(1)), SIGNATORIES, CSV, keys]);
    job("");
    world
        .orgpull(&["run", "job.toml", "--max-cost", "100"])
        .exits(3)
        .says("creditsafe.getsignatory has no price");
    job(&budget("max_cost = '100'"));
    for command in ["run", "check", "plan"] {
        let refused = world.orgpull(&[command, "job.toml"]).exits(3);
        refused.says("creditsafe.getsignatory has no price, and a budget caps its cost").says("prices = {");
    }
    assert!(world.bill().is_empty());
    job(&budget("max_calls = 1"));
    world.orgpull(&["run", "job.toml"]).exits(0);
}

/// Two processes at once, on one ledger, with one budget between them.
#[test]
fn two_processes_never_pass_a_budget_together() {
    let world = World::new("delay = '5ms'")
        .account(&format!("concurrency = 6\n{}", account_budget("day", "max_cost = '70.00'")));
    world.job("job", &[&numbers(&companies(30)), REPORT, CSV]);
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&companies(60)[30..]), REPORT, &other]);
    let (mut one, mut two) = (world.start(&["run", "job.toml"]), world.start(&["run", "other.toml"]));
    assert_eq!((one.ended(), two.ended()), (Some(8), Some(8)));
    let billed = world.bill().iter().filter(|entry| entry.billed).count();
    assert_eq!(billed, 21, "67.20 SEK: one more would be 70.40");
    world.pull(&["run", "job.toml"]).exits(8);
    assert_eq!(world.bill().iter().filter(|entry| entry.billed).count(), 21);
}
