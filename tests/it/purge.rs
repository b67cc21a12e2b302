//! What has been kept for as long as it may be goes, from ledger, log, ring and folder; and what was bought stays on the books.

use crate::books::{execute, query, query_of};
use crate::machine::{Process, until_held};
use crate::world::{CREDIT, CSV, Opened, REPORT, Ran, World, companies, numbers, partnerships};
use serde_json::{Value, json};
use sqlx::Row;
use std::fs;
use std::time::Duration;

/// Three companies and a bad row, bought once; what was bought lies so many milliseconds back afterwards.
fn bought() -> World {
    let world = World::new("");
    world.job("job", &[&numbers(&[companies(3), vec!["5560125791".to_owned()]].concat()), REPORT, CSV]);
    world.run(&[]).exits(0);
    world
}

/// Moves all that the ledger holds into the past by twenty days, twice as long as the jobs here keep it.
fn aged(world: &World) {
    for sql in [
        "UPDATE runs SET started_at = started_at - 1728000000, finished_at = finished_at - 1728000000",
        "UPDATE attempts SET started_at = started_at - 1728000000, settled_at = settled_at - 1728000000",
    ] {
        execute(world, sql);
    }
}

fn json_of(world: &World, command: &[&str]) -> Value {
    serde_json::from_str(&world.orgpull(command).exits(0).stdout).unwrap()
}

/// What the books say, which a purge must not change.
fn books(world: &World) -> [Value; 3] {
    ["spend", "status", "runs"].map(|command| match command {
        "status" => {
            let mut status = json_of(world, &["status", "job", "--json"]);
            status.as_object_mut().unwrap().remove("next");
            status
        }
        command => json_of(world, &[command, "--json"]),
    })
}

/// How many of the ledger's sealed values open: rows, answers, job texts.
fn opening(world: &World, file: &str) -> usize {
    let opened = Opened::of(&world.path(file));
    query_of(world, file, "SELECT attempt, body FROM answers")
        .iter()
        .filter(|row| opened.body(row.get(0), row.get(1)).is_some())
        .count()
}

/// A piece from the middle of each stored answer, as its bytes stand in the file.
fn pieces(world: &World) -> Vec<Vec<u8>> {
    let bodies = query(world, "SELECT body FROM answers");
    bodies.iter().map(|row| row.get::<&[u8], _>(0)[40..72].to_vec()).collect()
}

fn found(world: &World, pieces: &[Vec<u8>]) -> usize {
    let files = ["orgpull.db", "orgpull.db-wal"].map(|file| fs::read(world.path(file)).unwrap_or_default());
    let in_one = |piece: &Vec<u8>| files.iter().any(|file| file.windows(32).any(|window| window == piece));
    pieces.iter().filter(|piece| in_one(piece)).count()
}

#[test]
fn what_is_due_goes_and_the_books_stay() {
    let world = bought();
    world.orgpull(&["purge"]).exits(0).says("nothing is due");
    world.orgpull(&["backup", "backup.db"]).exits(0);
    world.orgpull(&["key", "backup", "ring.copy"]).exits(0);
    aged(&world);
    let (before, pieces) = (books(&world), pieces(&world));
    assert_eq!((found(&world, &pieces), opening(&world, "backup.db")), (3, 3));
    let dry = json_of(&world, &["purge", "--dry-run", "--json"]);
    assert_eq!((&dry["answers"], &dry["rows"], &dry["data_keys"]), (&json!(3), &json!(4), &json!(0)));
    assert_eq!((found(&world, &pieces), world.path("out.csv").exists()), (3, true), "nothing is changed");

    let purged = world.orgpull(&["purge"]).exits(0);
    assert!(purged.said().contains("purged: 3 answers; 4 rows of 1 run"), "{}", purged.said());
    assert!(purged.said().contains("1 data key is gone from the key ring"), "{}", purged.said());
    assert_eq!(found(&world, &pieces), 0, "free pages and the log hold nothing");
    assert!(!world.path("out.csv").exists() && !world.path("out.rejects.csv").exists());
    assert_eq!(books(&world), before);
    let left = "SELECT (SELECT count(*) FROM answers) + (SELECT count(*) FROM rows WHERE content IS NOT NULL) \
                + (SELECT count(*) FROM runs WHERE job_text IS NOT NULL)";
    assert_eq!(query(&world, left)[0].get::<i64, _>(0), 0);

    // The backup is from before, and opens no more; by a ring that was copied elsewhere it does.
    assert_eq!(opening(&world, "backup.db"), 0);
    let ring = world.read("orgpull.db.keyring");
    fs::copy(world.path("ring.copy"), world.path("backup.db.keyring")).unwrap();
    assert_eq!(opening(&world, "backup.db"), 3, "which is what `backup_retention` is about");
    fs::remove_file(world.path("backup.db.keyring")).unwrap();
    // Put back, it brings no key with it that was given up.
    world.orgpull(&["key", "restore", "ring.copy"]).exits(0);
    assert_eq!(world.read("orgpull.db.keyring"), ring);

    for command in [&["export", "job"][..], &["retry", "job"]] {
        world.orgpull(command).exits(3).says("was purged at");
    }
    world.orgpull(&["doctor"]).says("is whole");
    world.orgpull(&["purge"]).exits(0).says("nothing is due");
}

#[test]
fn what_was_purged_is_planned_to_be_bought_and_bought_again() {
    let world = bought();
    aged(&world);
    world.orgpull(&["purge", "--keep-outputs"]).exits(0);
    assert!(world.path("out.csv").exists());
    let plan = json_of(&world, &["plan", "job.toml", "--json"]);
    assert_eq!((&plan["to_buy"], &plan["purged"], &plan["fresh"]), (&json!(3), &json!(3), &json!(0)));
    world.orgpull(&["plan", "job.toml"]).exits(0).says("3 of it bought before and purged").says("for 10 d");
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.bill().len(), 6);
    // A second purge leaves the file that was kept, which is the newest run's by now.
    world.orgpull(&["purge"]).exits(0);
    assert!(world.path("out.csv").exists());
    // Not by its job's retention, but as who asks wants it, and of one job.
    let none = json_of(&world, &["purge", "--older-than", "1ms", "--job", "another", "--json"]);
    assert_eq!((&none["answers"], &none["rows"]), (&json!(0), &json!(0)));
    let all = json_of(&world, &["purge", "--older-than", "1ms", "--job", "job", "--json"]);
    assert_eq!((&all["answers"], &all["rows"]), (&json!(3), &json!(4)));
    assert!(!world.path("out.csv").exists());
}

#[test]
fn a_lost_letter_blocks_after_a_purge_too() {
    let world = World::new("[[fault]]\ndo = 'cut'\nnumber = '9899000005'\ntimes = 1\n");
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV]);
    world.run(&[]).exits(4);
    aged(&world);
    world.orgpull(&["purge"]).exits(0).says("1 row of 1 run");
    world.orgpull(&["run", "job.toml"]).exits(4);
    assert_eq!(world.out(), ["unknown/letter-unknown 0 0.00"]);
    assert_eq!(world.bill().len(), 1);
    let plan = json_of(&world, &["plan", "job.toml", "--json"]);
    assert_eq!((&plan["to_buy"], &plan["letters"]), (&json!(0), &json!(0)));
}

#[test]
fn a_file_that_somebody_changed_is_named_once_and_stays() {
    let world = bought();
    world.write("out.csv", &format!("{}\n", world.read("out.csv")));
    aged(&world);
    let purged = json_of(&world, &["purge", "--json"]);
    assert_eq!(purged["kept"][0]["why"], "it was changed since it was written");
    assert_eq!(purged["kept"][0]["path"], world.path("out.csv").display().to_string());
    assert!(world.path("out.csv").exists() && !world.path("out.rejects.csv").exists());
    let again = json_of(&world, &["purge", "--json"]);
    assert_eq!(again["kept"], json!([]));
}

/// What an export was told to write is a file of the run as well.
#[test]
fn a_file_of_an_export_goes_with_its_run() {
    let world = bought();
    world.orgpull(&["export", "job", "--format", "jsonl", "--output", "own/again.jsonl"]).exits(0);
    assert!(world.path("own/again.jsonl").exists());
    aged(&world);
    world.orgpull(&["purge"]).exits(0).says("again.jsonl");
    assert!(!world.path("own/again.jsonl").exists());
}

#[test]
fn an_unfinished_run_keeps_what_it_uses_and_is_closed_at_its_own_end() {
    let world = bought();
    // It takes over what the first run bought, and waits for one of its own.
    world.scenario("[[fault]]\ndo = 'hold'\n");
    world.job("other", &[&numbers(&companies(4)), REPORT, &CSV.replace("out.csv", "other.csv")]);
    let mut process = Process::start(&world, &["run", "other.toml"]);
    until_held(&world, 1);
    execute(&world, "UPDATE runs SET started_at = started_at - 1728000000 WHERE job = 'job'");
    execute(&world, "UPDATE attempts SET settled_at = settled_at - 1728000000 WHERE run = 1");
    let purged = json_of(&world, &["purge", "--json"]);
    assert_eq!((&purged["answers"], &purged["in_use"]), (&json!(0), &json!(3)), "{purged}");
    assert_eq!(purged["data_keys"], 0);
    // Past its own end it is left alone as long as somebody is at it.
    execute(&world, "UPDATE runs SET started_at = started_at - 1728000000 WHERE job = 'other'");
    let purged = json_of(&world, &["purge", "--json"]);
    assert_eq!((purged["under_way"].as_array().unwrap().len(), &purged["closed"]), (1, &json!([])));
    assert!(process.kill());
    world.orgpull(&["doctor"]).says("is closed and purged after");
    let purged = json_of(&world, &["purge", "--json"]);
    assert_eq!((purged["closed"].as_array().unwrap().len(), &purged["answers"]), (1, &json!(3)), "{purged}");
    let status = json_of(&world, &["status", "other", "--json"]);
    assert_eq!((&status["state"], &status["outcomes"]["unknown"]), (&json!("closed"), &json!(1)));
}

/// Killed at any instant it is gone on with, and comes to the same.
#[test]
fn a_purge_that_is_killed_is_gone_on_with() {
    let world = World::new("");
    let all = companies(900);
    world.job("job", &[&numbers(&all), REPORT, CSV]);
    world.run(&[]).exits(0);
    aged(&world);
    let before = books(&world);
    let mut killed = 0;
    for wait in (1..200).map(|step| Duration::from_millis(step * 6)) {
        let mut process = Process::start(&world, &["purge"]);
        std::thread::sleep(wait);
        if process.has_ended() {
            break;
        }
        process.kill();
        killed += 1;
    }
    assert!(killed > 2, "it was killed {killed} times");
    world.orgpull(&["purge"]).exits(0);
    assert_eq!(books(&world), before);
    let left = "SELECT (SELECT count(*) FROM answers) + (SELECT count(*) FROM rows WHERE content IS NOT NULL), \
                (SELECT count(*) FROM runs WHERE shredded_at IS NULL)";
    let left = &query(&world, left)[0];
    assert_eq!((left.get::<i64, _>(0), left.get::<i64, _>(1)), (0, 0));
    let ring: Value = serde_json::from_str(&world.read("orgpull.db.keyring")).unwrap();
    assert_eq!(ring["keys"].as_object().unwrap().len(), 1, "the key of what belongs to no run");
    assert!(!world.path("out.csv").exists());
}

/// Copies that are kept in step lose the key with the ring.
#[test]
fn copies_of_the_ring_lose_the_key_too() {
    let world = bought();
    let text = world.read("orgpull.toml");
    let keys = "[privacy]\nkeyring_copies = ['safe.keyring']\nbackup_retention = '35d'\n";
    world.write("orgpull.toml", &format!("{text}\n{keys}"));
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.read("safe.keyring"), world.read("orgpull.db.keyring"));
    aged(&world);
    let purged = json_of(&world, &["purge", "--json"]);
    assert_eq!(purged["data_keys"], 2);
    assert!(purged["backups_until"].is_string());
    assert_eq!(world.read("safe.keyring"), world.read("orgpull.db.keyring"));
    // One that could not be written then is mended by the next.
    world.write("safe.keyring", "");
    let Ran { .. } = world.orgpull(&["purge"]).exits(0);
    assert_eq!(world.read("safe.keyring"), world.read("orgpull.db.keyring"));
}

#[test]
fn the_daemon_purges_once_a_day() {
    let world = bought();
    aged(&world);
    fs::create_dir(world.path("jobs")).unwrap();
    let text = world.read("job.toml").replace("[input]", "[schedule]\ncron = '0 3 1 1 *'\n[input]");
    world.write("jobs/nightly.toml", &text.replace("name = 'job'", "name = 'nightly'"));
    let daemon = Process::start(&world, &["schedule", "jobs"]);
    daemon.says("purged: 3 answers");
    daemon.signal("TERM");
    daemon.ends().exits(0);
    aged(&world);
    world.orgpull(&["run", "job.toml"]).exits(0);
    aged(&world);
    let daemon = Process::start(&world, &["schedule", "jobs"]);
    daemon.says("serving 1 job");
    std::thread::sleep(Duration::from_millis(600));
    assert!(!daemon.said().contains("purged"), "a day has not passed");
    daemon.signal("TERM");
    daemon.ends().exits(0);
}
