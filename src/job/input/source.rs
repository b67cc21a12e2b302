//! Where the bytes come from: opened once, looked at for what is not text, and counted on their way through.

use super::InputError;
use crate::disk;
use crate::domain::identity::hex;
use sha2::{Digest, Sha256};
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;

/// What identifies the input of a run, so that a changed file can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many bytes were read.
    pub bytes: u64,
    /// Their SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// An opened input whose beginning looks like text.
pub(super) struct Source {
    /// How messages call it.
    pub(super) file: String,
    /// All of its bytes.
    pub(super) bytes: Chain<Cursor<Vec<u8>>, Tap>,
}

/// Counts and digests what passes through.
pub(super) struct Tap {
    inner: Box<dyn Read + Send>,
    bytes: u64,
    digest: Sha256,
}

/// How many bytes tell a format apart by its first ones.
const HEAD: u64 = 8;

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Source {
    /// Opens a file, a pipe or a device.
    pub(super) fn open(path: &Path) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let file = disk::named(path).map_err(|cause| InputError::unreadable(&name, cause))?;
        let about = file.metadata().map_err(|cause| InputError::unreadable(&name, cause))?;
        if about.is_dir() {
            return Err(InputError::Directory { file: name });
        }
        let ending =
            path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        Self::new(name, &ending, Box::new(file))
    }

    /// Standard input.
    pub(super) fn stdin() -> Result<Self, InputError> {
        Self::new("standard input".to_owned(), "", Box::new(io::stdin()))
    }

    /// A source that is read from here; `ending` is of the file's name, in lower case.
    pub(super) fn new(file: String, ending: &str, inner: Box<dyn Read + Send>) -> Result<Self, InputError> {
        let mut tap = Tap { inner, bytes: 0, digest: Sha256::new() };
        let mut head = Vec::new();
        tap.by_ref()
            .take(HEAD)
            .read_to_end(&mut head)
            .map_err(|cause| InputError::unreadable(&file, cause))?;
        if let Some(error) = not_text(&file, ending, &head) {
            return Err(error);
        }
        Ok(Self { file, bytes: Cursor::new(head).chain(tap) })
    }
}

/// What the first bytes and the ending give away.
fn not_text(file: &str, ending: &str, head: &[u8]) -> Option<InputError> {
    let file = || file.to_owned();
    let begins = |magic: &[u8]| head.starts_with(magic);
    if head.is_empty() || head == BYTE_ORDER_MARK {
        return Some(InputError::Empty { file: file() });
    }
    let ole = begins(b"\xd0\xcf\x11\xe0");
    let zip = begins(b"PK\x03\x04");
    if ole
        || (zip && ending != "zip")
        || matches!(ending, "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" | "numbers")
    {
        return Some(InputError::Workbook { file: file() });
    }
    let packed: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"];
    if zip || packed.into_iter().any(begins) {
        return Some(InputError::Compressed { file: file() });
    }
    let utf16 = begins(b"\xff\xfe") || begins(b"\xfe\xff") || head.contains(&0);
    utf16.then(|| InputError::Utf16 { file: file() })
}

impl Tap {
    /// Of what has passed so far.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint { bytes: self.bytes, sha256: hex(&self.digest.clone().finalize()) }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}
