//! Logs: to standard error, as text or JSON, with every number and token masked.
//!
//! Two walls keep personal data out. Other crates are heard from `warn` up only, because HTTP clients and database
//! drivers log addresses and values below that; and whatever is logged passes `redact::scrub` before it is written.

use crate::cli::args::LogFormat;
use crate::cli::console::Console;
use crate::domain::outcome::Outcome;
use crate::domain::redact;
use crate::run::event::Event;
use serde_json::Value;
use std::io::{self, Write};
use std::panic::{self, Location};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, FilterFn, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that says what is logged where neither `-v` nor `-q` does: a level, or
/// `target=level` pairs with commas between them.
pub const VARIABLE: &str = "ORGPULL_LOG";

/// Why logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The variable holds no filter.
    #[error(
        "{VARIABLE} is a level (error, warn, info, debug, trace) or pairs such as orgpull::http=debug: {0}"
    )]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logs were set up before.
    #[error("logs are set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// How much is logged, and how.
#[derive(Debug, Clone, Copy)]
pub struct Logging<'a> {
    /// How often `-v` was given.
    pub verbose: u8,
    /// `-q`.
    pub quiet: bool,
    /// `--log-format`.
    pub format: LogFormat,
    /// The value of [`VARIABLE`], where it has one.
    pub variable: Option<&'a str>,
}

/// Sets up the logs of the process.
pub fn init(logging: Logging<'_>, console: &Console) -> Result<(), TelemetryError> {
    subscriber(logging, console.clone(), redact::scrub)?.try_init()?;
    Ok(())
}

/// Tells a panic by its place alone: its message may quote the text it stumbled over, which may be about a person.
pub fn hook_panics(console: Console) {
    panic::set_hook(Box::new(move |panic| console.line(&panic_line(panic.location()))));
}

fn panic_line(place: Option<&Location<'_>>) -> String {
    let place = place.map_or_else(|| "a place unknown".to_owned(), ToString::to_string);
    format!("error: this is a bug in orgpull, at {place}: please report it")
}

/// Logs what is asked of an upstream and what comes back, for whoever looks closer.
pub fn log(event: &Event) {
    match event {
        Event::Attempt(attempt) => tracing::debug!(
            transactionid = %attempt.transactionid,
            service = %attempt.service,
            state = attempt.state.as_str(),
            outcome = attempt.outcome.map(Outcome::as_str),
            code = attempt.code,
            took_ms = attempt.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            "attempt"
        ),
        Event::Outage { account, cause, .. } => tracing::info!(%account, %cause, "outage"),
        Event::Login(login) => {
            tracing::info!(account = %login.account, came = login.result.as_str(), why = login.why, "login");
        }
        _ => {}
    }
}

type Scrub = fn(&str) -> String;

fn subscriber(
    logging: Logging<'_>,
    console: Console,
    scrub: Scrub,
) -> Result<impl Subscriber + Send + Sync + use<>, TelemetryError> {
    let wanted = logging.wanted()?.and(own_or_warning());
    let json = logging.format == LogFormat::Json;
    let layer = tracing_subscriber::fmt::layer().with_writer(Lines { console, scrub, json });
    let layer = match logging.format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Ok(Registry::default().with(layer.with_filter(wanted)))
}

impl Logging<'_> {
    /// Flags beat the environment.
    fn wanted(self) -> Result<Targets, TelemetryError> {
        let level = match (self.quiet, self.verbose, self.variable) {
            (true, ..) => LevelFilter::ERROR,
            (false, 0, Some(text)) if !text.trim().is_empty() => return Ok(text.trim().parse()?),
            (false, 0, _) => LevelFilter::WARN,
            (false, 1, _) => LevelFilter::INFO,
            (false, 2, _) => LevelFilter::DEBUG,
            (false, ..) => LevelFilter::TRACE,
        };
        Ok(Targets::new().with_default(level))
    }
}

fn own_or_warning() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| {
        let target = metadata.target();
        let own = target == "orgpull" || target.starts_with("orgpull::");
        // That a certificate is refused is told once, with its address and what to do.
        let is_told = target.starts_with("rustls_platform_verifier") && *metadata.level() == Level::ERROR;
        own || *metadata.level() <= Level::WARN && !is_told
    })
}

/// Makes a line of each event.
#[derive(Clone)]
struct Lines {
    console: Console,
    scrub: Scrub,
    json: bool,
}

/// One event on its way: gathered whole, because a number cut in two pieces would pass the scrubbing.
struct Line<'a> {
    to: &'a Lines,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { to: self, bytes: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim_end_matches('\n');
        if !text.is_empty() {
            self.to.console.line(&self.to.scrubbed(text));
        }
    }
}

impl Lines {
    fn scrubbed(&self, text: &str) -> String {
        let value = if self.json { serde_json::from_str(text).ok() } else { None };
        match value {
            Some(value) => self.leaves(value).to_string(),
            None => (self.scrub)(text),
        }
    }

    /// Leaf by leaf, for a bare number that becomes asterisks would break the line's JSON.
    fn leaves(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String((self.scrub)(&text)),
            Value::Number(number) => {
                let text = number.to_string();
                let masked = (self.scrub)(&text);
                if masked == text { Value::Number(number) } else { Value::String(masked) }
            }
            Value::Array(list) => list.into_iter().map(|value| self.leaves(value)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(key, value)| (key, self.leaves(value))).collect()
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::console::tests::Kept;
    use tracing::subscriber::with_default;
    use tracing::{debug, error, info, warn};

    const QUIET: Logging<'_> = Logging { verbose: 0, quiet: true, format: LogFormat::Text, variable: None };

    /// Stands in for `redact::scrub`, which has its own tests.
    fn mask(text: &str) -> String {
        text.replace("5560125790", "**********").replace("Bearer abc", "Bearer ***")
    }

    fn logged(logging: Logging<'_>, log: impl FnOnce()) -> String {
        let kept = Kept::default();
        with_default(subscriber(logging, Console::new(kept.clone()), mask).unwrap(), log);
        kept.text()
    }

    fn some_of_each() {
        error!("an error");
        warn!("a warning");
        info!("an information");
        debug!("a detail");
        debug!(target: "hyper::client", "GET /?number=5560125790");
        warn!(target: "sqlx::query", "slow");
    }

    fn told(logging: Logging<'_>) -> Vec<&'static str> {
        let text = logged(logging, some_of_each);
        let words = ["an error", "a warning", "an information", "a detail", "GET", "slow"];
        words.into_iter().filter(|word| text.contains(word)).collect()
    }

    #[test]
    fn levels_and_other_crates() {
        let usual = Logging { quiet: false, ..QUIET };
        let all = ["an error", "a warning", "an information", "a detail", "slow"];
        assert_eq!(told(QUIET), ["an error"]);
        assert_eq!(told(usual), ["an error", "a warning", "slow"]);
        assert_eq!(
            told(Logging { verbose: 1, ..usual }),
            ["an error", "a warning", "an information", "slow"]
        );
        assert_eq!(told(Logging { verbose: 3, ..usual }), all);
        assert_eq!(told(Logging { variable: Some("trace"), ..usual }), all);
        assert_eq!(told(Logging { variable: Some("off,orgpull=warn"), ..usual }), ["an error", "a warning"]);
        assert_eq!(told(Logging { variable: Some(" "), ..usual }), ["an error", "a warning", "slow"]);
        assert_eq!(
            told(Logging { variable: Some("trace"), ..QUIET }),
            ["an error"],
            "flags beat the environment"
        );
    }

    #[test]
    fn a_filter_that_is_none_is_told() {
        let logging = Logging { quiet: false, variable: Some("orgpull=loud"), ..QUIET };
        let error = logging.wanted().unwrap_err().to_string();
        assert!(error.starts_with("ORGPULL_LOG is a level"), "{error}");
    }

    #[test]
    fn text_is_scrubbed_in_message_and_fields() {
        let text = logged(QUIET, || error!(number = "5560125790", token = %"Bearer abc", "asked 5560125790"));
        assert!(text.contains("asked **********") && text.contains("Bearer ***"), "{text}");
        assert!(!text.contains("5560125790") && !text.contains("abc") && text.ends_with('\n'), "{text}");
    }

    #[test]
    fn json_is_scrubbed_and_stays_json() {
        let json = Logging { format: LogFormat::Json, ..QUIET };
        let text = logged(json, || error!(number = 5_560_125_790_u64, rows = 12, "asked 5560125790"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["message"], "asked **********");
        assert_eq!((&value["number"], &value["rows"]), (&Value::from("**********"), &Value::from(12)));
        assert!(value["timestamp"].is_string() && value["level"] == "ERROR", "{text}");
    }

    #[test]
    fn a_panic_is_told_by_its_place() {
        let line = panic_line(Some(Location::caller()));
        assert!(line.contains("a bug in orgpull, at src/cli/telemetry.rs:"), "{line}");
        assert!(panic_line(None).contains("a place unknown"));
    }
}
