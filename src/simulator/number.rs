//! The numbers as the upstream sees them. Written a second time on purpose: what the client side gets wrong about
//! a number, this side must not get wrong in the same way.

use super::draw::Draw;

/// Whom a number names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// A natural person, a sole trader among them: the number is shaped like a personnummer.
    Person,
    /// A trading or limited partnership (HB, KB): first digit 9.
    Partnership,
    /// Any other legal person.
    Company,
}

/// A `searchnumber` that has the shape of a Swedish number. Holds what was sent, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Number {
    ten: String,
    century: Option<u64>,
    who: Who,
    valid: bool,
}

impl Number {
    /// Reads ten or twelve digits. Anything else is no number.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (century, ten) = match text.len() {
            10 => (None, text),
            12 => (Some(&text[..2]), &text[2..]),
            _ => return None,
        };
        let who = match (ten.as_bytes()[2], ten.as_bytes()[0]) {
            (b'0' | b'1', _) => Who::Person,
            (_, b'9') => Who::Partnership,
            _ => Who::Company,
        };
        let century_fits = match (century, who) {
            (None, _) | (Some("16"), Who::Partnership | Who::Company) => true,
            (Some(century), Who::Person) => matches!(century, "18" | "19" | "20"),
            _ => false,
        };
        let valid = century_fits && luhn(ten) && (who != Who::Person || is_birth(ten));
        let century = century.and_then(|century| century.parse().ok());
        Some(Self { ten: ten.to_owned(), century, who, valid })
    }

    /// The ten digits by which every register knows the subject.
    pub(super) fn ten(&self) -> &str {
        &self.ten
    }

    /// Twelve digits; a person's century is guessed where it was not sent.
    pub(super) fn twelve(&self) -> String {
        let year: u64 = self.ten[..2].parse().unwrap_or(0);
        let century = match self.who {
            Who::Person => self.century.unwrap_or(if year < 20 { 20 } else { 19 }),
            Who::Partnership | Who::Company => 16,
        };
        format!("{century}{}", self.ten)
    }

    /// Whom it names.
    pub(super) const fn who(&self) -> Who {
        self.who
    }

    /// Whether check digit, century and date of birth hold.
    pub(super) const fn is_valid(&self) -> bool {
        self.valid
    }

    /// Whether a credit report on this subject sends it a letter of disclosure (persons, sole traders, HB and KB).
    pub(super) const fn gets_letters(&self) -> bool {
        matches!(self.who, Who::Person | Who::Partnership)
    }

    /// The same subject, however it was written: what a scenario's `number` is compared with.
    pub(super) fn is_same_subject(&self, other: &Self) -> bool {
        let centuries_agree = self.century.zip(other.century).is_none_or(|(one, two)| one == two);
        self.ten == other.ten && centuries_agree
    }
}

/// Month 1–12 and day 1–31; in a samordningsnummer day 60–91 and, where it is not known, month 0.
fn is_birth(ten: &str) -> bool {
    let part = |range: std::ops::Range<usize>| ten[range].parse::<u8>().unwrap_or(0);
    matches!((part(2..4), part(4..6)), (1..=12, 1..=31) | (0..=12, 60..=91))
}

/// Whether the last digit is the Luhn digit of those before it.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits.bytes().rev().enumerate().map(|(place, byte)| weighed(place, byte)).sum();
    sum.is_multiple_of(10)
}

fn weighed(place_from_right: usize, byte: u8) -> u32 {
    let digit = u32::from(byte - b'0');
    match place_from_right % 2 {
        0 => digit,
        _ if digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    }
}

/// A made-up adult's number of twelve digits. The serial is one of 980–999, which Skatteverket keeps for the test
/// numbers it publishes, so that it is nobody's.
pub(super) fn made_up_person(draw: &mut Draw) -> String {
    let (year, month) = (draw.between(1940, 1999), draw.between(1, 12));
    let (day, serial) = (draw.between(1, 28), draw.between(980, 999));
    let nine = format!("{:02}{month:02}{day:02}{serial}", year % 100);
    let sum: u32 = nine.bytes().rev().enumerate().map(|(place, byte)| weighed(place + 1, byte)).sum();
    format!("{}{nine}{}", year / 100, (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_number_names() {
        let cases = [
            ("5565144408", Some((Who::Company, true))),
            ("165565144408", Some((Who::Company, true))),
            ("195565144408", Some((Who::Company, false))),
            ("5565144409", Some((Who::Company, false))),
            ("9696000000", Some((Who::Partnership, true))),
            ("198001010001", Some((Who::Person, true))),
            ("8001010001", Some((Who::Person, true))),
            ("7010632391", Some((Who::Person, true))),
            ("201701012393", Some((Who::Person, true))),
            ("199901011234", Some((Who::Person, false))),
            ("168001010001", Some((Who::Person, false))),
            ("556514-4408", None),
            ("55651444", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read = Number::read(text).map(|number| (number.who(), number.is_valid()));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn letters_go_to_persons_and_partnerships() {
        for (text, letters) in [("5565144408", false), ("9696000000", true), ("198001010001", true)] {
            assert_eq!(Number::read(text).map(|number| number.gets_letters()), Some(letters), "{text}");
        }
    }

    #[test]
    fn made_up_persons_are_valid_and_have_a_test_serial() {
        let mut draw = Draw::new(3, &[]);
        for _ in 0..500 {
            let text = made_up_person(&mut draw);
            let number = Number::read(&text).expect("twelve digits");
            assert!(number.is_valid() && number.who() == Who::Person && number.twelve() == text, "{text}");
            assert!(matches!(&text[8..10], "98" | "99"), "{text}");
        }
    }
}
