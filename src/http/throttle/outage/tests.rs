use super::*;
use FailureKind::{NotConnected, ServerError, TimedOut, Unavailable};

const SECOND: Duration = Duration::from_secs(1);
const HOURS: Duration = Duration::from_hours(6);

impl Outages {
    /// What a call is told, and does where it is to ask the health address.
    fn act(&mut self, now: Instant, in_flight: u32) -> OutageStep {
        let step = self.step(now, in_flight);
        if step == OutageStep::Health {
            self.health_begins();
        }
        step
    }
}

fn out(has_health: bool, patience: Duration) -> (Outages, Instant, OutageEffect) {
    let now = Instant::now();
    let mut outages = Outages::new(patience, has_health);
    for (lookup, kind) in [(1, NotConnected), (2, TimedOut), (1, Unavailable), (3, ServerError)] {
        assert_eq!(outages.call_failed(now, lookup, kind), OutageEffect::default());
    }
    let effect = outages.call_failed(now, 4, NotConnected);
    (outages, now, effect)
}

#[test]
fn five_in_a_row_and_what_was_not_carried_out_is_given_back() {
    let (mut outages, now, effect) = out(true, HOURS);
    assert_eq!(effect, OutageEffect { in_outage: true, begins: true, in_doubt: false, refunds: vec![1, 1] });
    assert_eq!(
        outages.call_failed(now, 9, TimedOut),
        OutageEffect { in_outage: true, ..OutageEffect::default() }
    );
    assert_eq!(
        outages.act(now, 3),
        OutageStep::Wait(Some(now + SECOND)),
        "a straggler does not lengthen the wait"
    );
}

#[test]
fn an_answer_between_starts_the_count_again() {
    let mut outages = Outages::new(HOURS, true);
    for lookup in 0..40 {
        assert!(!outages.call_failed(Instant::now(), lookup, NotConnected).in_outage);
        if lookup % 4 == 3 {
            outages.answered();
        }
    }
}

/// On a trial for letters one lookup goes at a time, and each has a streak of its own.
#[test]
fn two_lookups_in_a_row_that_fail_by_themselves_are_the_upstream() {
    let now = Instant::now();
    for has_health in [true, false] {
        let streak = |outages: &mut Outages, lookup| {
            let mut effect = OutageEffect::default();
            for _ in 0..STREAK {
                effect = outages.call_failed(now, lookup, Unavailable);
            }
            if effect.in_doubt {
                outages.health_begins();
                effect = outages.health_done(now, true);
            }
            effect
        };
        let mut outages = Outages::new(HOURS, has_health);
        assert!(!streak(&mut outages, 1).in_outage, "it may be that number's");
        assert!(!streak(&mut outages, 1).in_outage, "and still may");
        let second = streak(&mut outages, 2);
        assert_eq!((second.begins, second.refunds), (true, vec![2; STREAK - 1]), "{has_health}");
        let mut outages = Outages::new(HOURS, has_health);
        streak(&mut outages, 1);
        outages.answered();
        assert!(!streak(&mut outages, 2).in_outage, "something has answered between");
    }
}

#[test]
fn health_then_one_call_then_over() {
    let (mut outages, now, _) = out(true, HOURS);
    let now = now + SECOND;
    assert_eq!(outages.act(now, 0), OutageStep::Health);
    assert_eq!(outages.act(now, 0), OutageStep::Wait(None));
    outages.health_done(now, false);
    assert_eq!(outages.act(now, 0), OutageStep::Wait(Some(now + 2 * SECOND)));
    let now = now + 2 * SECOND;
    assert_eq!(outages.act(now, 0), OutageStep::Health);
    assert!(outages.health_done(now, true).in_outage);
    assert_eq!(outages.act(now, 0), OutageStep::Open);
    outages.call_granted();
    assert_eq!(outages.act(now, 1), OutageStep::Wait(None), "one alone");
    assert!(outages.call_failed(now, 1, TimedOut).in_outage);
    assert_eq!(outages.act(now, 0), OutageStep::Wait(Some(now + 4 * SECOND)));
    outages.answered();
    assert_eq!(outages.act(now, 0), OutageStep::Open);
    assert_eq!(outages.pause(), None);
}

#[test]
fn a_try_that_came_back_without_result_is_made_again() {
    let (mut outages, now, _) = out(false, HOURS);
    assert_eq!(outages.act(now + SECOND, 0), OutageStep::Open, "no health address: straight to the try");
    outages.call_granted();
    assert_eq!(outages.act(now + SECOND, 1), OutageStep::Wait(None));
    assert_eq!(outages.act(now + SECOND, 0), OutageStep::Open);
}

#[test]
fn waits_grow_to_five_minutes_and_end_with_a_last_question() {
    let (mut outages, start, _) = out(true, Duration::from_secs(1_000));
    let (mut now, mut waits) = (start, Vec::new());
    loop {
        match outages.act(now, 0) {
            OutageStep::Wait(Some(until)) => {
                waits.push((until - now).as_secs());
                now = until;
            }
            OutageStep::Health => drop(outages.health_done(now, false)),
            OutageStep::Over => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 189]);
    assert_eq!(now, start + Duration::from_secs(1_000));
    let (mut none, now, _) = out(true, Duration::ZERO);
    assert_eq!(none.act(now, 0), OutageStep::Over);
}

#[test]
fn five_that_were_not_taken_in_a_row_are_one_step() {
    let now = Instant::now();
    let mut outages = Outages::new(HOURS, true);
    for nth in 1..=25 {
        let effect = outages.not_taken(now, 7);
        assert_eq!((effect.begins, effect.in_outage), (nth == 25, nth == 25), "{nth}");
        assert!(effect.refunds.is_empty(), "they spent no attempt");
    }
    let now = now + SECOND;
    assert_eq!(outages.act(now, 0), OutageStep::Health);
    outages.health_done(now, true);
    assert_eq!(outages.act(now, 0), OutageStep::Open);
    for nth in 1..=5 {
        outages.call_granted();
        assert!(outages.not_taken(now, 7).in_outage);
        let step = outages.act(now, 0);
        assert_eq!(
            step == OutageStep::Open,
            nth < 5,
            "{nth}: a try without a result is made again, five times: {step:?}"
        );
    }
    let mut outages = Outages::new(HOURS, true);
    for nth in 0..100 {
        assert!(!outages.not_taken(now, nth).in_outage);
        if nth % 4 == 3 {
            outages.answered();
        }
    }
    for lookup in 0..4 {
        outages.call_failed(now, lookup, NotConnected);
    }
    assert!((1..=5).map(|nth| outages.not_taken(now, nth).begins).eq([false, false, false, false, true]));
}

#[test]
fn one_lookups_own_trouble_is_an_outage_only_if_the_health_address_says_so() {
    let now = Instant::now();
    let doubt = |has_health| {
        let mut outages = Outages::new(HOURS, has_health);
        for nth in 1..=5 {
            let effect = outages.call_failed(now, 7, Unavailable);
            assert_eq!((effect.in_outage, effect.in_doubt), (false, has_health && nth == 5));
        }
        assert_eq!(outages.is_in_doubt(), has_health);
        outages
    };
    let mut outages = doubt(true);
    assert_eq!((outages.act(now, 0), outages.act(now, 0)), (OutageStep::Health, OutageStep::Wait(None)));
    assert_eq!(outages.health_done(now, true), OutageEffect::default());
    assert_eq!(outages.act(now, 0), OutageStep::Open);
    let mut outages = doubt(true);
    outages.act(now, 0);
    let later = OutageEffect { in_doubt: true, ..OutageEffect::default() };
    assert_eq!(outages.call_failed(now, 8, NotConnected), later, "another one's, before the answer");
    let effect = outages.health_done(now, false);
    assert_eq!((effect.in_outage, effect.in_doubt, effect.begins), (true, false, true));
    assert_eq!(effect.refunds, [7, 7, 7, 7, 7, 8]);
    let mut outages = doubt(true);
    outages.answered();
    assert!(!outages.is_in_doubt(), "an answer ends it before the health address was asked");
    assert_eq!(doubt(false).act(now, 0), OutageStep::Open);
    let mut outages = Outages::new(HOURS, true);
    let in_outage: Vec<_> = (0..5).map(|_| outages.call_failed(now, 7, NotConnected).in_outage).collect();
    assert_eq!(in_outage, [false, false, false, false, true], "not connected is never a lookup's own");
}

#[test]
fn a_login_out_of_reach_waits_without_asking_the_services_health() {
    let now = Instant::now();
    let mut outages = Outages::new(HOURS, true);
    assert!(outages.login_unreachable(now).begins);
    assert_eq!(outages.act(now, 0), OutageStep::Wait(Some(now + SECOND)));
    assert_eq!(outages.act(now + SECOND, 0), OutageStep::Open);
    assert!(!outages.login_unreachable(now + SECOND).begins);
    assert_eq!(outages.act(now + SECOND, 0), OutageStep::Wait(Some(now + 3 * SECOND)));
    assert_eq!(outages.pause(), Some((Some(now + 3 * SECOND), now + HOURS)));
    outages.logged_in();
    assert_eq!(outages.pause(), None);
}

#[test]
fn one_process_looks_and_the_others_hear_of_it() {
    let (mut ours, now, _) = out(true, HOURS);
    ours.call_failed(now, 4, NotConnected);
    let mut theirs = Outages::new(HOURS, true);
    theirs.merge(now, ours.share(now));
    assert_eq!(theirs.act(now, 0), OutageStep::Wait(Some(now + SECOND)));
    assert_eq!(ours.act(now + SECOND, 0), OutageStep::Health);
    theirs.merge(now + SECOND, ours.share(now + SECOND));
    assert_eq!(
        theirs.act(now + SECOND, 0),
        OutageStep::Wait(Some(now + SECOND + LOOKING)),
        "ours is looking"
    );
    ours.health_done(now + 2 * SECOND, false);
    theirs.merge(now + 2 * SECOND, ours.share(now + 2 * SECOND));
    assert_eq!(theirs.act(now + 2 * SECOND, 0), OutageStep::Wait(Some(now + 4 * SECOND)));
    assert_eq!(theirs.act(now + 4 * SECOND, 0), OutageStep::Health, "whoever comes first");
    theirs.health_done(now + 4 * SECOND, true);
    assert_eq!(theirs.act(now + 4 * SECOND, 0), OutageStep::Open);
    theirs.call_granted();
    theirs.answered();
    assert!(theirs.must_share());
    ours.merge(now + 5 * SECOND, theirs.share(now + 5 * SECOND));
    assert!(!ours.is_in_outage() && !theirs.is_in_outage());
}

#[test]
fn what_the_upstream_asks_for_is_waited_for_and_heard_by_others() {
    const MINUTE: Duration = Duration::from_mins(1);
    let now = Instant::now();
    let mut ours = Outages::new(HOURS, true);
    ours.note_retry_after(now + 20 * MINUTE);
    for lookup in 0..5 {
        ours.call_failed(now, lookup, Unavailable);
    }
    assert_eq!(ours.act(now, 0), OutageStep::Wait(Some(now + 20 * MINUTE)), "on the way into it");
    ours.note_retry_after(now + 30 * MINUTE);
    ours.note_retry_after(now + 10 * MINUTE);
    assert_eq!(ours.act(now, 0), OutageStep::Wait(Some(now + 30 * MINUTE)), "the latest counts");
    let told = ours.share(now);
    assert_eq!(told, Some((now + 30 * MINUTE, 30 * MINUTE)));
    let mut theirs = Outages::new(HOURS, true);
    theirs.merge(now, told);
    assert_eq!(theirs.act(now, 0), OutageStep::Wait(Some(now + 30 * MINUTE)));
    assert_eq!(theirs.retry_after(now), Some(now + 30 * MINUTE));
    ours.merge(now, told);
    let now = now + 30 * MINUTE;
    assert_eq!(ours.act(now, 0), OutageStep::Health, "not forgotten by hearing its own words");
    assert_eq!(ours.retry_after(now), None);
    ours.note_retry_after(now + MINUTE);
    ours.health_done(now, false);
    assert_eq!(ours.act(now, 0), OutageStep::Wait(Some(now + MINUTE)), "said by the health address");
    ours.answered();
    assert_eq!((ours.act(now, 0), ours.retry_after(now)), (OutageStep::Open, None));
}

#[test]
fn whoever_is_told_to_come_after_the_end_does_not_ask_at_the_end() {
    let now = Instant::now();
    let mut outages = Outages::new(HOURS, true);
    outages.note_retry_after(now + 4 * HOURS);
    assert!(outages.login_unreachable(now).begins);
    assert_eq!(outages.act(now, 0), OutageStep::Wait(Some(now + HOURS)));
    assert_eq!(outages.act(now + HOURS, 0), OutageStep::Over);
}

#[test]
fn a_foreign_page_is_no_answer_and_no_failure() {
    let now = Instant::now();
    let mut outages = Outages::new(HOURS, false);
    for lookup in 0..4 {
        outages.call_failed(now, lookup, ServerError);
        assert!(!outages.foreign_answer(now));
    }
    assert!(outages.call_failed(now, 4, ServerError).begins, "it did not begin the count anew");
    let now = now + SECOND;
    assert_eq!(outages.act(now, 0), OutageStep::Open);
    outages.call_granted();
    assert!(outages.foreign_answer(now));
    assert_eq!(outages.act(now, 0), OutageStep::Wait(Some(now + 2 * SECOND)), "the try was not answered");
}

#[test]
fn who_has_waited_long_enough_does_not_end_it_for_others() {
    let (mut ours, now, _) = out(true, SECOND);
    ours.call_failed(now, 4, NotConnected);
    assert_eq!(ours.act(now + SECOND, 0), OutageStep::Health);
    ours.health_done(now + SECOND, false);
    assert!(ours.is_over());
    ours.merge(now + SECOND, None);
    ours.share(now + SECOND);
    ours.merge(now + SECOND, None);
    assert_eq!(ours.act(now + SECOND, 0), OutageStep::Over);
}
