//! Logins: how many, when, and what a refusal means for later runs.

use super::world::{CSV, REPORT, World, companies, numbers, side_by_side};

fn world(scenario: &str, rows: usize) -> World {
    let world = World::new(scenario);
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
    world
}

#[test]
fn one_token_serves_all_services() {
    let world = World::new("");
    let units = REPORT.replace("report", "units").replace("getdata", "getdataunits");
    let units = units.replace("params = { blockname = 'Basic' }\n", "");
    world.job("job", &[&numbers(&companies(3)), REPORT, super::world::SIGNATORIES, &units, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("logins"), world.logins().len(), world.bill().len()), (1, 1, 9));
}

#[test]
fn ten_workers_meeting_one_expired_token_log_in_once() {
    // Ten answers come back together, and the ten calls that take their places all carry the token that the first of
    // them expires; answers take longer than sending ten calls does.
    let world = world("delay = '500ms'\n[[fault]]\ndo = 'expire-token'\nafter = 10\ntimes = 1\n", 30);
    let world = world.account("concurrency = 10");
    let ran = world.run(&[]).exits(0);
    let refused = world.bill().iter().filter(|entry| entry.code.as_deref() == Some("R4")).count();
    assert!((5..=10).contains(&refused), "{refused}: all ten, unless the machine was very slow");
    assert_eq!((world.logins().len(), ran.number("logins")), (2, 2));
    assert_eq!((ran.outcome("hit"), ran.text("cost")), (30, "96.00"));
    assert_eq!(ran.number("calls"), 30 + refused as u64);
    assert_eq!(world.stats().billed, 30, "nothing is billed twice");
}

#[test]
fn a_token_is_renewed_by_age() {
    let world = world("delay = '400ms'\ntoken_life = '1h'\n", 6).account("refresh_after = '1s'");
    world.run(&[]).exits(0);
    assert!(world.logins().len() >= 2, "{:?}", world.logins());
    assert!(world.bill().iter().all(|entry| entry.status == Some(200)), "renewed before it is refused");
}

#[test]
fn a_refused_login_is_one_request_until_something_changes() {
    let world = world("[login]\nrefuse = true\n", 3).account("concurrency = 3");
    let ran = world.run(&[]).exits(5).says("the login was refused (status 401)").says("orgpull login");
    assert_eq!((ran.text("state"), ran.number("pending"), ran.number("logins")), ("stopped", 3, 1));
    assert_eq!((world.logins().len(), world.bill().len()), (1, 0));

    // The upstream has been mended meanwhile, and nobody has said so: these credentials are not tried again.
    world.scenario("");
    world.run(&[]).exits(5).says("these credentials were refused before");
    world.job("another", &[&numbers(&companies(1)), REPORT, CSV]);
    world.pull(&["run", "another.toml"]).exits(5);
    assert_eq!((world.logins().len(), world.bill().len()), (1, 0));

    let doctor = world.orgpull(&["doctor"]).exits(5);
    doctor.says("fault creditsafe credentials: the login refused them").says("`orgpull login creditsafe`");
    world.orgpull(&["login"]).exits(0).says("creditsafe: logged in");
    assert_eq!(world.logins().len(), 2);
    assert!(!world.orgpull(&["doctor"]).exits(0).stdout.contains("fault"));
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("logins")), (3, 2), "the same run goes on");
    assert_eq!(world.logins().len(), 3);
}

/// With several accounts, whoever reads it must know which one is meant.
#[test]
fn a_logins_message_names_its_account() {
    let dnb = "[[lookup]]\nid = 'dnb'\nservice = 'dnb.signing'\n";
    for (login, exit) in [("refuse = true", 5), ("status = 404", 10), ("status = 503", 10)] {
        let world = World::new(&format!("[login]\n{login}\n")).provider("dnb", "");
        world.job("job", &[&numbers(&companies(1)), dnb, CSV, "[run]\noutage_wait = '0s'\n"]);
        let ran = world.run(&[]).exits(exit);
        assert!(ran.text("reason").starts_with("dnb: "), "{login}: {}", ran.said());
        if exit == 5 {
            let again = world.run(&[]).exits(5);
            let known = "dnb: these credentials were refused before";
            assert!(again.text("reason").starts_with(known), "{}", again.said());
            again.says("`orgpull login dnb`");
        }
    }
}

#[test]
fn other_credentials_are_tried_without_being_asked() {
    let world = world("[login]\nrefuse = true\ntimes = 1\n", 2);
    world.run(&[]).exits(5);
    world.write("password", "another password");
    world.run(&[]).exits(0);
    assert_eq!(world.logins().len(), 2);
}

#[test]
fn login_refuses_too_and_remembers() {
    let world = world("[login]\nrefuse = true\n", 2);
    world.orgpull(&["login"]).exits(5).says("the login was refused");
    assert_eq!(world.logins().len(), 1);
    world.run(&[]).exits(5).says("these credentials were refused before");
    assert_eq!(world.logins().len(), 1);
}

#[test]
fn what_a_login_may_answer() {
    // Scenario of the login, exit, logins at least and at most, words.
    let table = [
        ("status = 400", 5, (1, 1), "the login was refused (status 400)"),
        ("status = 403", 10, (2, 3), "check token_url"),
        ("status = 404", 10, (2, 3), "check token_url"),
        ("token = 'none'", 10, (2, 3), "without a token"),
        ("status = 500", 10, (2, 3), "outage_wait"),
        ("status = 503", 10, (2, 3), "outage_wait"),
        ("status = 429\nretry_after = '1s'", 10, (2, 2), "the login asks us to slow down"),
    ];
    for (login, exit, (least, most), words) in table {
        let world = World::new(&format!("[login]\n{login}\n"));
        world.job("job", &[&numbers(&companies(2)), REPORT, CSV, "[run]\noutage_wait = '1s'\n"]);
        let ran = world.run(&[]).exits(exit).says(words);
        assert_eq!((ran.number("pending"), world.bill().len()), (2, 0), "{login}");
        assert!((least..=most).contains(&world.logins().len()), "{login}: {:?}", world.logins());
        assert_eq!(ran.number("logins"), world.logins().len() as u64, "{login}");

        // Whatever it was, the run goes on once it is mended.
        world.scenario("");
        let logged_in = (0..100).any(|_| {
            let tried = world.orgpull(&["login"]);
            // Told to wait, it waits, whoever asks.
            assert!(
                tried.exit == 0 || login.contains("429") && tried.exit == 10,
                "{login}: {}",
                tried.said()
            );
            tried.exit == 0
        });
        assert!(logged_in, "{login}");
        assert_eq!(world.run(&[]).exits(0).outcome("hit"), 2, "{login}");
    }
}

/// Whatever is not the provider's own refusal passes, and nothing of it is remembered.
#[test]
fn a_foreign_page_at_the_login_passes() {
    let cases = [
        ("do = 'html'\nstatus = 403", "status 403"),
        ("do = 'html'\nstatus = 403\nretry_after = '1s'", "status 403"),
        ("do = 'status'\nstatus = 403\nretry_after = '1s'", "status 403"),
        ("do = 'html'\nstatus = 401", "status 401"),
        ("do = 'html'\nstatus = 400", "status 400"),
        ("do = 'html'\nstatus = 404", "status 404"),
        ("do = 'html'", "without a token"),
        ("do = 'redirect'", "status 302"),
        ("do = 'body'\nstatus = 403\nbody = '{\"message\":\"Forbidden\"}'", "status 403"),
        ("do = 'body'\nstatus = 401\nbody = '{\"message\":\"Unauthorized\"}'", "status 401"),
        ("do = 'body'\nstatus = 400\nbody = '{\"error\":\"Bad Request\"}'", "status 400"),
        ("do = 'status'\nstatus = 502", "502"),
        ("do = 'cut'", "no token"),
    ];
    side_by_side(&cases, |(fault, words)| {
        let world = world(&format!("[[fault]]\nservice = 'login'\n{fault}\ntimes = 1\n"), 2);
        let ran = world.run(&[]).exits(0).says("is not answering").says(words);
        assert_eq!((ran.outcome("hit"), world.logins().len()), (2, 2), "{fault}");
        assert_eq!(world.stats().redirects_followed, 0, "{fault}");
    });
}

#[test]
fn a_login_that_fails_while_the_old_token_serves_disturbs_nobody() {
    for fault in ["do = 'html'\nstatus = 403", "do = 'status'\nstatus = 503", "do = 'html'"] {
        let fault = format!("[[fault]]\nservice = 'login'\n{fault}\nafter = 1\n");
        let world = world(&format!("delay = '400ms'\n{fault}"), 6).account("refresh_after = '1s'");
        let ran = world.run(&[]).exits(0).says("no token");
        assert!(!ran.said().contains("is not answering"), "{}", ran.said());
        assert_eq!(
            (ran.outcome("hit"), world.logins().len()),
            (6, 2),
            "a renewal that failed waits a minute"
        );
    }
}

#[test]
fn a_login_that_is_held_is_said() {
    let world = world("[login]\nstatus = 429\nretry_after = '86400s'\n", 2);
    let ran = world.run(&[]).exits(10).says("the login asks us to slow down (429): the next login in 24 h");
    assert!(ran.text("reason").contains("outage_wait"), "{}", ran.text("reason"));
    world.orgpull(&["status", "job"]).exits(0).says("held: creditsafe takes no login before");
    world.run(&[]).exits(10).says("was asked to wait (429 to the login): going on in");
    assert_eq!((world.logins().len(), world.bill().len()), (1, 0));
}

#[test]
fn a_login_that_asks_for_patience_gets_it() {
    let world = world("[login]\nstatus = 429\nretry_after = '1s'\ntimes = 1\n", 2);
    world.run(&[]).exits(0);
    let [first, second] = world.logins()[..] else { panic!("{:?}", world.logins()) };
    assert!(second.at.saturating_sub(first.at).as_millis() >= 1_000, "{:?}", world.logins());
}

#[test]
fn a_login_that_cannot_be_reached_is_an_outage() {
    // Nothing listens on port 1.
    let world = world("", 2).account("token_url = 'http://127.0.0.1:1/v1/authenticate'");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV, "[run]\noutage_wait = '1s'\n"]);
    let ran = world.run(&[]).exits(10);
    assert_eq!((ran.number("pending"), world.bill().len(), world.logins().len()), (2, 0, 0));
}

#[test]
fn logins_are_capped_over_restarts() {
    // Each run needs one login, and two are allowed in five minutes: the third run waits, and is sent home.
    let world = world("", 1).account("logins = 2");
    for turn in 1..=2 {
        world.run(&["--buy-again"]).exits(0);
        assert_eq!(world.logins().len(), turn);
    }
    let mut third = world.start(&["run", "job.toml", "--buy-again"]);
    third.until_says(r#""pause":"no more logins for now"#);
    assert_eq!(third.interrupted(), Some(130));
    assert_eq!((world.logins().len(), world.bill().len()), (2, 2));
}
