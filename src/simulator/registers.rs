//! The three services that answer in lists: GetDataUnits, DateCheck, GetSignatory.
//!
//! What their answers look like could be read only in part (apis.md sections 4, 5, 7); the rest is invented, and a
//! client that stores and passes on what it is given does not mind.

use serde::Serialize;

use super::companies::{Address, Industry, address, employee_range, industry, phone};
use super::draw::Draw;
use super::number::{Number, made_up_person};
use super::people::full_name;

/// GetDataUnits: the offices and workplaces of a company.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UnitsReport {
    number_of_units: usize,
    units: Vec<Workplace>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Workplace {
    cfar_number: u64,
    unit_name: String,
    office_type: &'static str,
    status: &'static str,
    employee_range: &'static str,
    industry: Industry,
    visiting_address: Address,
    postal_address: Address,
    contact: UnitContact,
}

#[derive(Serialize)]
struct UnitContact {
    phone: String,
}

/// The units found under those words: a company's number, or what was searched for.
pub(super) fn units(seed: u64, words: &[&str], include_inactive: bool) -> UnitsReport {
    let mut draw = Draw::new(seed, words);
    let count = draw.between(1, 4);
    let mut units: Vec<Workplace> = (0..count).map(|place| unit(&mut draw, place == 0, "Aktiv")).collect();
    if include_inactive {
        units.push(unit(&mut draw, false, "Inaktiv"));
    }
    UnitsReport { number_of_units: units.len(), units }
}

fn unit(draw: &mut Draw, head_office: bool, status: &'static str) -> Workplace {
    Workplace {
        cfar_number: draw.between(10_000_000, 99_999_999),
        unit_name: format!("Påhittat arbetsställe {}", draw.between(1, 999)),
        office_type: if head_office { "Huvudkontor" } else { "Arbetsställe" },
        status,
        employee_range: employee_range(draw.below(200)),
        industry: industry(draw),
        visiting_address: address(draw),
        postal_address: address(draw),
        contact: UnitContact { phone: phone(draw) },
    }
}

/// DateCheck: what has changed since the reference date.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangesReport {
    search_number: String,
    reference_date: String,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    code: &'static str,
    description: &'static str,
    date: String,
}

const COMPANY_CHANGES: [(&str, &str); 6] = [
    ("NAME", "Company name"),
    ("ADDRESS", "Registered address"),
    ("BOARD", "Board members"),
    ("ACCOUNTS", "Annual accounts"),
    ("REMARKS", "Payment remarks"),
    ("STATUS", "Company status"),
];
const PERSON_CHANGES: [(&str, &str); 5] = [
    ("NAME", "Name"),
    ("ADDRESS", "Registered address"),
    ("INCOME", "Taxed income"),
    ("REMARKS", "Payment remarks"),
    ("CIVIL", "Civil status"),
];

/// The latest change of each kind, as far as it is not older than `since` (`yyyy-MM-dd`).
///
/// Every subject has its changes once and for all, so that a later reference date never shows more of them, and the
/// answer does not depend on today.
pub(super) fn changes(seed: u64, number: &Number, person: bool, since: &str) -> ChangesReport {
    let mut draw = Draw::new(seed, &["changes", number.ten()]);
    let kinds: &[(&str, &str)] = if person { &PERSON_CHANGES } else { &COMPANY_CHANGES };
    let mut changes: Vec<Change> = Vec::new();
    for (code, description) in kinds.iter().copied() {
        let (happened, date) = (draw.chance(30), draw.day(2020, 2027));
        if happened && date.as_str() >= since {
            changes.push(Change { code, description, date });
        }
    }
    ChangesReport { search_number: number.ten().to_owned(), reference_date: since.to_owned(), changes }
}

/// GetSignatory: who may sign for a company, as far as it could be read out of what was filed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignatoryReport {
    company_id: String,
    coverage: &'static str,
    admin_sign: Vec<Signatory>,
    combinations: Vec<Vec<Signatory>>,
}

#[derive(Serialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Signatory {
    name: String,
    positions: [Position; 1],
    personal_number: String,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct Position {
    role_code: u64,
    role_name: &'static str,
}

const ROLES: [Position; 4] = [
    Position { role_code: 1, role_name: "Styrelseordförande" },
    Position { role_code: 2, role_name: "Verkställande direktör" },
    Position { role_code: 3, role_name: "Styrelseledamot" },
    Position { role_code: 4, role_name: "Särskild firmatecknare" },
];

/// Who signs for that company: each alone, or any two together.
pub(super) fn signatories(seed: u64, number: &Number) -> SignatoryReport {
    let mut draw = Draw::new(seed, &["signatories", number.ten()]);
    let coverage = match draw.below(100) {
        0..80 => "complete",
        80..92 => "partial",
        _ => "none",
    };
    let people: Vec<Signatory> = (0..draw.between(1, 4)).map(|_| signatory(&mut draw)).collect();
    let alone = draw.chance(50) || people.len() == 1;
    let combinations = match (coverage, alone) {
        ("none", _) => Vec::new(),
        (_, true) => people.iter().map(|one| vec![one.clone()]).collect(),
        (_, false) => pairs(&people),
    };
    let admin_sign = if coverage == "complete" { people.into_iter().take(1).collect() } else { Vec::new() };
    SignatoryReport { company_id: number.ten().to_owned(), coverage, admin_sign, combinations }
}

fn signatory(draw: &mut Draw) -> Signatory {
    Signatory { name: full_name(draw), positions: [draw.pick(&ROLES)], personal_number: made_up_person(draw) }
}

fn pairs(people: &[Signatory]) -> Vec<Vec<Signatory>> {
    let later = |place: usize| people[place + 1..].iter();
    people
        .iter()
        .enumerate()
        .flat_map(|(place, one)| later(place).map(|two| vec![one.clone(), two.clone()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_later_reference_date_never_shows_more(seed: u64, early in 2021_u32..2024, later in 2024_u32..2027) {
            let number = Number::read("5565144408").expect("a number");
            let count = |year: u32| changes(seed, &number, false, &format!("{year}-01-01")).changes.len();
            prop_assert!(count(early) >= count(later));
        }

        #[test]
        fn coverage_and_combinations_agree(seed: u64) {
            let number = Number::read("5565144408").expect("a number");
            let report = signatories(seed, &number);
            prop_assert_eq!(report.coverage == "none", report.combinations.is_empty());
            prop_assert!(report.coverage == "complete" || report.admin_sign.is_empty());
        }
    }

    #[test]
    fn inactive_units_come_only_when_asked_for() {
        let active = units(1, &["units", "5565144408"], false);
        let all = units(1, &["units", "5565144408"], true);
        assert_eq!(all.number_of_units, active.number_of_units + 1);
        assert!(active.units.iter().all(|unit| unit.status == "Aktiv"));
        assert_eq!(active.units[0].office_type, "Huvudkontor");
    }
}
