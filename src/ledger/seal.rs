//! The one codec of everything in a ledger that says something about a person: packed by zstd, sealed by AES-256-GCM-SIV with a
//! nonce of its own, and bound to the cell in which it stands, so that a value that was moved to another one does not open.
//!
//! A sealed value is `1` (the version), the id of its data key (4 bytes), the nonce (12) and the text with its tag (16).
//! GCM-SIV, and not GCM: a nonce that came twice, after a machine was put back to an older state, would give away that two
//! values are equal and nothing else (RFC 8452).

use crate::domain::identity::Identity;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use std::cell::RefCell;
use std::fmt;
use zeroize::Zeroizing;
use zstd::bulk::{Compressor, Decompressor};

/// Level 1: a body of 2 KB costs about ten microseconds and takes a third of its room; higher levels gain little on texts
/// this short.
const LEVEL: i32 = 1;

/// Below this a text grows by being packed.
const WORTH_PACKING: usize = 96;

/// The largest body that is unpacked; the HTTP room reads no larger one.
const LARGEST: usize = 64 << 20;

/// The only version so far.
const VERSION: u8 = 1;
const HEAD: usize = 1 + size_of::<u32>() + NONCE_LEN;

/// Which cell a sealed value stands in. What the ledger keeps of it elsewhere (a digest, a sum) is none of its business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// A row's number or bad cell, with its carried columns.
    Row {
        /// The run.
        run: i64,
        /// The row's position.
        row: i64,
    },
    /// An answer's body.
    Body(i64),
    /// What the upstream said beside it.
    AttemptText(i64),
    /// What a lookup was told where no attempt was.
    LookupText {
        /// The run.
        run: i64,
        /// The row's position.
        row: i64,
        /// The lookup's position in the job.
        step: u16,
    },
    /// A job's text, by the run's id for people.
    JobText(&'a str),
    /// A purpose, by its digest.
    Purpose(Identity),
    /// The key of the ledger's digests.
    DigestKey,
}

impl Cell<'_> {
    /// Table, column and key of the cell: what the value is bound to.
    fn bound(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48);
        let mut add = |name: &str, keys: &[i64]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        };
        match self {
            Self::Row { run, row } => add("rows.content", &[run, row]),
            Self::Body(attempt) => add("answers.body", &[attempt]),
            Self::AttemptText(attempt) => add("attempts.text", &[attempt]),
            Self::LookupText { run, row, step } => add("lookups.text", &[run, row, i64::from(step)]),
            Self::JobText(run) => {
                add("runs.job_text", &[]);
                bytes.extend_from_slice(run.as_bytes());
            }
            Self::Purpose(digest) => {
                add("purposes.purpose", &[]);
                bytes.extend_from_slice(&digest.0);
            }
            Self::DigestKey => add("meta.digest_key", &[]),
        }
        bytes
    }
}

/// A data key: what values are sealed with. It stands in the key ring, wrapped by the master key, and nowhere in the ledger.
pub struct DataKey {
    id: u32,
    cipher: LessSafeKey,
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It is not what was sealed, or stands where something else was.
    #[error("a sealed value is damaged or was tampered with")]
    Damaged,
    /// Its data key is not in the ring.
    #[error("the key of a sealed value is not in the key ring")]
    NoKey,
}

impl DataKey {
    /// A data key of these bytes.
    pub(super) fn new(id: u32, bytes: &[u8; 32]) -> Option<Self> {
        Some(Self { id, cipher: LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes).ok()?) })
    }

    /// By which values name it.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Seals a value for a cell.
    pub fn seal(&self, cell: Cell<'_>, clear: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(HEAD + 1 + clear.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        pack_into(&mut sealed, clear);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(bound(cell, self.id));
        #[expect(clippy::expect_used, reason = "it refuses no text below 64 GiB")]
        let tag = (self.cipher.seal_in_place_separate_tag(nonce, aad, &mut sealed[HEAD..]))
            .expect("AES-GCM-SIV seals what fits into memory");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens a value of a cell that names this key.
    pub(super) fn open(&self, cell: Cell<'_>, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (head, text) = sealed.split_at_checked(HEAD).ok_or(Unopened::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(&head[1 + size_of::<u32>()..]);
        let nonce = nonce.map_err(|_| Unopened::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.cipher.open_in_place(nonce, Aad::from(bound(cell, self.id)), &mut text);
        unpack(opened.map_err(|_| Unopened::Damaged)?).ok_or(Unopened::Damaged)
    }
}

/// The id of the key that a value was sealed with; `None` if it is no sealed value of a version that is known.
pub(super) fn key_of(sealed: &[u8]) -> Option<u32> {
    let rest = sealed.strip_prefix(&[VERSION]).filter(|_| sealed.len() >= HEAD)?;
    rest.first_chunk().copied().map(u32::from_be_bytes)
}

/// What a value is bound to: its version, its key and its cell.
fn bound(cell: Cell<'_>, key: u32) -> Vec<u8> {
    let mut bytes = cell.bound();
    bytes.push(VERSION);
    bytes.extend_from_slice(&key.to_be_bytes());
    bytes
}

/// The bytes of a new key.
pub(crate) fn random_key() -> [u8; 32] {
    random()
}

/// Random bytes of the system's.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without them nothing may be sealed, and Linux has them once it is up"
    )]
    rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({:08x})", self.id)
    }
}

thread_local! {
    // Making them costs more than a body of 2 KB does.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// `0` and the text as it is, or `1` and the text packed.
fn pack_into(bytes: &mut Vec<u8>, clear: &[u8]) {
    let packed = (clear.len() >= WORTH_PACKING)
        .then(|| COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(clear).ok()))
        .flatten()
        .filter(|packed| packed.len() < clear.len());
    let (mark, text) = packed.as_deref().map_or((0, clear), |packed| (1, packed));
    bytes.push(mark);
    bytes.extend_from_slice(text);
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (0, text) => Some(text.to_vec()),
        (1, text) => {
            let length = zstd::zstd_safe::get_frame_content_size(text).ok().flatten()?;
            let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST)?;
            DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress(text, length).ok())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(id: u32) -> DataKey {
        DataKey::new(id, &[7; 32]).unwrap()
    }

    fn cells() -> Vec<Cell<'static>> {
        vec![
            Cell::Row { run: 1, row: 2 },
            Cell::Row { run: 2, row: 1 },
            Cell::Body(1),
            Cell::Body(2),
            Cell::AttemptText(1),
            Cell::LookupText { run: 1, row: 2, step: 0 },
            Cell::LookupText { run: 1, row: 2, step: 1 },
            Cell::JobText("abc"),
            Cell::JobText("abd"),
            Cell::Purpose(Identity([1; 16])),
            Cell::DigestKey,
        ]
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(body in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let sealed = key(1).seal(Cell::Body(9), &body);
            prop_assert_eq!(key_of(&sealed), Some(1));
            prop_assert_eq!(key(1).open(Cell::Body(9), &sealed), Ok(body));
        }

        #[test]
        fn a_turned_bit_is_told(body in proptest::collection::vec(any::<u8>(), 1..512), at: usize, bit in 0..8_u32) {
            let mut sealed = key(1).seal(Cell::Body(9), &body);
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert!(key_of(&sealed) != Some(1) || key(1).open(Cell::Body(9), &sealed) == Err(Unopened::Damaged));
        }

        #[test]
        fn noise_opens_nothing(noise in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(key(1).open(Cell::Body(1), &noise), Err(Unopened::Damaged));
            let _ = key_of(&noise);
        }
    }

    #[test]
    fn a_value_opens_in_its_own_cell_and_under_its_own_key_alone() {
        for cell in cells() {
            let sealed = key(1).seal(cell, b"5560125790");
            assert!(!sealed.windows(10).any(|bytes| bytes == b"5560125790"));
            for other in cells() {
                assert_eq!(key(1).open(other, &sealed).is_ok(), other == cell, "{cell:?} in {other:?}");
            }
            assert!(key(2).open(cell, &sealed).is_err(), "another id");
            assert!(DataKey::new(1, &[8; 32]).unwrap().open(cell, &sealed).is_err(), "other bytes");
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same() {
        let seal = || key(1).seal(Cell::Body(1), b"5560125790");
        assert_ne!(seal(), seal());
    }

    #[test]
    fn repeated_text_shrinks() {
        let body = br#"{"companyName":"Syntetiska Bolaget AB"}"#.repeat(40);
        assert!(key(1).seal(Cell::Body(1), &body).len() < body.len() / 3);
    }
}
