//! Whom a command is about: asked for, or read from standard input, and never an argument, since those stand in the shell's
//! history and in the list of processes.

use super::super::Failure;
use crate::domain::number::{Accept, AcceptKind, Subject};
use crate::time::{now_ms, stockholm_date};
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// The number, from a person or a pipe.
pub(super) fn asked(command: &str) -> Result<Subject, Failure> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "Number: ").and_then(|()| stderr.flush())?;
    }
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(|e| Failure::Usage(format!("the number cannot be read: {e}")))?;
    let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: true };
    let read = Subject::parse(line.trim(), accept, stockholm_date(now_ms()));
    read.map_err(|error| {
        let ask = "it is asked for on the terminal, or read from standard input: echo NUMBER | orgpull";
        Failure::Usage(format!("that is no number: {error}; {ask} {command}"))
    })
}
