//! The real daemon over both changes of clock, and runs under a clock that is wrong. The wall clock is led from outside (libfaketime, Debian's `faketime`), night by
//! night, and the monotonic clock goes on as it is. Skipped, with a word, where the library is missing; under `.ci/run`, which
//! installs it, that is a failure.

use crate::books::query;
use crate::machine::{BINARY, PROMPT, Process, busy, command, skipped};
use crate::world::{CREDIT, CSV, REPORT, World, companies, numbers, partnerships};
use jiff::Timestamp;
use sqlx::Row;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long before a due time the clock is set. One that is noticed late makes the fire late, not another.
const BEFORE: i64 = 2_000;

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
    let found = libraries.find(|path| path.exists());
    assert!(found.is_some() || std::env::var_os("ORGPULL_CI").is_none(), "faketime is not installed");
    found
}

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// A process whose wall clock stands elsewhere (`-1d`) and goes on from there.
fn elsewhere(world: &World, library: &Path, by: &str, words: &[&str]) -> Command {
    let mut command = command(world, BINARY, words);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", by)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
    command
}

/// What was sent later than now, by a clock that is behind, was sent before now.
#[test]
fn a_clock_that_is_set_back_opens_no_budget() {
    let Some(library) = library() else {
        skipped("faketime is not installed");
        return;
    };
    for budget in ["[budget.day]\nmax_calls = 3", "[budget.month]\nmax_cost = '9.60'"] {
        let world = World::new("").account(budget);
        world.job("job", &[&numbers(&companies(20)), REPORT, CSV]);
        let run = ["run", "job.toml"];
        Process::of(&mut elsewhere(&world, &library, "+0d", &run)).ends().exits(8);
        assert_eq!(world.stats().arrivals, 3);
        for by in ["-2h", "-1d", "-2d", "-33d", "-400d", "-9000d"] {
            let told = Process::of(&mut elsewhere(&world, &library, by, &run)).ends().exits(8).stderr;
            assert!(told.contains("this machine's clock has not reached"), "{by}: {told}");
            let plan =
                Process::of(&mut elsewhere(&world, &library, by, &["plan", "job.toml"])).ends().exits(0);
            assert!(plan.stderr.contains("this machine's clock has not reached"), "{by}: {}", plan.stderr);
        }
        assert_eq!(world.stats().arrivals, 3, "{budget}");
        // The next day and the next month have budgets of their own.
        Process::of(&mut elsewhere(&world, &library, "+40d", &run)).ends().exits(8);
        assert_eq!(world.stats().arrivals, 6, "{budget}");
    }
}

/// A fresh answer is one whatever it is dated; the cap on logins holds, and is waited for as long as it is: five minutes, not
/// until the clock has come so far.
#[test]
fn nor_does_it_open_the_login_or_the_shop() {
    let Some(library) = library() else {
        skipped("faketime is not installed");
        return;
    };
    let world = World::new("").account("logins = 1");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    world.job("more", &[&numbers(&companies(4)), REPORT, &CSV.replace("out.csv", "more.csv")]);
    Process::of(&mut elsewhere(&world, &library, "+0d", &["run", "job.toml"])).ends().exits(0);
    Process::of(&mut elsewhere(&world, &library, "-1d", &["run", "job.toml"])).ends().exits(0);
    assert_eq!(world.stats().arrivals, 3);
    let process =
        Process::of(&mut elsewhere(&world, &library, "-1d", &["run", "more.toml", "--progress", "json"]));
    process.says("\"pause\":\"");
    process.signal("TERM");
    let told = process.ends().exits(130).stderr;
    assert_eq!((world.stats().logins, world.stats().arrivals), (1, 3), "{told}");
    assert!(told.contains("5 min") || told.contains("4 min"), "{told}");
    // By then they are five minutes old, by whichever clock.
    Process::of(&mut elsewhere(&world, &library, "-86000", &["run", "more.toml"])).ends().exits(0);
    assert_eq!((world.stats().logins, world.stats().arrivals), (2, 4));
}

/// An account that was told to wait by a clock that was ahead is not closed until then.
#[test]
fn a_cool_down_of_a_clock_that_was_ahead_lasts_no_longer_than_it_does() {
    let Some(library) = library() else {
        skipped("faketime is not installed");
        return;
    };
    let world = World::new("[[fault]]\ndo = 'status'\nstatus = 429\nretry_after = '2s'\nafter = 1");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let ahead = Process::of(&mut elsewhere(&world, &library, "+300d", &["run", "job.toml"]));
    ahead.says("429 (too many requests)");
    ahead.signal("TERM");
    ahead.ends().exits(130);
    world.scenario("");
    Process::of(&mut command(&world, BINARY, &["run", "job.toml"])).ends_within(PROMPT).exits(0);
}

/// Which call is the newest is not what a clock said that was ahead: a lost letter is not taken for one that was answered since.
#[test]
fn a_letter_that_is_lost_after_a_clock_was_ahead_blocks_the_next() {
    let Some(library) = library() else {
        skipped("faketime is not installed");
        return;
    };
    let world = World::new("");
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV]);
    let again = ["run", "job.toml", "--buy-again"];
    Process::of(&mut elsewhere(&world, &library, "+300d", &again)).ends().exits(0);
    world.scenario("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    world.orgpull(&again).exits(4);
    world.orgpull(&again).exits(4);
    assert_eq!(world.out(), ["unknown/letter-unknown 0 0.00"]);
    assert_eq!(world.bill().len(), 2);
}

/// Sets the daemon's wall clock.
#[expect(clippy::disallowed_methods, reason = "the daemon's clock is set by its distance from this one")]
fn set(world: &World, to: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ahead = to - i64::try_from(now.as_millis()).unwrap();
    // Replaced in one go: the daemon reads it whenever it asks for the time.
    world.write("clock.new", &format!("{:+}.{:03}\n", ahead / 1_000, (ahead % 1_000).abs()));
    std::fs::rename(world.path("clock.new"), world.path("clock")).unwrap();
}

/// Due times, in order, of the fires in this state that came on time.
fn fires(world: &World, state: &str) -> Vec<i64> {
    let rows = query(world, "SELECT due, state FROM fires WHERE cause = 'schedule' ORDER BY due");
    rows.iter().filter(|row| row.get::<&str, _>(1) == state).map(|row| row.get(0)).collect()
}

/// A night: the clock is set shortly before it, and then it is there.
fn night(process: &mut Process, world: &World, due: i64) {
    set(world, due - BEFORE);
    assert!(process.alive_until(|| {
        std::thread::sleep(Duration::from_millis(50));
        fires(world, "ended").contains(&due)
    }));
}

#[test]
fn the_daemon_over_both_changes_of_clock() {
    let Some(library) = library() else {
        skipped("faketime is not installed");
        return;
    };
    let world = busy("");
    let schedule = "[schedule]\ncron = '30 2 * * *'\nmissed = 'skip'\n";
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, schedule]);
    // Winter, the change, summer; summer, the change, winter.
    let nights = [
        "2027-03-27T01:30:00Z",
        "2027-03-28T01:00:00Z",
        "2027-03-29T00:30:00Z",
        "2027-10-30T00:30:00Z",
        "2027-10-31T00:30:00Z",
        "2027-11-01T01:30:00Z",
    ]
    .map(ms);
    set(&world, nights[0] - BEFORE);
    let by_its_clock = |words: &[&str]| {
        let mut command = command(&world, BINARY, words);
        command
            .env("LD_PRELOAD", &library)
            .env("FAKETIME_TIMESTAMP_FILE", world.path("clock"))
            .env("FAKETIME_NO_CACHE", "1")
            // Under both names that its versions know.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    };
    let mut process = Process::of(&mut by_its_clock(&["schedule", "."]));
    process.says("serving 1 job");
    for (at, due) in nights.into_iter().enumerate() {
        night(&mut process, &world, due);
        if at == 4 {
            // Half past two comes a second time that night, and is none. What is given by hand after it shows that the
            // daemon has looked.
            set(&world, ms("2027-10-31T01:30:10Z"));
            assert!(by_its_clock(&["fire", "job"]).status().unwrap().success());
            process.says("job fires: by hand");
        }
    }
    assert_eq!(fires(&world, "ended"), nights);
    assert_eq!(
        world.stats().arrivals,
        3 * 6,
        "each night buys anew, and a fire by hand of the same night nothing"
    );
    process.signal("TERM");
    process.ends().exits(0);
    let runs = query(&world, "SELECT count(*) FROM runs WHERE state = 'finished'");
    assert_eq!(runs[0].get::<i64, _>(0), 7);
}
