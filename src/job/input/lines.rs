//! Physical lines, numbered as an editor numbers them, and bounded.

use super::source::{Fingerprint, Source, Tap};
use super::{InputError, source};
use std::io::{BufRead, BufReader, Chain, Cursor, Read};

/// The longest line, in bytes, with its end: above this it is not a file of numbers, and memory stays flat.
pub(super) const LONGEST: usize = 1 << 20;

/// How much is read at once, in bytes: large enough that system calls do not count.
const BLOCK: usize = 1 << 17;

/// The lines of a source. One is there at a time.
pub(super) struct Lines {
    file: String,
    input: BufReader<Chain<Cursor<Vec<u8>>, Tap>>,
    line: Vec<u8>,
    number: u64,
    /// The file ends within the line.
    cut: bool,
    /// The line was looked at, and [`advance`](Self::advance) is to give it again.
    again: bool,
}

impl Lines {
    /// Finds the first line that is not blank. It is there to be looked at, and the first that `advance` gives.
    pub(super) fn open(source: Source) -> Result<Self, InputError> {
        let Source { file, bytes } = source;
        let input = BufReader::with_capacity(BLOCK, bytes);
        let mut lines = Self { file, input, line: Vec::new(), number: 0, cut: false, again: false };
        while lines.advance()? {
            if !lines.line.trim_ascii().is_empty() {
                lines.again = true;
                return Ok(lines);
            }
        }
        Err(InputError::Empty { file: lines.file })
    }

    /// Goes to the next line; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, InputError> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        self.line.clear();
        let mut limited = self.input.by_ref().take(LONGEST as u64 + 1);
        limited
            .read_until(b'\n', &mut self.line)
            .map_err(|cause| InputError::unreadable(&self.file, cause))?;
        if self.line.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        if self.line.len() > LONGEST {
            return Err(InputError::TooLong { file: self.file.clone(), line: self.number });
        }
        if self.number == 1 {
            self.begin()?;
        }
        self.cut = self.line.last() != Some(&b'\n');
        if self.cut {
            self.line.push(b'\n');
        }
        Ok(true)
    }

    /// Takes the byte-order mark off the first line, and looks at how it ends.
    fn begin(&mut self) -> Result<(), InputError> {
        if self.line.starts_with(source::BYTE_ORDER_MARK) {
            self.line.drain(..source::BYTE_ORDER_MARK.len());
        }
        let text = self.line.trim_ascii();
        if text.contains(&b'\r') {
            return Err(InputError::OldMac { file: self.file.clone() });
        }
        Ok(())
    }

    /// The line, with a line feed at its end also where the file has none.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.line
    }

    /// Which line it is, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the file ends within the line, without a line feed.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
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
