use super::super::tests::invocation;
use super::*;
use crate::ledger::Stage;

const JOB: &str = r#"
name = "portfolio"
[input]
numbers = ["5560125790"]
[[lookup]]
id = "report"
service = "creditsafe.getdata"
params = { blockname = "CompanyBasic" }
[[output]]
path = "x.csv"
"#;

fn run(path: &Path, text: &str) -> RunRow {
    RunRow {
        operator: "nobody@test".to_owned(),
        id: 1,
        run: "k3v9q2".to_owned(),
        job: "portfolio".to_owned(),
        stage: Stage::Finished,
        environment: SIMULATOR.to_owned(),
        job_path: path.to_string_lossy().into_owned(),
        job_text: text.to_owned(),
        input_digest: String::new(),
        input_bytes: None,
        input_sha256: None,
        limit_rows: None,
        input_given: None,
        buy_again: false,
        letter_rows: 0,
        columns: Vec::new(),
        steps: Vec::new(),
        first_day: "2026-03-01".to_owned(),
        rows: 1,
        bad_rows: 0,
        retention: None,
        purged_at: None,
        started_at: 0,
        finished_at: None,
        exit: Some(0),
        reason: None,
        fire: None,
    }
}

#[test]
fn a_broken_job_file_stops_a_retry_and_no_export() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portfolio.toml");
    std::fs::write(&path, "name = ").unwrap();
    let settings = Settings::with_catalogue_only();
    let (invocation, told) = invocation("orgpull export portfolio --output x.csv");
    assert!(matches!(job_of(&run(&path, JOB), &settings, &invocation), Err(Failure::File(_))));
    assert_eq!(told.text(), "");
    let job = job_to_export(&run(&path, JOB), &settings, &invocation).unwrap();
    assert_eq!(job.outputs.len(), 1);
    assert!(told.text().starts_with("warning: ") && told.text().contains("`orgpull check` says why"));
    let Err(Failure::File(error)) = job_to_export(&run(&path, "name = 1"), &settings, &invocation) else {
        panic!("a copy that is no better is used")
    };
    assert!(error.to_string().contains("portfolio.toml:1:8"), "{error}");
}

#[test]
fn a_job_file_that_is_gone_is_replaced_by_the_ledgers_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portfolio.toml");
    let (invocation, told) = invocation("orgpull export portfolio");
    let job = job_to_export(&run(&path, JOB), &Settings::with_catalogue_only(), &invocation).unwrap();
    assert_eq!((job.name.as_str(), job.rules.rate), ("portfolio", Rate::Unlimited));
    assert!(told.text().contains("is gone: the ledger's copy of it is used"), "{}", told.text());
    assert_eq!(told.text().lines().count(), 1);
}
