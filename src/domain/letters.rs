//! Letters of disclosure, counted by what posts them and by whom they go to.

use super::number::Kind;
use std::collections::BTreeMap;
use std::fmt;

/// Blocks that are told apart: a row may name any, and what rows name must not fill the memory.
const MOST_BLOCKS: usize = 16;

/// Who gets letters of disclosure, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recipients {
    /// Trading and limited partnerships.
    pub partnerships: u64,
    /// Sole traders.
    pub sole_traders: u64,
    /// Natural persons.
    pub persons: u64,
}

impl Recipients {
    /// Counts one more; those who get no letters are not counted.
    pub const fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Organisation => {}
            Kind::Partnership => self.partnerships += 1,
            Kind::SoleTrader => self.sole_traders += 1,
            Kind::Person => self.persons += 1,
        }
    }

    /// All of them.
    pub const fn total(self) -> u64 {
        self.partnerships + self.sole_traders + self.persons
    }
}

/// `1200 partnerships, 1 sole trader, 4 persons`.
impl fmt::Display for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.partnerships, "partnership"),
            (self.sole_traders, "sole trader"),
            (self.persons, "person"),
        ];
        let said = kinds.into_iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = said
            .map(|(number, one)| format!("{number} {one}{}", if number == 1 { "" } else { "s" }))
            .collect();
        f.write_str(&said.join(", "))
    }
}

/// The letters that one lookup of a job would have posted, by the block that posts them (`None` if its service has
/// none).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LettersByBlock {
    named: BTreeMap<Option<String>, Recipients>,
    /// Of more blocks than are told apart.
    others: Recipients,
}

impl LettersByBlock {
    /// Counts a letter. Of more blocks than a person reads, those beyond count together.
    pub fn add(&mut self, block: Option<&str>, kind: Kind) {
        let block = block.map(str::to_owned);
        if self.named.contains_key(&block) || self.named.len() < MOST_BLOCKS {
            self.named.entry(block).or_default().add(kind);
        } else {
            self.others.add(kind);
        }
    }

    /// Each block with those whom it concerns.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, Recipients)> {
        self.named.iter().map(|(block, recipients)| (block.as_deref(), *recipients))
    }

    /// Those whom other blocks concern than are told apart.
    pub const fn others(&self) -> Recipients {
        self.others
    }

    /// Letters in all.
    pub fn total(&self) -> u64 {
        self.named.values().map(|recipients| recipients.total()).sum::<u64>() + self.others.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_told_by_what_they_are() {
        let mut recipients = Recipients::default();
        for kind in [Kind::Organisation, Kind::Partnership, Kind::Partnership, Kind::Person] {
            recipients.add(kind);
        }
        assert_eq!((recipients.total(), recipients.to_string().as_str()), (3, "2 partnerships, 1 person"));
    }

    #[test]
    fn letters_of_any_number_of_blocks_are_counted_in_little_room() {
        let mut letters = LettersByBlock::default();
        for at in 0..1_000 {
            letters.add(Some(&format!("block{at}")), Kind::SoleTrader);
        }
        letters.add(None, Kind::Person);
        assert_eq!((letters.total(), letters.iter().count()), (1_001, MOST_BLOCKS));
        assert!(letters.iter().all(|(_, recipients)| recipients.total() == 1), "none is told for another's");
        assert_eq!(letters.others().total(), 1_001 - MOST_BLOCKS as u64);
    }
}
