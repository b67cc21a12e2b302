//! The program end to end: the real binary against the simulator over loopback HTTP, with a real ledger on disk. What is
//! checked is what a user sees (exit code, summary, files) and, after every invocation, that the upstream's bill and the
//! ledger name the same calls.
#![cfg(test)]

mod accounts;
mod answers;
mod bad_input;
mod beside;
mod books;
mod budget;
mod canary;
mod changes;
mod clock;
mod commands;
mod connections;
mod crash;
mod damage;
mod disk;
mod frames;
mod gates;
mod inputs;
mod install;
mod kept;
mod letters;
mod login;
mod machine;
mod manual;
mod money;
mod nginx;
mod nights;
mod oidc;
mod outage;
mod outputs;
mod pace;
mod pages;
mod places;
mod plan;
mod prices;
mod providers;
mod reach;
mod read_only;
mod recipes;
mod refusals;
mod reuse;
mod runs;
mod scenarios;
mod schedule;
mod sealed;
mod shared_account;
mod signals;
mod statuses;
mod taken_away;
mod terminal;
mod tls;
mod told;
mod words;
mod world;
