//! Made-up companies: what GetData reports about one, with and without figures.
//!
//! Field names are those that apis.md section 3 lists, and invented ones beside them. Every word that a person reads
//! says that it is made up: names, streets, towns, postcodes that do not exist, reserved telephone numbers.

use serde::Serialize;

use super::draw::Draw;
use super::number::{Number, Who};

const ADJECTIVES: [&str; 8] =
    ["Påhittade", "Låtsade", "Uppdiktade", "Fiktiva", "Inbillade", "Exempliska", "Osanna", "Konstgjorda"];
const TRADES: [Industry; 8] = [
    Industry { code: "25110", description: "Tillverkning av metallstommar" },
    Industry { code: "41200", description: "Byggande av bostadshus och andra byggnader" },
    Industry { code: "46690", description: "Partihandel med andra maskiner och utrustning" },
    Industry { code: "47112", description: "Livsmedelshandel med brett sortiment" },
    Industry { code: "49410", description: "Vägtransport, godstrafik" },
    Industry { code: "62010", description: "Dataprogrammering" },
    Industry { code: "68204", description: "Förvaltning av bostadsrättsföreningars fastigheter" },
    Industry { code: "70220", description: "Konsultverksamhet avseende företags organisation" },
];
const GOODS: [&str; 8] = ["Plåt", "Bygg", "Maskin", "Livs", "Åkeri", "Data", "Fastighet", "Råd"];
pub(super) const STREETS: [&str; 6] =
    ["Påhittsgatan", "Exempelvägen", "Simulatorstigen", "Fantasigränd", "Provgatan", "Låtsasvägen"];
pub(super) const TOWNS: [&str; 6] =
    ["Exempelstad", "Påhittsköping", "Testinge", "Låtsasby", "Fiktiva", "Provsund"];

/// A report on a company.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompanyReport {
    organization_number: String,
    safe_number: u64,
    cfar_number: u64,
    company_name: String,
    registered_name: String,
    formed_date: String,
    incorporation_date: String,
    company_status: Dated,
    company_type: CompanyType,
    industry: Industry,
    secondary_industries: [Industry; 2],
    tax_information: Taxes,
    contact_information: Contact,
    number_of_employees: u64,
    employee_range: &'static str,
    share_capital: Amount,
    fiscal_year: FiscalYear,
    business_description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    financial_summary: Option<[Figures; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<CreditView>,
}

/// A branch of trade by its SNI code.
#[derive(Serialize, Clone, Copy)]
pub(super) struct Industry {
    code: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
struct Dated {
    date: String,
    status: &'static str,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct CompanyType {
    code: &'static str,
    description: &'static str,
    legal_code: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taxes {
    f_tax: bool,
    vat: bool,
    employment_tax: bool,
    registered_since: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    registered_address: Address,
    visiting_address: Address,
    phone: String,
    email: String,
    website: String,
}

/// An address that does not exist.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    care_of: Option<&'static str>,
    street: String,
    postal_code: String,
    city: &'static str,
    municipality: &'static str,
    county: &'static str,
    country: &'static str,
}

#[derive(Serialize)]
struct Amount {
    amount: u64,
    currency: &'static str,
}

#[derive(Serialize)]
struct FiscalYear {
    start: &'static str,
    end: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    year: u64,
    net_sales: u64,
    operating_profit: i64,
    total_assets: u64,
    equity: i64,
    equity_ratio: f64,
    employees: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreditView {
    rating: u64,
    rating_text: &'static str,
    credit_limit: Amount,
    payment_remarks: u64,
    debt_balance: Amount,
}

/// What a block asks for, as far as its name tells: blocks are agreed for each customer and named freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Yearly figures are part of it.
    pub(super) figures: bool,
    /// It is a credit report, and so makes letters of disclosure.
    pub(super) credit: bool,
    /// It asks about a business, also where the number is a person's.
    pub(super) business: bool,
}

impl Block {
    /// Reads the name.
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let credit = name.contains("credit");
        Self { figures: credit || name.contains("financial"), credit, business: name.contains("company") }
    }
}

/// The report on the company (or the sole trader's firm) of that number.
pub(super) fn company(seed: u64, number: &Number, active: bool, block: Block) -> CompanyReport {
    let mut draw = Draw::new(seed, &["company", number.ten()]);
    let trade = usize::try_from(draw.below(8)).unwrap_or(0);
    let form = company_type(number);
    let name = format!(
        "{} {} {} {}",
        draw.pick(&ADJECTIVES),
        GOODS[trade],
        draw.between(100, 9_999),
        form.legal_code
    );
    let formed = draw.day(1965, 2020);
    let employees = draw.below(400);
    let figures = block.figures.then(|| yearly_figures(&mut draw.clone(), employees));
    let credit = block.credit.then(|| credit(&mut draw.clone()));
    let slug = draw.between(100_000, 999_999);
    CompanyReport {
        organization_number: format!("{}-{}", &number.ten()[..6], &number.ten()[6..]),
        safe_number: draw.between(1_000_000, 9_999_999),
        cfar_number: draw.between(10_000_000, 99_999_999),
        registered_name: format!("{name} (påhittat)"),
        company_name: name,
        incorporation_date: formed.clone(),
        company_status: Dated {
            date: draw.day(2020, 2026),
            status: if active { "Aktivt" } else { "Inaktivt" },
        },
        company_type: form,
        industry: TRADES[trade],
        secondary_industries: [draw.pick(&TRADES), draw.pick(&TRADES)],
        tax_information: Taxes {
            f_tax: active && draw.chance(95),
            vat: active && draw.chance(92),
            employment_tax: active && employees > 0,
            registered_since: formed.clone(),
        },
        formed_date: formed,
        contact_information: contact(&mut draw, slug),
        number_of_employees: employees,
        employee_range: employee_range(employees),
        share_capital: Amount { amount: draw.pick(&[25_000, 50_000, 100_000, 500_000]), currency: "SEK" },
        fiscal_year: FiscalYear { start: "01-01", end: "12-31" },
        business_description: "Bolaget finns inte. Det är påhittat av orgpulls simulator för prov och exempel, \
             och varje likhet med ett verkligt bolag är en tillfällighet.",
        financial_summary: figures,
        credit,
    }
}

fn company_type(number: &Number) -> CompanyType {
    let (code, description, legal_code) = match (number.who(), number.ten().as_bytes()[0]) {
        (Who::Person, _) => ("10", "Enskild näringsidkare", "EF"),
        (Who::Partnership, _) => ("31", "Handelsbolag", "HB"),
        (_, b'7') => ("51", "Ekonomisk förening", "EK"),
        (_, b'8') => ("61", "Ideell förening", "IF"),
        (_, b'2') => ("82", "Kommun", "KN"),
        _ => ("49", "Aktiebolag", "AB"),
    };
    CompanyType { code, description, legal_code }
}

/// How many work there, in the ranges that registers use.
pub(super) const fn employee_range(employees: u64) -> &'static str {
    match employees {
        0 => "0 anställda",
        1..=4 => "1-4 anställda",
        5..=9 => "5-9 anställda",
        10..=49 => "10-49 anställda",
        50..=199 => "50-199 anställda",
        _ => "200-499 anställda",
    }
}

/// An address; Swedish postcodes start at 100, so 000 is none.
pub(super) fn address(draw: &mut Draw) -> Address {
    let town = draw.pick(&TOWNS);
    Address {
        care_of: None,
        street: format!("{} {}", draw.pick(&STREETS), draw.between(1, 99)),
        postal_code: format!("000 {:02}", draw.below(100)),
        city: town,
        municipality: town,
        county: "Påhitts län",
        country: "SE",
    }
}

/// A branch of trade.
pub(super) fn industry(draw: &mut Draw) -> Industry {
    draw.pick(&TRADES)
}

/// 08-465 004 00 to 99 are reserved for use in fiction; `.example` is by RFC 2606.
pub(super) fn phone(draw: &mut Draw) -> String {
    format!("08-465 004 {:02}", draw.below(100))
}

fn contact(draw: &mut Draw, slug: u64) -> Contact {
    Contact {
        registered_address: address(draw),
        visiting_address: address(draw),
        phone: phone(draw),
        email: format!("info@bolag-{slug}.example"),
        website: format!("https://bolag-{slug}.example"),
    }
}

fn yearly_figures(draw: &mut Draw, employees: u64) -> [Figures; 3] {
    [2025, 2024, 2023].map(|year| {
        let assets = draw.between(100_000, 90_000_000);
        let tenths_of_a_percent = i32::try_from(draw.below(900)).unwrap_or(0);
        Figures {
            year,
            net_sales: draw.between(0, 200_000_000),
            operating_profit: i64::try_from(draw.below(9_000_000)).unwrap_or(0) - 2_000_000,
            total_assets: assets,
            equity: i64::try_from(assets).unwrap_or(0) * i64::from(tenths_of_a_percent) / 1_000,
            equity_ratio: f64::from(tenths_of_a_percent) / 10.0,
            employees,
        }
    })
}

fn credit(draw: &mut Draw) -> CreditView {
    let rating = draw.between(1, 100);
    CreditView {
        rating,
        rating_text: match rating {
            0..=29 => "Hög risk",
            30..=49 => "Förhöjd risk",
            50..=69 => "Kreditvärdig",
            _ => "Mycket kreditvärdig",
        },
        credit_limit: Amount { amount: rating * 10_000, currency: "SEK" },
        payment_remarks: if rating < 30 { draw.between(1, 6) } else { 0 },
        debt_balance: Amount { amount: 0, currency: "SEK" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seed: u64, block: &str) -> String {
        let number = Number::read("5565144408").expect("a number");
        serde_json::to_string(&company(seed, &number, true, Block::of(block))).expect("JSON")
    }

    #[test]
    fn a_company_is_what_its_seed_and_number_say() {
        assert_eq!(text(1, "CompanyBasic"), text(1, "CompanyBasic"));
        assert_ne!(text(1, "CompanyBasic"), text(2, "CompanyBasic"));
    }

    #[test]
    fn the_basic_report_weighs_what_a_real_one_does() {
        let length = text(1, "CompanyBasic").len();
        assert!((1_400..=1_900).contains(&length), "{length} bytes");
    }

    #[test]
    fn figures_and_credit_come_with_the_block_and_change_nothing_else() {
        assert!(text(1, "FinancialSummary").contains("financialSummary"));
        assert!(!text(1, "FinancialSummary").contains("\"credit\""));
        assert!(text(1, "CreditBlock").contains("\"credit\""));
        let basic = text(1, "CompanyBasic");
        assert!(text(1, "CreditBlock").starts_with(basic.trim_end_matches('}')));
    }
}
