//! What the ledger holds about people is sealed: nothing of it can be read from the files, and who has neither key nor ring
//! is told so, with nothing harmed.

use crate::books::{execute, query};
use crate::machine::{BINARY, Process, busy, command, skipped, until_held};
use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, people};
use sqlx::Row;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// A job over four companies and people, whose rows, purpose and inline number are marked.
fn marked(scenario: &str) -> (World, Vec<String>) {
    let world = busy(scenario);
    let numbers = [companies(60)[56..].to_vec(), people(8)[6..].to_vec()].concat();
    let rows: Vec<String> = numbers.iter().map(|number| format!("{number},Marked Customer\n")).collect();
    world.write("numbers.csv", &format!("number,name\n{}{},x\n", rows.concat(), "556012-5791"));
    let input = "[input]\npath = 'numbers.csv'\ncolumn = 'number'\nkind = 'any'\ncarry = ['name']\n";
    world.job("job", &[input, REPORT, SIGNATORIES, CSV]);
    let text = world.read("job.toml");
    let line = text.lines().find(|line| line.starts_with("purpose")).unwrap();
    world.write("job.toml", &text.replace(line, "purpose = 'Marked purpose'"));
    let inline = companies(56)[55].clone();
    let input = format!("[input]\nnumbers = ['{inline}']\n");
    world.job("inline", &[&input, REPORT, &CSV.replace("out.csv", "inline.csv")]);
    (world, [numbers, vec![inline, "5560125791".to_owned()]].concat())
}

/// The files of the folder that orgpull made for itself: not what people wrote, nor what it wrote for them.
fn own_files(world: &World) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    let own =
        names.filter(|name| name.starts_with("orgpull.") && name != "orgpull.toml" || name == "backup.db");
    own.map(|name| (name.clone(), fs::read(world.path(&name)).unwrap())).collect()
}

#[track_caller]
fn nothing_in_clear(world: &World, numbers: &[String]) {
    let files = own_files(world);
    assert!(files.iter().any(|(name, bytes)| name == "orgpull.db" && !bytes.is_empty()));
    no_mark_in(&files, numbers);
}

#[track_caller]
fn no_mark_in(files: &[(String, Vec<u8>)], numbers: &[String]) {
    for (name, bytes) in files {
        for number in numbers {
            let ten = &number[number.len() - 10..];
            let (front, last) = ten.split_at(6);
            let written = |at: usize, gap: usize| bytes[at..].get(6 + gap..10 + gap) == Some(last.as_bytes());
            let starts = bytes.windows(6).enumerate().filter(|(_, window)| *window == front.as_bytes());
            let found =
                starts.flat_map(|(at, _)| (0..4).map(move |gap| (at, gap))).any(|(at, gap)| written(at, gap));
            assert!(!found, "a number is in {name}");
        }
        for word in ["Marked", "companyName", "searchnumber", "5560125791"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} is in {name}");
        }
    }
}

#[test]
fn no_number_name_purpose_or_answer_is_in_any_file_of_the_ledger() {
    let (world, numbers) = marked("[[fault]]\ndo = 'hold'\nafter = 4\ntimes = 3");
    world.orgpull(&["plan", "job.toml"]).exits(0);
    let mut process = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 3);
    nothing_in_clear(&world, &numbers);
    assert!(process.kill());
    assert!(world.path("orgpull.db-wal").metadata().unwrap().len() > 0);
    nothing_in_clear(&world, &numbers);
    world.scenario("[[fault]]\ndo = 'error'\ncode = '15'\nstatus = 404\ntext = 'Marked answer'\ntimes = 1");
    world.orgpull(&["run", "job.toml"]).exits(4);
    world.orgpull(&["run", "inline.toml"]).exits(0);
    world.orgpull(&["backup", "backup.db"]).exits(0);
    nothing_in_clear(&world, &numbers);
    let out = world.read("out.csv");
    assert!(out.contains("Marked Customer") && numbers[..6].iter().any(|number| out.contains(&number[..6])));
}

/// Every file below a folder.
fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            all_files(&path)
        } else {
            vec![(path.display().to_string(), fs::read(&path).unwrap())]
        }
    });
    files.collect()
}

/// A program in a shell that asks for cores, its temporary files in `tmp`; what the signal made of it when it is `ready`.
fn crashed(world: &World, words: &[&str], signal: &str, ready: impl Fn(u32)) -> ExitStatus {
    let line = ["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""];
    let mut shell = command(world, "sh", &[&line[..], words].concat());
    let shell = shell.env("TMPDIR", world.path("tmp")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().unwrap();
    ready(child.id());
    // A fault that has no address is let pass once by who looks for overflows of the stack.
    loop {
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        std::thread::sleep(Duration::from_millis(1));
        if let Some(ended) = child.try_wait().unwrap() {
            return ended;
        }
    }
}

/// Waits until a process is ours and has seen to it that it leaves no core, which it does before all else.
fn until_guarded(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let said = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let zero = |limits: &str| {
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        core.is_none_or(|core| core.split_whitespace().nth(4) == Some("0"))
    };
    while said("comm").trim() == "sh" || !zero(&said("limits")) {
        assert!(Instant::now() < deadline, "it lets itself leave a core");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_crash_leaves_no_core_and_nothing_to_read_in_the_temporary_folder() {
    let of_a_core = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("core");
    let cores = |world: &World| fs::read_dir(world.path("")).unwrap().any(|entry| of_a_core(entry.unwrap()));
    let (world, _) = marked("");
    let other = crashed(&world, &["sleep", "60"], "ABRT", |_| std::thread::sleep(Duration::from_millis(200)));
    if !other.core_dumped() {
        return skipped("this machine lets no process leave a core");
    }
    for signal in ["ABRT", "SEGV"] {
        let (world, numbers) = marked("[[fault]]\ndo = 'hold'\nafter = 4\ntimes = 3");
        fs::create_dir(world.path("tmp")).unwrap();
        let ended = crashed(&world, &[BINARY, "run", "job.toml"], signal, |_| until_held(&world, 3));
        assert!(ended.code().is_none() && !ended.core_dumped(), "{signal}: {ended:?}");
        nothing_in_clear(&world, &numbers);
        world.scenario("");
        // A plan counts in a file of its own, and an export has one beside the ledger.
        for arguments in [&["plan", "inline.toml"][..], &["plan", "job.toml"], &["run", "job.toml"]] {
            for after in 0..5 {
                let wait = |pid| {
                    until_guarded(pid);
                    std::thread::sleep(Duration::from_millis(8 * after));
                };
                let ended = crashed(&world, &[&[BINARY], arguments].concat(), signal, wait);
                assert!(!ended.core_dumped(), "{arguments:?} after {} ms: {ended:?}", 8 * after);
            }
            nothing_in_clear(&world, &numbers);
            no_mark_in(&all_files(&world.path("tmp")), &numbers);
        }
        assert!(!cores(&world), "{signal}");
    }
}

/// What `status` says, to see that nothing was lost.
fn known(world: &World) -> String {
    world.orgpull(&["status", "job", "--json"]).exits(0).stdout
}

#[test]
fn a_key_or_ring_that_is_missing_foreign_or_cut_is_told_and_harms_nothing() {
    let world = busy("");
    crate::machine::both(&world, "job", &companies(3));
    world.orgpull(&["run", "job.toml"]).exits(0).says("made ");
    let (before, arrivals) = (known(&world), world.stats().arrivals);
    let foreign = || {
        world.orgpull(&["key", "new", "--to", "foreign.key"]).exits(0);
        let key = world.read("foreign.key");
        fs::remove_file(world.path("foreign.key")).unwrap();
        key
    };
    let ring = world.read("orgpull.db.keyring");
    for (file, text, says) in [
        ("orgpull.key", None, "orgpull.key is not there"),
        ("orgpull.key", Some(String::new()), "holds no key"),
        ("orgpull.key", Some(world.read("orgpull.key")[..20].to_owned()), "holds no key"),
        ("orgpull.key", Some(foreign()), "does not open the key ring"),
        ("orgpull.db.keyring", None, "orgpull.db.keyring is not there"),
        ("orgpull.db.keyring", Some(String::new()), "no whole key ring"),
        ("orgpull.db.keyring", Some(ring[..ring.len() / 2].to_owned()), "no whole key ring"),
        ("orgpull.db.keyring", Some(ring.replace("\"id\": \"", "\"id\": \"0")), "another ledger's"),
    ] {
        let whole = world.read(file);
        match text {
            None => fs::remove_file(world.path(file)).unwrap(),
            Some(text) => {
                world.write(file, &text);
                fs::set_permissions(world.path(file), fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        for command in
            [&["run", "job.toml"][..], &["plan", "job.toml"], &["status", "job"], &["doctor"], &["runs"]]
        {
            let refused = world.orgpull(command).exits(6);
            assert!(refused.said().contains(says), "{file}, {command:?}: {}", refused.said());
        }
        world.write(file, &whole);
        fs::set_permissions(world.path(file), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(known(&world), before);
    }
    assert_eq!(world.stats().arrivals, arrivals, "nothing was sent");
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.stats().arrivals, arrivals, "and all of it is known");
}

#[test]
fn a_ring_is_copied_put_back_and_warned_of() {
    let world = busy("");
    crate::machine::both(&world, "job", &companies(3));
    world.orgpull(&["run", "job.toml"]).exits(0);
    world.orgpull(&["doctor"]).exits(0).says("was never copied");
    world.orgpull(&["key", "backup", "ring.copy"]).exits(0);
    assert_eq!(world.path("ring.copy").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    world.orgpull(&["key", "backup", "ring.copy"]).exits(2).says("--force");
    assert!(!world.orgpull(&["doctor"]).exits(0).said().contains("copied"));
    world.orgpull(&["key", "backup", "orgpull.db", "--force"]).exits(7);

    // A bare machine: ledger, copy of the ring, and key.
    let before = known(&world);
    fs::remove_file(world.path("orgpull.db.keyring")).unwrap();
    world.orgpull(&["status", "job"]).exits(6).says("orgpull key restore FILE");
    world.orgpull(&["key", "restore", "job.toml"]).exits(6).says("no whole key ring");
    world.orgpull(&["key", "restore", "ring.copy"]).exits(0);
    assert_eq!(known(&world), before);

    world.orgpull(&["run", "job.toml", "--new"]).exits(0);
    world.orgpull(&["doctor"]).exits(0).says("not copied since the newest run");
    world.orgpull(&["key", "restore", "ring.copy"]).exits(6).says("lacks keys");
    known(&world);
}

#[test]
fn a_key_is_replaced_and_no_answer_rewritten() {
    let world = busy("");
    crate::machine::both(&world, "job", &companies(3));
    world.orgpull(&["run", "job.toml"]).exits(0);
    let (before, old) = (known(&world), world.read("orgpull.key"));
    world.orgpull(&["key", "rotate"]).exits(2).says("orgpull key new --to FILE");
    world.orgpull(&["key", "new", "--to", "new.key"]).exits(0);
    let made = world.read("new.key");
    world.orgpull(&["key", "new", "--to", "new.key"]).exits(2).says("something has that name");
    assert_eq!(world.read("new.key"), made);
    let configuration = world.read("orgpull.toml");
    let keys = |keys: &str| {
        world.write(
            "orgpull.toml",
            &format!("{configuration}\n[privacy]\nkeyring_copies = ['copies/ring']\nkey = {keys}\n"),
        );
    };
    fs::create_dir(world.path("copies")).unwrap();
    keys("{ file = 'new.key' }");
    world.orgpull(&["status", "job"]).exits(6).says("new.key does not open");
    keys("[{ file = 'new.key' }, { file = 'orgpull.key' }]");
    assert_eq!(known(&world), before);
    // Killed at whatever instant, both open it: it is the old ring or the new one.
    for after in 0..12 {
        let mut process = Process::start(&world, &["key", "rotate"]);
        std::thread::sleep(Duration::from_millis(after * 2));
        process.kill();
        assert_eq!(known(&world), before, "killed after {} ms", after * 2);
    }
    world.orgpull(&["key", "rotate"]).exits(0);
    assert_eq!(world.read("copies/ring"), world.read("orgpull.db.keyring"));
    keys("{ file = 'orgpull.key' }");
    world.orgpull(&["status", "job"]).exits(6).says("does not open");
    keys("{ file = 'new.key' }");
    assert_eq!(known(&world), before);
    world.orgpull(&["run", "job.toml", "--new"]).exits(0);
    assert_eq!(world.read("copies/ring"), world.read("orgpull.db.keyring"), "kept in step");
    assert!(world.orgpull(&["doctor"]).exits(0).said().contains("ring") || !old.is_empty());
}

/// An account with real data needs a key that somebody has made and kept.
#[test]
fn production_needs_a_key_that_is_named() {
    let world = busy("");
    world.write("n.csv", "orgnr\n556012-5790\n");
    world.write(
        "orgpull.toml",
        "[providers.creditsafe]\nenvironment = 'production'\nusername = { env = 'U' }\npassword = { env = 'P' }\n",
    );
    world.job("job", &["[input]\npath = 'n.csv'\ncolumn = 'orgnr'\n", REPORT, CSV]);
    for command in [&["run", "job.toml"][..], &["plan", "job.toml"], &["runs"]] {
        world.orgpull(command).exits(3).says("orgpull key new --to FILE");
    }
    assert!(!world.path("orgpull.db").exists() && !world.path("orgpull.key").exists());
    world.orgpull(&["run", "job.toml", "--simulate"]).exits(0);
}

#[test]
fn whoever_has_only_simulated_is_told_where_that_is() {
    let world = busy("");
    crate::machine::both(&world, "job", &companies(1));
    let missing = world.orgpull(&["status", "job"]).exits(6);
    assert!(!missing.said().contains("--simulate"), "{}", missing.said());
    world.orgpull(&["run", "job.toml", "--simulate"]).exits(0);
    world.orgpull(&["status", "job"]).exits(6).says("add --simulate");
}

/// A value that was changed, or moved to another row, costs that row and no other.
#[test]
fn a_row_that_was_tampered_with_is_told_and_the_others_are_bought() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    crate::machine::both(&world, "job", &companies(6));
    let mut process = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 8);
    assert!(process.kill());
    execute(&world, "UPDATE rows SET content = x'00' WHERE row = 5");
    execute(
        &world,
        "UPDATE rows SET content = o.content FROM rows o WHERE rows.row = 6 AND o.row = 5 AND o.run = rows.run",
    );
    world.scenario("");
    let ran = world.orgpull(&["run", "job.toml"]).exits(4);
    assert!(ran.said().contains("damaged in the ledger"), "{}", ran.said());
    let outcomes = query(&world, "SELECT outcome, code, count(*) FROM lookups GROUP BY 1, 2 ORDER BY 1");
    let outcomes: Vec<(String, Option<String>, i64)> =
        outcomes.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(outcomes[0], ("failed".to_owned(), Some("damaged".to_owned()), 4));
    assert_eq!((outcomes[1].0.as_str(), outcomes[1].2, outcomes.len()), ("unknown", 8, 2));
    assert_eq!(world.stats().arrivals, 8, "neither was asked, and nobody for another's row");
    let rejects = world.read("job-out.rejects.csv");
    assert_eq!(rejects.matches("tampered with").count(), 2, "{rejects}");
    world.orgpull(&["doctor"]).exits(6).says("2 sealed values that do not open");
}

/// The number is typed or piped, in any form, and never an argument.
#[test]
fn all_that_is_held_about_a_number_is_told_and_nobody_elses() {
    let (world, numbers) = marked("");
    let ran =
        world.command(&["run", "job.toml"]).env("ORGPULL_OPERATOR", "Risk, night shift").output().unwrap();
    assert!(ran.status.success());
    let asks = |arguments: &[&str], number: &str| {
        let mut process = Process::fed(&world, &[&["access"], arguments].concat());
        drop(process.feed(&format!("{number}\n")));
        process.ends()
    };
    let (company, person) = (&numbers[0], &numbers[4]);
    let told = asks(&["--json"], company).exits(0);
    let held: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let row = &held["rows"][0];
    assert_eq!(
        (held["rows"].as_array().unwrap().len(), &row["columns"]["name"]),
        (1, &"Marked Customer".into())
    );
    assert_eq!(row["lookups"].as_array().unwrap().len(), 2);
    assert!(!row["lookups"][0]["answer"].is_null(), "{}", told.stdout);
    assert_eq!(row["operator"], "Risk, night shift");
    let requests = row["requests"].as_array().unwrap();
    assert_eq!((requests.len(), &requests[0]["purpose"]), (2, &"Marked purpose".into()));
    assert!(row["outputs"][0].as_str().unwrap().ends_with("out.csv"));
    for other in numbers[1..6].iter().map(|number| &number[number.len() - 10..]) {
        assert!(!told.stdout.contains(other), "somebody else's number");
    }
    // However it is written.
    let ten = &person[person.len() - 10..];
    for form in [person.clone(), format!("{}-{}", &ten[..6], &ten[6..])] {
        let told = asks(&["--json"], &form).exits(0);
        assert_eq!(told.stdout.matches("\"line\"").count(), 1, "{}", told.stdout);
    }
    asks(&["--output", "held.json"], company).exits(0);
    assert_eq!(world.path("held.json").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(world.read("held.json"), told.stdout);
    let text = asks(&[], company).exits(0);
    assert!(text.stdout.contains("1 row is held") && !text.stdout.contains(&company[..6]), "{}", text.stdout);

    // One that nobody asked about, one that is none, and an argument.
    let nothing = asks(&[], &companies(30)[20]).exits(0);
    assert!(nothing.stdout.contains("nothing is held"), "{}", nothing.stdout);
    let none = asks(&[], "556012-5791").exits(2);
    assert!(none.stderr.contains("no number") && !none.stderr.contains("5791"), "{}", none.stderr);
    world.orgpull(&["access", company]).exits(2);
}
