//! What a person sees: lines no wider than the terminal, and colour where it has some. Each command has a terminal of its own,
//! as wide as the test says.

use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};

const XTERM: (&str, &str) = ("TERM", "xterm-256color");

/// All that a command writes to a terminal of so many columns, and its exit code.
fn at_terminal(
    world: &World,
    columns: u16,
    surroundings: &[(&str, &str)],
    arguments: &[&str],
) -> (String, i32) {
    typed(world, columns, surroundings, arguments, "")
}

/// The same where somebody types.
fn typed(
    world: &World,
    columns: u16,
    surroundings: &[(&str, &str)],
    arguments: &[&str],
    keys: &str,
) -> (String, i32) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ptsname(&master, Vec::new()).unwrap();
    tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let slave = File::options().read(true).write(true).open(slave.to_str().unwrap()).unwrap();
    let mut command = world.command(arguments);
    command.envs(surroundings.iter().copied());
    command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    // Its copies of the terminal would keep it open.
    drop(command);
    let (mut bytes, mut master) = (Vec::new(), File::from(master));
    master.write_all(keys.as_bytes()).unwrap();
    let mut piece = [0; 4_096];
    // A terminal that nobody holds any more ends with an error.
    while let Ok(read) = master.read(&mut piece) {
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..read]);
    }
    let exit = child.wait().unwrap().code().unwrap_or(-1);
    (String::from_utf8(bytes).unwrap().replace("\r\n", "\n"), exit)
}

/// Without what moves the cursor and paints.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter == '\u{1b}' {
            rest.by_ref().skip_while(|next| *next == '[').find(char::is_ascii_alphabetic);
        } else {
            plain.push(letter);
        }
    }
    plain
}

fn world() -> World {
    let world = World::new("[[fault]]\nservice = 'getsignatory'\ndo = 'cut'\ntimes = 1");
    let schedule = "[schedule]\ncron = '30 2 * * *'\n";
    world.job("job", &[&numbers(&companies(3)), REPORT, SIGNATORIES, CSV, schedule]);
    world
}

const COMMANDS: [&[&str]; 9] = [
    &["run", "job.toml"],
    &["plan", "job.toml", "--buy-again"],
    &["runs"],
    &["status"],
    &["spend"],
    &["jobs", "."],
    &["schedule", ".", "--list"],
    &["doctor"],
    &["help"],
];

#[test]
fn nothing_is_wider_than_the_terminal() {
    for columns in [60, 80, 120] {
        let world = world();
        for arguments in COMMANDS {
            let (told, exit) = at_terminal(&world, columns, &[XTERM], arguments);
            assert!([0, 4].contains(&exit), "{arguments:?}: {told}");
            // What a bar draws stays in its place: each of its lines begins where the last one began.
            for line in plain(&told).split(['\n', '\r']) {
                let fits = line.chars().count() <= usize::from(columns);
                let is_whole = line.trim().starts_with("orgpull ") || !line.trim().contains(' ');
                assert!(fits || is_whole, "{columns}, {arguments:?}: {line:?}\n{told}");
            }
        }
    }
}

/// All commands that tell a person something, and what they are told where something is wrong. What programs and systemd read
/// stays as it is.
const ALL: [(&[&str], i32); 39] = [
    (&["login"], 0),
    (&["check", "."], 0),
    (&["plan", "job.toml"], 0),
    (&["plan", "job.toml", "--diff"], 0),
    (&["run", "job.toml"], 4),
    (&["run", "job.toml", "--continue"], 0),
    (&["runs"], 0),
    (&["status"], 0),
    (&["status", "job"], 0),
    (&["export", "latest"], 0),
    (&["export", "latest", "--job", "job.toml"], 0),
    (&["export", "latest", "--output", "a-folder-with-a-long-name/and-another-one-in-it/exported.csv"], 0),
    (&["export", "latest", "--output", "-"], 2),
    (&["backup", "copies-of-the-ledger-of-this-machine/orgpull-of-the-first-of-march.db"], 7),
    (&["backup", "orgpull-as-it-was-on-the-first-of-march-before-the-upgrade.db"], 0),
    (&["backup", "orgpull-as-it-was-on-the-first-of-march-before-the-upgrade.db"], 2),
    (&["pause", "job"], 0),
    (&["pause", "a-job-of-a-long-name-that-nobody-has-run"], 0),
    (&["jobs", "."], 0),
    (&["unpause", "job"], 0),
    (&["unpause", "job"], 0),
    (&["fire", "job"], 3),
    (&["schedule", ".", "--list"], 0),
    (&["spend"], 0),
    (&["spend", "--by", "service"], 0),
    (&["doctor"], 0),
    (&["catalogue"], 0),
    (&["catalogue", "creditsafe"], 0),
    (&["catalogue", "creditsafe.getdata"], 0),
    (&["catalogue", "getdata"], 2),
    (&["retry", "latest"], 4),
    (&["reconcile", "none.csv"], 3),
    (&["resolve"], 2),
    (&["help"], 0),
    (&["help", "run"], 0),
    (&["export", "--help"], 0),
    (&["reconcile", "--help"], 0),
    (&["run", "job.toml", "--buy-agian", "--progress", "fast"], 2),
    (&["stauts"], 2),
];

#[test]
fn nothing_that_any_command_tells_is_wider_than_the_terminal() {
    for columns in [60, 80] {
        let world = world();
        for (arguments, expected) in ALL {
            let (told, exit) = at_terminal(&world, columns, &[XTERM], arguments);
            assert_eq!(exit, expected, "{arguments:?}: {told}");
            for line in plain(&told).split(['\n', '\r']) {
                let fits = line.chars().count() <= usize::from(columns);
                let is_whole = line.trim().starts_with("orgpull ") || !line.trim().contains(' ');
                assert!(fits || is_whole, "{columns}, {arguments:?}: {line:?}\n{told}");
            }
        }
    }
}

#[test]
fn colour_is_for_terminals_that_have_it_and_for_nobody_who_forbids_it() {
    let world = world();
    at_terminal(&world, 80, &[XTERM], &["run", "job.toml"]);
    world.orgpull(&["pause", "job"]).exits(0);
    let painted = |surroundings: &[(&str, &str)], arguments: &[&str]| {
        at_terminal(&world, 80, surroundings, arguments).0.contains("\u{1b}[3")
    };
    for arguments in &COMMANDS[2..7] {
        assert!(painted(&[XTERM], arguments), "{arguments:?}");
        for forbids in
            [[XTERM, ("NO_COLOR", "1")], [("TERM", "dumb"), ("CLICOLOR", "1")], [XTERM, ("CLICOLOR", "0")]]
        {
            assert!(!painted(&forbids, arguments), "{arguments:?} {forbids:?}");
        }
        assert!(!painted(&[XTERM], &[arguments, &["--log-format", "json"][..]].concat()), "{arguments:?}");
    }
    assert!(painted(&[XTERM], &["run", "none.toml"]), "errors");
    for json in [["runs", "--json"], ["status", "--json"], ["spend", "--json"], ["doctor", "--json"]] {
        assert!(!at_terminal(&world, 80, &[XTERM], &json).0.contains('\u{1b}'), "{json:?}");
    }
    // A pipe gets none whatever is asked for, and lines as long as they are.
    for arguments in COMMANDS {
        let mut command = world.command(arguments);
        let piped = command.envs([XTERM, ("CLICOLOR_FORCE", "1"), ("COLUMNS", "40")]).output().unwrap();
        for written in [piped.stdout, piped.stderr] {
            assert!(!written.contains(&0x1b), "{arguments:?}");
        }
    }
}

/// A bar that is wider than what a window may become would wrap, and leave lines behind.
#[test]
fn progress_keeps_to_a_narrow_window() {
    let world = World::new("delay = '40ms'");
    world.job("job", &[&numbers(&companies(30)), REPORT, SIGNATORIES, CSV]);
    let (told, exit) = at_terminal(&world, 160, &[XTERM], &["run", "job.toml", "--yes"]);
    assert_eq!(exit, 0, "{told}");
    let told = plain(&told);
    let drawn: Vec<&str> = told.split(['\n', '\r']).filter(|line| line.contains(" %, ")).collect();
    assert!(drawn.len() > 2, "{told}");
    assert!(drawn.iter().all(|line| line.trim_end().chars().count() < 60), "{drawn:?}");
}

/// `confirm_above` is about money, and a price that nobody knows may be any.
#[test]
fn whoever_is_there_is_asked_where_the_price_is_unknown() {
    let world = World::new("").account("prices = { getdata = '3.20' }");
    world.job("job", &[&numbers(&companies(2)), REPORT, SIGNATORIES, CSV]);
    let (told, exit) = typed(&world, 80, &[XTERM], &["run", "job.toml"], "n\n");
    assert_eq!((exit, world.bill().len()), (130, 0), "{told}");
    assert!(
        plain(&told).contains("This may cost 6.40 SEK, and more whose price is unknown. Run it? [y/N]"),
        "{told}"
    );
    let (told, exit) = typed(&world, 80, &[XTERM], &["run", "job.toml"], "y\n");
    assert_eq!((exit, world.bill().len()), (0, 4), "{told}");
    let world = world.account("prices = { getdata = '3.20', getsignatory = '0' }");
    let (told, exit) = at_terminal(&world, 80, &[XTERM], &["run", "job.toml", "--buy-again"]);
    assert!(exit == 0 && !told.contains("Run it?"), "{told}");
}
