//! Carrying a job out: begin or continue a run, drive it, write its outputs, say how it ended.
//!
//! Three rooms, each naming only those after it: here is what a command needs; `dispatch` is the loop that drives a run;
//! `decide` is what it decides by, values in and decisions out. What they tell ([`event`]) and what can go wrong (`error`)
//! stands below all of them.

mod beforehand;
mod begin;
mod context;
mod copy;
mod counter;
mod decide;
mod diff;
mod dispatch;
mod drive;
mod ending;
mod error;
pub mod event;
mod execute;
mod failed_run;
mod forget;
mod letters;
#[cfg(test)]
mod model;
mod noted;
mod output_paths;
mod outputs;
mod plan;
mod purge;
pub mod report;
mod reread;
mod rescue;
mod retry_cost;
mod summary;
#[cfg(test)]
mod tests;
mod unchanged;

pub use beforehand::clock as clock_warning;
pub use context::{Context, Ended, Options};
pub use decide::prices::price_unknown;
pub use diff::diff;
pub use dispatch::{SharedTokens, StopRequest, TriedLogin, remembered_refusal, transport, try_login};
pub use error::RunError;
pub use event::Observer;
pub use execute::{execute, retry};
pub use failed_run::FailedRun;
pub use forget::{ForgetReceipt, ForgottenOutput, forget};
pub use outputs::{damage, export, export_one, protected};
pub use plan::plan;
pub use purge::{PurgeOptions, purge};
pub use rescue::rescue;
pub use retry_cost::{RetryCost, retry_cost};
pub use summary::summary;
