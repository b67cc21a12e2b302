//! `check`, `simulator`, `login`, `schema`, `completions` and `man`.

use super::super::args::{CheckArgs, CompletionsArgs, LoginArgs, ManArgs, SimulatorArgs};
use super::super::report::{error_line, too_long, with_lines};
use super::super::{Failure, Invocation, docs, signals};
use super::named_account;
use crate::config::{Account, Settings};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::http::cause::Cause;
use crate::job::check::{Report, check_paths};
use crate::job::letters::Unasked;
use crate::job::needs;
use crate::ledger::{Act, ActKind};
use crate::run::{self, RunError, StopRequest, TriedLogin};
use crate::simulator::{self, Scenario, Simulator};
use crate::upstream::LoginReading;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// `orgpull check`.
pub(in crate::cli) fn check(invocation: &Invocation, args: &CheckArgs) -> Result<Exit, Failure> {
    let report = check_paths(&args.paths, &invocation.flags(false));
    let mut warnings = vec![0; report.good.len()];
    for (good, told) in report.good.iter().zip(&mut warnings) {
        for fault in &good.faults {
            invocation.console.line(&error_line(&fault.to_string()));
        }
        good.warnings.iter().for_each(|warning| invocation.warn("configuration", warning.clone()));
        *told += good.warnings.len();
    }
    let settings = invocation.settings(false);
    if let Ok(settings) = &settings {
        warn_of_jobs(invocation, settings, &report, &mut warnings);
    }
    if let Some(error) = &report.configuration {
        invocation.console.line(&error_line(&error.to_string()));
    }
    for bad in &report.bad {
        invocation.console.line(&error_line(&bad.to_string()));
    }
    // Last, when all is told that makes it true.
    for (good, warnings) in report.good.iter().zip(warnings) {
        let found = match found(good.faults.len(), warnings) {
            // It was held against none.
            own if good.job.is_some() && settings.is_err() => {
                format!("{own} of its own, but the configuration has some")
            }
            own => own,
        };
        invocation.say(&format!("{}: {}, {found}\n", good.path.display(), good.kind.as_str()))?;
    }
    if report.is_good() { Ok(Exit::Settled) } else { Err(Failure::Reported(Exit::Config)) }
}

/// What a file comes to of which nothing kept it from being read.
fn found(faults: usize, warnings: usize) -> String {
    let count =
        |number: usize, one, several| counted(u64::try_from(number).unwrap_or(u64::MAX), one, several);
    match (faults, warnings) {
        (0, 0) => "no problems".to_owned(),
        (0, warnings) => count(warnings, "warning", "warnings"),
        (faults, 0) => count(faults, "problem", "problems"),
        (faults, warnings) => {
            format!("{} and {}", count(faults, "problem", "problems"), count(warnings, "warning", "warnings"))
        }
    }
}

/// Warns of jobs that share a name, of those that need longer than the time between their fires, and of letters of
/// disclosure that nobody asked for. Counts what it tells of each file.
fn warn_of_jobs(invocation: &Invocation, settings: &Settings, report: &Report, told: &mut [usize]) {
    let mut known: BTreeMap<&str, (usize, &Path)> = BTreeMap::new();
    for (at, good) in report.good.iter().enumerate() {
        let (path, Some(job)) = (good.path.as_path(), good.job.as_deref()) else { continue };
        let mut warn = |kind, text| {
            invocation.warn(kind, text);
            told[at] += 1;
        };
        if let Some(needs) = needs(job, settings) {
            warn("schedule", too_long(&job.name, needs));
        }
        if let Some(unasked) = Unasked::of_job(job, settings) {
            let text = format!("{}: {unasked}; `run` refuses to send such letters", path.display());
            warn("letters", with_lines(&text, &unasked.ways_out()));
        }
        if let Some((first, other)) = known.insert(&job.name, (at, path))
            && other.canonicalize().ok() != path.canonicalize().ok()
        {
            warn("schedule", same_name(&job.name, other, path));
            told[first] += 1;
        }
    }
}

/// Two files of one name: a daemon of their folder runs neither, and of two folders they are one job all the same.
fn same_name(job: &str, one: &Path, other: &Path) -> String {
    let folder =
        |path: &Path| path.parent().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.to_owned()));
    let both = format!("{} and {} are both called `{job}`", one.display(), other.display());
    if folder(one) == folder(other) {
        return format!("{both}: `schedule` runs neither of them");
    }
    format!(
        "{both}: on one ledger they are one job, and of two daemons, one for each folder, one has each fire, so that the \
         other's list is left out that night; give them names of their own"
    )
}

/// `orgpull simulator`.
pub(in crate::cli) async fn simulator(
    invocation: &Invocation,
    args: &SimulatorArgs,
) -> Result<Exit, Failure> {
    let scenario = match &args.scenario {
        Some(path) => Scenario::load(path)?,
        None => Scenario::default(),
    };
    let options = simulator::Options { listen: args.listen, seed: args.seed.unwrap_or_default(), scenario };
    let simulator = Simulator::start(options).await?;
    invocation.say(&format!(
        "the simulator listens at {} (made-up data; base_url and token_url {0}/v1/authenticate)\n",
        simulator.base_url()
    ))?;
    let mut stop = signals::stop_requests()
        .map_err(|e| Failure::Output(format!("signals cannot be listened to: {e}")))?;
    let _ = stop.wait_for(|request| *request != StopRequest::None).await;
    simulator.shutdown().await?;
    Ok(Exit::Settled)
}

/// `orgpull login`.
pub(in crate::cli) async fn login(invocation: &Invocation, args: &LoginArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(false)?;
    let chosen: Vec<&Account> = match &args.provider {
        Some(name) => vec![named_account(&settings, name)?],
        None => settings.accounts.values().collect(),
    };
    if chosen.is_empty() {
        return Err(Failure::Usage("the configuration has no account: add a [providers.…] table".to_owned()));
    }
    let ledger = Arc::new(invocation.open(&settings).await?);
    let names: Vec<&str> = chosen.iter().map(|account| account.name.as_str()).collect();
    ledger.note(&Act::new(ActKind::Login).with("accounts", names)).await?;
    let mut worst = Exit::Settled;
    for account in chosen {
        let (exit, line) = match run::try_login(&ledger, &settings, account).await {
            Ok(tried) => told(account, tried),
            // The others are tried all the same.
            Err(error @ RunError::Secrets(_)) => {
                let exit = error.exit();
                invocation.reporter().failed(&format!("{}: {error}", account.name), exit, None);
                worst = worst.worst(exit);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let line = format!("{}: {line}\n", account.name);
        if exit == Exit::Settled {
            invocation.say(&line)?;
        } else {
            invocation.show(&line)?;
        }
        worst = worst.worst(exit);
    }
    Ok(worst)
}

/// What a login came to, without the token.
fn told(account: &Account, tried: TriedLogin) -> (Exit, String) {
    let reading = match tried {
        TriedLogin::Answered(reading) => reading,
        TriedLogin::Lost(error) => {
            let address = account.token_url.as_deref().unwrap_or_default();
            return match error.cause {
                Cause::Certificate(why) => (Exit::Config, why.told(address, &account.name)),
                _ => (Exit::Unavailable, format!("the login is not reached: {error}")),
            };
        }
    };
    match reading {
        LoginReading::Token { expires_in: Some(life), .. } => {
            (Exit::Settled, format!("logged in; the token lives for {} min", life.as_secs() / 60))
        }
        LoginReading::Token { expires_in: None, .. } => {
            let minutes = account.refresh_after.as_secs() / 60;
            (
                Exit::Settled,
                format!("logged in; the token's life is not told, and it is renewed after {minutes} min"),
            )
        }
        LoginReading::Refused { message } => (Exit::Login, message),
        LoginReading::Throttled => {
            (Exit::Unavailable, "too many logins (429): wait five minutes before the next".to_owned())
        }
        LoginReading::Unavailable { code } => (Exit::Unavailable, format!("no token: {code}")),
        LoginReading::Misconfigured { message } => (Exit::Config, message),
    }
}

/// `orgpull schema`.
pub(in crate::cli) fn schema() -> Result<Exit, Failure> {
    Invocation::print(&crate::shape::schema::job())?;
    Ok(Exit::Settled)
}

/// `orgpull completions`.
pub(in crate::cli) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    docs::completions(args.shell, &mut io::stdout().lock())?;
    Ok(Exit::Settled)
}

/// `orgpull man`.
pub(in crate::cli) fn man(invocation: &Invocation, args: &ManArgs) -> Result<Exit, Failure> {
    match &args.dir {
        None => docs::man(&mut io::stdout().lock())?,
        // Whatever is wrong with a configuration, the manual can be written.
        Some(folder) => {
            let protected = invocation.settings(false).map(|settings| settings.protected).unwrap_or_default();
            docs::man_pages(folder, &protected).map_err(|error| Failure::Output(error.to_string()))?;
        }
    }
    Ok(Exit::Settled)
}
