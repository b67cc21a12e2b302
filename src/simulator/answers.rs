//! What the register says: a pure function of the seed, the service and the parameters that matter.
//!
//! Nothing here knows the token, the clock's time of day, the scenario or the network; those come before and after.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use super::codes::{Language, Problem};
use super::companies::{Block, CompanyReport, company};
use super::draw::Draw;
use super::number::{Number, Who};
use super::people::{Deregistration, PersonReport, SparReport, Veil, person, spar};
use super::query::Query;
use super::registers::{ChangesReport, SignatoryReport, UnitsReport, changes, signatories, units};
use super::service::Service;

/// What an answer says, before it is written down.
pub(super) struct AnswerContent {
    /// HTTP status.
    pub(super) status: u16,
    /// The `error` member.
    pub(super) error: Option<Problem>,
    /// The `report` member.
    pub(super) report: Option<Report>,
    /// Whether it sends a letter of disclosure.
    pub(super) letter: bool,
}

/// The `report` member, by service.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Report {
    /// GetData on a business.
    Company(Box<CompanyReport>),
    /// GetData on a person.
    Person(Box<PersonReport>),
    /// GetDataUnits.
    Units(UnitsReport),
    /// DateCheck.
    Changes(ChangesReport),
    /// SPAR.
    Spar(Box<SparReport>),
    /// GetSignatory.
    Signatories(SignatoryReport),
}

/// What answers depend on besides the call.
pub(super) struct Register<'a> {
    /// The simulator's seed.
    pub(super) seed: u64,
    /// The blocks of the account; any where absent.
    pub(super) blocks: Option<&'a [String]>,
    /// Today in Stockholm, asked for only where an age limit needs it.
    pub(super) today: fn() -> Date,
}

/// How a subject stands in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    Hit,
    /// It is not.
    NoHit,
    /// The register keeps it to itself, and this code says why.
    Rejected(&'static str),
    /// It is there, with a code beside it.
    Partial(&'static str),
}

/// The no-hit samples of the manuals, and their company and person that are there.
const ALWAYS_NO_HIT: [&str; 2] = ["5569565855", "9999999999"];
const ALWAYS_HIT: [&str; 2] = ["5565144408", "8001010001"];

impl AnswerContent {
    /// An error and nothing else.
    pub(super) fn error(status: u16, error: Problem) -> Self {
        Self { status, error: Some(error), report: None, letter: false }
    }

    fn report(report: Report) -> Self {
        Self { status: 200, error: None, report: Some(report), letter: false }
    }

    fn no_hit(language: Language) -> Self {
        Self::error(404, Problem::new("15", language))
    }
}

impl Register<'_> {
    /// The answer of that service to that call.
    pub(super) fn answer(&self, service: Service, query: &Query) -> AnswerContent {
        let content = query.check_common().and_then(|()| match service {
            Service::GetData => self.get_data(query),
            Service::GetDataUnits => self.units(query),
            Service::DatecheckCompany => self.changes(query, false),
            Service::DatecheckConsumer => self.changes(query, true),
            Service::Spar => self.spar(query),
            Service::GetSignatory => self.signatories(query),
            _ => Err(query.input("no data service")),
        });
        content.unwrap_or_else(|problem| AnswerContent::error(400, problem))
    }

    fn get_data(&self, query: &Query) -> Result<AnswerContent, Problem> {
        let language = query.language();
        query.check_length("lodfreetext", 500)?;
        let number = sent_number(query, &[10, 12])?;
        let name = query.get("blockname").filter(|name| self.has_block(name));
        let block = Block::of(name.ok_or_else(|| Problem::new("11", language))?);
        let (code, with_report) = match self.standing(&number) {
            Standing::NoHit => return Ok(AnswerContent::no_hit(language)),
            Standing::Hit => (None, true),
            Standing::Partial(code) => (Some(code), true),
            Standing::Rejected(code) => (Some(code), false),
        };
        Ok(AnswerContent {
            status: 200,
            error: code.map(|code| self.rejection(&number, code, language)),
            report: with_report.then(|| self.data_report(&number, code, block)),
            letter: with_report && block.credit && number.gets_letters(),
        })
    }

    /// A person's number under a company block asks for the sole trader's firm.
    fn data_report(&self, number: &Number, code: Option<&str>, block: Block) -> Report {
        if number.who() != Who::Person || block.business {
            return Report::Company(Box::new(company(self.seed, number, code.is_none(), block)));
        }
        let veil = if code == Some("S2") { Veil::Protected } else { Veil::None };
        Report::Person(Box::new(person(self.seed, number, veil, block.figures, block.credit)))
    }

    fn units(&self, query: &Query) -> Result<AnswerContent, Problem> {
        query.flag("legacyformat")?;
        query.check_length("searchnumber", 10)?;
        let include_inactive = query.flag("includeinactive")?;
        let found = |words: &[&str]| {
            Ok(AnswerContent::report(Report::Units(units(self.seed, words, include_inactive))))
        };
        if query.get("searchnumber").is_none() {
            let words = ["name", "address", "postnr"].map(|name| query.get(name).unwrap_or_default());
            if words.iter().all(|word| word.is_empty()) {
                return Err(query.input("searchnumber, name, address and postnr are all missing"));
            }
            return found(&words);
        }
        let number = sent_number(query, &[10])?;
        match self.standing(&number) {
            Standing::NoHit => Ok(AnswerContent::no_hit(query.language())),
            _ => found(&["units", number.ten()]),
        }
    }

    fn changes(&self, query: &Query, consumer: bool) -> Result<AnswerContent, Problem> {
        query.flag("legacyformat")?;
        let number = sent_number(query, if consumer { &[12] } else { &[10, 12] })?;
        let months = if consumer || number.who() == Who::Person { 36 } else { 60 };
        let earliest = (self.today)().checked_sub(months.months()).unwrap_or(Date::ZERO);
        let since = query.reference_date(earliest)?;
        let wrong_register = consumer && number.who() != Who::Person;
        match self.standing(&number) {
            Standing::NoHit => Ok(AnswerContent::no_hit(query.language())),
            _ if wrong_register => Ok(AnswerContent::no_hit(query.language())),
            _ => Ok(AnswerContent::report(Report::Changes(changes(
                self.seed,
                &number,
                consumer,
                &since.to_string(),
            )))),
        }
    }

    fn spar(&self, query: &Query) -> Result<AnswerContent, Problem> {
        let relations = query.flag("relation")?;
        query.flag("usespartest")?;
        let text = query.get("searchnumber").filter(|text| text.len() == 12);
        let number =
            text.and_then(Number::read).filter(|number| number.who() == Who::Person && number.is_valid());
        let number = number.ok_or_else(|| Problem::new("EX2", query.language()))?;
        let (veil, left) = match self.standing(&number) {
            Standing::NoHit => return Ok(AnswerContent::no_hit(query.language())),
            Standing::Partial("S2") => (Veil::Protected, None),
            Standing::Rejected("S4") => (Veil::None, Some("Avliden")),
            Standing::Partial("S6") => (Veil::None, Some("Utvandrad")),
            _ => (Veil::None, None),
        };
        let left = left.map(|reason| Deregistration { reason, date: self.day_of_leaving(&number) });
        Ok(AnswerContent::report(Report::Spar(Box::new(spar(self.seed, &number, veil, left, relations)))))
    }

    /// A missing number is 400 with the very code that 404 uses for a miss: the manual has it so.
    fn signatories(&self, query: &Query) -> Result<AnswerContent, Problem> {
        if query.get("searchnumber").is_none() {
            return Err(Problem::new("15", query.language()));
        }
        let number = sent_number(query, &[10])?;
        match self.standing(&number) {
            Standing::NoHit => Ok(AnswerContent::no_hit(query.language())),
            _ if number.who() == Who::Person => Ok(AnswerContent::no_hit(query.language())),
            _ => Ok(AnswerContent::report(Report::Signatories(signatories(self.seed, &number)))),
        }
    }

    fn has_block(&self, name: &str) -> bool {
        self.blocks.is_none_or(|blocks| blocks.iter().any(|block| block == name))
    }

    /// How a subject stands: the same at every provider.
    pub(super) fn standing(&self, number: &Number) -> Standing {
        if !number.is_valid() || ALWAYS_NO_HIT.contains(&number.ten()) {
            return Standing::NoHit;
        }
        if ALWAYS_HIT.contains(&number.ten()) {
            return Standing::Hit;
        }
        let mut draw = Draw::new(self.seed, &["standing", number.ten()]);
        match (number.who(), draw.below(1_000)) {
            (Who::Person, 0..930) | (_, 0..940) => Standing::Hit,
            (Who::Person, 930..955) => Standing::NoHit,
            (Who::Person, 955..980) => Standing::Rejected(draw.pick(&["S3", "S4", "S4", "S5", "S7"])),
            (Who::Person, _) => Standing::Partial(draw.pick(&["S2", "S6"])),
            (_, 940..970) => Standing::NoHit,
            (_, 970..990) => Standing::Rejected(draw.pick(&["S200", "S200", "S231", "S231", "S241", "S291"])),
            (..) => Standing::Partial("S200"),
        }
    }

    fn rejection(&self, number: &Number, code: &'static str, language: Language) -> Problem {
        let date = || self.day_of_leaving(number);
        match code {
            "S3" => Problem::detailed(code, language, format!("{}, fraud victim", date())),
            "S4" | "S6" => Problem::detailed(code, language, date()),
            _ => Problem::new(code, language),
        }
    }

    fn day_of_leaving(&self, number: &Number) -> String {
        Draw::new(self.seed, &["left", number.ten()]).day(2015, 2026)
    }
}

/// The `searchnumber`, which must have one of these lengths and be digits only.
fn sent_number(query: &Query, lengths: &[usize]) -> Result<Number, Problem> {
    let text = query.get("searchnumber").ok_or_else(|| query.input("searchnumber is missing"))?;
    let number = Number::read(text).filter(|_| lengths.contains(&text.len()));
    number.ok_or_else(|| query.input("searchnumber does not have the form of this service"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const COMPANY: &str = "5565144408";
    const PARTNERSHIP: &str = "9696000000";

    fn ask(service: Service, query: &str) -> AnswerContent {
        ask_of(&Register { seed: 1, blocks: None, today: || date(2026, 7, 21) }, service, query)
    }

    fn ask_of(register: &Register<'_>, service: Service, query: &str) -> AnswerContent {
        let uri = format!("http://x{}?{query}", service.path()).parse().expect("an address");
        register.answer(service, &Query::read(&uri))
    }

    fn said(content: &AnswerContent) -> (u16, &str, bool) {
        let code = content.error.as_ref().map_or("", |error| error.code.as_ref());
        (content.status, code, content.report.is_some())
    }

    #[test]
    fn what_each_service_says_to_what() {
        use Service::{DatecheckCompany, DatecheckConsumer, GetData, GetDataUnits, GetSignatory, Spar};
        let cases = [
            (GetData, "searchnumber=5565144408&blockname=CompanyBasic", (200, "", true)),
            (GetData, "searchnumber=165565144408&blockname=CompanyBasic", (200, "", true)),
            (GetData, "searchnumber=198001010001&blockname=ConsumerBasic", (200, "", true)),
            (GetData, "searchnumber=5565144408", (400, "11", false)),
            (GetData, "blockname=CompanyBasic", (400, "INPUT", false)),
            (GetData, "searchnumber=556514-4408&blockname=CompanyBasic", (400, "INPUT", false)),
            (GetData, "searchnumber=5569565855&blockname=CompanyBasic", (404, "15", false)),
            (GetData, "searchnumber=5565144409&blockname=CompanyBasic", (404, "15", false)),
            (GetData, "searchnumber=5565144408&blockname=CompanyBasic&language=fi", (400, "R1", false)),
            (
                GetData,
                "searchnumber=5565144408&blockname=A&transactionid=123456789012345",
                (400, "INPUT", false),
            ),
            (GetDataUnits, "searchnumber=5565144408&includeinactive=true", (200, "", true)),
            (GetDataUnits, "name=X", (200, "", true)),
            (GetDataUnits, "", (400, "INPUT", false)),
            (GetDataUnits, "searchnumber=5565144408&includeinactive=maybe", (400, "INPUT", false)),
            (GetDataUnits, "searchnumber=9999999999", (404, "15", false)),
            (DatecheckCompany, "searchnumber=5565144408&referencedate=2021-07-21", (200, "", true)),
            (DatecheckCompany, "searchnumber=5565144408&referencedate=2021-07-20", (400, "23", false)),
            (DatecheckCompany, "searchnumber=8001010001&referencedate=2021-07-21", (400, "23", false)),
            (DatecheckCompany, "searchnumber=5565144408&referencedate=2026-13-01", (400, "22", false)),
            (DatecheckCompany, "searchnumber=5565144408", (400, "21", false)),
            (DatecheckConsumer, "searchnumber=198001010001&referencedate=230721", (200, "", true)),
            (DatecheckConsumer, "searchnumber=198001010001&referencedate=20230720", (400, "23", false)),
            (DatecheckConsumer, "searchnumber=8001010001&referencedate=20250720", (400, "INPUT", false)),
            (Spar, "searchnumber=198001010001&relation=true", (200, "", true)),
            (Spar, "searchnumber=8001010001", (400, "EX2", false)),
            (Spar, "searchnumber=199901011234", (400, "EX2", false)),
            (Spar, "", (400, "EX2", false)),
            (GetSignatory, "searchnumber=5565144408", (200, "", true)),
            (GetSignatory, "", (400, "15", false)),
            (GetSignatory, "searchnumber=5569565855", (404, "15", false)),
            (GetSignatory, "searchnumber=165565144408", (400, "INPUT", false)),
        ];
        for (service, query, expected) in cases {
            assert_eq!(said(&ask(service, query)), expected, "{service:?} {query}");
        }
    }

    #[test]
    fn a_block_that_is_not_on_the_account_is_wrong() {
        let blocks = ["CompanyBasic".to_owned()];
        let register = Register { seed: 1, blocks: Some(&blocks), today: || date(2026, 7, 21) };
        let code = |block: &str| {
            let query = format!("searchnumber={COMPANY}&blockname={block}&language=sv");
            ask_of(&register, Service::GetData, &query).error.map(|error| error.text.into_owned())
        };
        assert_eq!(code("CompanyBasic"), None);
        assert_eq!(code("CreditBlock").as_deref(), Some("Fel block"));
    }

    #[test]
    fn letters_need_a_credit_block_and_a_subject_who_gets_them() {
        let register = |seed| Register { seed, blocks: None, today: || date(2026, 7, 21) };
        let seed = (0..100).find(|seed| {
            let number = Number::read(PARTNERSHIP).expect("a number");
            register(*seed).standing(&number) == Standing::Hit
        });
        let register = register(seed.expect("some seed has it"));
        let cases = [
            (COMPANY, "CreditBlock", false),
            (PARTNERSHIP, "CreditBlock", true),
            (PARTNERSHIP, "CompanyBasic", false),
            (PARTNERSHIP, "FinancialSummary", false),
            ("198001010001", "ConsumerCredit", true),
            ("8001010001", "CompanyCredit", true),
            ("198001010001", "ConsumerBasic", false),
        ];
        for (number, block, letter) in cases {
            let query = format!("searchnumber={number}&blockname={block}");
            assert_eq!(ask_of(&register, Service::GetData, &query).letter, letter, "{number} {block}");
        }
    }

    #[test]
    fn the_mix_is_near_what_is_promised() {
        let register = Register { seed: 9, blocks: None, today: || date(2026, 7, 21) };
        let mut counts = [0_u32; 4];
        for serial in 0..20_000 {
            let nine = format!("556{serial:06}");
            let text = (0..10).map(|digit| format!("{nine}{digit}"));
            let number =
                text.filter_map(|text| Number::read(&text)).find(Number::is_valid).expect("one digit fits");
            counts[match register.standing(&number) {
                Standing::Hit => 0,
                Standing::NoHit => 1,
                Standing::Rejected(_) => 2,
                Standing::Partial(_) => 3,
            }] += 1;
        }
        let near = |count: u32, percent: u32| count.abs_diff(percent * 200) < 120;
        assert!(
            near(counts[0], 94) && near(counts[1], 3) && near(counts[2], 2) && near(counts[3], 1),
            "{counts:?}"
        );
    }

    #[test]
    fn a_rejected_company_has_no_report_and_a_partial_one_has_both() {
        let mut seen = [false; 2];
        for seed in 0..2_000 {
            let register = Register { seed, blocks: None, today: || date(2026, 7, 21) };
            let content =
                ask_of(&register, Service::GetData, "searchnumber=5560125790&blockname=CompanyBasic");
            match said(&content) {
                (200, "", true) | (404, "15", false) => {}
                (200, code, report) => {
                    assert!(code.starts_with('S'), "{code}");
                    seen[usize::from(report)] = true;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, [true, true]);
    }
}
