//! The program end to end: the real binary against the simulator over loopback HTTP, with a real ledger on disk. What is
//! checked is what a user sees (exit code, summary, files) and, after every invocation, that the upstream's bill and the
//! ledger name the same calls.
#![cfg(test)]

mod letters;
mod login;
mod outage;
mod outputs;
mod pace;
mod plan;
mod reuse;
mod runs;
mod scenarios;
mod world;
