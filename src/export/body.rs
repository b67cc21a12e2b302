//! The bodies of one record's answers, each read at most once however many outputs look into it.

use crate::domain::json::Json;
use crate::domain::record::Record;
use serde_json::Value;
use std::cell::OnceCell;

/// The answers of one record; each is parsed when the first output asks for it.
pub(super) struct Bodies<'a> {
    record: &'a Record,
    parsed: Vec<OnceCell<Option<Json>>>,
}

/// What a lookup's answer holds.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// There is no answer.
    Absent,
    /// There is one, and it is not JSON.
    Unreadable,
    /// The answer.
    Json(&'a Value),
}

impl<'a> Bodies<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        Self { record, parsed: record.lookups.iter().map(|_| OnceCell::new()).collect() }
    }

    /// The places of lookups whose stored answers are damaged. Whether one is JSON is looked at only where it is going to be
    /// read.
    pub(super) fn damaged(&self, reads: bool) -> Vec<usize> {
        let is_damaged = |at: &usize| {
            self.record.lookups[*at].damaged || reads && matches!(self.get(*at), Body::Unreadable)
        };
        (0..self.record.lookups.len()).filter(is_damaged).collect()
    }

    /// The answer of the lookup at this place.
    pub(super) fn get(&self, at: usize) -> Body<'_> {
        let Some(bytes) = self.record.lookups.get(at).and_then(|lookup| lookup.body.as_deref()) else {
            return Body::Absent;
        };
        let parsed =
            self.parsed.get(at).and_then(|cell| cell.get_or_init(|| Json::of_bytes(bytes)).as_deref());
        parsed.map_or(Body::Unreadable, Body::Json)
    }
}

impl<'a> Body<'a> {
    /// The answer, where it can be read.
    pub(super) fn json(self) -> Option<&'a Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// What JSON outputs show whole: the `report` member, else all of it.
    pub(super) fn report(self) -> Option<&'a Value> {
        self.json().map(|value| value.get("report").unwrap_or(value))
    }
}
