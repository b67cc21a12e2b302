//! The ledger: what was asked, what it cost and what was answered.
//!
//! In front stand the types of what is written and read, and what is promised of them; `sqlite` behind them keeps it, in one
//! file, and nothing outside it knows which database that is. There is one writer connection; whoever drives a run hands it
//! [`Batch`]es, each of which is one transaction: many intents and many answers share a commit. Reading goes through a small
//! pool of its own and never waits for the writer.

mod account;
mod answers;
mod audit;
mod batch;
mod daemon;
mod error;
mod fire;
mod forgotten;
mod held;
mod ids;
mod input;
mod keyring;
mod output;
mod pending;
#[cfg(test)]
mod promises;
mod read_again;
mod reconciled;
mod restored;
mod retention;
mod run;
mod seal;
mod sink;
mod spent;
mod sqlite;
mod stored_answer;
mod unknown;

pub use account::{AccountMemory, CoolDownMoved, Hold, LoginAdmission, NewLogin};
pub use answers::Answers;
pub use audit::{Act, ActKind, AuditChain, AuditEntry, BrokenLog, Hash, Link};
pub use batch::{
    AccountChange, AccountUpdate, AttemptEnd, AttemptState, Batch, Cap, Change, Committed, Intent, LookupId,
    Over, Refusal, ResponseHead, SavedCall,
};
pub use daemon::DaemonRow;
pub use error::{BackupError, LedgerError, LockError, RestoreError};
pub use fire::{Cause, FireRow, NewFire, ScheduleRecord, WatchedJob};
pub use forgotten::{Forgotten, LostLetter, Traces};
pub use held::{HeldAttempt, HeldNamed, HeldRow};
pub use ids::{AttemptIds, run_id, transactionid};
pub use input::{Counts, NewRow};
pub use keyring::{Access, Erased, KeyError, Keyring, MasterKey, default_key, write_new_key};
pub use output::{KeptOutput, OutputColumn, OutputFile};
pub use pending::{Asked, EarlierLookup, InFlightElsewhere, Known, LookupStatus, OrderKey, Pending};
pub use read_again::{ReadAgain, UnreadAt, UnreadLookup};
pub use reconciled::{Reconciled, Settled, SettledAttempt};
pub use restored::{Carried, Mark, Restored, Unsettled};
pub use retention::{DueRun, Emptied, PurgeScope, PurgedAnswers};
pub use run::{DecidedBy, NewRun, RunRow, Stage, Totals};
pub(crate) use seal::random_key;
pub use seal::{Cell, DataKey, Unopened};
pub use spent::{SpendBy, SpendRow, Spent};
#[cfg(test)]
pub(crate) use sqlite::{AttemptRow, Fault, Lasting};
pub use sqlite::{
    Daemon, Invoice, JobLock, Ledger, LockedSharedAccount, Records, SeenIdentities, SharedAccount,
};
pub use stored_answer::StoredAnswer;
pub use unknown::{Chosen, UnknownLookup};
