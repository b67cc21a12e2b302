//! What the design names and this version does not do: refused with a plain word, never silently accepted.

use crate::config::is_server;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::path::Path;

/// Commands to come.
const COMMANDS: [&str; 10] =
    ["ask", "diff", "fields", "freeze", "init", "ledger", "notify", "report", "stop", "unfreeze"];
/// Output formats to come.
const FORMATS: [&str; 2] = ["parquet", "xlsx"];

/// The refusal, where clap stumbled over something that is planned rather than misspelt.
pub fn not_yet(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let command = text(ContextKind::InvalidSubcommand)?;
            COMMANDS.contains(&command).then(|| refusal(&format!("`orgpull {command}`")))
        }
        ErrorKind::InvalidValue => {
            let format = text(ContextKind::InvalidValue)?;
            let flag = text(ContextKind::InvalidArg)?;
            (flag.starts_with("--format") && FORMATS.contains(&format))
                .then(|| refusal(&format!("`--format {format}`")))
        }
        _ => None,
    }
}

/// The refusal of an output whose ending names a format to come.
pub(super) fn ending_not_yet(ending: &str) -> Option<String> {
    FORMATS
        .iter()
        .find(|format| ending.eq_ignore_ascii_case(format))
        .map(|format| refusal(&format!("`.{format}`")))
}

/// The refusal of a ledger that is no file.
pub(super) fn database_not_yet(database: &Path) -> Option<String> {
    is_server(database.to_str()?).then(|| refusal("a ledger on PostgreSQL"))
}

fn refusal(what: &str) -> String {
    format!("{what} is planned, but not yet built")
}
