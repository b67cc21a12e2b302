//! What processes keep of an account together: its cool-down, its logins, the state they share.

use super::*;

pub(in crate::ledger) async fn what_an_account_must_keep_is_remembered_per_environment(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 1).await;
    let keys = ids(&ledger).await;
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    // In a run's own commit, and by itself.
    let account_update = account_update(AccountChange::CoolDown { until: LATER + 60_000, level: 2 });
    ledger.commit(run, &Batch { account_updates: vec![account_update], ..Batch::default() }).await.unwrap();
    update_account(&ledger, AccountChange::Refusal(Some("digest".to_owned()))).await;
    let login = |at| NewLogin {
        account: "creditsafe",
        environment: "sandbox",
        at,
        run: Some(run),
        most: 10,
        window: 300_000,
        credentials: None,
    };
    for at in [LATER - 400_000, LATER - 1_000] {
        assert_eq!(ledger.take_login(&login(at)).await.unwrap(), LoginAdmission::Taken);
    }
    // One that reached nobody is none.
    assert_eq!(ledger.take_login(&login(LATER - 500)).await.unwrap(), LoginAdmission::Taken);
    ledger.give_back_login(&login(LATER - 500)).await.unwrap();
    let memory = ledger.account("creditsafe", "sandbox", LATER - 300_000).await.unwrap();
    assert_eq!((memory.cool_down_until, memory.cool_down_level), (LATER + 60_000, 2));
    assert_eq!(memory.refused_credentials.as_deref(), Some("digest"));
    assert_eq!(memory.logins, [LATER - 1_000], "since the time asked for");
    assert_eq!(memory.last_attempt, Some(LATER));
    let elsewhere = ledger.account("creditsafe", "production", LATER - 300_000).await.unwrap();
    assert_eq!(elsewhere, AccountMemory::default());
}

pub(in crate::ledger) async fn all_processes_together_keep_the_cap_on_logins_and_hear_of_a_refusal(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    let login = |at: i64, credentials| NewLogin {
        account: "creditsafe",
        environment: "sandbox",
        at: LATER + at,
        run: None,
        most: 2,
        window: 300_000,
        credentials,
    };
    let known = Some("digest");
    assert_eq!(one.take_login(&login(0, known)).await.unwrap(), LoginAdmission::Taken);
    assert_eq!(two.take_login(&login(100_000, known)).await.unwrap(), LoginAdmission::Taken);
    for (ledger, at, wait) in [(&one, 100_000, 200_000), (&two, 299_000, 1_000)] {
        let wait = LoginAdmission::Wait(Duration::from_millis(wait));
        assert_eq!(ledger.take_login(&login(at, known)).await.unwrap(), wait);
    }
    assert_eq!(one.take_login(&login(300_000, known)).await.unwrap(), LoginAdmission::Taken);
    // Set back by a day, the clock counts what it wrote as of now: no sooner, and no longer than the cap is.
    let wait = LoginAdmission::Wait(Duration::from_mins(5));
    assert_eq!(one.take_login(&login(-86_400_000, known)).await.unwrap(), wait);
    assert_eq!(one.take_login(&login(-86_100_000, known)).await.unwrap(), LoginAdmission::Taken);
    update_account(&two, AccountChange::Refusal(known.map(str::to_owned))).await;
    assert_eq!(one.take_login(&login(900_000, known)).await.unwrap(), LoginAdmission::Refused);
    assert_eq!(one.take_login(&login(900_000, Some("another"))).await.unwrap(), LoginAdmission::Taken);
    assert_eq!(
        one.take_login(&login(900_000, None)).await.unwrap(),
        LoginAdmission::Taken,
        "asked for by name"
    );
    update_account(&one, AccountChange::LoginHold(LATER + 2_000_000)).await;
    let wait = LoginAdmission::Wait(Duration::from_secs(50));
    assert_eq!(two.take_login(&login(1_950_000, None)).await.unwrap(), wait);
}

pub(in crate::ledger) async fn what_a_clock_that_was_ahead_has_written_counts_from_now_and_once(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 1).await;
    let (keys, year) = (ids(&ledger).await, 365 * 86_400_000);
    start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
    let login = NewLogin {
        account: "creditsafe",
        environment: "sandbox",
        at: LATER,
        run: None,
        most: 9,
        window: 300_000,
        credentials: None,
    };
    ledger.take_login(&login).await.unwrap();
    update_account(&ledger, AccountChange::CoolDown { until: LATER + 60_000, level: 2 }).await;
    update_account(&ledger, AccountChange::LoginHold(LATER + 120_000)).await;
    let now = LATER - year;
    let set =
        async |environment, now| ledger.correct_clocks("creditsafe", environment, || now).await.unwrap();
    assert_eq!(set("production", now).await, None);
    assert_eq!(set("sandbox", LATER).await, None, "all is well");
    assert_eq!(set("sandbox", now).await, Some(CoolDownMoved { was: LATER + 60_000, is: now + 60_000 }));
    let right = ledger.account("creditsafe", "sandbox", now - 1).await.unwrap();
    assert_eq!((right.cool_down_until, right.login_held_until), (now + 60_000, now + 120_000));
    assert_eq!(right.logins, [now]);
    for later in [now, now + 1_000, now + 90_000] {
        assert_eq!(set("sandbox", later).await, None);
        assert_eq!(ledger.account("creditsafe", "sandbox", now - 1).await.unwrap(), right);
    }
}

/// By less than the wait, by next to nothing, twice, and with a wait that the right clock has told since.
pub(in crate::ledger) async fn a_wait_is_moved_once_and_only_where_the_clock_was_ahead(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    const HOUR: i64 = 3_600_000;
    let folder = tempfile::tempdir().unwrap();
    let (ledger, run) = run_of(&open, folder.path(), 2).await;
    let keys = ids(&ledger).await;
    // A call of a clock that was ahead by a year says nothing of the wait that is learned by one that is right.
    let ahead = Intent { started_at: LATER + 8_760 * HOUR, ..intent(keys, 1, 10, 1, false) };
    start(&ledger, run, vec![ahead]).await;
    let ends = async || {
        let memory = ledger.account("creditsafe", "sandbox", 0).await.unwrap();
        (memory.cool_down_until, memory.login_held_until)
    };
    let set = async |now| ledger.correct_clocks("creditsafe", "sandbox", || now).await.unwrap();
    update_account(&ledger, AccountChange::CoolDown { until: LATER + HOUR, level: 1 }).await;
    update_account(&ledger, AccountChange::LoginHold(LATER + HOUR)).await;
    for now in [LATER, LATER + 1_000, LATER - 2, LATER - 59_000] {
        assert_eq!(set(now).await, None, "{now}");
        assert_eq!(ends().await, (LATER + HOUR, LATER + HOUR));
    }
    let now = LATER - HOUR / 6;
    assert!(set(now).await.is_some());
    assert_eq!(ends().await, (now + HOUR, now + HOUR), "all of it is left, and no more");
    for later in [now, now + HOUR / 12, now - 5_000, now + 2 * HOUR] {
        assert_eq!(set(later).await, None);
        assert_eq!(ends().await, (now + HOUR, now + HOUR));
    }
    // One that is learned while another of a clock that was ahead stands there.
    update_account_at(&ledger, AccountChange::CoolDown { until: now + 9 * HOUR, level: 2 }, now + 8 * HOUR)
        .await;
    update_account_at(&ledger, AccountChange::CoolDown { until: now + HOUR / 2, level: 3 }, now).await;
    assert_eq!((ends().await.0, set(now).await), (now + HOUR, None));
}

pub(in crate::ledger) async fn what_one_process_writes_on_the_board_another_reads(
    open: impl AsyncFn(&Path) -> Ledger,
) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let open = || ledger.shared_account("creditsafe", "sandbox").unwrap();
    let (one, two) = (open(), open());
    let held = one.lock().unwrap();
    assert_eq!(held.read(), [0; 8]);
    held.write([1, 2, 3, 4, 5, 6, 7, -8]);
    assert!(two.lock().is_none());
    drop(held);
    assert_eq!(two.lock().unwrap().read(), [1, 2, 3, 4, 5, 6, 7, -8]);
    let other = ledger.shared_account("creditsafe", "production").unwrap();
    assert_eq!(other.lock().unwrap().read(), [0; 8]);
}
