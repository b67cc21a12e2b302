//! INT, TERM and HUP: the first drains, the second ends at once, and none waits for a pause to pass. A terminal that closes
//! drains, and no more.

use crate::books::Books;
use crate::machine::{
    BINARY, Ended, LONG, PROMPT, Process, both, busy, command, output, release, until, until_held,
};
use crate::world::{World, companies};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

const RUN: [&str; 4] = ["run", "job.toml", "--progress", "plain"];

/// Eight of twenty questions are asked, and their answers are withheld.
fn eight_in_flight() -> (World, Process) {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    let process = Process::start(&world, &RUN);
    until_held(&world, 8);
    (world, process)
}

/// Runs the job to its end and compares the books.
fn settles_the_rest(world: &World, exit: i32, unknown: usize) {
    Process::start(world, &RUN).ends().exits(exit);
    let books = Books::of(world);
    books.nothing_twice().agree().agree_with(&world.rows(&output("job")));
    assert_eq!((books.count("unknown"), world.stats().arrivals), (unknown, 20));
}

#[test]
fn the_first_lets_finish_what_is_in_flight() {
    for signal in ["INT", "TERM", "HUP"] {
        let (world, process) = eight_in_flight();
        process.signal(signal);
        process.says("nothing new is sent, and 8 in flight are waited for");
        release(&world);
        let ended = process.ends().exits(130);
        assert!(ended.stdout.trim_end().ends_with("orgpull run job.toml"), "{}", ended.stdout);
        assert!(!world.path(&output("job")).exists());
        let books = Books::of(&world);
        books.nothing_twice().agree();
        assert_eq!((books.count("pending"), books.count("unknown"), world.stats().arrivals), (12, 0, 8));
        settles_the_rest(&world, 0, 0);
    }
}

#[test]
fn a_drain_that_leaves_nothing_is_a_finished_run() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(4));
    let process = Process::start(&world, &RUN);
    until_held(&world, 8);
    process.signal("INT");
    process.says("nothing new is sent");
    release(&world);
    process.ends().exits(0);
    assert_eq!(world.rows(&output("job")).len(), 8);
}

#[test]
fn a_drain_with_a_lost_answer_is_a_finished_run_with_an_unknown() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 7\n[[fault]]\ndo = 'stall'").account("timeout = '2s'");
    both(&world, "job", &companies(4));
    let process = Process::start(&world, &RUN);
    until(&world, |stats| stats.held == 7 && stats.arrivals == 8);
    process.signal("INT");
    process.says("nothing new is sent");
    release(&world);
    process.ends().exits(4);
    assert_eq!(Books::of(&world).agree().count("unknown"), 1);
}

#[test]
fn the_second_ends_at_once_and_what_is_in_flight_is_unknown() {
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("HUP", "HUP"), ("HUP", "TERM")] {
        let (world, process) = eight_in_flight();
        process.signal(first);
        process.says("a second signal leaves them unknown");
        process.signal(second);
        process.ends_within(PROMPT).exits(130);
        let books = Books::of(&world);
        books.nothing_twice().agree();
        assert_eq!((books.count("unknown"), books.count("started"), books.count("pending")), (8, 0, 12));
        settles_the_rest(&world, 4, 8);
    }
}

/// Another process holds the ledger, and what came back cannot be written.
#[test]
fn the_second_ends_at_once_while_another_process_holds_the_ledger() {
    let (world, process) = eight_in_flight();
    let held = world.hold_ledger();
    release(&world);
    process.signal("INT");
    process.says("nothing new is sent");
    process.signal("INT");
    let ended = process.ends_within(PROMPT).exits(130);
    assert!(ended.stderr.contains("another process holds the ledger"), "{}", ended.stderr);
    assert!(ended.stderr.contains("8 answers could not be written"), "{}", ended.stderr);
    drop(held);
    assert_eq!(Books::of(&world).count("started"), 8);
    settles_the_rest(&world, 4, 8);
}

/// Nothing is in flight yet, so there is nothing to lose.
#[test]
fn the_first_ends_the_wait_for_a_ledger_that_another_process_holds() {
    let world = busy("");
    both(&world, "job", &companies(10));
    Process::start(&world, &["run", "job.toml", "--max-calls", "4"]).ends().exits(8);
    for signal in ["INT", "TERM"] {
        let held = world.hold_ledger();
        let lock = world.path("orgpull.db.job.lock");
        let _ = fs::remove_file(&lock);
        let mut process = Process::start(&world, &RUN);
        assert!(process.alive_until(|| lock.exists()));
        process.signal(signal);
        process.ends_within(PROMPT).exits(130);
        drop(held);
    }
    // And a new one, which has its input to copy.
    let held = world.hold_ledger();
    let lock = world.path("orgpull.db.job.lock");
    let _ = fs::remove_file(&lock);
    let mut process = Process::start(&world, &["run", "job.toml", "--new"]);
    assert!(process.alive_until(|| lock.exists()));
    process.signal("INT");
    process.ends_within(PROMPT).exits(130);
    drop(held);
    settles_the_rest(&world, 0, 0);
}

#[test]
fn outage_wait_bounds_the_wait_for_a_ledger_that_another_process_holds() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    world.write("job.toml", &(world.read("job.toml") + "[run]\noutage_wait = '2s'\n"));
    let process = Process::start(&world, &RUN);
    until_held(&world, 8);
    let held = world.hold_ledger();
    release(&world);
    let ended = process.ends_within(Duration::from_secs(30)).exits(6);
    assert!(ended.stderr.contains("8 answers could not be written"), "{}", ended.stderr);
    drop(held);
    settles_the_rest(&world, 4, 8);
}

/// What a run sits in when the signal comes, and how it is known to sit there.
struct Pause {
    name: &'static str,
    scenario: &'static str,
    /// Keys of the account.
    account: &'static str,
    rows: usize,
    /// What it says, where the upstream sees nothing of it.
    says: Option<&'static str>,
    sits: fn(&orgpull::simulator::Stats) -> bool,
}

const PAUSES: [Pause; 7] = [
    Pause {
        name: "cool-down",
        scenario: "[[fault]]\ndo = 'status'\nstatus = 429\nretry_after = '300s'",
        account: "",
        rows: 10,
        says: Some("429 (too many requests)"),
        sits: |stats| stats.arrivals > 0,
    },
    Pause {
        name: "outage",
        scenario: "[[fault]]\ndo = 'status'\nstatus = 503\n[[fault]]\nservice = 'health'\ndo = 'status'\nstatus = 503",
        account: "",
        rows: 10,
        says: Some("is not answering"),
        sits: |stats| stats.health > 1,
    },
    Pause {
        name: "outage that asks its health address",
        scenario: "[[fault]]\ndo = 'status'\nstatus = 503\n[[fault]]\nservice = 'health'\ndo = 'stall'",
        account: "timeout = '300s'",
        rows: 10,
        says: None,
        sits: |stats| stats.health > 0,
    },
    Pause {
        name: "login",
        scenario: "login = { delay = '300s' }",
        account: "timeout = '300s'",
        rows: 10,
        says: None,
        sits: |stats| stats.logins > 0,
    },
    Pause {
        name: "login out of reach",
        scenario: "login = { status = 503 }",
        account: "",
        rows: 10,
        says: Some("is not answering"),
        sits: |stats| stats.logins > 0,
    },
    Pause {
        name: "back-off",
        scenario: "[[fault]]\ndo = 'status'\nstatus = 503\nretry_after = '300s'\ntimes = 2",
        account: "",
        rows: 1,
        says: None,
        sits: |stats| stats.arrivals == 2 && stats.in_flight == 0,
    },
    Pause {
        name: "pace",
        scenario: "",
        account: "rate = '1/h'",
        rows: 1,
        says: None,
        sits: |stats| stats.arrivals == 1 && stats.in_flight == 0,
    },
];

#[test]
fn no_pause_is_sat_out() {
    for pause in &PAUSES {
        for signal in ["INT", "TERM"] {
            println!("{signal} in the {}", pause.name);
            let world = busy(pause.scenario).account(pause.account);
            both(&world, "job", &companies(pause.rows));
            let process = Process::start(&world, &RUN);
            until(&world, pause.sits);
            if let Some(text) = pause.says {
                process.says(text);
            }
            process.signal(signal);
            let ended = process.ends_within(PROMPT).exits(130);
            assert!(ended.stdout.contains("Next: to go on: orgpull run job.toml"), "{}", ended.stdout);
            let books = Books::of(&world);
            books.nothing_twice().agree();
            assert_eq!(books.count("unknown") + books.count("started"), 0, "{}", pause.name);
        }
    }
}

/// Nothing has been sent, so there is nothing to wait for: not for an input that never ends, nor for a secret.
#[test]
fn a_signal_before_anything_is_sent_ends_the_process() {
    let stopped = |ended: Ended| {
        let ended = ended.exits(130);
        assert!(
            ended.stderr.contains("nothing was sent") || ended.stderr.contains("before anything"),
            "{}",
            ended.stderr
        );
    };
    let world = busy("");
    both(&world, "job", &companies(10));
    for fed in ["orgnr\n", &format!("orgnr\n{}", "556012-5790\n".repeat(9_000)), ""] {
        for signal in ["INT", "TERM"] {
            let lock = world.path("orgpull.db.job.lock");
            let _ = fs::remove_file(&lock);
            let run = ["run", "job.toml", "--input", "-", "--progress", "json"];
            let mut process = Process::fed(&world, &run);
            let open = process.feed(fed);
            if fed.len() > 10_000 {
                process.says("\"loading\"");
            } else {
                // It listens for signals before it takes the job's lock, and then waits for the input.
                assert!(process.alive_until(|| lock.exists()));
            }
            process.signal(signal);
            stopped(process.ends_within(PROMPT));
            drop(open);
        }
    }
    let world = world.account("password = { command = ['sh', '-c', 'touch asked; sleep 25'] }");
    let mut process = Process::start(&world, &RUN);
    assert!(process.alive_until(|| world.path("asked").exists()));
    process.signal("INT");
    stopped(process.ends_within(PROMPT));
    assert_eq!(world.stats().arrivals + world.stats().logins, 0);

    // And the job can be run as if nothing had been.
    let world = world.account("password = { file = 'password' }");
    Process::start(&world, &RUN).ends_within(LONG).exits(0);
    assert_eq!(world.rows(&output("job")).len(), 20);
}

/// `nohup orgpull run …`
#[test]
fn a_run_that_is_to_survive_its_terminal_does() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    let ignoring = ["-c", "trap '' HUP; exec \"$0\" run job.toml --progress plain", BINARY];
    let process = Process::of(&mut command(&world, "sh", &ignoring));
    until_held(&world, 8);
    process.signal("HUP");
    process.signal("HUP");
    release(&world);
    process.ends().exits(0);
    assert_eq!((Books::of(&world).agree().count("hit"), world.stats().arrivals), (20, 20));
}

/// A command on a terminal of its own, below a shell as people have it. Killed, the terminal is gone.
fn on_a_terminal(world: &World, line: &str) -> Process {
    // The shell that the terminal is of goes with it, and then the rest hears. The one below writes down how it ended.
    world.write("below.sh", &format!("trap : HUP INT\n{line}\necho $? >code\n"));
    Process::of(command(world, "script", &["-qefc", "sh below.sh; true", "/dev/null"]).stdin(Stdio::piped()))
}

fn ended(world: &World) -> String {
    let deadline = Instant::now() + LONG;
    while fs::read_to_string(world.path("code")).is_ok_and(|code| code.is_empty())
        || !world.path("code").exists()
    {
        assert!(Instant::now() < deadline, "it does not end: {}", world.read("said"));
        std::thread::sleep(Duration::from_millis(10));
    }
    world.read("code").trim().to_owned()
}

fn until_said(world: &World, words: &str) {
    let deadline = Instant::now() + LONG;
    while !fs::read_to_string(world.path("said")).is_ok_and(|said| said.contains(words)) {
        assert!(Instant::now() < deadline, "it never says {words}: {}", world.read("said"));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The system and the shell both tell it, several times; nothing that is paid for is lost for that, also where a Ctrl-C came
/// first, and a terminal that nobody can write to any more is no failure.
#[test]
fn a_terminal_that_closes_drains_however_often_it_says_so() {
    for interrupted in [false, true] {
        let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
        both(&world, "job", &companies(10));
        let line = format!("{BINARY} run job.toml --yes --progress plain --summary-json summary.json 2>said");
        let mut terminal = on_a_terminal(&world, &line);
        let mut keys = terminal.feed("");
        until_held(&world, 8);
        if interrupted {
            keys.write_all(b"\x03").unwrap();
            until_said(&world, "8 in flight are waited for");
        }
        assert!(terminal.kill());
        until_said(&world, "8 in flight are waited for");
        let lock = world.read("orgpull.db.job.lock");
        let pid = lock.trim_start_matches("process ").split(',').next().unwrap().to_owned();
        for _ in 0..2 {
            assert!(Command::new("sh").args(["-c", "kill -s HUP $0", &pid]).status().unwrap().success());
        }
        release(&world);
        assert_eq!(ended(&world), "130", "{}", world.read("said"));
        let books = Books::of(&world);
        books.nothing_twice().agree();
        assert_eq!((books.count("pending"), books.count("unknown"), world.stats().arrivals), (12, 0, 8));
        let summary: serde_json::Value = serde_json::from_str(&world.read("summary.json")).unwrap();
        assert_eq!(summary["exit"], 130);
        settles_the_rest(&world, 0, 0);
    }
}

/// With the bar and all it has to say on the terminal that goes.
#[test]
fn nobody_to_hear_it_is_no_reason_to_lose_an_answer() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    let mut terminal = on_a_terminal(&world, &format!("{BINARY} -vv run job.toml --yes"));
    until_held(&world, 8);
    assert!(terminal.kill());
    release(&world);
    // It may have gone on for a moment before it heard.
    let code = ended(&world);
    let books = Books::of(&world);
    books.nothing_twice().agree();
    assert_eq!((books.count("unknown"), books.count("started")), (0, 0));
    assert_eq!(code, if books.count("pending") > 0 { "130" } else { "0" });
}

#[test]
fn a_daemon_whose_terminal_closes_comes_to_a_rest() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    world.write("job.toml", &(world.read("job.toml") + "[schedule]\ncron = '@yearly'\n"));
    let mut terminal = on_a_terminal(&world, &format!("{BINARY} schedule . 2>said"));
    until_said(&world, "serving 1 job");
    world.orgpull(&["fire", "job"]).exits(0);
    until_held(&world, 8);
    assert!(terminal.kill());
    until_said(&world, "8 in flight are waited for");
    release(&world);
    assert_eq!(ended(&world), "0", "{}", world.read("said"));
    let books = Books::of(&world);
    assert_eq!((books.count("unknown"), world.stats().arrivals), (0, 8));
}

#[test]
fn an_answer_that_came_while_the_process_was_stopped_is_heard() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8").account("timeout = '1s'");
    both(&world, "job", &companies(4));
    let process = Process::start(&world, &RUN);
    until_held(&world, 8);
    process.signal("STOP");
    let stopped = Instant::now();
    release(&world);
    // Its time-out passes meanwhile, on the clock of the machine.
    until(&world, |stats| stats.in_flight == 0 && stopped.elapsed() > Duration::from_secs(2));
    process.signal("CONT");
    process.ends().exits(0);
    assert_eq!(Books::of(&world).agree().count("unknown"), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn no_core_file_is_left() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "job", &companies(10));
    let with_cores = "ulimit -S -c $(ulimit -H -c); exec \"$0\" run job.toml";
    let process = Process::of(&mut command(&world, "sh", &["-c", with_cores, BINARY]));
    until_held(&world, 8);
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    process.signal("ABRT");
    assert_eq!(process.ends().exit, None);
    let core = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("core");
    assert!(!fs::read_dir(world.path("")).unwrap().any(|entry| core(entry.unwrap())));
}
