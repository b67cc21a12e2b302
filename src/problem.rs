//! What is wrong with a file that a person writes, told all at once and with its place.
//!
//! The rooms that read files collect `Problem`s; this one shows them the way rustc does: message, file, line and
//! column, the line with carets under the place, and the remedy. What is shown passes `mask` first, because the line
//! that is wrong may be the one that holds a password or somebody's number.

mod mask;

use crate::disk::{self, Exposed, Standing, chmod};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Problems shown in full. More than these are one slip made in a thousand elements of a list.
const MOST_SHOWN: usize = 100;

/// Bytes of a file that people write.
const LARGEST: u64 = 4 << 20;

/// One thing wrong in a file that a person writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Byte span in the file's text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Every problem of one file, to be shown at once.
#[derive(Clone)]
pub struct Problems {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Its text, without a byte-order mark; spans count from its start.
    pub text: String,
    /// In the order of their places.
    pub list: Vec<Problem>,
}

/// Why a file that a person writes cannot be used. It is shown as it stands: each begins with its own `error:`, as every
/// problem of a file does.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, not a file, or not ours to read.
    #[error("error: {} cannot be read: {source}; {}", path.display(), remedy(source))]
    Unreadable {
        /// The file, as the user named it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something other than a text editor wrote it.
    #[error("error: {} is not UTF-8 text (line {line}): save it as UTF-8", path.display())]
    NotText {
        /// The file, as the user named it.
        path: PathBuf,
        /// The first line that is not, from 1.
        line: usize,
    },
    /// Nobody wrote that by hand, and reading it would hold everything up.
    #[error("error: {} is larger than 4 MiB: keep numbers in a file of their own, and name that", path.display())]
    TooLarge {
        /// The file, as the user named it.
        path: PathBuf,
    },
    /// Others can write it, and it says what is run and where money goes.
    #[error("error: {} can be written by others ({exposed}): {}; what is run and paid for follows from it", path.display(), chmod(path, *exposed))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What they may.
        exposed: Exposed,
    },
    /// It belongs to somebody else, who may write it at any time.
    #[error(
        "error: {} belongs to another user ({owner}), and what is run and paid for follows from it: work as that user, or have \
         the file belong to root or to you (chown)",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// By their user id.
        owner: u32,
    },
    /// It was read, and this is what is wrong with it.
    #[error(transparent)]
    Problems(#[from] Problems),
}

fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => {
            "name a file that is there (a relative path counts from the working folder)"
        }
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::PermissionDenied => "let this user read it",
        _ => "mend that, or name another file",
    }
}

impl Problem {
    /// A problem at a place.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl Problems {
    /// The problems of a file, in the order of their places; what was found twice is told once.
    pub fn new(path: &Path, text: &str, mut list: Vec<Problem>) -> Self {
        list.sort_by(|a, b| {
            (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message))
        });
        list.dedup();
        Self { path: path.to_owned(), text: text.to_owned(), list }
    }

    /// All of them as text: file, line, column, the line with carets, the remedy. Values of secret keys and numbers of
    /// persons and organisations are masked in it.
    pub fn render(&self) -> String {
        let shown = mask::source(&self.text);
        let first = self.list.iter().take(MOST_SHOWN);
        let mut parts: Vec<String> = first.map(|problem| self.render_one(problem, &shown)).collect();
        if let Some(more @ 1..) = self.list.len().checked_sub(MOST_SHOWN) {
            parts.push(format!("… and {more} more problems in {}", self.path.display()));
        }
        parts.join("\n\n")
    }

    fn render_one(&self, problem: &Problem, shown: &str) -> String {
        let (number, line) = line_of(&self.text, problem.span.start);
        let start = problem.span.start.clamp(line.start, line.end);
        let end = problem.span.end.clamp(start, line.end);
        let path = self.path.display().to_string();
        let message = mask::numbers(&problem.message);
        // Only the line itself is handed over: a place is shown by its first line, and the cost stays that of a line.
        let snippet = Snippet::source(&shown[line.clone()])
            .line_start(number)
            .path(path.as_str())
            .annotation(AnnotationKind::Primary.span(start - line.start..end - line.start));
        let mut group = Level::ERROR.primary_title(message.as_str()).element(snippet);
        let help = problem.help.as_deref().map(mask::numbers);
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// The number (from 1) and the bytes (without the line break) of the line that holds a place.
fn line_of(text: &str, at: usize) -> (usize, Range<usize>) {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |found| found + 1);
    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |found| at + found);
    let number = 1 + text[..start].matches('\n').count();
    let end = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
    (number, start..end)
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

/// Without the text, which may hold a secret.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problems").field("path", &self.path).field("list", &self.list).finish_non_exhaustive()
    }
}

impl std::error::Error for Problems {}

/// The text of a file that a person writes, without a byte-order mark.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let file = disk::text(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    text_of(path, file)
}

/// The same for a file by which programs are run and money is spent: one that others can write is refused.
pub fn read_guarded(path: &Path) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let file = disk::text(path).map_err(unreadable)?;
    let path_of = || path.to_owned();
    match disk::open_standing(&file).map_err(unreadable)? {
        Standing::Writable(exposed) => return Err(FileError::Exposed { path: path_of(), exposed }),
        Standing::Foreign { owner, .. } => return Err(FileError::Foreign { path: path_of(), owner }),
        Standing::Private | Standing::Readable(_) => {}
    }
    text_of(path, file)
}

fn text_of(path: &Path, file: std::fs::File) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        FileError::NotText { path: path.to_owned(), line }
    })?;
    Ok(without_mark(&text).to_owned())
}

/// The text without the byte-order mark that some editors put first.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn one(text: &str, span: Range<usize>) -> String {
        let list = vec![Problem::new(span, "wrong").help("mend it")];
        Problems::new(Path::new("jobs/a.toml"), text, list).render()
    }

    #[test]
    fn shows_place_caret_and_remedy() {
        let shown = one("a = 1\nåäö = \"x\"\n", 15..18);
        assert!(shown.contains("--> jobs/a.toml:2:7"), "{shown}");
        assert!(shown.contains("2 | åäö = \"x\"\n  |       ^^^"), "{shown}");
        assert!(shown.contains("help: mend it"), "{shown}");
    }

    #[test]
    fn places_at_the_edges_are_shown() {
        for (text, span, place) in [
            ("", 0..0, ":1:1"),
            ("a", 1..1, ":1:2"),
            ("a\n", 2..2, ":2:1"),
            ("a\r\nb\r\n", 3..4, ":2:1"),
            ("a = [1,\r\n2]", 4..11, ":1:5"),
            ("a", 7..9, ":1:2"),
        ] {
            let shown = one(text, span);
            assert!(shown.contains(place) && shown.contains('^'), "{text:?}: {shown}");
        }
    }

    #[test]
    fn problems_are_sorted_and_told_once() {
        let list = vec![Problem::new(4..5, "b"), Problem::new(0..1, "a"), Problem::new(4..5, "b")];
        let problems = Problems::new(Path::new("x"), "a = 1", list);
        assert_eq!(problems.list.iter().map(|p| p.message.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_slip_made_a_thousand_times_fills_no_screen_after_screen() {
        let list = (0..1_000).map(|at| Problem::new(at..at + 1, "wrong")).collect();
        let shown = Problems::new(Path::new("x"), &"a".repeat(1_000), list).render();
        assert_eq!(shown.matches("--> ").count(), MOST_SHOWN);
        assert!(shown.ends_with("… and 900 more problems in x"));
    }

    #[test]
    fn debug_does_not_hold_the_text() {
        let problems = Problems::new(Path::new("x"), "password = \"hunter2\"", vec![Problem::new(0..1, "a")]);
        assert!(!format!("{problems:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_that_is_not_text_is_told_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"a = 1\nb = \"\xe5\"\n").unwrap();
        let error = read_text(file.path()).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("error: ") && error.contains("line 2"), "{error}");
        let error = read_text(Path::new("/nowhere/job.toml")).unwrap_err().to_string();
        assert!(error.starts_with("error: /nowhere/job.toml cannot be read: "), "{error}");
        assert!(
            error.ends_with("name a file that is there (a relative path counts from the working folder)")
        );
        let error = read_text(Path::new("/")).unwrap_err().to_string();
        assert!(error.starts_with("error: / cannot be read: ") && error.ends_with("in it"), "{error}");
    }

    proptest! {
        #[test]
        fn rendering_never_panics(text in "[ -~åé\r\n\t=\"']{0,60}", start in 0usize..80, length in 0usize..20) {
            let start = (0..=start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let end = (start + length).min(text.len());
            let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
            prop_assert!(one(&text, start..end).contains("--> jobs/a.toml:"));
        }
    }
}
