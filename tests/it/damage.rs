//! A ledger that does not read as it was written: exit 6 with what can still be done, whatever command meets it, and never a word
//! that all is well.

use crate::books::execute;
use crate::machine::{LONG, Process};
use crate::world::{CSV, REPORT, World, companies};
use std::fs;
use std::os::unix::fs::FileExt;

/// Commands that read a ledger.
const READERS: [&[&str]; 12] = [
    &["runs"],
    &["status"],
    &["status", "--json"],
    &["plan", "job.toml"],
    &["plan", "job.toml", "--diff"],
    &["export", "job"],
    &["export", "job", "--format", "json", "--output", "-"],
    &["reconcile", "march.csv"],
    &["doctor"],
    &["retry", "job", "--unknown", "--yes"],
    // These begin runs that read well, so they come last.
    &["run", "job.toml"],
    &["run", "job.toml", "--new", "--buy-again"],
];

fn world() -> World {
    let world = World::new("[[fault]]\nafter = 3\ntimes = 1\ndo = 'cut'");
    world.write("numbers.csv", &format!("orgnr,note\n{},a\n", companies(8).join(",a\n")));
    let input = "[input]\npath = 'numbers.csv'\ncolumn = 'orgnr'\ncarry = ['note']\n";
    world.job("job", &[input, REPORT, CSV]);
    world.orgpull(&["run", "job.toml"]).exits(4);
    world.write("march.csv", "date,transactionid,service,amount\n2026-03-01,op000000000000,x,3.20\n");
    world
}

/// What a command said that met the damage.
#[track_caller]
fn is_told(world: &World, command: &[&str]) -> Option<i32> {
    let ended = Process::start(world, command).ends_within(LONG);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_ne!(ended.exit, Some(1), "{command:?}: {said}");
    assert!(
        !said.contains("is safe") && !said.contains("a bug in") && !said.contains("panicked"),
        "{command:?}: {said}"
    );
    assert!(!said.contains('\u{fffd}'), "{command:?}: {said}");
    if ended.exit == Some(6) {
        let told = said.contains("is damaged") && (said.contains("copy it") || command == ["doctor"]);
        assert!(told, "{command:?}: {said}");
    }
    ended.exit
}

/// A text that is none, in one column after the other.
#[test]
fn a_text_that_is_no_text_is_told_by_every_command_that_reads_it() {
    const OF_A_RUN: [&str; 5] = ["runs", "status", "retry job --unknown --yes", "export job", "doctor"];
    for (spoil, who) in [
        ("UPDATE runs SET reason = CAST(x'ff' AS TEXT)", &OF_A_RUN[..]),
        ("UPDATE runs SET columns = CAST(x'5bff5d' AS TEXT)", &OF_A_RUN),
        ("UPDATE runs SET job_text = x'ff'", &["doctor"]),
        ("UPDATE runs SET first_day = 'soon'", &OF_A_RUN[..4]),
        ("UPDATE rows SET content = x'ff' WHERE line = 3", &["doctor"]),
        // Another row's, whole as it is.
        (
            "UPDATE rows SET content = o.content FROM rows o WHERE rows.line = 3 AND o.line = 2 AND o.run = rows.run",
            &["doctor"],
        ),
        ("UPDATE lookups SET text = x'00' WHERE row = 2", &["doctor"]),
        ("UPDATE attempts SET text = x'00'", &["doctor"]),
        ("UPDATE purposes SET purpose = randomblob(40)", &["doctor"]),
        ("UPDATE attempts SET code = CAST(x'ff' AS TEXT)", &["status", "export job", "doctor"]),
        (
            "UPDATE attempts SET log_id = CAST(x'ff' AS TEXT) WHERE log_id IS NOT NULL",
            &["export job", "doctor"],
        ),
        ("UPDATE services SET service = CAST(x'ff' AS TEXT)", &["status", "doctor"]),
    ] {
        let world = world();
        execute(&world, spoil);
        for command in READERS {
            let exit = is_told(&world, command);
            if who.contains(&&*command.join(" ")) {
                assert_eq!(exit, Some(6), "{command:?} after {spoil}");
            }
        }
    }
}

/// A page that is not what was written, one after the other.
#[test]
fn a_broken_page_is_told_by_every_command_that_meets_it() {
    let intact = world();
    execute(&intact, "PRAGMA wal_checkpoint(TRUNCATE)");
    let size = fs::metadata(intact.path("orgpull.db")).unwrap().len();
    let bytes = fs::read(intact.path("orgpull.db")).unwrap();
    let mut met = 0;
    for page in (1..size / 4_096).step_by(3) {
        let file = fs::File::options().write(true).open(intact.path("orgpull.db")).unwrap();
        file.write_all_at(&[0xa5; 4_096], page * 4_096).unwrap();
        drop(file);
        for command in [&["runs"][..], &["status"], &["plan", "job.toml"], &["export", "job"], &["doctor"]] {
            met += u32::from(is_told(&intact, command) == Some(6));
        }
        for beside in ["-wal", "-shm"] {
            let _ = fs::remove_file(intact.path(&format!("orgpull.db{beside}")));
        }
        fs::write(intact.path("orgpull.db"), &bytes).unwrap();
    }
    assert!(met > 10, "the damage was met {met} times");
}
