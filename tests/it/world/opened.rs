//! What is sealed in a ledger, opened with the key and the ring that stand beside it.

use orgpull::domain::identity::Identity;
use orgpull::ledger::{Access, Cell, Keyring, Ledger};
use std::path::Path;

/// The opened ring of a ledger.
pub(crate) struct Opened(Keyring);

impl Opened {
    pub(crate) fn of(database: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (id, _) = runtime.block_on(Ledger::ring_of(database)).unwrap();
        Self(Keyring::open(database, &Access::default(), &id).unwrap())
    }

    /// The number of a row, by run and position.
    pub(crate) fn number(&self, (run, row): (i64, i64), content: &[u8]) -> String {
        let clear = self.0.unseal(Cell::Row { run, row }, content).expect("a row that opens");
        let (number, _): (String, Vec<String>) = serde_json::from_slice(&clear).unwrap();
        number
    }

    pub(crate) fn body(&self, attempt: i64, body: &[u8]) -> Option<Vec<u8>> {
        self.0.unseal(Cell::Body(attempt), body).ok()
    }

    pub(crate) fn purpose(&self, digest: &[u8], purpose: &[u8]) -> String {
        let cell = Cell::Purpose(Identity(digest.try_into().unwrap()));
        String::from_utf8(self.0.unseal(cell, purpose).unwrap()).unwrap()
    }
}
