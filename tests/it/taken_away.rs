//! The ledger's files removed, renamed or replaced under a living process: nothing more is sent, what is in flight is heard,
//! and everything is in a rescued ledger that can be put back as the manual says.

use crate::books::Books;
use crate::machine::{BINARY, Ended, PROMPT, Process, both, busy, output, release, until_held};
use crate::manual::commands;
use crate::world::{World, companies};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const RUN: [&str; 2] = ["run", "job.toml"];

/// What is done, as a person would type it in the ledger's folder.
const TAKEN: [(&str, &str); 8] = [
    ("removed", "rm orgpull.db*"),
    ("removed alone", "rm orgpull.db"),
    ("renamed", "mv orgpull.db kept.db"),
    ("moved with all that is beside it", "mkdir aside; mv orgpull.db* aside"),
    ("a backup renamed over it", "mv backup.db orgpull.db"),
    ("its log removed", "rm orgpull.db-wal"),
    ("its index removed", "rm orgpull.db-shm"),
    ("both, as if they were scratch", "rm orgpull.db-wal orgpull.db-shm"),
];

fn shell(world: &World, script: &str) {
    let folder = Path::new(BINARY).parent().unwrap().display();
    let script = format!("PATH={folder}:$PATH\n{script}");
    let done = Command::new("sh").args(["-euc", &script]).current_dir(world.path("")).status().unwrap();
    assert!(done.success(), "{script}");
}

/// The rescued ledgers, in order.
fn rescued(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().path());
    let day = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.strip_prefix("orgpull.db.rescued-").is_some_and(|day| !day.contains(char::is_alphabetic))
    };
    let mut found: Vec<PathBuf> = entries.filter(|path| day(path)).collect();
    found.sort();
    found
}

/// Eight of twenty questions are asked and their answers withheld; there is a backup from before.
fn eight_in_flight() -> (World, Process) {
    let world = busy("");
    both(&world, "before", &companies(1));
    world.orgpull(&["run", "before.toml"]).exits(0);
    world.orgpull(&["backup", "backup.db"]).exits(0);
    both(&world, "job", &companies(11)[1..]);
    world.scenario("[[fault]]\ndo = 'hold'\ntimes = 8");
    let process = Process::start(&world, &RUN);
    until_held(&world, 8);
    (world, process)
}

/// Puts the newest rescued ledger back, by the manual.
fn put_back(world: &World) {
    let newest = rescued(world).pop().unwrap();
    let name = newest.file_name().unwrap().to_str().unwrap();
    shell(
        world,
        &commands("docs/operations.md", "### Put a rescued ledger back")
            .replace("orgpull.db.rescued-2026-11-22", name),
    );
}

/// The same, and runs the job to its end.
fn goes_on(world: &World) {
    put_back(world);
    Process::start(world, &RUN).ends().exits(0);
    let books = Books::of(world);
    books.nothing_twice().agree();
    assert_eq!((books.count("unknown"), world.stats().arrivals), (0, 22));
    assert_eq!(world.rows(&output("job")).len(), 20);
}

#[test]
fn nothing_more_is_sent_and_what_was_in_flight_is_rescued() {
    for (what, script) in TAKEN {
        println!("{what}");
        let (world, process) = eight_in_flight();
        shell(&world, script);
        process.says("is no longer the file that this process has open");
        process.says("8 in flight are waited for");
        release(&world);
        let Ended { stderr, .. } = process.ends().exits(6);
        assert_eq!(world.stats().arrivals, 10, "{what}: nothing was sent afterwards");
        let found = rescued(&world);
        assert_eq!(found.len(), 1, "{what}");
        assert!(
            stderr.contains(&found[0].display().to_string()) && stderr.contains("put the ledger back"),
            "{stderr}"
        );
        assert_eq!(found[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let name = found[0].file_name().unwrap().to_str().unwrap();
        let status = world.orgpull(&["--database", name, "status", "job", "--json"]).exits(0).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        assert_eq!(
            (&status["calls"], &status["pending"], &status["exit"]),
            (&8.into(), &12.into(), &6.into()),
            "{what}"
        );
        assert_eq!(status["outcomes"]["unknown"], 0, "{what}");
        goes_on(&world);
    }
}

/// As cron and systemd do it: the next start must not buy everything into an empty ledger, or into an older one.
#[test]
fn the_next_start_waits_for_the_rescued_ledger() {
    for script in ["rm orgpull.db*", "mv backup.db orgpull.db"] {
        let (world, process) = eight_in_flight();
        shell(&world, script);
        process.says("8 in flight are waited for");
        release(&world);
        process.ends().exits(6);
        let there = world.path("orgpull.db").exists();
        for command in
            [&RUN[..], &["retry", "before"], &["schedule", "."], &["plan", "job.toml"], &["doctor"]]
        {
            let refused = world.orgpull(command).exits(6);
            assert!(
                refused.said().contains("does not know") && refused.said().contains("ut it back"),
                "{}",
                refused.said()
            );
        }
        assert_eq!(world.path("orgpull.db").exists(), there, "no empty one was made");
        assert_eq!(world.stats().arrivals, 10);
        goes_on(&world);
        // A copy that was left where it is knows of nothing that the ledger does not.
        world.orgpull(&["backup", "copy.db"]).exits(0);
        fs::rename(world.path("copy.db"), world.path("orgpull.db.rescued-2026-11-22-9")).unwrap();
        world.orgpull(&RUN).exits(0);
    }
}

#[test]
fn who_moves_the_rescued_ledger_away_begins_anew() {
    let (world, process) = eight_in_flight();
    shell(&world, "rm orgpull.db*");
    process.says("8 in flight are waited for");
    release(&world);
    process.ends().exits(6);
    shell(&world, "mkdir elsewhere; mv orgpull.db.rescued-* elsewhere");
    world.orgpull(&RUN).exits(0);
}

/// At full speed: whatever was sent is answered and rescued, to the last call.
#[test]
fn a_busy_run_loses_no_call() {
    for script in ["rm orgpull.db*", "mv backup.db orgpull.db"] {
        let world = busy("");
        both(&world, "before", &companies(1));
        world.orgpull(&["run", "before.toml"]).exits(0);
        world.orgpull(&["backup", "backup.db"]).exits(0);
        both(&world, "job", &companies(60)[1..].iter().chain(&people_of(200)).cloned().collect::<Vec<_>>());
        world.scenario("delay = '1ms..4ms'");
        let mut process = Process::start(&world, &RUN);
        assert!(process.alive_until(|| world.stats().arrivals > 60), "{}", process.said());
        shell(&world, script);
        process.ends().exits(6);
        assert!(world.stats().arrivals < 400, "it was told too late");
        put_back(&world);
        Books::of(&world).nothing_twice().agree();
        Process::start(&world, &RUN).ends().exits(0);
        Books::of(&world).nothing_twice().agree();
    }
}

/// Companies beyond those that the simulator knows.
fn people_of(count: usize) -> Vec<String> {
    companies(60 + count).split_off(60)
}

#[test]
fn two_processes_rescue_each_what_both_have() {
    let (world, process) = eight_in_flight();
    both(&world, "other", &companies(20)[11..]);
    world.scenario("[[fault]]\ndo = 'hold'");
    let other = Process::start(&world, &["run", "other.toml"]);
    until_held(&world, 16);
    shell(&world, "rm orgpull.db*");
    for process in [&process, &other] {
        process.says("8 in flight are waited for");
    }
    world.scenario("");
    release(&world);
    process.ends().exits(6);
    other.ends().exits(6);
    assert_eq!(rescued(&world).len(), 2);
    put_back(&world);
    for job in ["job", "other"] {
        Process::start(&world, &["run", &format!("{job}.toml")]).ends().exits(0);
    }
    Books::of(&world).nothing_twice().agree();
}

#[test]
fn a_second_signal_ends_the_wait_and_what_was_in_flight_is_unknown_in_what_is_rescued() {
    let (world, process) = eight_in_flight();
    shell(&world, "rm orgpull.db*");
    process.says("8 in flight are waited for");
    process.signal("TERM");
    process.signal("TERM");
    process.says("is in ");
    process.ends_within(PROMPT).exits(6);
    put_back(&world);
    assert_eq!(Books::of(&world).agree().count("unknown"), 8);
}

#[test]
fn a_folder_that_is_gone_is_made_again_for_it() {
    for script in ["rm -r books", "mv books elsewhere"] {
        let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
        fs::create_dir(world.path("books")).unwrap();
        both(&world, "job", &companies(10));
        let process = Process::start(&world, &["--database", "books/orgpull.db", "run", "job.toml"]);
        until_held(&world, 8);
        shell(&world, script);
        process.says("8 in flight are waited for");
        release(&world);
        process.ends().exits(6);
        assert_eq!(world.path("books").metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let names: Vec<_> =
            fs::read_dir(world.path("books")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let rescued = |name: &&OsString| name.to_string_lossy().starts_with("orgpull.db.rescued-");
        assert_eq!(names.iter().filter(rescued).count(), 1, "{names:?}");
        // What it opens with is there too: it had gone the same way.
        shell(
            &world,
            "mv books/orgpull.db.rescued-* orgpull.db; mv books/orgpull.key books/orgpull.db.keyring .; rm -rf books",
        );
        Process::start(&world, &RUN).ends().exits(0);
        Books::of(&world).nothing_twice().agree();
    }
}

#[test]
fn a_retry_notices_too_and_a_link_that_is_led_elsewhere() {
    let world = busy("");
    fs::create_dir(world.path("books")).unwrap();
    shell(&world, "ln -s books/one.db orgpull.db; touch books/one.db; chmod 600 books/one.db");
    both(&world, "job", &companies(10));
    world.scenario("[[fault]]\ndo = 'stall'\ntimes = 8");
    let world = world.account("timeout = '500ms'");
    Process::start(&world, &RUN).ends().exits(4);
    let world = world.account("timeout = '30s'");
    world.scenario("[[fault]]\ndo = 'hold'");
    let process = Process::start(&world, &["retry", "job", "--unknown", "--yes"]);
    until_held(&world, 8);
    shell(&world, "touch books/two.db; ln -sfn books/two.db orgpull.db");
    process.says("orgpull.db is another file now");
    world.scenario("");
    release(&world);
    process.ends().exits(6);
    let found = fs::read_dir(world.path("books")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(found.filter(|name| name.to_string_lossy().starts_with("one.db.rescued-")).count(), 1);
}

#[test]
fn the_daemon_ends_with_what_it_has_rescued() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    let job = world.read("job.toml");
    world.write("job.toml", &format!("{job}[schedule]\ncron = '@yearly'\n"));
    let process = Process::start(&world, &["schedule", "."]);
    process.says("serving 1 job");
    world.orgpull(&["fire", "job"]).exits(0);
    until_held(&world, 8);
    shell(&world, "rm orgpull.db*");
    process.says("8 in flight are waited for");
    release(&world);
    process.says("To put it back");
    process.ends().exits(6);
    assert_eq!(world.stats().arrivals, 8);
    world.orgpull(&["schedule", "."]).exits(6);
    put_back(&world);
    // The fire is still its own: the next daemon goes on with it.
    let mut process = Process::start(&world, &["schedule", "."]);
    assert!(process.alive_until(|| world.path(&output("job")).exists()), "{}", process.said());
    process.signal("TERM");
    process.ends().exits(0);
    Books::of(&world).nothing_twice().agree().agree_with(&world.rows(&output("job")));
}

/// What a killed process left beside the ledger is carried over with it.
#[test]
fn the_manual_puts_a_backup_back() {
    let world = busy("");
    both(&world, "before", &companies(2));
    world.orgpull(&["run", "before.toml"]).exits(0);
    world.orgpull(&["backup", "backup.db"]).exits(0);
    both(&world, "job", &companies(12)[2..]);
    world.scenario("[[fault]]\ndo = 'hold'\nafter = 10");
    let mut process = Process::start(&world, &RUN);
    until_held(&world, 8);
    assert!(process.kill());
    assert!(world.path("orgpull.db-wal").metadata().unwrap().len() > 0);
    shell(&world, &commands("docs/operations.md", "### Put a backup back"));
    assert_eq!(world.path("orgpull.db").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let known = world.orgpull(&["runs", "--json"]).exits(0).stdout;
    assert!(known.contains(": \"before\"") && known.contains(": \"job\""), "nothing of the other is lost");
    world.scenario("");
    Process::start(&world, &RUN).ends().exits(4);
    let books = Books::of(&world);
    books.nothing_twice().agree();
    assert_eq!(books.count("unknown"), 8, "what was in flight when it was killed");
}
