//! The log of who did what, for people.

use crate::ledger::AuditEntry;
use crate::time::rfc3339;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// An entry on a line.
pub fn audit_line(entry: &AuditEntry) -> String {
    let AuditEntry { link, at, what, run, job, operator, details, .. } = entry;
    let mut line = format!("{:>4}  {}  {what:<13}  {operator}", link.id, rfc3339(*at));
    let on = match (job, run) {
        (Some(job), Some(run)) => format!("{job} {run}"),
        (one, other) => one.iter().chain(other).cloned().collect(),
    };
    let details: Map<String, Value> = serde_json::from_str(details).unwrap_or_default();
    let details = details.iter().map(|(name, value)| format!("{name} {}", shown(value)));
    for part in [on].into_iter().filter(|on| !on.is_empty()).chain(details) {
        let _ = write!(line, "; {part}");
    }
    // An entry has one line, whatever stands in it.
    line.replace(['\n', '\r', '\t'], " ") + "\n"
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Link;

    #[test]
    fn entries_on_a_line() {
        let entry = |id, what: &str, of: Option<(&str, &str)>, details: &str| AuditEntry {
            link: Link { id, hash: [7; 32] },
            previous: [6; 32],
            at: 1_772_328_600_000 + id * 61_500,
            what: what.to_owned(),
            job: of.map(|(job, _)| job.to_owned()),
            run: of.map(|(_, run)| run.to_owned()),
            operator: "Risk, night\nshift".to_owned(),
            details: details.to_owned(),
        };
        let run = Some(("portfolio", "2vj9k3"));
        let ended = r#"{"exit":0,"calls":400,"cost":"1280.00","outputs":["/srv/out/a.csv","/srv/out/a.rejects.csv"]}"#;
        let entries = [
            entry(1, "key-made", None, r#"{"key":"/srv/orgpull.key"}"#),
            entry(2, "run-begun", run, r#"{"environment":"production","rows":400}"#),
            entry(3, "run-ended", run, ended),
            entry(4, "run-ended", run, r#"{"exit":8,"outputs":[]}"#),
            entry(12_000, "key-backed-up", None, "{}"),
        ];
        insta::assert_snapshot!(entries.iter().map(audit_line).collect::<String>());
    }
}
