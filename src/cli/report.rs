//! What a person or a program is told: progress while a run goes on, its summary, plans and histories.
//!
//! Everything but the [`Reporter`] is a function from values to text or JSON; nothing here reads the ledger.

mod audit;
mod bar;
mod event;
mod figures;
mod forgotten;
mod json;
mod next;
mod plan;
mod purged;
mod reconcile;
mod reporter;
mod runs;
mod schedule;
mod spend;
mod summary;
mod table;

pub use audit::audit_line;
pub use event::DaemonLines;
pub use figures::{count, money, per_second, span};
pub use forgotten::{forget_json, forget_text};
pub use json::{plan_json, runs_json, summary_json};
pub use next::{RefusedCommand, TypedFlags, next_after_refusal, next_step};
pub use plan::plan_text;
pub use purged::purged_text;
pub use reconcile::{
    HEADER as RECONCILE_HEADER, Reconciliation, Sums, reconcile_cells, reconcile_line, reconcile_text,
    reconcile_totals, resolve_text,
};
pub use reporter::{OutputMode, Reporter, error_line, with_examples, with_lines};
pub use runs::{StatusReport, runs_text, status_text};
pub use schedule::{
    JobLine, NextFire, daemon_json, daemon_text, daemons_text, fires_text, jobs_json, jobs_text, too_long,
};
pub use spend::{SpendReport, spend_csv, spend_json, spend_text};
pub use summary::{Closing, ColumnFound, OutputLine, exported_text, summary_text};

#[cfg(test)]
mod samples;
