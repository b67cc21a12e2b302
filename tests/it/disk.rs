//! A disk that fills: nothing new is sent, what was received waits in memory, and with room again everything goes on.
//!
//! Two kinds of fullness. A small tmpfs is the real thing (`ENOSPC`), and only root may mount one; a limit on the size of
//! files (`EFBIG`) is to be had by everybody with `prlimit`. What a machine does not have is skipped, and said so.

use crate::books::Books;
use crate::machine::{PROMPT, Process, both, busy, output, release, skipped, until};
use crate::world::{World, companies};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder on a disk of its own. Dropped, it is unmounted.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many KiB there; `None` if this user may not.
    fn mount(folder: PathBuf, kib: u32) -> Option<Self> {
        let size = format!("size={kib}k,mode=0777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "orgpull-test"])
            .arg(&folder)
            .stderr(Stdio::null())
            .status();
        let mounted = mounted.is_ok_and(|status| status.success()).then_some(Self { folder });
        if mounted.is_none() {
            skipped("a small disk cannot be mounted here (that takes root)");
        }
        mounted
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let piece = vec![b'.'; size];
            while ballast.write_all(&piece).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// A disk that can be filled under a process. It comes behind its world, so that it is unmounted before the folder below
/// it is removed.
enum Shortage {
    Disk(Disk),
    Limit,
}

impl Shortage {
    /// A world whose every file lies on such a disk.
    fn disk() -> Option<(World, Self)> {
        let world = busy(SLOW);
        let disk = Disk::mount(world.path(""), 16_384)?;
        // What was in the folder lies below the disk now.
        world.write("username", "a user key");
        world.write("password", "a password");
        Some((world.account(""), Self::Disk(disk)))
    }

    /// A world whose processes can be forbidden to let files grow.
    fn limit() -> Option<(World, Self)> {
        let there = Command::new("prlimit").arg("--version").stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            skipped("there is no prlimit here (it comes with util-linux)");
            return None;
        }
        Some((busy(SLOW), Self::Limit))
    }

    fn kinds() -> impl Iterator<Item = (World, Self)> {
        [Self::disk, Self::limit].into_iter().filter_map(|kind| kind())
    }

    fn fill(&self, world: &World, process: &Process) {
        match self {
            Self::Disk(disk) => disk.fill(),
            Self::Limit => {
                let log = fs::metadata(world.path("orgpull.db-wal")).unwrap().len();
                limit(process, &format!("{log}:unlimited"));
            }
        }
    }

    fn make_room(&self, process: Option<&Process>) {
        match (self, process) {
            (Self::Disk(disk), _) => disk.make_room(),
            (Self::Limit, Some(process)) => limit(process, "unlimited"),
            (Self::Limit, None) => {}
        }
    }
}

const SLOW: &str = "delay = '5ms..10ms'";

/// Bounds the size of the files that a process writes.
fn limit(process: &Process, bytes: &str) {
    let arguments = [format!("--pid={}", process.pid()), format!("--fsize={bytes}")];
    assert!(Command::new("prlimit").args(&arguments).status().unwrap().success(), "{arguments:?}");
}

fn start(world: &World) -> Process {
    Process::start(world, &["run", "job.toml", "--progress", "json"])
}

/// A run whose disk has filled under it: what was in flight is back and cannot be written.
fn filled(shortage: &Shortage, world: &World) -> Process {
    both(world, "job", &companies(300));
    let mut process = start(world);
    assert!(process.alive_until(|| world.stats().arrivals >= 60), "{}", process.said());
    shortage.fill(world, &process);
    process.says("is full: what is committed is safe; make room. Nothing is sent");
    until(world, |stats| stats.in_flight == 0);
    process
}

#[test]
fn dispatch_stops_and_goes_on_with_room() {
    for (world, shortage) in Shortage::kinds() {
        let process = filled(&shortage, &world);
        let arrivals = world.stats().arrivals;
        assert!(arrivals < 550, "it filled too late to be noticed: {arrivals}");
        process.says_times("\"pause\":\"the ledger takes no writes\"", 2);
        assert_eq!(world.stats().arrivals, arrivals, "nothing is sent while nothing can be written");

        shortage.make_room(Some(&process));
        let ended = process.ends().exits(0);
        assert!(ended.stderr.contains("\"resumed\""), "{}", ended.stderr);
        let books = Books::of(&world);
        books.nothing_twice().agree().agree_with(&world.rows(&output("job")));
        assert_eq!((books.count("unknown"), world.stats().arrivals), (0, 600), "nothing is lost");
    }
}

#[test]
fn a_drain_waits_for_room_too() {
    for (world, shortage) in Shortage::kinds() {
        let process = filled(&shortage, &world);
        process.signal("INT");
        process.says("\"draining\"");
        process.says("answers that the ledger does not take yet");
        shortage.make_room(Some(&process));
        process.ends().exits(130);
        let books = Books::of(&world);
        books.nothing_twice().agree();
        assert_eq!((books.count("unknown"), books.count("started")), (0, 0));
        settles_the_rest(&world, 0);
    }
}

#[test]
fn a_second_signal_or_a_kill_costs_no_more_than_what_was_in_flight() {
    for killed in [true, false] {
        for (world, shortage) in Shortage::kinds() {
            let mut process = filled(&shortage, &world);
            if killed {
                assert!(process.kill());
            } else {
                process.signal("INT");
                process.says("\"draining\"");
                process.signal("INT");
                let ended = process.ends_within(PROMPT).exits(6);
                assert!(
                    ended.stderr.contains("full") && ended.stderr.contains("make room"),
                    "{}",
                    ended.stderr
                );
            }
            shortage.make_room(None);
            let unknown = settles_the_rest(&world, 4);
            assert!((1..=8).contains(&unknown), "{unknown} unknown");
        }
    }
}

/// Runs the job to its end; gives how many are unknown.
fn settles_the_rest(world: &World, exit: i32) -> usize {
    start(world).ends().exits(exit);
    let books = Books::of(world);
    books.nothing_twice().agree().agree_with(&world.rows(&output("job")));
    books.count("unknown")
}

#[test]
fn a_disk_that_is_full_before_the_start_is_told_and_nothing_is_sent() {
    let Some((world, Shortage::Disk(disk))) = Shortage::disk() else { return };
    both(&world, "job", &companies(150));
    disk.fill();
    let refused = start(&world).ends().exits(6);
    let ledger = world.path("orgpull.db").display().to_string();
    assert!(refused.stderr.contains(&ledger) && refused.stderr.contains("full"), "{}", refused.stderr);
    assert_eq!(world.stats().arrivals + world.stats().logins, 0);
    disk.make_room();
    settles_the_rest(&world, 0);
}

/// The job's outputs go to `out/`; the last answer is withheld, so that the disk can be filled before they are written.
fn last_answer_held() -> World {
    let world = busy("[[fault]]\ndo = 'hold'\nservice = 'getsignatory'\nafter = 9");
    let ten = companies(10);
    both(&world, "job", &ten.iter().cycle().take(3_000).cloned().collect::<Vec<_>>());
    let job = world.read("job.toml").replace("job-out.csv", "out/job-out.csv");
    world.write("job.toml", &format!("{job}[[output]]\npath = 'out/job-out.jsonl'\n"));
    fs::create_dir(world.path("out")).unwrap();
    world
}

/// Ends the run on a disk without room for its outputs, then with room.
fn outputs_wait_for_room(world: &World, process: Process, make_room: impl FnOnce()) {
    release(world);
    let ended = process.ends().exits(7);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("out/job-out.") && said.contains("not bought again"), "{said}");
    let left: Vec<_> =
        fs::read_dir(world.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| *name == "ballast"), "outputs are whole or not there: {left:?}");
    let books = Books::of(world);
    books.nothing_twice().agree();
    assert_eq!((books.count("pending"), books.runs.clone()), (0, vec![("stopped".to_owned(), Some(7))]));

    make_room();
    let arrivals = world.stats().arrivals;
    start(world).ends().exits(0);
    assert_eq!(world.stats().arrivals, arrivals, "nothing is bought for outputs");
    Books::of(world).nothing_twice().agree().agree_with(&world.rows("out/job-out.csv"));
    assert_eq!(world.read("out/job-out.jsonl").lines().count(), 6_000);
}

#[test]
fn outputs_on_a_full_disk_cost_no_answer() {
    let world = last_answer_held();
    let Some(disk) = Disk::mount(world.path("out"), 1_024) else { return };
    let process = start(&world);
    until(&world, |stats| stats.arrivals == 20 && stats.held == 1);
    disk.fill();
    outputs_wait_for_room(&world, process, || {
        disk.make_room();
        let arguments = ["-o", "remount,size=65536k"];
        assert!(Command::new("mount").args(arguments).arg(world.path("out")).status().unwrap().success());
    });
}

#[test]
fn outputs_that_may_not_grow_cost_no_answer() {
    if Shortage::limit().is_none() {
        return;
    }
    let world = last_answer_held();
    let process = start(&world);
    until(&world, |stats| stats.arrivals == 20 && stats.held == 1);
    // Room for what the ledger has still to write, and not for the outputs.
    let log = fs::metadata(world.path("orgpull.db-wal")).unwrap().len();
    limit(&process, &format!("{}:unlimited", log + 5_000_000));
    outputs_wait_for_room(&world, process, || {});
}
