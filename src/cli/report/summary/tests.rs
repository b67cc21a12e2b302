use super::super::next::{TypedFlags, next_step};
use super::super::samples;
use super::*;
use crate::config::SIMULATOR;

fn column(name: &str, found: u64, of: u64) -> ColumnFound {
    ColumnFound { name: name.to_owned(), chosen: true, found, of, near: Vec::new() }
}

fn output(path: &str, rows: u64, columns: Vec<ColumnFound>) -> OutputLine {
    let kind = WrittenKind::Output;
    OutputLine { path: path.into(), kind, rows, columns, too_long: 0, instead_of: None }
}

fn text(summary: &Summary, outputs: &[OutputLine], style: TermStyle) -> String {
    let again = Spend { calls: 2, cost: Ore::new(640), unpriced: 0 };
    summary_text(&Closing { summary, outputs, again, took: Duration::from_secs(15_130) }, style)
}

#[test]
fn a_run_with_everything_in_it() {
    let columns =
        vec![column("company", 11_235, 11_235), column("city", 11_002, 11_235), column("turnovr", 0, 11_235)];
    let full = output("out/portfolio-k3v9q2.csv", 12_000, columns);
    let plain = output("out/portfolio.jsonl", 12_000, Vec::new());
    let rejects = OutputLine {
        kind: WrittenKind::Rejects,
        ..output("out/portfolio-k3v9q2.rejects.csv", 3, Vec::new())
    };
    let outputs = [full, plain, rejects];
    insta::assert_snapshot!(text(&samples::summary(), &outputs, TermStyle::PLAIN));
    for width in [60, 80, 120] {
        let text = text(&samples::summary(), &outputs, TermStyle::wide(width));
        insta::assert_snapshot!(format!("a_run_{width}_wide"), text);
    }
    insta::assert_snapshot!(
        "a_run_in_colour",
        format!("{:?}", text(&samples::summary(), &outputs, TermStyle::COLOURED))
    );
}

#[test]
fn a_simulated_run_says_so() {
    let output = output("out/quickstart.csv", 200, Vec::new());
    let (cost, spent_unknown) = (Ore::new(64_000), Ore::new(640));
    let summary =
        Summary { environment: SIMULATOR.to_owned(), letters: 1, cost, spent_unknown, ..samples::settled() };
    insta::assert_snapshot!(text(&summary, &[output], TermStyle::PLAIN));
}

#[test]
fn what_nobody_has_given_a_price_is_not_called_nothing() {
    let unpriced = vec!["creditsafe.getsignatory".to_owned()];
    let cost = |summary: &Summary| {
        figures(summary, TermStyle::PLAIN).lines().find(|line| line.starts_with("  cost")).unwrap().to_owned()
    };
    let nothing = Summary { unpriced, ..samples::settled() };
    assert!(cost(&nothing).ends_with("-  price unknown for creditsafe.getsignatory"), "{}", cost(&nothing));
    let some = Summary { cost: Ore::new(320), spent_unknown: Ore::new(320), ..nothing };
    let said = "3.20  SEK, of which 3.20 SEK for lost answers, billed or not, and price unknown for creditsafe.getsignatory";
    assert!(cost(&some).ends_with(said), "{}", cost(&some));
    let gated = Summary { saved_calls: 3, ..samples::settled() };
    assert!(
        figures(&gated, TermStyle::PLAIN).contains("condition was not met\n"),
        "{}",
        figures(&gated, TermStyle::PLAIN)
    );
}

#[test]
fn every_ending() {
    let mut all = String::new();
    for (_, mut summary) in samples::endings() {
        summary.next = next_step(&summary, &TypedFlags::default());
        let text = text(&summary, &[], TermStyle::PLAIN);
        assert!(text.lines().last().unwrap().starts_with("Next: "), "{text}");
        all.push_str(&text);
        all.push_str("-----\n");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn of_many_columns_twelve_are_shown_and_every_missing_one_is_counted() {
    let mut columns: Vec<ColumnFound> = (0..20).map(|at| column(&format!("found{at}"), 1, 2)).collect();
    columns.extend((0..14).map(|at| column(&format!("never{at}"), 0, 2)));
    let text = output_text(&output("x.csv", 1, columns), TermStyle::PLAIN);
    assert!(
        text.contains("found11") && !text.contains("found12") && text.contains("and 8 more columns"),
        "{text}"
    );
    assert!(text.contains("never11 and 2 more"), "{text}");
}

#[test]
fn what_is_to_be_known_of_a_file_stands_below_it() {
    let near = vec!["/report/turnover".to_owned(), "/report/turnoverYear".to_owned()];
    let columns = vec![ColumnFound { near, ..column("turnovr", 0, 2) }, column("city", 1, 2)];
    let line =
        OutputLine { too_long: 1, instead_of: Some("out/x.csv".into()), ..output("out/x-2.csv", 3, columns) };
    assert_eq!(
        output_text(&line, TermStyle::PLAIN),
        "  out/x-2.csv  3 rows\n    beside out/x.csv, which another run wrote\n    warning: 1 cell is longer than the 32,767 characters that Excel takes: choose other `columns`, or \
         write them without `excel`\n    warning: found in no answer: turnovr (there is /report/turnover, \
         /report/turnoverYear)\n    city  1 of 2\n"
    );
    assert!(exported_text(&line).starts_with("out/x-2.csv (3 rows)\n  beside out/x.csv"));
    assert!(output_in_full(&line).contains("    turnovr  0 of 2\n    city     1 of 2\n"));
}

#[test]
fn a_discovered_leaf_that_is_null_everywhere_is_no_mistake() {
    let columns = vec![ColumnFound { chosen: false, ..column("/report/none", 0, 2) }];
    let text = output_text(&output("x.csv", 2, columns), TermStyle::PLAIN);
    assert_eq!(text, "  x.csv  2 rows\n    /report/none  0 of 2\n");
}

#[test]
fn a_column_with_no_answer_to_look_into_is_no_mistake() {
    let output = output("x.csv", 1, vec![column("company", 0, 0)]);
    assert_eq!(output_text(&output, TermStyle::PLAIN), "  x.csv  1 row\n    company  0 of 0\n");
}

#[test]
fn a_column_that_was_not_chosen_is_no_mistake() {
    let found = ColumnFound { chosen: false, ..column("/report/name", 0, 2) };
    let text = output_text(&output("x.csv", 1, vec![found, column("turnovr", 0, 2)]), TermStyle::PLAIN);
    assert_eq!(text, "  x.csv  1 row\n    warning: found in no answer: turnovr\n    /report/name  0 of 2\n");
}
