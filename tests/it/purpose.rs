//! About persons an answer is used again only for what it was bought for.

use crate::world::{CREDIT, CSV, REPORT, World, companies, numbers, partnerships, people};
use std::fs;

/// A job of that name and purpose.
fn job(world: &World, name: &str, purpose: &str, more: &str, parts: &[&str]) {
    let csv = CSV.replace("out.csv", &format!("{name}.csv"));
    world.write(
        &format!("{name}.toml"),
        &format!("name = '{name}'\npurpose = '{purpose}'\nretention = '10d'\n{more}{}{csv}", parts.concat()),
    );
}

#[test]
fn an_answer_about_a_person_is_used_for_its_own_purpose_alone() {
    let world = World::new("");
    let [person, trader] = people(2).try_into().unwrap();
    let rows = numbers(&[companies(1).remove(0), partnerships(1).remove(0), person, trader]);
    job(&world, "first", "credit risk", "", &[&rows, REPORT]);
    world.pull(&["run", "first.toml"]).exits(0);
    // For something else the two persons are asked about anew, and nobody else is.
    job(&world, "second", "marketing", "", &[&rows, REPORT]);
    let plan = world.orgpull(&["plan", "second.toml", "--json"]).exits(0).stdout;
    assert!(plan.contains("\"to_buy\": 2") && plan.contains("\"fresh\": 2"), "{plan}");
    let ran = world.pull(&["run", "second.toml"]).exits(0);
    assert_eq!((ran.number("calls"), ran.number("reused")), (2, 2));
    // For the same, however often the other came between.
    for name in ["first", "second"] {
        assert_eq!(world.pull(&["run", &format!("{name}.toml")]).exits(0).number("calls"), 0, "{name}");
    }
    // And for one that says whose answers may be used.
    job(&world, "third", "collection", "reuse_purposes = ['credit risk']\n", &[&rows, REPORT]);
    assert_eq!(world.pull(&["run", "third.toml"]).exits(0).number("calls"), 0);
    job(&world, "fourth", "collection", "reuse_purposes = ['something else']\n", &[&rows, REPORT]);
    assert_eq!(world.pull(&["run", "fourth.toml"]).exits(0).number("calls"), 2);
}

/// A lost letter blocks whatever the purpose: the person gets it once.
#[test]
fn no_purpose_posts_a_lost_letter_again() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    let rows = numbers(&people(1));
    job(&world, "first", "credit risk", "", &[&rows, CREDIT]);
    world.pull(&["run", "first.toml"]).exits(4);
    job(&world, "second", "collection", "", &[&rows, CREDIT]);
    world.pull(&["run", "second.toml"]).exits(4);
    assert_eq!(
        (world.bill().len(), world.out_of("second.csv")),
        (1, vec!["unknown/letter-unknown 0 0.00".to_owned()])
    );
}

#[test]
fn sole_traders_want_a_purpose_or_to_be_refused() {
    let world = World::new("");
    let trader = people(1)[0][2..].to_owned();
    world.write("in.csv", &format!("number\n{}\n{trader}\n", companies(1)[0]));
    let input = "[input]\npath = 'in.csv'\ncolumn = 'number'\n";
    world.write("job.toml", &format!("name = 'job'\n{input}{REPORT}{CSV}"));
    for command in ["plan", "run"] {
        world
            .orgpull(&[command, "job.toml"])
            .exits(3)
            .says("1 sole trader")
            .says("purpose = ")
            .says("sole_traders = \"reject\"");
    }
    assert_eq!((world.bill().len(), world.logins().len()), (0, 0));
    assert!(!world.path("out.csv").exists());
    for mended in [
        format!("name = 'job'\npurpose = 'a test'\n{input}{REPORT}{CSV}"),
        format!("name = 'job'\n{input}sole_traders = 'reject'\n{REPORT}{CSV}"),
    ] {
        world.write("job.toml", &mended);
        world.orgpull(&["plan", "job.toml"]).exits(0);
    }
    fs::remove_file(world.path("in.csv")).unwrap();
}
