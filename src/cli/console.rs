//! What is written to a person or a pipe: results to stdout, everything else through one [`Console`] to stderr.
//!
//! One console for progress, notices and logs, because a line that does not know of the bar lands in the middle of it.

use indicatif::ProgressBar;
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
    bar: Option<ProgressBar>,
}

impl Console {
    /// The process's standard error.
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }

    /// Any other sink.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { sink: Box::new(sink), bar: None })) }
    }

    /// Writes a line, above the bar where there is one. What cannot be written is dropped: a run does not end because
    /// nobody listens.
    pub fn line(&self, text: &str) {
        let text = seen(text);
        let mut inner = self.lock();
        let bar = inner.bar.clone();
        let mut write = || {
            let _ = writeln!(inner.sink, "{text}").and_then(|()| inner.sink.flush());
        };
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Keeps later lines above this bar.
    pub(super) fn show(&self, bar: ProgressBar) {
        self.lock().bar = Some(bar);
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    // A panic elsewhere must not silence its own report.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text as it may reach a terminal: what comes from files, upstreams and paths may hold what a terminal obeys, or what turns
/// a line around for the eye. Only line breaks and tabs are left of it.
pub fn seen(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        let control = c.is_control() && !matches!(c, '\n' | '\t');
        control || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(obeyed, "\u{fffd}"))
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
    print_bytes(out, seen(text).as_bytes())
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
            seen(hostile),
            "\u{fffd}]0;title\u{fffd}a\u{fffd}[2Jb\u{fffd}\n\tc\u{fffd}31md\u{fffd}e\u{fffd}"
        );
        assert!(matches!(seen("1 hit, åäö – 3.20 SEK\n"), Cow::Borrowed(_)));
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
    fn lines_go_on_without_a_bar_with_one_and_after_it() {
        let kept = Kept::default();
        let console = Console::new(kept.clone());
        console.line("before");
        console.show(ProgressBar::hidden());
        console.clone().line("above");
        console.clear();
        console.line("after");
        assert_eq!(kept.text(), "before\nabove\nafter\n");
        Console::new(Broken(ErrorKind::BrokenPipe)).line("nobody listens");
    }
}
