//! The loop that drives a run: what came back is heard, what it means is written, what may go is sent.

mod account_runtime;
mod after_commit;
mod backlog;
mod clients;
mod coordinator;
mod credentials;
mod dependants;
mod earlier;
mod ends;
mod flight;
mod halt;
mod hold;
mod intake;
mod leaders;
mod ledger_availability;
mod login;
mod mailbox;
mod message;
mod page;
mod patience;
mod permits;
mod queue;
mod reading;
mod services;
mod settle;
mod stop;
mod streak;
mod tally;
#[cfg(test)]
mod tests;
mod tokens;
mod trial;
mod unusable;
mod work;
mod worker;
mod writer;

pub(super) use account_runtime::AccountRuntime;
pub use clients::transport;
pub(super) use clients::{Transports, transports};
pub(super) use coordinator::{Coordinator, LoopOutcome, Start};
pub use credentials::remembered_refusal;
pub(super) use halt::{Halt, Reason};
pub use login::{TriedLogin, try_login};
pub use stop::StopRequest;
pub(super) use tally::Tally;
pub use tokens::SharedTokens;
