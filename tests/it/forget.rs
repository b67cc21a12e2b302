//! Somebody is forgotten: in the ledger, in the files that nobody has changed, in what is still to be asked, and in answers
//! about others that name them.

use crate::books::{answers, execute, query};
use crate::machine::{Ended, Process, until_held};
use crate::world::{CREDIT, CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships, people};
use serde_json::{Value, json};
use sqlx::Row;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

const FILES: &str = "[[output]]\npath = 'out.csv'\n[[output]]\npath = 'wide.csv'\nshape = 'wide'\nexcel = true\n\
                     [[output]]\npath = 'out.jsonl'\n[[output]]\npath = 'out.json'\n";

/// A command about a number that is piped in.
fn about(world: &World, command: &[&str], number: &str) -> Ended {
    let mut process = Process::fed(world, command);
    drop(process.feed(&format!("{number}\n")));
    process.ends()
}

fn receipt(world: &World, command: &[&str], number: &str) -> Value {
    serde_json::from_str(&about(world, command, number).exits(0).stdout).unwrap()
}

fn held(world: &World, number: &str) -> usize {
    receipt(world, &["access", "--json"], number)["rows"].as_array().unwrap().len()
}

const FORGET: &[&str] = &["forget", "--yes", "--json"];

/// All that orgpull wrote for people or keeps, searched for the last digits of a number.
fn is_written(world: &World, number: &str) -> Vec<String> {
    let ten = &number[number.len() - 10..];
    let forms = [ten.to_owned(), format!("{}-{}", &ten[..6], &ten[6..])];
    let entries = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().path());
    let own = entries.filter(|path| {
        path.is_file() && !path.ends_with("job.toml") && !path.to_string_lossy().ends_with("in.csv")
    });
    let holds = |path: &std::path::PathBuf| {
        let bytes = fs::read(path).unwrap();
        forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_bytes()))
    };
    own.filter(holds).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn somebody_is_forgotten_in_every_run_and_file() {
    let world = World::new("");
    let persons = people(3);
    let files = FILES.replace("path = 'wide.csv'", "mode = '0640'\npath = 'wide.csv'");
    world.write("in.csv", &format!("number,note\n{}\n{}\nbad\n{}\n", persons[0], persons[1], persons[2]));
    let input = "[input]\npath = 'in.csv'\ncolumn = 'number'\nkind = 'person'\ncarry = '*'\n";
    world.job("job", &[input, REPORT, &files]);
    world.run(&[]).exits(0);
    world.orgpull(&["run", "job.toml", "--new", "--limit", "2"]).exits(0);
    // Under another kind the same number is a bad row, and stands in the rejects.
    world.write("other-in.csv", &format!("number\n{}\n{}\n", persons[0], companies(1)[0]));
    let input = "[input]\npath = 'other-in.csv'\ncolumn = 'number'\nsole_traders = 'reject'\n";
    world.job("other", &[input, REPORT, &CSV.replace("out.csv", "other.csv")]);
    world.orgpull(&["run", "other.toml"]).exits(0);
    let written = [
        "other.rejects.csv",
        "out.csv",
        "out.json",
        "out.jsonl",
        "wide.csv",
        "out-first-2.csv",
        "wide-first-2.csv",
    ];
    let found = is_written(&world, &persons[0]);
    assert!(written.iter().all(|file| found.contains(&(*file).to_owned())), "{found:?}");
    let (wide, rows) = (world.read("wide.csv"), world.read("out.csv").lines().count());
    assert!(held(&world, &persons[0]) >= 2 && held(&world, &persons[1]) >= 2);

    let dry = receipt(&world, &["forget", "--dry-run", "--json"], &persons[0]);
    assert_eq!((&dry["found"], dry["outputs"].as_array().unwrap().len() >= 8), (&json!(true), true), "{dry}");
    assert_eq!(is_written(&world, &persons[0]), found, "nothing is changed");
    let unasked = about(&world, &["forget"], &persons[0]).exits(2);
    assert!(
        unasked.stderr.contains("give --yes") && !unasked.stderr.contains(&persons[0][2..8]),
        "{}",
        unasked.stderr
    );

    let done = receipt(&world, FORGET, &persons[0]);
    assert_eq!(is_written(&world, &persons[0]), Vec::<String>::new(), "{done}");
    assert!(done["outputs"].as_array().unwrap().iter().all(|output| output["erased"] == true), "{done}");
    assert_eq!((held(&world, &persons[0]), held(&world, &persons[2])), (0, 1));
    let mode = |file: &str| world.path(file).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("wide.csv"), mode("out.csv")), (0o640, 0o600));
    // What stands about others stands as it did.
    assert_eq!(world.read("out.csv").lines().count(), rows - 1);
    let left: Vec<&str> = wide.lines().filter(|line| !line.starts_with("2;")).collect();
    assert_eq!(world.read("wide.csv").lines().collect::<Vec<_>>(), left);
    let list: Value = serde_json::from_str(&world.read("out.json")).unwrap();
    assert_eq!(list.as_array().unwrap().len(), rows - 2);
    world.orgpull(&["doctor"]).says("is whole");
    // Written again, the row is there without anybody.
    world.orgpull(&["export", "job", "--format", "csv", "--shape", "wide", "--output", "again.csv"]).exits(0);
    assert!(world.read("again.csv").contains("forgotten") && is_written(&world, &persons[0]).is_empty());

    // A later input with the number begins afresh.
    let before = world.bill().len();
    world.orgpull(&["run", "job.toml", "--new"]).exits(0);
    assert_eq!(world.bill().len(), before + 1);
    assert_eq!(held(&world, &persons[0]), 1);
}

#[test]
fn an_unknown_number_is_said_and_none_is_refused() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    world.run(&[]).exits(0);
    let nothing = receipt(&world, FORGET, &companies(9)[8]);
    assert_eq!(
        (&nothing["found"], &nothing["rows"], &nothing["outputs"]),
        (&json!(false), &json!(0), &json!([]))
    );
    assert!(
        about(&world, &["forget", "--yes"], &companies(9)[8]).exits(0).stdout.contains("nothing is held")
    );
    let none = about(&world, &["forget", "--yes"], "556012-5791").exits(2);
    assert!(none.stderr.contains("no number") && !none.stderr.contains("5791"), "{}", none.stderr);
    world.orgpull(&["forget", "--yes", &companies(1)[0]]).exits(2);
    let ring: Value = serde_json::from_str(&world.read("orgpull.db.keyring")).unwrap();
    assert_eq!(
        ring["erased"].as_array().unwrap().len(),
        1,
        "whom a backup may know is in the register all the same"
    );
}

#[test]
fn what_is_still_to_be_asked_is_skipped_unless_somebody_is_about_to_ask() {
    let world = World::new("[[fault]]\ndo = 'hold'\n");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let mut process = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    let refused = about(&world, FORGET, &companies(3)[2]).exits(9);
    assert!(refused.stderr.contains("of job job has still to ask"), "{}", refused.stderr);
    assert!(process.kill());
    let done = receipt(&world, FORGET, &companies(3)[2]);
    assert_eq!((&done["skipped"], &done["rows"]), (&json!(1), &json!(1)));
    world.scenario("");
    world.orgpull(&["run", "job.toml"]).exits(4);
    assert!(world.bill().iter().all(|entry| !entry.number.ends_with(&companies(3)[2][..])));
    let lookups = query(&world, "SELECT outcome, coalesce(code, '') FROM lookups ORDER BY row");
    let lookups: Vec<String> =
        lookups.iter().map(|row| format!("{} {}", row.get::<&str, _>(0), row.get::<&str, _>(1))).collect();
    assert_eq!(lookups[2], "skipped forgotten", "{lookups:?}");
    world.orgpull(&["retry", "job", "--unknown", "--yes"]).exits(0);
}

/// It may have posted a letter, and must not post another.
#[test]
fn a_lost_letter_is_named_and_still_blocks() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV]);
    world.run(&[]).exits(4);
    let done = receipt(&world, FORGET, &partnerships(1)[0]);
    assert_eq!(done["letters"].as_array().unwrap().len(), 1, "{done}");
    world.orgpull(&["run", "job.toml"]).exits(4);
    assert_eq!((world.bill().len(), world.out()), (1, vec!["unknown/letter-unknown 0 0.00".to_owned()]));
    let id = done["letters"][0]["transactionid"].as_str().unwrap().to_owned();
    world.orgpull(&["resolve", &id, "--not-carried-out"]);
}

/// The sums of money are what they were.
#[test]
fn the_books_stay() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV]);
    world.run(&[]).exits(0);
    let books = || ["spend", "runs"].map(|command| world.orgpull(&[command, "--json"]).exits(0).stdout);
    let before = books();
    receipt(&world, FORGET, &companies(2)[1]);
    assert_eq!(books(), before);
}

/// Signatories of a company are persons too, whoever was asked about.
#[test]
fn a_person_who_is_named_in_answers_about_others_is_found_and_taken_out() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(4)), SIGNATORIES, FILES]);
    world.run(&[]).exits(0);
    let named: Vec<Vec<[u8; 10]>> =
        answers(&world).iter().map(|body| orgpull::domain::number::persons_in(body)).collect();
    let person =
        String::from_utf8(named.iter().flatten().next().expect("somebody who signs").to_vec()).unwrap();
    let others: Vec<&[u8; 10]> =
        named.iter().flatten().filter(|ten| **ten != person.as_bytes()[..]).collect();
    let told = receipt(&world, &["access", "--json"], &person);
    assert_eq!(told["rows"], json!([]));
    let about_them = told["named"].to_string();
    assert!(!told["named"].as_array().unwrap().is_empty() && about_them.contains(&person[6..]), "{told}");
    for other in &others {
        assert!(!about_them.contains(std::str::from_utf8(&other[6..]).unwrap()), "somebody else");
    }
    assert!(is_written(&world, &person).contains(&"out.csv".to_owned()));
    let done = receipt(&world, FORGET, &person);
    assert!(done["named"].as_u64().unwrap() >= 1 && is_written(&world, &person).is_empty(), "{done}");
    let left: Vec<[u8; 10]> =
        answers(&world).iter().flat_map(|body| orgpull::domain::number::persons_in(body)).collect();
    assert!(!left.contains(&person.as_bytes().try_into().unwrap()));
    assert_eq!(left.len(), others.len(), "and nobody else is gone");
    assert_eq!(receipt(&world, &["access", "--json"], &person)["named"], json!([]));
    world.orgpull(&["doctor"]).says("is whole");
}

/// A file that somebody changed is theirs, and named.
#[test]
fn a_changed_file_is_left_and_named() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV]);
    world.run(&[]).exits(0);
    world.write("out.csv", &(world.read("out.csv") + "\n"));
    let done = receipt(&world, FORGET, &companies(2)[0]);
    assert_eq!(done["outputs"][0]["erased"], false);
    assert!(done["outputs"][0]["why"].as_str().unwrap().contains("changed"), "{done}");
    assert_eq!(is_written(&world, &companies(2)[0]), ["out.csv"]);
}

#[test]
fn forgetting_that_is_killed_is_gone_on_with() {
    for wait in [2, 6, 12, 20, 30, 45, 60, 80, 110, 150] {
        let world = World::new("");
        world.job("job", &[&numbers(&companies(40)), REPORT, FILES]);
        world.run(&[]).exits(0);
        let number = &companies(40)[17];
        let mut process = Process::fed(&world, &["forget", "--yes"]);
        drop(process.feed(&format!("{number}\n")));
        std::thread::sleep(Duration::from_millis(wait));
        process.kill();
        let done = receipt(&world, FORGET, number);
        assert_eq!(is_written(&world, number), Vec::<String>::new(), "killed after {wait} ms: {done}");
        assert_eq!(held(&world, number), 0);
        let kept = "SELECT count(*) FROM rows WHERE content IS NOT NULL";
        assert_eq!(query(&world, kept)[0].get::<i64, _>(0), 39);
        execute(&world, "PRAGMA integrity_check");
    }
}
