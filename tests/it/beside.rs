//! Beside us on the machine: folders that others can write too, files that others can read or write, and names that lead to
//! what is ours. Whatever stands there, nothing of ours is destroyed, nothing is waited for, and nothing is bought first.
//!
//! Some of it takes a second user. Where these tests are run by root there is one (65534); elsewhere that part is skipped, and
//! says so.

use crate::machine::{BINARY, Ended, LONG, Process, command, skipped};
use crate::world::{CSV, REPORT, World, companies};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;

/// A user who is nobody, by custom.
const NOBODY: u32 = 65_534;
/// In the place of nothing that anybody would want to lose.
const PRECIOUS: &str = "precious";

/// A world with a job over a file of two companies, one of them mistyped.
fn world() -> World {
    let world = World::new("");
    for secret in ["username", "password"] {
        mode(&world.path(secret), 0o600);
    }
    world.write("numbers.csv", &format!("orgnr\n{}\n556012-5791\n", companies(1)[0]));
    world.job("job", &["[input]\npath = 'numbers.csv'\ncolumn = 'orgnr'\n", REPORT, CSV]);
    world
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn modes(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// A command of ours, which ends whatever it meets.
fn ends(world: &World, arguments: &[&str]) -> Ended {
    Process::start(world, arguments).ends_within(LONG)
}

fn said(ended: &Ended) -> String {
    format!("exit {:?}\n{}\n{}", ended.exit, ended.stdout, ended.stderr)
}

#[test]
fn no_writer_of_ours_takes_the_place_of_what_is_ours() {
    let world = world();
    world.orgpull(&["run", "job.toml"]).exits(0);
    world.orgpull(&["backup", "copy.db"]).exits(0);
    let transaction = world.rows("out.csv")[0]["transactionid"].clone();
    world
        .write("march.csv", &format!("date,transactionid,service,amount\n2026-03-01,{transaction},x,3.20\n"));
    world.write("other.toml", &world.read("job.toml").replace("'job'", "'other'"));
    fs::create_dir(world.path("sub")).unwrap();
    symlink("..", world.path("sub/up")).unwrap();
    symlink("orgpull.db", world.path("link.csv")).unwrap();
    fs::hard_link(world.path("password"), world.path("twin.csv")).unwrap();
    let ours = ["orgpull.toml", "username", "password", "job.toml", "other.toml", "numbers.csv", "copy.db"];
    let before = ours.map(|file| fs::read(world.path(file)).unwrap());
    // The ledger is written to by who opens it; it is the same file, and holds the same.
    let ledger = || {
        let exported = ends(&world, &["export", "job", "--format", "csv", "--output", "-"]);
        assert_eq!(exported.exit, Some(0), "{}", said(&exported));
        (fs::metadata(world.path("orgpull.db")).unwrap().ino(), exported.stdout)
    };
    let held = ledger();
    let paths = [
        "orgpull.db",
        "orgpull.db-wal",
        "orgpull.db-shm",
        "orgpull.db.lock",
        "orgpull.db.open",
        "orgpull.db.job.lock",
        "orgpull.v1.backup.db",
        "orgpull-simulator.db",
        "sub/../orgpull.db",
        "sub/up/orgpull.db",
        "link.csv",
        "orgpull.toml",
        "username",
        "password",
        "twin.csv",
        "job.toml",
        "numbers.csv",
        "other.toml",
    ];
    let job = world.read("job.toml");
    for path in paths {
        let refused = |exit: i32, arguments: &[&str]| {
            let ended = ends(&world, arguments);
            let told = ended.stderr.contains("would be replaced, but it is")
                || ended.stderr.contains("can take the place");
            assert!(ended.exit == Some(exit) && told, "{arguments:?}: {}", said(&ended));
        };
        refused(7, &["run", "job.toml", "--new", "--buy-again", "--summary-json", path]);
        refused(7, &["export", "job", "--format", "csv", "--output", path]);
        refused(7, &["reconcile", "march.csv", "--output", path]);
        refused(2, &["backup", path, "--force"]);
        world
            .write("job.toml", &job.replace("path = 'out.csv'", &format!("path = '{path}'\nformat = 'csv'")));
        let ended = ends(&world, &["check", "job.toml"]);
        assert_eq!(ended.exit, Some(3), "{path}: {}", said(&ended));
        if path != "job.toml" && path != "numbers.csv" {
            refused(7, &["run", "job.toml", "--new", "--buy-again"]);
        }
        world.write("job.toml", &job);
    }
    // Not of this configuration, and nothing to be lost all the same.
    let copy = ends(&world, &["export", "job", "--format", "csv", "--output", "copy.db"]);
    assert!(copy.exit == Some(7) && copy.stderr.contains("a ledger of orgpull"), "{}", said(&copy));
    // What the run itself has written or will write.
    for path in ["out.csv", "out.rejects.csv"] {
        let ended = ends(&world, &["run", "job.toml", "--summary-json", path]);
        assert!(ended.exit == Some(7) && ended.stderr.contains("an output of the job"), "{}", said(&ended));
    }
    let statement = ends(&world, &["reconcile", "march.csv", "--output", "march.csv"]);
    assert!(statement.exit == Some(7) && statement.stderr.contains("the statement"), "{}", said(&statement));
    for (file, before) in ours.iter().zip(before) {
        assert!(fs::read(world.path(file)).unwrap() == before, "{file} is as it was");
    }
    assert_eq!(ledger(), held, "the ledger is as it was");
    assert_eq!(world.stats().arrivals, 1, "and nothing was bought meanwhile");
}

/// What others may put where we write: a link to what we would not lose, or a pipe that is waited for without end.
#[test]
fn links_and_pipes_where_we_write_are_neither_followed_nor_waited_for() {
    /// A name, whether it is where a job's output goes, and the exit code of a run that meets it.
    const PLACES: [(&str, i32, i32); 9] = [
        ("out.csv", 7, 7),
        ("summary.json", 7, 7),
        ("out.rejects.csv", 0, 7),
        (".out.csv.abcdef.part", 0, 0),
        (".orgpull-export-abcdef", 0, 0),
        ("orgpull.db.job.lock", 6, 6),
        ("orgpull.db.lock", 6, 6),
        ("orgpull.db.open", 6, 6),
        ("orgpull.db-wal", 6, 6),
    ];
    for folder in [0o777, 0o1777] {
        for (name, linked, piped) in PLACES {
            for (kind, exit) in [("link", linked), ("pipe", piped)] {
                let world = world();
                // The rejects of an earlier run would be removed, since this one has none.
                world.write("numbers.csv", &format!("orgnr\n{}\n", companies(1)[0]));
                world.write("victim", PRECIOUS);
                mode(&world.path(""), folder);
                match kind {
                    "link" => symlink("victim", world.path(name)).unwrap(),
                    _ => pipe(&world.path(name)),
                }
                let ended = ends(&world, &["run", "job.toml", "--summary-json", "summary.json"]);
                assert_eq!(ended.exit, Some(exit), "{kind} {name}: {}", said(&ended));
                assert_eq!(world.read("victim"), PRECIOUS, "{kind} {name}");
                let bought = world.stats().arrivals;
                assert_eq!(bought, u64::from(exit == 0), "nothing is bought before: {kind} {name}");
                if exit == 0 {
                    let shown = ends(&world, &["export", "job", "--format", "csv", "--output", "-"]);
                    assert_eq!(shown.exit, Some(0), "{kind} {name}: {}", said(&shown));
                }
            }
        }
    }
}

/// Nobody has named a rejects file, so a link of that name is nobody's wish.
#[test]
fn a_rejects_file_takes_the_place_of_a_link() {
    let world = world();
    world.write("victim", PRECIOUS);
    symlink("victim", world.path("out.rejects.csv")).unwrap();
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert!(
        !world.path("out.rejects.csv").is_symlink() && world.read("out.rejects.csv").contains("556012-5791")
    );
    assert_eq!(world.read("victim"), PRECIOUS);
}

#[test]
fn files_that_others_write_are_refused_and_those_that_they_read_are_told() {
    for (file, exit) in [("orgpull.toml", 3), ("password", 3), ("username", 3), ("orgpull.db", 6)] {
        let world = world();
        world.orgpull(&["run", "job.toml"]).exits(0);
        for writable in [0o620, 0o602, 0o664, 0o666, 0o646] {
            mode(&world.path(file), writable);
            let ended = ends(&world, &["run", "job.toml", "--new", "--buy-again"]);
            let told = format!("(mode {writable:04o}): chmod 600 ");
            assert!(ended.exit == Some(exit) && ended.stderr.contains(&told), "{file}: {}", said(&ended));
            let doctor = ends(&world, &["doctor"]);
            assert_eq!(doctor.exit, Some(exit), "{file}: {}", said(&doctor));
            if exit == 3 {
                let check = ends(&world, &["check", "orgpull.toml"]);
                assert!(check.exit == Some(3) && check.stderr.contains(&told), "{file}: {}", said(&check));
            }
        }
        assert_eq!(world.stats().arrivals, 1, "{file}");
        for readable in [0o640, 0o604, 0o644] {
            mode(&world.path(file), readable);
            for command in [&["run", "job.toml"][..], &["doctor"]] {
                let ended = ends(&world, command);
                let told = format!("can be read by others (mode {readable:04o}): chmod 600 ");
                let all = said(&ended);
                assert!(ended.exit == Some(0) && all.contains(&told), "{file} {command:?}: {all}");
            }
        }
        mode(&world.path(file), 0o600);
        assert!(!said(&ends(&world, &["run", "job.toml"])).contains("mode 0"), "{file}");
    }
}

#[test]
fn what_we_make_is_ours_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let world = world();
        let job = world.read("job.toml").replace("out.csv", "new/of/mine/out.csv");
        world.write("job.toml", &job);
        let line = format!("umask {umask}; exec \"$0\" \"$@\"");
        let database = ["--database", "kept/here/orgpull.db"];
        let run =
            [&["-c", &line, BINARY, "run", "job.toml", "--summary-json", "told/summary.json"][..], &database]
                .concat();
        let ended = Process::of(&mut command(&world, "sh", &run)).ends();
        assert_eq!(ended.exit, Some(0), "{}", said(&ended));
        for folder in ["new", "new/of", "new/of/mine", "kept", "kept/here", "told"] {
            assert_eq!(modes(&world.path(folder)), 0o700, "{folder} under {umask}");
        }
        let made =
            ["new/of/mine", "kept/here", "told"].map(|folder| fs::read_dir(world.path(folder)).unwrap());
        for file in made.into_iter().flatten() {
            let file = file.unwrap().path();
            assert_eq!(modes(&file), 0o600, "{} under {umask}", file.display());
        }
    }
}

/// What others see of a lock is who holds it, and never what was typed.
#[test]
fn a_lock_holds_no_arguments() {
    let world = world();
    world.orgpull(&["run", "job.toml", "--input", "numbers.csv"]).exits(0);
    let note = world.read("orgpull.db.job.lock");
    assert!(note.starts_with("process ") && note.contains("since "), "{note}");
    assert!(!note.contains("numbers") && !note.contains("--") && !note.contains("orgpull"), "{note}");
}

/// Texts of files that a terminal would obey, and a first line that is somebody's name.
#[test]
fn nothing_of_a_file_is_obeyed_by_a_terminal_or_names_anybody() {
    let world = world();
    let escape = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}";
    world.write("numbers.csv", &format!("Anna Andersson{escape};Storgatan 1;kundnr\nBo Ek;Lillgatan 2;7\n"));
    let ended = ends(&world, &["run", "job.toml"]);
    assert_eq!(ended.exit, Some(3), "{}", said(&ended));
    let all = said(&ended);
    assert!(all.contains("no column `orgnr`") && all.contains("`kundnr` and 3 more"), "{all}");
    for hidden in ["Anna", "Storgatan", "\u{1b}", "\u{7}", "\u{9b}", "\u{202e}"] {
        assert!(!all.contains(hidden), "{hidden:?}: {all}");
    }
    let hostile = format!("job{escape}.toml");
    fs::copy(world.path("job.toml"), world.path(&hostile)).unwrap();
    world.write("broken\u{1b}[31m.toml", "name = 'a'\nnmae = '\u{1b}[2J'\n");
    for command in [
        &["check", &hostile][..],
        &["check", "."],
        &["run", &hostile, &hostile],
        &["run", "none\u{1b}[2J.toml"],
    ] {
        let all = said(&ends(&world, command));
        let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!all.contains(obeyed), "{command:?}: {all:?}");
    }
}

/// Whether there is a second user here; told where there is none, so that nobody takes it for a test that was passed.
fn is_root() -> bool {
    let root = Path::new("/proc/self").metadata().is_ok_and(|me| me.uid() == 0);
    let setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    if !root || !setpriv {
        skipped("a second user takes root, and setpriv");
    }
    root && setpriv
}

/// Everything in the world is theirs.
fn give(folder: &Path, owner: u32) {
    lchown(folder, Some(owner), Some(owner)).unwrap();
    if folder.is_dir() && !folder.is_symlink() {
        for entry in fs::read_dir(folder).unwrap() {
            give(&entry.unwrap().path(), owner);
        }
    }
}

/// The binary as nobody would start it.
fn as_nobody(world: &World, arguments: &[&str]) -> Ended {
    let mut words = vec!["--reuid=65534", "--regid=65534", "--clear-groups", BINARY];
    words.extend(arguments);
    Process::of(&mut command(world, "setpriv", &words)).ends_within(LONG)
}

#[test]
fn what_another_user_has_put_there_is_not_ours() {
    if !is_root() {
        return;
    }
    let nobodys = |world: &World, name: &str, bits: u32| {
        if !world.path(name).exists() {
            world.write(name, "");
        }
        mode(&world.path(name), bits);
        chown(world.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
    };
    for (name, bits, exit) in [
        ("orgpull.toml", 0o600, 3),
        ("orgpull.toml", 0o644, 3),
        ("password", 0o666, 3),
        ("orgpull.db", 0o600, 6),
        ("orgpull.db", 0o666, 6),
        ("orgpull.db-wal", 0o600, 6),
        ("orgpull.db-shm", 0o644, 6),
        ("orgpull.db.job.lock", 0o600, 6),
        ("orgpull.db.lock", 0o644, 6),
        ("orgpull.db.open", 0o600, 6),
    ] {
        let world = world();
        mode(&world.path(""), 0o1777);
        nobodys(&world, name, bits);
        let ended = ends(&world, &["run", "job.toml"]);
        assert_eq!(ended.exit, Some(exit), "{name} {bits:o}: {}", said(&ended));
        let told = ended.stderr.contains("another user") || ended.stderr.contains("written by others");
        assert!(told, "{name}: {}", said(&ended));
        assert_eq!(world.stats().arrivals, 0, "{name}");
    }
    // A link of theirs, to what root would rather keep, also as a folder on the way.
    let world = world();
    fs::create_dir(world.path("home")).unwrap();
    world.write("home/out.csv", PRECIOUS);
    mode(&world.path(""), 0o1777);
    symlink("home", world.path("way")).unwrap();
    lchown(world.path("way"), Some(NOBODY), Some(NOBODY)).unwrap();
    world.write("job.toml", &world.read("job.toml").replace("out.csv", "way/out.csv"));
    let ended = ends(&world, &["run", "job.toml"]);
    assert!(ended.exit == Some(7) && ended.stderr.contains("is a link"), "{}", said(&ended));
    assert_eq!(world.read("home/out.csv"), PRECIOUS);
}

#[test]
fn another_user_runs_it_like_anybody_and_root_spoils_nothing_for_them() {
    if !is_root() {
        return;
    }
    let world = world();
    give(&world.path(""), NOBODY);
    let ended = as_nobody(&world, &["run", "job.toml"]);
    assert_eq!(ended.exit, Some(0), "{}", said(&ended));
    // Root looks after it, as an administrator does: what is made meanwhile is theirs.
    fs::remove_file(world.path("orgpull.db.open")).unwrap();
    let refused = ends(&world, &["status"]);
    assert!(refused.exit == Some(3) && refused.stderr.contains("work as that user"), "{}", said(&refused));
    let mut looks = command(&world, BINARY, &["status"]);
    let looked = Process::of(looks.env("SUDO_UID", "65534")).ends();
    assert_eq!(looked.exit, Some(0), "{}", said(&looked));
    assert_eq!(world.path("orgpull.db.open").metadata().unwrap().uid(), NOBODY);
    let again = as_nobody(&world, &["run", "job.toml", "--new", "--buy-again"]);
    assert_eq!(again.exit, Some(0), "{}", said(&again));

    // A folder where only a file's owner may replace it is told before anything is bought.
    let bought = world.stats().arrivals;
    chown(world.path(""), Some(0), Some(0)).unwrap();
    mode(&world.path(""), 0o1777);
    chown(world.path("out.csv"), Some(0), Some(0)).unwrap();
    let ended = as_nobody(&world, &["run", "job.toml", "--new", "--buy-again"]);
    assert!(ended.exit == Some(7) && ended.stderr.contains("belongs to another user"), "{}", said(&ended));
    assert_eq!(world.stats().arrivals, bought);
}
