//! The log of who did what: an entry for each act, bound to the one before it by its hash, so that nobody can change, remove or
//! move one without that being seen. Cutting off the end is seen by who has kept a later hash.
//!
//! An entry is a line of JSON, in the ledger by its members, in a sink as it is. Its hash is SHA-256 of that line without the
//! `hash`; `previous` in it is the hash of the entry before, 64 zeros in the first. No number and no purpose stands in it.

use super::RunRow;
use crate::domain::identity::hex;
use crate::domain::redact::scrub;
use crate::time::rfc3339_ms;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// What was done. The ledger enforces the same words with a `CHECK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActKind {
    /// A run begins.
    RunBegun,
    /// An unfinished run is gone on with.
    RunContinued,
    /// What failed in a run is driven again.
    Retried,
    /// An invocation of a run has ended.
    RunEnded,
    /// A newer run took a run's place.
    RunClosed,
    /// Outputs are written by hand.
    Exported,
    /// What is past its retention is emptied.
    Purged,
    /// One subject is erased.
    Erased,
    /// All that is held about one subject is shown.
    Accessed,
    /// Numbers are shown in full.
    SubjectsShown,
    /// The ledger is copied.
    BackedUp,
    /// A copy takes the ledger's place.
    Restored,
    /// A master key is made.
    KeyMade,
    /// The ring is wrapped anew.
    KeyRotated,
    /// The ring is copied.
    KeyBackedUp,
    /// A copy takes the ring's place.
    KeyRestored,
    /// Lost answers are settled.
    Resolved,
    /// A statement is held against the ledger.
    Reconciled,
    /// A login is tried by hand.
    Login,
}

impl ActKind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::RunBegun,
        Self::RunContinued,
        Self::Retried,
        Self::RunEnded,
        Self::RunClosed,
        Self::Exported,
        Self::Purged,
        Self::Erased,
        Self::Accessed,
        Self::SubjectsShown,
        Self::BackedUp,
        Self::Restored,
        Self::KeyMade,
        Self::KeyRotated,
        Self::KeyBackedUp,
        Self::KeyRestored,
        Self::Resolved,
        Self::Reconciled,
        Self::Login,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunBegun => "run-begun",
            Self::RunContinued => "run-continued",
            Self::Retried => "retried",
            Self::RunEnded => "run-ended",
            Self::RunClosed => "run-closed",
            Self::Exported => "exported",
            Self::Purged => "purged",
            Self::Erased => "erased",
            Self::Accessed => "accessed",
            Self::SubjectsShown => "subjects-shown",
            Self::BackedUp => "backed-up",
            Self::Restored => "restored",
            Self::KeyMade => "key-made",
            Self::KeyRotated => "key-rotated",
            Self::KeyBackedUp => "key-backed-up",
            Self::KeyRestored => "key-restored",
            Self::Resolved => "resolved",
            Self::Reconciled => "reconciled",
            Self::Login => "login",
        }
    }
}

/// What is to be written down. Every text in it is scrubbed of what may be somebody's number.
#[derive(Debug, Clone)]
pub struct Act {
    kind: ActKind,
    run: Option<String>,
    job: Option<String>,
    details: Map<String, Value>,
}

impl Act {
    /// An act of this kind, of which nothing else is known.
    pub fn new(kind: ActKind) -> Self {
        Self { kind, run: None, job: None, details: Map::new() }
    }

    /// The same on a run.
    #[must_use]
    pub fn on(self, run: &RunRow) -> Self {
        // A run's id is ours: twelve digits in a row would be masked.
        Self { run: Some(run.run.clone()), job: Some(scrub(&run.job)), ..self }
    }

    /// The same with a count, a path, a list of them; what is `None` is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match scrubbed(value.into()) {
            Value::Null => {}
            value => drop(self.details.insert(name.to_owned(), value)),
        }
        self
    }
}

fn scrubbed(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(scrub(&text)),
        Value::Array(values) => values.into_iter().map(scrubbed).collect(),
        other => other,
    }
}

/// SHA-256.
pub type Hash = [u8; 32];

/// Where an entry stands: its number, and its hash. The default is that of a log without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// From 1, without a gap.
    pub id: i64,
    /// What the next entry is bound to.
    pub hash: Hash,
}

/// An entry as it is written, or as the ledger has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, and the hash that stands beside it.
    pub link: Link,
    /// The hash of the entry before it.
    pub previous: Hash,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Which act.
    pub what: String,
    /// On which run.
    pub run: Option<String>,
    /// Of which job.
    pub job: Option<String>,
    /// Who did it.
    pub operator: String,
    /// A JSON object: counts, paths.
    pub details: String,
}

impl AuditEntry {
    /// The entry that follows another.
    pub(super) fn after(last: &Link, at: i64, operator: &str, act: &Act) -> Self {
        let Act { kind, run, job, details } = act;
        let link = Link { id: last.id + 1, hash: Hash::default() };
        let mut entry = Self {
            link,
            previous: last.hash,
            at,
            what: kind.as_str().to_owned(),
            run: run.clone(),
            job: job.clone(),
            operator: scrub(operator),
            details: Value::Object(details.clone()).to_string(),
        };
        entry.link.hash = entry.digest();
        entry
    }

    /// A line of JSON, as a sink gets it.
    pub fn line(&self) -> String {
        format!("{},\"hash\":\"{}\"}}", self.members(), hex(&self.link.hash))
    }

    /// What it should be bound by.
    fn digest(&self) -> Hash {
        Sha256::digest(format!("{}}}", self.members())).into()
    }

    /// All but the hash, without the brace that closes them. Two entries that differ in anything differ here.
    fn members(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let or_null = |word: &Option<String>| word.as_deref().map_or_else(|| "null".to_owned(), text);
        format!(
            "{{\"id\":{},\"at\":{},\"what\":{},\"run\":{},\"job\":{},\"operator\":{},\"details\":{},\"previous\":\"{}\"",
            self.link.id,
            text(&rfc3339_ms(self.at)),
            text(&self.what),
            or_null(&self.run),
            or_null(&self.job),
            text(&self.operator),
            self.details,
            hex(&self.previous)
        )
    }
}

/// Why a log is not what was written. What comes before the entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenLog {
    /// An entry is gone.
    #[error("entry {0} is missing")]
    Missing(i64),
    /// An entry, or the hash that binds the next to it, was changed.
    #[error("entry {0} is not what was written, or does not follow the one before it")]
    Changed(i64),
}

/// The log, as far as it was gone through and is what was written.
#[derive(Debug, Default)]
pub struct AuditChain {
    /// The last entry.
    pub last: Link,
}

impl AuditChain {
    /// Takes the next entry in.
    pub fn take(&mut self, entry: &AuditEntry) -> Result<(), BrokenLog> {
        let next = self.last.id + 1;
        if entry.link.id != next {
            return Err(BrokenLog::Missing(next));
        }
        if entry.previous != self.last.hash || entry.digest() != entry.link.hash {
            return Err(BrokenLog::Changed(next));
        }
        self.last = entry.link;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A log of so many entries.
    fn log(count: i64) -> Vec<AuditEntry> {
        let mut last = Link::default();
        let entry = |at: i64| {
            let act = Act::new(ActKind::ALL[usize::try_from(at).unwrap() % ActKind::ALL.len()]);
            let entry = AuditEntry::after(&last, at * 1_001, "somebody", &act.with("rows", at));
            last = entry.link;
            entry
        };
        (1..=count).map(entry).collect()
    }

    /// The entries as the ledger gives them: what is bound to the entry before is what stands before.
    fn read_again(mut log: Vec<AuditEntry>) -> Result<Link, BrokenLog> {
        let (mut chain, mut previous) = (AuditChain::default(), Hash::default());
        for entry in &mut log {
            entry.previous = previous;
            previous = entry.link.hash;
            chain.take(entry)?;
        }
        Ok(chain.last)
    }

    /// Changes one thing in an entry.
    fn change(entry: &mut AuditEntry, which: u8) {
        match which {
            0 => entry.at += 1,
            1 => entry.what = "purged-".to_owned(),
            2 => entry.run = Some("null".to_owned()),
            3 => entry.job = Some(String::new()),
            4 => entry.operator.push('"'),
            5 => entry.details = "{}".to_owned(),
            6 => entry.link.hash[7] ^= 1,
            _ => entry.link.id += 1,
        }
    }

    proptest! {
        #[test]
        fn a_changed_entry_is_found_where_it_is(count in 1..40_i64, at: prop::sample::Index, which in 0..8_u8) {
            let mut log = log(count);
            let at = at.index(log.len());
            change(&mut log[at], which);
            let found = i64::try_from(at).unwrap() + 1;
            let broken = read_again(log).unwrap_err();
            prop_assert_eq!(broken, if which == 7 { BrokenLog::Missing(found) } else { BrokenLog::Changed(found) });
        }

        /// Also by somebody who makes its own hash anew: the next one is bound to what was there.
        #[test]
        fn one_that_is_written_anew_is_found_by_the_next(count in 2..40_i64, at: prop::sample::Index, which in 0..6_u8) {
            let mut log = log(count);
            let at = at.index(log.len() - 1);
            change(&mut log[at], which);
            log[at].link.hash = log[at].digest();
            prop_assert_eq!(read_again(log), Err(BrokenLog::Changed(i64::try_from(at).unwrap() + 2)));
        }

        #[test]
        fn a_removed_or_swapped_entry_is_found(count in 2..40_i64, one: prop::sample::Index, other: prop::sample::Index) {
            let whole = log(count);
            // The last is not missed by who has kept no hash of it.
            let at = one.index(whole.len() - 1);
            let mut removed = whole.clone();
            removed.remove(at);
            prop_assert!(read_again(removed).is_err());
            let (at, to) = (one.index(whole.len()), other.index(whole.len()));
            let mut swapped = whole.clone();
            swapped.swap(at, to);
            prop_assert_eq!(read_again(swapped.clone()).is_ok(), at == to);
            // With their numbers put right.
            let (number, others) = (swapped[at].link.id, swapped[to].link.id);
            (swapped[at].link.id, swapped[to].link.id) = (others, number);
            prop_assert_eq!(read_again(swapped).is_ok(), at == to);
        }

        #[test]
        fn what_is_whole_is_whole_and_its_head_tells_a_cut(count in 1..40_i64, cut in 1..40_i64) {
            let whole = log(count);
            let head = whole.last().unwrap().link;
            prop_assert_eq!(read_again(whole.clone()), Ok(head));
            let left: Vec<_> = whole.into_iter().take(usize::try_from((count - cut).max(0)).unwrap()).collect();
            prop_assert!(left.iter().all(|entry| entry.link.hash != head.hash));
            prop_assert!(read_again(left).is_ok());
        }
    }

    #[test]
    fn a_line_is_checked_without_us() {
        let act = Act::new(ActKind::BackedUp).with("to", "/mnt/\"a\"\n").with("nothing", None::<String>);
        let entry = AuditEntry::after(&Link::default(), 1_772_328_600_123, "Risk, \\night", &act);
        let line = entry.line();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&value["details"]["to"], &value["operator"]),
            (&"/mnt/\"a\"\n".into(), &"Risk, \\night".into())
        );
        assert_eq!((value["at"].as_str(), line.lines().count()), (Some("2026-03-01T01:30:00.123Z"), 1));
        let (before, hash) = line.rsplit_once(",\"hash\":\"").unwrap();
        assert_eq!(hash, format!("{}\"}}", hex(&Sha256::digest(format!("{before}}}")))));
    }

    #[test]
    fn no_number_gets_into_it() {
        let number = "556012-5790";
        let act = Act::new(ActKind::Exported).with("to", format!("/out/{number}.csv"));
        let act = act.with("outputs", vec![format!("{number}.csv")]);
        let entry = AuditEntry::after(&Link::default(), 1, number, &act);
        assert!(!entry.line().contains("5790"), "{}", entry.line());
    }
}
