//! Output files, and what was found for their columns.

use crate::domain::identity::Identity;
use crate::domain::record::WrittenKind;
use serde::{Deserialize, Serialize};

/// A file that a run wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// The path that the job names, its places filled.
    pub base: String,
    /// Where it is.
    pub path: String,
    /// Its place among the files that were written together, from 0.
    pub place: u32,
    /// What it is.
    pub kind: WrittenKind,
    /// Rows, the header not counted.
    pub rows: u64,
    /// In how many answers each column was found.
    pub columns: Vec<OutputColumn>,
    /// Of what was written; the ledger keeps a keyed digest of it.
    pub sha256: [u8; 32],
}

/// A file that a run wrote and that may still be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptOutput {
    /// The path that the job names, its places filled.
    pub base: String,
    /// Where it is.
    pub path: String,
    /// The keyed digest of what was written.
    pub digest: Identity,
    /// Whether a newer run has written there since.
    pub replaced: bool,
}

/// In how many answers a column was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputColumn {
    /// The header.
    pub name: String,
    /// Answers that had it.
    pub found: u64,
    /// Answers looked into.
    pub answers: u64,
    /// Whether the job chose it.
    pub chosen: bool,
}
