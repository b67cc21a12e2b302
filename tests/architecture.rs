//! The house rules that no compiler checks: who may import whom, which crate stays in which room, where a number may
//! be shown in full, how long a file may be. ARCHITECTURE.md explains the rooms, the table is here.
//!
//! It reads the sources word by word (strings and comments left out), so that a path is found however it is written:
//! in a `use`, in a group of them, in the middle of an expression, or as `super::` that climbs out of its room.
#![cfg(test)]

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/code.rs"]
mod code;
#[path = "architecture/itself.rs"]
mod itself;

use circles::Files;
use code::{Code, Word};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Who may import whom: a room, and the rooms or modules that it may name. Imports run downward only.
const MAY_IMPORT: [(&str, &[&str]); 24] = [
    ("domain", &[]),
    ("time", &[]),
    ("disk", &[]),
    ("program", &[]),
    ("problem", &["disk", "domain"]),
    ("shape", &["domain", "problem"]),
    ("config", &["disk", "domain", "problem", "program", "shape", "time"]),
    ("job", &["config", "disk", "domain", "problem", "shape", "time"]),
    ("upstream", &["domain", "config"]),
    ("http", &["domain", "time", "upstream"]),
    // What is promised of the ledger, in front of what keeps the promise: nothing but handles comes from behind.
    ("ledger", &["disk", "domain", "program", "time"]),
    ("ledger::sqlite", &["disk", "domain", "ledger", "time"]),
    ("export", &["disk", "domain", "job", "time"]),
    ("statement", &["domain", "job"]),
    // Written without a look at the client side, so that a mistake made there does not pass here.
    ("simulator", &["disk", "domain::pace", "domain::money", "time"]),
    // What a command needs, the loop, and what the loop decides by: three rooms, and what all of them tell below.
    ("run::error", &["config", "domain", "export", "http", "job", "ledger"]),
    ("run::event", &["domain", "http", "ledger"]),
    ("run::report", &["domain"]),
    (
        "run::decide",
        &[
            "run::error",
            "run::event",
            "run::report",
            "config",
            "domain",
            "export",
            "job",
            "ledger",
            "upstream",
            "time::day_around",
            "time::local",
            "time::month_around",
            "time::stockholm_date",
        ],
    ),
    (
        "run::dispatch",
        &[
            "run::decide",
            "run::error",
            "run::event",
            "run::report",
            "config",
            "domain",
            "http",
            "job",
            "ledger",
            "time",
            "upstream",
        ],
    ),
    (
        "run",
        &[
            "run::decide",
            "run::dispatch",
            "run::error",
            "run::event",
            "run::report",
            "config",
            "disk",
            "domain",
            "export",
            "http",
            "job",
            "ledger",
            "time",
            "upstream",
        ],
    ),
    ("daemon", &["config", "domain", "job", "ledger", "problem", "run", "run::event", "run::report", "time"]),
    (
        "cli",
        &[
            "config",
            "daemon",
            "disk",
            "domain",
            "export",
            "http",
            "job",
            "ledger",
            "problem",
            "run",
            "run::event",
            "run::report",
            "shape",
            "simulator",
            "statement",
            "time",
            "upstream",
        ],
    ),
    ("main", &["cli"]),
];

/// What tests beside the code may name besides: the script of calls for the throttle is answered in a dialect.
const TESTS_MAY_IMPORT: [(&str, &str); 1] = [("http", "config::catalogue")];

/// Crates that stay in one room.
const CRATES: [(&str, &str); 23] = [
    ("tokio_cron_scheduler", "daemon"),
    ("sd_notify", "daemon"),
    ("sqlx", "ledger::sqlite"),
    ("libsqlite3_sys", "ledger::sqlite"),
    ("aws_lc_rs", "ledger"),
    ("base64", "ledger"),
    ("zstd", "ledger"),
    ("reqwest", "http"),
    ("hyper", "http"),
    ("hyper_util", "http"),
    ("h2", "http"),
    ("rustls", "http"),
    ("axum", "simulator"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("comfy_table", "cli"),
    ("console", "cli"),
    ("rustix", "disk"),
    ("rustix", "program"),
    ("rustix", "cli"),
    ("tempfile", "disk"),
    ("mimalloc", "main"),
];

/// What opens, makes, moves or removes a file by its name: only the room that knows what may stand behind one, in a folder
/// that others can write too.
const OPENS: [(&str, &[&str]); 3] = [
    ("File", &["open", "create", "create_new", "options"]),
    ("OpenOptions", &["new"]),
    (
        "fs",
        &[
            "copy",
            "create_dir",
            "create_dir_all",
            "hard_link",
            "read",
            "read_to_string",
            "remove_dir",
            "remove_dir_all",
            "remove_file",
            "rename",
            "set_permissions",
            "write",
        ],
    ),
];
/// The system's own file, which nobody else can put there.
const MAY_OPEN: [(&str, &str); 1] = [("src/ledger/sqlite/lock.rs", "read_to_string")];

/// Crates that the tests of another room may use: the simulator is asked by a client that is not ours.
const TESTS_MAY_USE: [(&str, &str); 1] = [("simulator", "reqwest")];
/// What the tests of every room may use.
const ALL_TESTS_MAY_USE: [&str; 1] = ["tempfile"];

/// What shows a number in full, and the rooms and files that may call it.
const REVEALING: [&str; 5] = ["sent10", "sent12", "full", "stored", "canonical"];
const MAY_REVEAL: [&str; 4] =
    ["src/domain/", "src/ledger/sqlite/", "src/export/", "src/run/decide/prepared.rs"];

/// What decides does so by values: what waits, tells the time, or hears of something is no part of it.
const DECIDES: &str = "src/run/decide/";
const IS_NO_VALUE: [&str; 9] =
    ["Instant", "SystemTime", "broadcast", "mpsc", "now_ms", "oneshot", "sleep", "spawn", "watch"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "misc", "shared", "tools"];

/// Longer files hold more than one thing.
const MOST_LINES: usize = 600;

#[test]
fn the_house_rules_hold() {
    let found = findings(&sources(Path::new(env!("CARGO_MANIFEST_DIR"))));
    assert!(found.is_empty(), "{} house rules are broken:\n  {}", found.len(), found.join("\n  "));
}

#[test]
fn the_table_has_every_room_and_no_circle() {
    let rooms: BTreeSet<String> = sources(Path::new(env!("CARGO_MANIFEST_DIR")))
        .iter()
        .map(Source::room)
        .filter(|room| room != "lib")
        .collect();
    let told: BTreeSet<String> = MAY_IMPORT.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, told);
    // Rooms whose every import is gone already go too; in a circle none ever would.
    let mut left: Vec<_> = MAY_IMPORT.to_vec();
    while !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|(room, _)| *room).collect();
        let before = left.len();
        left.retain(|(_, may)| may.iter().any(|other| names.contains(&room_of(other))));
        assert!(left.len() < before, "a circle among {names:?}");
    }
}

/// One source file.
pub(crate) struct Source {
    /// From the repository's root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every `.rs` file below `src/`.
fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "the sources are not where they were: {} files", found.len());
    found
}

impl Source {
    /// The names of the modules down to this file: `src/http/throttle.rs` is `http`, `throttle`.
    pub(crate) fn modules(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inner.split('/').filter(|part| *part != "mod").map(str::to_owned).collect()
    }

    fn room(&self) -> String {
        room_of(&self.modules().join("::")).to_owned()
    }
}

/// Everything that breaks a rule, as `path:line: what`.
fn findings(sources: &[Source]) -> Vec<String> {
    let read: Vec<(&Source, Code)> = sources.iter().map(|source| (source, Code::read(source))).collect();
    let test_files: Vec<String> = read.iter().flat_map(|(_, code)| code.test_files.clone()).collect();
    let of_tests = |source: &Source| {
        let base = source.path.trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
        test_files.iter().any(|test| base == *test || base.starts_with(&format!("{test}/")))
    };
    let mut found = Vec::new();
    for (source, code) in &read {
        let file = File { origin: source, code, of_tests: of_tests(source) };
        file.imports(&mut found);
        file.crates(&mut found);
        file.opens(&mut found);
        file.reveals(&mut found);
        file.decides(&mut found);
        file.names_and_length(&mut found);
    }
    let files = read.iter().filter(|(source, _)| !of_tests(source)).map(|(source, code)| (*source, code));
    found.extend(Files::of(files).circles());
    found
}

struct File<'s> {
    origin: &'s Source,
    code: &'s Code,
    /// Whether all of it is compiled for tests only.
    of_tests: bool,
}

impl File<'_> {
    fn tell(&self, found: &mut Vec<String>, line: usize, what: &str) {
        found.push(format!("{}:{line}: {what}", self.origin.path));
    }

    fn is_test(&self, word: &Word) -> bool {
        self.of_tests || word.test
    }

    fn imports(&self, found: &mut Vec<String>) {
        let room = self.origin.room();
        if room == "lib" {
            return;
        }
        let may = MAY_IMPORT.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, may)| may);
        for at in 0..self.code.words.len() {
            for named in self.code.imported(at, &self.origin.modules()) {
                let path = named.path.join("::");
                // What is allowed of a room is not allowed of the rooms within it.
                let allowed = |rule: &str| is_below(&path, rule) && room_of(&path) == room_of(rule);
                let by_test = self.is_test(&self.code.words[at])
                    && TESTS_MAY_IMPORT.iter().any(|(name, rule)| *name == room && allowed(rule));
                if !path.is_empty()
                    && room_of(&path) != room
                    && !may.iter().any(|rule| allowed(rule))
                    && !by_test
                {
                    self.tell(found, self.code.words[at].line, &format!("{room} may not import {path}"));
                }
            }
        }
    }

    fn crates(&self, found: &mut Vec<String>) {
        let room = self.origin.room();
        for (at, word) in self.code.words.iter().enumerate() {
            let homes: Vec<&str> =
                CRATES.iter().filter(|(name, _)| word.text == *name).map(|(_, home)| *home).collect();
            let Some((name, _)) = CRATES.iter().find(|(name, _)| word.text == *name) else { continue };
            let named = self.code.is(at + 1, "::") || self.code.is(at.wrapping_sub(1), "use");
            let inner = self.code.is(at.wrapping_sub(1), "::") || self.code.is(at.wrapping_sub(1), "mod");
            let any = ALL_TESTS_MAY_USE.contains(name);
            let by_test = self.is_test(word) && (any || TESTS_MAY_USE.contains(&(&room, name)));
            let home = homes.contains(&room.as_str());
            if named && !inner && !home && !by_test {
                let homes = homes.join(" and ");
                self.tell(found, word.line, &format!("{name} belongs to {homes} alone"));
            }
        }
    }

    fn opens(&self, found: &mut Vec<String>) {
        let path = &self.origin.path;
        if path.starts_with("src/disk/") {
            return;
        }
        for (at, word) in self.code.words.iter().enumerate().filter(|(_, word)| !self.is_test(word)) {
            let does = self.code.words.get(at + 2).map_or("", |word| word.text.as_str());
            let listed = |(of, what): &(&str, &[&str])| word.text == *of && what.contains(&does);
            let may = MAY_OPEN.iter().any(|(file, what)| path == file && does == *what);
            if self.code.is(at + 1, "::") && OPENS.iter().any(listed) && !may {
                self.tell(found, word.line, &format!("`{}::{does}` belongs to disk alone", word.text));
            }
        }
    }

    fn reveals(&self, found: &mut Vec<String>) {
        let path = &self.origin.path;
        if MAY_REVEAL.iter().any(|place| path.starts_with(place)) {
            return;
        }
        for (at, word) in self.code.words.iter().enumerate() {
            let of_that_name = REVEALING.contains(&word.text.as_str()) && !self.is_test(word);
            let before = at.wrapping_sub(1);
            let called = self.code.is(before, ".") && self.code.is(at + 1, "(") || self.code.is(before, "::");
            // A file that declares a function of this name calls its own.
            let own = || {
                let declared = |pair: &[Word]| pair[0].text == "fn" && pair[1].text == word.text;
                self.code.words.windows(2).any(declared)
            };
            if of_that_name && called && !own() {
                self.tell(found, word.line, &format!("`{}` shows a number in full", word.text));
            }
        }
    }

    fn decides(&self, found: &mut Vec<String>) {
        if !self.origin.path.starts_with(DECIDES) {
            return;
        }
        for word in self.code.words.iter().filter(|word| !self.is_test(word)) {
            if IS_NO_VALUE.contains(&word.text.as_str()) {
                self.tell(found, word.line, &format!("`{}`, where only values decide", word.text));
            }
        }
    }

    fn names_and_length(&self, found: &mut Vec<String>) {
        for name in self.origin.modules() {
            if EMPTY_NAMES.contains(&name.as_str()) {
                self.tell(found, 1, &format!("`{name}` is no name for a module"));
            }
        }
        for (at, word) in self.code.words.iter().enumerate() {
            if EMPTY_NAMES.contains(&word.text.as_str()) && self.code.is(at.wrapping_sub(1), "mod") {
                self.tell(found, word.line, &format!("`{}` is no name for a module", word.text));
            }
        }
        let lines = self.origin.text.lines().count();
        if lines > MOST_LINES {
            self.tell(found, lines, &format!("{lines} lines, and {MOST_LINES} are the most"));
        }
    }
}

/// The room of a module, or of what it holds: the narrowest of the table, so that a room may have rooms of its own.
fn room_of(path: &str) -> &str {
    let rooms = MAY_IMPORT.iter().map(|(room, _)| *room).filter(|room| is_below(path, room));
    let narrowest = rooms.max_by_key(|room| room.len());
    narrowest.unwrap_or_else(|| path.split("::").next().unwrap_or(path))
}

/// Whether a path is a module or below it.
fn is_below(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
