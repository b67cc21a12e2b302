//! What differs between a plan and the last run of its job.

use super::decide::prepared::service_name;
use super::error::RunError;
use super::report::PlanDiff;
use crate::config::Settings;
use crate::job::{Job, Step, file};
use crate::ledger::Ledger;
use std::collections::BTreeSet;
use std::path::Path;

/// What differs between a plan and the last run of its job; `None` if there is none.
pub async fn diff(ledger: &Ledger, job: &Job, settings: &Settings) -> Result<Option<PlanDiff>, RunError> {
    let Some(run) = ledger.find(&job.name).await?.pop().filter(|run| run.job == job.name) else {
        return Ok(None);
    };
    let totals = ledger.totals(run.id).await?;
    let then = file::parse(Path::new(&run.job_path), &run.job_text, settings, true).ok();
    Ok(Some(PlanDiff {
        run: run.run,
        rows: (run.rows.unsigned_abs(), run.bad_rows.unsigned_abs()),
        calls: totals.calls,
        cost: totals.cost,
        unpriced: totals.unpriced,
        changes: then.map_or_else(
            || vec!["its job file does not read any more".to_owned()],
            |then| changes(&then, job),
        ),
    }))
}

/// What one job says otherwise than another, without values, which may be about somebody.
fn changes(then: &Job, now: &Job) -> Vec<String> {
    let mut changes = Vec::new();
    for step in &now.steps {
        let id = &step.id;
        let Some(old) = then.steps.iter().find(|old| old.id == *id) else {
            changes.push(format!("lookup `{id}` is new ({})", service_name(step)));
            continue;
        };
        if service_name(old) != service_name(step) {
            changes.push(format!(
                "lookup `{id}` asks {}, and asked {}",
                service_name(step),
                service_name(old)
            ));
        }
        let param =
            |step: &Step, name: &str| step.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let names: BTreeSet<&str> =
            step.params.iter().chain(&old.params).map(|(name, _)| name.as_str()).collect();
        let differ = names.into_iter().filter(|name| param(step, name) != param(old, name));
        changes.extend(differ.map(|name| format!("lookup `{id}`: parameter `{name}` differs")));
        let keys = [
            ("when", step.when != old.when),
            ("reuse", step.reuse != old.reuse || step.reuse_outcomes != old.reuse_outcomes),
            ("letters", step.letters != old.letters),
            ("on_unknown", step.on_unknown != old.on_unknown),
        ];
        changes.extend(
            keys.iter()
                .filter(|(_, differs)| *differs)
                .map(|(key, _)| format!("lookup `{id}`: `{key}` differs")),
        );
    }
    let gone = then.steps.iter().filter(|old| !now.steps.iter().any(|step| step.id == old.id));
    changes.extend(gone.map(|old| format!("lookup `{}` is gone", old.id)));
    let parts = [
        ("[input]", then.input.identity() != now.input.identity()),
        ("[budget]", then.budget != now.budget),
        ("purpose", then.purpose != now.purpose),
        ("cost_centre", then.cost_centre != now.cost_centre),
    ];
    changes.extend(parts.iter().filter(|(_, differs)| *differs).map(|(part, _)| format!("{part} differs")));
    changes
}
