//! Answers on their way in and out of the ledger. Every body passes these two functions and no other way.

use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

/// Level 1: a body of 2 KB costs about ten microseconds and takes a third of its room; higher levels gain little on texts
/// this short.
const LEVEL: i32 = 1;

/// The largest body that is unpacked; the HTTP room reads no larger one.
const LARGEST: usize = 64 << 20;

thread_local! {
    // Making them costs more than a body of 2 KB does.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(compressor().ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// With a checksum in each frame: a disk that turns a bit is told, and not read as another answer.
fn compressor() -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

/// A body as the ledger keeps it.
pub fn pack(body: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(body).ok()).unwrap_or_default()
}

/// A kept body as it was; `None` if the file was damaged.
pub fn unpack(kept: &[u8]) -> Option<Vec<u8>> {
    let length = zstd::zstd_safe::get_frame_content_size(kept).ok().flatten()?;
    let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST)?;
    DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress(kept, length).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(body in proptest::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert_eq!(unpack(&pack(&body)), Some(body));
        }

        #[test]
        fn a_turned_bit_is_told(body in proptest::collection::vec(any::<u8>(), 1..512), at: usize, bit in 0..8_u32) {
            let mut kept = pack(&body);
            let at = at % kept.len();
            kept[at] ^= 1 << bit;
            prop_assert!(unpack(&kept).is_none_or(|read| read == body));
        }

        #[test]
        fn noise_is_no_body(noise in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpack(&noise);
        }
    }

    #[test]
    fn repeated_text_shrinks() {
        let body = br#"{"companyName":"Syntetiska Bolaget AB"}"#.repeat(40);
        assert!(pack(&body).len() < body.len() / 3);
    }
}
