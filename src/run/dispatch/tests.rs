//! What the tests of this room begin with: a job made ready, as its file says it, and a run of it in a ledger.

use crate::config::catalogue::Catalogue;
use crate::config::{self, Settings};
use crate::domain::identity::{DigestKey, Identity};
use crate::domain::money::Ore;
use crate::domain::number::{Accept, AcceptKind, Kind, Subject};
use crate::job::file;
use crate::ledger::{Counts, Ledger, NewRow, NewRun, run_id};
use crate::run::decide::prepared::{Ask, Prepared};
use jiff::civil::date;
use std::path::Path;
use std::sync::Arc;

const CONFIGURATION: &str = "[providers.creditsafe]\nbase_url = 'http://127.0.0.1:1'\n\
     token_url = 'http://127.0.0.1:1/login'\nusername = { file = 'username' }\npassword = { file = 'password' }\n\
     prices = { getdata = '3.20', getsignatory = '6.00' }\nno_letters = ['getdata:Basic']\n";

pub(super) fn settings() -> Settings {
    config::parse(Path::new("/none/orgpull.toml"), CONFIGURATION, Catalogue::built_in()).unwrap()
}

/// A job with these lookups, made ready.
pub(super) fn prepared(lookups: &str) -> Arc<Prepared> {
    let text = format!(
        "name = 'nightly'\n[input]\nnumbers = ['556012-5790']\n{lookups}[[output]]\npath = 'o.csv'\n"
    );
    let settings = settings();
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
    }
}

/// A ledger with a run of so many rows and one lookup each.
pub(super) async fn run_of(folder: &Path, rows: i64) -> (Arc<Ledger>, i64) {
    let ledger = Ledger::open(&folder.join("orgpull.db")).await.unwrap();
    let id = run_id();
    let new = NewRun {
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
