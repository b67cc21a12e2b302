//! Swedish organisation and personal numbers: what a text stands for, and the forms in which it is sent and shown.
//!
//! Reading happens in three steps, each of which may refuse: `written` finds ten digits in what a person (or a
//! spreadsheet) wrote; the shape of digits three and four tells a legal person from a date of birth; `birth` settles
//! the century. Nothing is repaired: a number that has to be guessed is a wrong purchase, or a letter to a stranger.
//!
//! Reasons for refusing are shown in logs and written to files, so they are words only: no digit of what was read.

mod birth;
mod persons;
mod shape;
mod written;

use birth::{Birth, BirthFault};
use jiff::civil::Date;
pub use persons::persons_in;
pub use shape::NumberError;
pub(crate) use shape::luhn;
use shape::{Shape, is_number, refuse};
use std::fmt;
use written::{Sign, Written};

/// What a number stands for. It decides which services take it, in which form, and whether a letter may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A legal person that gets no letter: limited companies, associations, authorities and so on.
    Organisation,
    /// A trading or limited partnership (HB, KB; first digit 9): a legal person whose credit report sends a letter.
    Partnership,
    /// A sole trader: the number is the owner's personnummer or samordningsnummer, and is treated as personal.
    SoleTrader,
    /// A natural person, by personnummer or samordningsnummer.
    Person,
}

/// A valid number. `Debug` and `Display` mask it; `sent10`, `sent12`, `full`, `stored` and `canonical` are the
/// deliberate acts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// ASCII digits.
    pub(crate) ten: [u8; 10],
    /// `16` for a legal person, the century for a person; `None` for a sole trader written with ten digits.
    pub(crate) prefix: Option<[u8; 2]>,
    pub(crate) kind: Kind,
}

/// Which numbers a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept {
    /// `kind` of the job's input.
    pub kind: AcceptKind,
    /// Under `organisation`: whether ten digits shaped like a personnummer are taken as a sole trader.
    pub sole_traders: bool,
    /// Whether a personnummer of ten digits without `-` or `+` is read as under 100 years of age. Otherwise a person's
    /// is refused, and a sole trader's is taken without its century.
    pub assume_under_100: bool,
}

/// The three words of `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptKind {
    /// Organisations, and sole traders where the job takes them.
    Organisation,
    /// Natural persons only.
    Person,
    /// Both; what is shaped like a personnummer is a person.
    Any,
}

/// What stands before the ten digits of a legal person in the twelve-digit form.
const LEGAL_PREFIX: [u8; 2] = *b"16";

impl Accept {
    /// What it says, in the words of a job file: the same in every version, for digests that are kept.
    pub fn identity(&self) -> [String; 3] {
        let kind = match self.kind {
            AcceptKind::Organisation => "organisation",
            AcceptKind::Person => "person",
            AcceptKind::Any => "any",
        };
        let sole_traders = if self.sole_traders { "accept" } else { "reject" };
        let century = if self.assume_under_100 { "assume-under-100" } else { "refuse" };
        [format!("kind={kind}"), format!("sole_traders={sole_traders}"), format!("century={century}")]
    }
}

const CHECK_DIGIT: &str = "the check digit is wrong: one or more digits are mistyped";

impl Subject {
    /// Reads a number as people write it. `today` decides centuries and rejects births to come.
    pub fn parse(text: &str, accept: Accept, today: Date) -> Result<Self, NumberError> {
        let written = written::read(text)?;
        match Shape::of(&written.ten) {
            Shape::Legal => Self::legal(&written, accept),
            Shape::Personal => Self::personal(&written, accept, today),
            Shape::Neither => refuse(
                "neither an organisation number (digits three and four are twenty or more) nor a personnummer (they \
                 are a month)",
            ),
        }
    }

    fn legal(written: &Written, accept: Accept) -> Result<Self, NumberError> {
        if written.prefix.is_some_and(|prefix| prefix != LEGAL_PREFIX) {
            return refuse(
                "twelve digits that begin neither with a century and a date nor with the sixteen of an \
                 organisation",
            );
        }
        if written.sign == Some(Sign::Plus) {
            return refuse("an organisation number is written with -, never with +");
        }
        if !luhn(&written.ten) {
            return refuse(CHECK_DIGIT);
        }
        if accept.kind == AcceptKind::Person {
            return refuse("an organisation number, where the job takes persons only (kind = \"person\")");
        }
        Ok(Self { ten: written.ten, prefix: Some(LEGAL_PREFIX), kind: legal_kind(&written.ten) })
    }

    fn personal(written: &Written, accept: Accept, today: Date) -> Result<Self, NumberError> {
        let century = century_of(written, accept, today)?;
        if !luhn(&written.ten) {
            return refuse(CHECK_DIGIT);
        }
        let kind = match accept.kind {
            AcceptKind::Organisation if !accept.sole_traders => {
                return refuse(
                    "a personnummer, where the job takes no sole traders (sole_traders = \"reject\")",
                );
            }
            AcceptKind::Organisation => Kind::SoleTrader,
            AcceptKind::Person | AcceptKind::Any if century.is_none() => {
                return refuse(
                    "ten digits of a personnummer without - or +: the century is not known; write twelve digits, or \
                     set century = \"assume-under-100\"",
                );
            }
            AcceptKind::Person | AcceptKind::Any => Kind::Person,
        };
        Ok(Self { ten: written.ten, prefix: century, kind })
    }

    /// What the number stands for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Ten digits, as services for organisations take it.
    pub fn sent10(&self) -> String {
        ascii(&self.ten)
    }

    /// Whether a text is this number and nothing else, in whatever form.
    pub fn is_written(&self, text: &str) -> bool {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let ten = self.sent10();
        text.chars().all(|c| c.is_ascii_digit() || "-+ ".contains(c))
            && (digits == ten || digits.len() == 12 && digits.ends_with(&ten))
    }

    /// Twelve digits, as services for persons take it (`16` before those of a legal person); nothing for a sole trader
    /// whose century is not known.
    pub fn sent12(&self) -> Option<String> {
        self.prefix.map(|prefix| ascii(&prefix) + &ascii(&self.ten))
    }

    /// `NNNNNN-NNNN`, for persons (and sole traders of known century) `YYYYMMDD-NNNN`. A deliberate act.
    pub fn full(&self) -> String {
        let (front, last) = self.ten.split_at(6);
        let century = self.prefix.filter(|_| self.kind.is_personal());
        format!("{}{}-{}", ascii(century.as_ref().map_or(&[], |c| c)), ascii(front), ascii(last))
    }

    /// Asterisks in the shape of [`full`](Self::full): `******-****`, for persons and sole traders `********-****`.
    pub fn masked(&self) -> String {
        self.mask().to_owned()
    }

    fn mask(&self) -> &'static str {
        if self.kind.is_personal() { "********-****" } else { "******-****" }
    }

    /// The form kept in the ledger: ten digits, or twelve where the prefix is known and it is not a legal person.
    pub fn stored(&self) -> String {
        let twelve = self.sent12().filter(|_| self.kind.is_personal());
        twelve.unwrap_or_else(|| self.sent10())
    }

    /// The one form of a number, whichever way it was written: twelve digits, of a sole trader without a century those of the
    /// newest that can be meant on this day. For digests by which subjects are compared.
    pub fn canonical(&self, day: Date) -> String {
        let century = || Birth::of(&self.ten).newest_century(day).unwrap_or(*b"19");
        ascii(&self.prefix.unwrap_or_else(century)) + &ascii(&self.ten)
    }

    /// The subject of a stored form; `None` if the ledger was changed by hand.
    pub fn from_stored(digits: &str, kind: Kind) -> Option<Self> {
        let digits = digits.as_bytes();
        let (prefix, ten) = match digits.len() {
            10 => (None, digits),
            12 => (Some([digits[0], digits[1]]), &digits[2..]),
            _ => return None,
        };
        let ten: [u8; 10] = ten.try_into().ok()?;
        if !digits.iter().all(u8::is_ascii_digit) || !luhn(&ten) {
            return None;
        }
        let fits = match (Shape::of(&ten), kind, prefix) {
            (Shape::Legal, Kind::Organisation | Kind::Partnership, None) => legal_kind(&ten) == kind,
            (Shape::Personal, Kind::SoleTrader, None) => Birth::of(&ten).exists(),
            (Shape::Personal, Kind::SoleTrader | Kind::Person, Some(century)) => {
                Birth::of(&ten).date_in(century).is_some()
            }
            _ => false,
        };
        let prefix = if kind.is_personal() { prefix } else { Some(LEGAL_PREFIX) };
        fits.then_some(Self { ten, prefix, kind })
    }
}

/// The century of a personal number, or `None` if it is not written and the job does not say.
fn century_of(written: &Written, accept: Accept, today: Date) -> Result<Option<[u8; 2]>, NumberError> {
    let birth = Birth::of(&written.ten);
    let found = match (written.prefix, written.sign) {
        (Some(LEGAL_PREFIX), _) => {
            return refuse(
                "the sixteen of an organisation before a personnummer: write the century of birth instead",
            );
        }
        (Some(century), sign) => birth.check_century(century, sign == Some(Sign::Plus), today).map(Some),
        (None, Some(Sign::Minus)) => birth.century_under_100(today).map(Some),
        (None, Some(Sign::Plus)) => birth.century_from_100(today).map(Some),
        (None, None) => birth.newest_century(today).map(|century| accept.assume_under_100.then_some(century)),
    };
    found.map_err(|fault| NumberError(birth_reason(fault).to_owned()))
}

const fn birth_reason(fault: BirthFault) -> &'static str {
    match fault {
        BirthFault::NoCentury => {
            "twelve digits of a person begin with a century, eighteen, nineteen or twenty"
        }
        BirthFault::NoDate => "the date of birth is not a day of the calendar",
        BirthFault::Future => "the date of birth is in the future",
        BirthFault::TooOld => "the person would be older than anyone has ever been",
        BirthFault::NotHundred => "the + says a hundred years of age or more, and the century says less",
    }
}

fn legal_kind(ten: &[u8; 10]) -> Kind {
    if ten[0] == b'9' { Kind::Partnership } else { Kind::Organisation }
}

fn ascii(digits: &[u8]) -> String {
    digits.iter().copied().map(char::from).collect()
}

impl Kind {
    /// The word kept in the ledger: `organisation`, `partnership`, `sole_trader`, `person`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Partnership => "partnership",
            Self::SoleTrader => "sole_trader",
            Self::Person => "person",
        }
    }

    /// The kind of that word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Organisation, Self::Partnership, Self::SoleTrader, Self::Person]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// Whether the law has a letter of disclosure sent for a credit report on such a subject.
    pub const fn gets_letter(self) -> bool {
        matches!(self, Self::Partnership | Self::SoleTrader | Self::Person)
    }

    /// Whether the number is personal data.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::SoleTrader | Self::Person)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.mask())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mask())
    }
}

#[cfg(test)]
mod tests;
