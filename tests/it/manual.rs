//! What README.md and `docs/` show is what the program does: the job of ten lines, the quickstart's summary, the line of
//! cron.

use crate::machine::{BINARY, Process, command};
use crate::world::World;
use regex_lite::Regex;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A page, by its path from the repository's root.
pub(crate) fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands below a heading, down to the next one of the same rank.
fn section(path: &str, heading: &str) -> String {
    let page = format!("\n{}", page(path));
    let below =
        page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{path}: no {heading}")).1;
    let rank = heading.split(' ').next().unwrap();
    below.split(&format!("\n{rank} ")).next().unwrap().to_owned()
}

/// The fenced blocks below a heading: language and text.
pub(crate) fn blocks(path: &str, heading: &str) -> Vec<(String, String)> {
    let section = section(path, heading);
    let fences: Vec<&str> = section.split("```").collect();
    let inside = fences.iter().skip(1).step_by(2);
    inside.map(|block| block.split_once('\n').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// The first commands below a heading.
pub(crate) fn commands(path: &str, heading: &str) -> String {
    let section = section(path, heading);
    let block = section.split("\n\n").find(|block| block.trim_start_matches('\n').starts_with("    "));
    block.unwrap().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A folder with the quickstart and the repository's own configuration.
pub(crate) fn quickstart() -> World {
    let world = World::new("");
    for file in ["jobs/quickstart.toml", "jobs/quickstart-numbers.csv", "config/orgpull.toml"] {
        fs::create_dir_all(world.path(file).parent().unwrap()).unwrap();
        world.write(file, &page(file));
    }
    // The repository's own configuration, not the world's.
    fs::remove_file(world.path("orgpull.toml")).unwrap();
    world
}

/// The same text without what differs from one run to the next.
fn constant(text: &str) -> String {
    let changing = Regex::new(
        "[0-9a-hjkmnp-tv-z]{10}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z|after (less than )?[0-9]+ s",
    );
    changing.unwrap().replace_all(text, "…").into_owned()
}

#[test]
fn the_job_of_ten_lines_writes_what_the_readme_shows() {
    let shown = blocks("README.md", "## A job in ten lines");
    let [(_, input), (_, job), (_, output)] = &shown[..] else { panic!("input, job and output: {shown:?}") };
    assert_eq!(job.lines().count(), 10);
    let world = quickstart();
    world.write("customers.csv", input);
    world.write("customers.toml", job);
    let typed = commands("README.md", "## A job in ten lines");
    let words: Vec<&str> = typed.split(' ').skip(1).collect();
    Process::of(&mut command(&world, BINARY, &words)).ends().exits(0);
    let written = world.read("result.csv").replace("\r\n", "\n");
    assert_eq!(constant(&written), constant(output));
}

#[test]
fn the_readme_shows_the_summary_as_it_is() {
    let world = quickstart();
    let ended =
        Process::of(&mut command(&world, BINARY, &["run", "jobs/quickstart.toml", "--simulate"])).ends();
    let ended = ended.exits(0);
    let folder = fs::canonicalize(world.path("")).unwrap();
    let said = constant(&ended.stdout.replace(folder.to_str().unwrap(), "/home/anna/orgpull"));
    let section = section("README.md", "## What you see");
    let shown: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let said: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    let shown = constant(&shown.join("\n"));
    assert!(shown.ends_with(&said.join("\n")), "README.md shows\n{shown}\nand it says\n{}", said.join("\n"));
}

#[test]
fn a_plan_is_as_the_page_shows_it() {
    let world = quickstart();
    world.write("jobs/backfill.toml", &page("jobs/backfill.toml"));
    let mut plan = command(&world, BINARY, &["plan", "jobs/backfill.toml"]);
    let planned =
        Process::of(plan.env("CREDITSAFE_USERNAME", "anna").env("CREDITSAFE_PASSWORD", "anna")).ends();
    let said = planned.exits(0).stdout;
    let shown: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let providers = page("docs/providers.md");
    let lines: Vec<&str> = providers.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(shown.len() > 5 && lines.windows(shown.len()).any(|lines| lines == shown), "{said}");
}

/// Cron gives a job next to nothing: no working folder of its own, no variables, a short `PATH`.
#[test]
fn the_line_of_cron_needs_nothing_around_it() {
    let line = commands("docs/operations.md", "## Cron");
    let world = World::new("");
    world.job("nightly", &["[input]\nnumbers = ['556012-5790']\n", crate::world::REPORT, crate::world::CSV]);
    let folder = world.path("").display().to_string();
    let typed = line.split_once("  ").unwrap().1;
    let typed =
        typed.replace("/usr/local/bin/orgpull", BINARY).replace("/srv/orgpull/jobs/", "/srv/orgpull/");
    let typed = typed.replace("/srv/orgpull", folder.trim_end_matches('/'));
    let mut shell = Command::new("/bin/sh");
    let ran = shell.arg("-c").arg(&typed).current_dir("/").env_clear().output().unwrap();
    assert!(ran.status.success(), "{typed}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(ran.stdout.is_empty() && world.path("out.csv").exists(), "{typed}");
}
