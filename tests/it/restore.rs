//! A backup in the place of the ledger: what was bought since is known, or is known not to be.

use crate::books::{execute, query};
use crate::machine::{Process, until_held};
use crate::world::{CREDIT, CSV, REPORT, World, companies, numbers, partnerships};
use serde_json::{Value, json};
use sqlx::Row;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn json_of(world: &World, command: &[&str]) -> Value {
    serde_json::from_str(&world.orgpull(command).exits(0).stdout).unwrap()
}

fn count(world: &World, sql: &'static str) -> i64 {
    query(world, sql)[0].get(0)
}

/// A job over companies and one over partnerships, which get letters. The first has run, then a backup was made, then
/// everything was bought that there is.
fn backed_up() -> World {
    let world = World::new("").account("[budget.day]\nmax_calls = 100\n");
    world.job("job", &[&numbers(&companies(5)), REPORT, CSV]);
    world.job("letters", &[&numbers(&partnerships(4)), CREDIT, &CSV.replace("out.csv", "letters.csv")]);
    world.orgpull(&["run", "job.toml", "--limit", "2"]).exits(0);
    world.orgpull(&["backup", "backup.db"]).exits(0);
    world.orgpull(&["run", "job.toml"]).exits(0);
    world.orgpull(&["run", "letters.toml"]).exits(0);
    world
}

/// Of what nothing can be read.
fn spoilt(world: &World) {
    let path = world.path("orgpull.db");
    let bytes = fs::read(&path).unwrap();
    let mut spoilt = bytes.clone();
    spoilt[4096..].iter_mut().for_each(|byte| *byte = 0x5a);
    fs::write(&path, spoilt).unwrap();
}

#[test]
fn what_was_bought_since_is_carried_over_and_nothing_is_bought_or_posted_again() {
    let world = backed_up();
    let (spend, bill, letters) =
        (json_of(&world, &["spend", "--json"]), world.bill().len(), world.stats().letters);
    let restored = world.orgpull(&["restore", "backup.db"]).exits(0);
    assert!(restored.said().contains("carried over from it: 7 calls and 2 runs"), "{}", restored.said());
    assert!(!restored.said().contains("is not known"));
    assert_eq!(json_of(&world, &["spend", "--json"]), spend);
    assert_eq!(world.path("orgpull.db").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fs::read_dir(world.path("")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("orgpull.db.before-restore-")
    });
    assert_eq!(kept.count(), 1);
    for job in ["job.toml", "letters.toml"] {
        world.orgpull(&["run", job]).exits(0);
    }
    assert_eq!((world.bill().len(), world.stats().letters), (bill, letters), "nothing again");
    world.orgpull(&["export", "letters", "--format", "csv", "--output", "again.csv"]).exits(0);
    assert!(world.read("again.csv").contains("hit"));
    world.orgpull(&["doctor"]).says("is whole");
    assert!(world.path("backup.db").exists());
}

/// A run that was under way when the backup was made is where it is now, not where it was then.
#[test]
fn a_run_that_went_on_since_goes_on_from_where_it_is() {
    let world = World::new("[[fault]]\ndo = 'hold'\nafter = 2\n");
    world.job("job", &[&numbers(&companies(5)), REPORT, CSV]);
    let mut process = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    world.orgpull(&["backup", "backup.db"]).exits(0);
    assert!(process.kill());
    world.scenario("");
    world.orgpull(&["run", "job.toml"]).exits(4);
    let bill = world.bill().len();
    world.orgpull(&["restore", "backup.db"]).exits(0);
    world.orgpull(&["run", "job.toml", "--continue"]).exits(0);
    assert_eq!(world.bill().len(), bill);
}

#[test]
fn where_it_cannot_be_read_letters_and_budgets_wait_until_it_is_settled() {
    let world = backed_up();
    spoilt(&world);
    let restored = world.orgpull(&["restore", "backup.db"]).exits(0);
    assert!(
        restored.said().contains("is not known") && restored.said().contains("restore --settled"),
        "{}",
        restored.said()
    );
    let (bill, letters) = (world.bill().len(), world.stats().letters);
    for command in ["run", "plan"] {
        world.orgpull(&[command, "letters.toml"]).exits(3).says("`credit`").says("restore --settled");
    }
    world.orgpull(&["run", "job.toml"]).exits(8).says("is not known");
    assert_eq!((world.bill().len(), world.stats().letters), (bill, letters));
    world.orgpull(&["restore", "--settled"]).exits(0).says("counts as settled");
    world.orgpull(&["run", "letters.toml"]).exits(0);
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.stats().letters, letters + 4, "as whoever settled it has answered for");
    world.orgpull(&["restore", "--settled"]).exits(0).says("nothing to settle");
}

/// Put back by `cp`, with nothing told to us.
#[test]
fn a_ledger_that_was_put_back_by_other_means_is_found_out() {
    let world = backed_up();
    for file in ["orgpull.db-wal", "orgpull.db-shm"] {
        let _ = fs::remove_file(world.path(file));
    }
    fs::copy(world.path("backup.db"), world.path("orgpull.db")).unwrap();
    let letters = world.stats().letters;
    world.orgpull(&["run", "letters.toml"]).exits(3).says("was put back").says("`credit`");
    world.orgpull(&["run", "job.toml"]).exits(8);
    assert_eq!(world.stats().letters, letters);
    // The present one, which is the old one, knows no more; the settled one does.
    world.orgpull(&["restore", "--settled"]).exits(0);
    world.orgpull(&["run", "job.toml"]).exits(0);
    // One that is whole is not suspected.
    world.orgpull(&["run", "letters.toml"]).exits(0);
    world.orgpull(&["run", "letters.toml"]).exits(0);
}

#[test]
fn a_ledger_that_is_gone_is_found_out_by_its_ring() {
    let world = backed_up();
    for file in ["orgpull.db", "orgpull.db-wal", "orgpull.db-shm"] {
        let _ = fs::remove_file(world.path(file));
    }
    world.orgpull(&["run", "letters.toml"]).exits(3).says("was put back");
    world.orgpull(&["restore", "backup.db"]).exits(0).says("is not known");
    world.orgpull(&["run", "letters.toml"]).exits(3);
}

/// The ring was copied with the backup, and the machine is gone.
#[test]
fn on_a_bare_machine_nothing_is_known_since_the_ring_was_copied() {
    let world = backed_up();
    world.orgpull(&["key", "backup", "ring.copy"]).exits(0);
    let bare = World::new("");
    for (from, to) in [("backup.db", "backup.db"), ("ring.copy", "ring.copy"), ("orgpull.key", "orgpull.key")]
    {
        fs::copy(world.path(from), bare.path(to)).unwrap();
    }
    let lost = bare.orgpull(&["restore", "backup.db"]).exits(6);
    assert!(
        lost.said().contains("orgpull.db.keyring") && !bare.path("orgpull.db").exists(),
        "{}",
        lost.said()
    );
    bare.orgpull(&["key", "restore", "ring.copy"]).exits(0);
    bare.orgpull(&["restore", "backup.db"]).exits(0).says("is not known");
    bare.orgpull(&["export", "job", "--format", "csv", "--output", "out.csv"]).exits(0);
    assert!(bare.read("out.csv").contains("hit"));
    bare.job("letters", &[&numbers(&partnerships(4)), CREDIT, CSV]);
    bare.orgpull(&["run", "letters.toml"]).exits(3);
}

#[test]
fn what_was_purged_or_forgotten_since_stays_so() {
    let world = World::new("");
    for job in ["one", "two"] {
        world.job(job, &[&numbers(&companies(3)), REPORT, &CSV.replace("out.csv", &format!("{job}.csv"))]);
        world.orgpull(&["run", &format!("{job}.toml"), "--buy-again"]).exits(0);
    }
    world.orgpull(&["backup", "backup.db"]).exits(0);
    world.orgpull(&["purge", "--older-than", "1ms", "--job", "one"]).exits(0);
    let mut process = Process::fed(&world, &["forget", "--yes"]);
    drop(process.feed(&format!("{}\n", companies(3)[1])));
    process.ends().exits(0);
    for readable in [true, false] {
        if !readable {
            spoilt(&world);
        }
        let restored = world.orgpull(&["restore", "backup.db"]).exits(0);
        if !readable {
            assert!(restored.said().contains("forgotten since"), "{}", restored.said());
            assert!(restored.said().contains("purged since"), "{}", restored.said());
        }
        let rows = "SELECT count(*) FROM rows WHERE content IS NOT NULL";
        assert_eq!(
            (count(&world, rows), count(&world, "SELECT count(*) FROM answers")),
            (2, 2),
            "{readable}"
        );
        let mut process = Process::fed(&world, &["access", "--json"]);
        drop(process.feed(&format!("{}\n", companies(3)[1])));
        let held: Value = serde_json::from_str(&process.ends().exits(0).stdout).unwrap();
        assert_eq!(held["rows"], json!([]), "{readable}");
        world.orgpull(&["doctor"]).says("is whole");
    }
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_is_touched() {
    let world = backed_up();
    let before = query(&world, "SELECT count(*) FROM attempts")[0].get::<i64, _>(0);
    world.write("text.db", "not a ledger");
    fs::copy(world.path("backup.db"), world.path("newer.db")).unwrap();
    crate::books::execute_on(
        &world,
        "newer.db",
        "INSERT INTO _sqlx_migrations SELECT 9999, 'x', installed_on, true, x'00', 1 FROM _sqlx_migrations LIMIT 1",
    );
    let other = World::new("");
    other.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    other.run(&[]).exits(0);
    other.orgpull(&["backup", "foreign.db"]).exits(0);
    fs::copy(other.path("foreign.db"), world.path("foreign.db")).unwrap();
    for (file, exit, says) in [
        ("text.db", 6, "is not a ledger"),
        ("nowhere.db", 6, "no ledger at"),
        ("newer.db", 6, "newer version"),
        ("foreign.db", 6, "another ledger's"),
        ("orgpull.db", 2, "is the ledger itself"),
    ] {
        world.orgpull(&["restore", file]).exits(exit).says(says);
        assert_eq!(query(&world, "SELECT count(*) FROM attempts")[0].get::<i64, _>(0), before, "{file}");
    }
    world.orgpull(&["restore"]).exits(2);
    // Under a process that has it open.
    world.scenario("[[fault]]\ndo = 'hold'\n");
    world.job("more", &[&numbers(&companies(9)), REPORT, &CSV.replace("out.csv", "more.csv")]);
    let mut process = Process::start(&world, &["run", "more.toml"]);
    until_held(&world, 1);
    world.orgpull(&["restore", "backup.db"]).exits(6).says("have the ledger").says("nothing was changed");
    assert!(process.kill());
    execute(&world, "PRAGMA integrity_check");
    let left = fs::read_dir(world.path("")).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(left.count(), 0);
}

/// Killed at any instant, the old one or the new one is there, and in both everything is known.
#[test]
fn a_restore_that_is_killed_loses_nothing() {
    let world = backed_up();
    let (bill, letters) = (world.bill().len(), world.stats().letters);
    for wait in [1, 4, 8, 12, 16, 20, 25, 30, 40, 60, 90] {
        let mut process = Process::start(&world, &["restore", "backup.db"]);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        process.kill();
        // A second name of the ledger is told, and is removed by hand as it says.
        let told = world.orgpull(&["status", "latest"]);
        if told.exit != 0 {
            assert!(told.said().contains("several names"), "{}", told.said());
            for entry in fs::read_dir(world.path("")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.contains("before-restore") {
                    fs::remove_file(world.path(&name)).unwrap();
                }
            }
        }
        for job in ["job.toml", "letters.toml"] {
            world.orgpull(&["run", job]).exits(0);
        }
        assert_eq!((world.bill().len(), world.stats().letters), (bill, letters), "killed after {wait} ms");
    }
}
