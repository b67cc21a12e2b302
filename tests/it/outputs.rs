//! Files: what stands in them, that they come whole, and who may read them.

use super::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// Seven lines: hits, a bad row, a miss, a number that stands twice.
const INPUT: &str = "\u{feff}kund;orgnr;ort\r\nK1;599900-0002;Malmö\r\nK2;55x;Lund\r\nK3;556956-5855;\r\n\
                     K4;5999000002;=1+1\r\nK5;989900-0005;\"Ystad; norr\"\r\nK6;599900-0011;\r\n";
const FROM_FILE: &str =
    "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\ncarry = ['ort', 'kund']\nmax_bad = '60%'\n";

fn output(path: &str, keys: &str) -> String {
    format!("[[output]]\npath = '{path}'\n{keys}\n")
}

/// A run of two lookups a row, written in every form.
fn written() -> World {
    let world = World::new("");
    world.write("in.csv", INPUT);
    let company = "columns = [{ name = 'company', pointer = '/report/companyName', lookup = 'report' }]";
    let parts = [
        output("out/{job}-long.csv", ""),
        output("out/long.json", ""),
        output("out/long.jsonl", ""),
        output("out/wide.csv", "shape = 'wide'"),
        output("out/wide.jsonl", "shape = 'wide'"),
        output("out/chosen.csv", &format!("shape = 'wide'\n{company}")),
        output("out/only.csv", "only = ['no_hit']"),
        output("out/excel.csv", "excel = true\nshape = 'wide'"),
        output("out/masked.csv", "subject = 'masked'"),
        output("out/digest.csv", "subject = 'digest'"),
    ];
    world.job("job", &[FROM_FILE, REPORT, SIGNATORIES, &parts.concat()]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("rows"), ran.number("bad_rows"), ran.number("lookups")), (6, 2, 8));
    world
}

fn header(text: &str) -> &str {
    text.lines().next().unwrap()
}

#[test]
fn a_long_table_is_a_row_a_lookup() {
    let world = written();
    let text = world.read("out/job-long.csv");
    let fixed = "line,subject,ort,kund,lookup,service,outcome,code,text,source,attempts,cost,fetched_at,transactionid,\
                 log_id,";
    assert!(text.starts_with(fixed), "{}", header(&text));
    let leaves: Vec<&str> = header(&text)[fixed.len()..].split(',').collect();
    assert!(leaves.is_sorted() && leaves.contains(&"/report/companyName"), "{leaves:?}");
    assert!(leaves.contains(&"/report/contactInformation/registeredAddress/city"), "{leaves:?}");
    assert!(leaves.contains(&"/report/combinations"), "a list is one cell");

    let rows = world.rows("out/job-long.csv");
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("line"), ["2", "2", "4", "4", "5", "5", "6", "6"]);
    assert_eq!(column("subject")[0], "599900-0002");
    assert_eq!(column("subject")[6], "989900-0005");
    assert_eq!(column("outcome"), ["hit", "hit", "no_hit", "no_hit", "hit", "hit", "hit", "hit"]);
    let sources = ["bought", "bought", "bought", "bought", "reused", "reused", "bought", "bought"];
    assert_eq!(column("source"), sources);
    assert_eq!(column("cost")[..6], ["3.20", "6.00", "3.20", "6.00", "0.00", "0.00"]);
    assert_eq!(column("ort"), ["Malmö", "Malmö", "", "", "'=1+1", "'=1+1", "Ystad; norr", "Ystad; norr"]);
    assert_eq!(
        (rows[0]["lookup"].as_str(), rows[1]["service"].as_str()),
        ("report", "creditsafe.getsignatory")
    );
    assert!(rows.iter().all(|row| row["fetched_at"].ends_with('Z') && !row["log_id"].is_empty()));
    assert_eq!(rows[0]["/report/companyName"], rows[4]["/report/companyName"], "the follower has the answer");

    let references: Vec<_> = world.bill().into_iter().filter_map(|entry| entry.transactionid).collect();
    let shown: Vec<_> = column("transactionid").into_iter().filter(|id| references.contains(id)).collect();
    assert_eq!(shown.len(), 8);
}

#[test]
fn a_wide_table_has_as_many_rows_as_the_input() {
    let world = written();
    let rows = world.rows("out/wide.csv");
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("line"), ["2", "3", "4", "5", "6", "7"]);
    assert_eq!(column("kund"), ["K1", "K2", "K3", "K4", "K5", "K6"]);
    assert_eq!(column("report_outcome"), ["hit", "", "no_hit", "hit", "hit", ""]);
    assert_eq!(column("signatories_source"), ["bought", "", "bought", "reused", "bought", ""]);
    assert_eq!(column("report_cost"), ["3.20", "", "3.20", "0.00", "3.20", ""]);
    assert!(!rows[1]["row_error"].is_empty() && !rows[5]["row_error"].is_empty());
    assert!(rows[0]["row_error"].is_empty());
    assert!(rows[0].contains_key("report/report/companyName"), "{:?}", rows[0].keys());

    let chosen = world.read("out/chosen.csv");
    let fixed = "line,subject,row_error,ort,kund,report_outcome,report_code,report_source,report_cost,\
                 report_fetched_at,signatories_outcome,signatories_code,signatories_source,signatories_cost,\
                 signatories_fetched_at,company";
    assert_eq!(header(&chosen), fixed);
    assert_eq!(world.rows("out/chosen.csv")[0]["company"], rows[0]["report/report/companyName"]);
}

#[test]
fn json_has_the_same_fields_and_the_report_whole() {
    let world = written();
    let all: Vec<Value> = serde_json::from_str(&world.read("out/long.json")).unwrap();
    let lines: Vec<Value> =
        world.read("out/long.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all, lines);
    let rows = world.rows("out/job-long.csv");
    assert_eq!(all.len(), rows.len());
    for (value, row) in all.iter().zip(&rows) {
        for key in ["subject", "lookup", "outcome", "source", "cost", "transactionid", "log_id"] {
            assert_eq!(value[key].as_str().unwrap_or_default(), row[key], "{key}");
        }
        assert_eq!(value["line"].to_string(), row["line"]);
        assert_eq!(value["attempts"].to_string(), row["attempts"]);
        assert_eq!(value["report"]["companyName"].as_str().unwrap_or_default(), row["/report/companyName"]);
    }
    assert!(
        all[2]["report"]["error"]["code"] == "15",
        "without a report it is the body: {}",
        all[2]["report"]
    );
    let wide: Vec<Value> =
        world.read("out/wide.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(wide.len(), 6);
    assert_eq!(wide[0]["report"]["report"], all[0]["report"], "by lookup");
}

#[test]
fn only_excel_masked_and_digest() {
    let world = written();
    let only = world.rows("out/only.csv");
    assert_eq!(only.len(), 2);
    assert!(only.iter().all(|row| row["outcome"] == "no_hit"));

    let excel = world.read("out/excel.csv");
    assert!(excel.starts_with("\u{feff}line;subject;row_error;") && excel.contains(";3,20;"), "{excel}");
    assert_eq!(excel.lines().count(), excel.matches("\r\n").count());

    for file in ["out/masked.csv", "out/digest.csv"] {
        let text = world.read(file);
        for number in [companies(1), partnerships(1), vec!["5569565855".to_owned()]].concat() {
            let dashed = format!("{}-{}", &number[..6], &number[6..]);
            assert!(!text.contains(&number) && !text.contains(&dashed), "{file}: {text}");
        }
    }
    let digests: Vec<_> =
        world.rows("out/digest.csv").into_iter().map(|row| row["subject"].clone()).collect();
    assert_eq!((&digests[0], digests[0] == digests[2]), (&digests[4], false), "one subject has one digest");
}

#[test]
fn bad_rows_stand_beside_the_first_output() {
    let world = written();
    let rejects = world.rows("out/job-long.rejects.csv");
    let told: Vec<_> = rejects.iter().map(|row| (row["line"].as_str(), row["input"].as_str())).collect();
    assert_eq!(told, [("3", "55x"), ("7", "599900-0011")]);
    assert!(rejects.iter().all(|row| !row["reason"].is_empty()));

    // No bad rows, no file; also where an earlier run left one.
    world.write("in.csv", "orgnr,ort,kund\n599900-0002,,\n");
    world.run(&[]).exits(0);
    assert!(!world.path("out/job-long.rejects.csv").exists());
}

#[test]
fn too_many_bad_rows_are_told_before_anything_is_sent() {
    let world = World::new("");
    world.write("in.csv", INPUT);
    let input = FROM_FILE.replace("60%", "10%");
    world.job("job", &[&input, REPORT, &output("out.csv", "")]);
    world.run(&[]).exits(3).says("2 of 6 rows are bad").says("line 3:");
    assert_eq!((world.bill().len(), world.logins().len()), (0, 0));
    assert_eq!(world.rows("out.rejects.csv").len(), 2);
    assert!(!world.path("out.csv").exists());
}

#[test]
fn exporting_twice_gives_the_same_bytes_and_buys_nothing() {
    let world = written();
    let files = || {
        let names = std::fs::read_dir(world.path("out")).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = names.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        files.sort();
        files
    };
    let first = files();
    assert_eq!(first.len(), 11);
    for (path, bytes) in &first {
        assert!(!String::from_utf8_lossy(bytes).contains("requestUrl"), "{}", path.display());
    }
    std::fs::remove_dir_all(world.path("out")).unwrap();
    world.orgpull(&["export", "job"]).exits(0);
    assert_eq!(files(), first);
    assert_eq!(world.bill().len(), 6);

    // Another column, another form, standard output: from the ledger too.
    let city = "/report/contactInformation/registeredAddress/city";
    let column = format!("columns = [{{ name = 'city', pointer = '{city}' }}]");
    world.job("other", &[FROM_FILE, REPORT, SIGNATORIES, &output("city.csv", &column)]);
    world.orgpull(&["export", "job", "--job", "other.toml"]).exits(0);
    assert_eq!(world.rows("city.csv")[0]["city"], world.rows("out/job-long.csv")[0][city]);
    world.orgpull(&["export", "job", "--format", "jsonl", "--shape", "wide", "--output", "w"]).exits(0);
    assert_eq!(world.read("w"), world.read("out/wide.jsonl"));
    let shown = world.orgpull(&["export", "job", "--format", "csv", "--output", "-"]).exits(0);
    assert_eq!(shown.stdout, world.read("out/job-long.csv"));
    assert_eq!(world.bill().len(), 6);
}

#[test]
fn an_unfinished_run_can_be_exported() {
    let world =
        World::new("[[fault]]\nservice = 'getdata'\ndo = 'error'\nstatus = 403\ncode = '7'\nafter = 1\n");
    world.write("in.csv", INPUT);
    let outputs = [output("out.csv", ""), output("out.json", "")].concat();
    world.job("job", &[FROM_FILE, REPORT, &outputs]);
    world.run(&[]).exits(3);
    assert!(!world.path("out.csv").exists(), "nothing is written before the run is finished");
    world.orgpull(&["export", "job"]).exits(0);
    assert_eq!(world.out()[..2], ["hit bought 1 3.20", "pending 1 0.00"]);
    let all: Vec<Value> = serde_json::from_str(&world.read("out.json")).unwrap();
    assert_eq!((&all[1]["outcome"], &all[1]["report"]), (&"pending".into(), &Value::Null));
}

#[test]
fn the_summary_tells_in_how_many_answers_a_column_was_found() {
    let world = World::new("");
    world.write("in.csv", INPUT);
    let columns = "columns = [{ name = 'company', pointer = '/report/companyName' }, { name = 'typo', pointer = '/reprot' }]";
    world.job("job", &[FROM_FILE, REPORT, &output("out.csv", columns)]);
    let said = world.run(&[]).exits(0).said();
    assert!(said.contains("company 3 of 4") && said.contains("found in no answer: typo"), "{said}");
}

#[test]
fn nobody_else_may_read_what_was_bought() {
    let world = written();
    let mut files: Vec<_> =
        std::fs::read_dir(world.path("out")).unwrap().map(|file| file.unwrap().path()).collect();
    let own = std::fs::read_dir(world.path(".")).unwrap().map(|file| file.unwrap().path());
    files.extend(own.filter(|path| path.to_string_lossy().contains("orgpull.db")));
    assert!(files.len() >= 12, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn outputs_that_cannot_be_written_cost_nothing_and_lose_nothing() {
    let world = World::new("");
    world.write("in.csv", INPUT);
    world.job("job", &[FROM_FILE, REPORT, &output("in.csv.d/out.csv", "")]);
    world.write("in.csv.d", "a file where a folder should be");
    world.run(&[]).exits(7);
    assert!(world.bill().is_empty(), "found out before anything is bought");
    std::fs::remove_file(world.path("in.csv.d")).unwrap();
    world.run(&[]).exits(0);
}

#[test]
fn a_skipped_lookup_may_show_the_newest_stored_answer() {
    let world = World::new("");
    let both = "[[output]]\npath = 'last.csv'\nskipped = 'last'\nonly = ['hit']\n\
                columns = [{ name = 'company', pointer = '/report/companyName' }]\n";
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV, both]);
    world.run(&[]).exits(0);
    let bought = world.rows("last.csv");
    // As a condition that was not met leaves a lookup of the next run.
    world.run(&[]).exits(0);
    world.change(
        "UPDATE lookups SET outcome = 'skipped', source = NULL, attempt = NULL, code = 'condition' \
         WHERE run = 2 AND row = 1",
    );
    world.orgpull(&["export", "job"]).exits(0);
    assert_eq!(world.out()[0], "skipped/condition 0 0.00");
    let rows = world.rows("last.csv");
    assert_eq!(rows.len(), 2);
    assert_eq!((&*rows[0]["source"], &*rows[0]["attempts"], &*rows[0]["cost"]), ("reused", "0", "0.00"));
    for cell in ["subject", "outcome", "code", "fetched_at", "transactionid", "log_id", "company"] {
        assert_eq!(rows[0][cell], bought[0][cell], "{cell}");
    }
}
