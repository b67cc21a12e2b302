//! Letters of disclosure: refused unless the job says so, counted when they go out, and never sent twice by accident.

use super::world::{CREDIT, CSV, REPORT, World, companies, numbers, partnerships, people};

/// A company, which gets no letters, and a partnership, a person and a sole trader, who do.
fn four() -> [String; 4] {
    let [person, trader] = people(2).try_into().unwrap();
    [companies(1).remove(0), partnerships(1).remove(0), person, trader[2..].to_owned()]
}

#[test]
fn a_lookup_that_may_send_letters_is_refused_with_their_count() {
    let silent = CREDIT.replace("letters = true\n", "");
    let unlisted = silent.replace("'Credit'", "'Another'");
    let under = |kind: &str| numbers(&four()).replace("'any'", &format!("'{kind}'"));
    let (any, organisations) = (under("any"), under("organisation"));
    let companies = numbers(&companies(3));
    // The job, and how many letters would go out.
    let table: [([&str; 2], u64); 6] = [
        ([&any, &silent], 3),
        ([&any, &unlisted], 3),
        ([&any, REPORT], 0),
        // A person's number is a sole trader's there.
        ([&organisations, &silent], 3),
        ([&companies, &silent], 0),
        ([&companies, &unlisted], 0),
    ];
    for (parts, letters) in table {
        let world = World::new("");
        world.job("job", &[&parts.concat(), CSV]);
        let plan = world.orgpull(&["plan", "job.toml", "--json"]);
        assert!(plan.stdout.contains(&format!("\"letters\": {letters}")), "{}", plan.stdout);
        let ran = world.run(&[]);
        if letters == 0 {
            let ran = ran.exits(0);
            assert_eq!((ran.number("letters"), world.stats().letters), (0, 0));
            continue;
        }
        ran.exits(3)
            .says(&format!("letter of disclosure to {letters} of the subjects"))
            .says("letters = true");
        assert!(world.orgpull(&["check", "job.toml"]).exits(0).stderr.contains("letter of disclosure to"));
        assert_eq!((world.logins().len(), world.bill().len()), (0, 0), "nothing was sent");

        // Nothing is left of it, and the job that says so is a run of its own.
        assert!(world.orgpull(&["runs"]).exits(0).said().contains("no runs"));
        world.job("job", &[&parts.concat().replace("service", "letters = true\nservice"), CSV]);
        let ran = world.run(&[]).exits(0);
        // The simulator tells a credit block by its name.
        let sent = if parts[1].contains("Credit") { letters } else { 0 };
        assert_eq!((ran.number("letters"), world.stats().letters), (sent, sent));
    }
}

#[test]
fn a_continued_run_is_refused_too_where_the_job_no_longer_says_so() {
    let world = World::new("[[fault]]\ndo = 'error'\nstatus = 403\ncode = '7'\n");
    world.job("job", &[&numbers(&four()), CREDIT, CSV]);
    world.run(&[]).exits(3);
    world.scenario("");
    world.job("job", &[&numbers(&four()), &CREDIT.replace("letters = true\n", ""), CSV]);
    world.run(&[]).exits(3).says("letter of disclosure to 3 of the subjects");
    assert_eq!(world.stats().letters, 0);
    world.job("job", &[&numbers(&four()), CREDIT, CSV]);
    assert_eq!(world.run(&[]).exits(0).number("letters"), 3);
}

#[test]
fn letters_are_those_that_the_upstream_says_went_out() {
    // A reused answer, and a person who is blocked, send none.
    let world = World::new("[[fault]]\ndo = 'error'\nstatus = 200\ncode = 'S3'\nnumber = '198001019804'\n");
    let twice = [four().to_vec(), partnerships(1)].concat();
    world.job("job", &[&numbers(&twice), CREDIT, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("letters"), world.stats().letters, ran.number("calls")), (2, 2, 4));
    let again = world.run(&[]).exits(0);
    assert_eq!((again.number("letters"), again.number("reused"), world.stats().letters), (0, 5, 2));
}

#[test]
fn a_lost_letter_blocks_its_identity_until_the_user_says_otherwise() {
    let world = World::new("[[fault]]\ndo = 'cut'\nnumber = '9899000005'\ntimes = 1\n");
    let rows = numbers(&[partnerships(1), companies(1)].concat());
    world.job("job", &[&rows, CREDIT, CSV]);
    // Files of their own: one path always holds the newest run.
    world.job("another", &[&rows, CREDIT, "[[output]]\npath = 'another.csv'\n"]);
    world.run(&[]).exits(4);
    assert_eq!(world.out(), ["unknown/cut bought 1 14.50", "hit bought 1 14.50"]);

    // Neither the next run nor another job asks again; what is no letter is not held up by it.
    for job in ["job.toml", "another.toml"] {
        let ran = world.pull(&["run", job]).exits(4);
        assert_eq!((ran.outcome("unknown"), ran.outcome("hit"), ran.number("reused")), (1, 1, 1), "{job}");
        assert_eq!((ran.number("calls"), ran.text("spent_unknown")), (0, "0.00"));
    }
    assert_eq!(world.out(), ["unknown/letter-unknown 0 0.00", "hit reused 0 0.00"]);
    world.job("basic", &[&rows, REPORT, "[[output]]\npath = 'basic.csv'\n"]);
    world.pull(&["run", "basic.toml"]).exits(0);
    assert_eq!(world.bill().len(), 4);

    world.pull(&["retry", "job"]).exits(4);
    assert_eq!(world.orgpull(&["retry", "job", "--unknown"]).exits(2).stdout, "");
    assert_eq!(world.bill().len(), 4, "nobody has answered the question");
    let ran = world.pull(&["retry", "job", "--unknown", "--yes"]).exits(0);
    assert_eq!((ran.number("calls"), ran.number("letters"), world.stats().letters), (1, 1, 2));
    assert_eq!(world.out(), ["hit bought 1 14.50", "hit reused 0 0.00"]);

    // It is known now, and blocks nobody.
    let ran = world.pull(&["run", "another.toml"]).exits(0);
    assert_eq!((ran.number("calls"), ran.number("reused")), (0, 2));
}

#[test]
fn a_retry_that_is_refused_for_its_letters_leaves_a_run_to_continue() {
    let world = World::new("[[fault]]\ndo = 'status'\nstatus = 503\n");
    let once = "[run]\nattempts = 1\n";
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV, once]);
    let ran = world.run(&[]).exits(4);
    world.scenario("");
    world.job("job", &[&numbers(&partnerships(1)), &CREDIT.replace("letters = true\n", ""), CSV, once]);
    world.pull(&["retry", "job"]).exits(3).says("letter of disclosure to 1 of the subjects");
    assert_eq!(world.exported("job"), ["pending 1 0.00"]);
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV, once]);
    let mended = world.run(&[]).exits(0);
    assert_eq!((mended.text("run"), mended.number("letters")), (ran.text("run"), 1));
}

/// What somebody who knows nothing of letters is told, by every command that tells it, and what it may not lead them to.
#[test]
fn whoever_is_told_of_letters_is_told_first_how_none_go_out() {
    let silent = CREDIT.replace("letters = true\n", "");
    let unlisted = silent.replace("'Credit'", "'Another'");
    let job = format!("{}sole_traders = 'accept'\n", numbers(&four()).replace("'any'", "'organisation'"));
    let world = World::new("");
    for (lookup, where_it_stands) in [
        (&silent, "is listed in `letters` of"),
        (&unlisted, "stands in neither `letters` nor `no_letters` of"),
    ] {
        world.job("job", &[&job, lookup, CSV]);
        for (command, exit) in [("check", 0), ("plan", 3), ("run", 3)] {
            let told = world.orgpull(&[command, "job.toml"]).exits(exit).stderr;
            for said in [
                "1 partnership, 2 sole traders",
                "of creditsafe.getdata",
                where_it_stands,
                "sole_traders = \"reject\"",
            ] {
                assert!(told.contains(said), "{command}: {said}: {told}");
            }
            let line = "no_letters = [\"getdata:Basic\", \"getdata:Another\"]";
            let (line, last) = (told.find(line), told.find("letters = true").unwrap());
            assert_eq!(line.is_some(), lookup == &unlisted, "{command}: {told}");
            assert!(line.unwrap_or_default() < last, "{command}: {told}");
            assert!(told.find("sole_traders").unwrap() < last, "{command}: {told}");
        }
        assert!(world.bill().is_empty());
    }
    // The first way out, taken by its letter: nobody gets one, and the run goes.
    let world = world.account("no_letters = [\"getdata:Basic\", \"getdata:Another\"]");
    assert_eq!(world.orgpull(&["check", "job.toml"]).exits(0).stderr, "");
    assert_eq!(world.run(&[]).exits(0).number("letters"), 0);
    // The second: whoever is left gets none.
    let world = world.account("no_letters = []");
    world.job("job", &[&job.replace("accept", "reject"), &unlisted, CSV]);
    let told = world.orgpull(&["plan", "job.toml", "--buy-again"]).exits(3).stderr;
    assert!(told.contains("1 of the subjects (1 partnership)") && !told.contains("sole_traders"), "{told}");
}
