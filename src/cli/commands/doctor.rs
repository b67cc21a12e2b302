//! `doctor`: whether everything that a run needs is there, without sending anything that costs.

use super::super::args::DoctorArgs;
use super::super::opening::open_existing;
use super::super::term_style::{TermStyle, Tone};
use super::super::{Failure, Invocation};
use crate::config::{Account, Settings};
use crate::disk::takes_lines;
use crate::domain::address::origin;
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::sink::Sink;
use crate::http::cause::Cause;
use crate::http::transport::{Health, SendError};
use crate::ledger::{Ledger, LedgerError};
use crate::run::{self, RunError, transport};
use crate::time::{now_ms, rfc3339};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// Less free room than this stops runs soon.
const LITTLE: u64 = 100 << 20;
/// Less than this is told.
const SCARCE: u64 = 1 << 30;
/// A clock that is this far off spoils dates, reuse and budgets.
const CLOCK_OFF_MS: i64 = 60_000;

/// How one thing is.
struct Finding {
    what: String,
    /// What a run that meets it would end with; settled where all is well.
    exit: Exit,
    /// Whether it is worth a look though nothing is wrong.
    warning: bool,
    text: String,
}

impl Finding {
    fn good(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), exit: Exit::Settled, warning: false, text: text.into() }
    }

    fn warning(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { warning: true, ..Self::good(what, text) }
    }

    fn fault(what: impl Into<String>, exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, ..Self::good(what, text) }
    }

    const fn word(&self) -> &'static str {
        match (self.exit, self.warning) {
            (Exit::Settled, false) => "ok",
            (Exit::Settled, true) => "warning",
            _ => "fault",
        }
    }

    fn line(&self, style: TermStyle) -> String {
        let gap = " ".repeat("warning  ".len() - self.word().len());
        let word = style.paint(self.tone(), self.word());
        style.fold(&format!("{word}{gap}{}: {}\n", self.what, self.text))
    }

    const fn tone(&self) -> Tone {
        match (self.exit, self.warning) {
            (Exit::Settled, false) => Tone::Good,
            (Exit::Settled, true) => Tone::Warning,
            _ => Tone::Bad,
        }
    }
}

/// `orgpull doctor`.
pub(in crate::cli) async fn doctor(invocation: &Invocation, args: &DoctorArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(false)?;
    let mut findings = configuration(&settings);
    for account in settings.accounts.values() {
        findings.extend(credentials(account).await);
    }
    findings.extend(ledger(&settings).await);
    findings.extend(sink(&settings));
    findings.push(disk(&settings.database));
    for account in settings.accounts.values() {
        findings.extend(upstream(&settings, account).await);
    }
    let worst = findings.iter().fold(Exit::Settled, |worst, finding| worst.worst(finding.exit));
    if args.json {
        let checks: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "check": finding.what, "state": finding.word(), "text": finding.text }))
            .collect();
        Invocation::print(&format!("{:#}\n", json!({ "exit": worst.code(), "checks": checks })))?;
    } else {
        let style = invocation.style();
        for finding in &findings {
            let line = finding.line(style);
            if finding.exit == Exit::Settled && !finding.warning {
                invocation.say(&line)?;
            } else {
                invocation.show(&line)?;
            }
        }
    }
    Ok(worst)
}

fn configuration(settings: &Settings) -> Vec<Finding> {
    let what = "configuration";
    let mut findings = vec![match &settings.path {
        Some(path) => {
            let names: Vec<&str> = settings.accounts.keys().map(String::as_str).collect();
            let accounts = if names.is_empty() { "no account".to_owned() } else { names.join(", ") };
            Finding::good(what, format!("{} ({accounts})", path.display()))
        }
        None => Finding::warning(what, "there is no orgpull.toml: only --simulate can run"),
    }];
    findings.extend(settings.warnings().into_iter().map(|warning| Finding::warning(what, warning)));
    findings
}

/// Whether the secrets can be read. They are not shown, and not tried: that is `orgpull login`.
async fn credentials(account: &Account) -> Vec<Finding> {
    let what = format!("{} credentials", account.name);
    let mut secrets = account.credentials.secrets();
    secrets.extend(account.requestor_id.as_ref().map(|place| ("requestor_id", place)));
    let mut findings = Vec::new();
    for (key, place) in &secrets {
        if let Err(error) = place.read().await {
            findings.push(Finding::fault(&what, Exit::Config, format!("{key}: {error}")));
        }
    }
    if findings.is_empty() {
        let keys: Vec<&str> = secrets.iter().map(|(key, _)| *key).collect();
        let text = if keys.is_empty() {
            "none are needed".to_owned()
        } else {
            format!("{} are there", keys.join(", "))
        };
        findings.push(Finding::good(what, text));
    }
    findings
}

async fn ledger(settings: &Settings) -> Vec<Finding> {
    let (what, path) = ("ledger", settings.database.as_path());
    let ledger = match open_existing(settings).await {
        Ok(ledger) => ledger,
        Err(LedgerError::Missing(_)) => {
            return vec![Finding::good(
                what,
                format!("{}: none yet, the first run makes it", path.display()),
            )];
        }
        Err(error) => return vec![Finding::fault(what, Exit::Ledger, error.to_string())],
    };
    let damage = match ledger.damage().await {
        Ok(None) => ledger.unread_text().await,
        found => found,
    };
    let damage = match damage {
        Ok(None) => ledger.unopened().await,
        found => found,
    };
    let mut findings = vec![match damage {
        Ok(None) => answers(&ledger, path).await,
        Ok(Some(damage)) => {
            Finding::fault(what, Exit::Ledger, format!("{} is damaged: {damage}", path.display()))
        }
        Err(error) => Finding::fault(what, Exit::Ledger, error.to_string()),
    }];
    match ledger.uncopied_ring().await {
        Ok(None) => {}
        Ok(Some(how)) => {
            let ring = ledger.keyring().path().display();
            let text = format!(
                "{ring}, without which nothing in the ledger can be read, {how}: `orgpull key backup FILE`, or `[privacy] \
                 keyring_copies`"
            );
            findings.push(Finding::warning("key ring", text));
        }
        Err(error) => findings.push(Finding::fault(what, Exit::Ledger, error.to_string())),
    }
    findings.extend(kept(settings, &ledger).await);
    if let Some(key) = settings.privacy.key_beside(path) {
        let text = format!(
            "{} stands in one folder with the ledger: whoever copies that folder can read everything; keep it elsewhere",
            key.display()
        );
        findings.push(Finding::warning("key", text));
    }
    findings.extend(ledger.exposures().into_iter().map(|told| Finding::warning(what, told)));
    if let Ok(Some(last)) = ledger.last_attempt().await
        && last > now_ms() + CLOCK_OFF_MS
    {
        let text = "the ledger's newest request lies in the future: this machine's clock is behind";
        findings.push(Finding::warning("clock", text));
    }
    for account in settings.accounts.values() {
        findings.extend(refused(&ledger, account).await);
    }
    ledger.close().await;
    findings
}

/// What is kept for ever, and what is soon to be closed and purged.
async fn kept(settings: &Settings, ledger: &Ledger) -> Vec<Finding> {
    let what = "retention";
    let default = settings.privacy.kept_ms();
    let (for_ever, ending) = match (ledger.kept_for_ever().await, ledger.ending_runs(default, now_ms()).await)
    {
        (Ok(for_ever), Ok(ending)) => (for_ever, ending),
        (Err(error), _) | (_, Err(error)) => {
            return vec![Finding::fault(what, Exit::Ledger, error.to_string())];
        }
    };
    let mut findings = Vec::new();
    if default.is_none() && !for_ever.is_empty() {
        let jobs = for_ever.join(", ");
        let text =
            format!("what these jobs bought is kept for ever: {jobs}; give them `retention`, or [privacy]");
        findings.push(Finding::warning(what, text));
    }
    findings.extend(ending.into_iter().map(|(run, at)| {
        let text = format!(
            "run {run} is unfinished, and is closed and purged after {}: go on with it before (`orgpull run`)",
            rfc3339(at)
        );
        Finding::warning(what, text)
    }));
    findings
}

/// Whether the stored answers are as they were written.
async fn answers(ledger: &Ledger, path: &Path) -> Finding {
    let what = "ledger";
    match ledger.damaged_answers().await {
        Ok((0, _)) => Finding::good(what, format!("{} is whole", path.display())),
        Ok((count, first)) => {
            let answers = counted(count, "stored answer is", "stored answers are");
            let first: Vec<String> =
                first.iter().map(|(run, line)| format!("run {run}, line {line}")).collect();
            let text = format!("{}: {answers} damaged: {}", path.display(), first.join("; "));
            Finding::fault(what, Exit::Ledger, text)
        }
        Err(error) => Finding::fault(what, Exit::Ledger, error.to_string()),
    }
}

/// Whether the ledger holds an account's credentials for refused. Where they cannot be read, that is told already.
async fn refused(ledger: &Ledger, account: &Account) -> Option<Finding> {
    let what = format!("{} credentials", account.name);
    match run::remembered_refusal(Some(ledger), account, ledger.key()).await {
        Ok(true) => {
            let text = format!(
                "the login refused them, and no run tries them again until they change or `orgpull login {}` takes them",
                account.name
            );
            Some(Finding::fault(what, Exit::Login, text))
        }
        Ok(false) | Err(RunError::Secrets(_)) => None,
        Err(error) => Some(Finding::fault(what, error.exit(), error.to_string())),
    }
}

/// Whether the file of the log's sink could be added to. A program is not tried: it would take what it is given for an entry.
fn sink(settings: &Settings) -> Option<Finding> {
    let (what, sink) = ("audit sink", settings.sink.as_ref()?);
    let Sink::File(path) = sink else {
        return Some(Finding::good(what, format!("{sink}, which is not tried")));
    };
    Some(match takes_lines(path) {
        Ok(()) => Finding::good(what, sink.to_string()),
        Err(error) => {
            Finding::fault(what, Exit::Ledger, format!("{sink} cannot be written: {error}; nothing is done"))
        }
    })
}

fn disk(database: &Path) -> Finding {
    let what = "disk";
    let folder = database.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let free = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Finding::warning(what, format!("{} does not tell: {error}", folder.display())),
    };
    let text = format!("{} MiB are free in {}", free >> 20, folder.display());
    match free {
        0..LITTLE => Finding::fault(what, Exit::Ledger, text),
        LITTLE..SCARCE => Finding::warning(what, text),
        _ => Finding::good(what, text),
    }
}

/// Asks each free health address of an account's services once, holds this clock against the upstream's, and sees whether
/// the host of the login is there where it is another one.
async fn upstream(settings: &Settings, account: &Account) -> Vec<Finding> {
    let what = format!("{} upstream", account.name);
    let Some(provider) = settings.catalogue.providers.get(&account.name) else { return Vec::new() };
    let transport = match transport(account) {
        Ok(transport) => transport,
        Err(error) => return vec![Finding::fault(what, Exit::Config, error.to_string())],
    };
    let paths: BTreeSet<&str> =
        provider.services.iter().filter_map(|service| service.health.as_deref()).collect();
    let mut findings = Vec::new();
    if paths.is_empty() {
        let text = "it has no free health address; `orgpull login` tries its login";
        findings.push(Finding::good(&what, text));
    }
    let mut clock = None;
    for path in paths {
        match transport.probe(&format!("{}{path}", account.base_url)).await {
            Ok(seen) => {
                let status = seen.status;
                clock = clock.or(seen.date_ms.map(|date| now_ms() - date));
                let text = format!("{path} answers with status {status}");
                let there = Health { status, retry_after: None }.is_up();
                findings.push(match status {
                    ..400 => Finding::good(&what, text),
                    _ if there => Finding::warning(
                        &what,
                        format!("{text}: somebody is there, but it says nothing of the service's health"),
                    ),
                    _ => Finding::fault(&what, Exit::Unavailable, text),
                });
            }
            Err(error) => findings.push(unreached(&what, path, error, account, &account.base_url)),
        }
    }
    findings.extend(clock.map(|off| clock_finding(off, &account.name)));
    let login = account.token_url.as_deref().map(origin).filter(|host| *host != origin(&account.base_url));
    if let Some(host) = login {
        let what = format!("{} login", account.name);
        // Whatever its front page says, somebody is there; the login itself is `orgpull login`.
        findings.push(match transport.probe(&format!("{host}/")).await {
            Ok(_) => Finding::good(what, format!("{host} answers")),
            Err(error) => unreached(&what, &host, error, account, &host),
        });
    }
    findings
}

/// That `place` is not reached, and why; `address` is whose certificate it is.
fn unreached(what: &str, place: &str, error: SendError, account: &Account, address: &str) -> Finding {
    let (exit, text) = match error.cause {
        Cause::Certificate(why) => (Exit::Config, why.told(address, &account.name)),
        _ => (Exit::Unavailable, format!("{place} is not reached: {error}")),
    };
    Finding::fault(what, exit, text)
}

fn clock_finding(off_ms: i64, account: &str) -> Finding {
    let seconds = off_ms.abs() / 1_000;
    if off_ms.abs() > CLOCK_OFF_MS {
        let side = if off_ms > 0 { "ahead of" } else { "behind" };
        return Finding::warning(
            "clock",
            format!("this machine is {seconds} s {side} {account}: set its clock"),
        );
    }
    Finding::good("clock", format!("within a minute of {account}'s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_on_terminals() {
        let findings = [
            Finding::good("configuration", "/srv/orgpull/config/orgpull.toml (creditsafe, dnb)"),
            Finding::warning("clock", "this machine is 61 s ahead of creditsafe: set its clock"),
            Finding::fault(
                "creditsafe upstream",
                Exit::Unavailable,
                "/getdata/health is not reached: it took too long",
            ),
        ];
        let mut all = String::new();
        for width in [60, 80, 120] {
            let lines: String = findings.iter().map(|finding| finding.line(TermStyle::wide(width))).collect();
            all.push_str(&[&"-".repeat(width), "\n", &lines].concat());
        }
        insta::assert_snapshot!(all);
        assert!(
            findings[2]
                .line(TermStyle::COLOURED)
                .starts_with("\u{1b}[31mfault\u{1b}[0m    creditsafe upstream: ")
        );
    }

    #[test]
    fn a_clock_is_told_when_it_is_a_minute_off() {
        for (off, word, said) in [
            (0, "ok", "within a minute"),
            (60_000, "ok", "within a minute"),
            (61_000, "warning", "61 s ahead of x"),
            (-90_000, "warning", "90 s behind x"),
        ] {
            let finding = clock_finding(off, "x");
            assert!(finding.word() == word && finding.text.contains(said), "{off} {}", finding.text);
        }
    }
}
