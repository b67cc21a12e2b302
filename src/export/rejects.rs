//! Bad rows, beside the first output: `out/x.csv` has `out/x.rejects.csv`.

use super::cells::Field;
use super::csv::CsvSink;
use super::files::{ExportError, Places, Target};
use super::{Written, WrittenKind};
use crate::disk::{self, Change, Draft, Protected};
use crate::job::{Output, SubjectForm};
use std::borrow::Cow;
use std::path::PathBuf;

/// The rejects file while it is being written: `line, input, reason`. It has no file until the first bad row, and none
/// where the job has no output to put it beside. It follows the first output's `excel`, and with `masked` or `digest`
/// hides what stood in the input.
pub struct Rejects {
    target: Option<Target>,
    excel: bool,
    mask: bool,
    sink: Option<CsvSink>,
    rows: u64,
}

impl Rejects {
    /// The rejects file on its own, for a load that ends before there is anything to look up. `paths` are those of the
    /// outputs; it may not replace what is protected.
    pub fn begin(outputs: &[Output], paths: &[PathBuf], protected: &Protected) -> Result<Self, ExportError> {
        let places = Places::find(outputs, paths, protected)?;
        Ok(Self::at(places.rejects, outputs.first()))
    }

    pub(super) fn at(target: Option<Target>, first: Option<&Output>) -> Self {
        let excel = first.is_some_and(|output| output.excel);
        let mask = first.is_some_and(|output| output.subject != SubjectForm::Full);
        Self { target, excel, mask, sink: None, rows: 0 }
    }

    /// Adds a bad row: its line, the cell as it stood in the input, and why it was refused.
    pub fn push(&mut self, line: u64, input: &str, reason: &str) -> Result<(), ExportError> {
        let Some(Target { place, mode }) = &self.target else { return Ok(()) };
        if self.sink.is_none() {
            let draft = Draft::create(place.clone(), *mode)?;
            let begun = CsvSink::begin(draft, self.excel, ["line", "input", "reason"]);
            self.sink = Some(begun.map_err(place.failed("write"))?);
        }
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let input = if self.mask { Cow::Owned(hidden(input)) } else { Cow::Borrowed(input) };
        let fields = [Field::Count(line), Field::Text(&input), Field::Text(reason)];
        let put = fields.into_iter().try_for_each(|field| sink.put(field)).and_then(|()| sink.end_row());
        put.map_err(place.failed("write"))?;
        self.rows += 1;
        Ok(())
    }

    /// Puts the file in its place and tells of it, or, without a bad row, removes one of an earlier run.
    pub fn finish(self) -> Result<Option<Written>, ExportError> {
        let (change, written) = self.seal()?;
        disk::publish(change.into_iter().collect())?;
        Ok(written)
    }

    pub(super) fn seal(self) -> Result<(Option<Change>, Option<Written>), ExportError> {
        let Some(Target { place, .. }) = self.target else { return Ok((None, None)) };
        let Some(sink) = self.sink else { return Ok((Some(Change::Remove(place)), None)) };
        let too_long = sink.too_long();
        let sealed = sink.into_draft().map_err(place.failed("write"))?.seal()?;
        let written = Written {
            path: place.named().to_owned(),
            kind: WrittenKind::Rejects,
            rows: self.rows,
            columns: Vec::new(),
            too_long,
            instead_of: None,
            sha256: sealed.sha256(),
        };
        Ok((Some(Change::Put(sealed)), Some(written)))
    }
}

/// What was no valid number may be anything, a name as well: only its shape is left.
fn hidden(input: &str) -> String {
    input.chars().map(|c| if c.is_alphanumeric() { '*' } else { c }).collect()
}
