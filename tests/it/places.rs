//! Where files go when several runs name the same path: of a day each run has its own, a path without a day holds the newest
//! run, and a run of the first rows stands beside the whole one.

use super::world::{CSV, REPORT, World, companies, numbers};
use std::fs;

const DATED: &str = "[[output]]\npath = 'out/{job}-{date}.csv'\ncolumns = [{ name = 'company', pointer = '/report/companyName' }]\n";

/// Names in a folder, with the day of today as `DAY`.
fn names(world: &World, folder: &str) -> Vec<String> {
    let files = fs::read_dir(world.path(folder))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let dated = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d").unwrap();
    let mut names: Vec<String> = files.map(|name| dated.replace_all(&name, "DAY").into_owned()).collect();
    names.sort();
    names
}

/// Rows of the file of that name.
fn rows(world: &World, name: &str) -> usize {
    let today = names_of_today(world);
    world.rows(&format!("out/{}", name.replace("DAY", &today))).len()
}

fn names_of_today(world: &World) -> String {
    let file =
        fs::read_dir(world.path("out")).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    regex_lite::Regex::new(r"\d{4}-\d\d-\d\d").unwrap().find(&file).unwrap().as_str().to_owned()
}

fn id(world: &World) -> String {
    let runs = world.orgpull(&["runs", "--json"]).exits(0).stdout;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    let runs = runs.get("runs").cloned().unwrap_or(runs);
    runs[0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn each_run_of_a_day_has_a_file_of_its_own() {
    let world = World::new("");
    for count in [3, 2, 1] {
        world.job("job", &[&numbers(&companies(count)), REPORT, DATED]);
        let ran = world.run(&["--new"]).exits(0);
        assert_eq!(ran.said().contains("which another run wrote"), count < 3, "{}", ran.said());
    }
    assert_eq!(names(&world, "out"), ["job-DAY-2.csv", "job-DAY-3.csv", "job-DAY.csv"]);
    assert_eq!(
        (rows(&world, "job-DAY.csv"), rows(&world, "job-DAY-2.csv"), rows(&world, "job-DAY-3.csv")),
        (3, 2, 1)
    );

    // A run that is exported again, or whose outputs were not all in their place when it was killed, keeps its own.
    let last = id(&world);
    world.change("UPDATE outputs SET kind = NULL, written_at = NULL WHERE run = 3");
    let today = names_of_today(&world);
    fs::remove_file(world.path(&format!("out/job-{today}-3.csv"))).unwrap();
    world.orgpull(&["export", &last]).exits(0).says("job-").says("-3.csv (1 row)");
    world.orgpull(&["export", &last]).exits(0);
    assert_eq!(names(&world, "out"), ["job-DAY-2.csv", "job-DAY-3.csv", "job-DAY.csv"]);
    assert_eq!(rows(&world, "job-DAY.csv"), 3);

    // Nor does another job take one, or a ledger that knows nothing of these runs.
    world.job("other", &[&numbers(&companies(4)), REPORT, &DATED.replace("{job}", "job")]);
    world.orgpull(&["run", "other.toml"]).exits(0).says("-4.csv");
    world.orgpull(&["--database", "second.db", "run", "job.toml"]).exits(0).says("-5.csv");
    assert_eq!(
        (rows(&world, "job-DAY.csv"), rows(&world, "job-DAY-3.csv"), names(&world, "out").len()),
        (3, 1, 5)
    );
}

#[test]
fn the_bad_rows_of_a_run_stand_beside_its_own_file() {
    let world = World::new("");
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    let file = |bad: usize| {
        world.write("in.csv", &format!("orgnr\n{}\n{}", companies(4).join("\n"), "55x\n".repeat(bad)));
    };
    world.job("job", &[input, REPORT, DATED]);
    file(1);
    world.run(&[]).exits(0);
    file(2);
    world.run(&[]).exits(0);
    let both = ["job-DAY-2.csv", "job-DAY-2.rejects.csv", "job-DAY.csv", "job-DAY.rejects.csv"];
    assert_eq!(names(&world, "out"), both);
    assert_eq!((rows(&world, "job-DAY.rejects.csv"), rows(&world, "job-DAY-2.rejects.csv")), (1, 2));
    // An input that is refused has no file, and its bad rows leave those of the day alone.
    file(9);
    world.run(&[]).exits(3).says("-3.rejects.csv");
    assert_eq!((rows(&world, "job-DAY.rejects.csv"), rows(&world, "job-DAY-3.rejects.csv")), (1, 9));
    // A run of the first rows has its own of both.
    file(1);
    world.run(&["--limit", "5"]).exits(0);
    assert_eq!(rows(&world, "job-DAY-first-5.rejects.csv"), 1);
    assert_eq!(rows(&world, "job-DAY.csv"), 4);
}

#[test]
fn a_run_of_the_first_rows_never_replaces_a_whole_runs_file() {
    let world = World::new("");
    let both = [CSV, DATED, &CSV.replace("out.csv", "out/{run}.csv")].concat();
    world.job("job", &[&numbers(&companies(5)), REPORT, &both]);
    world.run(&[]).exits(0);
    world.run(&["--limit", "2"]).exits(0).says("out-first-2.csv");
    world.run(&["--limit", "2"]).exits(0).says("-first-2-2.csv");
    world.run(&["--limit", "3"]).exits(0);
    assert_eq!(world.rows("out.csv").len(), 5);
    assert_eq!((world.rows("out-first-2.csv").len(), world.rows("out-first-3.csv").len()), (2, 3));
    let names = names(&world, "out");
    for name in ["job-DAY.csv", "job-DAY-first-2.csv", "job-DAY-first-2-2.csv", "job-DAY-first-3.csv"] {
        assert!(names.iter().any(|there| there == name), "{name}: {names:?}");
    }
    let last = id(&world);
    assert!(names.contains(&format!("{last}-first-3.csv")), "{names:?}");
}

#[test]
fn a_path_without_a_day_holds_the_newest_run() {
    let world = World::new("[[fault]]\ndo = 'close'\nafter = 1\ntimes = 1\n");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV]);
    world.run(&[]).exits(4);
    let older = id(&world);
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    world.run(&["--new"]).exits(0);
    let newest = world.read("out.csv");
    // An older run that is exported or driven again writes beside it.
    let beside = format!("out-{older}.csv");
    world.orgpull(&["export", &older]).exits(0).says(&beside).says("beside").says("which another run wrote");
    assert_eq!((world.rows(&beside).len(), world.read("out.csv") == newest), (2, true));
    fs::remove_file(world.path(&beside)).unwrap();
    world.pull(&["retry", &older, "--unknown", "--yes"]).exits(0).says(&beside);
    assert_eq!((world.rows(&beside).len(), world.read("out.csv") == newest), (2, true));
    // The newest one replaces its own, and a place that the user names is the user's.
    world.orgpull(&["export", "job"]).exits(0);
    assert!(world.read("out.csv") == newest);
    world.orgpull(&["export", &older, "--format", "csv", "--output", "out.csv"]).exits(0);
    assert_eq!(world.rows("out.csv").len(), 2);
}

#[test]
fn status_lists_every_column_of_every_file() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(2)), REPORT, "[[output]]\npath = 'all.csv'\n"]);
    let ran = world.run(&[]).exits(0).said();
    assert!(ran.contains("more columns (`orgpull status` lists them all)"), "{ran}");
    let header = world.read("all.csv").lines().next().unwrap().to_owned();
    let status = world.orgpull(&["status"]).exits(0).said();
    let leaves: Vec<&str> = header.split(',').filter(|name| name.starts_with('/')).collect();
    assert!(leaves.len() > 12);
    assert!(leaves.iter().all(|leaf| status.contains(&format!("{leaf} "))), "{status}");
    assert!(status.contains("all.csv 2 rows"), "{status}");
}

#[test]
fn a_column_found_in_no_answer_is_told_with_the_nearest_pointers() {
    let world = World::new("");
    for (pointer, near) in [
        ("/report/companyname", "/report/companyName"),
        ("/companyName", "/report/companyName"),
        ("/report/compnayName", "/report/companyName"),
        ("/report/contactInformation/city", "/report/contactInformation/visitingAddress/city"),
    ] {
        let columns = format!("columns = [{{ name = 'company', pointer = '{pointer}' }}]\n");
        world.job("job", &[&numbers(&companies(2)), REPORT, "[[output]]\npath = 'out.csv'\n", &columns]);
        let said = world.run(&["--new"]).exits(0).said();
        assert!(said.contains(&format!("found in no answer: company (there is {near}")), "{pointer}: {said}");
    }
}

#[test]
fn a_part_of_the_rows_never_replaces_the_whole_by_whatever_path() {
    let world = World::new("");
    let second = "[[output]]\npath = 'out-first-1.csv'\nformat = 'csv'\n";
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, second]);
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.rows("out-first-1.csv").len(), 3);
    world.orgpull(&["run", "job.toml", "--limit", "1"]).exits(0);
    assert_eq!(world.rows("out-first-1.csv").len(), 3, "the whole run's");
}
