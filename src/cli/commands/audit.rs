//! `audit`: who did what, and whether all of it is as it was written.

use super::super::args::AuditArgs;
use super::super::opening::open_to_read;
use super::super::report::{audit_line, error_line};
use super::super::{Failure, Invocation};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::identity::hex;
use crate::ledger::{AuditChain, Ledger, Link};
use serde_json::json;

/// `orgpull audit`.
pub(in crate::cli) async fn audit(invocation: &Invocation, args: &AuditArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_to_read(&settings).await?;
    if args.verify {
        verify(invocation, &ledger, args).await
    } else {
        list(invocation, &ledger, args.json).await
    }
}

/// Every entry, the newest last, as it is read.
async fn list(invocation: &Invocation, ledger: &Ledger, as_json: bool) -> Result<Exit, Failure> {
    let mut last = Link::default();
    if as_json {
        Invocation::print("[")?;
    }
    loop {
        let page = ledger.audit_page(&last).await?;
        let Some(newest) = page.last() else { break };
        if as_json {
            let mut text = String::new();
            for (at, entry) in page.iter().enumerate() {
                text.push_str(if last == Link::default() && at == 0 { "\n" } else { ",\n" });
                text.push_str(&entry.line());
            }
            Invocation::print(&text)?;
        } else {
            invocation.say(&page.iter().map(audit_line).collect::<String>())?;
        }
        last = newest.link;
    }
    if as_json {
        Invocation::print("\n]\n")?;
    } else if last == Link::default() {
        invocation.say("nobody has done anything on this ledger yet\n")?;
    }
    Ok(Exit::Settled)
}

/// Whether the log is what was written, and reaches as far as it did.
async fn verify(invocation: &Invocation, ledger: &Ledger, args: &AuditArgs) -> Result<Exit, Failure> {
    let (mut chain, mut is_there) = (AuditChain::default(), args.head.is_none());
    let mut wrong = None;
    while wrong.is_none() {
        // From where it is: what does not bind is not gone on from.
        let page = ledger.audit_page(&chain.last).await?;
        if page.is_empty() {
            break;
        }
        for entry in &page {
            if let Err(broken) = chain.take(entry) {
                wrong = Some(broken.to_string());
                break;
            }
            is_there |= args.head == Some(entry.link.hash);
        }
    }
    if wrong.is_none() && !is_there {
        wrong = Some(
            "no entry has the hash that --head gives: its end was cut off, or all of it written anew"
                .to_owned(),
        );
    }
    let Link { id, hash } = chain.last;
    let (entries, head) = (counted(id.unsigned_abs(), "entry", "entries"), hex(&hash));
    if args.json {
        let json = json!({ "entries": id, "head": head, "whole": wrong.is_none(), "wrong": wrong });
        Invocation::print(&format!("{json:#}\n"))?;
    }
    match wrong {
        None if args.json => Ok(Exit::Settled),
        None => {
            invocation.say(&format!("the log is whole: {entries}, head {head}\n"))?;
            Ok(Exit::Settled)
        }
        Some(wrong) => {
            let message = format!(
                "the log of who did what in {} is not what was written: {wrong}. It is whole up to {entries}, head {head}: hold it \
                 against a backup, or against what the sink has",
                ledger.path().display()
            );
            invocation.console.line(&error_line(&message));
            Err(Failure::Reported(Exit::Ledger))
        }
    }
}
