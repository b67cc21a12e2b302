//! How much of the answers is read with a run's records.

/// How much of the answers is read with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answers {
    /// Nothing.
    None,
    /// Their bodies.
    Own,
    /// Also the bodies of the answers that they take the place of.
    WithEarlier,
}
