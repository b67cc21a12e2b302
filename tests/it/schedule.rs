//! The daemon: what it fires, once; what becomes of it when it dies; and what the verbs around it do.

use crate::books::{Books, query};
use crate::machine::{BINARY, LONG, Process, busy, command, release, until, until_held};
use crate::world::{CSV, REPORT, Ran, World, companies, numbers};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};
use std::os::unix::net::UnixDatagram;

const DAEMON: [&str; 2] = ["schedule", "."];
/// A schedule that does not come while a test lasts.
const YEARLY: &str = "[schedule]\ncron = '@yearly'\ncatch_up = '3000d'\n";

/// The job `name` about some companies, with a schedule.
fn scheduled(world: &World, name: &str, rows: usize, schedule: &str) {
    let csv = CSV.replace("out.csv", &format!("{name}.csv"));
    world.job(name, &[&numbers(&companies(rows)), REPORT, &csv, schedule]);
}

/// A daemon that has begun.
fn daemon(world: &World, flags: &[&str]) -> Process {
    let process = Process::start(world, &[&DAEMON, flags].concat());
    process.says("serving ");
    process
}

/// Changes the ledger behind the daemon's back.
fn change(world: &World, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = world.path("orgpull.db");
    runtime.block_on(async {
        let mut ledger = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        sqlx::query(sql).execute(&mut ledger).await.unwrap();
    });
}

/// As if daemons had watched the jobs for three years, and had been gone until now.
fn long_gone(world: &World) {
    daemon(world, &[]).signal("TERM");
    let gone = daemon(world, &[]);
    gone.signal("TERM");
    gone.ends().exits(0);
    change(world, "UPDATE schedules SET since = since - 3 * 366 * 86400000");
}

/// State, cause and exit code of each fire, the oldest first.
fn fires(world: &World) -> Vec<(String, String, Option<i64>)> {
    let rows = query(world, "SELECT state, cause, exit FROM fires ORDER BY claimed_at, id");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn ended(cause: &str, exit: i64) -> (String, String, Option<i64>) {
    ("ended".to_owned(), cause.to_owned(), Some(exit))
}

/// Runs of which fires, as the ledger counts them.
fn count(world: &World, sql: &'static str) -> i64 {
    query(world, sql)[0].get(0)
}

/// Waits until no fire is open.
fn until_ended(process: &mut Process, world: &World, fires: i64) {
    assert!(process.alive_until(|| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        count(world, "SELECT count(*) FROM fires WHERE state <> 'claimed'") >= fires
    }));
}

fn jobs(world: &World) -> serde_json::Value {
    let told: Ran = world.orgpull(&["jobs", ".", "--json"]).exits(0);
    serde_json::from_str(&told.stdout).unwrap()
}

#[test]
fn a_missed_fire_is_made_up_for_once_and_by_one_of_two_daemons() {
    let world = busy("");
    scheduled(&world, "job", 4, YEARLY);
    long_gone(&world);
    let mut both = [Process::start(&world, &DAEMON), Process::start(&world, &DAEMON)];
    until_ended(&mut both[0], &world, 1);
    for process in both {
        process.says("serving ");
        process.signal("TERM");
        process.ends().exits(0);
    }
    assert_eq!(fires(&world), [ended("missed", 0)]);
    assert_eq!((count(&world, "SELECT count(*) FROM runs"), world.stats().arrivals), (1, 4));
    Books::of(&world).nothing_twice().agree();
    assert_eq!(world.rows("job.csv").len(), 4);
    // Nor by the next one.
    daemon(&world, &[]).signal("TERM");
    assert_eq!(fires(&world).len(), 1);
}

#[test]
fn missed_is_left_out_where_the_job_says_so() {
    let world = busy("");
    scheduled(&world, "skips", 1, "[schedule]\ncron = '@yearly'\nmissed = 'skip'\n");
    scheduled(&world, "late", 1, "[schedule]\ncron = '@yearly'\ncatch_up = '0'\n");
    long_gone(&world);
    let mut process = daemon(&world, &[]);
    until_ended(&mut process, &world, 2);
    process.says("late: left out, due ");
    assert!(fires(&world).iter().all(|(state, ..)| state == "skipped"));
    assert_eq!(world.stats().arrivals, 0);
}

#[test]
fn killed_in_a_run_and_taken_over() {
    let world = busy("[[fault]]\ndo = 'hold'\nafter = 2\ntimes = 8");
    scheduled(&world, "job", 20, YEARLY);
    long_gone(&world);
    let mut first = daemon(&world, &[]);
    until_held(&world, 8);
    assert!(first.kill());
    let mut second = daemon(&world, &["--log-format", "json"]);
    second.says("taken over from a daemon that is gone");
    until_ended(&mut second, &world, 1);
    second.signal("TERM");
    let told = second.ends().exits(0).stderr;
    let lines: Vec<serde_json::Value> =
        told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of =
        |event: &str| lines.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("{told}"));
    assert!(of("run")["run"].is_string() && of("run")["run"] == of("ended")["run"], "{told}");
    assert_eq!((&of("ended")["exit"], &of("fire")["job"]), (&4.into(), &"job".into()));
    assert_eq!(fires(&world), [ended("missed", 4)]);
    let books = Books::of(&world);
    books.nothing_twice().agree();
    assert_eq!((books.count("unknown"), books.runs.len()), (8, 1), "the fire's run was continued");
}

#[test]
fn told_to_stop_it_drains_and_the_next_goes_on() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    scheduled(&world, "job", 20, YEARLY);
    long_gone(&world);
    let process = daemon(&world, &[]);
    until_held(&world, 8);
    process.signal("TERM");
    process.says("stopping: 1 run is brought to a rest");
    process.says("nothing new is sent, and 8 in flight are waited for");
    release(&world);
    process.ends().exits(0);
    assert_eq!(fires(&world), [("claimed".to_owned(), "missed".to_owned(), None)]);
    let mut next = daemon(&world, &[]);
    until_ended(&mut next, &world, 1);
    assert_eq!(fires(&world), [ended("missed", 0)]);
    let books = Books::of(&world);
    books.nothing_twice().agree();
    assert_eq!((books.count("unknown"), books.runs.len(), world.stats().arrivals), (0, 1, 20));
}

#[test]
fn what_does_not_come_to_a_rest_in_time_is_cut_short() {
    for by_signal in [true, false] {
        let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
        scheduled(&world, "job", 20, YEARLY);
        long_gone(&world);
        let process = daemon(&world, &["--grace", if by_signal { "1h" } else { "100ms" }]);
        until_held(&world, 8);
        process.signal("TERM");
        process.says("stopping: 1 run");
        if by_signal {
            process.signal("TERM");
        }
        process.says("runs are cut short");
        process.ends().exits(130);
        assert_eq!(Books::of(&world).agree().count("unknown"), 8);
    }
}

#[test]
fn a_job_that_another_process_runs_is_left_out_or_waited_for() {
    for (overlap, expected) in
        [("skip", ("skipped".to_owned(), "missed".to_owned(), None)), ("queue", ended("missed", 0))]
    {
        let world = busy("[[fault]]\ndo = 'hold'\ntimes = 1");
        scheduled(&world, "job", 3, &format!("{YEARLY}overlap = '{overlap}'\n"));
        long_gone(&world);
        let by_hand = Process::start(&world, &["run", "job.toml"]);
        until(&world, |stats| stats.arrivals == 3 && stats.held == 1);
        let mut process = daemon(&world, &[]);
        process.says("job fires: due ");
        if overlap == "skip" {
            process.says(&format!("another process is running this job: process {}, since", by_hand.pid()));
        }
        assert!(jobs(&world)[0]["running"].as_str().unwrap().contains(&by_hand.pid().to_string()));
        release(&world);
        by_hand.ends().exits(0);
        until_ended(&mut process, &world, 1);
        assert_eq!(fires(&world), [expected], "{overlap}");
        let runs = if overlap == "skip" { 1 } else { 2 };
        assert_eq!(count(&world, "SELECT count(*) FROM runs"), runs);
        assert_eq!(world.stats().arrivals, 3, "the second finds the answers of the first");
    }
}

#[test]
fn by_hand_paused_and_paused_by_failures() {
    let world = busy("");
    scheduled(&world, "job", 2, &format!("{YEARLY}pause_after = 2\n"));
    world.orgpull(&["fire", "job"]).exits(3).says("no daemon is at work on this ledger");
    let mut process = daemon(&world, &[]);
    world.orgpull(&["fire", "nightly"]).exits(3).says("no daemon has a job called nightly");
    world.orgpull(&["fire", "job"]).exits(0).says("given to the daemon");
    until_ended(&mut process, &world, 1);
    let job = &jobs(&world)[0];
    assert_eq!((&job["exit"], &job["paused"], &job["job"]), (&0.into(), &false.into(), &"job".into()));
    assert!(job["next"].is_string() && job["run"].is_string(), "{job}");
    world.orgpull(&["pause", "job"]).exits(0);
    let job = &jobs(&world)[0];
    assert_eq!((&job["paused_why"], job["next"].is_null()), (&"by hand".into(), true), "{job}");
    world.orgpull(&["schedule", ".", "--list", "--count", "1"]).exits(0).says("paused");
    world.orgpull(&["unpause", "job"]).exits(0).says("goes on with its next fire");
    world.orgpull(&["unpause", "job"]).exits(0).says("was not paused");
    // Two nights without an input.
    let gone = "[input]\npath = 'gone.csv'\ncolumn = 'orgnr'\n";
    world.job("job", &[gone, REPORT, CSV, YEARLY, "pause_after = 2\n"]);
    for fire in 2..4 {
        world.orgpull(&["fire", "job"]).exits(0);
        until_ended(&mut process, &world, fire);
    }
    process.says("job is paused: it failed 2 times in a row; `orgpull unpause job` lets it go on");
    assert_eq!(fires(&world)[1..], [ended("hand", 3), ended("hand", 3)]);
    let told = world.orgpull(&["jobs", "."]).exits(0).says("paused since");
    assert!(told.stdout.contains("it failed 2 times in a row"), "{}", told.stdout);
    assert_eq!(world.orgpull(&["pause", "no such"]).exits(2).stdout, "");
    world.orgpull(&["pause", "other"]).exits(0).says("nothing has run or watched");
}

#[test]
fn what_waits_is_left_out_once_the_job_is_paused() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 1");
    scheduled(&world, "job", 1, &format!("{YEARLY}overlap = 'queue'\n"));
    long_gone(&world);
    let by_hand = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    let mut process = daemon(&world, &[]);
    process.says("job: waits: another process is running this job");
    world.orgpull(&["pause", "job"]).exits(0);
    release(&world);
    by_hand.ends().exits(0);
    until_ended(&mut process, &world, 1);
    process.says("left out: the job is paused");
    assert_eq!(fires(&world), [("skipped".to_owned(), "missed".to_owned(), None)]);
    assert_eq!(count(&world, "SELECT count(*) FROM runs"), 1);
    world.orgpull(&["run", "job.toml"]).exits(0).says("the schedule of job is paused since");
}

/// Fires that a daemon which is gone had claimed, so many days ago each.
fn orphans(world: &World, days: &[i64]) {
    for days in days {
        let sql = format!(
            "INSERT INTO fires (job, due, cause, state, daemon, claimed_at) VALUES \
             ('job', unixepoch() * 1000 - {days} * 86400000, 'schedule', 'claimed', 'gone', 1)"
        );
        change(world, sql.leak());
    }
}

#[test]
fn of_fires_that_wait_only_the_newest_does() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 1");
    scheduled(&world, "job", 1, &format!("{YEARLY}overlap = 'queue'\n"));
    daemon(&world, &[]).signal("TERM");
    orphans(&world, &[4, 3, 2, 1]);
    let mut process = daemon(&world, &[]);
    until_held(&world, 1);
    until_ended(&mut process, &world, 2);
    release(&world);
    until_ended(&mut process, &world, 4);
    let states = query(&world, "SELECT state FROM fires ORDER BY due");
    let states: Vec<String> = states.iter().map(|row| row.get(0)).collect();
    assert_eq!(states, ["ended", "skipped", "skipped", "ended"]);
    process.says_times("a newer fire waits in its place", 2);
}

#[test]
fn a_fire_by_hand_does_not_wait_for_ever() {
    let world = busy("");
    scheduled(&world, "job", 1, YEARLY);
    let mut process = daemon(&world, &[]);
    change(
        &world,
        "INSERT INTO fires (job, due, cause, state, claimed_at) VALUES \
         ('job', unixepoch() * 1000 - 2 * 86400000, 'hand', 'claimed', 1)",
    );
    until_ended(&mut process, &world, 1);
    process.says("nobody took it up within a day");
    assert_eq!(world.stats().arrivals, 0);
}

#[test]
fn a_fire_that_this_machine_kept_from_its_run_is_tried_again() {
    let world = busy("");
    let csv = CSV.replace("out.csv", "there/out.csv");
    world.job("job", &[&numbers(&companies(1)), REPORT, &csv, YEARLY]);
    world.write("there", "no folder");
    let mut process = daemon(&world, &[]);
    world.orgpull(&["fire", "job"]).exits(0);
    process.says("ended with exit 7");
    std::fs::remove_file(world.path("there")).unwrap();
    std::fs::create_dir(world.path("there")).unwrap();
    until_ended(&mut process, &world, 1);
    assert_eq!(fires(&world), [ended("hand", 0)]);
    assert_eq!(world.stats().arrivals, 1);
}

#[test]
fn a_folder_that_is_away_is_told_once_and_its_jobs_go_on() {
    let world = busy("");
    std::fs::create_dir(world.path("jobs")).unwrap();
    scheduled(&world, "job", 1, YEARLY);
    std::fs::rename(world.path("job.toml"), world.path("jobs/job.toml")).unwrap();
    let mut process = Process::start(&world, &["schedule", "jobs"]);
    process.says("serving 1 job");
    std::fs::rename(world.path("jobs"), world.path("away")).unwrap();
    process.says("the jobs that were there go on");
    std::fs::create_dir(world.path("jobs")).unwrap();
    process.says("the folder of jobs can be read again");
    process.says("job is no longer watched");
    world.orgpull(&["fire", "job"]).exits(3).says("no daemon has a job called job");
    std::fs::remove_dir(world.path("jobs")).unwrap();
    std::fs::rename(world.path("away"), world.path("jobs")).unwrap();
    process.says("job is watched now");
    world.orgpull(&["fire", "job"]).exits(0);
    until_ended(&mut process, &world, 1);
    assert_eq!(process.said().matches("/jobs cannot be read: ").count(), 1, "{}", process.said());
}

#[test]
fn a_daemon_keeps_its_ledger() {
    let world = busy("");
    scheduled(&world, "job", 1, YEARLY);
    let process = daemon(&world, &[]);
    let settings = world.read("orgpull.toml");
    world.write("orgpull.toml", &settings.replace("orgpull.db", "other.db"));
    process.signal("HUP");
    process.says("the configuration names another ledger");
    process.says("configuration and jobs are read again");
    assert!(!world.path("other.db").exists());
}

#[test]
fn a_nights_time_is_for_the_rest_of_the_last_and_its_own_run_together() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 1\nafter = 1");
    let anew = format!("{REPORT}reuse = '0'\n");
    let job = |rules: &str| world.job("job", &[&numbers(&companies(2)), &anew, CSV, rules, YEARLY]);
    // The first night ends with one of two sent: the second would wait for half an hour.
    job("[run]\nmax_time = '2s'\nrate = '2/h'\n");
    world.orgpull(&["run", "job.toml"]).exits(8);
    job("[run]\nmax_time = '2s'\n");
    let mut process = daemon(&world, &[]);
    world.orgpull(&["fire", "job"]).exits(0);
    until_held(&world, 1);
    process.says("the time that max_time allows is over");
    release(&world);
    until_ended(&mut process, &world, 1);
    assert_eq!(fires(&world), [ended("hand", 8)]);
    assert_eq!(world.stats().arrivals, 2, "the fire's own run sends nothing in what is no longer its night");
    assert_eq!(count(&world, "SELECT count(*) FROM runs"), 2);
}

#[test]
fn a_file_that_breaks_is_told_once_and_the_others_go_on() {
    let world = busy("");
    scheduled(&world, "good", 1, YEARLY);
    scheduled(&world, "bad", 1, YEARLY);
    let mut process = daemon(&world, &[]);
    scheduled(&world, "bad", 1, "[schedule]\ncron = '0 0 30 2 *'\n");
    process.says("this never comes");
    // Two more fires are at least two more looks.
    for fire in 1..3 {
        world.orgpull(&["fire", "good"]).exits(0);
        until_ended(&mut process, &world, fire);
    }
    assert_eq!(process.said().matches("this never comes").count(), 1, "{}", process.said());
    // A second job of the name.
    world.write("copy.toml", &world.read("good.toml"));
    process.says("are all called `good`: none of them is run");
    std::fs::remove_file(world.path("copy.toml")).unwrap();
    scheduled(&world, "bad", 1, YEARLY);
    process.signal("HUP");
    process.says("configuration and jobs are read again");
    process.says_times("good is watched now", 1);
    process.says_times("bad is watched now", 1);
    world.orgpull(&["fire", "bad"]).exits(0);
    world.orgpull(&["fire", "good"]).exits(0);
    until_ended(&mut process, &world, 4);
    assert!(fires(&world).iter().all(|fire| *fire == ended("hand", 0)), "{:?}", fires(&world));
    process.signal("TERM");
    process.ends().exits(0);
    assert_eq!(count(&world, "SELECT count(*) FROM daemons"), 0);
}

#[test]
fn folders_with_nothing_to_do() {
    let world = busy("");
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    for list in [&[][..], &["--list"]] {
        let line = |folder| [&["schedule", folder], list].concat();
        world.orgpull(&line(".")).exits(3).says("has a [schedule]");
        world.orgpull(&line("nowhere")).exits(3).says("nowhere");
    }
    world.write("job.toml", &(world.read("job.toml") + "[schedule]\ncron = '61 * * * *'\n"));
    world.orgpull(&DAEMON).exits(3).says("`61` is no minute").says("has a [schedule] and no problems");
    world.orgpull(&["jobs", "."]).exits(3).says("`61` is no minute");
    assert_eq!(world.stats().arrivals, 0);
}

#[test]
fn the_fires_to_come() {
    let world = busy("").account("rate = '1/min'");
    scheduled(&world, "nightly", 40, "[schedule]\ncron = ['30 2 28 3 *', '30 2 31 10 *']\n");
    scheduled(&world, "often", 40, "[schedule]\ncron = '*/15 * * * *'\njitter = '5m'\ntimezone = 'UTC'\n");
    let listed = world.orgpull(&["schedule", ".", "--list", "--count", "3"]).exits(0);
    let listed = listed.says("warning: often needs 40 min 0 s at its pace, and fires every 15 min");
    assert_eq!(listed.stdout.lines().count(), 4, "{}", listed.stdout);
    assert!(listed.stdout.contains("UTC") && listed.stdout.contains("(jitter)"), "{}", listed.stdout);
    world
        .orgpull(&["check", "often.toml"])
        .exits(0)
        .says("often needs 40 min 0 s at its pace, and fires every 15 min");
    world
        .orgpull(&["plan", "often.toml"])
        .exits(0)
        .says("often needs 40 min 0 s at its pace, and fires every 15 min");
    std::fs::remove_file(world.path("often.toml")).unwrap();
    // 28 March is the day of the change in 2027, and 31 October in 2027 and 2032.
    let listed = world.orgpull(&["schedule", ".", "--list", "--count", "40"]).exits(0);
    assert!(listed.stdout.contains("02:30 does not exist that night: fires at 03:00"), "{}", listed.stdout);
    assert!(listed.stdout.contains("02:30 comes twice that night: fires at the first"), "{}", listed.stdout);
    assert_eq!(world.stats().arrivals, 0);
}

#[test]
fn two_files_of_one_name_are_told_by_check_too() {
    let world = busy("");
    scheduled(&world, "job", 1, YEARLY);
    world.write("copy.toml", &world.read("job.toml").replace("job.csv", "copy.csv"));
    world
        .orgpull(&["check", "."])
        .exits(0)
        .says("job.toml are both called `job`: `schedule` runs neither of them");
    world
        .orgpull(&["schedule", ".", "--list"])
        .exits(3)
        .says("has a [schedule]")
        .says("are all called `job`");
}

/// Two folders with a job of one name, on one ledger.
fn two_folders(world: &World) {
    for folder in ["a", "b"] {
        std::fs::create_dir(world.path(folder)).unwrap();
        scheduled(world, "job", 1, YEARLY);
        std::fs::rename(world.path("job.toml"), world.path(folder).join("job.toml")).unwrap();
    }
}

#[test]
fn one_name_in_two_folders_is_told_by_check_and_by_both_daemons() {
    let world = busy("");
    two_folders(&world);
    world.orgpull(&["check", "a", "b"]).exits(0).says("on one ledger they are one job");
    let silent = world.orgpull(&["check", "a", "a/job.toml"]).exits(0).said();
    assert!(!silent.contains("are both called"), "{silent}");
    let one = Process::start(&world, &["schedule", "a"]);
    one.says("serving 1 job");
    let again = Process::start(&world, &["schedule", "./a/"]);
    again.says("serving 1 job");
    let other = Process::start(&world, &["schedule", "b"]);
    other.says("/a (process ");
    one.says("/b (process ");
    again.says("/b (process ");
    assert!(
        !one.said().contains("/a (process"),
        "daemons of one folder stand in for one another: {}",
        one.said()
    );
    world.orgpull(&["fire", "job"]).exits(0).says("have a job of this name: one of them takes it");
}

#[test]
fn a_fire_that_nobody_can_take_is_told() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 1");
    scheduled(&world, "job", 1, YEARLY);
    let process = daemon(&world, &[]);
    change(
        &world,
        "INSERT INTO fires (job, due, cause, state, claimed_at) VALUES \
         ('gone', unixepoch() * 1000, 'hand', 'claimed', 1)",
    );
    process.says("gone: a fire waits, and no daemon has a job of this name");
    // One that has not been heard of takes it when it goes on.
    change(&world, "UPDATE daemons SET beat_at = beat_at - 600000");
    world.orgpull(&["fire", "job"]).exits(0).says("has not been heard of since");
    until_held(&world, 1);
    // One that is about to end takes none.
    process.signal("TERM");
    process.says("1 run is brought to a rest");
    world.orgpull(&["fire", "job"]).exits(3).says("no daemon has a job called job");
    release(&world);
    let told = process.ends().exits(0).stderr;
    assert_eq!(told.matches("gone: a fire waits").count(), 1, "{told}");
}

#[test]
fn runs_of_one_daemon_share_its_token() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 6");
    for (name, own) in ["a", "b", "c"].into_iter().zip(companies(6).chunks(2)) {
        world.job(name, &[&numbers(own), REPORT, &CSV.replace("out.csv", &format!("{name}.csv")), YEARLY]);
    }
    long_gone(&world);
    let mut process = daemon(&world, &[]);
    until_held(&world, 6);
    release(&world);
    until_ended(&mut process, &world, 3);
    assert_eq!(world.logins().len(), 1);
    process.signal("TERM");
    process.ends().exits(0);
}

/// The service manager's side: a socket that hears what it is told.
#[test]
fn the_service_manager_is_told() {
    let world = busy("");
    scheduled(&world, "job", 1, YEARLY);
    let socket = UnixDatagram::bind(world.path("notify")).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let hears = |word: &str| {
        let mut bytes = [0; 256];
        loop {
            let length = socket.recv(&mut bytes).unwrap();
            if std::str::from_utf8(&bytes[..length]).unwrap().contains(word) {
                return;
            }
        }
    };
    let mut command = command(&world, BINARY, &DAEMON);
    command.env("NOTIFY_SOCKET", world.path("notify")).env("WATCHDOG_USEC", "20000000");
    let process = Process::of(&mut command);
    for (signal, words) in [
        (None, &["READY=1", "WATCHDOG=1"][..]),
        (Some("HUP"), &["RELOADING=1", "READY=1"]),
        (Some("TERM"), &["STOPPING=1"]),
    ] {
        if let Some(signal) = signal {
            process.signal(signal);
        }
        words.iter().copied().for_each(hears);
    }
    process.ends().exits(0);
}

#[test]
fn simulated() {
    let world = busy("");
    scheduled(&world, "job", 2, YEARLY);
    let process = daemon(&world, &["--simulate"]);
    world.orgpull(&["fire", "job"]).exits(3);
    world.orgpull(&["fire", "job", "--simulate"]).exits(0);
    process.says("ended with exit 0: all settled");
    process.signal("INT");
    process.ends().exits(0);
    assert_eq!(world.stats().arrivals, 0);
    assert!(world.path("orgpull-simulator.db").exists());
}
