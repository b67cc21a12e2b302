//! What a person is told is true, is all there is to tell, and is told where it is of use.

use crate::books::query;
use crate::world::{CREDIT, CSV, REPORT, Ran, SIGNATORIES, World, companies, numbers, partnerships};
use serde_json::Value;
use sqlx::Row;
use std::fs;

/// Reports of those about whom the lookup before found nothing, which is nobody.
const NEVER: &str = "when = { lookup = 'signatories', outcome = ['no_hit'] }\n";

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn the_verdict_of_check_is_true() {
    let world = World::new("");
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    let by_row = CREDIT.replace("'Credit'", "'{block}'").replace("letters = true\n", "");
    world.job("job", &[input, &by_row, CSV]);
    let rows = |blocks: [&str; 3]| {
        let numbers = [partnerships(2), companies(1)].concat();
        let rows: Vec<String> =
            numbers.iter().zip(blocks).map(|(nr, block)| format!("{nr},{block}\n")).collect();
        world.write("in.csv", &format!("orgnr,block\n{}", rows.concat()));
        world.orgpull(&["check", "job.toml"]).exits(0)
    };
    let good = rows(["Basic", "Basic", "Credit"]);
    assert_eq!((last_line(&good.stdout), &*good.stderr), ("job.toml: job, no problems", ""));
    let warned = rows(["Basic", "Credit", "Credit"]);
    assert_eq!(last_line(&warned.stdout), "job.toml: job, 1 warning");
    let said =
        "letter of disclosure to 1 row of the input (1 partnership): block `Credit` of creditsafe.getdata";
    assert!(warned.stderr.contains(said) && !warned.stderr.contains("Basic`"), "{}", warned.stderr);
    // The run counts as it does.
    world.run(&[]).exits(3).says("to 1 of the subjects (1 partnership): block `Credit`");
    world.orgpull(&["check", "-q", "job.toml"]).exits(0);
    // Two files of one name are told once, and neither is without a warning.
    world.write("other.toml", &world.read("job.toml").replace("out.csv", "other.csv"));
    let both = rows_of_both(&world);
    assert!(both.stdout.lines().all(|line| line.ends_with(" warning")), "{}", both.stdout);
    fs::remove_file(world.path("other.toml")).unwrap();
    let exposed = world.path("password");
    fs::set_permissions(exposed, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let told = world.orgpull(&["check", "orgpull.toml", "job.toml"]).exits(3);
    let said = "orgpull.toml: configuration, 1 problem";
    assert!(told.stdout.starts_with(said), "{}", told.stdout);
    world.write("orgpull.toml", "databse = 'x'");
    let told = world.orgpull(&["check", "job.toml"]).exits(3);
    let own = "job.toml: job, no problems of its own, but the configuration has some";
    assert_eq!(last_line(&told.stdout), own, "{}", told.stderr);
}

/// Both jobs of a world, over rows that post no letters.
fn rows_of_both(world: &World) -> Ran {
    world.write("in.csv", &format!("orgnr,block\n{},Basic\n", partnerships(1)[0]));
    world.orgpull(&["check", "job.toml", "other.toml"]).exits(0)
}

#[test]
fn what_no_run_would_replace_is_refused_by_check_and_plan_too() {
    for output in ["pipe.csv", "folder.csv", "/dev/null", "late.csv"] {
        let world = World::new("");
        let csv = format!("{}format = 'csv'\n", CSV.replace("out.csv", output));
        world.job("job", &[&numbers(&companies(1)), REPORT, &csv]);
        let fifo = |name: &str| {
            assert!(std::process::Command::new("mkfifo").arg(world.path(name)).status().unwrap().success());
        };
        fifo("pipe.csv");
        fifo("late.rejects.csv");
        fs::create_dir(world.path("folder.csv")).unwrap();
        for (command, exit) in [("check", 3), ("plan", 7), ("run", 7)] {
            let told = world.orgpull(&[command, "job.toml"]).exits(exit).said();
            let why = ["is not an ordinary file", "is a folder"].iter().any(|why| told.contains(why));
            assert!(why, "{command} {output}: {told}");
        }
        assert_eq!(world.bill().len(), 0);
    }
}

#[test]
fn an_export_of_an_unfinished_run_says_so_and_nothing_of_it_is_in_the_file() {
    let world = World::new("[[fault]]\nafter = 3\ndo = 'error'\nstatus = 403\ncode = '7'\n");
    let changes = "[[output]]\npath = 'changes.csv'\nchanges = true\n";
    world.job("job", &[&numbers(&companies(4)), REPORT, SIGNATORIES, CSV, changes]);
    world.orgpull(&["run", "job.toml"]).exits(3);
    let pending = |ran: &Ran| {
        let told = ran.said();
        let line =
            "is not finished: 3 rows of it are still pending, with 5 lookups that nothing is known of yet";
        assert!(told.contains(line), "{told}");
        assert!(!ran.stdout.contains("not finished"), "{}", ran.stdout);
    };
    pending(&world.orgpull(&["export", "latest"]).exits(0));
    for shape in ["long", "wide"] {
        let flags = ["export", "latest", "--format", "csv", "--shape", shape, "--output", "-"];
        let told = world.orgpull(&flags).exits(0);
        assert!(told.stdout.contains("pending"), "{}", told.stdout);
        pending(&told);
    }
    assert_eq!(world.orgpull(&["-q", "export", "latest"]).exits(0).said(), "");
    world.scenario("");
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.orgpull(&["export", "latest"]).exits(0).stderr, "");
}

#[test]
fn nobody_is_told_to_type_what_they_have_typed() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV]);
    let run = world.run(&[]).exits(0).text("run").to_owned();
    for word in ["latest", "job", &run, &run[..6]] {
        let status = world.orgpull(&["status", word]).exits(0);
        assert!(!status.stdout.contains("Next:"), "{}", status.stdout);
    }
    world
        .orgpull(&["run", "job.toml", "--new"])
        .exits(0)
        .says("Next: to see the run in full: orgpull status");
    world.scenario("[[fault]]\ndo = 'cut'\n");
    world.orgpull(&["run", "job.toml", "--buy-again"]).exits(4);
    world.orgpull(&["status"]).exits(0).says("Next: to ask again what ended unknown (2)");
}

#[test]
fn a_price_that_nobody_knows_is_told_each_time() {
    let world = World::new("").account("prices = { getdata = '3.20' }");
    world.job("job", &[&numbers(&companies(2)), REPORT, SIGNATORIES, CSV]);
    let warning = "price unknown: creditsafe.getsignatory has no price";
    for command in ["plan", "run"] {
        world.orgpull(&[command, "job.toml"]).exits(0).says(warning);
    }
    for arguments in [&["plan", "job.toml"][..], &["run", "job.toml"], &["run", "job.toml", "--buy-again"]] {
        let told = world.orgpull(arguments).exits(0).said();
        assert_eq!(told.matches("has no price").count(), 1, "{arguments:?}: {told}");
    }
    let told = world.orgpull(&["retry", "job"]).exits(0).said();
    assert!(!told.contains("has no price"), "nothing is asked: {told}");
    assert_eq!(world.bill().len(), 8);
}

/// A price for one of a service's blocks says nothing of the others that a row may name.
#[test]
fn a_block_of_a_row_that_has_no_price_is_told_once_it_is_bought() {
    let world = World::new("").account("prices = { 'getdata:CompanyBasic' = '3.20' }");
    let blocks = ["CompanyBasic", "CompanyBasic", "OtherBlock", "ThirdBlock"];
    let rows: Vec<String> =
        companies(4).iter().zip(blocks).map(|(number, block)| format!("{number};{block}")).collect();
    world.write("in.csv", &format!("orgnr;block\n{}\n", rows.join("\n")));
    let by_row = "[[lookup]]\nid = 'report'\nservice = 'creditsafe.getdata'\nletters = true\nparams = { blockname = '{block}' }\n";
    world.job("job", &["[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n", by_row, CSV]);
    let told = world.orgpull(&["run", "job.toml"]).exits(0).said();
    assert_eq!(told.matches("has no price").count(), 1, "{told}");
}

#[test]
fn a_name_that_nothing_has_leads_to_the_one_that_was_meant() {
    let world = World::new("").provider("dnb", "");
    world.job("portfolio", &[&numbers(&companies(1)), REPORT, CSV]);
    world.orgpull(&["run", "portfolio.toml"]).exits(0);
    for (arguments, exit, meant) in [
        (&["login", "creditsave"][..], 2, "did you mean `creditsafe`?"),
        (&["login", "credit"], 2, "did you mean `creditsafe`?"),
        (&["login", "uc"], 2, "known here: `creditsafe`, `dnb`"),
        (&["reconcile", "x.csv", "--provider", "safe"], 2, "did you mean `creditsafe`?"),
        (&["status", "portfolo"], 2, "did you mean `portfolio`?"),
        (&["export", "port-folio"], 2, "did you mean `portfolio`?"),
        (&["catalogue", "getdata"], 2, "did you mean `creditsafe.getdata`?"),
        (&["catalogue", "credit"], 2, "did you mean `creditsafe`?"),
    ] {
        world.orgpull(arguments).exits(exit).says(meant);
    }
}

#[test]
fn secrets_that_are_missing_are_told_all_at_once() {
    let missing = "username = { env = 'ORGPULL_TEST_NO_USER' }\npassword = { file = 'no-password' }\n";
    let world =
        World::new("").account(missing).provider("dnb", "client_secret = { env = 'ORGPULL_TEST_NO_SECRET' }");
    let company = "[[lookup]]\nid = 'company'\nservice = 'dnb.company'\nparams = { segments = 'RISK' }\n";
    world.job("job", &[&numbers(&companies(1)), REPORT, company, CSV]);
    for command in ["plan", "run"] {
        let told = world.orgpull(&[command, "job.toml"]).exits(3);
        let told = told.says("the username of account `creditsafe` cannot be read: the environment variable ORGPULL_TEST_NO_USER");
        told.says("the password of account `creditsafe` cannot be read: the secret file")
            .says("the client_secret of account `dnb` cannot be read: the environment variable ORGPULL_TEST_NO_SECRET");
    }
    let told = world.orgpull(&["login"]).exits(3);
    told.says("creditsafe: the username of account").says("dnb: the client_secret of account");
}

#[test]
fn what_conditions_saved_is_not_nothing_where_nobody_knows_it() {
    for (prices, saved, said) in [
        ("getsignatory = '6.00'", "0.00", "what that saved is not known, since there is no price"),
        ("getsignatory = '6.00', getdata = '0'", "0.00", "their condition was not met"),
        ("getsignatory = '6.00', getdata = '3.20'", "6.40", "6.40 SEK saved"),
    ] {
        let world = World::new("").account(&format!("prices = {{ {prices} }}"));
        let report = REPORT.replace("id =", &format!("{NEVER}id ="));
        world.job("job", &[&numbers(&companies(2)), SIGNATORIES, &report, CSV]);
        let ran = world.run(&[]).exits(0);
        assert_eq!(
            (ran.number("saved_calls"), &ran.summary["saved_cost"]),
            (2, &Value::from(saved)),
            "{prices}"
        );
        let status = world.orgpull(&["status"]).exits(0).says(said);
        assert_eq!(status.stdout.contains("saved"), !prices.contains("'0'"), "{}", status.stdout);
        let runs: Value = serde_json::from_str(&world.orgpull(&["runs", "--json"]).exits(0).stdout).unwrap();
        let unpriced = if prices.contains("getdata") { 0 } else { 2 };
        assert_eq!((&runs[0]["saved_cost"], &runs[0]["saved_unpriced"]), (&saved.into(), &unpriced.into()));
    }
}

#[test]
fn how_long_a_call_was_under_way_is_kept_and_logged() {
    let world = World::new("delay = '40ms'\n[[fault]]\ndo = 'cut'\nevery = 2\n");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let logged = world.orgpull(&["-vv", "run", "job.toml"]).exits(4).said();
    let kept: Vec<Option<i64>> =
        query(&world, "SELECT took FROM attempts ORDER BY id").iter().map(|row| row.get("took")).collect();
    assert!(kept.len() == 3 && kept.iter().all(|took| took.is_some_and(|took| took >= 40)), "{kept:?}");
    for took in kept.into_iter().flatten() {
        assert!(logged.contains(&format!("took_ms={took}")), "{took}: {logged}");
    }
}

#[test]
fn what_never_left_took_no_time() {
    let world = World::new("").account("base_url = 'http://127.0.0.1:1'");
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV, "[run]\noutage_wait = '1s'\n"]);
    world.orgpull(&["run", "job.toml"]).exits(10);
    let kept = query(&world, "SELECT took, state FROM attempts");
    assert!(!kept.is_empty() && kept.iter().all(|row| row.get::<Option<i64>, _>("took").is_none()));
}
