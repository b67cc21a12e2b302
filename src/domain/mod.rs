//! The words of the trade and the decisions that need nothing but values: numbers, outcomes, money, identities.
//!
//! Nothing here reads a clock, a file or a socket, and nothing here imports another room of this crate.

pub mod address;
pub mod budget;
pub mod counted;
pub mod cron;
pub mod exit;
pub mod identity;
pub mod invoice;
pub mod json;
pub mod letters;
pub mod money;
pub mod number;
pub mod outcome;
pub mod pace;
pub mod record;
pub mod redact;
pub mod schedule;
pub mod sink;
pub mod template;
pub mod text;
