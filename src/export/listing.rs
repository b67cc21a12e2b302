//! A plain csv of texts, written as carefully as an output: whole or not at all, its owner's alone, safe to open.

use super::cells::Field;
use super::csv::CsvSink;
use super::files::{Change, Draft, ExportError, Target, publish};
use std::path::{Path, PathBuf};

/// A csv on its way. Dropped before [`Listing::finish`], it leaves nothing behind.
pub struct Listing {
    target: Target,
    sink: CsvSink,
}

impl Listing {
    /// Begins the file with its header. It may not take the place of any file in `keep`.
    pub fn create(path: &Path, keep: &[PathBuf], header: &[&str]) -> Result<Self, ExportError> {
        let target = Target::apart(path.to_owned(), keep)?;
        let draft = Draft::create(target.clone())?;
        let sink = CsvSink::begin(draft, false, header.iter().copied()).map_err(target.failed("write"))?;
        Ok(Self { target, sink })
    }

    /// Writes a row, of as many cells as the header has.
    pub fn row(&mut self, cells: &[&str]) -> Result<(), ExportError> {
        let put = cells.iter().try_for_each(|cell| self.sink.put(Field::maybe(Some(cell))));
        put.and_then(|()| self.sink.end_row()).map_err(self.target.failed("write"))
    }

    /// Brings the file to disk and puts it in its place.
    pub fn finish(self) -> Result<(), ExportError> {
        let sealed = self.sink.into_draft().map_err(self.target.failed("write"))?.seal()?;
        publish(vec![Change::Put(sealed)])
    }
}
