//! Every fault of an upstream as a row of a table: `tests/scenarios/*.toml`.

use super::world::{CSV, REPORT, World, companies, distinct, numbers, side_by_side};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// What the upstream does, what is asked, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The scenario file.
    #[serde(default)]
    scenario: toml::Table,
    /// Keys of the account.
    #[serde(default)]
    account: toml::Table,
    /// Keys of `[[lookup]]` beside or instead of a plain GetData.
    #[serde(default)]
    lookup: toml::Table,
    /// A second lookup.
    more: Option<toml::Table>,
    /// `[run]`.
    #[serde(default)]
    run: toml::Table,
    #[serde(default = "any")]
    kind: String,
    #[serde(default = "three_companies")]
    numbers: Vec<String>,
    exit: i32,
    /// Each row as `outcome/code source attempts cost`.
    rows: Vec<String>,
    #[serde(default = "nothing")]
    spent_unknown: String,
    #[serde(default = "once")]
    logins: usize,
    /// What the operator is told.
    says: Option<String>,
}

fn three_companies() -> Vec<String> {
    companies(3)
}

fn any() -> String {
    "any".to_owned()
}

fn nothing() -> String {
    "0.00".to_owned()
}

const fn once() -> usize {
    1
}

#[test]
fn what_may_be_repeated_follows_from_whether_it_was_carried_out() {
    all(include_str!("../scenarios/carried_out.toml"));
}

#[test]
fn answers_of_every_kind() {
    all(include_str!("../scenarios/answers.toml"));
}

#[test]
fn faults_of_the_configuration_stop_the_service() {
    all(include_str!("../scenarios/configuration.toml"));
}

#[test]
fn pages_that_are_not_the_providers_pass() {
    all(include_str!("../scenarios/pages.toml"));
}

/// Everything at once: what may be repeated is repeated, what was lost is asked again on the user's word, and in the end
/// every number is there, each answer paid once and each lost one besides.
#[test]
fn all_weathers() {
    let fault = |every: u32, fault: &str| format!("[[fault]]\nevery = {every}\n{fault}\n");
    let scenario = [
        fault(7, "do = 'status'\nstatus = 503"),
        fault(11, "do = 'expire-token'"),
        fault(13, "do = 'close'"),
        fault(17, "do = 'status'\nstatus = 500"),
        fault(19, "do = 'cut'"),
        fault(23, "do = 'error'\nstatus = 403\ncode = 'NEW9'"),
        fault(29, "do = 'status'\nstatus = 429\nretry_after = '1s'\ntimes = 2"),
    ];
    let world = World::new(&scenario.concat()).account("concurrency = 8\nrate = '500/s'\nlogins = 100");
    let twice = [companies(60), companies(20)].concat();
    world.job("job", &[&numbers(&twice), REPORT, CSV, "[run]\nattempts = 2\n"]);
    let mut ran = world.run(&[]);
    for _ in 0..20 {
        if ran.exit == 0 && ran.outcome("denied") == 0 {
            break;
        }
        ran = world.pull(&["retry", "job", "--unknown", "--yes"]);
    }
    assert_eq!((ran.outcome("hit"), ran.number("bought"), ran.number("reused")), (80, 60, 20));
    let (bill, stats) = (world.bill(), world.stats());
    assert!(stats.most_in_flight <= 8, "{stats:?}");
    let hits: Vec<_> = bill.iter().filter(|entry| entry.fault.is_none() && entry.billed).collect();
    assert!(hits.len() == 60 && distinct(hits.iter().map(|entry| &entry.number)), "{} hits", hits.len());
}

fn all(text: &str) {
    let table: Table = toml::from_str(text).unwrap();
    side_by_side(&table.case, Case::hold);
}

impl Case {
    fn hold(&self) {
        let world = World::new(&text(&self.scenario)).account(&text(&self.account));
        world.job("job", &self.job().each_ref().map(String::as_str));
        let ran = world.run(&[]);
        let name = &self.name;
        assert_eq!(ran.exit, self.exit, "{name}\n{}\n{}", ran.stdout, ran.stderr);
        assert_eq!(world.exported("job"), self.rows, "{name}");
        assert_eq!(ran.text("spent_unknown"), self.spent_unknown, "{name}");
        assert_eq!(world.logins().len(), self.logins, "{name}");
        assert_eq!(world.stats().redirects_followed, 0, "{name}");
        if let Some(words) = &self.says {
            assert!(ran.said().contains(words), "{name}: {words:?} is not in\n{}", ran.said());
        }
        assert_eq!(world.path("out.csv").exists(), matches!(self.exit, 0 | 4), "{name}: out.csv");
        if world.path("out.csv").exists() {
            assert_eq!(world.out(), self.rows, "{name}: out.csv");
            assert!(!world.read("out.csv").contains("requestUrl"), "{name}: out.csv");
        }
    }

    /// The job file's tables.
    fn job(&self) -> [String; 4] {
        let mut lookup = REPORT.parse::<toml::Table>().unwrap();
        if let Some(toml::Value::Array(lookups)) = lookup.get_mut("lookup")
            && let Some(toml::Value::Table(keys)) = lookups.first_mut()
        {
            keys.extend(self.lookup.clone());
            lookups.extend(self.more.clone().map(toml::Value::Table));
        }
        let run = toml::Table::from_iter([("run".to_owned(), self.run.clone().into())]);
        [
            numbers(&self.numbers).replace("any", &self.kind),
            text(&lookup),
            text(&run),
            "[[output]]\npath = 'out.csv'\n".to_owned(),
        ]
    }
}

fn text(table: &toml::Table) -> String {
    toml::to_string(table).unwrap()
}
