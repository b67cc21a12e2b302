//! What is told of a file once it is in its place.

use super::columns::ColumnCount;
use crate::domain::record::WrittenKind;
use std::path::PathBuf;

/// A file that has been put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where, as the job names it.
    pub path: PathBuf,
    /// An output of the job, or its rejects.
    pub kind: WrittenKind,
    /// Rows, the header not counted.
    pub rows: u64,
    /// In how many answers each column was found; empty for rejects, and for JSON without chosen columns.
    pub columns: Vec<ColumnCount>,
    /// Cells of a csv for Excel with more characters than a cell of Excel takes.
    pub too_long: u64,
    /// Where it would be if another run had not been there.
    pub instead_of: Option<PathBuf>,
    /// Of what was written.
    pub sha256: [u8; 32],
}
