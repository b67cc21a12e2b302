//! `forget`: one person or organisation out of everything that orgpull keeps and can rewrite.

use super::super::args::ForgetArgs;
use super::super::opening::open_existing;
use super::super::report::{forget_json, forget_text};
use super::super::{Failure, Invocation};
use super::consent::may_forget;
use super::subject::asked;
use crate::domain::exit::Exit;
use crate::ledger::{Act, ActKind};
use crate::run;
use crate::time::{now_ms, rfc3339};

/// `orgpull forget`.
pub(in crate::cli) async fn forget(invocation: &Invocation, args: &ForgetArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_existing(&settings).await?;
    let erased = ledger.erasure(&asked("forget")?, now_ms());
    let mut receipt = Box::pin(run::forget(&ledger, &settings, &erased, true)).await?;
    if !args.dry_run {
        if !receipt.is_empty() && !args.yes && !may_forget(invocation, &receipt)? {
            invocation.console.line("nothing was changed");
            return Ok(Exit::Settled);
        }
        let act = Act::new(ActKind::Erased).with("rows", receipt.rows).with("named", receipt.named);
        ledger.note(&act).await?;
        receipt = Box::pin(run::forget(&ledger, &settings, &erased, false)).await?;
    }
    let kept = settings.privacy.backup_retention_ms();
    let until = kept.filter(|_| !args.dry_run).map(|kept| rfc3339(now_ms().saturating_add(kept)));
    if args.json {
        let report = forget_json(&receipt, args.dry_run, until.as_deref());
        Invocation::print(&format!("{report:#}\n"))?;
    } else {
        invocation.say(&forget_text(&receipt, args.dry_run, until.as_deref()))?;
    }
    Ok(Exit::Settled)
}
