//! The receipt of who was forgotten.

use super::figures::counted;
use crate::run::ForgetReceipt;
use crate::time::rfc3339;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The receipt as text; `until` is until when the erasure register keeps them, where that is known.
pub fn forget_text(receipt: &ForgetReceipt, dry: bool, until: Option<&str>) -> String {
    if receipt.is_empty() {
        return "nothing is held about this number\n".to_owned();
    }
    let ForgetReceipt { rows, runs, answers, skipped, named, letters, outputs, log_left } = receipt;
    let head = if dry { "would be forgotten" } else { "forgotten" };
    let of = counted(*runs, "run", "runs");
    let mut text = format!("{head}: {} of {of}", counted(*rows, "row", "rows"));
    if !dry {
        let _ = write!(text, ", {}", counted(*answers, "answer", "answers"));
    }
    if *named > 0 {
        let _ = write!(text, "; named in {} about others", counted(*named, "answer", "answers"));
    }
    text.push('\n');
    if *skipped > 0 {
        let _ = writeln!(text, "{} to come: skipped, code forgotten", counted(*skipped, "lookup", "lookups"));
    }
    for letter in letters {
        let _ = writeln!(
            text,
            "lost: {} of run {}, {}: it may have posted a letter, and still blocks another (`orgpull resolve`)",
            letter.transactionid,
            letter.run,
            rfc3339(letter.sent_at)
        );
    }
    for output in outputs {
        let _ = match &output.why {
            _ if dry => writeln!(text, "in {} (run {})", output.path, output.run),
            None => writeln!(text, "erased from {} (run {})", output.path, output.run),
            Some(why) => writeln!(text, "STILL IN {} (run {}): {why}", output.path, output.run),
        };
    }
    if !dry {
        let until = until.map_or_else(
            || "for ever (`[privacy] backup_retention` says how long backups are kept)".to_owned(),
            |until| format!("until {until}"),
        );
        let _ = writeln!(text, "a backup that is put back is held against the erasure register {until}");
    }
    if *log_left {
        text.push_str("somebody reads the ledger: pages of before stay in its log until that ends\n");
    }
    text
}

/// The same as JSON.
pub fn forget_json(receipt: &ForgetReceipt, dry: bool, until: Option<&str>) -> Value {
    let letters = receipt.letters.iter().map(|letter| {
        json!({ "transactionid": letter.transactionid, "run": letter.run, "sent_at": rfc3339(letter.sent_at) })
    });
    let outputs = receipt.outputs.iter().map(|output| {
        json!({ "path": output.path, "run": output.run, "erased": output.why.is_none(), "why": output.why })
    });
    json!({
        "dry_run": dry,
        "found": !receipt.is_empty(),
        "rows": receipt.rows,
        "runs": receipt.runs,
        "answers": receipt.answers,
        "skipped": receipt.skipped,
        "named": receipt.named,
        "letters": letters.collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
        "register_until": until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LostLetter;
    use crate::run::ForgottenOutput;

    #[test]
    fn a_receipt_tells_all_that_is_left() {
        let output = |path: &str, why: Option<&str>| ForgottenOutput {
            run: "r1".to_owned(),
            path: path.to_owned(),
            why: why.map(str::to_owned),
        };
        let receipt = ForgetReceipt {
            rows: 2,
            runs: 1,
            answers: 2,
            skipped: 1,
            named: 3,
            letters: vec![LostLetter { transactionid: "op1".to_owned(), run: "r1".to_owned(), sent_at: 0 }],
            outputs: vec![
                output("/a.csv", None),
                output("/b.csv", Some("it was changed since it was written")),
            ],
            log_left: true,
        };
        let texts = [
            forget_text(&ForgetReceipt::default(), false, None),
            forget_text(&receipt, true, None),
            forget_text(&receipt, false, Some("2027-01-04T00:00:00Z")),
            format!("{:#}\n", forget_json(&receipt, false, None)),
        ];
        insta::assert_snapshot!(texts.join("---\n"));
    }
}
