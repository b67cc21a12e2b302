//! The commands as help lists them: by what somebody wants to do.

use crate::cli::term_style::TermStyle;
use clap::{ColorChoice, Command};
use std::fmt::Write as _;

/// Every command stands in one of these, in this order.
pub(super) const GROUPS: [(&str, &[&str]); 6] = [
    ("Run", &["run", "plan", "retry", "export"]),
    ("Look", &["runs", "status", "catalogue"]),
    ("Money", &["spend", "reconcile", "resolve"]),
    ("Nights", &["schedule", "jobs", "pause", "unpause", "fire"]),
    ("Privacy", &["access", "forget", "purge", "audit", "key"]),
    (
        "Set up",
        &[
            "check",
            "login",
            "doctor",
            "backup",
            "restore",
            "simulator",
            "schema",
            "completions",
            "man",
            "help",
        ],
    ),
];

/// The widest help, as that of each command.
const WIDEST: usize = 100;

/// The same command, whose help lists its commands by groups.
pub(super) fn grouped(command: Command, style: TermStyle) -> Command {
    let style = style.width().map_or(style, |width| style.within(width.min(WIDEST)));
    let (header, literal) = (command.get_styles().get_header(), command.get_styles().get_literal());
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(text, "{header}{heading}:{header:#}");
        for name in names {
            let about = match command.find_subcommand(name) {
                Some(command) => command.get_about().map(ToString::to_string).unwrap_or_default(),
                // clap's own.
                None => "Print this, or the help of a command".to_owned(),
            };
            let gap = " ".repeat("completions  ".len().saturating_sub(name.len()));
            let line = style.fold(&format!("  {literal}{name}{literal:#}{gap}{about}"));
            let _ = writeln!(text, "{line}");
        }
        text.push('\n');
    }
    let colour = if style.colour() { ColorChoice::Auto } else { ColorChoice::Never };
    // `{all-args}` would list the commands once more.
    let _ = writeln!(text, "{header}Everywhere:{header:#}");
    command.color(colour).help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    #[test]
    fn a_command_is_listed_once() {
        let help = command(TermStyle::wide(60)).render_long_help().to_string();
        for (_, names) in GROUPS {
            for name in names {
                let lines = help.lines().filter(|line| line.split_whitespace().next() == Some(name));
                assert_eq!(lines.filter(|line| line.starts_with("  ")).count(), 1, "{name}: {help}");
            }
        }
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        let help = |style: TermStyle| command(style).render_help().ansi().to_string();
        assert!(
            help(TermStyle::COLOURED).contains("\u{1b}[1m\u{1b}[4mNights:"),
            "{:?}",
            help(TermStyle::COLOURED)
        );
        assert_eq!(command(TermStyle::PLAIN).get_color(), ColorChoice::Never);
    }
}
