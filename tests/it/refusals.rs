//! What `run` refuses before it sends anything, `plan` refuses too, with the same words and the same exit; and what a plan
//! takes, the run takes.

use crate::world::{
    CREDIT, CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships, people, side_by_side,
};
use proptest::prelude::*;
use std::fs;

const INPUT: &str = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\ncarry = ['namn']\n";

/// A world with a job that would run.
fn good() -> World {
    let world = World::new("");
    world.job("job", &[INPUT, REPORT, SIGNATORIES, CSV]);
    let rows = companies(4).join(";x\n");
    world.write("in.csv", &format!("orgnr;namn\n{rows};x\n"));
    world
}

/// The same after one thing is changed in its job.
fn job(from: &'static str, to: &'static str) -> impl Fn() -> World + Sync {
    move || {
        let world = good();
        let text = world.read("job.toml");
        assert!(text.contains(from), "{from}");
        world.write("job.toml", &text.replacen(from, to, 1));
        world
    }
}

/// With this input.
fn input(bytes: &'static [u8]) -> impl Fn() -> World + Sync {
    move || {
        let world = good();
        fs::write(world.path("in.csv"), bytes).unwrap();
        world
    }
}

/// With this change to the configuration.
fn configuration(from: &'static str, to: &'static str) -> impl Fn() -> World + Sync {
    move || {
        let world = good();
        let text = world.read("orgpull.toml");
        assert!(text.contains(from), "{from} {text}");
        world.write("orgpull.toml", &text.replacen(from, to, 1));
        world
    }
}

/// After something was done in its folder.
fn with(act: impl Fn(&World) + Sync) -> impl Fn() -> World + Sync {
    move || {
        let world = good();
        act(&world);
        world
    }
}

/// With a run that stopped at the third row, and what happened since.
fn stopped(act: impl Fn(&World) + Sync) -> impl Fn() -> World + Sync {
    move || {
        let world = World::new("[[fault]]\nafter = 2\ndo = 'error'\nstatus = 403\ncode = '7'\n");
        world.job("job", &[&numbers(&companies(4)), REPORT, CSV]);
        world.orgpull(&["run", "job.toml"]).exits(3);
        world.scenario("");
        act(&world);
        world
    }
}

type Made<'a> = Box<dyn Fn() -> World + Sync + 'a>;

/// A refusal: how it comes about, its exit, and what is said.
struct Refusal<'a>(Made<'a>, i32, &'static str);

fn of(made: impl Fn() -> World + Sync + 'static, exit: i32, said: &'static str) -> Refusal<'static> {
    Refusal(Box::new(made), exit, said)
}

fn of_files() -> Vec<Refusal<'static>> {
    vec![
        of(job("column =", "colum ="), 3, "did you mean `column`?"),
        of(job("creditsafe.getsignatory", "creditsafe.getsignatry"), 3, "no such service"),
        of(configuration("concurrency", "concurency"), 3, "did you mean `concurrency`?"),
        of(
            configuration("[providers.creditsafe]", "[providers.creditsave]"),
            3,
            "did you mean `creditsafe`?",
        ),
        of(with(|world| fs::remove_file(world.path("job.toml")).unwrap()), 3, "job.toml cannot be read"),
        // Secrets.
        of(
            configuration("file = \"password\"", "env = \"ORGPULL_TEST_UNSET\""),
            3,
            "ORGPULL_TEST_UNSET is not set",
        ),
        of(configuration("file = \"password\"", "file = \"nowhere\""), 3, "nowhere cannot be read"),
        of(configuration("file = \"password\"", "command = [\"false\"]"), 3, "the secret's program false"),
        of(with(|world| world.write("password", "")), 3, "holds nothing"),
        of(requestor, 3, "wants to know who asks"),
        of(refused_login, 5, "these credentials were refused before"),
        // Letters.
        of(letters, 3, "may send a letter of disclosure"),
        of(unannounced, 3, "has posted a letter of disclosure before"),
        // The ledger.
        of(
            with(|world| world.write("orgpull.db", &"no ledger\n".repeat(60))),
            6,
            "is not a ledger of orgpull",
        ),
        of(with(|world| fs::create_dir(world.path("orgpull.db")).unwrap()), 6, "directory"),
        of(nowhere_for_the_ledger, 6, "cannot be opened"),
    ]
}

fn of_the_input() -> Vec<Refusal<'static>> {
    vec![
        of(with(|world| fs::remove_file(world.path("in.csv")).unwrap()), 3, "no such file"),
        of(job("'in.csv'", "'.'"), 3, "a directory"),
        of(input(b""), 3, "empty"),
        of(input(b"orgnr;namn\n"), 3, "no row holds a valid number"),
        of(input(b"orgnr;namn\n55x;x\n"), 3, "no row holds a valid number"),
        of(input(b"orgnr;ort\n5999000002;x\n"), 3, "no column `namn`"),
        of(input(b"orgnr;namn;namn\n5999000002;x;y\n"), 3, "is there twice"),
        of(input(b"5999000002;x\n"), 3, "the first line holds numbers"),
        of(input(b"orgnr;\"namn\n5999000002;x\n"), 3, "where the names of the columns belong"),
        of(input(b"orgnr;namn\n5999000002;\"x"), 3, "the file was cut short"),
        of(input(b"orgnr;namn\n5999000002;Malm\x94\n"), 3, "neither UTF-8 nor Windows-1252"),
        of(input(b"PK\x03\x04...."), 3, "a workbook"),
        of(input(b"\xff\xfeo\0r\0"), 3, "UTF-16"),
        of(job("column =", "min_rows = 9\ncolumn ="), 3, "`min_rows` asks for 9"),
        of(input(b"orgnr;namn\n5999000002;x\n1;x\n2;x\n"), 3, "`max_bad` bears 50 %"),
        // Two columns of an output with one name.
        of(clash("*", "orgnr;outcome\n5999000002;x\n"), 3, "would be called `outcome`"),
        of(clash("*", "orgnr;company\n5999000002;x\n"), 3, "would be called `company`"),
        of(clash("*", "orgnr;a;a\n5999000002;x;y\n"), 3, "`a` stands twice"),
        of(clash("*", "orgnr;a;\u{a0}a\n5999000002;x;y\n"), 3, "`a` stands twice"),
        of(every_leaf, 3, "would be called `/report/companyName`"),
        of(later_key, 3, "would be called `outcome`"),
        of(
            job("params = { blockname = 'Basic' }", "params = { blockname = '{block}' }"),
            3,
            "no column `block`",
        ),
    ]
}

fn of_the_outputs() -> Vec<Refusal<'static>> {
    vec![
        of(with(|world| fs::create_dir(world.path("out.csv")).unwrap()), 7, "is a folder"),
        of(with(|world| fs::create_dir(world.path("out.rejects.csv")).unwrap()), 7, "is a folder"),
        of(job("'out.csv'", "'/dev/null'\nformat = 'csv'"), 7, "not an ordinary file"),
        of(job("'out.csv'", "'orgpull.toml'\nformat = 'csv'"), 7, "would be replaced, but it is"),
        of(job("'out.csv'", "'in.csv/x/out.csv'"), 7, "cannot create the folder"),
        of(job("'out.csv'", "'job.csv'\n[[output]]\npath = '{job}.csv'"), 7, "two files of this job"),
        of(
            with(|world| std::os::unix::fs::symlink("in.csv", world.path("out.csv")).unwrap()),
            7,
            "would be replaced, but it is",
        ),
        of(
            with(|world| std::os::unix::fs::symlink("elsewhere", world.path("out.csv")).unwrap()),
            7,
            "is a link, and no output is written through one",
        ),
        of(job("'out.csv'", "'out.csv'\ngroup = 'no-such-group'"), 3, "there is no group `no-such-group`"),
    ]
}

fn of_an_unfinished_run() -> Vec<Refusal<'static>> {
    let change = |from: &'static str, to: &'static str| {
        stopped(move |world| world.write("job.toml", &world.read("job.toml").replacen(from, to, 1)))
    };
    vec![
        of(change("id = 'report'", "id = 'basic'"), 3, "`--new` closes the unfinished run"),
        of(change("numbers = [", "numbers = ['5560125790', "), 3, "the [input] of job job has changed"),
        of(change("[input]", "[budget]\nmax_calls = 1\n[input]"), 3, "has spent"),
        of(change("'Basic'", "'{block}'"), 3, "`numbers` have none"),
        of(stopped(|world| fs::create_dir(world.path("out.csv")).unwrap()), 7, "is a folder"),
        of(stopped(|world| fs::remove_file(world.path("password")).unwrap()), 3, "password cannot be read"),
        of(|| stopped(|_| ())().moved(), 3, "belongs to environment"),
        of(other_columns, 3, "which run"),
    ]
}

fn clash(carry: &'static str, text: &'static str) -> impl Fn() -> World + Sync {
    move || {
        let world = good();
        world.job("job", &[&INPUT.replace("['namn']", &format!("'{carry}'")), REPORT, CSV]);
        world.write("in.csv", text);
        world
    }
}

fn every_leaf() -> World {
    let world = clash("*", "orgnr;/report/companyName\n5999000002;x\n")();
    world.job("job", &[&INPUT.replace("['namn']", "'*'"), REPORT, "[[output]]\npath = 'out.csv'\n"]);
    world
}

/// A key that only the last object has.
fn later_key() -> World {
    let world = World::new("");
    let objects = "{\"orgnr\":\"5999000002\"}\n{\"orgnr\":\"5999000010\",\"outcome\":\"x\"}\n";
    world.write("in.jsonl", objects);
    world.job("job", &["[input]\npath = 'in.jsonl'\ncolumn = 'orgnr'\ncarry = '*'\n", REPORT, CSV]);
    world
}

fn requestor() -> World {
    let service = "name = \"partner\"\n[[service]]\nname = \"customer\"\ntitle = \"A customer.\"\n\
                   path = \"/customers/{number}\"\norganisation = 10\n";
    let world = World::new("");
    fs::create_dir(world.path("catalogue")).unwrap();
    world.write("catalogue/partner.toml", service);
    let world = world.provider("partner", "");
    let lookup = "[[lookup]]\nid = 'customer'\nservice = 'partner.customer'\n";
    world.job("job", &[&numbers(&companies(2)), lookup, CSV]);
    world
}

fn refused_login() -> World {
    let world = World::new("login = { refuse = true }");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV]);
    world.orgpull(&["run", "job.toml"]).exits(5);
    world
}

fn letters() -> World {
    let world = World::new("");
    let silent = CREDIT.replace("letters = true\n", "");
    world.job("job", &[&numbers(&[people(1), companies(1)].concat()), &silent, CSV]);
    world
}

/// A block that is said to post no letter, and has posted one.
fn unannounced() -> World {
    let world = World::new("").account("letters = []\nno_letters = ['getdata']\n");
    world.job("job", &[&numbers(&partnerships(3)), &CREDIT.replace("letters = true\n", ""), CSV]);
    world.orgpull(&["run", "job.toml"]).exits(3);
    world
}

fn nowhere_for_the_ledger() -> World {
    let world = good();
    world.write("file", "");
    let text = world.read("orgpull.toml").replacen("orgpull.db", "file/x/orgpull.db", 1);
    world.write("orgpull.toml", &text);
    world
}

/// A parameter that needs a column which the unfinished run did not copy.
fn other_columns() -> World {
    let world = World::new("[[fault]]\nafter = 2\ndo = 'error'\nstatus = 403\ncode = '7'\n");
    world.write("in.csv", &format!("orgnr;namn\n{};Basic\n", companies(4).join(";Basic\n")));
    world.job("job", &["[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n", REPORT, CSV]);
    world.orgpull(&["run", "job.toml"]).exits(3);
    world.scenario("");
    world.write("job.toml", &world.read("job.toml").replace("'Basic'", "'{namn}'"));
    world
}

/// The words that matter of what was said: what follows the first `error: `, without what only a run knows.
fn reason(said: &str) -> String {
    let error = said.split_once("error: ").map_or(said, |(_, error)| error);
    error
        .split(" Next:")
        .next()
        .unwrap_or_default()
        .split(" all bad rows:")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[test]
fn a_plan_refuses_what_a_run_refuses() {
    let all: Vec<Refusal<'_>> = [of_files(), of_the_input(), of_the_outputs(), of_an_unfinished_run()]
        .into_iter()
        .flatten()
        .collect();
    side_by_side(&all, |Refusal(made, exit, said)| {
        let world = made();
        let before = (world.stats().arrivals, world.stats().logins);
        let plan = world.orgpull(&["plan", "job.toml"]).exits(*exit).says(said);
        assert!(!world.path("in.csv/x").exists() && !world.path("file/x").exists(), "a plan makes nothing");
        let run = world.orgpull(&["run", "job.toml"]).exits(*exit).says(said);
        assert_eq!((world.stats().arrivals, world.stats().logins), before, "{said}: nothing is sent");
        let (planned, ran) = (reason(&plan.said()), reason(&run.said()));
        assert!(*exit == 5 || planned.contains(said) && ran.contains(said), "{planned}\n{ran}");
    });
}

#[test]
fn a_plan_keeps_the_simulator_out_of_a_real_ledger_as_a_run_does() {
    let world = good();
    world.orgpull(&["run", "job.toml"]).exits(0);
    for command in ["plan", "run"] {
        world
            .orgpull(&["--database", "orgpull.db", command, "job.toml", "--simulate"])
            .exits(2)
            .says("holds runs of a real account");
    }
}

#[test]
fn before_a_run_on_a_terminal_its_secrets_are_not_read_twice() {
    // The plan that a run shows does not read them: what is wrong with one the run itself tells.
    let world =
        configuration("file = \"password\"", "command = [\"sh\", \"-c\", \"echo x >> asked; echo secret\"]")(
        );
    world.orgpull(&["plan", "job.toml"]).exits(0);
    assert_eq!(world.read("asked").lines().count(), 1);
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.read("asked").lines().count(), 2);
}

/// A job and its input, good or not.
fn any_job() -> impl Strategy<Value = (String, Vec<u8>)> {
    let company = companies(1).remove(0);
    let partnership = partnerships(1).remove(0);
    let row = prop::sample::select(vec![
        format!("{company};a"),
        format!("{partnership};b"),
        company.clone(),
        "55x;c".to_owned(),
        ";;".to_owned(),
        format!("{company};\"d"),
        format!("{company};e;;"),
        format!("{company};f;g"),
        "800101-0001;h".to_owned(),
    ]);
    let header = prop::sample::select(vec![
        "orgnr;namn",
        "orgnr;outcome",
        "orgnr;namn;namn",
        "org;namn",
        "sep=;\norgnr;namn",
        "orgnr",
    ]);
    let end = prop::sample::select(vec![&b"\n"[..], b"", b";Malm\x94\n", b";\xc5re\n"]);
    let keys = prop::sample::select(vec![
        "",
        "min_rows = 2\n",
        "max_bad = 0\n",
        "sole_traders = 'reject'\n",
        "carry = '*'\n",
        "carry = ['namn']\n",
    ]);
    let lookup = prop::sample::select(vec![
        REPORT.to_owned(),
        [REPORT, SIGNATORIES].concat(),
        CREDIT.to_owned(),
        CREDIT.replace("letters = true\n", ""),
        REPORT.replace("'Basic'", "'{namn}'"),
    ]);
    let output = prop::sample::select(vec![
        CSV.to_owned(),
        "[[output]]\npath = 'out/{date}.csv'\n".to_owned(),
        "[[output]]\npath = 'out.csv'\nshape = 'wide'\n".to_owned(),
        "[[output]]\npath = 'out.jsonl'\nsubject = 'digest'\n".to_owned(),
        "[[output]]\npath = 'in.csv/out.csv'\n".to_owned(),
        "[[output]]\npath = 'out.csv'\nexcel = true\n[[output]]\npath = 'out.json'\n".to_owned(),
    ]);
    let rows = prop::collection::vec(row, 0..5);
    (header, rows, end, keys, lookup, output).prop_map(|(header, rows, end, keys, lookup, output)| {
        let job = format!(
            "name = 'job'\npurpose = 'a test'\n[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n{keys}{lookup}{output}"
        );
        let text = std::iter::once(header.to_owned()).chain(rows).collect::<Vec<_>>().join("\n");
        (job, [text.as_bytes(), end].concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 8, ..ProptestConfig::default() })]

    /// What a plan takes, the run takes, and the other way round; twice, since the second finds files and answers there.
    #[test]
    fn what_a_plan_takes_the_run_takes((job, input) in any_job()) {
        let world = World::new("");
        world.write("job.toml", &job);
        fs::write(world.path("in.csv"), &input).unwrap();
        for _ in 0..2 {
            let plan = world.orgpull(&["plan", "job.toml"]);
            let run = world.orgpull(&["run", "job.toml"]);
            prop_assert_eq!(plan.exit, run.exit, "{}\n{}\n{}\n{}", job, String::from_utf8_lossy(&input), plan.said(), run.said());
            prop_assert!(matches!(run.exit, 0 | 3 | 7), "{}", run.said());
        }
    }
}
