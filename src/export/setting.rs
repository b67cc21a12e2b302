//! What every output knows of its run.

use crate::disk::Protected;
use crate::domain::identity::DigestKey;
use jiff::civil::Date;
use std::path::PathBuf;
/// What outputs have to know besides the records themselves.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Where each output goes, in the order of the outputs.
    pub paths: &'a [PathBuf],
    /// The run's first day in Stockholm.
    pub day: Date,
    /// The job's lookups, in the order of [`Record::lookups`](crate::domain::record::Record::lookups).
    pub lookups: &'a [LookupHead],
    /// The names of [`Record::columns`](crate::domain::record::Record::columns).
    pub columns: &'a [String],
    /// Those of `columns` that are shown, in the order in which they are shown.
    pub carry: &'a [String],
    /// The ledger's key, for `subject = "digest"`.
    pub key: &'a DigestKey,
    /// Files that no output may replace: job file, input, configuration, secrets, ledger.
    pub protected: &'a Protected,
}

/// How one lookup of the job is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupHead {
    /// `id`.
    pub id: String,
    /// `provider.service`, such as `creditsafe.getdata`.
    pub service: String,
}
