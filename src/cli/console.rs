//! What is written to a person or a pipe: results to stdout, everything else through one [`Console`] to stderr.
//!
//! One console for progress, notices and logs, because a line that does not know of the bar lands in the middle of it. The bar
//! is drawn here: what draws it must know that a window was made narrower, and that its lines take more rows by now.

use crate::cli::term_style::{SEQUENCES, TermStyle};
use ::console::{Term, measure_text_width};
use rustix::io::Errno;
use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Standard error, shared by progress, notices and logs. Clones write to the same place.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    sink: Box<dyn Write + Send>,
    /// How the sink looks at this moment.
    style: Box<dyn Fn() -> TermStyle + Send>,
    /// Whether it is painted where the terminal has colour.
    painted: bool,
    /// What stands below everything else, where a bar does.
    bar: Option<String>,
}

impl Console {
    /// The process's standard error.
    pub fn stderr() -> Self {
        let terminal = Term::stderr();
        Self::with(io::stderr(), move || TermStyle::of(&terminal))
    }

    /// Any other sink, which is no terminal.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self::with(sink, || TermStyle::PLAIN)
    }

    fn with(sink: impl Write + Send + 'static, style: impl Fn() -> TermStyle + Send + 'static) -> Self {
        let (sink, style) = (Box::new(sink), Box::new(style));
        Self { inner: Arc::new(Mutex::new(Inner { sink, style, painted: true, bar: None })) }
    }

    /// How what is written here looks, as the terminal is now.
    pub fn style(&self) -> TermStyle {
        self.lock().style()
    }

    /// Paints nothing from now on, whatever the terminal has.
    pub fn disable_colour(&self) {
        self.lock().painted = false;
    }

    /// Writes a line, above the bar where there is one, no wider than the terminal.
    pub fn line(&self, text: &str) {
        let style = self.style();
        let told = |line: &str| {
            let line = style.told(line);
            if is_whole(&line) { line } else { style.fold(&line) }
        };
        self.write(&sanitized_painted(text, style).split('\n').map(told).collect::<Vec<_>>().join("\n"));
    }

    /// Writes what to type next.
    pub fn next(&self, next: &str) {
        self.write(&self.style().next(next));
    }

    /// Writes a text as it is, above the bar where there is one.
    pub fn write(&self, text: &str) {
        let mut inner = self.lock();
        let (erased, bar) = (inner.erased(), inner.bar.clone().unwrap_or_default());
        let text = sanitized_painted(text, inner.style());
        inner.put(&format!("{erased}{text}\n{bar}"));
    }

    /// Draws a bar in the place of the last one: lines that stay below all others. Where there is no terminal, none is.
    pub(super) fn bar(&self, text: &str) {
        let mut inner = self.lock();
        let style = inner.style();
        let text = sanitized_painted(text, style);
        if style.width().is_some() && inner.bar.as_deref() != Some(&*text) {
            let erased = inner.erased();
            inner.put(&format!("{erased}{text}"));
            inner.bar = Some(text.into_owned());
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        let erased = inner.erased();
        if inner.bar.take().is_some() {
            inner.put(&erased);
        }
    }

    // A panic elsewhere must not silence its own report.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a line must not be broken: an object is one line to its reader, and a caret stands under its column.
fn is_whole(line: &str) -> bool {
    let behind_its_number = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    line.starts_with('{') || behind_its_number.starts_with('|') || behind_its_number.starts_with("-->")
}

impl Inner {
    fn style(&self) -> TermStyle {
        let style = (self.style)();
        if self.painted { style } else { style.without_colour() }
    }

    /// What takes the bar away: up to its first row, and everything from there. A line that is wider than the window is by
    /// now takes several rows, for terminals wrap anew what they show.
    fn erased(&self) -> String {
        let Some(bar) = &self.bar else { return String::new() };
        let width = self.style().width().unwrap_or(usize::MAX).max(1);
        let rows: usize = bar.lines().map(|line| measure_text_width(line).div_ceil(width).max(1)).sum();
        let up = if rows > 1 { format!("\u{1b}[{}A", rows - 1) } else { String::new() };
        format!("\r{up}\u{1b}[J")
    }

    /// Writes at once. What cannot be written is dropped: a run does not end because nobody listens.
    fn put(&mut self, text: &str) {
        let _ = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush());
    }
}

/// A text as it may reach a terminal: what comes from files, upstreams and paths may hold what a terminal obeys, or what turns
/// a line around for the eye. Only line breaks and tabs are left of it.
pub fn sanitized(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        let control = c.is_control() && !matches!(c, '\n' | '\t');
        control || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(obeyed, "\u{fffd}"))
}

/// The same where words may be painted: what paints ours is left too. Somebody else's text could paint a word by it, and do
/// nothing else.
pub fn sanitized_painted(text: &str, style: TermStyle) -> Cow<'_, str> {
    if !style.colour() || !text.contains('\u{1b}') {
        return sanitized(text);
    }
    let (mut whole, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\u{1b}') {
        whole.push_str(&sanitized(&rest[..at]));
        rest = &rest[at..];
        let own = SEQUENCES.into_iter().find(|own| rest.starts_with(own));
        whole.push_str(own.unwrap_or("\u{fffd}"));
        rest = &rest[own.map_or(1, str::len)..];
    }
    whole.push_str(&sanitized(rest));
    Cow::Owned(whole)
}

/// Whether standard output was a terminal as the process began; once a terminal has gone, nobody can tell any more.
static WAS_TERMINAL: OnceLock<bool> = OnceLock::new();

/// Takes note of whether standard output is a terminal.
pub fn note_terminal() {
    let _ = WAS_TERMINAL.set(io::stdout().is_terminal());
}

/// Writes a result. A reader that has gone away (`| head`, a terminal that was closed) has seen what it wanted: that is no
/// failure.
pub fn print(out: &mut impl Write, text: &str) -> io::Result<()> {
    print_bytes(out, sanitized(text).as_bytes())
}

/// The same for what may be painted.
pub fn print_as(out: &mut impl Write, text: &str, style: TermStyle) -> io::Result<()> {
    print_bytes(out, sanitized_painted(text, style).as_bytes())
}

/// The same for bytes.
pub fn print_bytes(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if is_gone(&error, WAS_TERMINAL.get() == Some(&true)) => Ok(()),
        done => done,
    }
}

/// Whether there is no reader any more. A terminal that has gone answers as a failing disk does: EIO.
fn is_gone(error: &io::Error, terminal: bool) -> bool {
    error.kind() == ErrorKind::BrokenPipe || terminal && Errno::from_io_error(error) == Some(Errno::IO)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::term_style::Tone;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A sink that tests read back.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_gone_away_is_no_failure() {
        assert!(print(&mut Broken(ErrorKind::BrokenPipe), "x").is_ok());
        assert_eq!(
            print(&mut Broken(ErrorKind::StorageFull), "x").unwrap_err().kind(),
            ErrorKind::StorageFull
        );
    }

    #[test]
    fn nothing_that_a_terminal_obeys_reaches_it() {
        let hostile = "\u{1b}]0;title\u{7}a\u{1b}[2Jb\r\n\tc\u{9b}31md\u{202e}e\u{7f}";
        assert_eq!(
            sanitized(hostile),
            "\u{fffd}]0;title\u{fffd}a\u{fffd}[2Jb\u{fffd}\n\tc\u{fffd}31md\u{fffd}e\u{fffd}"
        );
        assert!(matches!(sanitized("1 hit, åäö – 3.20 SEK\n"), Cow::Borrowed(_)));
        let kept = Kept::default();
        Console::new(kept.clone()).line(hostile);
        print(&mut kept.clone(), hostile).unwrap();
        assert!(!kept.text().contains(['\u{1b}', '\u{9b}', '\r']), "{:?}", kept.text());
    }

    #[test]
    fn a_terminal_gone_away_is_no_failure_and_a_broken_disk_is() {
        let error: io::Error = Errno::IO.into();
        assert!(is_gone(&error, true) && !is_gone(&error, false));
        assert!(!is_gone(&ErrorKind::StorageFull.into(), true));
    }

    #[test]
    fn what_paints_is_left_and_nothing_else_that_a_terminal_obeys() {
        let style = TermStyle::COLOURED;
        for tone in [Tone::Good, Tone::Warning, Tone::Bad, Tone::Command] {
            let painted = style.paint(tone, "a word");
            assert_eq!(sanitized_painted(&painted, style), painted);
            assert!(!sanitized_painted(&painted, TermStyle::PLAIN).contains('\u{1b}'), "{painted:?}");
        }
        let hostile = "\u{1b}[2J\u{1b}[31mred\u{1b}]0;title\u{7}\u{1b}[38;5;9mx\u{1b}[8m";
        assert_eq!(
            sanitized_painted(hostile, style),
            "\u{fffd}[2J\u{1b}[31mred\u{fffd}]0;title\u{fffd}\u{fffd}[38;5;9mx\u{fffd}[8m"
        );
    }

    /// A console on a terminal whose width the test changes.
    fn terminal(width: &Arc<AtomicUsize>) -> (Console, Kept) {
        let (kept, width) = (Kept::default(), width.clone());
        let style = move || TermStyle::wide(width.load(Ordering::Relaxed));
        (Console::with(kept.clone(), style), kept)
    }

    #[test]
    fn lines_stand_above_the_bar_and_go_on_after_it() {
        let width = Arc::new(AtomicUsize::new(80));
        let (console, kept) = terminal(&width);
        console.line("before");
        console.bar("bar 1\nbelow");
        console.bar("bar 2\nbelow");
        console.bar("bar 2\nbelow");
        console.clone().line("above");
        console.clear();
        console.line("after");
        let up = "\r\u{1b}[1A\u{1b}[J";
        assert_eq!(
            kept.text(),
            format!("before\nbar 1\nbelow{up}bar 2\nbelow{up}above\nbar 2\nbelow{up}after\n")
        );
        Console::new(Broken(ErrorKind::BrokenPipe)).line("nobody listens");
    }

    #[test]
    fn what_is_no_terminal_gets_no_bar() {
        let kept = Kept::default();
        let console = Console::new(kept.clone());
        console.bar("bar");
        console.clear();
        console.line("line");
        assert_eq!(kept.text(), "line\n");
    }

    /// A terminal wraps anew what it shows: what was one row is two by now.
    #[test]
    fn a_bar_is_taken_away_whole_after_the_window_was_made_narrower() {
        let width = Arc::new(AtomicUsize::new(80));
        let (console, kept) = terminal(&width);
        console.bar(&format!("{}\n{}\nshort", "a".repeat(59), "b".repeat(20)));
        width.store(20, Ordering::Relaxed);
        console.bar("new");
        assert!(kept.text().ends_with("short\r\u{1b}[4A\u{1b}[Jnew"), "{:?}", kept.text());
        width.store(80, Ordering::Relaxed);
        console.clear();
        assert!(kept.text().ends_with("new\r\u{1b}[J"), "{:?}", kept.text());
    }

    #[test]
    fn what_is_long_is_broken_and_what_programs_or_carets_need_is_not() {
        let width = Arc::new(AtomicUsize::new(20));
        let (console, kept) = terminal(&width);
        console.line("error: one two three four");
        console.line(r#"{"event":"notice","message":"one two three"}"#);
        console.line(
            "error: x\n --> a.toml:1:1\n17 | a line of the file that is long\n   = help: one two three four",
        );
        console.next("to go on: orgpull run a.toml");
        let told = kept.text();
        assert_eq!(told.lines().take(2).collect::<Vec<_>>(), ["error: one two three", "  four"]);
        assert!(told.contains("\n{\"event\":\"notice\",\"message\":\"one two three\"}\n"), "{told}");
        let report = "\n17 | a line of the file that is long\n   = help: one two\n     three four\n";
        assert!(told.contains(report), "{told}");
        assert!(told.ends_with("Next: to go on:\norgpull run a.toml\n"), "{told}");
    }
}
