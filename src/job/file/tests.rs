mod noise;
mod outputs;

use super::*;
use crate::config::catalogue::Catalogue;
use crate::domain::outcome::Outcome;
use crate::domain::template::Template;
use crate::job::{Column, Format, OnUnknown, Output, Shape, SubjectForm};
use std::path::PathBuf;
use std::time::Duration;

const ACCOUNT: &str = "[providers.creditsafe]
environment = \"sandbox\"
username = { env = \"U\" }
password = { env = \"P\" }
";

fn settings() -> Settings {
    crate::config::parse(Path::new("/etc/orgpull.toml"), ACCOUNT, Catalogue::built_in()).unwrap()
}

fn read(text: &str) -> Result<Job, Problems> {
    parse(Path::new("/srv/jobs/a.toml"), text, &settings(), false)
}

/// A good job with one part after another replaced.
struct Parts {
    top: &'static str,
    input: &'static str,
    lookup: &'static str,
    output: &'static str,
}

const GOOD: Parts = Parts {
    top: "name = \"a\"",
    input: "path = \"in.csv\"",
    lookup: "id = \"r\"\nservice = \"creditsafe.getdata\"\nparams = { blockname = \"B\" }",
    output: "path = \"out.csv\"",
};

impl Parts {
    fn text(&self) -> String {
        let Self { top, input, lookup, output } = self;
        format!("{top}\n[input]\n{input}\n[[lookup]]\n{lookup}\n[[output]]\n{output}\n")
    }
}

/// The value that needs no row.
fn literal(value: &Template) -> String {
    value.fill(Date::MIN, None, |_| None).unwrap()
}

/// Exactly one problem, whose text holds `said`.
fn refuses(parts: &Parts, said: &str) {
    let text = parts.text();
    let Err(problems) = read(&text) else { panic!("taken, not {said}:\n{text}") };
    assert_eq!(problems.list.len(), 1, "{said}:\n{problems}");
    assert!(problems.render().contains(said), "{said}:\n{problems}");
}

fn takes(parts: &Parts) -> Job {
    read(&parts.text()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_short_job_has_every_default() {
    let job = takes(&GOOD);
    assert_eq!(job.path, Path::new("/srv/jobs/a.toml"));
    assert_eq!(job.input.origin, Origin::Path("/srv/jobs/in.csv".into()));
    assert_eq!(
        job.input.accept,
        Accept { kind: AcceptKind::Organisation, sole_traders: true, assume_under_100: false }
    );
    assert_eq!((job.input.min_rows, job.input.max_bad), (1, MaxBad::Percent(50.0)));
    assert_eq!(job.input.carry, Carry::Columns(Vec::new()));
    let step = &job.steps[0];
    assert_eq!((step.account.as_str(), step.service.name.as_str()), ("creditsafe", "getdata"));
    assert_eq!(
        (step.letters, step.on_unknown, step.reuse),
        (false, OnUnknown::Park, Duration::from_hours(20))
    );
    assert_eq!((job.rules.attempts, job.rules.outage_wait.as_secs()), (5, 21_600));
    assert_eq!((job.rules.rate, job.rules.concurrency, job.rules.restart), (Rate::Unlimited, None, false));
    let output = Output {
        path: "/srv/jobs/out.csv".into(),
        format: Format::Csv,
        shape: Shape::Long,
        only: None,
        excel: false,
        subject: SubjectForm::Full,
        columns: None,
        changes: false,
        skipped_last: false,
        mode: Output::PRIVATE,
        group: None,
    };
    assert_eq!(job.outputs, [output]);
}

#[test]
fn everything_can_be_given() {
    let text = r#"
        name = "full"
        description = "d"
        purpose = "p"
        retention = "90d"
        cost_centre = "4711"
        [input]
        path = "-"
        column = "nr"
        kind = "any"
        sole_traders = "reject"
        century = "assume-under-100"
        carry = ["b", "a", "b"]
        min_rows = 10
        max_bad = 7
        [[lookup]]
        id = "changes"
        service = "creditsafe.datecheck-company"
        params = { language = "sv", legacyformat = true, referencedate = "{last}" }
        on_unknown = "retry"
        reuse = "0"
        [[lookup]]
        id = "report"
        service = "creditsafe.getdata"
        params = { lodfreetext = "{a} {note}", blockname = "Basic" }
        letters = true
        [run]
        rate = "1/s"
        concurrency = 4
        attempts = 20
        outage_wait = "1h"
        unfinished = "restart"
        [[output]]
        path = "../out/{job}-{run}"
        format = "jsonl"
        shape = "wide"
        only = ["hit", "no_hit"]
        subject = "digest"
        columns = [{ name = "c", pointer = "/report/x", lookup = "report" }]
        [[output]]
        path = "/x/y.CSV"
        excel = true
    "#;
    let job = read(text).unwrap();
    assert_eq!(job.cost_centre.as_deref(), Some("4711"));
    assert_eq!(job.kept_ms(), Some(90 * 86_400_000));
    assert_eq!(job.input.origin, Origin::Stdin);
    assert_eq!(
        job.input.accept,
        Accept { kind: AcceptKind::Any, sole_traders: false, assume_under_100: true }
    );
    assert_eq!(job.input.max_bad, MaxBad::Count(7));
    let names: Vec<_> = job.steps[0].params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["referencedate", "legacyformat", "language"]);
    assert_eq!(literal(&job.steps[0].params[1].1), "true");
    assert!(job.steps[0].reuse.is_zero() && job.steps[1].letters && job.rules.restart);
    assert_eq!(job.template_columns(), ["last", "note"]);
    assert_eq!(job.kept_columns(), Carry::Columns(["b", "a", "last", "note"].map(str::to_owned).to_vec()));
    assert_eq!(job.outputs[0].path, Path::new("/srv/out/{job}-{run}"));
    assert_eq!(job.outputs[0].only, Some(vec![Outcome::Hit, Outcome::NoHit]));
    let column = Column { name: "c".into(), pointer: "/report/x".into(), lookup: Some("report".into()) };
    assert_eq!(job.outputs[0].columns, Some(vec![column]));
    assert_eq!(
        (job.outputs[1].path.clone(), job.outputs[1].format),
        (PathBuf::from("/x/y.CSV"), Format::Csv)
    );
}

#[test]
fn carry_of_everything_stays_so() {
    for carry in ["\"*\"", "[\"*\"]"] {
        let text = GOOD.text().replace("path = \"in.csv\"", &format!("path = \"in.csv\"\ncarry = {carry}"));
        assert_eq!(read(&text).unwrap().kept_columns(), Carry::All);
    }
}

#[test]
fn counts_and_shares_of_bad_rows() {
    for (written, read_as) in
        [("\"100\"", MaxBad::Count(100)), ("0", MaxBad::Count(0)), ("\"2.5%\"", MaxBad::Percent(2.5))]
    {
        let text =
            GOOD.text().replace("path = \"in.csv\"", &format!("path = \"in.csv\"\nmax_bad = {written}"));
        assert_eq!(read(&text).unwrap().input.max_bad, read_as);
    }
}

#[test]
fn problems_at_the_top() {
    for (top, said) in [
        ("", "`name` is missing in the job file"),
        ("name = \"a b\"", "a name is 1 to 64 letters"),
        ("name = \"latest\"", "no job is called `latest`"),
        ("nam = \"a\"\nname = \"a\"", "did you mean `name`?"),
        ("name = 5", "put it in quotes"),
        ("name = \"a\"\nnotify = \"x\"", "`notify` is not yet built"),
        ("name = \"a\"\nretention = \"soon\"", "a span of time"),
        ("name = \"a\"\n[budget]\nmax_cost = \"12,50\"", "two decimals"),
        ("name = \"a\"\n[budget]\nmax_cost = 12", "put it in quotes"),
        ("name = \"a\"\n[budget]\nmax_cost = \"12 EUR\"", "two decimals"),
        ("name = \"a\"\n[budget]\nmax_calls = -1", "from 0 to"),
        ("name = \"a\"\n[budget]\nwarn_at = \"80%\"", "this budget caps nothing"),
        ("name = \"a\"\n[schedule]\njitter = \"1m\"", "`cron` is missing in [schedule]"),
        ("name = \"a\"\n[schedule]\ncron = \"0 0 30 2 *\"", "this never comes"),
        ("name = \"a\"\n[schedule]\ncron = [\"@daily\", \"0 25 * * *\"]", "`25` is no hour"),
        ("name = \"a\"\n[schedule]\ncron = []", "this list is empty"),
        ("name = \"a\"\n[schedule]\ncron = \"@daily\"\ntimezone = \"Europe/Atlantis\"", "no such time zone"),
        ("name = \"a\"\n[schedule]\ncron = \"@daily\"\noverlap = \"both\"", "skip"),
        ("name = \"a\"\n[schedule]\ncron = \"@daily\"\nmissed = \"all\"", "run-once"),
        ("name = \"a\"\n[schedule]\ncron = \"@hourly\"\njitter = \"1h\"", "`jitter` reaches the next fire"),
        ("name = \"a\"\n[schedule]\ncron = \"@daily\"\npause_after = 0", "from 1 to"),
        ("name = \"a\"\n[run]\nattempts = 21", "from 1 to 20"),
        ("name = \"a\"\n[run]\nrate = \"60\"", "a rate is a whole number"),
        ("name = \"a\"\n[run]\nmax_time = \"0\"", "nothing could be sent"),
        ("name = \"a\"\n[run]\nmax_time = 4", "put it in quotes"),
        ("name = \"a\"\n[run]\norder = \"newest\"", "\"oldest\""),
        ("name = \"a\"\n[run]\npriority = \"high\"", "\"low\""),
        ("name = \"a\"\n[run]\ntolerate = 50", "where a table is expected"),
        ("name = \"a\"\n[run]\ntolerate = { lost = 50 }", "`lost`"),
        ("name = \"a\"\n[run]\npurpose = \"x\"", "belongs at the top of the file"),
        ("name = \"a\"\ncolumn = \"x\"", "`column` belongs in [input]"),
        ("name = \"a\"\nrun = 1", "where a table is expected"),
    ] {
        refuses(&Parts { top, ..GOOD }, said);
    }
}

#[test]
fn problems_of_the_input() {
    for (input, said) in [
        ("", "[input] names no numbers"),
        ("path = \"a.csv\"\nnumbers = [\"1\"]", "exclude one another"),
        ("numbers = []", "this list is empty"),
        ("numbers = [5]", "put it in quotes"),
        ("numbers = [\"1\"]\ncolumn = \"x\"", "`numbers` have no columns"),
        ("path = \"a.txt\"\ncarry = [\"x\"]", "a txt file has no columns"),
        ("path = \"a.csv\"\ncolum = \"x\"", "did you mean `column`?"),
        ("path = \"a.csv\"\nkind = \"organization\"", "did you mean \"organisation\"?"),
        ("path = \"a.csv\"\nkind = \"person\"", "`purpose` and `retention` are missing"),
        ("path = \"a.csv\"\ncarry = \"customer_id\"", "this must be \"*\""),
        ("path = \"a.csv\"\nmax_bad = \"101%\"", "at most 100%"),
        ("path = \"a.csv\"\nmax_bad = -1", "this must be from 0 to 999999999"),
        ("path = \"a.csv\"\nmax_bad = 0.5", "text in quotes or a whole number"),
        ("path = \"\"", "this is empty"),
    ] {
        refuses(&Parts { input, ..GOOD }, said);
    }
}

#[test]
fn problems_of_lookups() {
    for (lookup, said) in [
        ("service = \"creditsafe.spar\"", "`id` is missing in [[lookup]]"),
        ("id = \"a.b\"\nservice = \"creditsafe.spar\"", "an id is"),
        ("id = \"a\"", "`service` is missing"),
        ("id = \"a\"\nservice = \"creditsafe.getdat\"", "did you mean `creditsafe.getdata`?"),
        ("id = \"a\"\nservice = \"getdata\"", "did you mean `creditsafe.getdata`?"),
        ("id = \"a\"\nservice = \"datecheck\"", "known here: `bisnode.person-search`"),
        ("id = \"a\"\nservice = \"creditsafe.getdata\"", "needs the parameter `blockname`"),
        (
            "id = \"a\"\nservice = \"creditsafe.getdata\"\nparams = { blokname = \"B\", blockname = \"B\" }",
            "did you mean `blockname`?",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { searchnumber = \"1\" }",
            "filled in by orgpull",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { transactionid = \"1\" }",
            "filled in by orgpull",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { relation = \"yes\" }",
            "`relation` must be true or false",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { relation = 1.5 }",
            "where text in quotes or true or false",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { language = \"no\" }",
            "`language` must be one of en, sv",
        ),
        ("id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { language = \"\" }", "`language` is empty"),
        ("id = \"a\"\nservice = \"creditsafe.spar\"\nparams = { language = \"{\" }", "a `{` without its `}`"),
        (
            "id = \"a\"\nservice = \"creditsafe.datecheck-company\"\nparams = { referencedate = \"{today+2d}\" }",
            "`referencedate` must not be in the future",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.datecheck-company\"\nparams = { referencedate = \"2026-02-30\" }",
            "`referencedate` must be a day of the calendar",
        ),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\nwhen = { lookup = \"b\", outcome = [\"hit\"] }",
            "no lookup `b`",
        ),
        ("id = \"a\"\nservice = \"creditsafe.spar\"\nreuse = 0", "put it in quotes"),
        ("id = \"a\"\nservice = \"creditsafe.spar\"\nletters = \"true\"", "write it without quotes"),
        (
            "id = \"a\"\nservice = \"creditsafe.spar\"\n[[lookup]]\nid = \"a\"\nservice = \"creditsafe.spar\"",
            "stands twice",
        ),
    ] {
        refuses(&Parts { lookup, ..GOOD }, said);
    }
    let long = format!(
        "id = \"a\"\nservice = \"creditsafe.getdata\"\nparams = {{ blockname = \"B\", lodfreetext = \"{}\" }}",
        "x".repeat(501)
    );
    refuses(
        &Parts { lookup: long.leak(), ..GOOD },
        "`lodfreetext` takes at most 500 characters, and this has 501",
    );
}

#[test]
fn what_follows_from_a_mistake_is_not_told_as_well() {
    let two = "id = \"changes\"\nservice = \"creditsafe.datecheck-compny\"\n[[lookup]]\nid = \"r\"\n\
               service = \"creditsafe.getsignatory\"\nwhen = { lookup = \"changes\", outcome = [\"hit\"] }";
    let last = "id = \"r\"\nservice = \"creditsafe.getdta\"\n[[lookup]]\nid = \"c\"\n\
                service = \"creditsafe.datecheck-company\"\nparams = { referencedate = \"{last:r:date}\" }";
    for (parts, said) in [
        (Parts { input: "file = \"a.txt\"", ..GOOD }, "did you mean `path`?"),
        (
            Parts { input: "file = \"a.csv\"\ncolumn = \"orgnr\"\ncarry = [\"x\"]", ..GOOD },
            "did you mean `path`?",
        ),
        (Parts { input: "pth = \"a.csv\"\ncolumn = \"orgnr\"", ..GOOD }, "did you mean `path`?"),
        (Parts { input: "nubmers = [\"1\"]", ..GOOD }, "did you mean `numbers`?"),
        (Parts { input: "path = 5\ncolumn = \"orgnr\"", ..GOOD }, "put it in quotes"),
        (Parts { top: "nmae = \"a\"", ..GOOD }, "did you mean `name`?"),
        (
            Parts {
                top: "name = \"a\"\nretention = \"9d\"\npurpse = \"p\"",
                input: "path = \"a.csv\"\nkind = \"any\"",
                ..GOOD
            },
            "did you mean `purpose`?",
        ),
        (Parts { lookup: two, ..GOOD }, "did you mean `creditsafe.datecheck-company`?"),
        (Parts { lookup: last, ..GOOD }, "did you mean `creditsafe.getdata`?"),
        (Parts { lookup: "id = \"r\"\nservce = \"creditsafe.spar\"", ..GOOD }, "did you mean `service`?"),
        (Parts { output: "pth = \"out.csv\"", ..GOOD }, "did you mean `path`?"),
        (
            Parts { output: "path = \"out.csv\"\ncolumns = [\"companyName\"]", ..GOOD },
            "write it as [{ name = \"companyName\", pointer = \"/report/companyName\" }]",
        ),
        (
            Parts { output: "path = \"out.csv\"\ncolumns = \"report.address.city\"", ..GOOD },
            "write it as [{ name = \"city\", pointer = \"/report/address/city\" }]",
        ),
    ] {
        refuses(&parts, said);
    }
    let text = format!("{}[[lookup]]\nid = \"s\"\nservice = \"creditsafe.getsignatory\"\n", GOOD.text());
    let missing = parse(Path::new("/a.toml"), &text, &Settings::with_catalogue_only(), false).unwrap_err();
    assert_eq!(missing.list.len(), 1, "of a missing account it is told once: {missing}");
}

#[test]
fn a_slip_never_leads_to_the_population_register() {
    for (service, help) in [
        ("creditsafe.spra", "known here"),
        ("creditsafe.spa", "known here"),
        ("creditsafe.report", "known here"),
        ("creditsafe.star", "known here"),
        ("creditsave.spar", "known here"),
        ("creditsave.getdata", "did you mean `creditsafe.getdata`?"),
        ("creditsafe.signatory", "did you mean `creditsafe.getsignatory`?"),
        ("Creditsafe.GetData", "did you mean `creditsafe.getdata`?"),
    ] {
        let lookup = format!("id = \"r\"\nservice = \"{service}\"").leak();
        let shown = read(&Parts { lookup, ..GOOD }.text()).unwrap_err().render();
        assert!(shown.contains(help), "{shown}");
        assert!(!shown.contains("did you mean `creditsafe.spar`"), "{shown}");
    }
}

#[test]
fn numbers_in_a_job_are_shown_in_no_message() {
    for numbers in [
        "5_560_125_791",
        "0x14B67E01F",
        "\"701063-2391\", 7_010_632_391",
        "7010632391.0",
        "1970-10-63",
        "\"70106.32391\", 1",
    ] {
        let text = format!("name = \"a\"\n[input]\nnumbers = [{numbers}]\n");
        let shown = read(&text).unwrap_err().render();
        assert!(shown.contains("a.toml:3:"), "{shown}");
        for part in ["125_791", "14B67", "2391", "632", "10-63"] {
            assert!(!shown.contains(part), "{numbers}: {shown}");
        }
    }
}

#[test]
fn parameters_may_be_bare_values() {
    let lookup = "id = \"a\"\nservice = \"creditsafe.datecheck-company\"\nparams = { referencedate = 2025-01-02, legacyformat = false }";
    let job = takes(&Parts { lookup, ..GOOD });
    assert_eq!(literal(&job.steps[0].params[0].1), "2025-01-02");
}

#[test]
fn a_parameter_names_only_columns_that_there_are() {
    let lookup = "id = \"a\"\nservice = \"creditsafe.getdata\"\nparams = { blockname = \"{block}\" }";
    takes(&Parts { lookup, ..GOOD });
    for (input, said) in [
        ("numbers = [\"1\"]", "and `numbers` have none"),
        ("path = \"a.txt\"", "and a txt file has none"),
        ("path = \"a.csv\"\ncolumn = \"block\"", "the number's own column"),
    ] {
        refuses(&Parts { input, lookup, ..GOOD }, said);
    }
}

#[test]
fn debug_shows_no_number() {
    let input = "numbers = [\"556012-5790\", \"5565144408\"]";
    let job = takes(&Parts { input, ..GOOD });
    for shown in [format!("{job:?}"), format!("{:?}", job.input), format!("{:#?}", job.input.origin)] {
        assert!(shown.contains("Numbers(2 of them)"), "{shown}");
        assert!(!shown.contains("5790") && !shown.contains("4408"), "{shown}");
    }
}

/// What a kept digest is made of: a change here makes every unfinished run refuse to go on.
#[test]
fn the_identity_of_an_input_is_what_it_says() {
    let identity = |input: &'static str| takes(&Parts { input, ..GOOD }).input.identity().join(" ");
    assert_eq!(
        identity("path = \"in.csv\"\ncolumn = \"nr\"\ncarry = [\"b\", \"a\"]\nmax_bad = \"2.5%\""),
        "path=/srv/jobs/in.csv column=nr kind=organisation sole_traders=accept century=refuse carry=a carry=b \
         min_rows=1 max_bad=2.5%"
    );
    assert_eq!(
        identity(
            "numbers = [\"556012-5790\", \"5565144408\"]\nsole_traders = \"reject\"\n\
             century = \"assume-under-100\"\nmin_rows = 2\nmax_bad = 0"
        ),
        "number=556012-5790 number=5565144408 kind=organisation sole_traders=reject century=assume-under-100 \
         min_rows=2 max_bad=0"
    );
    let all = "kind=organisation sole_traders=accept century=refuse carry=* min_rows=1 max_bad=50%";
    assert_eq!(identity("path = \"-\"\ncarry = \"*\""), format!("stdin {all}"));
    assert_eq!(
        identity("path = \"a.csv\"\ncarry = [\"a\", \"b\"]"),
        identity("path = \"a.csv\"\ncarry = [\"b\", \"a\"]")
    );
}

#[test]
fn a_job_asks_and_writes_something() {
    for (text, said) in [
        (
            "name = \"a\"\nlookup = []\n[input]\npath = \"-\"\n[[output]]\npath = \"a.csv\"",
            "nothing would be asked",
        ),
        (
            "name = \"a\"\noutput = []\n[input]\npath = \"-\"\n[[lookup]]\nid = \"a\"\nservice = \"creditsafe.spar\"",
            "nothing would be written",
        ),
    ] {
        assert!(read(text).unwrap_err().render().contains(said), "{said}");
    }
    assert_eq!(read("").unwrap_err().list.len(), 4);
}

#[test]
fn a_service_needs_an_account_unless_simulated() {
    let none = Settings::with_catalogue_only();
    let text = GOOD.text();
    let problems = parse(Path::new("/a.toml"), &text, &none, false).unwrap_err();
    assert!(problems.render().contains("there is no account at creditsafe"), "{problems}");
    assert!(parse(Path::new("/a.toml"), &text, &none, true).is_ok());
    assert!(parse(Path::new("/a.toml"), &text, &none.simulated("http://127.0.0.1:1"), false).is_ok());
}

const BROKEN: &str = "name = \"port folio\"
notify = \"90d\"
[input]
pth = \"portfolio.csv\"
kind = \"any\"
carry = [\"customer_id\", 5]
numbers = [\"701063-2391\", 197010632391]
[[lookup]]
id = \"changes\"
service = \"creditsafe.datecheck-compny\"
[[lookup]]
id = \"report\"
service = \"creditsafe.getdata\"
params = { blockname = \"åäö\", lodfreetex = \"x\" } # åäö
when = { lookup = \"changes\" }
on_unknown = \"retri\"
[schedule]
cron = \"30 2 30 2 *\"
[[output]]
path = \"out/{jobb}.csv\"
columns = [{ name = \"company\", pointer = \"report\", lookup = \"reprot\" }]
";

#[test]
fn a_broken_job_is_told_at_once() {
    let problems = parse(Path::new("jobs/portfolio.toml"), BROKEN, &settings(), false).unwrap_err();
    insta::assert_snapshot!("broken_job", problems.render());
}

/// What an editor puts around the lines changes nothing of what is told.
#[test]
fn line_breaks_and_byte_order_marks_change_no_place() {
    let plain = parse(Path::new("a.toml"), BROKEN, &settings(), false).unwrap_err().render();
    let windows = format!("\u{feff}{}", BROKEN.replace('\n', "\r\n"));
    assert_eq!(parse(Path::new("a.toml"), &windows, &settings(), false).unwrap_err().render(), plain);
}

#[test]
fn a_lookup_without_an_id_is_one_mistake_and_not_two() {
    let output = "[[output]]\npath = \"a.csv\"\n[[output.columns]]\nname = \"n\"\npointer = \"/x\"\nlookup = \"rep\"\n";
    let head = "name = \"a\"\n[input]\nnumbers = [\"556012-5790\"]\n";
    let when = "[[lookup]]\nid = \"b\"\nservice = \"creditsafe.spar\"\nwhen = { lookup = \"rep\" }\n";
    let (first, service) = ("[[lookup]]\n", "service = \"creditsafe.spar\"\n");
    for (lookup, is_told) in [
        ("[[lookups]]\nid = \"rep\"\n".to_owned(), false),
        (format!("{first}ID = \"rep\"\n{service}{when}"), false),
        (format!("{first}id = \"repo\"\n{service}{when}"), true),
    ] {
        let told = parse(Path::new("a.toml"), &format!("{head}{lookup}{output}"), &settings(), false);
        let told = told.unwrap_err().render();
        assert_eq!(told.contains("there is no lookup `"), is_told, "{told}");
        assert!(told.contains("did you mean `"), "{told}");
    }
}

#[test]
fn what_is_not_toml_is_told() {
    let problems = read("name = portfolio\n[input\npath = \"a.csv\"\npath = \"b.csv\"\n").unwrap_err();
    insta::assert_snapshot!("not_toml", problems.render());
}

#[test]
fn a_list_of_numbers_given_for_a_job_shows_none_of_them() {
    let numbers = include_str!("../../../jobs/quickstart-numbers.csv");
    let problems = read(numbers).unwrap_err();
    assert_eq!(problems.list.len(), 20);
    let shown = problems.render();
    assert!(!numbers.lines().skip(1).any(|line| shown.contains(&line[..11])), "{shown}");
}

#[test]
fn shipped_files_are_free_of_problems() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("config/orgpull.toml");
    let text = read_text(&path).unwrap();
    let settings = crate::config::parse(&path, &text, Catalogue::built_in())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.database, root.join("orgpull.db"));
    for name in ["quickstart", "nightly", "enrichment", "backfill"] {
        let job = load(&root.join(format!("jobs/{name}.toml")), &settings)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(job.name, name);
        assert!(job.text.starts_with("#:schema job.schema.json\n"));
        assert!(job.outputs.iter().all(|output| output.path.starts_with(root.join("out"))));
    }
}
