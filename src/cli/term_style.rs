//! How what is printed looks: no wider than the terminal, and in colour where it has some. A pipe, a file and a program get
//! lines as long as they are, without colour.

use console::{Style, Term, measure_text_width, strip_ansi_codes};
use std::env;
use std::ffi::OsStr;

/// Of a terminal that does not tell.
const USUAL: usize = 80;
/// A label of a line is at most so wide where what follows it is wrapped beneath itself.
const WIDEST_LABEL: usize = 30;
/// How a line that is to be typed begins.
const COMMANDS: [&str; 3] = ["orgpull ", "sudo ", "systemctl "];

/// All that paints: of [`TermStyle::paint`], and of the cells of a table.
pub const SEQUENCES: [&str; 11] = [
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[31m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[36m",
    "\u{1b}[39m",
    "\u{1b}[38;5;1m",
    "\u{1b}[38;5;2m",
    "\u{1b}[38;5;3m",
    "\u{1b}[38;5;6m",
];

/// How wide, and whether in colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TermStyle {
    /// Columns of the terminal; `None` if there is none.
    width: Option<usize>,
    colour: bool,
}

/// What a word means to whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Something is wrong, or lost.
    Bad,
    /// To be typed.
    Command,
}

impl TermStyle {
    /// For pipes, files and programs.
    pub const PLAIN: Self = Self { width: None, colour: false };

    /// That of standard output or standard error, as it is now.
    pub fn of(stream: &Term) -> Self {
        if !stream.is_term() {
            return Self::PLAIN;
        }
        let width = stream.size_checked().map_or(USUAL, |(_, columns)| usize::from(columns));
        let [no_color, clicolor, term] = ["NO_COLOR", "CLICOLOR", "TERM"].map(env::var_os);
        let colour = has_colour(no_color.as_deref(), clicolor.as_deref(), term.as_deref());
        Self { width: Some(width), colour }
    }

    /// Columns of the terminal; `None` if there is none.
    pub const fn width(self) -> Option<usize> {
        self.width
    }

    /// Whether words are painted.
    pub const fn colour(self) -> bool {
        self.colour
    }

    /// The same for a part of the terminal that is so wide.
    #[must_use]
    pub const fn within(self, width: usize) -> Self {
        Self { width: Some(width), ..self }
    }

    /// The same without colour.
    #[must_use]
    pub const fn without_colour(self) -> Self {
        Self { colour: false, ..self }
    }

    /// A text in its tone, where there is colour.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = Style::new().force_styling(true);
        let style = match tone {
            Tone::Good => style.green(),
            Tone::Warning => style.yellow(),
            Tone::Bad => style.red(),
            Tone::Command => style.cyan().bold(),
        };
        style.apply_to(text).to_string()
    }

    /// The same text with no line wider than the terminal: broken between words, and what goes on stands beneath what it
    /// belongs to. A word that is wider stays whole, and so does a command, which somebody wants to copy.
    pub fn fold(self, text: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let lines: Vec<String> = text.split('\n').map(|line| fold_line(line, width)).collect();
        lines.join("\n")
    }

    /// Paints the first word of a line where it says how it is meant.
    pub fn told(self, line: &str) -> String {
        let painted = [("error:", Tone::Bad), ("warning:", Tone::Warning)];
        match painted.into_iter().find_map(|(word, tone)| Some((word, tone, line.strip_prefix(word)?))) {
            Some((word, tone, rest)) => self.paint(tone, word) + rest,
            None => line.to_owned(),
        }
    }

    /// A `Next:` line with its command painted, on a line of its own where both do not fit.
    pub fn next(self, next: &str) -> String {
        let line = format!("Next: {next}");
        let Some((why, command)) = line.rsplit_once(": orgpull ") else { return self.fold(&line) };
        let (command, behind) = match command.split_once(" (") {
            Some((command, behind)) => (command, format!(" ({behind}")),
            None => (command, String::new()),
        };
        let fits = self.width.is_none_or(|width| measure_text_width(&line) <= width);
        let command = self.paint(Tone::Command, &format!("orgpull {command}"));
        if fits {
            return format!("{why}: {command}{behind}");
        }
        // The command last, as the line that is to be typed.
        let why = self.fold(&format!("{why}{behind}:"));
        format!("{why}\n{command}")
    }
}

/// Whether the terminal can do nothing but write one line after the other.
pub fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether a terminal of these surroundings gets colour: <https://no-color.org>, <https://bixense.com/clicolors>.
fn has_colour(no_color: Option<&OsStr>, clicolor: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    let forbidden =
        no_color.is_some_and(|value| !value.is_empty()) || clicolor.is_some_and(|value| value == "0");
    !forbidden && term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

fn fold_line(line: &str, width: usize) -> String {
    let plain = strip_ansi_codes(line);
    let is_command = COMMANDS.iter().any(|command| plain.trim_start().starts_with(command));
    if measure_text_width(line) <= width || is_command {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start().len();
    let label = label(line, indent);
    let label = label.filter(|at| measure_text_width(&line[..*at]) <= WIDEST_LABEL.min(width / 2));
    let (head, rest) = line.split_at(label.unwrap_or(indent));
    let mut used = measure_text_width(head);
    let hang = if label.is_some() { used } else { used + 2 };
    let mut folded = head.to_owned();
    let mut first = true;
    for word in words(rest) {
        let long = measure_text_width(&word);
        if first {
            used += long;
        } else if used + 1 + long <= width {
            folded.push(' ');
            used += 1 + long;
        } else {
            folded.push('\n');
            folded.push_str(&" ".repeat(hang));
            used = hang + long;
        }
        folded.push_str(&word);
        first = false;
    }
    folded
}

/// The words of a text. A number in groups of three digits is one, and so is an amount with its unit.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let belongs = digits == 3 || word.starts_with("SEK");
        match words.last_mut() {
            Some(last) if belongs && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Where the text begins that follows a line's label and figures: behind the last gap of two blanks or more.
fn label(line: &str, indent: usize) -> Option<usize> {
    let gap = line[indent..].rfind("  ")? + indent + 2;
    Some(gap)
}

#[cfg(test)]
mod tests;
