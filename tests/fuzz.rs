//! The targets of `fuzz/` over the bytes that are kept in `fuzz/corpus`: what has been found once is looked at each time.
#![cfg(test)]

#[expect(unreachable_pub, reason = "in `fuzz` it is a library")]
#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Fewer files than this and a corpus is not where it was.
const FEWEST: usize = 12;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= FEWEST, "{} files", files.len());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let held = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
        assert!(held.is_ok(), "{}", file.display());
    }
}

macro_rules! replayed {
    ($($name:ident)+) => {
        const TARGETS: &[&str] = &[$(stringify!($name)),+];

        $(#[test]
        fn $name() {
            replay(stringify!($name), targets::$name);
        })+
    };
}

replayed!(number input job configuration provider creditsafe dnb generic statement unsealing);

#[test]
fn every_target_and_every_corpus_is_replayed() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let stems = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned());
        stems.map(|stem| stem.into_string().unwrap()).collect()
    };
    let here: BTreeSet<String> = TARGETS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!((names("fuzz/fuzz_targets"), names("fuzz/corpus")), (here.clone(), here));
}
