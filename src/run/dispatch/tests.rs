//! What the tests of this room begin with: a job made ready, as its file says it, and a run of it in a ledger. And the turn,
//! told what came back and asked what it makes of it: nothing is sent.

use super::account_runtime::AccountRuntime;
use super::backlog::Left;
use super::coordinator::{Coordinator, Start};
use super::flight::Flight;
use super::halt::Reason;
use super::queue::Ready;
use super::tally::Tally;
use super::tokens::SharedTokens;
use super::worker::{Done, ExchangeResult, Kept};
use crate::config::catalogue::Catalogue;
use crate::config::{self, Settings};
use crate::domain::identity::{DigestKey, Identity};
use crate::domain::money::Ore;
use crate::domain::number::{Accept, AcceptKind, Kind, Subject};
use crate::domain::outcome::Outcome;
use crate::http::cause::Cause;
use crate::http::transport::{Health, SendError, Transport};
use crate::job::file;
use crate::ledger::Access;
use crate::ledger::{AttemptState, LookupId};
use crate::ledger::{Counts, Ledger, NewRow, NewRun, run_id};
use crate::run::decide::budget::Budgets;
use crate::run::decide::freshness::Freshness;
use crate::run::decide::prepared::{Ask, Prepared};
use crate::upstream::{Answer, Fault, LoginRequest, Request, Response};
use jiff::civil::date;
use secrecy::SecretString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const CONFIGURATION: &str = "[providers.creditsafe]\nbase_url = 'http://127.0.0.1:1'\n\
     token_url = 'http://127.0.0.1:1/login'\nusername = { file = 'username' }\npassword = { file = 'password' }\n\
     prices = { getdata = '3.20', getsignatory = '6.00' }\nno_letters = ['getdata:Basic']\n";

fn settings(folder: &Path) -> Settings {
    config::parse(&folder.join("orgpull.toml"), CONFIGURATION, Catalogue::built_in()).unwrap()
}

/// A job with these lookups, made ready.
pub(super) fn prepared(lookups: &str) -> Arc<Prepared> {
    let settings = settings(Path::new("/none"));
    let text = format!(
        "name = 'nightly'\n[input]\nnumbers = ['556012-5790']\n{lookups}[[output]]\npath = 'o.csv'\n"
    );
    let job = file::parse(Path::new("/none/nightly.toml"), &text, &settings, false);
    let job = job.unwrap_or_else(|problems| panic!("{problems}"));
    let account = settings.accounts["creditsafe"].clone();
    let key = DigestKey::new([7; 32]);
    Arc::new(Prepared::new(job, vec![account], vec![None], &[], date(2026, 11, 20), key))
}

/// A question at the price of `getsignatory`.
pub(super) fn ask(identity: Identity) -> Ask {
    Ask {
        number: "5560125790".to_owned(),
        params: Vec::new(),
        identity,
        price: Some(Ore::new(600)),
        kind: Kind::Organisation,
        letter_making: false,
        tried: None,
        purposes: None,
    }
}

/// A ledger with a run of so many rows and one lookup each.
pub(super) async fn run_of(folder: &Path, rows: i64) -> (Arc<Ledger>, i64) {
    let ledger = Ledger::open(&folder.join("orgpull.db"), &Access::default()).await.unwrap();
    let id = run_id();
    let new = NewRun {
        operator: "nobody@test",
        run: &id,
        job: "nightly",
        environment: "sandbox",
        job_path: "/none/nightly.toml",
        job_text: "",
        input_digest: "",
        limit_rows: None,
        input_given: None,
        buy_again: false,
        columns: "[]",
        steps: r#"[["first","creditsafe.getsignatory"]]"#,
        first_day: "2026-11-20",
        started_at: 0,
        retention: None,
        fire: None,
    };
    let run = ledger.begin_run(new).await.unwrap();
    let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: false };
    let subject = Subject::parse("556012-5790", accept, date(2026, 11, 20)).unwrap();
    let row = |row| NewRow { row, line: row, subject: Ok(subject.clone()), columns: "[]".to_owned() };
    ledger.load(run, 1, &(1..=rows).map(row).collect::<Vec<_>>()).await.unwrap();
    ledger.loaded(run, Counts { rows, ..Counts::default() }, None, 0).await.unwrap();
    (Arc::new(ledger), run)
}

/// A wire over which nothing comes.
struct Silent;

impl Transport for Silent {
    async fn send(
        &self,
        _: &Request,
        _: &SecretString,
        _: Duration,
        _: impl FnOnce(u16) + Send,
    ) -> Result<Response, SendError> {
        std::future::pending().await
    }

    fn distrust(&self) {}

    async fn health(&self, _: &str) -> Result<Health, SendError> {
        std::future::pending().await
    }

    async fn login(&self, _: &LoginRequest) -> Result<Response, SendError> {
        std::future::pending().await
    }
}

/// One lookup, which may be asked three times.
const ONE: &str = "[[lookup]]\nid = 'first'\nservice = 'creditsafe.getsignatory'\n[run]\nattempts = 3\n";

/// A loop over a run of one row, whose call is on its way.
async fn in_flight(folder: &Path) -> (Coordinator<Silent>, LookupId) {
    for name in ["username", "password"] {
        std::fs::write(folder.join(name), "a word of nobody's").unwrap();
    }
    let (ledger, run) = run_of(folder, 1).await;
    let (prepared, settings) = (prepared(ONE), settings(folder));
    let account = &settings.accounts["creditsafe"];
    let account = AccountRuntime::open(&ledger, &settings, &SharedTokens::default(), &prepared.job, account)
        .await
        .unwrap();
    let freshness = Freshness { now: 0, began: 0, buy_again: false, unknown_too: false };
    let totals = ledger.totals(run).await.unwrap();
    let data_key = ledger.data_key(run).await.unwrap();
    let mut turn = Coordinator::new(Start {
        ledger,
        prepared,
        run,
        data_key,
        accounts: vec![account],
        freshness,
        observer: Arc::new(|_| ()),
        tally: Tally::new(totals, Instant::now()),
        transports: vec![Arc::new(Silent)],
        budgets: Budgets::default(),
        began: Instant::now(),
        unpriced: Vec::new(),
    });
    let at = LookupId { row: 1, step: 0 };
    let (ask, spent, lost) = (ask(Identity([1; 16])), 0, false);
    let ready = Ready { at, heard_at: 0, ask, spent, lost, refusals: 0, purpose: 1 };
    turn.backlog.accounts[0].in_flight = 1;
    turn.backlog.track(Flight { ready, attempt: 7, task: tokio::spawn(async {}).id(), took: None });
    (turn, at)
}

impl Coordinator<Silent> {
    /// Tells what came back of the one call, and gives how its attempt ended and what it cost.
    async fn hears(&mut self, at: LookupId, came: ExchangeResult) -> (AttemptState, Option<Ore>) {
        self.done(Done { account: 0, at, generation: 1, came, took: TOOK }).await;
        let end = self.writer.unwritten().last().unwrap();
        assert_eq!(end.took, TOOK);
        (end.state, end.cost)
    }

    /// Whether the lookup may go now, and whether it may later.
    fn waits(&mut self) -> (bool, bool) {
        let queue = &self.backlog.accounts[0].queue;
        (queue.has_ready(), queue.next_due().is_some())
    }
}

fn answer(billed: bool) -> ExchangeResult {
    let (code, text, log_id, letter) = (None, None, None, None);
    ExchangeResult::Answer(
        Box::new(Answer { outcome: Outcome::Hit, code, text, log_id, letter, billed, body: Vec::new() }),
        Vec::new(),
    )
}

const TOOK: Option<Duration> = Some(Duration::from_millis(12));
const PRICE: Option<Ore> = Some(Ore::new(600));
const FREE: Option<Ore> = Some(Ore::ZERO);

/// The table of what may have been carried out: how the attempt ends and what it costs, whether its lookup is asked again at
/// once or later, or ends, and whether the run goes on.
#[tokio::test]
async fn what_came_back_decides_about_the_money_and_the_next_call() {
    use AttemptState::{Answered, Refused, Unknown, Unread, Unsent};
    let kept = || Kept { body: Vec::new(), came: None, named: Vec::new() };
    let fault = |billed| Fault { code: "3".to_owned(), message: "m".to_owned(), billed };
    let over = (false, false);
    let (now, later) = ((true, false), (false, true));
    for (came, state, cost, waits, halts) in [
        (answer(true), Answered, PRICE, over, None),
        (answer(false), Answered, FREE, over, None),
        (ExchangeResult::TokenRefused("401".to_owned()), Refused, FREE, now, None),
        (ExchangeResult::Throttled(None), Refused, FREE, now, None),
        (ExchangeResult::Unavailable(None), Refused, FREE, later, None),
        (ExchangeResult::NotConnected(Cause::Refused), Refused, FREE, later, None),
        (ExchangeResult::NotTaken, Unsent, FREE, now, None),
        (ExchangeResult::Unsent, Unsent, FREE, now, None),
        (ExchangeResult::Unsendable, Unsent, FREE, over, Some(Reason::Config)),
        (ExchangeResult::ServerError("500".to_owned()), Unknown, PRICE, over, None),
        (ExchangeResult::TimedOut, Unknown, PRICE, over, None),
        (ExchangeResult::Lost("cut".to_owned()), Unknown, PRICE, over, None),
        (ExchangeResult::TooLarge, Unknown, PRICE, over, None),
        (ExchangeResult::Mismatched(Some(kept())), Unknown, PRICE, over, None),
        (ExchangeResult::Unread(kept()), Unread, PRICE, over, None),
        (ExchangeResult::Fault(fault(false)), Refused, FREE, over, Some(Reason::Config)),
        (ExchangeResult::Fault(fault(true)), Refused, PRICE, over, Some(Reason::Config)),
        (ExchangeResult::Foreign(fault(false), None), Refused, FREE, over, Some(Reason::Config)),
        (
            ExchangeResult::ClientRefused("c".to_owned(), "m".to_owned()),
            Refused,
            FREE,
            now,
            Some(Reason::Login),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (mut turn, at) = in_flight(folder.path()).await;
        let what = came.to_string();
        assert_eq!(turn.hears(at, came).await, (state, cost), "{what}");
        assert_eq!(turn.waits(), waits, "{what}");
        let told = Reason::ALL.into_iter().find(|reason| turn.halt.told(*reason).is_some());
        assert_eq!(told, halts, "{what}");
        assert_eq!(turn.backlog.accounts[0].in_flight, 0, "{what}");
    }
}

#[tokio::test]
async fn a_lookup_whose_attempts_are_spent_ends_by_whether_one_was_lost() {
    for (lost, outcome) in [(false, Outcome::Failed), (true, Outcome::Unknown)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut turn, at) = in_flight(folder.path()).await;
        let mut flight = turn.backlog.untrack(at).unwrap();
        (flight.ready.spent, flight.ready.lost) = (2, lost);
        turn.backlog.accounts[0].in_flight = 1;
        turn.backlog.track(flight);
        turn.hears(at, ExchangeResult::Unavailable(None)).await;
        assert_eq!(turn.waits(), (false, false));
        if let Some(flight) = turn.backlog.accounts[0].doubted.first() {
            panic!("one failure is no doubt: {}", flight.attempt);
        }
        let submitted = turn.writer.submit(Vec::new(), Vec::new());
        assert!(submitted.changes().iter().any(|change| change.outcome == Some(outcome)), "{outcome}");
    }
}

/// After a signal nothing is granted, and what is in flight is still heard.
#[tokio::test]
async fn after_a_signal_nothing_goes_and_what_is_paid_for_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (mut turn, at) = in_flight(folder.path()).await;
    let (ask, spent, lost) = (ask(Identity([2; 16])), 0, false);
    let next = LookupId { row: 2, step: 0 };
    // Before all that is still to be read.
    turn.backlog.requeue(Ready { at: next, heard_at: -1, ask, spent, lost, refusals: 0, purpose: 1 });
    assert!(turn.may_ask(0), "another is ready");
    turn.halt.signal();
    assert!(!turn.may_ask(0) && turn.permits().await.0.is_empty());
    assert!(turn.backlog.left() == Left::InFlight);
    assert_eq!(turn.hears(at, answer(true)).await, (AttemptState::Answered, PRICE));
    assert!(turn.backlog.left() != Left::InFlight && !turn.writer.is_empty());
}
