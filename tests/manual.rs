//! What holds the manual (README.md, ARCHITECTURE.md, `docs/`) to the code: its tables of keys, services and commands are
//! generated, every link and every page that a message names is there, and the two first pages stay short.
//!
//! `INSTA_UPDATE=always cargo test --test manual` writes the generated tables anew.
#![cfg(test)]

#[path = "manual/generated.rs"]
mod generated;
#[path = "manual/links.rs"]
mod links;

use orgpull::domain::exit::Exit;
use orgpull::domain::outcome::Outcome;
use orgpull::simulator::Scenario;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What README.md and ARCHITECTURE.md may be long.
const MOST_LINES: usize = 200;

/// Where the manual tells what, for the tests below.
const OPERATIONS: &str = "docs/operations.md";
const JOBS: &str = "docs/jobs.md";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages of `docs/`, by their path from the root, with their text.
fn pages() -> BTreeMap<String, String> {
    let entries = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| format!("docs/{}", name.to_str().unwrap()));
    let pages: BTreeMap<String, String> = names.map(|name| (name.clone(), read(&name))).collect();
    assert!(
        pages.len() >= 9
            && pages.keys().all(|name| Path::new(name).extension().is_some_and(|ending| ending == "md")),
        "{:?}",
        pages.keys()
    );
    pages
}

#[test]
fn the_generated_tables_are_those_of_the_code() {
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|word| word == "always");
    let mut tables = generated::tables();
    let mut stale = Vec::new();
    for (path, page) in pages() {
        let written = generated::written_anew(&path, &page, &mut tables);
        if written != page {
            stale.push(path.clone());
            if update {
                fs::write(root().join(path), written).unwrap();
            }
        }
    }
    assert!(tables.is_empty(), "no page has a place for {:?}", tables.keys());
    assert!(update || stale.is_empty(), "{stale:?}: run `INSTA_UPDATE=always cargo test --test manual`");
}

#[test]
fn what_is_first_read_is_short() {
    for path in ["README.md", "ARCHITECTURE.md"] {
        let lines = read(path).lines().count();
        assert!(lines <= MOST_LINES, "{path} has {lines} lines, and {MOST_LINES} are the most");
    }
}

/// Who may name whom is held by `tests/architecture.rs`; here, that no room is left out of the explanation.
#[test]
fn every_room_is_explained() {
    let architecture = read("ARCHITECTURE.md");
    let library = read("src/lib.rs");
    let rooms: Vec<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(rooms.len() > 10, "{rooms:?}");
    for room in rooms {
        let row = format!("\n| `{room}` | ");
        assert_eq!(architecture.matches(&row).count(), 1, "{row}");
    }
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let readme = read("README.md");
    for page in pages().keys() {
        assert!(readme.contains(&format!("({page})")), "README.md has no link to {page}");
    }
}

/// The simulator's own refusals list what it knows.
#[test]
fn every_key_and_word_of_a_scenario_is_explained() {
    let page = read("docs/simulator.md");
    for slip in [
        "x = 1",
        "[login]\nx = 1",
        "[login]\ntoken = 'x'",
        "[window]\nx = 1",
        "[window]\ncalls = 1\nper = '1s'\nretry_after_as = 'x'",
        "[[fault]]\nx = 1",
        "[[fault]]\ndo = 'x'",
        "[[fault]]\ndo = 'alter'\nalter = ['x']",
    ] {
        let refusal = Scenario::parse("scenario", slip).map(drop).unwrap_err().to_string();
        let known = refusal.split_once("expected").unwrap_or_else(|| panic!("{slip}: {refusal}")).1;
        let mut count = 0;
        for word in known.split('`').skip(1).step_by(2) {
            count += 1;
            let told =
                [format!("`{word}`"), format!("{word} = "), format!("\"{word}\""), format!("[[{word}]]")];
            assert!(
                told.iter().any(|told| page.contains(told)),
                "docs/simulator.md says nothing of `{word}`"
            );
        }
        assert!(count > 1, "{refusal}");
    }
}

#[test]
fn every_exit_code_and_every_outcome_is_explained() {
    let operations = read(OPERATIONS);
    for exit in Exit::ALL {
        let row = format!("\n| {} | {} | ", exit.code(), exit.meaning());
        assert_eq!(operations.matches(&row).count(), 1, "{row}");
    }
    let jobs = read(JOBS);
    let jobs = jobs.split_once("\n## Outcomes\n").unwrap().1.split("\n#").next().unwrap();
    for outcome in Outcome::ALL {
        let row = format!("\n| `{}` | ", outcome.as_str());
        assert_eq!(jobs.matches(&row).count(), 1, "{row}");
    }
}
