//! A ledger that cannot be written is read all the same, by who may not write it and where nobody may; nothing is made beside
//! it, and what would write to it says so.

use crate::machine::{BINARY, Ended, LONG, Process, command, release, skipped, until_held};
use crate::world::{CSV, REPORT, World, companies, numbers};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// What only looks at a ledger.
const LOOKS: [&[&str]; 10] = [
    &["runs"],
    &["runs", "--json"],
    &["status"],
    &["status", "job", "--json"],
    &["status", "--unknowns", "--json"],
    &["jobs", "."],
    &["schedule", ".", "--list"],
    &["spend"],
    &["audit"],
    &["audit", "--verify"],
];

fn world(scenario: &str) -> World {
    let world = World::new(scenario);
    for secret in ["username", "password"] {
        fs::set_permissions(world.path(secret), Permissions::from_mode(0o600)).unwrap();
    }
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[schedule]\ncron = '30 2 * * *'\n"]);
    world
}

pub(crate) fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|me| me.uid() == 0)
}

/// Everybody may read the world, and nobody but root write it.
fn only_readable(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
}

/// A command of somebody who may not write: of nobody where root runs the tests, whom no mode keeps from anything.
fn without_rights(world: &World, arguments: &[&str]) -> Ended {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", BINARY];
    let mut command = if is_root() {
        command(world, "setpriv", &[&nobody, arguments].concat())
    } else {
        command(world, BINARY, arguments)
    };
    Process::of(&mut command).ends_within(LONG)
}

/// A command on a file system that is read-only, in a mount namespace of its own.
fn on_read_only(world: &World, arguments: &[&str]) -> Ended {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && cd \"$0\" && exec \"$@\"";
    let folder = world.path("");
    let namespace = if is_root() { "-m" } else { "-Urm" };
    let words = [namespace, "sh", "-c", script, folder.to_str().unwrap(), BINARY];
    Process::of(&mut command(world, "unshare", &[&words, arguments].concat())).ends_within(LONG)
}

/// Whether this machine lets us have a mount namespace.
fn has_namespaces() -> bool {
    let namespace = if is_root() { "-m" } else { "-Urm" };
    let tried =
        std::process::Command::new("unshare").args([namespace, "mount", "--bind", "/tmp", "/tmp"]).output();
    let has = tried.is_ok_and(|tried| tried.status.success());
    if !has {
        skipped("a read-only file system cannot be mounted here (that takes a mount namespace)");
    }
    has
}

/// What stands in the world, with when each was last written.
fn there(world: &World) -> BTreeSet<(String, i64, i64)> {
    let entry = |entry: fs::DirEntry| {
        let about = entry.metadata().unwrap();
        (entry.file_name().into_string().unwrap(), about.mtime(), about.mtime_nsec())
    };
    fs::read_dir(world.path("")).unwrap().map(|found| entry(found.unwrap())).collect()
}

/// Each look says what it says to who may write, and leaves everything as it was.
fn looks_alike(world: &World, look: impl Fn(&World, &[&str]) -> Ended) {
    let usual: Vec<String> = LOOKS.iter().map(|looks| world.orgpull(looks).exits(0).stdout).collect();
    only_readable(&world.path(""));
    let before = there(world);
    for (looks, usual) in LOOKS.iter().zip(usual) {
        let looked = look(world, looks);
        assert_eq!(looked.exit, Some(0), "{looks:?}: {}", looked.stderr);
        assert_eq!(looked.stdout, usual, "{looks:?}");
    }
    for refused in [&["run", "job.toml"][..], &["plan", "job.toml"], &["pause", "job"]] {
        let ended = look(world, refused);
        assert_eq!(ended.exit, Some(6), "{refused:?}: {}{}", ended.stdout, ended.stderr);
    }
    assert_eq!(there(world), before);
    fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn who_may_not_write_it_reads_it() {
    let world = world("");
    world.orgpull(&["run", "job.toml"]).exits(0);
    looks_alike(&world, without_rights);
}

#[test]
fn it_is_read_on_a_read_only_file_system() {
    if !has_namespaces() {
        return;
    }
    let world = world("");
    world.orgpull(&["run", "job.toml"]).exits(0);
    looks_alike(&world, on_read_only);
}

/// Whoever runs the job has the log open, which is not folded back into the file yet.
#[test]
fn a_run_that_goes_on_is_seen_by_who_may_not_write() {
    let world = world("[[fault]]\ndo = 'hold'\ntimes = 1");
    let mut going = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    for file in [
        "orgpull.toml",
        "orgpull.key",
        "orgpull.db",
        "orgpull.db.keyring",
        "orgpull.db-wal",
        "orgpull.db-shm",
        "orgpull.db.lock",
    ] {
        fs::set_permissions(world.path(file), Permissions::from_mode(0o644)).unwrap();
    }
    fs::set_permissions(world.path(""), Permissions::from_mode(0o555)).unwrap();
    let mut looks: Vec<fn(&World, &[&str]) -> Ended> = vec![without_rights];
    if has_namespaces() {
        looks.push(on_read_only);
    }
    for look in looks {
        let looked = look(&world, &["status", "--json"]);
        assert_eq!(looked.exit, Some(0), "{}", looked.stderr);
        assert!(looked.stdout.contains("\"state\": \"running\""), "{}", looked.stdout);
    }
    fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
    assert!(!going.has_ended());
    release(&world);
    assert_eq!(going.ends().exit, Some(0));
}

/// What is not there and what may not be looked at are two things.
#[test]
fn a_folder_that_may_not_be_looked_into_is_not_called_empty() {
    let world = world("");
    world.orgpull(&["run", "job.toml"]).exits(0);
    fs::create_dir(world.path("closed")).unwrap();
    fs::rename(world.path("orgpull.db"), world.path("closed/orgpull.db")).unwrap();
    fs::set_permissions(world.path("closed"), Permissions::from_mode(0o000)).unwrap();
    only_readable(&world.path(""));
    for looks in LOOKS {
        let looked = without_rights(&world, &[&["--database", "closed/orgpull.db"], looks].concat());
        assert_eq!(looked.exit, Some(6), "{looks:?}: {}", looked.stdout);
        assert!(looked.stderr.contains("cannot be opened: Permission denied"), "{}", looked.stderr);
    }
    for folder in ["closed", ""] {
        fs::set_permissions(world.path(folder), Permissions::from_mode(0o755)).unwrap();
    }
}
