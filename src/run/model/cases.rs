//! Worlds that are not drawn: what once stood still, spun, or was forgotten.

use super::upstream::{Call, End, LETTER_BLOCK, Mood, PANICS, PLAIN_BLOCK, Said};
use super::world::{AccountSpec, Act, JobSpec, StepSpec, Theme, World, number};
use super::{Outcome, Simulation, books, simulate};
use crate::domain::exit::Exit;
use crate::ledger::Access;
use crate::ledger::{Fault, Ledger};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A partnership, which gets letters, and a company.
const PARTNERSHIP: usize = 2;
const COMPANY: usize = 0;

fn account(concurrency: u32) -> AccountSpec {
    AccountSpec { rate: "unlimited", concurrency, cool_down: 5, logins: 10, day: None }
}

/// `getsignatory`, or a block of `getdata`.
fn step(account: usize, block: Option<&'static str>, gates: &[usize]) -> StepSpec {
    StepSpec { account, block, retry: false, when: gates.iter().map(|gate| (*gate, "hit")).collect() }
}

fn job(rows: impl IntoIterator<Item = usize>, steps: Vec<StepSpec>) -> JobSpec {
    let rows = rows.into_iter().collect();
    JobSpec { rows, steps, concurrency: None, attempts: 5, outage_wait: 60, oldest: false, max_calls: None }
}

fn hits() -> Mood {
    Mood { delay: 10..11, ..Mood::default() }
}

fn scripted(script: &[(u64, Said)]) -> Mood {
    Mood { script: script.iter().copied().collect(), ..hits() }
}

fn world(accounts: Vec<AccountSpec>, jobs: Vec<JobSpec>, moods: Vec<Mood>) -> Simulation {
    Simulation::begin(1, World::new(Theme::Anything, accounts, jobs, moods))
}

/// Runs the jobs, each begun so long after the first, and holds the books.
async fn run(simulation: &Simulation, jobs: Vec<(Duration, Vec<(Duration, Act)>)>) -> Vec<Outcome> {
    let mut processes = Vec::new();
    for (job, (after, acts)) in jobs.into_iter().enumerate() {
        processes.push(simulation.start(job, after, acts).await);
    }
    let mut outcomes = simulation.go_on(processes).await;
    outcomes.sort_by_key(|outcome| outcome.job);
    for outcome in &outcomes {
        books::hold(simulation, outcome).await;
    }
    outcomes
}

async fn run_one(simulation: &Simulation, acts: Vec<(Duration, Act)>) -> Outcome {
    run(simulation, vec![(Duration::ZERO, acts)]).await.remove(0)
}

async fn states(simulation: &Simulation) -> Vec<String> {
    let ledger = Ledger::open(&simulation.world.database(), &Access::unmarked()).await.unwrap();
    let states = ledger.attempts().await.into_iter().map(|row| row.state).collect();
    ledger.close().await;
    states
}

/// Who is asked, in the order of arrival: the row of each call.
fn rows(calls: &[Call], most: usize) -> Vec<usize> {
    let row = |call: &Call| (0..most).find(|row| number(*row) == call.question[3]).unwrap();
    calls.iter().map(row).collect()
}

#[test]
fn whoever_waits_for_anothers_letter_ends_with_whoever_waits_first() {
    simulate(1, async || {
        let credit = |count| vec![step(0, Some(LETTER_BLOCK), &[]); count];
        let jobs = vec![job([PARTNERSHIP], credit(1)), job([PARTNERSHIP; 2], credit(2))];
        let simulation = world(vec![account(3)], jobs, vec![scripted(&[(5_000, Said::Lost)])]);
        let outcomes = run(&simulation, vec![(Duration::ZERO, vec![]), (SECOND, vec![])]).await;
        for outcome in &outcomes {
            assert_eq!(outcome.exit(), Some(Exit::Unsettled), "{}", outcome.reason());
        }
        assert_eq!(simulation.upstream.calls().len(), 1, "nobody asks for a second letter");
    });
}

#[test]
fn a_budget_that_is_short_at_a_login_is_reached() {
    simulate(1, async || {
        let steps = vec![step(0, None, &[]), step(1, None, &[0])];
        let job = JobSpec { max_calls: Some(2), ..job([0, 1], steps) };
        let moods = vec![scripted(&[(50, Said::Hit), (3_000, Said::Hit)]), hits()];
        let simulation = world(vec![account(2), account(2)], vec![job], moods);
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Budget), "{}", outcome.reason());
        assert!(outcome.took < 10 * SECOND, "{:?}", outcome.took);
    });
}

#[test]
fn an_account_that_stands_still_holds_up_only_what_depends_on_it() {
    simulate(1, async || {
        let closed = Mood { closed: vec![(Duration::ZERO..20 * MINUTE, true)], ..hits() };
        let steps = vec![
            step(0, None, &[]),
            step(1, None, &[]),
            step(2, None, &[0]),
            step(2, Some(PLAIN_BLOCK), &[]),
            step(1, Some(LETTER_BLOCK), &[1]),
            step(1, Some(PLAIN_BLOCK), &[2]),
        ];
        for (concurrency, oldest) in [(None, false), (Some(2), true)] {
            let job = JobSpec { concurrency, oldest, outage_wait: 1_800, ..job(0..90, steps.clone()) };
            let accounts = vec![account(2); 3];
            let simulation = world(accounts, vec![job], vec![closed.clone(), hits(), hits()]);
            let outcome = run_one(&simulation, vec![(15 * MINUTE, Act::Look)]).await;
            assert_eq!(
                (outcome.exit(), outcome.acts.len()),
                (Some(Exit::Settled), 1),
                "{}",
                outcome.reason()
            );
        }
    });
}

#[test]
fn accounts_take_turns_at_what_the_job_allows_at_once() {
    simulate(1, async || {
        for concurrency in [1, 2, 4] {
            let steps = vec![step(0, None, &[]), step(1, None, &[])];
            let job = JobSpec { concurrency: Some(concurrency), ..job(0..60, steps) };
            let simulation = world(vec![account(5), account(5)], vec![job], vec![hits(), hits()]);
            assert_eq!(run_one(&simulation, vec![]).await.exit(), Some(Exit::Settled));
            let calls = simulation.upstream.calls();
            let first = calls[..80].iter().filter(|call| call.question[0] == World::name(0)).count();
            assert!((35..=45).contains(&first), "{first} of the first 80 calls with {concurrency} at once");
        }
    });
}

#[test]
fn each_account_is_asked_in_the_order_of_the_run_also_where_it_is_continued() {
    simulate(1, async || {
        for oldest in [false, true] {
            // The condition of the second is met by a register that is first closed.
            let steps = vec![step(0, None, &[]), step(1, None, &[0]), step(1, Some(PLAIN_BLOCK), &[0])];
            let closed = Mood { closed: vec![(Duration::ZERO..MINUTE, true)], ..hits() };
            let job = JobSpec { oldest, ..job((0..90).filter(|row| row % 3 != PARTNERSHIP), steps) };
            let simulation = world(vec![account(1), account(1)], vec![job], vec![hits(), closed]);
            let outcome = run_one(&simulation, vec![(30 * SECOND, Act::Drain)]).await;
            assert_eq!(outcome.exit(), Some(Exit::Stopped), "{}", outcome.reason());
            let asked = simulation.upstream.calls();
            let of = |calls: &[Call], account| -> Vec<Call> {
                calls.iter().filter(|call| call.question[0] == World::name(account)).cloned().collect()
            };
            let first = rows(&of(&asked, 0), 90);
            assert!(first.len() == 60 && first.is_sorted(), "{first:?}");
            tokio::time::advance(MINUTE).await;
            assert_eq!(run_one(&simulation, vec![]).await.exit(), Some(Exit::Settled));
            let second = rows(&of(&simulation.upstream.calls()[asked.len()..], 1), 90);
            assert!(second.len() == 120 && second.is_sorted(), "{second:?}");
        }
    });
}

#[test]
fn a_ledger_that_fails_is_waited_for_and_not_tried_in_a_loop() {
    simulate(1, async || {
        for (fault, lasts, exit, unknown) in [
            (Fault::Unwritable, 10 * MINUTE, Exit::Ledger, 2),
            (Fault::Unwritable, 10 * SECOND, Exit::Ledger, 0),
            (Fault::Full, 10 * SECOND, Exit::Settled, 0),
            (Fault::Busy, 10 * SECOND, Exit::Settled, 0),
        ] {
            let script = [(5_000, Said::Hit), (20_000, Said::Hit)];
            let job = job([0, 1, 3, 4], vec![step(0, None, &[])]);
            let simulation = world(vec![account(2)], vec![job], vec![scripted(&script)]);
            let outcome = run_one(&simulation, vec![(SECOND, Act::Break(fault, lasts))]).await;
            assert_eq!(outcome.exit(), Some(exit), "{fault:?}: {}", outcome.reason());
            let calls = simulation.upstream.calls();
            let lost = states(&simulation).await.iter().filter(|state| *state == "started").count();
            assert_eq!(
                (lost, calls.len()),
                (unknown, if exit == Exit::Settled { 4 } else { 2 }),
                "{fault:?}"
            );
        }
    });
}

#[test]
fn what_is_in_flight_is_heard_though_a_budget_cannot_be_asked() {
    simulate(1, async || {
        let steps = vec![step(0, None, &[]), step(1, None, &[0])];
        let job = JobSpec { max_calls: Some(50), ..job([0, 1, 3], steps) };
        let script = [(2_000, Said::Hit), (6_000, Said::Hit), (7_000, Said::Hit)];
        let simulation = world(vec![account(3), account(1)], vec![job], vec![scripted(&script), hits()]);
        let outcome = run_one(&simulation, vec![(SECOND, Act::Break(Fault::Unasked, MINUTE))]).await;
        assert_eq!(outcome.exit(), Some(Exit::Ledger), "{}", outcome.reason());
        assert_eq!(states(&simulation).await, ["answered"; 3], "what is paid for is kept");
    });
}

#[test]
fn what_an_account_has_taught_is_written_when_the_ledger_can_be_written() {
    simulate(1, async || {
        let login = |status| Mood { logins: vec![(Duration::ZERO..MINUTE, status)], ..hits() };
        let closed = Mood { closed: vec![(Duration::ZERO..MINUTE, true)], ..hits() };
        let posts = Mood { unannounced: 1_000, ..scripted(&[(1_000, Said::Hit)]) };
        for (mood, at, exit) in [
            (posts, 500, Exit::Config),
            (login(401), 10, Exit::Login),
            (login(429), 10, Exit::Settled),
            (closed, 45, Exit::Settled),
        ] {
            let steps = vec![step(0, Some(PLAIN_BLOCK), &[])];
            let job = JobSpec { outage_wait: 600, ..job([PARTNERSHIP, 5, 8], steps) };
            let simulation = world(vec![account(1)], vec![job], vec![mood.clone()]);
            let busy = Act::Break(Fault::Busy, 5 * SECOND);
            let outcome = run_one(&simulation, vec![(Duration::from_millis(at), busy)]).await;
            assert_eq!(outcome.exit(), Some(exit), "{}", outcome.reason());
            let ledger = Ledger::open(&simulation.world.database(), &Access::unmarked()).await.unwrap();
            let place = (World::name(0), "http://127.0.0.1:1/alpha");
            let letters = ledger.unannounced_letters(place.0, place.1).await.unwrap();
            let memory = ledger.account(place.0, place.1, 0).await.unwrap();
            ledger.close().await;
            let kept = [
                !letters.is_empty(),
                memory.refused_credentials.is_some(),
                memory.login_held_until > 0,
                memory.cool_down_level > 0,
            ];
            let expected = [
                mood.unannounced > 0,
                mood.logins.first().is_some_and(|(_, status)| *status == 401),
                mood.logins.first().is_some_and(|(_, status)| *status == 429),
                !mood.closed.is_empty(),
            ];
            assert_eq!(kept, expected);
            if exit == Exit::Config {
                assert_eq!(run_one(&simulation, vec![]).await.exit(), Some(Exit::Config));
                assert_eq!(simulation.upstream.calls().len(), 1, "there is no second letter");
            }
        }
    });
}

#[test]
fn a_task_that_panics_costs_its_own_call_and_ends_the_run() {
    simulate(1, async || {
        let script = [(100, Said::Hit), (200, Said::Panic), (2_000, Said::Hit)];
        let job = job([0, 1, 3, 4, 6, 7], vec![step(0, None, &[])]);
        let mut simulation = world(vec![account(3)], vec![job], vec![scripted(&script)]);
        simulation.world.moods[0].panics = 1;
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Bug));
        assert!(outcome.reason().contains("panicked"), "{}", outcome.reason());
        let mut states = states(&simulation).await;
        states.sort_unstable();
        let calls = simulation.upstream.calls();
        assert_eq!(states.iter().filter(|state| *state == "unknown").count(), 1, "{states:?}");
        assert_eq!(states.iter().filter(|state| *state == "answered").count(), calls.len() - 1, "{states:?}");
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Unsettled), "1 unknown: {}", outcome.reason());
    });
}

#[test]
fn a_login_that_panics_ends_the_run() {
    simulate(1, async || {
        let mood = Mood { logins: vec![(Duration::ZERO..MINUTE, PANICS)], panics: 1, ..hits() };
        let simulation = world(vec![account(3)], vec![job([0], vec![step(0, None, &[])])], vec![mood]);
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Bug));
        assert!(outcome.reason().contains("panicked"), "{}", outcome.reason());
    });
}

#[test]
fn a_lookup_in_doubt_is_decided_though_nothing_else_waits() {
    simulate(1, async || {
        let mood = scripted(&[(10, Said::Unavailable); 5]);
        let simulation = world(vec![account(3)], vec![job([0], vec![step(0, None, &[])])], vec![mood]);
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Unsettled), "{}", outcome.reason());
        assert!(simulation.upstream.calls().iter().all(|call| call.end == Some(End::Refused)));
    });
}

#[test]
fn conditions_upon_conditions_are_walked_once() {
    simulate(1, async || {
        let each =
            |at: usize| step(0, if at == 0 { None } else { Some(PLAIN_BLOCK) }, &(0..at).collect::<Vec<_>>());
        let simulation =
            world(vec![account(5)], vec![job([COMPANY, 1, 3, 4], (0..40).map(each).collect())], vec![hits()]);
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Settled), "{}", outcome.reason());
        assert_eq!(simulation.upstream.calls().len(), 8);
    });
}

/// The second of four lookups is stopped while the first goes on, with more rows to come than may wait.
#[test]
fn a_chain_of_conditions_does_not_wait_for_a_service_that_was_stopped_in_its_middle() {
    simulate(1, async || {
        let steps = vec![
            step(0, None, &[]),
            step(1, Some(PLAIN_BLOCK), &[0]),
            step(2, None, &[1]),
            step(2, Some(PLAIN_BLOCK), &[2]),
        ];
        let short = AccountSpec { day: Some(3), ..account(2) };
        let fault = Mood { fault: Some(Duration::from_millis(200)), ..hits() };
        let companies = || (0..300).filter(|row| row % 3 != PARTNERSHIP);
        for (second, mood, exit) in [(short, hits(), Exit::Budget), (account(2), fault, Exit::Config)] {
            let accounts = vec![account(1), second, account(2)];
            let job = job(companies(), steps.clone());
            let simulation = world(accounts, vec![job], vec![hits(), mood, hits()]);
            let outcome = run_one(&simulation, vec![]).await;
            assert_eq!(outcome.exit(), Some(exit), "{}", outcome.reason());
            let calls = simulation.upstream.calls();
            let of = |account| calls.iter().filter(|call| call.question[0] == World::name(account)).count();
            assert_eq!(of(0), companies().count(), "what does not depend on it goes on");
            assert!(of(1) >= 3, "{}", of(1));
        }
    });
}

#[test]
fn whoever_waits_for_the_answer_that_stops_its_service_goes_on() {
    simulate(1, async || {
        let posts = Mood { unannounced: 1_000, ..scripted(&[(1_000, Said::Hit)]) };
        let steps =
            vec![step(0, Some(PLAIN_BLOCK), &[]), step(1, None, &[0]), step(1, Some(PLAIN_BLOCK), &[1])];
        let job = job([PARTNERSHIP, 5, 8], steps);
        let simulation = world(vec![account(1), account(1)], vec![job], vec![posts, hits()]);
        let outcome = run_one(&simulation, vec![]).await;
        assert_eq!(outcome.exit(), Some(Exit::Config), "{}", outcome.reason());
        assert_eq!(rows(&simulation.upstream.calls(), 9), [PARTNERSHIP; 3], "its answer is at hand");
    });
}

/// The last failure on the way into an outage is that of a lookup which spent all the others, or one that has spent one
/// is in flight: whatever was spent is given back. Who was asked early and is answered late ends the outage, and the next
/// call is refused once more.
#[test]
fn an_outage_gives_their_attempts_back_to_whoever_is_at_hand_or_in_flight() {
    use Said::{Hit, NotConnected};
    simulate(1, async || {
        let late = (80_000, Hit);
        let at_hand = vec![(10, NotConnected), late];
        let in_flight = [
            vec![(10, NotConnected), late],
            vec![(10_000, NotConnected); 4],
            vec![(20_000, NotConnected), (10, NotConnected)],
        ];
        for (rows, attempts, away, script) in
            [(2, 5, 100..80_200, at_hand), (6, 2, 5_000..79_000, in_flight.concat())]
        {
            let away = Duration::from_millis(away.start)..Duration::from_millis(away.end);
            let mood = Mood { away: vec![away], ..scripted(&script) };
            let job = JobSpec { attempts, outage_wait: 600, ..job(0..rows, vec![step(0, None, &[])]) };
            let simulation = world(vec![account(6)], vec![job], vec![mood]);
            let outcome = run_one(&simulation, vec![]).await;
            assert_eq!(outcome.exit(), Some(Exit::Settled), "{attempts}: {}", outcome.reason());
            let refused =
                simulation.upstream.calls().into_iter().filter(|call| call.end == Some(End::Refused));
            assert_eq!(refused.count(), if rows == 2 { 6 } else { 7 });
        }
    });
}
