//! What the design names and this version does not do: refused with a plain word, never silently accepted.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands to come.
const COMMANDS: [&str; 3] = ["purge", "forget", "access"];
/// Output formats to come.
const FORMATS: [&str; 1] = ["parquet"];

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

fn refusal(what: &str) -> String {
    format!("{what} is planned, but not yet built")
}
