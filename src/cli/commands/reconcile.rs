//! `reconcile` and `resolve`: the provider's statement held against the ledger, and what it settles.

use super::super::args::{InvoiceArgs, ReconcileArgs, ResolveArgs};
use super::super::opening::open_existing;
use super::super::report::{
    RECONCILE_HEADER, Reconciliation, reconcile_cells, reconcile_line, reconcile_text, reconcile_totals,
    resolve_text,
};
use super::super::{Failure, Invocation};
use super::{named_account, one_run, protected};
use crate::config::{Account, Settings};
use crate::domain::exit::Exit;
use crate::domain::invoice::{Settles, Verdict};
use crate::export::Listing;
use crate::ledger::{Act, ActKind, Chosen, Invoice, JobLock, Reconciled};
use crate::run::RunError;
use crate::statement::{Statement, StatementError};
use crate::time::{now_ms, rfc3339, stockholm_date};
use jiff::civil::Date;
use std::path::Path;

/// Lines of the statement that are read before they go into the database.
const PAGE: usize = 1_024;

/// `orgpull reconcile`.
pub(in crate::cli) async fn reconcile(
    invocation: &Invocation,
    args: &ReconcileArgs,
) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let account = account(&settings, args.invoice.provider.as_deref())?;
    let ledger = open_existing(&settings).await?;
    let act = of_statement(ActKind::Reconciled, account, &args.file);
    ledger.note(&act.with("output", args.output.as_ref().map(|path| path.display().to_string()))).await?;
    let invoice = ledger.invoice(&account.name, &account.environment).await?;
    let (mut invoice, days) = taken_in(invoice, account, &args.file, &args.invoice).await?;
    let mut protected = protected(&settings, &ledger).await;
    protected.add(&args.file, "the statement");
    let output = args.output.as_deref();
    let listing = output.map(|path| Listing::create(path, &protected, &RECONCILE_HEADER)).transpose()?;
    let report = Reconciliation::of(&args.file, account, days);
    let mut output = ReconcileOutput { report, listing, json: args.json, first: true };
    if args.json {
        Invocation::print("{\"lines\": [")?;
    }
    loop {
        let lines = invoice.next_lines().await?;
        if lines.is_empty() {
            break;
        }
        output.take(&lines)?;
    }
    loop {
        let calls = invoice.next_unbilled().await?;
        if calls.is_empty() {
            break;
        }
        output.take(&calls)?;
    }
    output.end(invocation)
}

/// `orgpull resolve`.
pub(in crate::cli) async fn resolve(invocation: &Invocation, args: &ResolveArgs) -> Result<Exit, Failure> {
    match (&args.run, args.settles, &args.invoice) {
        (Some(run), Some(settles), _) => resolve_run(invocation, args, run, settles.into()).await,
        (_, _, Some(invoice)) => resolve_invoice(invocation, args, invoice).await,
        _ => Err(Failure::Usage("give a run with --as, or --invoice".to_owned())),
    }
}

/// `orgpull resolve RUN --as`.
async fn resolve_run(
    invocation: &Invocation,
    args: &ResolveArgs,
    run: &str,
    settles: Settles,
) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_existing(&settings).await?;
    let run = one_run(&ledger, run).await?;
    let step = args.lookup.as_ref().map(|id| {
        let step =
            run.steps.iter().position(|(known, _)| known == id).and_then(|step| u16::try_from(step).ok());
        step.ok_or_else(|| Failure::Usage(format!("run {} has no lookup `{id}`", run.run)))
    });
    let chosen = Chosen { line: args.line, step: step.transpose()? };
    // Whoever drives the run knows where its lookups stand, and must not be surprised.
    let lock = JobLock::take(ledger.path(), &run.job, &rfc3339(now_ms())).map_err(RunError::Locked);
    let _lock = lock.map_err(Failure::Run)?;
    let act = Act::new(ActKind::Resolved).on(&run).with("as", settles.as_str());
    ledger.note(&act.with("line", args.line).with("lookup", args.lookup.as_deref())).await?;
    // What a dead process left in flight is lost too.
    ledger.park_started(run.id, now_ms()).await?;
    let settled = ledger.resolve(run.id, chosen, settles).await?;
    let retry = invocation.typed().command(args.simulate, &["retry", &run.run]);
    let retry = if settled.to_retry.is_empty() { Vec::new() } else { vec![retry] };
    let what = format!("run {} of {}", run.run, run.job);
    invocation.say(&resolve_text(&what, &settled, &retry, invocation.style()))?;
    Ok(Exit::Settled)
}

/// `orgpull resolve --invoice`.
async fn resolve_invoice(invocation: &Invocation, args: &ResolveArgs, file: &Path) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let account = account(&settings, args.statement.provider.as_deref())?;
    let ledger = open_existing(&settings).await?;
    ledger.note(&of_statement(ActKind::Resolved, account, file)).await?;
    for run in ledger.runs_in_flight().await? {
        if let Ok(_lock) = JobLock::take(ledger.path(), &run.job, &rfc3339(now_ms())) {
            ledger.park_started(run.id, now_ms()).await?;
        }
    }
    let invoice = ledger.invoice_to_settle(&account.name, &account.environment).await?;
    let (mut invoice, days) = taken_in(invoice, account, file, &args.statement).await?;
    let settled = invoice.settle().await?;
    let typed = invocation.typed();
    let retry = |run: &String| typed.command(args.simulate, &["retry", run.as_str()]);
    let retry: Vec<String> = settled.to_retry.iter().map(retry).collect();
    let what = format!("{}, complete for {} to {}", file.display(), days.0, days.1);
    invocation.say(&resolve_text(&what, &settled, &retry, invocation.style()))?;
    Ok(Exit::Settled)
}

fn of_statement(kind: ActKind, account: &Account, file: &Path) -> Act {
    Act::new(kind).with("account", account.name.as_str()).with("statement", file.display().to_string())
}

/// The account that is named, or the only one there is.
fn account<'s>(settings: &'s Settings, name: Option<&str>) -> Result<&'s Account, Failure> {
    let names: Vec<&str> = settings.accounts.keys().map(String::as_str).collect();
    match (name, &names[..]) {
        (Some(name), _) => named_account(settings, name),
        (None, [_]) => settings.accounts.values().next().ok_or_else(no_account),
        (None, []) => Err(no_account()),
        (None, several) => {
            let several = several.join(" or ");
            Err(Failure::Usage(format!("whose statement is it? give --provider {several}")))
        }
    }
}

fn no_account() -> Failure {
    Failure::Usage("the configuration has no account: add a [providers.…] table".to_owned())
}

/// The statement beside the ledger, every line matched, with the days for which it is complete.
async fn taken_in<'l>(
    mut invoice: Invoice<'l>,
    account: &Account,
    file: &Path,
    args: &InvoiceArgs,
) -> Result<(Invoice<'l>, (Date, Date)), Failure> {
    let mut statement = Statement::open(file, &args.columns().or(&account.invoice))?;
    loop {
        let lines = statement.page(PAGE)?;
        if lines.is_empty() {
            break;
        }
        invoice.add(&lines).await?;
    }
    let (days, named) = invoice.match_lines().await?;
    let (first, last) = days.unzip();
    let from = args.complete_from.map(|days| days.first).or(first);
    let days = from.zip(args.complete_until.map(|days| days.last).or(last));
    let Some((first, last)) = days else {
        let file = file.display();
        return Err(StatementError::NoLine { file: file.to_string() }.into());
    };
    if args.complete_until.is_some_and(|until| until.last > stockholm_date(now_ms())) {
        return Err(Failure::Usage(format!(
            "no statement is complete until {last}: that day is still to come"
        )));
    }
    if first > last {
        let message = format!("the statement would be complete from {first} until {last}: which is it?");
        return Err(Failure::Usage(message));
    }
    invoice.complete_for((first, last), args.complete_until.is_some(), named, now_ms());
    Ok((invoice, (first, last)))
}

/// Everything that is printed, as it comes.
struct ReconcileOutput<'a> {
    report: Reconciliation<'a>,
    listing: Option<Listing>,
    json: bool,
    /// Whether no line was printed yet.
    first: bool,
}

impl ReconcileOutput<'_> {
    fn take(&mut self, lines: &[Reconciled]) -> Result<(), Failure> {
        let mut text = String::new();
        for line in lines {
            self.report.count(line);
            if let Some(listing) = &mut self.listing {
                let cells = reconcile_cells(line);
                listing.row(&cells.each_ref().map(String::as_str))?;
            }
            if self.json {
                text.push_str(if std::mem::take(&mut self.first) { "\n" } else { ",\n" });
                text.push_str(&reconcile_line(line).to_string());
            }
        }
        if text.is_empty() { Ok(()) } else { Invocation::print(&text) }
    }

    fn end(self, invocation: &Invocation) -> Result<Exit, Failure> {
        if let Some(listing) = self.listing {
            listing.finish()?;
        }
        let agreed = Verdict::ALL
            .into_iter()
            .all(|verdict| verdict == Verdict::Agreed || self.report.of_verdict(verdict).lines == 0);
        if self.json {
            Invocation::print(&format!("\n],\n\"totals\": {}}}\n", reconcile_totals(&self.report)))?;
        } else if agreed {
            invocation.say(&reconcile_text(&self.report, invocation.style()))?;
        } else {
            invocation.show(&reconcile_text(&self.report, invocation.style()))?;
        }
        Ok(if agreed { Exit::Settled } else { Exit::Unsettled })
    }
}
