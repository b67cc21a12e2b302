//! orgpull pulls Swedish company and person data in bulk from paid registers, and buys nothing twice.
//!
//! The rooms, from the bottom up; imports run downward only (`ARCHITECTURE.md` explains them, a test has the table):
//!
//! - [`domain`], [`time`]: words, values and decisions.
//! - [`disk`]: files, opened, made and replaced in folders that others may write too.
//! - [`program`]: programs that the configuration names, run and ended.
//! - [`problem`], [`shape`], [`config`], [`job`]: the files that people write.
//! - [`statement`]: what a provider says it billed.
//! - [`upstream`], [`http`]: what goes over the wire, and when it may.
//! - [`ledger`], [`export`]: what is kept, and what is written from it.
//! - [`simulator`]: an imitation of the upstreams that shares nothing with the rooms above it.
//! - [`run`]: carrying a job out.
//! - [`daemon`]: running jobs when they are due.
//! - [`cli`]: the commands.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod disk;
pub mod domain;
pub mod export;
pub mod http;
pub mod job;
pub mod ledger;
pub mod problem;
pub mod program;
pub mod run;
pub mod shape;
pub mod simulator;
pub mod statement;
pub mod time;
pub mod upstream;
