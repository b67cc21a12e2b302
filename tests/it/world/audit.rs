//! The ledger read by an outsider, and held against the upstream's bill.

use super::Opened;
use super::{PRICES, Ran, World, sek};
use orgpull::simulator::Entry;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use std::collections::BTreeMap;

/// A request as the ledger has it.
pub(crate) struct Attempt {
    pub(crate) run: String,
    /// The address it went to, in these tests.
    pub(crate) environment: String,
    pub(crate) account: String,
    pub(crate) number: String,
    pub(crate) service: String,
    pub(crate) transactionid: String,
    pub(crate) state: String,
    pub(crate) code: Option<String>,
    pub(crate) cost: Option<i64>,
    pub(crate) letter: Option<bool>,
    pub(crate) log_id: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
}

impl World {
    /// The requests in the ledger, in the order in which they were sent.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        let database = self.path("orgpull.db");
        if !database.exists() {
            return Vec::new();
        }
        let read = async {
            let mut ledger = SqliteConnectOptions::new().filename(database).connect().await?;
            let rows = sqlx::query(
                "SELECT u.run, s.environment, s.account, r.content, s.service, a.transactionid, a.state, a.code, a.cost, \
                 a.letter, a.log_id, b.body, r.run, r.row, a.id FROM attempts a JOIN runs u ON u.id = a.run \
                 JOIN rows r ON r.run = a.run AND r.row = a.row JOIN services s ON s.id = a.service \
                 LEFT JOIN answers b ON b.attempt = a.id ORDER BY a.id",
            )
            .fetch_all(&mut ledger)
            .await?;
            // Dropped, it would be closed by a thread of its own at some later instant: the ledger's side files come
            // and go with it.
            ledger.close().await.map(|()| rows)
        };
        let rows = self.runtime.block_on(read).unwrap();
        let opened = Opened::of(&self.path("orgpull.db"));
        let attempt = |row: &sqlx::sqlite::SqliteRow| Attempt {
            run: row.get(0),
            environment: row.get(1),
            account: row.get(2),
            number: row
                .get::<Option<&[u8]>, _>(3)
                .map_or_else(String::new, |content| opened.number((row.get(12), row.get(13)), content)),
            service: row.get(4),
            transactionid: row.get(5),
            state: row.get(6),
            code: row.get(7),
            cost: row.get(8),
            letter: row.get(9),
            log_id: row.get(10),
            body: row.get::<Option<&[u8]>, _>(11).and_then(|body| opened.body(row.get(14), body)),
        };
        rows.iter().map(attempt).collect()
    }

    /// Why each call was made, sorted.
    pub(crate) fn purposes(&self) -> Vec<String> {
        let read = async {
            let mut ledger = SqliteConnectOptions::new().filename(self.path("orgpull.db")).connect().await?;
            let purposes = "SELECT p.digest, p.purpose FROM attempts a JOIN purposes p ON p.id = a.purpose";
            let purposes = sqlx::query(purposes).fetch_all(&mut ledger).await?;
            ledger.close().await.map(|()| purposes)
        };
        let opened = Opened::of(&self.path("orgpull.db"));
        let purposes = self.runtime.block_on(read).unwrap();
        let mut purposes: Vec<_> =
            purposes.iter().map(|row| opened.purpose(row.get(0), row.get(1))).collect();
        purposes.sort();
        purposes
    }

    /// Changes the ledger behind our back.
    pub(crate) fn change(&self, sql: &'static str) {
        let write = async {
            let mut ledger = SqliteConnectOptions::new().filename(self.path("orgpull.db")).connect().await?;
            sqlx::query(sql).execute(&mut ledger).await?;
            ledger.close().await
        };
        self.runtime.block_on(write).unwrap();
    }

    /// Holds the ledger, as a process does that was stopped in the middle of a transaction, until what is returned is dropped.
    pub(crate) fn hold_ledger(&self) -> HeldLedger<'_> {
        let hold = async {
            let mut ledger = SqliteConnectOptions::new().filename(self.path("orgpull.db")).connect().await?;
            sqlx::query("BEGIN IMMEDIATE").execute(&mut ledger).await.map(|_| ledger)
        };
        HeldLedger { world: self, connection: Some(self.runtime.block_on(hold).unwrap()) }
    }

    /// Compares the ledger with the upstream's bill, one to one, and the summary with both.
    pub(super) fn audit(&self, ran: &Ran) {
        let (attempts, bill) = (self.attempts(), self.bill());
        // What never reached this upstream cannot be on its bill.
        let unsent = ["unsent", "not-connected"];
        let here = self.front.clone().unwrap_or_else(|| self.simulator.base_url());
        let sent = |attempt: &&Attempt| {
            let words = [attempt.state.as_str(), attempt.code.as_deref().unwrap_or_default()];
            attempt.environment.starts_with(&here) && !words.iter().any(|word| unsent.contains(word))
        };
        let mut left: BTreeMap<_, _> =
            attempts.iter().filter(sent).map(|attempt| (attempt.transactionid.as_str(), attempt)).collect();
        assert_eq!(left.len(), attempts.iter().filter(sent).count(), "a transactionid stands twice");
        for entry in &bill {
            // Not every upstream takes a reference of ours.
            let reference = entry.transactionid.as_deref().or_else(|| {
                let same = |attempt: &&&Attempt| attempt.is_about(entry);
                left.values().find(same).map(|attempt| attempt.transactionid.as_str())
            });
            let reference = reference.unwrap_or_default();
            let attempt = left.remove(reference).unwrap_or_else(|| panic!("not in the ledger: {entry:?}"));
            assert!(reference.len() <= 14, "{reference} is too long");
            agree(entry, attempt);
        }
        assert!(left.is_empty(), "{} attempts are not on the bill", left.len());
        for attempt in &attempts {
            let body = attempt.body.as_deref().unwrap_or_default();
            let whole = ["answered", "unread"].contains(&attempt.state.as_str());
            let whole = whole || attempt.code.as_deref() == Some("mismatched");
            assert_eq!(attempt.body.is_some(), whole, "what was bought is kept");
            assert!(!body.is_empty() || attempt.state != "answered", "an answer says something");
            assert!(!String::from_utf8_lossy(body).contains("requestUrl"), "requestUrl is in the ledger");
        }
        if let Some(run) = ran.summary["run"].as_str() {
            let own: Vec<_> = attempts.iter().filter(|attempt| attempt.run == run).collect();
            let cost = own.iter().filter_map(|attempt| attempt.cost).sum();
            assert_eq!(ran.text("cost"), sek(cost), "the summary's cost");
            let calls = own.iter().filter(|attempt| attempt.state != "unsent").count();
            assert_eq!(ran.number("calls"), calls as u64, "the summary's calls");
            assert_eq!(ran.number("exit"), u64::try_from(ran.exit).unwrap(), "the summary's exit");
        }
    }
}

/// See [`World::hold_ledger`].
pub(crate) struct HeldLedger<'a> {
    world: &'a World,
    connection: Option<SqliteConnection>,
}

impl Drop for HeldLedger<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.world.runtime.block_on(connection.close()).unwrap();
        }
    }
}

impl Attempt {
    /// Its service, as the bill names it.
    fn billed_as(&self) -> String {
        let Self { account, service, .. } = self;
        if account == "creditsafe" { service.clone() } else { format!("{account}.{service}") }
    }

    /// Whether an entry of the bill asks the same.
    fn is_about(&self, entry: &Entry) -> bool {
        let ten = |number: &str| number[number.len() - 10..].to_owned();
        ten(&entry.number) == ten(&self.number) && [&self.billed_as(), "elsewhere"].contains(&entry.service)
    }
}

/// An entry of the bill and the ledger's attempt of the same transactionid.
fn agree(entry: &Entry, attempt: &Attempt) {
    assert!(attempt.is_about(entry), "{entry:?}");
    let Some(cost) = attempt.cost else { return };
    let block = entry.block.as_deref().unwrap_or_default();
    let price = |name: &str| PRICES.iter().find(|(known, _)| *known == name).map(|(_, price)| *price);
    let service = attempt.billed_as();
    let price = price(&format!("{service}:{block}")).or(price(&service)).unwrap();
    assert_eq!(cost, if entry.billed { price } else { 0 }, "{entry:?}");
    if let Some(letter) = attempt.letter {
        assert_eq!(letter, entry.letter, "{entry:?}");
    }
    if let Some(log_id) = &attempt.log_id {
        assert_eq!(*log_id, entry.log_id.to_string(), "{entry:?}");
    }
}
