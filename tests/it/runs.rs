//! Runs: continued, closed, limited, and what a job file may change between two starts.

use super::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers};

/// Getdata refuses its second call for want of access, so that a run stops with the rest pending.
const STOPS: &str = "[[fault]]\nservice = 'getdata'\ndo = 'error'\nstatus = 403\ncode = '7'\nafter = 1\n";

/// A run of three rows that stopped after the first.
fn stopped() -> World {
    let world = World::new(STOPS);
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let ran = world.run(&[]).exits(3);
    assert_eq!((ran.text("state"), ran.number("pending")), ("stopped", 2));
    world.scenario("");
    world
}

/// The ids of all runs, newest first, each with its state.
fn runs(world: &World) -> Vec<(String, String)> {
    let listed = world.orgpull(&["runs", "--json"]).exits(0).stdout;
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    let text = |run: &serde_json::Value, key: &str| run[key].as_str().unwrap().to_owned();
    listed.iter().map(|run| (text(run, "run"), text(run, "state"))).collect()
}

fn states(world: &World) -> Vec<String> {
    runs(world).into_iter().map(|(_, state)| state).collect()
}

#[test]
fn a_mended_job_file_continues_the_same_run_and_other_services_never_stopped() {
    let world = World::new("blocks = ['Basic']\n");
    let rows = numbers(&companies(3));
    world.job("job", &[&rows, &REPORT.replace("Basic", "Bsaic"), SIGNATORIES, CSV]);
    let ran = world.run(&[]).exits(3).says("the block is not on the account").says("Next: mend");
    assert_eq!((ran.outcome("hit"), ran.number("pending"), ran.text("cost")), (3, 3, "18.00"));
    let signatories = world.exported("job").iter().filter(|row| *row == "hit bought 1 6.00").count();
    assert_eq!(signatories, 3, "the other service goes on");

    world.job("job", &[&rows, REPORT, SIGNATORIES, CSV]);
    let mended = world.run(&[]).exits(0);
    assert_eq!(mended.text("run"), ran.text("run"));
    assert_eq!((mended.outcome("hit"), mended.number("calls"), mended.text("cost")), (6, 7, "27.60"));
    assert_eq!(world.out()[0], "hit bought 2 3.20");
    assert_eq!(states(&world), ["finished"]);
}

#[test]
fn continuing_buys_nothing_twice() {
    let world = stopped();
    let ran = world.run(&["--continue"]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("calls"), world.stats().billed), (3, 4, 3));
    assert_eq!(world.out(), ["hit bought 1 3.20", "hit bought 2 3.20", "hit bought 1 3.20"]);
    let nothing = world.run(&["--continue"]).exits(0).says("nothing of job is unfinished");
    assert!(nothing.summary.is_null());
    assert_eq!((world.bill().len(), states(&world)), (4, vec!["finished".to_owned()]));
}

#[test]
fn a_new_run_closes_the_old_one() {
    let world = stopped();
    let ran = world.run(&["--new"]).exits(0);
    assert_eq!((ran.number("reused"), ran.number("bought")), (1, 2));
    assert_eq!(states(&world), ["finished", "closed"]);
    let old = runs(&world).remove(1).0;
    assert_eq!(world.exported(&old), ["hit bought 1 3.20", "pending 1 0.00", "pending 0 0.00"]);
}

#[test]
fn a_job_may_ask_for_a_restart() {
    let world = stopped();
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[run]\nunfinished = 'restart'\n"]);
    world.run(&[]).exits(0);
    assert_eq!(states(&world), ["finished", "closed"]);
}

#[test]
fn a_restart_that_is_asked_only_to_continue_continues() {
    let world = stopped();
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[run]\nunfinished = 'restart'\n"]);
    world.run(&["--continue"]).exits(0);
    assert_eq!(states(&world), ["finished"]);
}

#[test]
fn a_limited_run_is_one_of_its_own() {
    let world = stopped();
    let ran = world.run(&["--limit", "2"]).exits(0);
    assert_eq!((ran.number("rows"), ran.number("lookups"), ran.number("reused")), (2, 2, 1));
    assert_eq!(world.out_of("out-first-2.csv"), ["hit reused 0 0.00", "hit bought 1 3.20"]);
    assert_eq!(states(&world), ["finished", "stopped"], "the whole run waits to be continued");
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("rows"), ran.outcome("hit"), world.stats().billed), (3, 3, 3));
    assert_eq!(states(&world), ["finished", "finished"]);
}

#[test]
fn what_a_continued_run_may_not_differ_in_is_refused_and_new_is_named() {
    let other_rows = numbers(&companies(2));
    let rows = numbers(&companies(3));
    let other_id = REPORT.replace("'report'", "'basic'");
    let one_more = [REPORT, SIGNATORIES].concat();
    for (rows, lookups) in
        [(&other_rows, REPORT), (&rows, &other_id), (&rows, SIGNATORIES), (&rows, &one_more)]
    {
        let world = stopped();
        world.job("job", &[rows, lookups, CSV]);
        world.run(&[]).exits(3).says("--new");
        assert_eq!((world.bill().len(), states(&world)), (2, vec!["stopped".to_owned()]));
        world.run(&["--new"]).exits(0);
        assert_eq!(states(&world), ["finished", "closed"]);
    }
}

#[test]
fn a_run_is_not_continued_in_another_environment() {
    let world = stopped().moved();
    world.run(&[]).exits(3).says("belongs to environment").says("--new");
    assert!(world.bill().is_empty() && world.logins().is_empty());
    assert_eq!(world.run(&["--new"]).exits(0).number("bought"), 3);
}

#[test]
fn a_changed_input_file_is_a_warning() {
    let world = World::new(STOPS);
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    world.write("in.csv", &format!("orgnr\n{}\n", companies(3).join("\n")));
    world.job("job", &[input, REPORT, CSV]);
    world.run(&[]).exits(3);
    world.scenario("");
    for change in [Some(format!("orgnr\n{}\n", companies(9).join("\n"))), None] {
        match change {
            Some(text) => world.write("in.csv", &text),
            None => std::fs::remove_file(world.path("in.csv")).unwrap(),
        }
        world.scenario(&STOPS.replace("after = 1\n", ""));
        world.run(&[]).exits(3).says("is not the file that run");
    }
    world.scenario("");
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("rows"), ran.outcome("hit")), (3, 3), "its own copy");
}

#[test]
fn a_continued_run_follows_the_job_file_in_all_else() {
    let world = stopped();
    let outputs = "[[output]]\npath = 'out.csv'\n[[output]]\npath = 'out.json'\n";
    world.job("job", &[&numbers(&companies(3)), &REPORT.replace("Basic", "Financial"), outputs]);
    world.run(&[]).exits(0);
    let blocks: Vec<_> = world.bill().into_iter().filter_map(|entry| entry.block).collect();
    assert_eq!(blocks, ["Basic", "Basic", "Financial", "Financial"]);
    assert!(world.path("out.json").exists());
}

#[test]
fn a_run_of_another_input_is_continued_with_it_or_without_a_word() {
    for again in [vec![], vec!["--input", "other.csv"]] {
        let world = World::new(STOPS);
        world.job("job", &["[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n", REPORT, CSV]);
        world.write("in.csv", "orgnr\n599900-0069\n");
        world.write("other.csv", &format!("orgnr\n{}\n", companies(3).join("\n")));
        world.run(&["--input", "other.csv"]).exits(3).says("go on: orgpull run job.toml");
        world.scenario("");
        world.run(&["--input", "in.csv"]).exits(3).says("--new");
        let ran = world.run(&again).exits(0);
        assert_eq!((ran.outcome("hit"), ran.number("calls")), (3, 4));
        assert_eq!(world.run(&[]).exits(0).number("rows"), 1, "the next run reads the job's own");
    }
}

#[test]
fn status_tells_what_the_summary_told() {
    let world = stopped();
    for exit in [0, 0] {
        let ran = world.run(&[]).exits(exit);
        let told = world.orgpull(&["status", "job", "--json"]).exits(0).stdout;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap(), ran.summary);
        let by_id = world.orgpull(&["status", &ran.text("run")[..6], "--json"]).exits(0).stdout;
        assert_eq!(by_id, told);
        assert_eq!(ran.text("environment"), world.attempts()[0].environment);
    }
}
