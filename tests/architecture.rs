//! The house rules that no compiler checks: who may import whom, which crate stays in which room, where a number may
//! be shown in full, how long a file may be. ARCHITECTURE.md explains the rooms, the table is here.
//!
//! It reads the sources word by word (strings and comments left out), so that a path is found however it is written:
//! in a `use`, in a group of them, in the middle of an expression, or as `super::` that climbs out of its room.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Who may import whom: a room, and the rooms or modules that it may name. Imports run downward only.
const MAY_IMPORT: [(&str, &[&str]); 17] = [
    ("domain", &[]),
    ("time", &[]),
    ("disk", &[]),
    ("problem", &["disk", "domain"]),
    ("shape", &["domain", "problem"]),
    ("config", &["disk", "domain", "problem", "shape", "time"]),
    ("job", &["config", "disk", "domain", "problem", "shape", "time"]),
    ("upstream", &["domain", "config"]),
    ("http", &["domain", "time", "upstream"]),
    ("ledger", &["disk", "domain", "time"]),
    ("export", &["disk", "domain", "job", "time"]),
    ("statement", &["domain", "job"]),
    // Written without a look at the client side, so that a mistake made there does not pass here.
    ("simulator", &["disk", "domain::pace", "domain::money", "time"]),
    (
        "run",
        &[
            "config", "disk", "domain", "export", "http", "job", "ledger", "problem", "shape", "time",
            "upstream",
        ],
    ),
    ("daemon", &["config", "domain", "job", "ledger", "problem", "run", "time"]),
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
            "shape",
            "simulator",
            "statement",
            "time",
            "upstream",
        ],
    ),
    ("main", &["cli"]),
];

/// What tests beside the code may name besides: the gate's script of calls is answered in a dialect.
const TESTS_MAY_IMPORT: [(&str, &str); 1] = [("http", "config::catalogue")];

/// Crates that stay in one room.
const CRATES: [(&str, &str); 20] = [
    ("tokio_cron_scheduler", "daemon"),
    ("sd_notify", "daemon"),
    ("sqlx", "ledger"),
    ("libsqlite3_sys", "ledger"),
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
const MAY_OPEN: [(&str, &str); 1] = [("src/ledger/lock.rs", "read_to_string")];

/// Crates that the tests of another room may use: the simulator is asked by a client that is not ours.
const TESTS_MAY_USE: [(&str, &str); 1] = [("simulator", "reqwest")];
/// What the tests of every room may use.
const ALL_TESTS_MAY_USE: [&str; 1] = ["tempfile"];

/// What shows a number in full, and the rooms and files that may call it.
const REVEALING: [&str; 5] = ["sent10", "sent12", "full", "stored", "canonical"];
const MAY_REVEAL: [&str; 4] = ["src/domain/", "src/ledger/", "src/export/", "src/run/prepared.rs"];

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
struct Source {
    /// From the repository's root, with slashes.
    path: String,
    text: String,
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
    /// The names of the modules down to this file: `src/http/account.rs` is `http`, `account`.
    fn modules(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inner.split('/').filter(|part| *part != "mod").map(str::to_owned).collect()
    }

    fn room(&self) -> String {
        self.modules().first().cloned().unwrap_or_default()
    }
}

/// Everything that breaks a rule, as `path:line: what`.
fn findings(sources: &[Source]) -> Vec<String> {
    let read: Vec<(&Source, Code)> = sources.iter().map(|source| (source, Code::read(source))).collect();
    let test_files: Vec<String> = read.iter().flat_map(|(_, code)| code.test_files.clone()).collect();
    let mut found = Vec::new();
    for (source, code) in &read {
        let base = source.path.trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
        let of_tests = test_files.iter().any(|test| base == *test || base.starts_with(&format!("{test}/")));
        let file = File { origin: source, code, of_tests };
        file.imports(&mut found);
        file.crates(&mut found);
        file.opens(&mut found);
        file.reveals(&mut found);
        file.names_and_length(&mut found);
    }
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
            for path in self.code.imported(at, &self.origin.modules()) {
                let allowed = |rule: &str| path == rule || path.starts_with(&format!("{rule}::"));
                let by_test = self.is_test(&self.code.words[at])
                    && TESTS_MAY_IMPORT.iter().any(|(name, rule)| *name == room && allowed(rule));
                if room_of(&path) != room && !may.iter().any(|rule| allowed(rule)) && !by_test {
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

fn room_of(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

/// A word or a sign of the source; `::` is one.
struct Word {
    text: String,
    line: usize,
    /// How many modules are open around it within the file, by braces.
    inline: usize,
    /// Whether it stands in something that is compiled for tests only.
    test: bool,
}

/// A source file as words, without strings and comments.
struct Code {
    words: Vec<Word>,
    /// Modules in files of their own that are compiled for tests only: their paths without `.rs`.
    test_files: Vec<String>,
}

impl Code {
    fn read(source: &Source) -> Self {
        let mut code = Self { words: words(&source.text), test_files: Vec::new() };
        code.mark_tests(source);
        code.mark_modules();
        code
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.words.get(at).is_some_and(|word| word.text == text)
    }

    fn are(&self, at: usize, texts: &[&str]) -> bool {
        texts.iter().enumerate().all(|(offset, text)| self.is(at + offset, text))
    }

    /// Marks what follows `#[cfg(test)]`: to the end of its block, or of its statement.
    fn mark_tests(&mut self, source: &Source) {
        const CFG: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
        let mut base = source.modules();
        if matches!(base.last().map(String::as_str), Some("main" | "lib")) {
            base.pop();
        }
        for at in 0..self.words.len() {
            if !self.are(at, &CFG) {
                continue;
            }
            let end = self.item_end(at + CFG.len());
            for word in &mut self.words[at..end] {
                word.test = true;
            }
            let module = (at..end).find(|at| self.is(*at, "mod"));
            if let Some(module) = module.filter(|module| self.is(module + 2, ";")) {
                let name = &self.words[module + 1].text;
                self.test_files.push(
                    ["src"]
                        .into_iter()
                        .chain(base.iter().map(String::as_str))
                        .chain([name.as_str()])
                        .collect::<Vec<_>>()
                        .join("/"),
                );
            }
        }
    }

    /// Past the item that begins at a word: its `;`, or the brace that closes its first block.
    fn item_end(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for at in from..self.words.len() {
            match self.words[at].text.as_str() {
                ";" if depth == 0 => return at + 1,
                "{" => depth += 1,
                "}" if depth == 1 => return at + 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.words.len()
    }

    /// Notes how deep in modules of the file each word stands.
    fn mark_modules(&mut self) {
        let (mut depth, mut open) = (0_usize, Vec::new());
        for at in 0..self.words.len() {
            if self.is(at, "{") {
                depth += 1;
                if at >= 2 && self.is(at - 2, "mod") {
                    open.push(depth);
                }
            }
            self.words[at].inline = open.len();
            if self.is(at, "}") {
                if open.last() == Some(&depth) {
                    open.pop();
                }
                depth = depth.saturating_sub(1);
            }
        }
    }

    /// What the path that begins at a word names, counted from the crate and cut after two names; a group names several.
    fn imported(&self, at: usize, modules: &[String]) -> Vec<String> {
        if self.is(at.wrapping_sub(1), "::") || self.is(at.wrapping_sub(1), "$") {
            return Vec::new();
        }
        match self.words[at].text.as_str() {
            "crate" | "orgpull" if self.is(at + 1, "::") => self.leaves(at + 2, &[]),
            "super" => {
                let supers = (at..self.words.len()).step_by(2).take_while(|at| self.is(*at, "super")).count();
                // `super` from within the room is the room's own affair.
                let climbs_out = supers >= modules.len() + self.words[at].inline;
                if climbs_out { self.leaves(at + 2 * supers, &[]) } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    /// The paths of a tree of imports, each cut after two names.
    fn leaves(&self, at: usize, before: &[String]) -> Vec<String> {
        let Some(word) = self.words.get(at) else { return Vec::new() };
        if word.text == "{" {
            let end = self.item_end(at);
            let mut depth = 0_usize;
            let mut leaves = Vec::new();
            for inner in at..end {
                let begins = self.is(inner, "{") || self.is(inner, ",");
                depth = depth + usize::from(self.is(inner, "{")) - usize::from(self.is(inner, "}"));
                if begins && depth == 1 && !self.is(inner + 1, "}") {
                    leaves.extend(self.leaves(inner + 1, before));
                }
            }
            return leaves;
        }
        let path = [before, std::slice::from_ref(&word.text)].concat();
        if path.len() == 2 || !self.is(at + 1, "::") || self.is(at + 2, "<") {
            return vec![path.join("::")];
        }
        self.leaves(at + 2, &path)
    }
}

/// The words and signs of a text, without strings, characters and comments.
fn words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = skipped(&chars, at).unwrap_or_else(|| {
            let end = word_end(&chars, at);
            if !chars[at].is_whitespace() {
                let text = chars[at..end].iter().collect();
                words.push(Word { text, line, inline: 0, test: false });
            }
            end
        });
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    words
}

fn word_end(chars: &[char], at: usize) -> usize {
    let belongs = |c: &char| c.is_alphanumeric() || *c == '_';
    let length = chars[at..].iter().take_while(|c| belongs(c)).count();
    match length {
        0 if chars[at..].starts_with(&[':', ':']) => at + 2,
        0 => at + 1,
        length => at + length,
    }
}

/// Past the comment, the string or the character that begins here.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    let rest = &chars[at..];
    let past = |from: usize, end: &[char]| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        at + found.map_or(rest.len(), |found| from + found + end.len())
    };
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => Some(past(2, &['\n'])),
        ['/', '*', ..] => Some(past(2, &['*', '/'])),
        ['"', ..] => Some(at + string_end(rest)),
        ['b', '"', ..] if !in_word => Some(at + 1 + string_end(&rest[1..])),
        ['r', '"' | '#', ..] if !in_word => raw_end(rest).map(|length| at + length),
        ['b', 'r', '"' | '#', ..] if !in_word => raw_end(&rest[1..]).map(|length| at + 1 + length),
        ['\'', '\\', ..] => Some(past(3, &['\''])),
        ['\'', _, '\'', ..] => Some(at + 3),
        _ => None,
    }
}

fn string_end(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of `r"…"` or `r#"…"#`; nothing where it is a raw word such as `r#do`.
fn raw_end(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let from = 2 + hashes;
    let found = rest[from..].windows(end.len()).position(|window| window == end);
    Some(found.map_or(rest.len(), |found| from + found + end.len()))
}

mod the_test_itself {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        findings(&[Source { path: path.to_owned(), text: text.to_owned() }])
    }

    #[test]
    fn finds_an_import_however_it_is_written() {
        for text in [
            "use crate::ledger::Ledger;",
            "pub use crate::ledger;",
            "use crate::{domain::money::Ore, ledger::Ledger};",
            "use crate::{domain, domain::{money, pace}, ledger::{Ledger}};",
            "fn f() { let a = 'x'; crate::ledger::Ledger::open(); }",
            "fn f(a: &crate::ledger::Ledger) {}",
            "use super::super::ledger::Ledger;",
            "mod tests { use super::super::super::ledger::Ledger; }",
            "/* a */ use crate :: ledger;",
            "const A: &str = r#\"\"#; use crate::ledger;",
        ] {
            let found = of("src/upstream/json.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(
                found[0].starts_with("src/upstream/json.rs:1: upstream may not import ledger"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn leaves_alone_what_is_allowed_and_what_is_no_code() {
        for text in [
            "use crate::domain::money::Ore;\nuse crate::upstream::Reading;",
            "use super::Reading;\nmod tests { use super::super::Reading; }",
            "// use crate::ledger;\n/// [`crate::ledger`]\nconst A: &str = \"use crate::ledger\";",
            "const B: &str = r#\"crate::ledger \"quoted\" \"#; const C: &[u8] = b\"crate::run\";",
            "fn f<'a>(a: &'a str) { let q = '\"'; let _ = \"\\\"crate::run\"; }",
            "fn f() { sqlx(); let sqlx = 1; a.sqlx::<u8>(); }",
        ] {
            let found: Vec<_> = of("src/upstream/json.rs", text)
                .into_iter()
                .filter(|found| !found.contains("sqlx"))
                .collect();
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_rule_may_be_narrower_than_a_room() {
        assert!(of("src/simulator/mod.rs", "use crate::domain::pace::{Rate, parse_span};").is_empty());
        let found = of("src/simulator/mod.rs", "use crate::domain::number::Subject;\nuse crate::domain;");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("simulator may not import domain::number"), "{found:?}");
        assert_eq!(
            of("src/main.rs", "fn main() { orgpull::cli::main(); orgpull::run::execute(); }").len(),
            1
        );
    }

    #[test]
    fn tests_are_told_from_code() {
        let client = "reqwest::Client::new();";
        assert_eq!(of("src/simulator/mod.rs", client).len(), 1);
        assert!(
            of("src/simulator/mod.rs", &format!("#[cfg(test)]\nmod tests {{ fn f() {{ {client} }} }}"))
                .is_empty()
        );
        let after = format!("#[cfg(test)]\nmod tests {{ }}\nfn f() {{ {client} }}");
        assert_eq!(of("src/simulator/mod.rs", &after).len(), 1, "only the block is a test");
        let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("src/simulator/mod.rs", "#[cfg(test)]\nmod tests;\nmod wire;"),
            file("src/simulator/tests.rs", client),
            file("src/simulator/tests/more.rs", client),
            file("src/simulator/wire.rs", client),
        ];
        let found = findings(&files);
        assert_eq!(found, ["src/simulator/wire.rs:1: reqwest belongs to http alone"]);
    }

    #[test]
    fn finds_a_crate_outside_its_room() {
        for (text, count) in [
            ("use sqlx::Row;", 1),
            ("use sqlx;", 1),
            ("fn f(e: sqlx::Error) {}", 1),
            ("mod sqlx;\nuse self::sqlx::Row;\nfn f() { self::sqlx::g() }", 0),
        ] {
            let found = of("src/run/mod.rs", text);
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
        assert!(of("src/ledger/mod.rs", "use sqlx::Row;").is_empty());
        assert_eq!(of("src/run/mod.rs", "use axum::Router; use clap::Parser; use console::Term;").len(), 3);
    }

    #[test]
    fn finds_files_that_are_opened_elsewhere() {
        for text in [
            "fn f() { std::fs::write(a, b); }",
            "use std::fs; fn f() { fs::remove_file(a) }",
            "fn f() { File::open(a) }",
            "fn f() { std::fs::File::create(a) }",
            "fn f() { OpenOptions::new() }",
            "fn f() { tokio::fs::File::open(a) }",
            "fn f() { tempfile::tempdir() }",
        ] {
            assert_eq!(of("src/run/mod.rs", text).len(), 1, "{text}");
            assert!(of("src/disk/open.rs", text).is_empty(), "{text}");
            let test = format!("#[cfg(test)] mod tests {{ {text} }}");
            assert!(of("src/run/mod.rs", &test).is_empty(), "{text}");
        }
        assert!(of("src/run/mod.rs", "fn f(file: &File) { fs::metadata(a); file.open(); }").is_empty());
    }

    #[test]
    fn finds_where_a_number_is_shown() {
        let call = "fn f(s: &Subject) { log(s.full()); }";
        assert_eq!(of("src/cli/mod.rs", call).len(), 1);
        assert_eq!(of("src/run/mod.rs", "fn f() { all.map(Subject::sent10); }").len(), 1);
        assert!(of("src/export/table.rs", call).is_empty() && of("src/run/prepared.rs", call).is_empty());
        let own = "impl Gate { fn full(&self) -> bool { true }\nfn g(&self) { self.full(); } }";
        assert!(of("src/http/account.rs", own).is_empty());
        assert!(
            of("src/cli/mod.rs", "struct A { stored: u8 }\nfn f(a: A) { a.stored; let full = 1; }")
                .is_empty()
        );
    }

    #[test]
    fn finds_empty_names_and_long_files() {
        assert_eq!(of("src/run/utils.rs", "").len(), 1);
        assert_eq!(of("src/run/helpers/disk.rs", "").len(), 1);
        assert_eq!(of("src/run/mod.rs", "mod common { }").len(), 1);
        assert_eq!(of("src/run/mod.rs", &"//\n".repeat(601)).len(), 1);
        assert!(of("src/run/mod.rs", &"//\n".repeat(600)).is_empty());
    }
}
