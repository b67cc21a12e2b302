//! Who did what: each act is in the log before it is done, nobody changes it unseen, and where it cannot be written nothing is
//! done.

use crate::machine::{BINARY, Ended, Process, busy, command};
use crate::read_only::is_root;
use crate::world::{CSV, REPORT, World, companies, people};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// A world with a job about a company and a person, whose names, numbers and purpose are marked.
fn marked() -> (World, Vec<String>) {
    let world = busy("");
    let numbers = vec![companies(3)[2].clone(), people(3)[2].clone()];
    let rows: Vec<String> = numbers.iter().map(|number| format!("{number},Marked Customer\n")).collect();
    world.write("numbers.csv", &format!("number,name\n{}", rows.concat()));
    let input = "[input]\npath = 'numbers.csv'\ncolumn = 'number'\nkind = 'any'\ncarry = ['name']\n";
    world.job("job", &[input, REPORT, CSV]);
    let text = world.read("job.toml").replace("'a test'", "'Marked purpose'");
    world.write("job.toml", &text);
    (world, numbers)
}

/// Adds `[audit] sink` to the configuration.
fn with_sink(world: &World, sink: &str) {
    let text = world.read("orgpull.toml");
    let text = text.split("[audit]").next().unwrap();
    world.write("orgpull.toml", &format!("{text}[audit]\nsink = {sink}\n"));
}

/// A program of the shell's as a sink.
fn with_script(world: &World, script: &str) {
    world.write("sink.sh", script);
    with_sink(world, "{ command = ['/bin/sh', 'sink.sh'] }");
}

fn entries(world: &World) -> Vec<Value> {
    serde_json::from_str(&world.orgpull(&["audit", "--json"]).exits(0).stdout).unwrap()
}

fn words(world: &World) -> Vec<String> {
    entries(world).iter().map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

/// How many entries there are, and the hash of the last.
fn whole(world: &World) -> (u64, String) {
    let told: Value =
        serde_json::from_str(&world.orgpull(&["audit", "--verify", "--json"]).exits(0).stdout).unwrap();
    assert_eq!((&told["whole"], &told["wrong"]), (&true.into(), &Value::Null));
    (told["entries"].as_u64().unwrap(), told["head"].as_str().unwrap().to_owned())
}

fn access(world: &World, flags: &[&str], number: &str) -> Ended {
    let mut process = Process::fed(world, &[&["access"], flags].concat());
    drop(process.feed(&format!("{number}\n")));
    process.ends()
}

#[test]
fn every_act_is_written_down_by_whom_and_without_a_number() {
    let (world, numbers) = marked();
    with_sink(&world, "{ file = 'audit.jsonl' }");
    let ran = command(&world, BINARY, &["run", "job.toml"]).env("ORGPULL_OPERATOR", "Risk, night").output();
    assert!(ran.unwrap().status.success());
    world.orgpull(&["run", "job.toml", "--limit", "1", "--max-calls", "0", "--buy-again"]).exits(8);
    world.orgpull(&["run", "job.toml", "--limit", "1"]).exits(0);
    world.orgpull(&["retry", "job"]).exits(0);
    let output = format!("{}.csv", numbers[0]);
    world.orgpull(&["export", "job", "--output", &output]).exits(0);
    world.orgpull(&["export", "job"]).exits(0);
    access(&world, &["--output", "held.json"], &numbers[1]).exits(0);
    access(&world, &[], &companies(9)[8]).exits(0);
    world.orgpull(&["backup", "backup.db"]).exits(0);
    world.orgpull(&["key", "backup", "ring"]).exits(0);
    world.orgpull(&["key", "new", "--to", "new.key"]).exits(0);
    let configuration = world.read("orgpull.toml");
    let keys = "[privacy]\nkey = [{ file = 'new.key' }, { file = 'orgpull.key' }]\n";
    world.write("orgpull.toml", &format!("{configuration}{keys}"));
    world.orgpull(&["key", "rotate"]).exits(0);
    fs::remove_file(world.path("orgpull.db.keyring")).unwrap();
    world.orgpull(&["key", "restore", "ring"]).exits(0);
    world.orgpull(&["resolve", "job", "--as", "billed"]).exits(0);
    world.write("invoice.csv", "date,reference,service,amount\n2026-03-01,xyz,getdata,3.20\n");
    world.orgpull(&["reconcile", "invoice.csv"]).exits(4);
    world.orgpull(&["resolve", "--invoice", "invoice.csv"]).exits(0);
    world.orgpull(&["login"]).exits(0);
    let known = entries(&world);
    let words: Vec<&str> = known.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    let expected = [
        "key-made",
        "run-begun",
        "run-ended",
        "run-begun",
        "run-ended",
        "run-continued",
        "run-ended",
        "retried",
        "run-ended",
        "exported",
        "exported",
        "accessed",
        "accessed",
        "backed-up",
        "key-backed-up",
        "key-rotated",
        "key-restored",
        "resolved",
        "reconciled",
        "resolved",
        "login",
    ];
    assert_eq!(words, expected);
    let (begun, ended) = (&known[1], &known[2]);
    assert_eq!((&begun["operator"], &begun["job"]), (&"Risk, night".into(), &"job".into()));
    assert_eq!((&begun["details"]["rows"], &ended["details"]["calls"]), (&2.into(), &2.into()));
    assert_eq!((&ended["details"]["exit"], &ended["run"]), (&0.into(), &begun["run"]));
    assert!(ended["details"]["outputs"][0].as_str().unwrap().ends_with("/out.csv"));
    assert_eq!((&known[4]["details"]["exit"], &known[11]["details"]["rows"]), (&8.into(), &1.into()));
    assert_eq!((&known[9]["details"]["full"], &known[12]["details"]["rows"]), (&true.into(), &0.into()));
    // The sink has the same, line by line, and an outsider can check it.
    let (listed, sink) = (world.orgpull(&["audit", "--json"]).exits(0).stdout, world.read("audit.jsonl"));
    let lines: Vec<&str> = listed.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(
        lines.iter().map(|line| line.trim_end_matches(',')).collect::<Vec<_>>(),
        sink.lines().collect::<Vec<_>>()
    );
    assert_eq!(world.path("audit.jsonl").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = world.orgpull(&["audit"]).exits(0).stdout;
    assert_eq!(text.lines().count(), known.len());
    for told in [&sink, &text] {
        for number in &numbers {
            assert!(!told.contains(&number[number.len() - 4..]), "{told}");
        }
        assert!(!told.contains("Marked"), "{told}");
    }
}

/// Whoever writes into the ledger past the program, and past its triggers.
#[test]
fn a_log_that_was_tampered_with_is_told_and_a_cut_one_by_its_head() {
    let (world, _) = marked();
    world.orgpull(&["run", "job.toml"]).exits(0);
    for copy in ["a.db", "b.db", "c.db", "d.db"] {
        world.orgpull(&["backup", copy]).exits(0);
    }
    let (count, head) = whole(&world);
    assert_eq!(count, 7);
    let holds = ["audit", "--verify", "--head", head.as_str()];
    world.orgpull(&holds).exits(0).says(&format!("the log is whole: 7 entries, head {head}"));
    world.change("PRAGMA wal_checkpoint(TRUNCATE)");
    let aside = fs::read(world.path("orgpull.db")).unwrap();
    for (changes, says) in [
        (&["UPDATE audit SET operator = 'nobody' WHERE id = 4"][..], "entry 4 is not what was written"),
        (&["DELETE FROM audit WHERE id = 4"], "entry 4 is missing"),
        (
            &[
                "UPDATE audit SET id = -5 WHERE id = 5",
                "UPDATE audit SET id = 5 WHERE id = 6",
                "UPDATE audit SET id = 6 WHERE id = -5",
            ],
            "entry 5 is not what was written",
        ),
        (&["UPDATE audit SET hash = zeroblob(32) WHERE id = 7"], "entry 7 is not what was written"),
    ] {
        for sql in ["DROP TRIGGER audit_unchanged", "DROP TRIGGER audit_kept"].iter().chain(changes) {
            world.change(sql);
        }
        world.orgpull(&["audit", "--verify"]).exits(6).says(says);
        let told = world.orgpull(&["audit", "--verify", "--json"]).exits(6).stdout;
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["whole"], false);
        // What is left of it can be read all the same.
        world.orgpull(&["audit"]).exits(0);
        for companion in ["orgpull.db-wal", "orgpull.db-shm"] {
            let _ = fs::remove_file(world.path(companion));
        }
        fs::write(world.path("orgpull.db"), &aside).unwrap();
    }
    // Its end cut off: nothing is missed but what somebody has kept.
    for sql in ["DROP TRIGGER audit_kept", "DELETE FROM audit WHERE id > 5"] {
        world.change(sql);
    }
    assert_eq!(whole(&world).0, 5);
    world.orgpull(&holds).exits(6).says("no entry has the hash that --head gives");
    // And written on.
    world.orgpull(&["backup", "e.db"]).exits(0);
    world.orgpull(&["backup", "f.db"]).exits(0);
    assert_eq!(whole(&world).0, 7);
    world.orgpull(&holds).exits(6);
}

#[test]
fn where_it_cannot_be_written_down_nothing_is_done() {
    let (world, numbers) = marked();
    world.orgpull(&["run", "job.toml"]).exits(0);
    let (arrivals, logins, (count, _)) = (world.stats().arrivals, world.logins().len(), whole(&world));
    world.orgpull(&["key", "backup", "ring"]).exits(0);
    fs::create_dir(world.path("folder")).unwrap();
    for sink in [
        "{ file = 'none/audit.jsonl' }",
        "{ file = 'folder' }",
        "{ command = ['/nowhere/program'] }",
        "{ command = ['/bin/sh', '-c', 'exit 3'] }",
    ] {
        with_sink(&world, sink);
        for refused in [
            &["run", "job.toml", "--buy-again"][..],
            &["export", "job", "--output", "again.csv"],
            &["export", "job", "--format", "csv", "--output", "-"],
            &["backup", "backup.db"],
            &["key", "backup", "ring2"],
            &["key", "restore", "ring"],
            &["resolve", "job", "--as", "billed"],
            &["login"],
        ] {
            let ended = world.orgpull(refused).exits(6);
            assert!(
                ended.said().contains("[audit] sink") && ended.said().contains("nothing was done"),
                "{}",
                ended.said()
            );
            assert!(!ended.stdout.contains("creditsafe"), "{}", ended.stdout);
        }
        for flags in [&[][..], &["--json"], &["--output", "held.json"]] {
            let ended = access(&world, flags, &numbers[0]).exits(6);
            assert!(!ended.stdout.contains("held") && !ended.stdout.contains("rows"), "{}", ended.stdout);
        }
    }
    let made = ["again.csv", "backup.db", "ring2", "held.json"].map(|name| world.path(name).exists());
    assert_eq!(made, [false; 4]);
    assert_eq!((world.stats().arrivals, world.logins().len()), (arrivals, logins));
    assert_eq!(whole(&world).0, count + 1);
    // The run that was refused can be gone on with.
    with_sink(&world, "{ file = 'audit.jsonl' }");
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert!(world.read("audit.jsonl").contains("run-continued"));
    assert_eq!(world.stats().arrivals, arrivals + 2);
    // And no output takes the place of the sink.
    let log = world.read("audit.jsonl");
    world.orgpull(&["export", "job", "--format", "csv", "--output", "audit.jsonl"]).exits(7);
    assert!(world.read("audit.jsonl").starts_with(&log));
}

/// Nobody reads what cannot be written about.
#[test]
fn a_ledger_that_is_only_read_shows_its_log_and_nobodys_data() {
    let (world, numbers) = marked();
    world.orgpull(&["run", "job.toml"]).exits(0);
    for file in ["orgpull.db", "orgpull.db.open", "orgpull.db.lock"] {
        fs::set_permissions(world.path(file), Permissions::from_mode(0o400)).unwrap();
    }
    // For root a mode is no hindrance.
    let bound = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override", BINARY];
    let reader = |words: &[&str]| {
        let (program, front) = if is_root() { ("setpriv", &bound[..]) } else { (BINARY, &[][..]) };
        command(&world, program, &[front, words].concat())
    };
    let reads = |words: &[&str]| Process::of(&mut reader(words));
    assert_eq!(reads(&["audit"]).ends().exits(0).stdout.lines().count(), 3);
    let mut process = Process::of(reader(&["access"]).stdin(std::process::Stdio::piped()));
    drop(process.feed(&format!("{}\n", numbers[0])));
    let refused = process.ends().exits(6);
    assert!(
        refused.stdout.is_empty() && refused.stderr.contains("it can only be read here"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_sink_that_fails_at_the_end_is_a_warning() {
    let (world, _) = marked();
    with_script(&world, "cat > line; if grep -q run-ended line; then exit 3; fi; cat line >> taken");
    world
        .orgpull(&["run", "job.toml"])
        .exits(0)
        .says("has no entry 3 of the log of who did what: it ended with");
    assert_eq!(words(&world), ["key-made", "run-begun", "run-ended"]);
    assert_eq!(world.read("taken").lines().count(), 2);
    assert!(world.path("out.csv").exists());
}

/// The sink's program kills who has called it as soon as it has the entry.
#[test]
fn the_sink_has_the_entry_whatever_becomes_of_the_process() {
    let (world, numbers) = marked();
    world.orgpull(&["run", "job.toml"]).exits(0);
    let (count, head) = whole(&world);
    with_script(&world, "cat >> taken; kill -9 $PPID");
    let killed = access(&world, &[], &numbers[0]);
    assert!(killed.exit.is_none() && killed.stdout.is_empty(), "{}", killed.stdout);
    let taken: Value = serde_json::from_str(&world.read("taken")).unwrap();
    assert_eq!((&taken["what"], &taken["id"]), (&"accessed".into(), &(count + 1).into()));
    assert_eq!((&taken["previous"], whole(&world)), (&head.as_str().into(), (count, head.clone())));
    // The next one has its number, and the chain goes on from where it was.
    with_script(&world, "cat >> taken");
    access(&world, &[], &numbers[0]).exits(0);
    assert_eq!(whole(&world).0, count + 1);
    assert_eq!(world.read("taken").lines().count(), 2);
    world.orgpull(&["audit", "--verify", "--head", &head]).exits(0);
}

#[test]
fn processes_at_once_make_one_chain() {
    let (world, _) = marked();
    world.orgpull(&["run", "job.toml"]).exits(0);
    with_script(&world, "cat >> taken; sleep 0.05");
    let names: Vec<String> = (0..8).map(|at| format!("copy-{at}.db")).collect();
    let going: Vec<Process> = names.iter().map(|name| Process::start(&world, &["backup", name])).collect();
    for process in going {
        process.ends().exits(0);
    }
    assert_eq!(whole(&world).0, 11);
    let listed = world.orgpull(&["audit", "--json"]).exits(0).stdout;
    let taken = world.read("taken");
    assert_eq!(taken.lines().count(), 8);
    assert!(taken.lines().all(|line| listed.contains(line)), "{taken}\n{listed}");
    let copied: Vec<bool> = names.iter().map(|name| taken.contains(name)).collect();
    assert_eq!(copied, [true; 8]);
}

#[test]
fn a_daemons_runs_are_its_operators() {
    let (world, _) = marked();
    world.write("job.toml", &(world.read("job.toml") + "[schedule]\ncron = '@yearly'\n"));
    let mut daemon = command(&world, BINARY, &["schedule", "."]);
    let mut daemon = Process::of(daemon.env("ORGPULL_OPERATOR", "the nights"));
    daemon.says("serving ");
    with_sink(&world, "{ file = 'audit.jsonl' }");
    daemon.signal("HUP");
    daemon.says("are read again");
    world.orgpull(&["fire", "job"]).exits(0);
    assert!(daemon.alive_until(|| {
        fs::read_to_string(world.path("audit.jsonl")).is_ok_and(|log| log.contains("run-ended"))
    }));
    daemon.signal("TERM");
    daemon.ends().exits(0);
    let of_runs: Vec<Value> = entries(&world).into_iter().filter(|entry| entry["run"].is_string()).collect();
    assert_eq!(of_runs.len(), 2);
    assert!(of_runs.iter().all(|entry| entry["operator"] == "the nights"), "{of_runs:?}");
}

#[test]
fn the_sink_is_looked_at_and_not_tried() {
    let (world, _) = marked();
    world.orgpull(&["run", "job.toml"]).exits(0);
    with_sink(&world, "{ file = 'audit.jsonl' }");
    world.orgpull(&["check", "orgpull.toml"]).exits(0);
    world.orgpull(&["doctor"]).exits(0).says("audit sink: the file");
    assert!(!world.path("audit.jsonl").exists());
    world.write("audit.jsonl", "");
    fs::set_permissions(world.path("audit.jsonl"), Permissions::from_mode(0o666)).unwrap();
    world.orgpull(&["doctor"]).exits(6).says("others can write it (mode 0666)");
    with_script(&world, "touch tried");
    world.orgpull(&["doctor"]).exits(0).says("which is not tried");
    assert!(!world.path("tried").exists());
    with_sink(&world, "{ env = 'SINK' }");
    world.orgpull(&["check", "orgpull.toml"]).exits(3).says("unknown key `env` in the sink");
    // What is made up is nobody's business.
    with_sink(&world, "{ file = 'none/audit.jsonl' }");
    world.orgpull(&["run", "job.toml", "--simulate"]).exits(0);
    world.orgpull(&["audit", "--simulate"]).exits(0).says("run-begun");
}
