//! The money rules against a model: whatever several processes reserve, settle, lose and find again on one ledger, in
//! whatever order and however often they die, the sums are those of the attempts, every budget is kept to the öre, and
//! what is turned away is exactly what does not fit.

use super::tests::{LATER, answered, begin, ids, intent};
use crate::domain::budget::{Limit, Spend};
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Source, State};
use crate::ledger::Access;
use crate::ledger::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const ROWS: i64 = 12;
const PROCESSES: usize = 3;

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    /// A process writes intents at these prices.
    Reserve(usize, Vec<u64>),
    /// One of its calls comes back so.
    Came(usize, usize, Came),
    /// It is killed and started again.
    Dies(usize),
    /// The provider's statement bills one lost answer at another price, or says that it was not carried out.
    Stated(usize, Option<u64>),
    /// One of the answers that could not be read can be by now, and is free or is not.
    Read(usize, bool),
    /// What was lost may be asked again.
    Retries(usize),
}

#[derive(Debug, Clone, Copy)]
enum Came {
    Billed,
    Free,
    Refused,
    Unsent,
    LostAndParked,
    LostAndRetried,
    Unread,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Pending,
    Started,
    Settled,
    Parked,
}

/// An attempt as the model has it: its process, its row, what stands for it, and whether its answer was lost or is unread.
#[expect(clippy::struct_excessive_bools, reason = "what may be true of it, each by itself")]
struct Attempt {
    process: usize,
    row: i64,
    calls: u64,
    cost: u64,
    unpriced: bool,
    open: bool,
    lost: bool,
    unread: bool,
}

struct Model {
    /// Budgets of the runs, and of the account.
    limits: [Limit; PROCESSES],
    day: Limit,
    rows: [BTreeMap<i64, At>; PROCESSES],
    attempts: BTreeMap<i64, Attempt>,
}

impl Model {
    fn spent(&self, process: Option<usize>) -> Spend {
        let own = self.attempts.values().filter(|attempt| process.is_none_or(|own| own == attempt.process));
        own.fold(Spend::default(), |sum, attempt| {
            let (calls, cost) = (attempt.calls, Ore::new(attempt.cost));
            sum.and_all(Spend { calls, cost, unpriced: u64::from(attempt.unpriced) })
        })
    }

    fn open(&self, process: usize) -> Vec<i64> {
        let open = self.attempts.iter().filter(|(_, attempt)| attempt.open && attempt.process == process);
        open.map(|(id, _)| *id).collect()
    }

    fn row(&mut self, process: usize, row: i64, at: At) {
        self.rows[process].insert(row, at);
    }
}

struct Process {
    ledger: Ledger,
    run: i64,
    keys: (i64, i64),
}

struct World {
    model: Model,
    processes: Vec<Process>,
    next: i64,
}

impl World {
    async fn new(folder: &Path, limits: [Limit; PROCESSES], day: Limit) -> Self {
        let path = folder.join("orgpull.db");
        let mut processes = Vec::new();
        for at in 0..PROCESSES {
            let ledger = Ledger::open(&path, &Access::default()).await.unwrap();
            let run = begin(&ledger, &format!("job{at}"), ROWS).await;
            let keys = ids(&ledger).await;
            processes.push(Process { ledger, run, keys });
        }
        let rows = std::array::from_fn(|_| (1..=ROWS).map(|row| (row, At::Pending)).collect());
        let model = Model { limits, day, rows, attempts: BTreeMap::new() };
        Self { model, processes, next: 1 }
    }

    fn caps(&self, process: usize) -> Vec<Cap> {
        let over = Over::Account {
            account: "creditsafe".to_owned(),
            environment: "sandbox".to_owned(),
            services: vec![self.processes[process].keys.0],
            from: LATER - 1_800_000,
        };
        vec![Cap { over: Over::Run, limit: self.model.limits[process] }, Cap { over, limit: self.model.day }]
    }

    async fn reserve(&mut self, process: usize, prices: &[u64]) {
        let rows: Vec<i64> = (self.model.rows[process].iter())
            .filter(|(_, at)| **at == At::Pending)
            .map(|(row, _)| *row)
            .take(prices.len())
            .collect();
        let mut intents = Vec::new();
        for (row, price) in rows.iter().zip(prices) {
            let identity = u8::try_from(self.next % 200).unwrap();
            // Nothing is what nobody has given a price.
            let reserved = (*price > 0).then(|| Ore::new(*price));
            intents.push(Intent {
                reserved,
                ..intent(self.processes[process].keys, *row, self.next, identity, false)
            });
            self.next += 1;
        }
        let batch = Batch { intents, caps: self.caps(process), ..Batch::default() };
        let Process { ledger, run, .. } = &self.processes[process];
        let committed = ledger.commit(*run, &batch).await.unwrap();
        let mut closed = [false; 2];
        let mut turned_away = Vec::new();
        for (at, intent) in batch.intents.iter().enumerate() {
            let stands = [self.model.spent(Some(process)), self.model.spent(None)];
            let limits = [self.model.limits[process], self.model.day];
            let price = intent.reserved.unwrap_or_default();
            let full = (0..2).find(|cap| closed[*cap] || !limits[*cap].admits(stands[*cap], price));
            if let Some(full) = full {
                closed[full] = true;
                turned_away.push((at, Refusal::Budget(full)));
                continue;
            }
            let (row, cost) = (intent.at.row, price.get());
            let unpriced = intent.reserved.is_none();
            let attempt =
                Attempt { process, row, calls: 1, cost, unpriced, open: true, lost: false, unread: false };
            self.model.attempts.insert(intent.id, attempt);
            self.model.row(process, row, At::Started);
        }
        assert_eq!(committed.refused, turned_away);
        if !batch.intents.is_empty() {
            assert_eq!(committed.spent, [self.model.spent(Some(process)), self.model.spent(None)]);
        }
    }

    async fn came(&mut self, process: usize, which: usize, came: Came) {
        let open = self.model.open(process);
        let Some(id) = open.get(which % open.len().max(1)).copied() else { return };
        let attempt = self.model.attempts.get_mut(&id).unwrap();
        let (row, reserved) = (attempt.row, attempt.cost);
        attempt.open = false;
        let (state, cost, at) = match came {
            Came::Billed => (AttemptState::Answered, reserved, At::Settled),
            Came::Free => (AttemptState::Answered, 0, At::Settled),
            Came::Refused => (AttemptState::Refused, 0, At::Pending),
            Came::Unsent => (AttemptState::Unsent, 0, At::Pending),
            Came::LostAndParked => (AttemptState::Unknown, reserved, At::Parked),
            Came::LostAndRetried => (AttemptState::Unknown, reserved, At::Pending),
            Came::Unread => (AttemptState::Unread, reserved, At::Parked),
        };
        attempt.cost = cost;
        attempt.unpriced &= !matches!(came, Came::Free | Came::Refused | Came::Unsent);
        let is_unpriced = attempt.unpriced;
        attempt.calls = u64::from(state != AttemptState::Unsent);
        attempt.lost = state == AttemptState::Unknown;
        attempt.unread = state == AttemptState::Unread;
        let (lost, is_kept) = (u32::from(attempt.lost || attempt.unread), attempt.unread);
        self.model.row(process, row, at);
        let cost = Ore::new(cost);
        let is_answer = state == AttemptState::Answered;
        let end = AttemptEnd {
            state,
            cost: (!is_unpriced).then_some(cost),
            outcome: is_answer.then_some(Outcome::Hit),
            body: (is_answer || is_kept).then(|| b"{}".to_vec()),
            came: is_kept.then_some(ResponseHead { status: 200, content_type: None }),
            letter: None,
            ..answered(id, Outcome::Hit)
        };
        let (state, outcome) = match at {
            At::Settled => (State::Settled, Some(Outcome::Hit)),
            At::Parked => (State::Parked, Some(Outcome::Unknown)),
            At::Pending | At::Started => (State::Pending, None),
        };
        let change = Change {
            source: outcome.map(|_| Source::Bought),
            attempt: Some(id),
            cost,
            lost,
            ..Change::to(LookupId { row, step: 0 }, state, outcome)
        };
        let batch = Batch { ends: vec![end], changes: vec![change], ..Batch::default() };
        let Process { ledger, run, .. } = &self.processes[process];
        ledger.commit(*run, &batch).await.unwrap();
    }

    /// Its ledger is dropped as it is; the next process opens another and finds what was left.
    async fn dies(&mut self, process: usize) {
        let Process { ledger, run, keys } = self.processes.remove(process);
        let path = ledger.path().to_owned();
        drop(ledger);
        let ledger = Ledger::open(&path, &Access::default()).await.unwrap();
        let open = self.model.open(process);
        assert_eq!(ledger.park_started(run, LATER + 9).await.unwrap(), open.len() as u64);
        for id in open {
            let attempt = self.model.attempts.get_mut(&id).unwrap();
            (attempt.open, attempt.lost) = (false, true);
            let row = attempt.row;
            self.model.row(process, row, At::Parked);
        }
        self.processes.insert(process, Process { ledger, run, keys });
    }

    async fn stated(&mut self, which: usize, amount: Option<u64>) {
        let lost: Vec<i64> =
            self.model.attempts.iter().filter(|(_, attempt)| attempt.lost).map(|(id, _)| *id).collect();
        let Some(id) = lost.get(which % lost.len().max(1)).copied() else { return };
        let ledger = &self.processes[0].ledger;
        let text = "UPDATE attempts SET cost = coalesce(?2, 0), state = iif(?2 IS NULL, 'refused', 'unknown'), \
                    resolved = iif(?2 IS NULL, 'not-carried-out', 'billed'), unpriced = 0 WHERE id = ?1";
        let amount = amount.map(|ore| i64::try_from(ore).unwrap());
        let query = sqlx::query(text).bind(id).bind(amount);
        query.execute(&mut *ledger.writer.lock().await).await.unwrap();
        let attempt = self.model.attempts.get_mut(&id).unwrap();
        (attempt.lost, attempt.unpriced) = (false, false);
        attempt.cost = amount.unwrap_or_default().unsigned_abs();
    }

    async fn read(&mut self, which: usize, free: bool) {
        let unread: Vec<i64> =
            self.model.attempts.iter().filter(|(_, attempt)| attempt.unread).map(|(id, _)| *id).collect();
        let Some(id) = unread.get(which % unread.len().max(1)).copied() else { return };
        let attempt = self.model.attempts.get_mut(&id).unwrap();
        let (process, row) = (attempt.process, attempt.row);
        let Process { ledger, run, .. } = &self.processes[process];
        let listed = ledger.unread(*run, id - 1, 1).await.unwrap();
        let found = UnreadAt { attempt: id, at: LookupId { row, step: 0 } };
        if self.model.rows[process][&row] == At::Started {
            assert!(!listed.contains(&found), "its lookup is under way");
            return;
        }
        assert_eq!(listed, [found], "whatever its lookup has come to");
        if free {
            (attempt.cost, attempt.unpriced) = (0, false);
        }
        attempt.unread = false;
        let read = ReadAgain {
            attempt: id,
            cost: (!attempt.unpriced).then_some(Ore::new(attempt.cost)),
            outcome: Outcome::Hit,
            code: None,
            text: None,
            log_id: None,
            letter: None,
            body: b"{}".to_vec(),
        };
        ledger.read_again(*run, &read).await.unwrap();
        self.model.row(process, row, At::Settled);
    }

    async fn retries(&mut self, process: usize) {
        if !self.model.open(process).is_empty() {
            return;
        }
        let Process { ledger, run, .. } = &self.processes[process];
        ledger.retry(*run, true).await.unwrap();
        for at in self.model.rows[process].values_mut().filter(|at| **at == At::Parked) {
            *at = At::Pending;
        }
    }

    async fn holds(&self) {
        for (at, Process { ledger, run, .. }) in self.processes.iter().enumerate() {
            let spent = ledger.spent_so_far(*run, &Over::Run).await.unwrap();
            assert_eq!(spent, self.model.spent(Some(at)), "of run {at}");
            let day = ledger.spent_so_far(*run, &self.caps(at)[1].over).await.unwrap();
            assert_eq!(day, self.model.spent(None), "of the account");
            let totals = ledger.totals(*run).await.unwrap();
            let unsettled = [At::Pending, At::Started];
            let pending = self.model.rows[at].values().filter(|at| unsettled.contains(at)).count();
            assert_eq!(totals.pending, pending as u64, "pending in run {at}");
            let rows = spent_by_attempts(ledger, *run).await;
            assert_eq!(rows, spent, "the sum over the attempts of run {at}");
            let parked = self.model.rows[at].values().filter(|at| **at == At::Parked).count();
            assert_eq!(totals.outcomes[Outcome::Unknown.index()], parked as u64, "unknown in run {at}");
        }
    }
}

async fn spent_by_attempts(ledger: &Ledger, run: i64) -> Spend {
    let sum = "SELECT coalesce(sum(state <> 'unsent'), 0), coalesce(sum(coalesce(cost, reserved)), 0), \
               coalesce(sum(unpriced), 0) FROM attempts WHERE run = ?";
    let (calls, cost, unpriced): (i64, i64, i64) =
        sqlx::query_as(sum).bind(run).fetch_one(&ledger.readers).await.unwrap();
    let [calls, cost, unpriced] = [calls, cost, unpriced].map(i64::unsigned_abs);
    Spend { calls, cost: Ore::new(cost), unpriced }
}

fn limits() -> impl Strategy<Value = Limit> {
    let (calls, cost) = (proptest::option::of(0..14_u64), proptest::option::of(0..2_000_u64));
    (calls, cost).prop_map(|(max_calls, cost)| Limit { max_calls, max_cost: cost.map(Ore::new) })
}

fn came() -> impl Strategy<Value = Came> {
    use Came::{Billed, Free, LostAndParked, LostAndRetried, Refused, Unread, Unsent};
    proptest::sample::select(vec![Billed, Free, Refused, Unsent, LostAndParked, LostAndRetried, Unread])
}

/// Of five calls one has no price.
fn price() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 4 => 1..400_u64]
}

fn steps() -> impl Strategy<Value = Step> {
    let process = 0..PROCESSES;
    prop_oneof![
        4 => (process.clone(), proptest::collection::vec(price(), 1..5)).prop_map(|(p, prices)| Step::Reserve(p, prices)),
        5 => (process.clone(), 0..8_usize, came()).prop_map(|(p, which, came)| Step::Came(p, which, came)),
        1 => process.clone().prop_map(Step::Dies),
        1 => (0..8_usize, proptest::option::of(0..300_u64)).prop_map(|(which, amount)| Step::Stated(which, amount)),
        1 => (0..8_usize, any::<bool>()).prop_map(|(which, free)| Step::Read(which, free)),
        1 => process.prop_map(Step::Retries),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn sums_states_and_budgets_hold_whatever_happens(
        own in proptest::array::uniform3(limits()), day in limits(), steps in proptest::collection::vec(steps(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut world = World::new(folder.path(), own, day).await;
            for step in &steps {
                match step {
                    Step::Reserve(process, prices) => world.reserve(*process, prices).await,
                    Step::Came(process, which, came) => world.came(*process, *which, *came).await,
                    Step::Dies(process) => world.dies(*process).await,
                    Step::Stated(which, amount) => world.stated(*which, *amount).await,
                    Step::Read(which, free) => world.read(*which, *free).await,
                    Step::Retries(process) => world.retries(*process).await,
                }
                world.holds().await;
            }
        });
    }
}

/// What others did meanwhile decides whether an intent is still needed, and may go.
#[tokio::test]
async fn an_intent_gives_way_to_what_others_did_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orgpull.db");
    let (one, two) = (
        Ledger::open(&path, &Access::default()).await.unwrap(),
        Ledger::open(&path, &Access::default()).await.unwrap(),
    );
    let (first, second) = (begin(&one, "first", 8).await, begin(&two, "second", 8).await);
    let keys = ids(&one).await;
    let lock = JobLock::take(one.path(), "first", "now").unwrap();
    let sent = |row, identity, letter| intent(keys, row, row, identity, letter);
    let batch = Batch {
        intents: vec![sent(1, 1, false), sent(2, 2, false), sent(3, 3, true), sent(4, 4, true)],
        ..Batch::default()
    };
    one.commit(first, &batch).await.unwrap();
    let answer = Batch {
        ends: vec![answered(1, Outcome::Hit)],
        changes: vec![Change {
            attempt: Some(1),
            ..Change::to(LookupId { row: 1, step: 0 }, State::Settled, Some(Outcome::Hit))
        }],
        ..Batch::default()
    };
    one.commit(first, &answer).await.unwrap();
    let mut next = 100;
    let mut asks = async |identity: u8, letter: bool, reuse_after: Option<i64>, unknown_too: bool| {
        next += 1;
        let intent = Intent { reuse_after, unknown_too, ..intent(keys, 1, next, identity, letter) };
        let batch = Batch { intents: vec![intent], ..Batch::default() };
        let refusal = two.commit(second, &batch).await.unwrap().refused.first().map(|(_, refusal)| *refusal);
        if refusal.is_none() {
            let back = Batch {
                ends: vec![AttemptEnd {
                    state: AttemptState::Unsent,
                    outcome: None,
                    body: None,
                    came: None,
                    letter: None,
                    cost: Some(Ore::ZERO),
                    ..answered(next, Outcome::Hit)
                }],
                changes: vec![Change::to(LookupId { row: 1, step: 0 }, State::Pending, None)],
                ..Batch::default()
            };
            two.commit(second, &back).await.unwrap();
        }
        refusal
    };
    let came = StoredAnswer { attempt: 1, outcome: Outcome::Hit, fetched_at: LATER + 5, used_here: false };
    assert_eq!(asks(1, false, Some(LATER), false).await, Some(Refusal::Answered(came)));
    assert_eq!(asks(1, false, Some(LATER + 5), false).await, None, "it is too old");
    assert_eq!(asks(1, false, None, false).await, None, "--buy-again");
    assert_eq!(asks(2, false, Some(LATER), false).await, Some(Refusal::InFlight));
    assert_eq!(asks(2, false, None, false).await, None, "its answer would not be used");
    assert_eq!(asks(3, true, None, false).await, Some(Refusal::InFlight), "a letter may be on its way");
    assert_eq!(asks(9, true, Some(LATER), false).await, None, "nobody knows it");
    drop(lock);
    assert_eq!(asks(2, false, Some(LATER), false).await, None, "who asked is dead");
    assert_eq!(asks(3, true, Some(LATER), false).await, Some(Refusal::LetterUnknown));
    assert_eq!(asks(3, true, Some(LATER), true).await, None, "the user has answered for it");
    one.park_started(first, LATER).await.unwrap();
    assert_eq!(asks(4, true, Some(LATER), false).await, Some(Refusal::LetterUnknown));
    assert_eq!(asks(4, false, Some(LATER), false).await, None);
    assert_eq!(Identity([4; 16]), intent(keys, 1, 1, 4, true).identity);
}
