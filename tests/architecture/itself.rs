//! The test of the house rules, tested: what it finds and what it leaves alone.

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
        assert!(found[0].starts_with("src/upstream/json.rs:1: upstream may not import ledger"), "{found:?}");
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
        let found: Vec<_> =
            of("src/upstream/json.rs", text).into_iter().filter(|found| !found.contains("sqlx")).collect();
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_rule_may_be_narrower_than_a_room() {
    assert!(of("src/simulator/mod.rs", "use crate::domain::pace::{Rate, parse_span};").is_empty());
    let found = of("src/simulator/mod.rs", "use crate::domain::number::Subject;\nuse crate::domain;");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("simulator may not import domain::number"), "{found:?}");
    assert_eq!(of("src/main.rs", "fn main() { orgpull::cli::main(); orgpull::run::execute(); }").len(), 1);
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
    assert!(of("src/ledger/sqlite/mod.rs", "use sqlx::Row;").is_empty());
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
    assert!(of("src/export/table.rs", call).is_empty() && of("src/run/decide/prepared.rs", call).is_empty());
    let own = "impl Gate { fn full(&self) -> bool { true }\nfn g(&self) { self.full(); } }";
    assert!(of("src/http/throttle.rs", own).is_empty());
    assert!(
        of("src/cli/mod.rs", "struct A { stored: u8 }\nfn f(a: A) { a.stored; let full = 1; }").is_empty()
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

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let source = |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
    let sources: Vec<Source> = files.iter().map(source).collect();
    findings(&sources).into_iter().filter(|found| found.contains("a circle")).collect()
}

#[test]
fn finds_a_circle_however_it_is_closed() {
    let (top, a) = (("src/upstream/mod.rs", "mod a;\nmod b;\nmod c;"), "src/upstream/a.rs");
    let b = |text| ("src/upstream/b.rs", text);
    for text in [
        "use super::a::A;",
        "use crate::upstream::{a::A};",
        "use super::{c, a::{self, A}};",
        "fn f() { super::a::f() }",
        "fn f(a: &crate::upstream::a::A) {}",
        "mod inner { use super::super::a::A; }",
    ] {
        let found = circles(&[top, (a, "\nuse super::b;"), b(text), ("src/upstream/c.rs", "")]);
        let told = "src/upstream/a.rs:2: a circle: src/upstream/a.rs → src/upstream/b.rs → src/upstream/a.rs";
        assert_eq!(found, [told], "{text}");
    }
    let long =
        [top, (a, "use super::b::B;"), b("use super::c::C;"), ("src/upstream/c.rs", "use super::a::A;")];
    let found = circles(&long);
    assert!(found.len() == 1 && found[0].matches('→').count() == 3, "{found:?}");
}

#[test]
fn a_parent_and_its_child_that_use_each_other_are_a_circle() {
    let child = ("src/upstream/page.rs", "use super::Reading;");
    for text in [
        "mod page;\nuse page::is_page;\npub enum Reading {}",
        "mod page;\npub enum Reading {}\nfn f() { page::is_page() }",
        "mod page;\npub use page::is_page;\npub enum Reading {}\nfn f() { self::page::is_page() }",
    ] {
        assert_eq!(circles(&[("src/upstream/mod.rs", text), child]).len(), 1, "{text}");
        assert_eq!(circles(&[("src/upstream.rs", text), child]).len(), 1, "{text}");
    }
}

#[test]
fn what_is_declared_handed_on_or_for_tests_alone_closes_no_circle() {
    for (parent, page, reading) in [
        ("mod page;\nmod reading;\npub use page::is_page;\npub enum Reading {}", "use super::Reading;", ""),
        // The name is at home in a third file.
        ("mod page;\nmod reading;\npub use reading::Reading;\nuse page::is_page;", "use super::Reading;", ""),
        (
            "mod page;\nmod reading;\nuse reading::Reading as Read;\nfn f() { page::is_page() }",
            "use super::Read;",
            "",
        ),
        (
            "mod page;\nmod reading;\nuse page::is_page;",
            "pub(super) fn f() {}\npub(in crate::upstream) fn g() {}",
            "",
        ),
        (
            "mod page;\nmod reading;",
            "#[cfg(test)]\nmod tests { use super::super::reading::R; }",
            "use super::page::P;",
        ),
        ("mod page;\nmod reading;", "// use super::reading;\n/// [`super::reading`]", "use super::page::P;"),
        ("mod reading;\n#[cfg(test)]\nmod page;", "use super::reading::R;", "use super::page::P;"),
        ("mod page;\nmod reading;\nuse page::f;", "fn f(a: A) { a.page::<u8>(); super_page(); }", ""),
    ] {
        let files = [
            ("src/upstream/mod.rs", parent),
            ("src/upstream/page.rs", page),
            ("src/upstream/reading.rs", reading),
        ];
        assert_eq!(circles(&files), [""; 0], "{parent}\n{page}");
    }
}

#[test]
fn a_room_may_have_rooms_of_its_own() {
    for (path, text, told) in [
        (
            "src/run/decide/fetch.rs",
            "use crate::run::dispatch::Lane;",
            "run::decide may not import run::dispatch::Lane",
        ),
        (
            "src/run/decide/fetch.rs",
            "use super::super::dispatch;",
            "run::decide may not import run::dispatch",
        ),
        (
            "src/run/dispatch/queue.rs",
            "use super::super::begin::Begun;",
            "run::dispatch may not import run::begin::Begun",
        ),
        ("src/run/dispatch/mod.rs", "use super::RunError;", "run::dispatch may not import run::RunError"),
        ("src/run/event.rs", "use super::error::RunError;", "run::event may not import run::error::RunError"),
        ("src/cli/mod.rs", "use crate::run::dispatch::Lane;", "cli may not import run::dispatch::Lane"),
        ("src/ledger/batch.rs", "use super::sqlite::Ledger;", "ledger may not import ledger::sqlite::Ledger"),
        ("src/ledger/batch.rs", "use sqlx::Row;", "sqlx belongs to ledger::sqlite alone"),
        ("src/run/mod.rs", "use crate::ledger::sqlite::Ledger;", "run may not import ledger::sqlite::Ledger"),
        (
            "src/run/decide/fetch.rs",
            "use crate::time::{local, now_ms};",
            "run::decide may not import time::now_ms",
        ),
    ] {
        let found = of(path, text);
        assert!(found.iter().any(|found| found.contains(told)), "{path}: {text}: {found:?}");
    }
    for (path, text) in [
        ("src/run/begin.rs", "use super::dispatch::Lane;\nuse super::decide::prepared::Prepared;"),
        ("src/run/dispatch/queue.rs", "use super::lane::Lane;\nuse crate::run::decide::prepared::Ask;"),
        ("src/run/dispatch/queue.rs", "mod tests { use super::super::lane::Lane; }"),
        ("src/ledger/sqlite/open.rs", "use crate::ledger::LedgerError;\nuse super::files::Files;"),
        ("src/ledger/mod.rs", "mod sqlite;\npub use sqlite::Ledger;"),
        ("src/cli/mod.rs", "use crate::run::{self, RunError};\nuse crate::run::event::Event;"),
    ] {
        assert_eq!(of(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn finds_what_decides_by_more_than_values() {
    for text in ["fn f() { Instant::now(); }", "fn f(a: mpsc::Sender<u8>) {}", "fn f() { tokio::spawn(a) }"] {
        assert_eq!(of("src/run/decide/fetch.rs", text).len(), 1, "{text}");
        assert!(of("src/run/dispatch/queue.rs", text).is_empty(), "{text}");
        assert!(of("src/run/decide/fetch.rs", &format!("#[cfg(test)] mod tests {{ {text} }}")).is_empty());
    }
}
