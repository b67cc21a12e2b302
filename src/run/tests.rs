//! Beginning and planning against a real ledger, without a wire: what is refused, what is gone on with, what would be asked.

use super::begin::{Begun, begin};
use super::context::{Context, Options};
use super::dispatch::{SharedTokens, StopRequest};
use super::error::RunError;
use super::event::Event;
use super::failed_run::FailedRun;
use super::plan::plan;
use super::report::PlanReport;
use crate::config::catalogue::Catalogue;
use crate::config::{self, Settings};
use crate::domain::budget::Limit;
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::job::{Job, file};
use crate::ledger::Access;
use crate::ledger::{Ledger, Stage};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::watch;

const CONFIGURATION: &str = "[providers.creditsafe]\nbase_url = 'http://127.0.0.1:1'\n\
     token_url = 'http://127.0.0.1:1/login'\nusername = { file = 'username' }\npassword = { file = 'password' }\n\
     prices = { getsignatory = '6.00' }\nletters = ['getdata:Credit']\n";

/// Three firms, one of them twice, and one that is none.
const NUMBERS: &str = "'556012-5790', '556703-7485', '556012-5790', 'no number'";

const ASKS: &str = "[[lookup]]\nid = 'first'\nservice = 'creditsafe.getsignatory'\n";

/// A ledger, accounts that nobody answers at, and what was told.
struct Place {
    folder: TempDir,
    context: Context,
    told: Arc<Mutex<Vec<&'static str>>>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["username", "password"] {
            std::fs::write(folder.path().join(name), "a word of nobody's").unwrap();
        }
        let settings = settings(folder.path());
        let ledger =
            Arc::new(Ledger::open(&folder.path().join("orgpull.db"), &Access::default()).await.unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let observer = move |event: &Event| {
            if !matches!(
                event,
                Event::Started(_) | Event::Progress(_) | Event::Loading { .. } | Event::Attempt(_)
            ) {
                hears.lock().unwrap().push(event.kind());
            }
        };
        let (_, stop) = watch::channel(StopRequest::None);
        let observer = Arc::new(observer);
        let context = Context { ledger, settings, observer, stop, tokens: SharedTokens::default() };
        Self { folder, context, told }
    }

    fn job(&self, numbers: &str, lookups: &str) -> Job {
        let text = format!(
            "name = 'nightly'\n[input]\nnumbers = [{numbers}]\nmax_bad = 1\n{lookups}[[output]]\npath = 'o.csv'\n"
        );
        let path = self.folder.path().join("nightly.toml");
        file::parse(&path, &text, &self.context.settings, false)
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    async fn begin(&self, job: Job, options: Options) -> Result<Option<Begun>, FailedRun> {
        begin(&self.context, job, options).await
    }

    async fn plan(&self, job: Job, options: Options) -> Result<PlanReport, RunError> {
        plan(&self.context.settings, Some(&self.context.ledger), job, options).await
    }

    fn told(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

fn settings(folder: &Path) -> Settings {
    config::parse(&folder.join("orgpull.toml"), CONFIGURATION, Catalogue::built_in()).unwrap()
}

fn refusal(came: Result<Option<Begun>, FailedRun>) -> FailedRun {
    came.err().expect("it is refused")
}

#[tokio::test]
async fn a_job_begins_a_run_and_goes_on_with_it_until_it_is_begun_anew() {
    let place = Place::new().await;
    let job = || place.job(NUMBERS, ASKS);
    let only = Options { only_continue: true, ..Options::default() };
    assert!(place.begin(job(), only.clone()).await.unwrap().is_none(), "there is nothing to continue");
    let first = place.begin(job(), Options::default()).await.unwrap().unwrap();
    assert!(!first.continued);
    assert_eq!((first.run.rows, first.run.bad_rows), (4, 1));
    let again = place.begin(job(), only).await.unwrap().unwrap();
    assert!(again.continued && again.run.id == first.run.id);
    let anew = Options { new: true, ..Options::default() };
    let second = place.begin(job(), anew).await.unwrap().unwrap();
    assert!(!second.continued && second.run.id != first.run.id);
    let old = place.context.ledger.find(&first.run.run).await.unwrap().pop().unwrap();
    assert_eq!((old.stage, place.told()), (Stage::Closed, vec!["run-closed"]));
}

#[tokio::test]
async fn what_differs_from_when_a_run_began_is_refused_and_nothing_of_it_changes() {
    let place = Place::new().await;
    let begun = place.begin(place.job(NUMBERS, ASKS), Options::default()).await.unwrap().unwrap();
    let other_id = ASKS.replace("first", "another");
    for (job, why) in [
        (place.job("'556012-5790'", ASKS), "the [input] of job nightly has changed"),
        (place.job(NUMBERS, &other_id), "the lookups of job nightly (ids or services) have changed"),
        (place.job(NUMBERS, &format!("{ASKS}{other_id}")), "the lookups of job nightly"),
    ] {
        let refused = refusal(place.begin(job, Options::default()).await);
        assert!(refused.to_string().starts_with(why), "{refused}");
        assert_eq!((refused.error.exit(), refused.unsent), (Exit::Config, true));
        assert_eq!(refused.run.unwrap().id, begun.run.id);
    }
    let (run, ledger) = (&begun.run.run, &place.context.ledger);
    assert_eq!(ledger.find(run).await.unwrap()[0].stage, Stage::Running);
    let totals = ledger.totals(begun.run.id).await.unwrap();
    assert_eq!((totals.pending, totals.calls), (3, 0));
}

#[tokio::test]
async fn an_input_that_is_refused_leaves_no_run() {
    let place = Place::new().await;
    for (numbers, why) in [
        ("'no number', 'nor this'", "no row holds a valid number"),
        ("'556012-5790', 'no number', 'nor this'", "2 of 3 rows are bad"),
    ] {
        let refused = refusal(place.begin(place.job(numbers, ASKS), Options::default()).await);
        assert!(refused.to_string().contains(why), "{refused}");
        assert!(refused.run.is_none() && refused.to_string().ends_with("; nothing was sent"), "{refused}");
        assert!(place.context.ledger.unfinished("nightly", None).await.unwrap().is_none());
        let planned = place.plan(place.job(numbers, ASKS), Options::default()).await;
        assert!(planned.is_err_and(|error| error.to_string().contains(why)), "a plan refuses the same");
    }
}

#[tokio::test]
async fn a_cap_on_money_over_what_has_no_price_is_refused_by_both() {
    let place = Place::new().await;
    let lookups =
        "[[lookup]]\nid = 'first'\nservice = 'creditsafe.getdata'\nparams = { blockname = 'Basic' }\n";
    let budget = Limit { max_calls: None, max_cost: Some(Ore::new(100)) };
    let capped = || Options { budget, ..Options::default() };
    let refused = refusal(place.begin(place.job(NUMBERS, lookups), capped()).await);
    assert!(matches!(refused.error, RunError::Unpriced { .. }), "{refused}");
    let refused = place.plan(place.job(NUMBERS, lookups), capped()).await.err().unwrap();
    assert!(matches!(refused, RunError::Unpriced { .. }), "{refused}");
}

#[tokio::test]
async fn a_plan_counts_each_question_once_before_a_run_and_in_one() {
    let place = Place::new().await;
    for begins in [false, true] {
        if begins {
            place.begin(place.job(NUMBERS, ASKS), Options::default()).await.unwrap().unwrap();
        }
        let report = place.plan(place.job(NUMBERS, ASKS), Options::default()).await.unwrap();
        let step = &report.steps[0];
        assert_eq!((report.rows, report.bad_rows), (4, 1), "{begins}");
        assert_eq!(
            (step.to_buy, step.duplicates, step.fresh, step.price),
            (2, 1, 0, Ore::new(1_200)),
            "{begins}"
        );
        assert!(report.refusal.is_none() && report.unpriced.is_empty());
    }
    let few = Options { limit: Some(1), new: true, ..Options::default() };
    assert_eq!(place.plan(place.job(NUMBERS, ASKS), few).await.unwrap().steps[0].to_buy, 1);
    assert_eq!(place.told(), [""; 0], "a plan tells nothing while it goes on");
}
