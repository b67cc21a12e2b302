//! The TOML of a scenario, and its way to a [`Scenario`]: unknown keys, keys that mean nothing to a `do`, and values
//! out of range are all refused with their line.

use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

use super::words::{DelayText, HexText, NumberText, RateText, Span};
use super::{Alteration, Deed, Fault, Scenario, ScenarioError};
use crate::simulator::reply::RetryAfter;
use crate::simulator::service::Service;
use crate::simulator::window::WindowRule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    delay: Option<DelayText>,
    token_life: Option<Span>,
    blocks: Option<Vec<String>>,
    login: Option<Spanned<LoginFile>>,
    window: Option<Spanned<WindowFile>>,
    pace: Option<RateText>,
    bill: Option<bool>,
    #[serde(default)]
    fault: Vec<Spanned<FaultFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginFile {
    #[serde(default)]
    refuse: bool,
    status: Option<u16>,
    retry_after: Option<Span>,
    delay: Option<DelayText>,
    token: Option<TokenWord>,
    after: Option<u64>,
    times: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TokenWord {
    None,
    Expired,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowFile {
    calls: u64,
    per: Span,
    retry_after: Option<Span>,
    retry_after_as: Option<RetryAfterForm>,
    #[serde(default)]
    prolong: bool,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum RetryAfterForm {
    Seconds,
    Date,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    service: Option<Service>,
    number: Option<NumberText>,
    every: Option<u64>,
    after: Option<u64>,
    times: Option<u64>,
    delay: Option<DelayText>,
    r#do: Do,
    status: Option<u16>,
    retry_after: Option<Span>,
    retry_after_as: Option<RetryAfterForm>,
    code: Option<String>,
    text: Option<String>,
    detail: Option<String>,
    report: Option<bool>,
    body: Option<String>,
    hex: Option<HexText>,
    content_type: Option<String>,
    location: Option<String>,
    alter: Option<Vec<Alteration>>,
    size: Option<usize>,
    carried_out: Option<bool>,
    r#for: Option<Span>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Do {
    Status,
    Error,
    Html,
    Body,
    Redirect,
    Close,
    Reset,
    Cut,
    Twice,
    Hold,
    Stall,
    Delay,
    ExpireToken,
    Alter,
    Huge,
    Gone,
}

/// The largest body a `huge` fault sends: it is built in memory.
const LARGEST: usize = 1 << 30;

/// Reads the text of a scenario.
pub(super) fn read(place: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let parsed = toml::from_str::<ScenarioFile>(text)
        .map_err(|error| Mistake { span: error.span().unwrap_or(0..0), message: error.message().to_owned() });
    parsed.and_then(ScenarioFile::resolve).map_err(|mistake| mistake.at(place, text))
}

struct Mistake {
    span: Range<usize>,
    message: String,
}

impl Mistake {
    fn at(self, place: &str, text: &str) -> ScenarioError {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ScenarioError::Invalid {
            place: place.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: self.message,
        }
    }
}

impl ScenarioFile {
    fn resolve(self) -> Result<Scenario, Mistake> {
        let mut faults = Vec::new();
        for fault in self.fault {
            faults.push(placed(fault, FaultFile::resolve)?);
        }
        if let Some(login) = self.login {
            faults.push(placed(login, LoginFile::resolve)?);
        }
        let default = Scenario::default();
        Ok(Scenario {
            delay: self.delay.map(|delay| delay.0),
            token_life: self.token_life.map_or(default.token_life, |life| life.0),
            blocks: self.blocks,
            window: self.window.map(|window| placed(window, WindowFile::resolve)).transpose()?,
            faults,
            bill: self.bill.unwrap_or(default.bill),
            pace: self.pace.map_or(default.pace, |pace| pace.0),
        })
    }
}

/// Resolves a table; what it complains about is told at the table's beginning.
fn placed<T, U>(table: Spanned<T>, resolve: impl FnOnce(T) -> Result<U, String>) -> Result<U, Mistake> {
    let span = table.span();
    resolve(table.into_inner()).map_err(|message| Mistake { span, message })
}

impl WindowFile {
    fn resolve(self) -> Result<WindowRule, String> {
        if self.calls == 0 || self.per.0.is_zero() {
            return Err("a window needs at least one call and a span that is not 0".to_owned());
        }
        let retry_after = retry_after(self.retry_after, self.retry_after_as)?;
        Ok(WindowRule { calls: self.calls, per: self.per.0, retry_after, prolong: self.prolong })
    }
}

impl LoginFile {
    fn resolve(self) -> Result<Fault, String> {
        let retry_after = self.retry_after.map(|span| RetryAfter::Seconds(span.0));
        let (deed, word) = match (self.refuse, self.status, self.token) {
            (true, None, None) => (Deed::RefuseLogin, "refuse"),
            (false, Some(status), None) => {
                (Deed::Status { status: checked_status(status)?, retry_after }, "status")
            }
            (false, None, Some(TokenWord::None)) => (Deed::NoToken, "token"),
            (false, None, Some(TokenWord::Expired)) => (Deed::ExpiredToken, "token"),
            (false, None, None) if self.delay.is_some() => (Deed::Delay, "delay"),
            (false, None, None) => return Err("login needs refuse, status, token or delay".to_owned()),
            _ => return Err("login takes only one of refuse, status and token".to_owned()),
        };
        if retry_after.is_some() && !matches!(deed, Deed::Status { .. }) {
            return Err("retry_after goes with status".to_owned());
        }
        Ok(Fault {
            service: Some(Service::Login),
            number: None,
            every: 1,
            after: self.after.unwrap_or(0),
            times: checked_times(self.times)?,
            delay: self.delay.map(|delay| delay.0),
            carried_out: false,
            deed,
            word,
        })
    }
}

impl FaultFile {
    fn resolve(mut self) -> Result<Fault, String> {
        self.refuse_what_means_nothing()?;
        if self.every == Some(0) {
            return Err("every = 0 would meet no call".to_owned());
        }
        let only_data = matches!(self.r#do, Do::ExpireToken | Do::Alter | Do::Error);
        if only_data && matches!(self.service, Some(Service::Login | Service::Health)) {
            return Err(format!("do = \"{}\" is for data services", self.r#do.word()));
        }
        Ok(Fault {
            service: self.service,
            number: self.number.take().map(|number| number.0),
            every: self.every.unwrap_or(1),
            after: self.after.unwrap_or(0),
            times: checked_times(self.times)?,
            delay: self.delay.map(|delay| delay.0),
            carried_out: self.carried_out.unwrap_or(false),
            word: self.r#do.word(),
            deed: self.deed()?,
        })
    }

    fn deed(self) -> Result<Deed, String> {
        let status = |default: u16| checked_status(self.status.unwrap_or(default));
        let missing = |key: &str| format!("do = \"{}\" needs {key}", self.r#do.word());
        Ok(match self.r#do {
            Do::Status => Deed::Status {
                status: checked_status(self.status.ok_or_else(|| missing("status"))?)?,
                retry_after: retry_after(self.retry_after, self.retry_after_as)?,
            },
            Do::Error => Deed::Error {
                status: status(400)?,
                code: self.code.ok_or_else(|| missing("code"))?,
                text: self.text,
                detail: self.detail,
                report: self.report.unwrap_or(false),
            },
            Do::Html => Deed::Html {
                status: status(200)?,
                retry_after: retry_after(self.retry_after, self.retry_after_as)?,
            },
            Do::Body => {
                let (status, content_type) = (status(200)?, self.content_type.clone());
                match (self.body, self.hex) {
                    (Some(body), None) => Deed::Body { status, content_type, body },
                    (None, Some(hex)) => Deed::Bytes { status, content_type, bytes: hex.0 },
                    (Some(_), Some(_)) => return Err("body and hex are two ways to say one thing".to_owned()),
                    (None, None) => return Err(format!("do = \"{}\" needs body", self.r#do.word())),
                }
            }
            Do::Redirect => Deed::Redirect { status: status(302)?, location: self.location },
            Do::Close => Deed::Close,
            Do::Reset => Deed::Reset,
            Do::Cut => Deed::Cut,
            Do::Twice => Deed::Twice,
            Do::Hold => Deed::Hold,
            Do::Stall => Deed::Stall,
            Do::Delay if self.delay.is_none() => return Err(missing("delay")),
            Do::Delay => Deed::Delay,
            Do::ExpireToken => Deed::ExpireToken,
            Do::Alter => Deed::Alter(self.alter.ok_or_else(|| missing("alter"))?),
            Do::Huge => match self.size {
                Some(size @ 1..=LARGEST) => Deed::Huge { size },
                _ => return Err(format!("do = \"huge\" needs a size of 1 to {LARGEST} bytes")),
            },
            Do::Gone => Deed::Gone { lasts: self.r#for.map(|span| span.0) },
        })
    }

    /// A key that the chosen `do` does not read was meant for another.
    fn refuse_what_means_nothing(&self) -> Result<(), String> {
        let given = [
            ("status", self.status.is_some()),
            ("retry_after", self.retry_after.is_some()),
            ("retry_after_as", self.retry_after_as.is_some()),
            ("code", self.code.is_some()),
            ("text", self.text.is_some()),
            ("detail", self.detail.is_some()),
            ("report", self.report.is_some()),
            ("body", self.body.is_some()),
            ("hex", self.hex.is_some()),
            ("content_type", self.content_type.is_some()),
            ("location", self.location.is_some()),
            ("alter", self.alter.is_some()),
            ("size", self.size.is_some()),
            ("carried_out", self.carried_out.is_some()),
            ("for", self.r#for.is_some()),
        ];
        let read = self.r#do.keys();
        match given.iter().find(|(key, given)| *given && !read.contains(key)) {
            Some((key, _)) => Err(format!("do = \"{}\" does not read {key}", self.r#do.word())),
            None => Ok(()),
        }
    }
}

impl Do {
    const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Error => "error",
            Self::Html => "html",
            Self::Body => "body",
            Self::Redirect => "redirect",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Twice => "twice",
            Self::Hold => "hold",
            Self::Stall => "stall",
            Self::Delay => "delay",
            Self::ExpireToken => "expire-token",
            Self::Alter => "alter",
            Self::Huge => "huge",
            Self::Gone => "gone",
        }
    }

    /// The keys that it reads, besides those that every fault has.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Status | Self::Html => &["status", "retry_after", "retry_after_as", "carried_out"],
            Self::Error => &["status", "code", "text", "detail", "report"],
            Self::Body => &["status", "body", "hex", "content_type", "carried_out"],
            Self::Redirect => &["status", "location", "carried_out"],
            Self::Alter => &["alter"],
            Self::Huge => &["size"],
            Self::Gone => &["for"],
            Self::Close
            | Self::Reset
            | Self::Cut
            | Self::Twice
            | Self::Hold
            | Self::Stall
            | Self::Delay
            | Self::ExpireToken => &[],
        }
    }
}

fn checked_status(status: u16) -> Result<u16, String> {
    match status {
        200..=599 => Ok(status),
        _ => Err("a status is 200 to 599".to_owned()),
    }
}

fn checked_times(times: Option<u64>) -> Result<u64, String> {
    match times {
        Some(0) => Err("times = 0 would meet no call".to_owned()),
        times => Ok(times.unwrap_or(u64::MAX)),
    }
}

fn retry_after(span: Option<Span>, form: Option<RetryAfterForm>) -> Result<Option<RetryAfter>, String> {
    match (span, form) {
        (None, Some(_)) => Err("retry_after_as goes with retry_after".to_owned()),
        (None, None) => Ok(None),
        (Some(span), Some(RetryAfterForm::Date)) => Ok(Some(RetryAfter::Date(span.0))),
        (Some(span), _) => Ok(Some(RetryAfter::Seconds(span.0))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::pace::Rate;

    fn refusal(text: &str) -> String {
        Scenario::parse("bad.toml", text).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_key_together() {
        let scenario = Scenario::parse(
            "all.toml",
            r#"
            delay = "10ms..50ms"
            token_life = "90s"
            blocks = ["CompanyBasic"]
            login = { status = 503, retry_after = "1s", delay = "5ms", after = 1, times = 2 }
            window = { calls = 200, per = "60s", retry_after = "5s", retry_after_as = "date", prolong = true }
            pace = "50/s"
            bill = false
            [[fault]]
            service = "datecheck-company"
            number = "5560125790"
            every = 10
            after = 5
            times = 2
            delay = "2s"
            do = "status"
            status = 503
            retry_after = "2s"
            [[fault]]
            do = "error"
            code = "S200"
            text = "Företaget är inaktivt"
            status = 403
            [[fault]]
            do = "gone"
            for = "2s"
            "#,
        );
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.pace().to_string(), "50/s");
        assert_eq!(scenario.token_life, Duration::from_secs(90));
        assert_eq!(
            scenario.window.and_then(|window| window.retry_after),
            Some(RetryAfter::Date(Duration::from_secs(5)))
        );
        let words: Vec<_> = scenario.faults.iter().map(|fault| fault.word).collect();
        assert_eq!(words, ["status", "error", "gone", "status"]);
        assert_eq!(
            (scenario.faults[0].every, scenario.faults[0].after, scenario.faults[0].times),
            (10, 5, 2)
        );
        assert_eq!(scenario.faults[3].service, Some(Service::Login));
        assert!(!scenario.bill);
    }

    #[test]
    fn an_empty_file_is_a_good_day() {
        let scenario = Scenario::parse("empty.toml", "").expect("a scenario");
        assert!(scenario.faults.is_empty() && scenario.window.is_none() && scenario.bill);
        assert_eq!(scenario.pace(), Rate::Unlimited);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let cases = [
            ("dely = '1s'", "bad.toml:1:1: unknown field `dely`"),
            ("\n\npace = '5'", "bad.toml:3:8: a rate is a whole number"),
            ("delay = '50ms..10ms'", "bad.toml:1:9: a delay begins with the shorter"),
            ("delay = 20", "bad.toml:1:9: invalid type"),
            ("[[fault]]\ndo = 'explode'", "bad.toml:2:6: unknown variant `explode`"),
            ("[[fault]]\ndo = 'close'\nservise = 'spar'", "bad.toml:3:1: unknown field `servise`"),
            ("[[fault]]\nservice = 'spar'", "bad.toml:1:1: missing field `do`"),
            ("[[fault]]\ndo = 'close'\nstatus = 500", "bad.toml:1:1: do = \"close\" does not read status"),
            ("[[fault]]\ndo = 'status'", "bad.toml:1:1: do = \"status\" needs status"),
            ("\n[[fault]]\ndo = 'status'\nstatus = 99", "bad.toml:2:1: a status is 200 to 599"),
            ("[[fault]]\ndo = 'error'", "bad.toml:1:1: do = \"error\" needs code"),
            ("[[fault]]\ndo = 'body'", "bad.toml:1:1: do = \"body\" needs body"),
            ("[[fault]]\ndo = 'body'\nhex = '7'", "bad.toml:3:7: hex is two digits a byte"),
            ("[[fault]]\ndo = 'delay'", "bad.toml:1:1: do = \"delay\" needs delay"),
            ("[[fault]]\ndo = 'close'\ntimes = 0", "bad.toml:1:1: times = 0"),
            (
                "[[fault]]\ndo = 'alter'\nalter = []\nservice = 'login'",
                "bad.toml:1:1: do = \"alter\" is for data",
            ),
            ("window = { calls = 0, per = '1s' }", "bad.toml:1:10: a window needs"),
            ("login = {}", "bad.toml:1:9: login needs"),
            ("login = { refuse = true, status = 500 }", "bad.toml:1:9: login takes only one"),
            ("[[fault]\n", "bad.toml:1:"),
        ];
        for (text, expected) in cases {
            let told = refusal(text);
            assert!(told.starts_with(expected), "{text:?}: {told}");
        }
    }

    #[test]
    fn a_bad_number_is_not_repeated() {
        let told = refusal("[[fault]]\ndo = 'close'\nnumber = '19800101-0001'");
        assert!(told.starts_with("bad.toml:3:10: a number is ten or twelve digits"), "{told}");
        assert!(!told.contains("0001"), "{told}");
    }
}
