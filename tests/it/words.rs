//! What people read, whole, as it comes out of the real program: summaries, plans, problems, progress. What differs from
//! one time to the next (ids, times, ports, durations, folders) is replaced by its name in brackets.

use crate::machine::{BINARY, Ended, Process, both, busy, command, release, until_held};
use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, partnerships};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What is replaced, in this order.
const FILTERS: [(&str, &str); 12] = [
    (r"/tmp/\.tmp\w+", "[folder]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( UTC|Z)?", "[time]"),
    (r"op[0-9a-hjkmnp-tv-z]{12}", "[transactionid]"),
    (r"run [0-9a-hjkmnp-tv-z]{10}\b", "run [run]"),
    (r"\b(status|retry|portfolio, run) [0-9a-hjkmnp-tv-z]{10}\b", "$1 [run]"),
    (r"(?m)^[0-9a-hjkmnp-tv-z]{10} ", "[run]      "),
    (r#""run":( ?)"[0-9a-hjkmnp-tv-z]{10}""#, r#""run":$1"[run]""#),
    (r"\b(after|in) ((under|less than) 1 s|\d+ s)", "$1 [duration]"),
    (r"\b70000\d{4}\b", "[log_id]"),
    (r"process \d+, since", "process [pid], since"),
    (r"\[time\], on \S+", "[time], on [host]"),
];

/// A command, all it wrote, and its exit code.
fn told(world: &World, arguments: &[&str]) -> String {
    shown(arguments, &Process::start(world, arguments).ends())
}

fn shown(arguments: &[&str], ended: &Ended) -> String {
    let Ended { exit, stdout, stderr } = ended;
    let exit = exit.map_or("none".to_owned(), |exit| exit.to_string());
    format!("$ orgpull {}\n{stdout}----- stderr\n{stderr}----- exit {exit}\n", arguments.join(" "))
}

/// Compares with the snapshot of that name.
macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ filters => FILTERS.to_vec(), prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $text);
        })
    };
}

/// A world with a job of four companies and a mistyped number.
fn portfolio(scenario: &str, rules: &str) -> World {
    let world = World::new(scenario);
    for secret in ["username", "password"] {
        fs::set_permissions(world.path(secret), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let rows = companies(4).join(",K1\n");
    world.write("portfolio.csv", &format!("orgnr,customer\n556012-5791,K0\n{rows},K1\n"));
    let input = "[input]\npath = 'portfolio.csv'\ncolumn = 'orgnr'\ncarry = ['customer']\n";
    let output = CSV.replace("out.csv", "out/portfolio.csv");
    world.job("portfolio", &[input, rules, REPORT, SIGNATORIES, &output]);
    world
}

const RUN: [&str; 2] = ["run", "portfolio.toml"];

#[test]
fn a_run_that_settles_everything() {
    let world = portfolio("", "");
    snapshot!("exit_0", told(&world, &RUN));
    snapshot!("exit_0_csv", world.read("out/portfolio.csv"));
    snapshot!("exit_0_rejects", world.read("out/portfolio.rejects.csv"));
    snapshot!("exit_0_again", told(&world, &RUN));
    snapshot!("exit_0_quiet", told(&world, &["-q", "run", "portfolio.toml"]));
    snapshot!("exit_0_nothing_unfinished", told(&world, &["run", "portfolio.toml", "--continue"]));
    snapshot!("runs", told(&world, &["runs"]));
    snapshot!("status", told(&world, &["status"]));
    snapshot!("status_json", told(&world, &["status", "portfolio", "--json"]));
}

#[test]
fn a_run_whose_service_cannot_go_on() {
    let block = "[[fault]]\nservice = 'getdata'\nafter = 1\ndo = 'error'\nstatus = 400\ncode = '11'";
    snapshot!("exit_3", told(&portfolio(block, ""), &RUN));
}

#[test]
fn a_run_that_would_send_letters() {
    let world = portfolio("", "");
    let job = world.read("portfolio.toml").replace("'Basic'", "'Credit'");
    world.write("portfolio.toml", &job);
    world.write(
        "portfolio.csv",
        &format!("orgnr,customer\n{},\n{},\n", partnerships(2)[0], partnerships(2)[1]),
    );
    snapshot!("exit_3_letters", told(&world, &RUN));
    snapshot!("plan_letters", told(&world, &["plan", "portfolio.toml"]));
}

#[test]
fn a_run_with_failed_and_lost_lookups() {
    let faults =
        "[[fault]]\ndo = 'close'\ntimes = 2\n[[fault]]\nafter = 4\ndo = 'status'\nstatus = 503\ntimes = 1";
    let world = portfolio(faults, "[run]\nattempts = 1\n");
    snapshot!("exit_4", told(&world, &RUN));
    snapshot!("exit_4_status", told(&world, &["status"]));
    snapshot!("exit_4_retry_unasked", told(&world, &["retry", "portfolio", "--unknown"]));
    snapshot!("exit_4_retry", told(&world, &["retry", "portfolio"]));
}

#[test]
fn a_run_whose_login_is_refused() {
    let world = portfolio("login = { refuse = true }", "");
    snapshot!("exit_5", told(&world, &RUN));
    snapshot!("exit_5_again", told(&world, &RUN));
}

#[test]
fn a_run_whose_outputs_cannot_be_written() {
    let world = portfolio("", "");
    fs::create_dir_all(world.path("out/portfolio.csv")).unwrap();
    snapshot!("exit_7", told(&world, &RUN));
}

#[test]
fn a_run_whose_upstream_stays_away() {
    let world = portfolio("login = { status = 503 }", "[run]\noutage_wait = '0s'\n");
    snapshot!("exit_10", told(&world, &RUN));
}

#[test]
fn a_run_that_is_stopped() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 8");
    both(&world, "portfolio", &companies(6));
    let process = Process::start(&world, &RUN);
    until_held(&world, 8);
    let second = told(&world, &RUN);
    process.signal("INT");
    process.says("stopping");
    release(&world);
    let ended = process.ends().exits(130);
    snapshot!("exit_9", second);
    snapshot!("exit_130", shown(&RUN, &ended));
    snapshot!("exit_130_status", told(&world, &["status"]));
}

#[test]
fn a_plan() {
    let world = portfolio("", "").account("rate = '60/min'");
    snapshot!("plan", told(&world, &["plan", "portfolio.toml"]));
    snapshot!("plan_json", told(&world, &["plan", "portfolio.toml", "--json"]));
}

#[test]
fn progress_in_lines() {
    let world = portfolio("[[fault]]\ndo = 'status'\nstatus = 429\nretry_after = '0s'\ntimes = 1", "");
    let plain = Process::start(&world, &["run", "portfolio.toml", "--progress", "plain"]).ends();
    snapshot!("progress_plain", plain.stderr);
    snapshot!("progress_none", told(&world, &["run", "portfolio.toml", "--progress", "none"]));
}

#[test]
fn progress_in_json() {
    let world = portfolio("", "");
    let json = Process::start(&world, &["run", "portfolio.toml", "--progress", "json"]).ends();
    let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone();
    // How often it is told how far the run is depends on the machine; that the last line of it is complete does not.
    let (progress, others): (Vec<_>, Vec<_>) =
        json.stderr.lines().partition(|line| event(line) == "progress");
    assert!(progress.last().is_none_or(|line| line.contains("\"done\":8")), "{progress:?}");
    snapshot!("progress_json", others.join("\n"));
}

#[test]
fn problems_of_a_broken_job() {
    let world = World::new("");
    world.write(
        "broken.toml",
        "name = 'every night'\n\
         purpse = 'credit risk'\n\
         retention = '90d'\n\
         [input]\n\
         path = 'portfolio.csv'\n\
         numbers = ['19800101-0001']\n\
         kind = 'persn'\n\
         max_bad = '150%'\n\
         [[lookup]]\n\
         id = 'report'\n\
         service = 'creditsafe.getdta'\n\
         [[lookup]]\n\
         id = 'report'\n\
         service = 'creditsafe.datecheck-company'\n\
         params = { referencedate = 'last week', langauge = 'sv' }\n\
         when = { lookup = 'report', outcome = ['hit'] }\n\
         [run]\n\
         rate = 'fast'\n\
         concurrency = 0\n\
         [[output]]\n\
         path = 'out.pdf'\n\
         only = ['hits']\n\
         columns = [{ name = 'company', pointer = 'report/companyName' }]\n",
    );
    snapshot!("problems", told(&world, &["check", "broken.toml"]));
}

#[test]
fn the_quickstart() {
    let world = World::new("");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["jobs/quickstart.toml", "jobs/quickstart-numbers.csv", "config/orgpull.toml"] {
        fs::create_dir_all(world.path(file).parent().unwrap()).unwrap();
        fs::copy(root.join(file), world.path(file)).unwrap();
    }
    // The repository's own configuration, not the world's.
    fs::remove_file(world.path("orgpull.toml")).unwrap();
    let run = ["run", "jobs/quickstart.toml", "--simulate"];
    let ended = Process::of(&mut command(&world, BINARY, &run)).ends().exits(0);
    snapshot!("quickstart", shown(&run, &ended));
    let csv = world.read("out/quickstart.csv");
    assert_eq!(csv.lines().count(), 401);
    snapshot!("quickstart_csv", csv.lines().take(9).collect::<Vec<_>>().join("\n"));
    let again = Process::of(&mut command(&world, BINARY, &run)).ends().exits(0);
    assert!(
        again.stdout.contains("400 more were reused") || again.stdout.contains("400 were reused"),
        "{}",
        again.stdout
    );
}
