//! Outputs: what a run found out, as files.
//!
//! Every output is a projection of the ledger: records come in one by one, in input order, and the same records make
//! the same bytes, whatever the day, the locale or the machine. The caller walks over the ledger once
//! ([`Export::write`]), or twice where a CSV file lists every leaf found ([`Export::discover`] first). Memory stays
//! flat: nothing is kept of a record but counts and the names of leaves.
//!
//! Files appear whole or not at all: each is written beside its place under a hidden name, all are flushed to disk
//! before the first is renamed, and whatever fails before that leaves no trace. This room knows neither the ledger
//! nor the upstreams; it shows the number of a subject in full only where the output's `subject` says so.

mod body;
mod cells;
mod changes;
mod columns;
mod csv;
mod erase;
mod files;
mod json;
mod leaves;
mod listing;
pub mod naming;
mod pairs;
mod reach;
mod rejects;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod written;

pub use crate::domain::record::WrittenKind;
pub use cells::harmless;
pub use columns::ColumnCount;
pub use erase::without_lines;
pub use files::ExportError;
pub use leaves::{MOST_LEAVES, leaf_names};
pub use listing::Listing;
pub use rejects::Rejects;

use crate::disk::{self, Change, Sealed};
use crate::domain::record::{LookupRecord, Record};
use crate::job::Output;
use body::Bodies;
use changes::Changes;
use files::{Places, Target};
pub use setting::{LookupHead, Setting};
use std::collections::{BTreeSet, HashSet};
use table::Table;
pub use written::Written;

/// What was written, and what could not be shown in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// The files.
    pub written: Vec<Written>,
    /// Stored answers that are damaged.
    pub damage: Damage,
}

/// Stored answers that are not as they were written. Outputs show their lookups as `unknown`, code `damaged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many: one that several rows or outputs show is one, as long as they are no more than ten thousand. What is damaged
    /// beyond these is counted by row.
    pub count: u64,
    /// The first of them: line of the input, and the lookup's id, where each was first met.
    pub first: Vec<(u64, String)>,
    /// Answers of earlier runs, counted likewise, so that what changed since is not told.
    pub earlier: u64,
}

/// References of the answers that were met, as many as are told apart.
#[derive(Default)]
struct Met(HashSet<String>);

impl Met {
    const MOST: usize = 10_000;

    /// Whether this is the first time. What has no reference, and what is too much to be remembered, is always new.
    fn is_new(&mut self, reference: Option<&str>) -> bool {
        let Some(reference) = reference else { return true };
        if self.0.len() >= Self::MOST {
            return !self.0.contains(reference);
        }
        self.0.insert(reference.to_owned())
    }
}

/// Damaged answers that are named one by one.
const MOST_NAMED: usize = 5;

/// All outputs of a job while they are being written. Dropped before [`Export::finish`], it leaves nothing behind.
pub struct Export {
    sheets: Vec<Sheet>,
    rejects: Rejects,
    ids: Vec<String>,
    damage: Damage,
    /// Damaged answers, by our reference on their request.
    met: Met,
    /// Damaged earlier answers, by that of the answers that followed.
    met_before: Met,
}

/// What is done with a record at each output.
type Hand<'h> = dyn Fn(&mut Sheet, &Record, &Bodies<'_>) -> Result<(), ExportError> + 'h;

/// One output.
enum Sheet {
    Table(Box<Table>),
    Changes(Box<Changes>),
}

impl Sheet {
    fn begin(output: &Output, target: Target, setting: &Setting<'_>) -> Result<Self, ExportError> {
        Ok(if output.changes {
            Self::Changes(Box::new(Changes::begin(output, target, setting)?))
        } else {
            Self::Table(Box::new(Table::begin(output, target, setting)?))
        })
    }

    fn fills_skipped(&self) -> bool {
        matches!(self, Self::Table(table) if table.fills_skipped())
    }

    fn needs_discovery(&self) -> bool {
        matches!(self, Self::Table(table) if table.needs_discovery())
    }

    fn discover(&mut self, record: &Record, bodies: &Bodies<'_>) -> Result<(), ExportError> {
        match self {
            Self::Table(table) => table.discover(record, bodies),
            Self::Changes(_) => Ok(()),
        }
    }

    fn write(&mut self, record: &Record, bodies: &Bodies<'_>) -> Result<(), ExportError> {
        match self {
            Self::Table(table) => table.write(record, bodies),
            Self::Changes(changes) => changes.write(record, bodies),
        }
    }

    /// Whether it looks into answers.
    fn reads_answers(&self) -> bool {
        match self {
            Self::Table(table) => table.reads_answers(),
            Self::Changes(_) => true,
        }
    }

    /// The places of lookups whose earlier answers it could not hold the new ones against, of the records since it was last
    /// asked.
    fn damaged_before(&mut self) -> BTreeSet<usize> {
        match self {
            Self::Table(_) => BTreeSet::new(),
            Self::Changes(changes) => std::mem::take(&mut changes.damaged),
        }
    }

    fn seal(self) -> Result<(Sealed, Written), ExportError> {
        match self {
            Self::Table(table) => table.seal(),
            Self::Changes(changes) => changes.seal(),
        }
    }
}

impl Export {
    /// Makes folders that are missing, and opens a hidden file for each output, of its mode and group.
    pub fn begin(outputs: &[Output], setting: &Setting<'_>) -> Result<Self, ExportError> {
        let places = Places::find(outputs, setting.paths, setting.protected)?;
        let rejects = Rejects::at(places.rejects, outputs.first());
        let sheets = outputs
            .iter()
            .zip(places.outputs)
            .map(|(output, target)| Sheet::begin(output, target, setting))
            .collect::<Result<_, _>>()?;
        let ids = setting.lookups.iter().map(|head| head.id.clone()).collect();
        let (met, met_before) = (Met::default(), Met::default());
        Ok(Self { sheets, rejects, ids, damage: Damage::default(), met, met_before })
    }

    /// Whether some CSV output lists every leaf found, so that all records must pass [`Export::discover`] before the
    /// first is written. Both passes must see the same state of the ledger: a leaf that turns up only in the second
    /// has no column.
    pub fn needs_discovery(&self) -> bool {
        self.sheets.iter().any(Sheet::needs_discovery)
    }

    /// Notes the leaves of a record's answers.
    pub fn discover(&mut self, record: &Record) -> Result<(), ExportError> {
        self.each(record, &Sheet::discover).map(drop)
    }

    /// Writes a record to every output that shows it, and to the rejects where it is a bad row.
    pub fn write(&mut self, record: &Record) -> Result<(), ExportError> {
        if let Err(bad) = &record.subject {
            self.rejects.push(record.line, &bad.input, &bad.reason)?;
            if bad.damaged {
                self.damage.count += 1;
                if self.damage.first.len() < MOST_NAMED {
                    self.damage.first.push((record.line, "the row itself".to_owned()));
                }
            }
        }
        for at in self.each(record, &Sheet::write)? {
            if !self.met.is_new(record.lookups.get(at).and_then(LookupRecord::reference_shown)) {
                continue;
            }
            self.damage.count += 1;
            if self.damage.first.len() < MOST_NAMED {
                self.damage.first.push((record.line, self.ids.get(at).cloned().unwrap_or_default()));
            }
        }
        let before: BTreeSet<usize> = self.sheets.iter_mut().flat_map(Sheet::damaged_before).collect();
        for at in before {
            let followed_by = record.lookups.get(at).and_then(|lookup| lookup.transactionid.as_deref());
            self.damage.earlier += u64::from(self.met_before.is_new(followed_by));
        }
        Ok(())
    }

    /// Hands a record to every output, each with skipped lookups as it shows them. Gives the places of lookups whose stored
    /// answers are damaged.
    fn each(&mut self, record: &Record, hand: &Hand<'_>) -> Result<Vec<usize>, ExportError> {
        let reads = self.sheets.iter().any(Sheet::reads_answers);
        let bodies = Bodies::of(record);
        let damaged = bodies.damaged(reads);
        if !damaged.is_empty() {
            let told = record.without_answers(&damaged);
            let more = self.each(&told, hand)?;
            return Ok([damaged, more].concat());
        }
        let filled = record.with_last();
        let filled = filled.as_ref().map(|filled| (filled, Bodies::of(filled)));
        let damaged = filled.as_ref().map(|(_, bodies)| bodies.damaged(reads)).unwrap_or_default();
        if !damaged.is_empty() {
            let told = record.without_last_answers(&damaged);
            return self.each(&told, hand).map(|_| damaged);
        }
        self.sheets.iter_mut().try_for_each(|sheet| match &filled {
            Some((filled, bodies)) if sheet.fills_skipped() => hand(sheet, filled, bodies),
            _ => hand(sheet, record, &bodies),
        })?;
        Ok(damaged)
    }

    /// Flushes every file to disk, then puts all of them in their places: outputs in the job's order, then the rejects.
    /// Where the run has no bad row, a rejects file of an earlier run under the same name is removed, since it would
    /// tell what is no longer so.
    pub fn finish(self) -> Result<Exported, ExportError> {
        let mut changes = Vec::new();
        let mut written = Vec::new();
        for sheet in self.sheets {
            let (file, told) = sheet.seal()?;
            changes.push(Change::Put(file));
            written.push(told);
        }
        let (change, told) = self.rejects.seal()?;
        changes.extend(change);
        written.extend(told);
        disk::publish(changes)?;
        Ok(Exported { written, damage: self.damage })
    }
}

/// Whether the outputs could be written: folders that can be made and written to, places that are free for a file, no
/// two outputs in one place, no name twice in one output. Meant to be asked before anything is bought.
pub fn preflight(outputs: &[Output], setting: &Setting<'_>) -> Result<(), ExportError> {
    Export::begin(outputs, setting).map(drop)
}

/// The same for a plan: no folder is made, and no file.
pub fn would_fit(outputs: &[Output], setting: &Setting<'_>) -> Result<(), ExportError> {
    Places::would_be(outputs, setting.paths, setting.protected)?;
    for (output, path) in outputs.iter().zip(setting.paths) {
        if output.changes {
            Changes::check(output, path, setting)?;
        } else {
            Table::check(output, path, setting)?;
        }
    }
    Ok(())
}
