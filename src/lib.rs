//! orgpull pulls Swedish company and person data in bulk from paid registers, and buys nothing twice.

pub mod domain;
pub mod time;
