//! orgpull pulls Swedish company and person data in bulk from paid registers, and buys nothing twice.

pub mod config;
pub mod domain;
pub mod export;
pub mod http;
pub mod job;
pub mod ledger;
pub mod problem;
pub mod run;
pub mod shape;
pub mod simulator;
pub mod time;
pub mod upstream;
