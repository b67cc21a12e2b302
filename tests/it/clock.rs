//! The real daemon over both changes of clock. The wall clock is led from outside (libfaketime, Debian's `faketime`), night by
//! night, and the monotonic clock goes on as it is. Skipped, with a word, where the library is missing; under `.ci/run`, which
//! installs it, that is a failure.

use crate::books::query;
use crate::machine::{BINARY, Process, busy, command};
use crate::world::{CSV, REPORT, World, companies, numbers};
use jiff::Timestamp;
use sqlx::Row;
use std::path::PathBuf;
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
        println!("skipped: faketime is not installed");
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
