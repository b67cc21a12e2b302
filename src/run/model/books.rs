//! What must hold after each invocation: the ledger against what reached the upstreams.

use super::upstream::{Call, End, Mood, Question};
use super::world::Act;
use super::{Outcome, Simulation};
use crate::domain::exit::Exit;
use crate::ledger::Access;
use crate::ledger::{AttemptRow, Ledger};
use std::collections::{BTreeMap, HashMap};

/// Turns that a loop may take for each thing that happens, and for each second in which nothing does.
const TURNS_AN_EVENT: u64 = 12;
const TURNS_A_SECOND: u64 = 12;

pub(super) async fn hold(simulation: &Simulation, outcome: &Outcome) {
    let ledger = Ledger::open(&simulation.world.database(), &Access::unmarked()).await.unwrap();
    let attempts = ledger.attempts().await;
    let calls = simulation.upstream.calls();
    let mut wrong = simulation.upstream.complaints();
    named(simulation, outcome, &mut wrong);
    bounded(simulation, outcome, &mut wrong);
    nothing_twice(&attempts, &calls, &mut wrong);
    nothing_lost(outcome, &attempts, &calls, &mut wrong);
    within_budget(simulation, &attempts, &calls, &mut wrong);
    if let Some((Ok(Some(ended)), _)) = &outcome.finished {
        let left = ledger.left(ended.run.id).await;
        let done = matches!(ended.exit, Exit::Settled | Exit::Unsettled);
        if done != left.is_empty() {
            wrong.push(format!("exit {} with {left:?} left", ended.exit.code()));
        }
        let open = attempts.iter().any(|row| row.run == ended.run.id && row.state == "started");
        if open {
            wrong.push("an attempt is still started".to_owned());
        }
    }
    ledger.close().await;
    assert!(wrong.is_empty(), "job {}: {wrong:#?}", outcome.job);
}

/// The exit is one for which this world has a reason.
fn named(simulation: &Simulation, outcome: &Outcome, wrong: &mut Vec<String>) {
    let (Some(exit), reason) = (outcome.exit(), outcome.reason()) else { return };
    let world = &simulation.world;
    let any = |is: &dyn Fn(&super::world::World) -> bool| is(world);
    let mood = |is: &dyn Fn(&Mood) -> bool| world.moods.iter().any(is);
    let asked = |status: u16| mood(&|mood| mood.logins.iter().any(|(_, login)| *login == status));
    let fine = match exit {
        Exit::Settled | Exit::Unsettled => true,
        Exit::Bug => mood(&|mood| mood.panics > 0) && reason.contains("panicked"),
        Exit::Login => asked(401) || mood(&|mood| mood.expired > 0),
        Exit::Config => {
            let stray = |mood: &Mood| mood.pages + mood.unreadable + mood.mismatched > 0;
            asked(404) || mood(&|mood| mood.fault.is_some() || mood.unannounced > 0 || stray(mood))
        }
        Exit::Ledger => simulation.has_broken(),
        Exit::Budget => any(&|world| {
            world.jobs.iter().any(|job| job.max_calls.is_some())
                || world.accounts.iter().any(|account| account.day.is_some())
        }),
        Exit::Unavailable => {
            let fails = |mood: &Mood| mood.not_connected + mood.not_taken + mood.lost + mood.unavailable > 0;
            let asks_to_wait = |mood: &Mood| !mood.closed.is_empty() || mood.throttled > 0;
            let troubled = mood(&|mood| !mood.away.is_empty() || fails(mood) || asks_to_wait(mood));
            troubled || asked(401) || asked(404) || asked(429) || asked(500) || asked(503)
        }
        Exit::Stopped => outcome.acts.iter().any(|act| matches!(act, Act::Drain | Act::Abort)),
        Exit::Usage | Exit::Output | Exit::Busy => false,
    };
    if !fine || reason.is_empty() {
        wrong.push(format!("exit {} without a reason in this world: {reason}", exit.code()));
    }
}

/// It never spins.
fn bounded(simulation: &Simulation, outcome: &Outcome, wrong: &mut Vec<String>) {
    let Some((_, turns)) = &outcome.finished else { return };
    let job = &simulation.world.jobs[outcome.job];
    let lookups = (job.rows.len() * job.steps.len()) as u64;
    let events = simulation.upstream.events() + lookups;
    let most = 60 + TURNS_AN_EVENT * events + TURNS_A_SECOND * outcome.took.as_secs();
    if *turns > most {
        wrong.push(format!("{turns} turns for {events} events in {:?}", outcome.took));
    }
}

/// Of one question there is one answer that may be used, and no letter is posted twice.
fn nothing_twice(attempts: &[AttemptRow], calls: &[Call], wrong: &mut Vec<String>) {
    let asked: HashMap<&str, &Call> = calls.iter().map(|call| (call.reference.as_str(), call)).collect();
    let mut answers: BTreeMap<&Question, u32> = BTreeMap::new();
    for row in attempts.iter().filter(|row| row.state == "answered") {
        let Some(call) = asked.get(row.reference.as_str()) else {
            wrong.push("an answer to nothing that was asked".to_owned());
            continue;
        };
        if row.outcome.as_deref() != Some("denied") {
            *answers.entry(&call.question).or_default() += 1;
        }
    }
    let mut letters: BTreeMap<&Question, u32> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.posted) {
        *letters.entry(&call.question).or_default() += 1;
    }
    let twice = answers.iter().filter(|(_, count)| **count > 1);
    wrong.extend(twice.map(|(question, count)| format!("{count} answers to {question:?}")));
    let twice = letters.iter().filter(|(_, count)| **count > 1);
    wrong.extend(twice.map(|(question, count)| format!("{count} letters by {question:?}")));
}

/// Every call has its intent, and what came back is written down.
fn nothing_lost(outcome: &Outcome, attempts: &[AttemptRow], calls: &[Call], wrong: &mut Vec<String>) {
    let rows: HashMap<&str, &AttemptRow> = attempts.iter().map(|row| (row.reference.as_str(), row)).collect();
    let calls = calls.iter().filter(|call| call.job == outcome.job && call.at >= outcome.since);
    // What a process had in hand when it was cut short nobody can write down.
    let cut_short = outcome.acts.iter().any(|act| matches!(act, Act::Die | Act::Abort))
        || outcome.unwritable && outcome.exit() == Some(Exit::Ledger);
    for call in calls {
        let Some(row) = rows.get(call.reference.as_str()) else {
            wrong.push(format!("no intent of {call:?}"));
            continue;
        };
        let expected = match call.end {
            Some(End::Answered(_)) => "answered",
            Some(End::Refused | End::Page) => "refused",
            Some(End::NotTaken) => "unsent",
            Some(End::Unread) => "unread",
            Some(End::Lost) => "unknown",
            Some(End::Dropped) | None => "dropped",
        };
        let open = matches!(row.state.as_str(), "started" | "unknown");
        // A page instead of an answer that may have posted a letter says nothing of whether it did.
        let fine = row.state == expected || open && cut_short || open && call.end == Some(End::Page);
        if !fine {
            wrong.push(format!("{} in the ledger, and {:?} at the upstream: {call:?}", row.state, call.end));
        }
        if let (Some(End::Answered(came)), "answered") = (call.end, row.state.as_str())
            && row.outcome.as_deref() != Some(came)
        {
            wrong.push(format!("{:?} in the ledger, and {came} at the upstream", row.outcome));
        }
    }
}

/// Neither a run nor a day passes its budget.
fn within_budget(simulation: &Simulation, attempts: &[AttemptRow], calls: &[Call], wrong: &mut Vec<String>) {
    if simulation.healed {
        return;
    }
    let asked: HashMap<&str, &Call> = calls.iter().map(|call| (call.reference.as_str(), call)).collect();
    let mut runs: BTreeMap<(usize, i64), u64> = BTreeMap::new();
    let mut days: BTreeMap<&str, u64> = BTreeMap::new();
    for row in attempts.iter().filter(|row| row.state != "unsent") {
        // An intent whose process died before it was sent counts, and nobody saw it.
        let Some(call) = asked.get(row.reference.as_str()) else { continue };
        *runs.entry((call.job, row.run)).or_default() += 1;
        *days.entry(&call.question[0]).or_default() += 1;
    }
    for ((job, _), count) in runs {
        if simulation.world.jobs[job].max_calls.is_some_and(|most| count > most) {
            wrong.push(format!("{count} calls in a run of job {job}"));
        }
    }
    for (at, account) in simulation.world.accounts.iter().enumerate() {
        let count = days.get(super::world::World::name(at)).copied().unwrap_or_default();
        if account.day.is_some_and(|most| count > most) {
            wrong.push(format!("{count} calls of account {at} in a day"));
        }
    }
}
