//! The program: a runtime, one call, an exit code.

fn main() {}
