//! `changes = true`: what differs from the answers that we had before the run.

use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers};

/// A call is answered with this report, whatever is asked.
fn answers(at: usize, report: &str) -> String {
    format!(
        "[[fault]]\ndo = 'body'\nafter = {at}\ntimes = 1\n\
         body = '{{\"metaData\": {{\"timeStamp\": \"{at}\"}}, \"report\": {report}}}'\n"
    )
}

fn changes(world: &World, file: &str) -> Vec<String> {
    let rows = world.rows(file);
    let cells = ["line", "lookup", "field", "change", "old", "new"];
    rows.iter().map(|row| cells.map(|cell| row[cell].as_str()).join(" ")).collect()
}

#[test]
fn a_nightly_job_ends_with_a_short_list_of_what_changed() {
    let first = answers(0, r#"{"companyName": "A", "address": {"street": "=x"}, "signs": [1], "old": 1}"#)
        + &answers(1, r#"{"companyName": "B"}"#);
    let world = World::new(&first);
    let two = companies(2);
    let rows = [two[0].as_str(), two[1].as_str(), two[0].as_str()];
    let outputs = "[[output]]\npath = 'changes/{job}.csv'\nchanges = true\n\
                   [[output]]\npath = 'chosen.jsonl'\nchanges = true\nsubject = 'masked'\n\
                   columns = [{ name = 'company', pointer = '/report/companyName' }]\n";
    let report = format!("{REPORT}reuse = '0'\n");
    world.job("job", &[&numbers(&rows), &report, CSV, outputs]);
    world.run(&[]).exits(0).says("job.csv 0 changes");
    assert_eq!(world.rows("changes/job.csv").len(), 0, "there was nothing before");
    let second =
        answers(0, r#"{"companyName": "C", "address": {"street": "=y"}, "signs": [1, 2], "new": "n"}"#)
            + &answers(1, r#"{"companyName": "B"}"#);
    world.scenario(&second);
    world.run(&[]).exits(0).says("job.csv 5 changes");
    assert_eq!(
        changes(&world, "changes/job.csv"),
        [
            "1 report /report/address/street changed '=x '=y",
            "1 report /report/companyName changed A C",
            "1 report /report/new added  n",
            "1 report /report/old removed 1 ",
            "1 report /report/signs changed [1] [1,2]"
        ]
    );
    let row = &world.rows("changes/job.csv")[0];
    assert!(row["old_fetched_at"] <= row["new_fetched_at"] && row["old_fetched_at"].ends_with('Z'));
    assert_eq!(row["subject"].replace('-', ""), two[0]);
    let chosen: serde_json::Value = serde_json::from_str(world.read("chosen.jsonl").trim()).unwrap();
    assert_eq!([&chosen["field"], &chosen["old"], &chosen["new"]], ["company", "A", "C"]);
    assert_eq!(chosen["subject"], "******-****");
    // The first run's list is what it was, and a reused answer changes nothing.
    let runs = world.orgpull(&["runs", "--json"]).stdout;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    let oldest = runs["runs"].as_array().or(runs.as_array()).unwrap().last().unwrap()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    world.orgpull(&["export", &oldest]).exits(0);
    assert_eq!(world.rows(&format!("changes/job-{oldest}.csv")).len(), 0);
    assert_eq!(world.rows("changes/job.csv").len(), 5, "the path holds the newest run");
    world.job("job", &[&numbers(&rows), REPORT, CSV, outputs]);
    world.run(&[]).exits(0).says("job.csv 0 changes");
}

#[test]
fn another_question_and_a_lost_answer_are_no_change() {
    let world = World::new("");
    let list = "[[output]]\npath = 'changes.csv'\nchanges = true\n";
    let plain = format!("{REPORT}reuse = '0'\n");
    world.job("job", &[&numbers(&companies(2)), &plain, SIGNATORIES, CSV, list]);
    world.run(&[]).exits(0);
    world.scenario("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    world.run(&[]).exits(4);
    assert_eq!(changes(&world, "changes.csv"), [""; 0], "only what is said of the call differs");
    world.scenario("");
    world.job("job", &[&numbers(&companies(2)), &plain.replace("Basic", "Credit"), SIGNATORIES, CSV, list]);
    world.run(&["--new"]).exits(0);
    assert_eq!(world.rows("changes.csv").len(), 0, "another block is another question");
}
