//! Made-up people: what GetData and SPAR report about one, and who signs for a company.

use serde::Serialize;

use super::companies::{Address, address};
use super::draw::Draw;
use super::number::{Number, made_up_person};

const FIRST_NAMES: [&str; 8] =
    ["Testa", "Prova", "Exempla", "Låtsas", "Fiktiv", "Simula", "Påhitta", "Demona"];
const LAST_NAMES: [&str; 8] = [
    "Påhittsson",
    "Exempelsdotter",
    "Simulatorsson",
    "Låtsasberg",
    "Provström",
    "Fiktivlund",
    "Testqvist",
    "Osannsson",
];

/// What is held back from a person's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Veil {
    /// Nothing.
    None,
    /// Name and address: the identity is protected.
    Protected,
}

/// A consumer report of GetData.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PersonReport {
    personal_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    gender: &'static str,
    civil_status: &'static str,
    registered_since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    income: Option<[TaxYear; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<PersonCredit>,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct Name {
    given_name: &'static str,
    surname: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaxYear {
    year: u64,
    taxable_income: u64,
    capital_deficit: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PersonCredit {
    score: u64,
    payment_remarks: u64,
    debt_balance: u64,
}

/// The consumer report on that person.
pub(super) fn person(seed: u64, number: &Number, veil: Veil, figures: bool, credit: bool) -> PersonReport {
    let mut draw = person_draw(seed, number);
    let name = name(&mut draw);
    let address = address(&mut draw);
    let open = veil == Veil::None;
    PersonReport {
        personal_number: number.twelve(),
        name: open.then_some(name),
        address: open.then_some(address),
        gender: gender(number),
        civil_status: draw.pick(&["Ogift", "Gift", "Skild", "Änka/änkling"]),
        registered_since: draw.day(1990, 2024),
        income: figures.then(|| {
            [2024, 2023].map(|year| TaxYear {
                year,
                taxable_income: draw.between(0, 900_000),
                capital_deficit: draw.below(60_000),
            })
        }),
        credit: credit.then(|| PersonCredit {
            score: draw.between(1, 100),
            payment_remarks: draw.below(3),
            debt_balance: 0,
        }),
    }
}

/// An answer of SPAR. The field names are invented: the manual's could not be read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SparReport {
    personal_number: String,
    protected_identity: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_address: Option<Address>,
    birth_date: String,
    gender: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deregistration: Option<Deregistration>,
    last_changed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    relations: Option<Vec<Relative>>,
}

/// Why and when somebody left the register.
#[derive(Serialize)]
pub(super) struct Deregistration {
    /// The reason.
    pub(super) reason: &'static str,
    /// The day.
    pub(super) date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relative {
    relation: &'static str,
    personal_number: String,
    name: Name,
}

/// What SPAR tells about that person.
pub(super) fn spar(
    seed: u64,
    number: &Number,
    veil: Veil,
    left: Option<Deregistration>,
    relations: bool,
) -> SparReport {
    let mut draw = person_draw(seed, number);
    let name = name(&mut draw);
    let address = address(&mut draw);
    let open = veil == Veil::None;
    SparReport {
        personal_number: number.twelve(),
        protected_identity: !open,
        name: open.then_some(name),
        registered_address: (open && left.is_none()).then_some(address),
        birth_date: birth_date(number),
        gender: gender(number),
        deregistration: left,
        last_changed: draw.day(2020, 2026),
        relations: (open && relations).then(|| relatives(&mut draw)),
    }
}

fn person_draw(seed: u64, number: &Number) -> Draw {
    Draw::new(seed, &["person", number.ten()])
}

fn name(draw: &mut Draw) -> Name {
    Name { given_name: draw.pick(&FIRST_NAMES), surname: draw.pick(&LAST_NAMES) }
}

/// A made-up full name.
pub(super) fn full_name(draw: &mut Draw) -> String {
    let name = name(draw);
    format!("{} {}", name.given_name, name.surname)
}

/// The ninth digit of a personnummer is odd for men.
fn gender(number: &Number) -> &'static str {
    match number.ten().as_bytes()[8] % 2 {
        1 => "M",
        _ => "K",
    }
}

/// A samordningsnummer has 60 added to its day.
fn birth_date(number: &Number) -> String {
    let twelve = number.twelve();
    let day: u8 = twelve[6..8].parse().unwrap_or(1);
    format!("{}-{}-{:02}", &twelve[..4], &twelve[4..6], if day > 60 { day - 60 } else { day })
}

fn relatives(draw: &mut Draw) -> Vec<Relative> {
    ["Make/maka", "Barn"]
        .into_iter()
        .take(usize::try_from(draw.below(3)).unwrap_or(0))
        .map(|relation| Relative { relation, personal_number: made_up_person(draw), name: name(draw) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Number {
        Number::read("198001010001").expect("a number")
    }

    #[test]
    fn a_protected_identity_shows_neither_name_nor_address() {
        let report = person(1, &number(), Veil::Protected, true, true);
        let text = serde_json::to_string(&report).expect("JSON")
            + &{
                let report = spar(1, &number(), Veil::Protected, None, true);
                serde_json::to_string(&report).expect("JSON")
            };
        for word in ["name", "street", "ddress", "relation"] {
            assert!(!text.to_lowercase().contains(word), "{word}");
        }
    }

    #[test]
    fn both_services_know_the_same_person_by_the_same_name() {
        let one = person(1, &number(), Veil::None, false, false).name.expect("a name");
        let two = spar(1, &number(), Veil::None, None, false).name.expect("a name");
        assert_eq!((one.given_name, one.surname), (two.given_name, two.surname));
    }

    #[test]
    fn a_samordningsnummer_has_sixty_taken_off_its_day() {
        let number = Number::read("197010632391").expect("a number");
        assert_eq!(birth_date(&number), "1970-10-03");
    }
}
