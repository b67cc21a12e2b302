//! `purge`: what has been kept for as long as it may be goes.

use super::super::args::PurgeArgs;
use super::super::opening::open_existing;
use super::super::report::purged_text;
use super::super::{Failure, Invocation};
use crate::config::Settings;
use crate::domain::exit::Exit;
use crate::ledger::{Act, ActKind, PurgeScope};
use crate::run::report::Purged;
use crate::run::{self, PurgeOptions};
use crate::time::{now_ms, rfc3339};
use serde_json::json;
use std::time::Duration;

/// `orgpull purge`.
pub(in crate::cli) async fn purge(invocation: &Invocation, args: &PurgeArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_existing(&settings).await?;
    let options = PurgeOptions {
        scope: PurgeScope {
            default: settings.privacy.kept_ms(),
            older_than: args.older_than.map(milliseconds),
            job: args.job.clone(),
        },
        keep_outputs: args.keep_outputs,
        dry: args.dry_run,
    };
    if !args.dry_run {
        let span = args.older_than.map(|span| span.as_secs());
        let act = Act::new(ActKind::Purged).with("older_than_seconds", span).with("job", args.job.clone());
        ledger.note(&act).await?;
    }
    let purged = run::purge(&ledger, &settings, &options, &|| false).await?;
    let until = backups_until(&settings, &purged);
    if args.json {
        let kept = purged.kept.iter().map(|(path, why)| json!({ "path": path, "why": why }));
        let report = json!({
            "dry_run": args.dry_run,
            "answers": purged.answers,
            "in_use": purged.in_use,
            "rows": purged.rows,
            "runs": purged.runs,
            "closed": purged.closed,
            "under_way": purged.under_way,
            "data_keys": purged.keys,
            "deleted": purged.deleted,
            "kept": kept.collect::<Vec<_>>(),
            "backups_until": until,
        });
        Invocation::print(&format!("{report:#}\n"))?;
    } else {
        invocation.say(&purged_text(&purged, args.dry_run, until.as_deref()))?;
    }
    Ok(Exit::Settled)
}

/// Until when copies of the ring that are not kept in step may still open what was purged; `None` if nothing was, or that is
/// not known.
fn backups_until(settings: &Settings, purged: &Purged) -> Option<String> {
    let kept = settings.privacy.backup_retention.filter(|_| purged.keys > 0)?;
    Some(rfc3339(now_ms().saturating_add(milliseconds(kept))))
}

fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
