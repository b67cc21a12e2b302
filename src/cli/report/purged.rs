//! What a purge has come to.

use super::figures::counted;
use crate::run::report::Purged;
use std::fmt::Write as _;

/// The text of `purge`; `until` is when the last backup is gone that may open what was purged, where that is known.
pub fn purged_text(purged: &Purged, dry: bool, until: Option<&str>) -> String {
    let mut text = purged.told(dry).unwrap_or_else(|| "nothing is due".to_owned());
    text.push('\n');
    for run in &purged.closed {
        let is = if dry { "would be closed" } else { "is closed" };
        let _ = writeln!(text, "run {run} was unfinished and {is}: it was kept for as long as it may be");
    }
    for path in &purged.deleted {
        let _ = writeln!(text, "{}: {path}", if dry { "would be deleted" } else { "deleted" });
    }
    for (path, why) in &purged.kept {
        let _ = writeln!(text, "not deleted: {path}: {why}");
    }
    for run in &purged.under_way {
        let _ = writeln!(text, "run {run} is due, and a process is at it: it is left for the next purge");
    }
    if purged.in_use > 0 {
        let which = counted(purged.in_use, "answer that is due stays", "answers that are due stay");
        let _ = writeln!(text, "{which}: an unfinished run uses them");
    }
    if purged.keys > 0 {
        let which = counted(purged.keys, "data key is", "data keys are");
        let open = match until {
            Some(until) => format!("; copies of the key ring elsewhere may open backups of it until {until}"),
            None => {
                "; copies of the key ring elsewhere still open backups of it (`[privacy] backup_retention`)"
                    .to_owned()
            }
        };
        let _ = writeln!(text, "{which} gone from the key ring{open}");
    }
    if purged.log_left {
        text.push_str("somebody reads the ledger: pages of before stay in its log until that ends\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_purge_comes_to() {
        let purged = Purged {
            answers: 1_204,
            in_use: 1,
            rows: 400,
            runs: 2,
            closed: vec!["c1".to_owned()],
            under_way: vec!["w1".to_owned()],
            keys: 2,
            deleted: vec!["/out/a.csv".to_owned()],
            kept: vec![("/out/b.csv".to_owned(), "it was changed since it was written".to_owned())],
            log_left: true,
        };
        let told = [
            purged_text(&Purged::default(), false, None),
            purged_text(&purged, false, Some("2027-01-04T00:00:00Z")),
            purged_text(&Purged { keys: 0, log_left: false, ..purged }, true, None),
        ];
        insta::assert_snapshot!(told.join("---\n"));
    }

    #[test]
    fn whoever_names_no_time_for_backups_is_told_the_key() {
        let text = purged_text(&Purged { keys: 1, ..Purged::default() }, false, None);
        assert!(text.contains("backup_retention"), "{text}");
    }
}
