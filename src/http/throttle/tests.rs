//! The whole throttle, in simulated time.

use super::scripted::{Asked, EXPIRED, HIT, Report, Say, What, rules, run};
use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn hit() -> Say {
    Say(200, 20 * MS, HIT, None)
}

fn at(report: &Report, call: usize) -> Duration {
    report.calls[call]
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_exact_and_one_login_serves_all() {
    let report = run(61, rules("60/min", 8), |_| hit()).await;
    assert_eq!((report.settled, report.logins.len(), report.healths.len()), (61, 1, 0));
    // Tokio's timer wakes up to a millisecond late; none of it adds up.
    for (nth, call) in report.calls.iter().enumerate() {
        let due = at(&report, 0) + SECOND * u32::try_from(nth).unwrap();
        assert!(*call >= due && *call <= due + 2 * MS, "{nth}: {call:?}");
    }
    let report = run(6_001, rules("200/s", 8), |_| hit()).await;
    let used = 30.0 / (at(&report, 6_000).as_secs_f64() - at(&report, 0).as_secs_f64());
    assert!((0.98..=1.0).contains(&used), "{used}");
    for (nth, call) in report.calls.iter().enumerate().skip(201) {
        assert!(*call >= report.calls[nth - 201] + SECOND, "{nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_pace_concurrency_is_the_limit() {
    let report = run(100, rules("unlimited", 10), |_| hit()).await;
    assert_eq!(report.settled, 100);
    assert!(report.calls.chunks(10).all(|calls| calls.iter().all(|call| *call == calls[0])));
}

#[tokio::test(start_paused = true)]
async fn ten_calls_refused_together_log_in_once() {
    let script = |asked: &Asked<'_>| match (asked.what, asked.token, asked.at >= 10 * SECOND) {
        (What::Call, "t1", true) => Say(403, 20 * MS, EXPIRED, None),
        _ => hit(),
    };
    let report = run(6_000, rules("unlimited", 10), script).await;
    assert_eq!((report.settled, report.logins.len(), report.stop), (6_000, 2, None));
    assert_eq!(report.calls.len(), 6_010, "each refused call is repeated once");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_refused_from_the_start_end_it() {
    let script = |asked: &Asked<'_>| match asked.what {
        What::Call => Say(403, 20 * MS, EXPIRED, None),
        _ => hit(),
    };
    let report = run(50, rules("unlimited", 4), script).await;
    assert_eq!(
        (report.stop, report.logins.len(), report.calls.len()),
        (Some(StopReason::TokenRefused), 2, 8)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_one_request() {
    let script =
        |asked: &Asked<'_>| if asked.what == What::Login { Say(401, 20 * MS, "", None) } else { hit() };
    let report = run(50, rules("unlimited", 8), script).await;
    assert!(matches!(report.stop, Some(StopReason::LoginRefused { .. })));
    assert_eq!((report.logins.len(), report.calls.len()), (1, 0));
}

/// A window as the provider has it: at most 200 calls a minute, and 429 with or without a header beyond.
async fn windowed(header: Option<Duration>) -> Report {
    let window = std::sync::Mutex::new((0_u64, 0_u32));
    let script = move |asked: &Asked<'_>| {
        if asked.what != What::Call {
            return hit();
        }
        let mut window = window.lock().unwrap();
        let minute = asked.at.as_secs() / 60;
        *window = if window.0 == minute { (minute, window.1 + 1) } else { (minute, 1) };
        if window.1 > 200 { Say(429, 20 * MS, "", header) } else { hit() }
    };
    run(800, rules("unlimited", 16), script).await
}

#[tokio::test(start_paused = true)]
async fn after_a_429_nothing_leaves_until_the_cool_down_is_over() {
    for (header, wait) in [(None, MINUTE), (Some(90 * SECOND), 90 * SECOND)] {
        let report = windowed(header).await;
        assert_eq!((report.settled, &report.stop), (800, &None), "{header:?}");
        // The first sixteen too many leave together at most; then nothing for the whole wait.
        let silence = report.calls.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap();
        assert!(silence + 20 * MS >= wait, "{header:?}: {silence:?}");
        let first = report.calls.iter().position(|call| *call > at(&report, 199) + SECOND).unwrap();
        assert!(first <= 232, "{header:?}: {first}");
        assert!(at(&report, first) >= at(&report, 200) + wait, "{header:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_by_asking_the_health_address_and_one_call() {
    let script = |asked: &Asked<'_>| {
        let gone = asked.at > 5 * SECOND && asked.at < 125 * SECOND;
        if gone && asked.what != What::Login { Say(0, 20 * MS, "", None) } else { hit() }
    };
    let report = run(2_000, rules("unlimited", 4), script).await;
    assert_eq!((report.settled, report.stop), (2_000, None));
    let during = report.calls.iter().filter(|at| **at > 6 * SECOND && **at < 125 * SECOND).count();
    assert_eq!(during, 0, "only the free address is asked meanwhile");
    let first = *report.calls.iter().find(|at| **at >= 125 * SECOND).unwrap();
    let soon = report.calls.iter().filter(|at| **at >= first && **at < first + 20 * MS).count();
    assert_eq!(soon, 1, "one call tries alone");
    assert_eq!(report.healths.len(), 7, "{:?}", report.healths);
    assert_eq!(report.refunds, 4);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_or_a_login_gone_for_good_stops_the_run_after_its_wait() {
    for what in [What::Call, What::Login] {
        let mut rules = rules("unlimited", 4);
        rules.outage_wait = 10 * MINUTE;
        let script = move |asked: &Asked<'_>| match asked.what {
            What::Health => Say(0, MS, "", None),
            asked if asked == what => Say(0, MS, "", None),
            _ => hit(),
        };
        let report = run(50, rules, script).await;
        let cause = Some(Cause::Refused);
        assert_eq!((report.stop, report.settled), (Some(StopReason::Unavailable { cause }), 0), "{what:?}");
        let last = report.healths.iter().chain(&report.logins).max().unwrap();
        assert!(*last >= 10 * MINUTE && *last < 11 * MINUTE, "{what:?}: {last:?}");
        assert!(report.logins.len() <= 20, "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_nobody_asks_before_the_time_that_was_named() {
    // Whoever names it: the calls that made the outage, the health address, or the login.
    for names in [What::Call, What::Health, What::Login] {
        let script = move |asked: &Asked<'_>| {
            let told = (asked.what == names).then_some(20 * MINUTE);
            let gone = asked.at < 19 * MINUTE;
            let fails = if names == What::Login { asked.what == names } else { asked.what != What::Login };
            if gone && fails { Say(503, 20 * MS, "", told) } else { hit() }
        };
        let report = run(50, rules("unlimited", 1), script).await;
        assert_eq!((report.settled, report.stop), (50, None), "{names:?}");
        let asked = [&report.calls, &report.healths, &report.logins].into_iter().flatten();
        let early = asked.filter(|at| **at > 2 * SECOND && **at < 20 * MINUTE).count();
        assert_eq!(early, 0, "{names:?}: {:?} {:?} {:?}", report.calls, report.healths, report.logins);
    }
}

#[tokio::test(start_paused = true)]
async fn a_health_address_that_has_moved_ends_an_outage_as_a_healthy_one_does() {
    for status in [200, 302, 401, 403, 404, 405] {
        let script = move |asked: &Asked<'_>| match asked.what {
            What::Health => Say(status, MS, "<html>", None),
            What::Call if asked.at < 5 * SECOND => Say(0, MS, "", None),
            _ => hit(),
        };
        let report = run(20, rules("unlimited", 2), script).await;
        assert_eq!((report.settled, report.stop), (20, None), "{status}");
        assert!(report.calls.last().unwrap() < &MINUTE, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_login_is_waited_for_once() {
    let throttled = |until: Duration| {
        move |asked: &Asked<'_>| match asked.what {
            What::Login if asked.at < until => Say(429, 20 * MS, "", None),
            _ => hit(),
        }
    };
    let report = run(5, rules("unlimited", 2), throttled(MINUTE)).await;
    assert_eq!((report.settled, report.logins.len()), (5, 2));
    assert!(report.logins[1] >= 5 * MINUTE);
    let report = run(5, rules("unlimited", 2), throttled(60 * MINUTE)).await;
    assert_eq!((report.stop, report.logins.len()), (Some(StopReason::LoginThrottled), 2));
}

/// Tokens that hold an hour; a login takes a second. `gone` is when nothing but the login is reached, `t1` is withdrawn
/// at its beginning.
fn hourly(gone: std::ops::Range<Duration>) -> impl Fn(&Asked<'_>) -> Say {
    let born = std::sync::Mutex::new(Vec::new());
    move |asked: &Asked<'_>| {
        let mut born = born.lock().unwrap();
        if asked.what == What::Login {
            born.push(asked.at);
            return Say(200, SECOND, "", None);
        }
        if asked.what == What::Call && asked.token == "t1" && asked.at >= gone.start {
            return Say(403, 20 * MS, EXPIRED, None);
        }
        if gone.contains(&asked.at) {
            return Say(0, 20 * MS, "", None);
        }
        let nth: usize = asked.token.trim_start_matches('t').parse().unwrap_or(1);
        let expired = asked.what == What::Call && asked.at >= born[nth - 1] + 60 * MINUTE;
        if expired { Say(403, 20 * MS, EXPIRED, None) } else { hit() }
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_an_hour_never_meets_an_expired_token() {
    let never = Duration::MAX..Duration::MAX;
    for rate in ["1/h", "1/day", "17/day"] {
        let report = run(100, rules(rate, 4), hourly(never.clone())).await;
        assert_eq!((report.settled, report.calls.len(), report.stop), (100, 100, None), "{rate}");
        assert_eq!(report.logins.len(), 100, "{rate}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_long_outage_the_login_comes_first() {
    let report = run(2_000, rules("unlimited", 1), hourly(10 * SECOND..65 * MINUTE)).await;
    assert_eq!((report.settled, &report.stop, report.logins.len()), (2_000, &None, 3));
    let back = report.calls.iter().position(|at| *at >= 65 * MINUTE).unwrap();
    assert!(at(&report, back) >= report.logins[2] + SECOND, "nothing is sent with the old one");
}

#[test]
fn what_outlives_the_process_is_taken_up() {
    let now = Instant::now();
    let mut throttle = Throttle::new(rules("1/s", 4), now, fastrand::Rng::with_seed(1));
    throttle.restore_logins(now, &[MINUTE; 10]);
    throttle.restore_cool_down(now, CoolDownEnd::Left(30 * SECOND), 2);
    throttle.not_before(now + 10 * MINUTE);
    throttle.restore_login_hold(now, 2 * MINUTE);
    assert_eq!(throttle.login_held_until(), Some(now + 2 * MINUTE));
    let waits = |permit: Permit, expected: WaitReason, end: Instant| {
        assert!(
            matches!(permit, Permit::Wait { until: Some(until), why } if why == expected && until == end)
        );
    };
    waits(throttle.permit(now, 0), WaitReason::CoolDown, now + 30 * SECOND);
    assert_eq!(
        throttle.pause_reason(now).unwrap(),
        "the upstream asks us to slow down (429): going on in 30 s"
    );
    assert_eq!(
        (throttle.cool_downs.until(now), throttle.cool_downs.level(now)),
        (Some(now + 30 * SECOND), 2)
    );
    waits(throttle.permit(now + MINUTE, 0), WaitReason::Login, now + 4 * MINUTE);
    assert_eq!(throttle.pause_reason(now + MINUTE).unwrap(), "no more logins for now: going on in 3 min");
    assert_eq!(throttle.upstream_wait(now), Some((now + 30 * SECOND, "429")));
    assert_eq!(throttle.upstream_wait(now + MINUTE), Some((now + 2 * MINUTE, "429 to the login")));
    assert_eq!(throttle.upstream_wait(now + 3 * MINUTE), None, "the cap is our own");
    assert!(matches!(throttle.permit(now + 4 * MINUTE, 0), Permit::Login));
    let token = LoginReading::Token { token: "t".into(), expires_in: None };
    assert_eq!(throttle.login_done(now + 4 * MINUTE, token, None), OutageEffect::default());
    waits(throttle.permit(now + 5 * MINUTE, 0), WaitReason::Pace, now + 10 * MINUTE);
    assert_eq!(throttle.pause_reason(now + 5 * MINUTE), None);
    assert!(matches!(
        throttle.permit(now + 10 * MINUTE, 4),
        Permit::Wait { until: None, why: WaitReason::Concurrency }
    ));
    assert!(matches!(throttle.permit(now + 10 * MINUTE, 3), Permit::Go { .. }));
}

#[test]
fn a_head_closes_before_the_result_is_told() {
    let now = Instant::now();
    let mut throttle = Throttle::new(rules("unlimited", 4), now, fastrand::Rng::with_seed(1));
    throttle.latch().on_head(429);
    assert!(matches!(throttle.permit(now, 1), Permit::Wait { until: None, why: WaitReason::CoolDown }));
    let cool_down = throttle.throttled(now, None);
    assert!(throttle.latch().is_closed() && cool_down.begins);
    assert!(matches!(throttle.permit(cool_down.until, 0), Permit::Login));
    assert!(!throttle.latch().is_closed());
}

/// Two processes' throttles on one account, with what they share handed from one to the other.
#[test]
fn a_429_to_one_process_stops_the_other_before_its_next_call() {
    let (now, wall) = (Instant::now(), 1_800_000_000_000_000);
    let throttle = || Throttle::new(rules("50/s", 8), now, fastrand::Rng::with_seed(1));
    let (mut one, mut two) = (throttle(), throttle());
    let moment =
        |span: Duration| Moment { at: now + span, wall: wall + i64::try_from(span.as_micros()).unwrap() };
    let token = || LoginReading::Token { token: "t".into(), expires_in: None };
    let mut shared = SharedState::default();
    for throttle in [&mut one, &mut two] {
        throttle.merge_shared(moment(Duration::ZERO), shared);
        assert!(matches!(throttle.permit(now, 0), Permit::Login));
        throttle.login_done(now, token(), None);
    }
    one.merge_shared(moment(MS), shared);
    assert!(matches!(one.permit(now + MS, 0), Permit::Go { .. }));
    shared = one.shared_state();
    two.merge_shared(moment(2 * MS), shared);
    assert!(
        matches!(two.permit(now + 2 * MS, 0), Permit::Wait { why: WaitReason::Pace, .. }),
        "the slot is taken"
    );
    two.merge_shared(moment(30 * MS), shared);
    assert!(matches!(two.permit(now + 30 * MS, 0), Permit::Go { .. }));
    shared = two.shared_state();
    one.merge_shared(moment(40 * MS), shared);
    assert!(one.throttled(now + 40 * MS, Some(10 * SECOND)).begins);
    shared = one.shared_state();
    two.merge_shared(moment(41 * MS), shared);
    assert!(two.latch().is_closed(), "also for what is granted and not yet sent");
    assert!(matches!(two.permit(now + 41 * MS, 1), Permit::Wait { why: WaitReason::CoolDown, .. }));
    assert!(!two.throttled(now + 42 * MS, None).begins, "the level climbs once");
    shared = two.shared_state();
    assert_eq!(shared.cool_down_level, 1);
    two.merge_shared(moment(11 * SECOND), shared);
    assert!(matches!(two.permit(now + 11 * SECOND, 1), Permit::Go { .. }));
    assert!(!two.latch().is_closed());
}
