//! The recipes of `docs/recipes.md`, run as they stand there on what the quickstart wrote, and what they print compared with
//! what stands there. A recipe whose tool is missing says so on a line of its own and is not tried
//! (`tests/recipes/install` brings the tools).

use crate::machine::{BINARY, Process, command, skipped};
use crate::manual::{blocks, commands, quickstart};
use crate::world::World;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const PAGE: &str = "docs/recipes.md";
/// Whom PostgreSQL runs as where these tests are run by root, as whom it refuses to.
const NOBODY: u32 = 65_534;

/// Says that a recipe is not tried; where CI has installed the tools, that is a failure.
fn untried(recipe: &str, what: &str) {
    assert!(std::env::var_os("ORGPULL_CI").is_none(), "{recipe}: {what} is not installed");
    skipped(&format!("the recipe {recipe}: {what} is not installed (tests/recipes/install)"));
}

/// A folder with the outputs that every recipe goes on from, made by the commands of the page.
fn outputs() -> World {
    let world = quickstart();
    for line in commands(PAGE, "# Recipes").lines() {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        Process::of(&mut command(&world, BINARY, &words)).ends().exits(0);
    }
    world
}

/// The recipes below a heading in this language, each with what it prints.
fn recipes(heading: &str, language: &str) -> Vec<(String, String)> {
    let blocks = blocks(PAGE, heading);
    let pairs = blocks.chunks_exact(2).map(|pair| match pair {
        [(first, recipe), (second, prints)] if first == language && second == "text" => {
            (recipe.clone(), prints.clone())
        }
        _ => panic!("{heading}: a recipe in {language}, then what it prints"),
    });
    let pairs: Vec<_> = pairs.collect();
    assert_eq!(pairs.len() * 2, blocks.len(), "{heading}");
    assert_eq!(pairs.len(), 2, "{heading}");
    pairs
}

/// Runs a recipe and compares what it prints, whatever blanks and quotes a version of the tool puts between.
fn prints(tool: &mut Command, world: &World, expected: &str) {
    let ran = tool.current_dir(world.path("")).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{tool:?}\n{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let words = |text: &str| text.replace('"', "").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&said), words(expected), "{tool:?}");
}

/// A Python that has this module: the one that `tests/recipes/install` makes, or the system's.
fn python(module: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/recipes/bin/python");
    [own, "python3".into()].into_iter().find(|program| {
        let tried =
            Command::new(program).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

fn runs(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

#[test]
fn pandas() {
    let recipes = recipes("## pandas", "python");
    let Some(python) = python("pandas") else { return untried("pandas", "pandas") };
    let world = outputs();
    for (recipe, expected) in recipes {
        prints(Command::new(&python).args(["-c", &recipe]), &world, &expected);
    }
}

/// By DuckDB's own program, or the same library within Python.
#[test]
fn duckdb() {
    const CSV: &str = "import csv, duckdb, sys\nfound = duckdb.sql(sys.argv[1])\nout = csv.writer(sys.stdout)\n\
                       out.writerow(found.columns)\nout.writerows(found.fetchall())\n";
    let recipes = recipes("## DuckDB", "sql");
    let python = python("duckdb");
    let own = runs("duckdb");
    if !own && python.is_none() {
        return untried("DuckDB", "duckdb");
    }
    let world = outputs();
    for (recipe, expected) in recipes {
        let mut tool = match &python {
            Some(python) if !own => Command::new(python),
            _ => Command::new("duckdb"),
        };
        let first: &[&str] = if own { &["-csv", "-c"] } else { &["-c", CSV] };
        prints(tool.args(first).arg(&recipe).env("PYTHONUTF8", "1"), &world, &expected);
    }
}

/// A PostgreSQL of its own that nothing but a socket leads to; dropped, it is stopped.
struct Server {
    folder: TempDir,
    programs: PathBuf,
}

impl Server {
    /// Starts one, where there are the programs.
    fn start() -> Option<Self> {
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let mut places: Vec<PathBuf> = debian.map(|version| version.unwrap().path().join("bin")).collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        places.extend(std::env::split_paths(&path));
        let has = |place: &&PathBuf| ["initdb", "pg_ctl"].iter().all(|program| place.join(program).exists());
        let programs = places.iter().find(has).filter(|_| runs("psql"))?.clone();
        let folder = tempfile::tempdir().unwrap();
        if folder.path().metadata().unwrap().uid() == 0 {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let server = Self { folder, programs };
        server.does(
            "initdb",
            &["--auth=trust", "--username=anna", "--encoding=UTF8", "--locale=C", "--no-sync"],
        );
        let socket = format!("-c listen_addresses= -k {}", server.folder.path().display());
        server.does("pg_ctl", &["start", "--wait", "--silent", "--log", "log", "-o", &socket]);
        Some(server)
    }

    fn does(&self, program: &str, arguments: &[&str]) {
        let folder = self.folder.path();
        let mut command = Command::new(self.programs.join(program));
        command.arg("--pgdata").arg(folder.join("data")).args(arguments).current_dir(folder);
        if folder.metadata().unwrap().uid() == NOBODY {
            command.uid(NOBODY).gid(NOBODY);
        }
        // What it starts would hold a pipe open for as long as it lives.
        let status =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{command:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.does("pg_ctl", &["stop", "--mode=immediate", "--silent"]);
    }
}

#[test]
fn postgresql() {
    let recipes = recipes("## PostgreSQL", "sql");
    let Some(server) = Server::start() else { return untried("PostgreSQL", "postgresql") };
    let world = outputs();
    for (recipe, expected) in recipes {
        world.write("recipe.sql", &recipe);
        let mut psql = Command::new("psql");
        psql.args(["--csv", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=recipe.sql"]);
        psql.arg("--host").arg(server.folder.path()).args(["--username=anna", "postgres"]);
        prints(psql.env("PGCLIENTENCODING", "UTF8"), &world, &expected);
    }
}

/// No Excel is asked; what one needs to open the file by a double click is looked for in it.
#[test]
fn excel() {
    let shown = blocks(PAGE, "## Excel");
    let [(_, output)] = &shown[..] else { panic!("one output: {shown:?}") };
    let world = quickstart();
    let job = world.read("jobs/quickstart.toml");
    let job = job.split_once("[[output]]").unwrap().0.replace("\"quickstart\"", "\"customers\"");
    world.write("jobs/customers.toml", &(job + &output.replace("{date}", "excel")));
    let run = ["run", "jobs/customers.toml", "--simulate"];
    Process::of(&mut command(&world, BINARY, &run)).ends().exits(0);
    let bytes = fs::read(world.path("jobs/customers-excel.csv")).unwrap();
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").expect("a byte-order mark")).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("line;subject;row_error;customer_id;"), "{text:.200}");
    assert!(lines.next().unwrap().contains(";3,20;"), "{text:.600}");
    assert_eq!(text.matches('\n').count(), 201, "as many rows as went in");
}
