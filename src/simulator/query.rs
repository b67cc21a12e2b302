//! The query string of a call, and the rules that hold for its parameters.

use axum::extract::Query as AxumQuery;
use axum::http::Uri;
use jiff::civil::Date;

use super::codes::{INPUT, Language, Problem};

/// The parameters of a call, decoded. Holds numbers, so it has no `Debug`.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    language: Result<Language, ()>,
}

impl Query {
    /// Reads them; a query that cannot be decoded has none.
    pub(super) fn read(uri: &Uri) -> Self {
        let pairs = AxumQuery::try_from_uri(uri).map_or_else(|_| Vec::new(), |AxumQuery(pairs)| pairs);
        let mut query = Self { pairs, language: Ok(Language::En) };
        query.language = match query.get("language").map(str::to_ascii_lowercase).as_deref() {
            None | Some("en") => Ok(Language::En),
            Some("sv") => Ok(Language::Sv),
            Some(_) => Err(()),
        };
        query
    }

    /// The first value under that name, where it is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every value.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(_, value)| value.as_str())
    }

    /// The language of the texts; English where a wrong one was asked for.
    pub(super) fn language(&self) -> Language {
        self.language.unwrap_or_default()
    }

    /// The rules that every service has: a language that exists, a `transactionid` of at most 14 characters.
    pub(super) fn check_common(&self) -> Result<(), Problem> {
        if self.language.is_err() {
            return Err(Problem::new("R1", Language::En));
        }
        self.check_length("transactionid", 14)
    }

    /// At most that many characters.
    pub(super) fn check_length(&self, name: &'static str, most: usize) -> Result<(), Problem> {
        match self.get(name) {
            Some(value) if value.chars().count() > most => {
                Err(self.input(format!("{name} is longer than {most} characters")))
            }
            _ => Ok(()),
        }
    }

    /// `true` or `false`; false where it is absent.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(self.input(format!("{name} is neither true nor false"))),
        }
    }

    /// The reference date of DateCheck, which may not lie before `earliest`.
    pub(super) fn reference_date(&self, earliest: Date) -> Result<Date, Problem> {
        let text = self.get("referencedate").ok_or_else(|| Problem::new("21", self.language()))?;
        let date = read_date(text).ok_or_else(|| Problem::new("22", self.language()))?;
        if date < earliest {
            return Err(Problem::detailed("23", self.language(), format!("Earliest date: {earliest}")));
        }
        Ok(date)
    }

    /// A parameter that is not as the manual has it.
    pub(super) fn input(&self, detail: impl Into<String>) -> Problem {
        Problem::detailed(INPUT, self.language(), detail)
    }
}

/// yyMMdd, yyyyMMdd or yyyy-MM-dd, as long as there is such a day.
fn read_date(text: &str) -> Option<Date> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let digits: String = match shape.as_str() {
        "999999" => format!("20{text}"),
        "99999999" => text.to_owned(),
        "9999-99-99" => text.replace('-', ""),
        _ => return None,
    };
    let (year, month, day) =
        (digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?);
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn query(text: &str) -> Query {
        Query::read(&format!("http://x/getdata?{text}").parse().expect("an address"))
    }

    #[test]
    fn dates_in_three_forms() {
        for text in ["260721", "20260721", "2026-07-21"] {
            assert_eq!(read_date(text), Some(date(2026, 7, 21)), "{text}");
        }
        for text in ["2026-7-21", "21/07/2026", "20260231", "today", "2026-0721", "26-07-21", ""] {
            assert_eq!(read_date(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let query = query("name=P%C3%A5hitt+AB&transactionid=&language=sv");
        assert_eq!(query.get("name"), Some("Påhitt AB"));
        assert_eq!(query.get("transactionid"), None);
        assert_eq!(query.language(), Language::Sv);
    }

    #[test]
    fn common_rules() {
        let code = |text: &str| query(text).check_common().err().map(|problem| problem.code.into_owned());
        assert_eq!(code("language=EN&transactionid=12345678901234"), None);
        assert_eq!(code("language=fi").as_deref(), Some("R1"));
        assert_eq!(code("transactionid=123456789012345").as_deref(), Some(INPUT));
    }

    #[test]
    fn a_reference_date_may_be_as_old_as_the_earliest_and_no_older() {
        let check = |text: &str| query(text).reference_date(date(2021, 7, 21));
        assert_eq!(check("referencedate=2021-07-21").ok(), Some(date(2021, 7, 21)));
        let problem = check("referencedate=2021-07-20").expect_err("too old");
        assert_eq!(
            (problem.code.as_ref(), problem.detail.as_deref()),
            ("23", Some("Earliest date: 2021-07-21"))
        );
        assert_eq!(check("").expect_err("missing").code, "21");
        assert_eq!(check("referencedate=x").expect_err("no date").code, "22");
    }
}
