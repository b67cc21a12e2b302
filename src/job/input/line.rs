//! One line of a text.

/// One physical line.
#[derive(Clone, Default)]
pub(super) struct Line {
    /// With a line feed at its end also where the file has none.
    pub(super) bytes: Vec<u8>,
    /// Which it is, from 1.
    pub(super) number: u64,
    /// The file ends within it, without a line feed.
    pub(super) cut: bool,
}
