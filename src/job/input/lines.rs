//! Physical lines, numbered as an editor numbers them, and bounded.

use super::InputError;
use super::encoding::Encoding;
use super::line::Line;
use super::source::{BYTE_ORDER_MARK, Fingerprint, Source, Tap};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};

/// The longest line, in bytes, with its end: above this it is not a file of numbers, and memory stays flat.
pub(super) const LONGEST: usize = 1 << 20;

/// How much is read at once, in bytes: large enough that system calls do not count.
const BLOCK: usize = 1 << 17;

/// The lines of a source. One is there at a time, beside those that were given back.
pub(super) struct Lines {
    file: String,
    input: BufReader<Chain<Cursor<Vec<u8>>, Tap>>,
    line: Line,
    /// How many were read.
    number: u64,
    /// Lines that [`advance`](Self::advance) is to give again.
    again: VecDeque<Line>,
    encoding: Encoding,
}

impl Lines {
    /// Finds the first line that is not blank. It is there to be looked at, and the first that `advance` gives.
    pub(super) fn open(source: Source) -> Result<Self, InputError> {
        let Source { file, bytes } = source;
        let mut lines = Self {
            file,
            input: BufReader::with_capacity(BLOCK, bytes),
            line: Line::default(),
            number: 0,
            again: VecDeque::new(),
            encoding: Encoding::default(),
        };
        while lines.advance()? {
            if !lines.line.is_blank() {
                let first = lines.line.clone();
                lines.give_back([first]);
                return Ok(lines);
            }
        }
        Err(InputError::Empty { file: lines.file })
    }

    /// Goes to the next line; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, InputError> {
        if let Some(line) = self.again.pop_front() {
            self.line = line;
            return Ok(true);
        }
        let bytes = &mut self.line.bytes;
        bytes.clear();
        let mut limited = self.input.by_ref().take(LONGEST as u64 + 1);
        limited.read_until(b'\n', bytes).map_err(|cause| InputError::unreadable(&self.file, cause))?;
        if bytes.is_empty() {
            return self.encoding.result(&self.file).map(|()| false);
        }
        self.number += 1;
        self.line.number = self.number;
        if self.line.bytes.len() > LONGEST {
            return Err(InputError::TooLong { file: self.file.clone(), line: self.number });
        }
        if self.number == 1 {
            self.begin()?;
        }
        self.encoding.note(&self.file, &self.line)?;
        self.line.cut = self.line.bytes.last() != Some(&b'\n');
        if self.line.cut {
            self.line.bytes.push(b'\n');
        }
        Ok(true)
    }

    /// Takes lines back, in their order, before those that come.
    pub(super) fn give_back(&mut self, lines: impl IntoIterator<Item = Line, IntoIter: DoubleEndedIterator>) {
        lines.into_iter().rev().for_each(|line| self.again.push_front(line));
    }

    /// The line that comes.
    pub(super) fn peek(&mut self) -> Result<&Line, InputError> {
        if self.again.is_empty() && self.advance()? {
            let line = self.line.clone();
            self.give_back([line]);
        }
        Ok(self.again.front().unwrap_or(&self.line))
    }

    /// The line that is there and some of those that come, all of which `advance` gives again.
    pub(super) fn look_ahead(&mut self, most: usize) -> Result<VecDeque<Line>, InputError> {
        let mut ahead = VecDeque::from([self.line.clone()]);
        while ahead.len() < most && self.advance()? {
            ahead.push_back(self.line.clone());
        }
        self.restore(ahead.clone());
        Ok(ahead)
    }

    /// Gives these again, and what comes after them, whatever was read of them meanwhile.
    pub(super) fn restore(&mut self, mut ahead: VecDeque<Line>) {
        let last = ahead.back().map_or(0, |line| line.number);
        ahead.extend(self.again.drain(..).filter(|line| line.number > last));
        self.again = ahead;
    }

    /// Takes the byte-order mark off the first line, and looks at how it ends.
    fn begin(&mut self) -> Result<(), InputError> {
        let line = &mut self.line.bytes;
        if line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.trim_ascii().contains(&b'\r') {
            return Err(InputError::OldMac { file: self.file.clone() });
        }
        Ok(())
    }

    /// The line that is there.
    pub(super) const fn line(&self) -> &Line {
        &self.line
    }

    /// How messages call the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Of all bytes read so far.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.input.get_ref().get_ref().1.fingerprint()
    }
}

impl Line {
    /// Without its line feed, and a carriage return before that.
    pub(super) fn without_end(&self) -> &[u8] {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }

    /// Whether nothing but blanks stands in it.
    pub(super) fn is_blank(&self) -> bool {
        self.bytes.trim_ascii().is_empty()
    }
}
