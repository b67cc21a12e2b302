//! One account in a run: its configuration, its throttle, its queue, its login.

use super::credentials::Credentials;
use super::queue::Ready;
use super::tokens::{SharedToken, SharedTokens};
use super::work::Work;
use crate::config::catalogue::Auth;
use crate::config::{Account, Settings};
use crate::domain::money::Ore;
use crate::http::throttle::{
    CoolDownEnd, LOGIN_WINDOW, Moment, Permit, SharedState, Throttle, ThrottleRules, Token,
};
use crate::job::{Job, Step};
use crate::ledger::{AccountMemory, Intent, Ledger, OrderKey, SharedAccount};
use crate::run::decide::freshness::Freshness;
use crate::run::error::RunError;
use crate::time::{now_ms, now_us};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One account in a run.
pub(crate) struct AccountRuntime {
    pub(crate) config: Account,
    pub(super) auth: Auth,
    pub(crate) credentials: Arc<Credentials>,
    /// Whether the login refused these very credentials before.
    pub(super) refused: bool,
    pub(super) throttle: Throttle,
    /// The account's token in this process.
    pub(super) shared: Arc<SharedToken>,
    shared_account: SharedAccount,
    /// Other accounts of this ledger that are this one at the upstream.
    pub(crate) also: Vec<String>,
    /// Since when it has waited for a time that the upstream named, without an answer since.
    pub(super) waiting_since: Option<Instant>,
    /// Until when it was told that some of its lookups wait.
    pub(super) told_until: Option<Instant>,
    /// Whether its next call did not fit a budget, and calls under way may turn out cheaper.
    pub(super) is_short: bool,
    /// The free health address of the account's services, where there is one.
    pub(super) health: Option<String>,
    /// The service's id in the ledger, for each step of the job (0 for another account's).
    pub(crate) service_ids: Vec<i64>,
}

impl AccountRuntime {
    pub(crate) async fn open(
        ledger: &Ledger,
        settings: &Settings,
        tokens: &SharedTokens,
        job: &Job,
        account: &Account,
    ) -> Result<Self, RunError> {
        let provider =
            settings.catalogue.providers.get(&account.name).ok_or_else(|| RunError::bug("no provider"))?;
        let credentials = Credentials::read(account, ledger.key()).await?;
        let window = i64::try_from(LOGIN_WINDOW.as_millis()).unwrap_or(i64::MAX);
        let shared_account = ledger.shared_account(&account.name, &account.environment)?;
        if let Some(moved) = ledger.correct_clocks(&account.name, &account.environment, now_ms).await?
            && let Some(locked) = shared_account.lock()
        {
            // That clock told other processes too. Nothing else there is touched: the slots and a look at an outage that are
            // too far ahead are known for what they are, and other processes go by them. Those that have taken the cool-down
            // up already wait for it by their own clocks, and take up none that ends sooner.
            let told = SharedState::from_words(locked.read());
            locked.write(told.with_cool_down_moved(moved.was, moved.is).to_words());
        }
        let now_ms = now_ms();
        let memory = ledger.account(&account.name, &account.environment, now_ms - window).await?;
        let also = match &credentials.asker {
            Some(asker) => ledger.note_asker(&account.name, &account.environment, asker).await?,
            None => Vec::new(),
        };
        let mut service_ids = Vec::with_capacity(job.steps.len());
        let mut health = None;
        for step in &job.steps {
            if step.account != account.name {
                service_ids.push(0);
                continue;
            }
            let id = ledger.service_id(&account.name, &account.environment, &step.service.name).await?;
            service_ids.push(id);
            let path = step.service.health.as_deref();
            health = health.or_else(|| path.map(|path| format!("{}{path}", account.base_url)));
        }
        Ok(Self {
            auth: provider.auth,
            shared_account,
            also,
            throttle: throttle(account, job, &memory, now_ms, health.is_some()),
            refused: memory.refused_credentials.as_ref() == Some(&credentials.digest),
            shared: Arc::new(tokens.of(&credentials.digest)),
            credentials: Arc::new(credentials),
            config: account.clone(),
            waiting_since: None,
            told_until: None,
            is_short: false,
            health,
            service_ids,
        })
    }

    /// Does something with the throttle at one moment, between hearing what other processes on this ledger tell of the account
    /// and telling them.
    pub(super) fn with_shared_state<R>(&mut self, act: impl FnOnce(&mut Throttle, Instant) -> R) -> R {
        let locked = self.shared_account.lock();
        let moment = Moment { at: Instant::now(), wall: now_us() };
        match &locked {
            Some(locked) => self.throttle.merge_shared(moment, SharedState::from_words(locked.read())),
            None => self.throttle.shared_unreadable(moment),
        }
        let done = act(&mut self.throttle, moment.at);
        if let Some(locked) = locked {
            locked.write(self.throttle.shared_state().to_words());
        }
        done
    }

    /// The service's id and the price of the next lookup that may be asked; without a price it takes nothing of a budget.
    pub(super) fn next_price(&self, work: &Work) -> Option<(i64, Ore)> {
        let next = work.queue.first()?;
        Some((self.service_ids[usize::from(next.at.step)], next.ask.price.unwrap_or_default()))
    }

    /// Whether the throttle is to be asked: for a lookup that is not ordered after `until`, as far as money goes, or for what
    /// decides about those that are held back.
    pub(super) fn may_ask(&self, work: &Work, until: Option<OrderKey>) -> bool {
        !self.is_short && work.queue.ready(until, 1) > 0 || self.waits_for_health(work)
    }

    /// Whether lookups are held back until the health address has spoken.
    fn waits_for_health(&self, work: &Work) -> bool {
        !work.doubted.is_empty() && self.throttle.is_in_doubt()
    }

    /// Asks the throttle for as many calls as are ready, `most` at most, at one moment: tokens for those that may go, and what
    /// the throttle said to the first that may not.
    pub(super) fn ask(
        &mut self,
        work: &Work,
        most: usize,
        until: Option<OrderKey>,
    ) -> (Instant, Vec<Arc<Token>>, Option<Permit>) {
        // While it is in doubt whether this is an outage, nothing goes, and asking is for the health address.
        let most = work.queue.ready(until, most).max(usize::from(self.waits_for_health(work)));
        let mut in_flight = work.in_flight;
        self.with_shared_state(|throttle, now| {
            let mut tokens = Vec::new();
            while tokens.len() < most {
                match throttle.permit(now, in_flight) {
                    Permit::Go { token } => tokens.push(token),
                    other => return (now, tokens, Some(other)),
                }
                in_flight += 1;
            }
            (now, tokens, None)
        })
    }

    /// Until when nothing of the account can be sent because the upstream has named that time, and with what it did; `None`
    /// if something may be sent earlier or waits for something else.
    pub(super) fn put_off(&self, work: &Work, now: Instant) -> Option<(Instant, &'static str)> {
        let throttle = self.throttle.upstream_wait(now);
        if !work.doubted.is_empty() {
            None
        } else if work.queue.has_ready() {
            throttle
        } else {
            let due = work.queue.put_off().map(|due| (due, "Retry-After"));
            due.into_iter().chain(throttle).max_by_key(|(until, _)| *until).filter(|_| due.is_some())
        }
    }

    /// The intent of a call that is about to be sent; its id is still to be drawn.
    pub(super) fn intent(&self, ready: &Ready, rules: &Freshness, step: &Step) -> Intent {
        Intent {
            at: ready.at,
            id: 0,
            transactionid: String::new(),
            service: self.service_ids[usize::from(ready.at.step)],
            purpose: ready.purpose,
            identity: ready.ask.identity,
            letter_making: ready.ask.letter_making,
            started_at: rules.now,
            reserved: ready.ask.price,
            reuse_after: rules.reuse_after(step.reuse),
            reuse_outcomes: step.reuse_outcomes,
            purposes: ready.ask.purposes.clone(),
            unknown_too: rules.unknown_too,
        }
    }
}

/// The account's throttle, with what the ledger remembers of it.
fn throttle(account: &Account, job: &Job, memory: &AccountMemory, now_ms: i64, has_health: bool) -> Throttle {
    let now = Instant::now();
    let rules = ThrottleRules {
        rate: account.rate.min(job.rules.rate),
        shared_rate: account.rate,
        burst: account.burst,
        low: job.rules.low,
        concurrency: account.concurrency.min(job.rules.concurrency.unwrap_or(u32::MAX)),
        refresh_after: account.refresh_after,
        cool_down: account.cool_down,
        outage_wait: job.rules.outage_wait,
        logins: account.logins,
        has_health,
    };
    let interval = rules.rate.interval();
    let mut throttle = Throttle::new(rules, now, fastrand::Rng::new());
    let ms = |ms: i64| Duration::from_millis(ms.max(0).unsigned_abs());
    let cool_down = match memory.cool_down_until - now_ms {
        left if left > 0 => CoolDownEnd::Left(ms(left)),
        past => CoolDownEnd::Ago(ms(-past)),
    };
    throttle.restore_cool_down(now, cool_down, memory.cool_down_level);
    throttle.restore_login_hold(now, ms(memory.login_held_until - now_ms));
    let ages: Vec<Duration> = memory.logins.iter().map(|at| ms(now_ms - at)).collect();
    throttle.restore_logins(now, &ages);
    if let (Some(last), Some(interval)) = (memory.last_attempt, interval) {
        throttle.not_before(now + interval.saturating_sub(ms(now_ms - last)));
    }
    throttle
}
