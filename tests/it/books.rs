//! The three books that must agree whatever happened to the processes: the bill, the ledger, the output.

use crate::world::Opened;
use crate::world::World;
use orgpull::simulator::Entry;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A request as the ledger has it.
struct Attempt {
    transactionid: String,
    state: String,
    service: String,
    number: String,
    cost: Option<i64>,
    log_id: Option<String>,
}

/// A lookup as the ledger has it.
struct Lookup {
    line: i64,
    state: String,
    outcome: Option<String>,
    source: Option<String>,
    attempts: i64,
    cost: i64,
}

/// The bill and the ledger, of a moment at which no process is at work.
pub(crate) struct Books {
    bill: Vec<Entry>,
    attempts: HashMap<String, Attempt>,
    /// Of the newest run, in input order.
    lookups: Vec<Lookup>,
    /// State and exit code of every run, the oldest first.
    pub(crate) runs: Vec<(String, Option<i64>)>,
}

impl Books {
    pub(crate) fn of(world: &World) -> Self {
        let opened = Opened::of(&world.path("orgpull.db"));
        let attempt = |row: &SqliteRow| Attempt {
            transactionid: row.get(0),
            state: row.get(1),
            service: row.get(2),
            number: opened.number((row.get(6), row.get(7)), row.get(3)),
            cost: row.get(4),
            log_id: row.get(5),
        };
        let attempts = query(
            world,
            "SELECT a.transactionid, a.state, s.service, r.content, a.cost, a.log_id, r.run, r.row FROM attempts a \
             JOIN services s ON s.id = a.service JOIN rows r ON r.run = a.run AND r.row = a.row",
        );
        let count = attempts.len();
        let attempts = attempts.iter().map(attempt);
        let attempts: HashMap<_, _> =
            attempts.map(|attempt| (attempt.transactionid.clone(), attempt)).collect();
        assert_eq!(attempts.len(), count, "a transactionid stands twice in the ledger");
        let lookup = |row: &SqliteRow| Lookup {
            line: row.get(0),
            state: row.get(1),
            outcome: row.get(2),
            source: row.get(3),
            attempts: row.get(4),
            cost: row.get(5),
        };
        let lookups = query(
            world,
            "SELECT r.line, l.state, l.outcome, l.source, l.attempts, l.cost FROM lookups l JOIN rows r \
             ON r.run = l.run AND r.row = l.row WHERE l.run = (SELECT max(id) FROM runs) ORDER BY l.row, l.step",
        );
        let runs = query(world, "SELECT state, exit FROM runs ORDER BY id");
        Self {
            bill: world.bill(),
            attempts,
            lookups: lookups.iter().map(lookup).collect(),
            runs: runs.iter().map(|row| (row.get(0), row.get(1))).collect(),
        }
    }

    /// How many lookups stand so: their outcome, or where there is none their state.
    pub(crate) fn count(&self, standing: &str) -> usize {
        let stands = |lookup: &&Lookup| lookup.outcome.as_ref().unwrap_or(&lookup.state) == standing;
        self.lookups.iter().filter(stands).count()
    }

    /// Fails where a question was billed more than once, or a request sent twice.
    pub(crate) fn nothing_twice(&self) -> &Self {
        let mut questions = BTreeMap::new();
        for entry in self.bill.iter().filter(|entry| entry.billed) {
            *questions.entry((&entry.number, entry.service)).or_insert(0) += 1;
        }
        let twice: Vec<_> = questions.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "billed more than once: {twice:?}");
        self
    }

    /// Compares bill and ledger, attempt by attempt. What the ledger calls unknown may have died with its process before
    /// it left; all else must be on both sides or on neither.
    pub(crate) fn agree(&self) -> &Self {
        let mut bill = HashMap::new();
        for entry in &self.bill {
            let reference = entry.transactionid.as_deref().expect("a call without a transactionid");
            let attempt = self.attempts.get(reference);
            let attempt = attempt.unwrap_or_else(|| panic!("{reference} was sent and is not in the ledger"));
            assert_eq!((entry.service, &entry.number), (&*attempt.service, &attempt.number), "{reference}");
            assert!(bill.insert(reference, entry).is_none(), "{reference} was sent twice");
        }
        for (reference, attempt) in &self.attempts {
            agrees(attempt, bill.get(reference.as_str()).copied());
        }
        let sum =
            |attempts: &mut dyn Iterator<Item = &Attempt>| -> i64 { attempts.filter_map(|a| a.cost).sum() };
        let invoice: i64 =
            self.bill.iter().filter(|entry| entry.billed).map(|entry| price(entry.service)).sum();
        let perhaps =
            |attempt: &&Attempt| attempt.state == "unknown" && !bill.contains_key(&*attempt.transactionid);
        let never_left = sum(&mut self.attempts.values().filter(perhaps));
        assert_eq!(
            sum(&mut self.attempts.values()),
            invoice + never_left,
            "the ledger's cost is not the invoice"
        );
        self
    }

    /// Compares a long CSV with ledger and bill, row by row.
    pub(crate) fn agree_with(&self, output: &[BTreeMap<String, String>]) -> &Self {
        assert_eq!(output.len(), self.lookups.len(), "rows of the output");
        let mut firsts: HashMap<(&str, &str), (&str, &str)> = HashMap::new();
        let mut bought = HashSet::new();
        for (row, lookup) in output.iter().zip(&self.lookups) {
            let cell = |name: &str| row[name].as_str();
            let place = format!("line {}, {}", cell("line"), cell("lookup"));
            let said = ["line", "outcome", "source", "attempts", "cost"].map(cell);
            assert_eq!(said, lookup.cells().each_ref().map(String::as_str), "{place}");
            let reference = cell("transactionid");
            let attempt = self.attempts.get(reference).unwrap_or_else(|| panic!("{place}: no such attempt"));
            assert_eq!(cell("subject").replace('-', ""), attempt.number, "{place}");
            assert_eq!(cell("service"), format!("creditsafe.{}", attempt.service), "{place}");
            assert_eq!(cell("log_id"), attempt.log_id.as_deref().unwrap_or_default(), "{place}");
            let (question, ending) = ((&*attempt.service, &*attempt.number), (cell("outcome"), reference));
            if cell("source") == "bought" {
                assert!(firsts.insert(question, ending).is_none(), "{place}: bought a second time");
                bought.insert(reference);
            } else {
                assert_eq!(firsts.get(&question), Some(&ending), "{place}: it follows its first row");
            }
        }
        for entry in self.bill.iter().filter(|entry| entry.billed) {
            let reference = entry.transactionid.as_deref().unwrap_or_default();
            assert!(bought.contains(reference), "{reference} was billed and stands in no row");
        }
        self
    }
}

/// An attempt and what the bill has of it.
fn agrees(attempt: &Attempt, entry: Option<&Entry>) {
    let Attempt { transactionid, state, .. } = attempt;
    let full = Some(price(&attempt.service));
    match (state.as_str(), entry) {
        ("answered", Some(entry)) => {
            assert!(entry.billed, "{transactionid}");
            assert_eq!(attempt.log_id, Some(entry.log_id.to_string()), "{transactionid}: another's answer");
            assert_eq!(attempt.cost, full, "{transactionid}");
        }
        ("unknown", _) => assert_eq!(attempt.cost, full, "{transactionid}"),
        ("refused", entry) => {
            assert!(entry.is_none_or(|entry| !entry.billed), "{transactionid} was billed");
            assert_eq!(attempt.cost, Some(0), "{transactionid}");
        }
        ("unsent", None) => assert_eq!(attempt.cost, Some(0), "{transactionid}"),
        (state, entry) => panic!("{transactionid} is {state}, and on the bill it is {entry:?}"),
    }
}

impl Lookup {
    /// As a long CSV shows it: line, outcome, source, attempts, cost.
    fn cells(&self) -> [String; 5] {
        [
            self.line.to_string(),
            self.outcome.clone().unwrap_or_else(|| "pending".to_owned()),
            self.source.clone().unwrap_or_default(),
            self.attempts.to_string(),
            format!("{}.{:02}", self.cost / 100, self.cost % 100),
        ]
    }
}

/// What the world's two services cost, in öre.
fn price(service: &str) -> i64 {
    match service {
        "getdata" => 320,
        "getsignatory" => 600,
        service => panic!("{service} has no price here"),
    }
}

/// Asks the ledger's file directly, past our own code.
pub(crate) fn query(world: &World, sql: &'static str) -> Vec<SqliteRow> {
    query_of(world, "orgpull.db", sql)
}

/// The same of another ledger's file.
pub(crate) fn query_of(world: &World, file: &str, sql: &'static str) -> Vec<SqliteRow> {
    let ledger = SqliteConnectOptions::new().filename(world.path(file)).read_only(true);
    let read = async {
        let mut ledger = ledger.connect().await?;
        let rows = sqlx::query(sql).fetch_all(&mut ledger).await?;
        // Dropped, it would be closed at some later instant, and the ledger's side files with it.
        ledger.close().await.map(|()| rows)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(read).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Changes the ledger's file directly, past our own code.
pub(crate) fn execute(world: &World, sql: &'static str) {
    execute_on(world, "orgpull.db", sql);
}

/// The same of another ledger's file.
pub(crate) fn execute_on(world: &World, file: &str, sql: &'static str) {
    let ledger = SqliteConnectOptions::new().filename(world.path(file));
    let write = async {
        let mut ledger = ledger.connect().await?;
        sqlx::query(sql).execute(&mut ledger).await?;
        ledger.close().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Every answer in the ledger, as it was before it was sealed.
pub(crate) fn answers(world: &World) -> Vec<Vec<u8>> {
    let bodies = query(world, "SELECT attempt, body FROM answers ORDER BY attempt");
    let opened = Opened::of(&world.path("orgpull.db"));
    bodies.iter().map(|row| opened.body(row.get(0), row.get(1)).expect("an answer that opens")).collect()
}
