//! What one line of a provider's statement, or one call that no line names, comes to.

use super::money::Ore;
use jiff::civil::Date;

/// How the columns of a statement are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// The day of the call.
    pub date: Option<String>,
    /// Our `transactionid`; the provider's own reference is taken there too.
    pub reference: Option<String>,
    /// The provider's own reference.
    pub log_id: Option<String>,
    /// What was called.
    pub service: Option<String>,
    /// The price.
    pub amount: Option<String>,
    /// The currency, where a column tells it.
    pub currency: Option<String>,
}

impl ColumnNames {
    /// These names, and those of `other` where there is none.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            date: self.date.or_else(|| other.date.clone()),
            reference: self.reference.or_else(|| other.reference.clone()),
            log_id: self.log_id.or_else(|| other.log_id.clone()),
            service: self.service.or_else(|| other.service.clone()),
            amount: self.amount.or_else(|| other.amount.clone()),
            currency: self.currency.or_else(|| other.currency.clone()),
        }
    }
}

/// One line of a statement. Its texts are the provider's and may be anything.
#[derive(Clone, PartialEq, Eq)]
pub struct BilledLine {
    /// Physical line in the file.
    pub line: u64,
    /// The day of the call.
    pub day: Date,
    /// A reference: ours, or the provider's.
    pub reference: Option<String>,
    /// The provider's own reference, where it has a column of its own.
    pub log_id: Option<String>,
    /// What was called, in the provider's words.
    pub service: String,
    /// What is charged.
    pub amount: Ore,
}

/// What the ledger has of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    /// What we count it at.
    pub cost: Ore,
    /// Whether its answer is lost, so that only the provider knows whether it was carried out.
    pub unknown: bool,
    /// Whether an earlier line of the statement names it already.
    pub billed_before: bool,
}

/// How statement and ledger stand to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Both have it, at the same amount.
    Agreed,
    /// Both have it, at two amounts.
    OtherAmount,
    /// In the ledger but not billed.
    NotBilled,
    /// Billed but not in the ledger, or billed more often than it was sent.
    NotInLedger,
}

impl Verdict {
    /// Every verdict, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Agreed, Self::OtherAmount, Self::NotBilled, Self::NotInLedger];

    /// The word used in files and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::OtherAmount => "other_amount",
            Self::NotBilled => "not_billed",
            Self::NotInLedger => "not_in_ledger",
        }
    }

    /// What it says, for a person.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::OtherAmount => "other amount",
            Self::NotBilled => "in the ledger but not billed",
            Self::NotInLedger => "billed but not in the ledger",
        }
    }
}

/// What a statement says of a call whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settles {
    /// It was carried out.
    Billed,
    /// It was not: a statement that covers its day does not name it.
    NotCarriedOut,
}

impl Settles {
    /// The word used on the command line, in files and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Billed => "billed",
            Self::NotCarriedOut => "not-carried-out",
        }
    }
}

/// Holds a line of the statement against the call that it names.
pub fn judge_line(amount: Ore, booked: Option<Booked>) -> (Verdict, Option<Settles>) {
    match booked {
        None => (Verdict::NotInLedger, None),
        Some(booked) if booked.billed_before => (Verdict::NotInLedger, None),
        Some(Booked { cost, unknown, .. }) => {
            let verdict = if amount == cost { Verdict::Agreed } else { Verdict::OtherAmount };
            (verdict, unknown.then_some(Settles::Billed))
        }
    }
}

/// Judges a call that costs something, or may have, and that no line of the statement for its day names. `would_name` is
/// whether the statement would name it if it had been carried out: a lost answer brought no reference of the provider's,
/// so that only ours can stand there.
pub fn judge_missing(booked: Booked, would_name: bool) -> (Verdict, Option<Settles>) {
    (Verdict::NotBilled, (booked.unknown && would_name).then_some(Settles::NotCarriedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_disagreement() {
        let booked = |cost, unknown, billed_before| Booked { cost: Ore::new(cost), unknown, billed_before };
        for (amount, ledger, verdict, settles) in [
            (320, Some(booked(320, false, false)), Verdict::Agreed, None),
            (320, Some(booked(320, true, false)), Verdict::Agreed, Some(Settles::Billed)),
            (400, Some(booked(320, false, false)), Verdict::OtherAmount, None),
            (400, Some(booked(320, true, false)), Verdict::OtherAmount, Some(Settles::Billed)),
            (320, Some(booked(0, false, false)), Verdict::OtherAmount, None),
            (0, Some(booked(0, false, false)), Verdict::Agreed, None),
            (320, Some(booked(320, true, true)), Verdict::NotInLedger, None),
            (320, None, Verdict::NotInLedger, None),
        ] {
            assert_eq!(judge_line(Ore::new(amount), ledger), (verdict, settles), "{amount} {ledger:?}");
        }
        assert_eq!(judge_missing(booked(320, false, false), true), (Verdict::NotBilled, None));
        let lost = judge_missing(booked(320, true, false), true);
        assert_eq!(lost, (Verdict::NotBilled, Some(Settles::NotCarriedOut)));
        assert_eq!(judge_missing(booked(320, true, false), false), (Verdict::NotBilled, None));
    }

    #[test]
    fn a_flag_beats_the_configuration() {
        let name = |text: &str| Some(text.to_owned());
        let flags = ColumnNames { date: name("Dag"), ..ColumnNames::default() };
        let configured =
            ColumnNames { date: name("Datum"), amount: name("Belopp"), ..ColumnNames::default() };
        let both = flags.or(&configured);
        assert_eq!((both.date, both.amount, both.service), (name("Dag"), name("Belopp"), None));
    }
}
