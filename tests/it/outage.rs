//! The upstream that goes away: for a while, and for good.

use super::world::{CSV, REPORT, World, companies, distinct, numbers};

fn world(scenario: &str, rows: usize, run: &str) -> World {
    let world = World::new(scenario);
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV, "[run]\n", run]);
    world
}

#[test]
fn gone_for_a_while() {
    // Attempts are few, and the outage takes more tries than that.
    let world = world("[[fault]]\ndo = 'gone'\nfor = '2500ms'\nafter = 3\ntimes = 1\n", 12, "attempts = 2\n");
    let ran = world.run(&["--progress", "plain"]).exits(0).says("is not answering");
    assert_eq!((ran.outcome("hit"), ran.text("cost"), ran.text("spent_unknown")), (12, "38.40", "0.00"));
    let bill = world.bill();
    assert_eq!(bill.len(), 12);
    assert!(distinct(bill.iter().map(|entry| &entry.number)), "nothing is billed twice");
    assert!(world.stats().health >= 1, "the free address is asked before a paid one");
}

#[test]
fn gone_for_good_and_continued_later() {
    let scenario = "[[fault]]\ndo = 'gone'\nfor = '6s'\nafter = 1\ntimes = 1\n";
    let world = world(scenario, 12, "attempts = 2\noutage_wait = '1s'\n");
    let ran = world.run(&[]).exits(10).says("Next: when the upstream answers again");
    assert_eq!((ran.text("state"), ran.number("pending"), ran.outcome("hit")), ("stopped", 10, 2));
    assert!(!world.path("out.csv").exists());

    // Still away: nothing is spent on it.
    world.run(&[]).exits(10);
    world.until_back();
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.text("cost")), (12, "38.40"));
    assert!(distinct(world.bill().iter().map(|entry| entry.number.clone())));
}

#[test]
fn five_time_outs_in_a_row_pause_the_account() {
    let world = world("[[fault]]\ndo = 'stall'\ntimes = 5\n", 8, "").account("timeout = '1s'");
    let ran = world.run(&[]).exits(4).says("is not answering");
    assert_eq!((ran.outcome("unknown"), ran.outcome("hit")), (5, 3));
    assert_eq!((ran.text("cost"), ran.text("spent_unknown"), ran.number("retries")), ("25.60", "16.00", 0));
    let bill = world.bill();
    assert_eq!((bill.len(), world.stats().health), (8, 1));
    let pause = bill[5].at.saturating_sub(bill[4].at);
    assert!(pause.as_millis() >= 1_900, "{pause:?}: the time-out and a second");

    // Parked for good: only an explicit word asks again, and what that costs is said first.
    let again = world.orgpull(&["retry", "job", "--unknown"]).exits(2);
    assert!(again.stderr.contains("16.00") && again.stderr.contains("--yes"), "{}", again.stderr);
    assert_eq!(world.pull(&["retry", "job"]).exits(4).number("calls"), 8);
    let ran = world.pull(&["retry", "job", "--unknown", "--yes"]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("calls"), ran.number("retries")), (8, 13, 5));
    assert_eq!((ran.text("cost"), ran.text("spent_unknown")), ("41.60", "16.00"));
    assert_eq!(world.out()[0], "hit bought 2 6.40");
}

#[test]
fn an_account_that_answers_503_to_everything_is_an_outage() {
    // Every fifth call gets through at first, then none does for a while.
    let world = world("[[fault]]\ndo = 'status'\nstatus = 503\ntimes = 6\n", 8, "attempts = 2\n");
    let ran = world.run(&[]).exits(0).says("is not answering");
    assert_eq!((ran.outcome("hit"), ran.text("cost"), world.stats().billed), (8, "25.60", 8));
}

/// Six calls are refused unprocessed, which is one more than makes an outage.
const SIX: &str = "[[fault]]\ndo = 'status'\nstatus = 503\ntimes = 6\n";

#[test]
fn whoever_answers_at_the_health_address_is_there() {
    for health in [
        "do = 'html'\nstatus = 404",
        "do = 'status'\nstatus = 401",
        "do = 'status'\nstatus = 403",
        "do = 'status'\nstatus = 405",
        "do = 'redirect'",
        "do = 'html'",
        "do = 'cut'",
    ] {
        let scenario = format!("{SIX}[[fault]]\nservice = 'health'\n{health}\n");
        let world = world(&scenario, 8, "attempts = 2\n");
        let ran = world.run(&[]).exits(0).says("is not answering");
        assert_eq!((ran.outcome("hit"), world.stats().billed), (8, 8), "{health}");
        assert_eq!(world.stats().redirects_followed, 0);
    }
}

#[test]
fn in_an_outage_the_time_that_the_upstream_names_is_waited_for() {
    let six = SIX.replace("times", "retry_after = '4s'\ntimes");
    for (scenario, calls) in [
        (six, (4, 5)),
        (
            format!(
                "{SIX}[[fault]]\nservice = 'health'\ndo = 'status'\nstatus = 503\nretry_after = '4s'\ntimes = 1\n"
            ),
            (4, 5),
        ),
    ] {
        let world = world(&scenario, 8, "");
        world.run(&[]).exits(0).says("is not answering");
        let bill = world.bill();
        let pause = bill[calls.1].at.saturating_sub(bill[calls.0].at);
        assert!(pause.as_millis() >= 3_900, "{pause:?}: {scenario}");
    }
}

#[test]
fn a_day_that_one_lookup_is_to_wait_is_told_and_not_sat_out() {
    for fault in ["do = 'status'\nstatus = 503", "do = 'html'\nstatus = 403"] {
        let scenario = format!("[[fault]]\n{fault}\nafter = 1\nretry_after = '86400s'\ntimes = 1\n");
        let world = world(&scenario, 4, "");
        let ran = world.run(&[]).exits(10).says("asks to come again in 24 h");
        assert_eq!((ran.outcome("hit"), ran.number("pending")), (3, 1), "the others go on");
        assert!(ran.text("reason").contains("longer than outage_wait allows"), "{}", ran.text("reason"));
        // It is not forbidden to look again.
        assert_eq!(world.run(&[]).exits(0).outcome("hit"), 4);
    }
}

#[test]
fn a_day_of_cool_down_is_told_and_not_sat_out() {
    let world = world("[[fault]]\ndo = 'status'\nstatus = 429\nafter = 1\nretry_after = '86400s'\n", 4, "");
    let ran = world.run(&[]).exits(10).says("answers 429");
    assert_eq!((ran.outcome("hit"), ran.number("pending")), (1, 3));
    assert!(ran.text("reason").contains("24 h (429)"), "{}", ran.text("reason"));
    world.orgpull(&["status", "job"]).exits(0).says("held: creditsafe asks for no call before");
    world.run(&[]).exits(10).says("was asked to wait (429): going on in");
    assert_eq!(world.bill().len(), 2, "nothing more was sent");
}

#[test]
fn an_upstream_that_names_a_time_within_outage_wait_is_waited_for() {
    let scenario = "[[fault]]\ndo = 'status'\nstatus = 503\nretry_after = '2s'\ntimes = 1\n";
    let world = world(scenario, 1, "outage_wait = '20s'\n");
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("calls")), (1, 2));
}
