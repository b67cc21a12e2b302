//! Conditions between lookups: what is bought only where an earlier answer of the row says so.

use crate::world::{CSV, REPORT, World, companies, distinct, numbers, people, side_by_side};
use jiff::ToSpan;
use serde_json::Value;
use std::collections::BTreeSet;

/// DateCheck since a day that shows changes of some companies.
const CHANGES: &str = "[[lookup]]\nid = 'changes'\nservice = 'creditsafe.datecheck-company'\n\
                       params = { referencedate = '{today-1000d}' }\nreuse = '0'\n";
const NON_EMPTY: &str = "when = { lookup = 'changes', pointer = '/report/changes', is = 'non-empty' }\n";
const JSON: &str = "[[output]]\npath = 'out.jsonl'\n";

fn rows(world: &World) -> Vec<Value> {
    world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Of each row, whether anything has changed, and the row of the lookup that depends on it.
fn pairs(world: &World) -> Vec<(bool, Value)> {
    let rows = rows(world);
    let pair = |pair: &[Value]| {
        let changed = pair[0]["report"]["changes"].as_array().is_some_and(|list| !list.is_empty());
        (changed, pair[1].clone())
    };
    rows.chunks(2).map(pair).collect()
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

#[test]
fn a_report_is_bought_only_where_something_has_changed() {
    let world = World::new("").account("concurrency = 4");
    let twice = [companies(16), companies(3)].concat();
    world.job(
        "job",
        &[&numbers(&twice), CHANGES, &REPORT.replace("id =", &format!("{NON_EMPTY}id =")), CSV, JSON],
    );
    let plan: Value =
        serde_json::from_str(&world.orgpull(&["plan", "job.toml", "--json"]).exits(0).stdout).unwrap();
    let step = &plan["steps"][1];
    assert_eq!(
        (&step["to_buy"], &step["gated"], &step["gated_expected"]),
        (&16.into(), &16.into(), &Value::Null)
    );
    let ran = world.run(&[]).exits(0);
    let pairs = pairs(&world);
    let opened = pairs.iter().take(16).filter(|(changed, _)| *changed).count();
    assert!(0 < opened && opened < 16, "{opened} of 16 show both");
    for (changed, report) in &pairs {
        let came = (text(report, "outcome"), text(report, "code"));
        if *changed {
            assert_ne!(came.0, "skipped", "{report}");
        } else {
            assert_eq!(came, ("skipped", "gate"), "{report}");
            assert_eq!((text(report, "source"), text(report, "cost")), ("", "0.00"));
        }
    }
    assert_eq!(ran.number("calls"), 16 + opened as u64, "what stands twice is asked once");
    let closed = pairs.iter().take(16).filter(|(changed, _)| !changed).count() as u64;
    assert_eq!(ran.number("saved_calls"), closed);
    assert_eq!(ran.text("saved_cost"), format!("{}.{}0", closed * 32 / 10, closed * 32 % 10));
    let ran = ran.says("not asked, since their condition was not met");
    assert!(!ran.said().contains("looks at"));
    let plan: Value =
        serde_json::from_str(&world.orgpull(&["plan", "job.toml", "--json"]).exits(0).stdout).unwrap();
    assert!(plan["steps"][1]["gated_expected"].as_u64().is_some_and(|expected| expected < 16), "{plan}");
}

/// Every form of a condition over one answer, each against what the answer says.
#[test]
fn every_form_of_a_condition() {
    type Expected = fn(&BTreeSet<String>) -> bool;
    let table: [(&str, Expected); 6] = [
        ("pointer = '/report/changes', is = 'empty'", |codes| codes.is_empty()),
        ("pointer = '/report/changes', any_of = ['NAME', 'BOARD']", |codes| {
            codes.contains("NAME") || codes.contains("BOARD")
        }),
        ("pointer = '/report/changes/0', is = 'present'", |codes| !codes.is_empty()),
        ("pointer = '/report/changes/0', is = 'absent', outcome = ['hit']", |codes| codes.is_empty()),
        ("outcome = ['no_hit']", |_| false),
        ("pointer = '/report/changes/0/code', equals = 'NAME'", |codes| codes.contains("NAME")),
    ];
    side_by_side(&table, |(condition, expected)| {
        let world = World::new("");
        let numbers = numbers(&companies(12));
        let when = format!("when = {{ lookup = 'changes', {condition} }}\n");
        world.job("job", &[&numbers, CHANGES, &format!("{REPORT}{when}"), CSV, JSON]);
        world.run(&[]).exits(0);
        for pair in rows(&world).chunks(2) {
            let list = pair[0]["report"]["changes"].as_array().unwrap();
            let codes = list.iter().map(|change| text(change, "code").to_owned()).collect();
            assert_eq!(text(&pair[1], "outcome") == "hit", expected(&codes), "{condition}: {codes:?}");
        }
    });
}

#[test]
fn what_failed_decides_nothing_and_retry_decides_anew() {
    let company = &companies(1)[0];
    for (fault, outcome, exit, flags) in [
        ("do = 'status'\nstatus = 503", "failed", 4, &["retry", "job"][..]),
        ("do = 'close'", "unknown", 4, &["retry", "job", "--unknown", "--yes"]),
        ("do = 'error'\nstatus = 403\ncode = 'NEW9'", "denied", 0, &["retry", "job"]),
    ] {
        let world = World::new(&format!("[[fault]]\nservice = 'datecheck-company'\n{fault}\n"));
        let chain = "[[lookup]]\nid = 'signatories'\nservice = 'creditsafe.getsignatory'\n\
                     when = { lookup = 'report', outcome = ['hit'] }\n";
        let when = "when = { lookup = 'changes', outcome = ['hit'] }\n";
        let report = format!("{REPORT}{when}");
        world.job("job", &[&numbers(&[company]), CHANGES, &report, chain, CSV, "[run]\nattempts = 1\n"]);
        let ran = world.run(&[]).exits(exit);
        assert_eq!((ran.outcome(outcome), ran.outcome("skipped")), (1, 2), "{}", ran.said());
        let out = world.out();
        assert_eq!(
            out[1..],
            ["skipped/undecided 0 0.00", "skipped/undecided 0 0.00"],
            "also what depends on them"
        );
        if outcome == "unknown" {
            let ran = world.pull(&["retry", "job"]).exits(4);
            assert_eq!((ran.outcome("unknown"), ran.outcome("skipped")), (1, 2), "still undecided");
        }
        world.scenario("");
        let ran = world.pull(flags).exits(0);
        assert_eq!((ran.outcome("hit"), ran.outcome("skipped")), (3, 0), "{}", ran.said());
    }
}

#[test]
fn the_newest_answers_day_is_asked_since_and_without_one_it_is_bought_outright() {
    let world = World::new("").account("concurrency = 3");
    let changes = CHANGES.replace("{today-1000d}", "{last:report:date}");
    let report = format!("{REPORT}{NON_EMPTY}reuse = '0'\n");
    world.job("job", &[&numbers(&companies(10)), &changes, &report, CSV, JSON]);
    let plan: Value =
        serde_json::from_str(&world.orgpull(&["plan", "job.toml", "--json"]).exits(0).stdout).unwrap();
    assert_eq!((&plan["steps"][0]["skipped"], &plan["steps"][1]["to_buy"]), (&10.into(), &10.into()));
    assert_eq!(plan["steps"][1]["gated"], 0, "without an answer nothing depends on the condition");
    let ran = world.run(&[]).exits(0);
    assert_eq!(ran.number("calls"), 10);
    assert!(world.bill().iter().all(|entry| entry.service == "getdata"));
    assert!(world.out().iter().step_by(2).all(|row| row == "skipped/first 0 0.00"), "{:?}", world.out());
    let ran = world.run(&[]).exits(0);
    let opened = pairs(&world).iter().filter(|(changed, _)| *changed).count() as u64;
    assert_eq!(ran.number("calls"), 10 + opened, "{}", ran.said());
    let asked = world.bill().iter().filter(|entry| entry.service == "datecheck-company").count();
    assert_eq!(asked, 10, "every company was asked since the day of its answer");
    let skip = changes.replace("id =", "first = 'skip'\nid =");
    let elsewhere = companies(20);
    world.job("job", &[&numbers(&elsewhere[10..]), &skip, &report, CSV, JSON]);
    let before = world.bill().len();
    let ran = world.run(&["--new"]).exits(0);
    assert_eq!((ran.outcome("skipped"), world.bill().len()), (20, before), "{}", ran.said());
    let own = format!("{REPORT}{NON_EMPTY}first = 'buy'\n");
    world.job("job", &[&numbers(&elsewhere[10..]), &skip, &own, CSV, JSON]);
    assert_eq!(world.run(&["--new"]).exits(0).number("calls"), 10, "its own word counts before the gate's");
}

#[test]
fn a_day_further_back_than_the_register_looks_is_not_asked_since() {
    let world = World::new("");
    let (company, person) = (companies(1).remove(0), people(1).remove(0));
    let input = format!(
        "number,since\n{company},2015-01-01\n{company},{}\n{person},{}\n",
        day_ago(4 * 365),
        day_ago(4 * 365)
    );
    world.write("in.csv", &input);
    let changes =
        CHANGES.replace("{today-1000d}", "{since}").replace("datecheck-company", "datecheck-consumer");
    let both = "[input]\npath = 'in.csv'\ncolumn = 'number'\nkind = 'any'\ncentury = 'assume-under-100'\n";
    let report = format!("{REPORT}{NON_EMPTY}").replace("'Basic'", "'Basic'");
    world.job("job", &[both, &CHANGES.replace("{today-1000d}", "{since}"), &report, CSV]);
    world.run(&[]).exits(0);
    let out = world.out();
    assert_eq!(out[0], "skipped/too-old 0 0.00");
    assert!(out[1].contains("bought"), "it is bought outright: {out:?}");
    assert!(out[2].starts_with("hit bought"), "60 months for a company: {out:?}");
    world.job("person", &[both, &changes, &report, &CSV.replace("out.csv", "person.csv")]);
    world.pull(&["run", "person.toml"]).exits(0);
    let rows = world.rows("person.csv");
    assert_eq!(&*rows[4]["code"], "too-old", "36 months for a person");
    assert!(
        world.bill().iter().all(|entry| entry.code.as_deref() != Some("23")),
        "the register was not asked"
    );
}

fn day_ago(days: i64) -> String {
    orgpull::time::stockholm_date(orgpull::time::now_ms()).checked_sub(days.days()).unwrap().to_string()
}

#[test]
fn a_condition_on_a_field_that_never_occurs_is_told_with_those_that_do() {
    let world = World::new("");
    let when = NON_EMPTY.replace("/report/changes", "/report/changed");
    world.job("job", &[&numbers(&companies(3)), CHANGES, &format!("{REPORT}{when}"), CSV]);
    let ran = world.run(&[]).exits(0);
    let ran =
        ran.says("the condition of lookup `report` looks at /report/changed, which was in none of 3 answers");
    ran.says("/report/changes");
}

#[test]
fn a_run_that_is_killed_between_a_gate_and_what_depends_on_it_goes_on() {
    let world = World::new("delay = '3ms'").account("concurrency = 4");
    world.job("job", &[&numbers(&companies(40)), CHANGES, &format!("{REPORT}{NON_EMPTY}"), CSV, JSON]);
    for aim in [3, 11, 24, 38] {
        let going = world.start(&["run", "job.toml"]);
        world.until_arrived(aim);
        drop(going);
    }
    let ran = world.orgpull(&["run", "job.toml"]);
    assert!([0, 4].contains(&ran.exit), "{}", ran.said());
    assert!(
        distinct(world.bill().iter().map(|entry| (entry.number.clone(), entry.service))),
        "nothing twice"
    );
    for pair in rows(&world).chunks(2) {
        let (gate, report) = (text(&pair[0], "outcome"), (text(&pair[1], "outcome"), text(&pair[1], "code")));
        let changed = pair[0]["report"]["changes"].as_array().is_some_and(|list| !list.is_empty());
        match gate {
            "unknown" => assert_eq!(report, ("skipped", "undecided")),
            _ if changed => assert_ne!(report.0, "skipped"),
            _ => assert_eq!(report, ("skipped", "gate")),
        }
    }
}

#[test]
fn a_budget_and_a_signal_leave_dependants_pending() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(8)), CHANGES, &format!("{REPORT}{NON_EMPTY}"), CSV]);
    let ran = world.run(&["--max-calls", "5"]).exits(8);
    assert_eq!(ran.number("calls"), 5);
    assert!(ran.number("pending") > 0);
    world.run(&[]).exits(0);
}

#[test]
fn a_condition_that_makes_no_sense_is_told_before_anything_is_sent() {
    let world = World::new("");
    for (when, says) in [
        ("when = { lookup = 'chnges', outcome = ['hit'] }", "did you mean `changes`?"),
        ("when = { lookup = 'report', outcome = ['hit'] }", "does not come before this lookup"),
        ("when = { lookup = 'after', outcome = ['hit'] }", "does not come before this lookup"),
        ("when = { lookup = 'changes' }", "says nothing of what must hold"),
        ("when = { lookup = 'changes', outcome = ['failed'] }", "this must be \"hit\", \"partial\""),
        ("when = { lookup = 'changes', pointer = '/x' }", "exactly one of `is`, `equals` and `any_of`"),
        ("when = { lookup = 'changes', is = 'empty' }", "exactly one of `is`, `equals` and `any_of`"),
        ("when = { lookup = 'changes', pointer = '/x', is = 'empty', equals = 'y' }", "exactly one of"),
        ("when = { lookup = 'changes', pointer = 'x', is = 'empty' }", "begins with `/`"),
        ("when = [{ lookup = 'changes', outcome = ['hit'] }, { outcome = ['hit'] }]", "`lookup` is missing"),
        ("when = 'changes'", "a table"),
    ] {
        let after = "[[lookup]]\nid = 'after'\nservice = 'creditsafe.getsignatory'\n";
        world.job("job", &[&numbers(&companies(1)), CHANGES, &format!("{REPORT}{when}\n"), after, CSV]);
        world.orgpull(&["run", "job.toml"]).exits(3).says(says).says("job.toml:");
    }
    for (last, says) in [
        ("{last:reprt:date}", "did you mean `report`?"),
        ("{last:changes:date}", "names the lookup itself"),
        ("{last:report}", "is written as in `{last:report:date}`"),
    ] {
        let changes = CHANGES.replace("{today-1000d}", last);
        world.job("job", &[&numbers(&companies(1)), &changes, REPORT, CSV]);
        world.orgpull(&["check", "job.toml"]).exits(3).says(says);
    }
    assert!(world.bill().is_empty());
}

/// A lookup that waits for one that waits for a service that was stopped: nothing of the chain can go on, and the run ends.
#[test]
fn a_chain_behind_a_stopped_service_does_not_keep_the_run_from_ending() {
    let fault =
        "bill = false\n[[fault]]\nservice = 'datecheck-company'\ndo = 'error'\nstatus = 403\ncode = '7'\n";
    let world = World::new(fault).account("concurrency = 8");
    let chain = "[[lookup]]\nid = 'signatories'\nservice = 'creditsafe.getsignatory'\n\
                 when = { lookup = 'report', outcome = ['hit'] }\n";
    let report = format!("{REPORT}when = {{ lookup = 'changes', outcome = ['hit'] }}\n");
    world.job("job", &[&numbers(&companies(6_000)), CHANGES, &report, chain, CSV]);
    world.orgpull(&["run", "job.toml"]).exits(3).says("datecheck-company is stopped");
}

/// What was bought in the run itself is no newest answer to ask since: a row that stands twice asks what the first one asked.
#[test]
fn a_number_that_stands_twice_asks_since_the_same_day() {
    let world = World::new("").account("concurrency = 8");
    let changes = CHANGES.replace("{today-1000d}", "{last:report:date}");
    let firms = companies(700);
    let twice = [firms.clone(), firms[..40].to_vec()].concat();
    world.job("job", &[&numbers(&twice), &changes, &format!("{REPORT}{NON_EMPTY}"), CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!(ran.number("calls"), 700, "each report once, and no question since today");
    let rows = world.rows("out.csv");
    for (first, again) in rows.iter().zip(&rows[1_400..]) {
        assert_eq!((&first["outcome"], &first["code"]), (&again["outcome"], &again["code"]));
    }
}

#[test]
fn a_gate_that_was_not_asked_decides_nothing() {
    let world = World::new("");
    let firm = &companies(1)[0];
    world.write("in.csv", &format!("orgnr,since\n{firm},\n{firm},2099-01-01\n"));
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    world.job(
        "job",
        &[input, &CHANGES.replace("{today-1000d}", "{since}"), &format!("{REPORT}{NON_EMPTY}"), CSV],
    );
    let ran = world.run(&[]).exits(0);
    assert_eq!(world.out(), ["invalid/local 0 0.00", "skipped/undecided 0 0.00"].repeat(2));
    assert_eq!(ran.number("saved_calls"), 0, "a slip is no saving");
}

#[test]
fn what_has_no_effect_is_told() {
    let world = World::new("");
    for (job, says) in [
        (format!("{CHANGES}{REPORT}when = []\n"), "this list is empty, and would be met by every row"),
        (format!("{REPORT}first = 'skip'\n"), "this lookup has nothing to do with one"),
    ] {
        world.job("job", &[&numbers(&companies(1)), &job, CSV]);
        world.orgpull(&["check", "job.toml"]).exits(3).says(says);
    }
}
