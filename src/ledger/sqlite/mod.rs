//! SQLite behind the ledger: all SQL of the program, one file in WAL mode, and the locks beside it.

mod accounts;
mod admit;
mod audit;
mod backup;
mod busy_timeout;
mod cells;
mod commit;
mod daemons;
mod failed;
#[cfg(test)]
mod faults;
mod feed;
mod files;
mod fires;
mod forget;
mod handle;
mod held;
mod invoice;
mod load;
mod lock;
mod merge;
mod open;
mod options;
mod order;
mod outputs;
mod purge;
mod read_only;
mod records;
mod reread;
mod rescue;
mod resolve;
mod restore;
mod runs;
mod sealed;
mod seen;
mod shared_account;
mod spend;
mod statements;
mod unknowns;
mod unread;
mod values;

pub use daemons::Daemon;
#[cfg(test)]
pub(crate) use faults::{AttemptRow, Fault, Lasting};
pub use handle::Ledger;
pub use invoice::Invoice;
pub use lock::JobLock;
pub use records::Records;
pub use seen::SeenIdentities;
pub use shared_account::{LockedSharedAccount, SharedAccount};

#[cfg(test)]
mod money_model;
#[cfg(test)]
mod tests;
