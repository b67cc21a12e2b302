//! Values that the tests of this room share.

use crate::domain::budget::{Limit, Spend};
use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::run::event::Progress;
use crate::run::report::{BadExample, PlanBudget, PlanDiff, PlanReport, PlanStep, RunState, Summary};
use std::time::Duration;

/// A finished run with everything in it.
pub(super) fn summary() -> Summary {
    Summary {
        run: "k3v9q2".to_owned(),
        job: "portfolio".to_owned(),
        state: RunState::Finished,
        exit: Some(4),
        reason: "3 lookups failed and 2 answers were lost".to_owned(),
        next: "to ask again what failed (3): orgpull retry k3v9q2".to_owned(),
        started_at: "2026-03-01T01:30:00Z".to_owned(),
        finished_at: Some("2026-03-01T05:42:10Z".to_owned()),
        rows: 12_003,
        bad_rows: 3,
        lookups: 12_000,
        outcomes: [11_204, 31, 402, 300, 5, 1, 3, 2, 52],
        pending: 0,
        bought: 11_740,
        reused: 203,
        calls: 11_790,
        retries: 48,
        logins: 6,
        cost: Ore::new(3_757_440),
        spent_unknown: Ore::new(640),
        unpriced: Vec::new(),
        letters: 14,
        saved_calls: 21,
        saved_cost: Ore::new(6_720),
        saved_unpriced: 0,
        environment: "production".to_owned(),
        job_path: "/home/anna/jobs/portfolio.toml".into(),
        limit: None,
    }
}

/// A finished run with nothing to complain about.
pub(super) fn settled() -> Summary {
    Summary {
        exit: Some(0),
        reason: "all settled".to_owned(),
        next: "to see the run in full: orgpull status k3v9q2".to_owned(),
        rows: 200,
        bad_rows: 0,
        lookups: 200,
        outcomes: [196, 0, 0, 4, 0, 0, 0, 0, 0],
        bought: 200,
        reused: 0,
        calls: 200,
        retries: 0,
        logins: 1,
        cost: Ore::ZERO,
        spent_unknown: Ore::ZERO,
        letters: 0,
        saved_calls: 0,
        saved_cost: Ore::ZERO,
        saved_unpriced: 0,
        ..summary()
    }
}

/// A run that can be continued, with this exit.
pub(super) fn stopped(exit: Option<u8>) -> Summary {
    Summary {
        state: RunState::Stopped,
        exit,
        reason: exit.and_then(Exit::from_code).map_or("the process died", Exit::meaning).to_owned(),
        next: "to go on: orgpull run jobs/portfolio.toml".to_owned(),
        finished_at: None,
        outcomes: [4_000, 0, 0, 120, 0, 0, 0, 0, 0],
        pending: 7_880,
        bought: 4_120,
        reused: 0,
        calls: 4_120,
        retries: 0,
        ..summary()
    }
}

/// Every way in which a run can stand.
pub(super) fn endings() -> Vec<(String, Summary)> {
    let finished = |outcomes: [u64; 9]| Summary { outcomes, ..summary() };
    let mut all = vec![
        ("running".to_owned(), Summary { state: RunState::Running, reason: String::new(), ..stopped(None) }),
        ("closed".to_owned(), Summary { state: RunState::Closed, ..stopped(Some(130)) }),
        ("finished, settled".to_owned(), Summary { outcomes: [9, 0, 0, 0, 0, 0, 0, 0, 1], ..settled() }),
        ("finished, denied".to_owned(), Summary { outcomes: [9, 0, 0, 0, 0, 2, 0, 0, 0], ..settled() }),
        ("finished, failed".to_owned(), finished([9, 0, 0, 0, 0, 0, 3, 0, 0])),
        ("finished, unknown".to_owned(), finished([9, 0, 0, 0, 0, 0, 0, 2, 0])),
        ("finished, failed and unknown".to_owned(), finished([9, 0, 0, 0, 0, 0, 3, 2, 0])),
        ("died".to_owned(), stopped(None)),
    ];
    for exit in [1, 3, 5, 6, 7, 8, 9, 10, 130] {
        all.push((format!("stopped, exit {exit}"), stopped(Some(exit))));
    }
    all
}

/// A run a tenth of the way.
pub(super) fn progress() -> Progress {
    Progress {
        lookups: 12_000,
        done: 1_204,
        outcomes: [1_120, 0, 0, 80, 0, 0, 4, 0, 0],
        calls: 1_190,
        reused: 14,
        cost: Ore::new(380_800),
        unpriced: Vec::new(),
        rate: 1.0,
        left: Some(Duration::from_secs(10_796)),
        in_flight: 4,
        pause: None,
    }
}

/// A job with two lookups, one of them with blocks of different prices.
pub(super) fn plan() -> PlanReport {
    PlanReport {
        job: "portfolio".to_owned(),
        environment: "production".to_owned(),
        rows: 20_005,
        bad_rows: 5,
        examples: vec![
            BadExample { line: 17, reason: "the check digit is wrong".to_owned() },
            BadExample { line: 4_020, reason: "empty".to_owned() },
        ],
        steps: vec![
            PlanStep {
                id: "changes".to_owned(),
                service: "creditsafe.datecheck-company".to_owned(),
                duplicates: 120,
                fresh: 80,
                skipped: 300,
                to_buy: 19_500,
                ..PlanStep::default()
            },
            PlanStep {
                id: "report".to_owned(),
                service: "creditsafe.getdata".to_owned(),
                duplicates: 120,
                invalid: 2,
                to_buy: 19_878,
                price_low: Ore::new(320),
                price_high: Ore::new(1_450),
                price: Ore::new(6_700_000),
                purged: 12,
                letters: 41,
                gated: 19_000,
                gated_price: Ore::new(6_400_000),
                gate_history: Some((830, 11_740)),
                ..PlanStep::default()
            },
        ],
        unpriced: Vec::new(),
        duration: Duration::from_secs(39_378),
        rate: "60/min".to_owned(),
        budgets: vec![
            PlanBudget {
                name: "the budget of the run".to_owned(),
                limit: Limit { max_calls: Some(40_000), max_cost: Some(Ore::new(15_000_000)) },
                before: Spend::default(),
                after: Spend { calls: 39_378, cost: Ore::new(14_000_000), unpriced: 0 },
            },
            PlanBudget {
                name: "the budget of account creditsafe for the month".to_owned(),
                limit: Limit { max_calls: None, max_cost: Some(Ore::new(20_000_000)) },
                before: Spend { calls: 30_000, cost: Ore::new(9_600_000), unpriced: 0 },
                after: Spend { calls: 69_378, cost: Ore::new(23_600_000), unpriced: 0 },
            },
        ],
        retention: Some(90 * 86_400_000),
        ledger_bytes: 41_000_000,
        diff: Some(PlanDiff {
            run: "k3v9q2".to_owned(),
            rows: (12_003, 3),
            calls: 11_790,
            cost: Ore::new(3_757_440),
            unpriced: Vec::new(),
            changes: vec!["lookup `report`: parameter `blockname` differs".to_owned()],
        }),
        refusal: None,
    }
}
