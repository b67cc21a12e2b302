//! The commands as help lists them: by what somebody wants to do.

use clap::Command;
use std::fmt::Write as _;

/// Every command stands in one of these, in this order.
pub(super) const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["run", "plan", "retry", "export"]),
    ("Look", &["runs", "status", "catalogue"]),
    ("Money", &["spend", "reconcile", "resolve"]),
    ("Nights", &["schedule", "jobs", "pause", "unpause", "fire"]),
    ("Set up", &["check", "login", "doctor", "backup", "simulator", "schema", "completions", "man", "help"]),
];

/// How wide a line of the list is at most, in characters.
const WIDTH: usize = 80;

/// The same command, whose help lists its commands by groups.
pub(super) fn grouped(command: Command) -> Command {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(text, "{heading}:");
        for name in names {
            let about = match command.find_subcommand(name) {
                Some(command) => command.get_about().map(ToString::to_string).unwrap_or_default(),
                // clap's own.
                None => "Print this, or the help of a command".to_owned(),
            };
            text.push_str(&line(name, &about));
        }
        text.push('\n');
    }
    command.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}{{all-args}}{{after-help}}"
    ))
}

/// A command and what it does, over as many lines as that takes.
fn line(name: &str, about: &str) -> String {
    const INDENT: usize = 15;
    let mut text = format!("  {name:<width$}", width = INDENT - 2);
    let mut at = INDENT;
    for word in about.split(' ') {
        let length = word.chars().count();
        if at > INDENT && at + 1 + length > WIDTH {
            let _ = write!(text, "\n{:INDENT$}", "");
            at = INDENT;
        }
        if at > INDENT {
            text.push(' ');
            at += 1;
        }
        text.push_str(word);
        at += length;
    }
    text.push('\n');
    text
}
