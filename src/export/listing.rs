//! A plain csv of texts, written as carefully as an output: whole or not at all, its owner's alone, safe to open.

use super::cells::Field;
use super::csv::CsvSink;
use super::files::ExportError;
use crate::disk::{Change, Draft, Mode, Place, Protected, publish};
use std::path::Path;

/// A csv on its way. Dropped before [`Listing::finish`], it leaves nothing behind.
pub struct Listing {
    place: Place,
    sink: CsvSink,
}

impl Listing {
    /// Begins the file with its header. It may not take the place of what is protected.
    pub fn create(path: &Path, protected: &Protected, header: &[&str]) -> Result<Self, ExportError> {
        let place = Place::find(path.to_owned(), protected)?;
        let draft = Draft::create(place.clone(), Mode::Private)?;
        let sink = CsvSink::begin(draft, false, header.iter().copied()).map_err(place.failed("write"))?;
        Ok(Self { place, sink })
    }

    /// Writes a row, of as many cells as the header has.
    pub fn row(&mut self, cells: &[&str]) -> Result<(), ExportError> {
        let put = cells.iter().try_for_each(|cell| self.sink.put(Field::maybe(Some(cell))));
        Ok(put.and_then(|()| self.sink.end_row()).map_err(self.place.failed("write"))?)
    }

    /// Brings the file to disk and puts it in its place.
    pub fn finish(self) -> Result<(), ExportError> {
        let sealed = self.sink.into_draft().map_err(self.place.failed("write"))?.seal()?;
        Ok(publish(vec![Change::Put(sealed)])?)
    }
}
