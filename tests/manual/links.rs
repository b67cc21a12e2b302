//! Every link of the manual leads somewhere, and so does every page that a message, a comment or a job file names.

use super::{pages, read, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages beside `docs/`.
const BESIDE: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Where a page of the manual may be named outside it.
const NAMED_IN: [&str; 11] = [
    "src",
    "tests",
    "benches",
    "jobs",
    "config",
    "migrations",
    ".ci",
    "Cargo.toml",
    "justfile",
    "deny.toml",
    "build.rs",
];

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let headings = page.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with('#')
    });
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The targets of `[text](target)` in a page, outside blocks of code.
fn links(page: &str) -> Vec<String> {
    let mut fenced = false;
    let lines = page.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && !line.starts_with("    ")
    });
    // A link may be broken over two lines.
    let text = lines.collect::<Vec<_>>().join(" ");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// Why a target, seen from a folder, leads nowhere.
fn astray(folder: &Path, own: &str, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return None;
    }
    let (file, fragment) = target.split_once('#').map_or((target, None), |(file, at)| (file, Some(at)));
    let place = folder.join(file);
    if !file.is_empty() && !root().join(&place).exists() {
        return Some(format!("{target}: there is no such file"));
    }
    let page =
        if file.is_empty() { own.to_owned() } else { fragment.map(|_| read(&place)).unwrap_or_default() };
    let missing = fragment.filter(|fragment| !anchors(&page).contains(*fragment));
    missing.map(|fragment| format!("{target}: no heading `{fragment}`"))
}

#[test]
fn every_link_leads_somewhere() {
    let beside = BESIDE.iter().map(|name| ((*name).to_owned(), read(name)));
    let mut count = 0;
    for (path, page) in beside.chain(pages()) {
        let folder = Path::new(&path).parent().unwrap();
        for target in links(&page) {
            count += 1;
            assert_eq!(astray(folder, &page, &target), None, "{path}");
        }
    }
    assert!(count > 50, "only {count} links were found");
}

/// Every text file below a place, or the file that it is.
fn files(place: &Path, found: &mut Vec<PathBuf>) {
    if !place.is_dir() {
        return found.push(place.to_owned());
    }
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("node_modules") {
            files(&path, found);
        }
    }
}

/// The pages that a text names: `docs/x.md`, with the anchor where there is one.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || "-_./#".contains(letter);
    text.match_indices("docs/").filter_map(move |(at, _)| {
        let rest = &text[at..];
        let name = &rest[..rest.find(|letter| !of_a_name(letter)).unwrap_or(rest.len())];
        let name = name.trim_end_matches(['.', '-']);
        name.contains(".md").then_some(name)
    })
}

/// A person who has the program alone finds the page by its name; one that names the README for what is no longer there
/// would search in vain.
#[test]
fn every_page_that_is_named_is_there() {
    let mut found = Vec::new();
    for place in NAMED_IN {
        files(&root().join(place), &mut found);
    }
    let mut count = 0;
    for file in found {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if file.starts_with(root().join("tests/manual")) {
            continue;
        }
        for name in named(&text) {
            count += 1;
            assert_eq!(astray(Path::new(""), "", name), None, "{}", file.display());
        }
        let source = file.starts_with(root().join("src")) || file.starts_with(root().join("config"));
        assert!(!source || !text.contains("README"), "{} names the README", file.display());
    }
    assert!(count > 5, "only {count} pages are named");
}

#[test]
fn a_heading_makes_an_anchor() {
    assert_eq!(anchor("Many machines, *one* `ledger`?"), "many-machines-one-ledger");
    assert_eq!(
        anchors("# A b\n```sh\n# no heading\n```\n## C-d"),
        BTreeSet::from(["a-b".into(), "c-d".into()])
    );
    assert_eq!(links("a [b\nc](d.md#e) and [f](g)\n```\n[x](y)\n```"), ["d.md#e", "g"]);
    assert_eq!(
        named("(docs/a.md#b-c), docs/d.md. docs/ e").collect::<Vec<_>>(),
        ["docs/a.md#b-c", "docs/d.md"]
    );
}
