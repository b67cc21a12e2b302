//! One account in a run: its configuration, its gate, its queue, its login.

use super::coordinator::Flight;
use super::fetch::Freshness;
use super::queue::{Leaders, Queue, Ready};
use super::reading::Reading;
use super::secrets::Unreadable;
use super::tokens::{SharedToken, SharedTokens};
use super::trial::Trials;
use super::{RunError, transport};
use crate::config::catalogue::Auth;
use crate::config::secret::SecretError;
use crate::config::{Account, Credentials as Places, Scope, Settings};
use crate::domain::address::normalized;
use crate::domain::identity::DigestKey;
use crate::domain::money::Ore;
use crate::domain::redact::Known;
use crate::http::account::{
    Account as Gate, AccountRules, CoolDownEnd, LOGIN_WINDOW, Moment, Permit, Shared, Token,
};
use crate::http::transport::{SendError, Transport};
use crate::job::{Job, Step};
use crate::ledger::{
    AccountMemory, Intent, Learned, Ledger, Lesson, LoginTurn, NewLogin, NoticeBoard, Place, Turn,
};
use crate::time::{now_ms, now_us};
use crate::upstream::{LoginReading, login_request, read_login};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What logs an account in, read once at the start of the run.
pub(super) struct Credentials {
    /// The user key or the client's id; empty where there is none.
    name: SecretString,
    /// The password, the client's secret, or the token that was given once and for all.
    secret: SecretString,
    scopes: Vec<String>,
    /// Under which the ledger remembers that they were refused.
    pub(super) digest: String,
    /// Under which it knows the same user at the same upstream.
    asker: Option<String>,
}

impl Credentials {
    /// What must not be seen of them, whoever echoes it.
    pub(super) fn known(&self) -> Known {
        let (name, secret) = (self.name.expose_secret(), self.secret.expose_secret());
        // Without a name it is a token.
        if name.is_empty() {
            return Known::default().and_token(secret);
        }
        Known::default().and_secret(name).and_secret(secret)
    }

    pub(super) async fn read(account: &Account, key: &DigestKey) -> Result<Self, RunError> {
        let places = &account.credentials;
        let nothing = || SecretString::from(String::new());
        let mut unread = Unreadable::default();
        let mut secret = |what, read| unread.note(&account.name, what, read).unwrap_or_else(nothing);
        let (name, secret_value, scopes) = match places {
            Places::Password { username, password } => {
                let name = secret("username", username.read().await);
                (name, secret("password", password.read().await), Vec::new())
            }
            Places::Client { client_id, client_secret, scope } => {
                let name = secret("client_id", client_id.read().await);
                let value = secret("client_secret", client_secret.read().await);
                let scopes = scopes(scope).await;
                (name, value, unread.note(&account.name, "scope", scopes).unwrap_or_default())
            }
            Places::Token(token) => (nothing(), secret("token", token.read_token().await), Vec::new()),
            Places::Nothing => (nothing(), nothing(), Vec::new()),
        };
        unread.verdict()?;
        let address = normalized(account.token_url.as_deref().unwrap_or_default());
        let mut parts = vec![address.as_str(), name.expose_secret(), secret_value.expose_secret()];
        parts.extend(scopes.iter().map(String::as_str));
        let digest = key.hex("credentials", &parts);
        // A token that was given is a secret and no user: whose it is cannot be told.
        let user = !matches!(places, Places::Token(_));
        let asker = user.then(|| key.hex("asker", &[&normalized(&account.base_url), name.expose_secret()]));
        Ok(Self { name, secret: secret_value, scopes, digest, asker })
    }
}

/// Whether the login has refused the credentials that the configuration names now. Reads them, and sends nothing.
pub async fn remembered_refusal(
    ledger: Option<&Ledger>,
    account: &Account,
    key: &DigestKey,
) -> Result<bool, RunError> {
    let credentials = Credentials::read(account, key).await?;
    let Some(ledger) = ledger else { return Ok(false) };
    let memory = ledger.account(&account.name, &account.environment, now_ms()).await?;
    Ok(memory.refused_credentials.is_some_and(|refused| refused == credentials.digest))
}

async fn scopes(scope: &Scope) -> Result<Vec<String>, SecretError> {
    let text = match scope {
        Scope::Words(words) => return Ok(words.clone()),
        Scope::At(place) => place.read().await?,
    };
    Ok(text.expose_secret().split_whitespace().map(str::to_owned).collect())
}

/// What came of a login. An error is the ledger's: the login could not be written down, so it was not sent.
pub(super) type LoginCame = Result<Login, RunError>;

/// What came of a login that was asked for.
pub(super) enum Login {
    /// Its reading, and the `Retry-After` that came with it.
    Read(LoginReading, Option<Duration>),
    /// It has no answer.
    Lost(SendError),
    /// These credentials were refused before: it was not sent.
    Refused,
    /// The cap over all processes is reached: it was not sent, and may be after so long.
    Wait(Duration),
}

/// One account in a run.
pub(super) struct Lane {
    pub(super) config: Account,
    pub(super) auth: Auth,
    pub(super) credentials: Arc<Credentials>,
    /// Whether the login refused these very credentials before.
    pub(super) refused: bool,
    pub(super) gate: Gate,
    /// The account's token in this process.
    pub(super) shared: Arc<SharedToken>,
    board: NoticeBoard,
    /// Other accounts of this ledger that are this one at the upstream.
    pub(super) also: Vec<String>,
    pub(super) reading: Reading,
    pub(super) queue: Queue,
    pub(super) leaders: Leaders,
    pub(super) trials: Trials,
    /// Lookups whose attempts are spent while it is in doubt whether that was an outage.
    pub(super) doubted: Vec<Flight>,
    pub(super) in_flight: u32,
    /// Since when it has waited for a time that the upstream named, without an answer since.
    pub(super) waiting_since: Option<Instant>,
    /// Until when it was told that some of its lookups wait.
    pub(super) told_until: Option<Instant>,
    /// Whether its next call did not fit a budget, and calls under way may turn out cheaper.
    pub(super) is_short: bool,
    /// The free health address of the account's services, where there is one.
    pub(super) health: Option<String>,
    /// The service's id in the ledger, for each step of the job (0 for another account's).
    pub(super) service_ids: Vec<i64>,
}

impl Lane {
    pub(super) async fn open(
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
        let board = ledger.notice_board(&account.name, &account.environment)?;
        if let Some(moved) = ledger.set_clocks_right(&account.name, &account.environment, now_ms).await?
            && let Some(board) = board.hold()
        {
            // That clock told it on the board too. Nothing else there is touched: the slots and a look at an outage that are
            // too far ahead are known for what they are, and other processes go by them. Those that have taken the cool-down
            // up already wait for it by their own clocks, and take up none that ends sooner.
            let told = Shared::of_words(board.read());
            board.write(told.cooling_moved(moved.was, moved.is).words());
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
            board,
            also,
            gate: gate(account, job, &memory, now_ms, health.is_some()),
            refused: memory.refused_credentials.as_ref() == Some(&credentials.digest),
            shared: Arc::new(tokens.of(&credentials.digest)),
            credentials: Arc::new(credentials),
            config: account.clone(),
            reading: Reading::new(own_steps(job, account)),
            queue: Queue::default(),
            leaders: Leaders::default(),
            trials: Trials::default(),
            doubted: Vec::new(),
            in_flight: 0,
            waiting_since: None,
            told_until: None,
            is_short: false,
            health,
            service_ids,
        })
    }

    /// Does something with the gate at one moment, between hearing what other processes on this ledger tell of the account
    /// and telling them.
    pub(super) fn together<R>(&mut self, act: impl FnOnce(&mut Gate, Instant) -> R) -> R {
        let board = self.board.hold();
        let moment = Moment { at: Instant::now(), wall: now_us() };
        match &board {
            Some(board) => self.gate.hear(moment, Shared::of_words(board.read())),
            None => self.gate.hear_nothing(moment),
        }
        let done = act(&mut self.gate, moment.at);
        if let Some(board) = board {
            board.write(self.gate.tell().words());
        }
        done
    }

    /// The service's id and the price of the next lookup that may be asked; without a price it takes nothing of a budget.
    pub(super) fn next_price(&self) -> Option<(i64, Ore)> {
        let next = self.queue.first()?;
        Some((self.service_ids[usize::from(next.at.step)], next.ask.price.unwrap_or_default()))
    }

    /// Whether the gate is to be asked: for a lookup whose turn is not after `until`, as far as money goes, or for what
    /// decides about those that are held back.
    pub(super) fn may_ask(&self, until: Option<Turn>) -> bool {
        !self.is_short && self.queue.ready(until, 1) > 0 || self.waits_for_health()
    }

    /// Whether lookups are held back until the health address has spoken.
    fn waits_for_health(&self) -> bool {
        !self.doubted.is_empty() && self.gate.is_in_doubt()
    }

    /// Asks the gate for as many calls as are ready, `most` at most, at one moment: tokens for those that may go, and what
    /// the gate said to the first that may not.
    pub(super) fn ask(
        &mut self,
        most: usize,
        until: Option<Turn>,
    ) -> (Instant, Vec<Arc<Token>>, Option<Permit>) {
        // While it is in doubt whether this is an outage, nothing goes, and asking is for the health address.
        let most = self.queue.ready(until, most).max(usize::from(self.waits_for_health()));
        let mut in_flight = self.in_flight;
        self.together(|gate, now| {
            let mut tokens = Vec::new();
            while tokens.len() < most {
                match gate.permit(now, in_flight) {
                    Permit::Go { token } => tokens.push(token),
                    other => return (now, tokens, Some(other)),
                }
                in_flight += 1;
            }
            (now, tokens, None)
        })
    }

    /// Until when nothing of the account can be sent because the upstream has named that time, and with what it did; nothing
    /// where something may be sent earlier or waits for something else.
    pub(super) fn put_off(&self, now: Instant) -> Option<(Instant, &'static str)> {
        let gate = self.gate.held(now);
        if !self.doubted.is_empty() {
            None
        } else if self.queue.has_ready() {
            gate
        } else {
            let due = self.queue.put_off().map(|due| (due, "Retry-After"));
            due.into_iter().chain(gate).max_by_key(|(until, _)| *until).filter(|_| due.is_some())
        }
    }

    /// Whether nothing of the account may go or is held back.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.doubted.is_empty()
    }

    /// Whether nothing of the account is left, to be read neither.
    pub(super) fn is_over(&self) -> bool {
        self.is_idle() && self.reading.is_over()
    }

    /// Lookups in memory that wait for something else than their turn.
    pub(super) fn waiting(&self) -> usize {
        self.leaders.waiting() + self.trials.waiting() + self.reading.waiting()
    }

    /// Lets go of the lookups of some steps that are not in flight, and gives them out.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<Place> {
        let mut gone = self.queue.drop_steps(&dropped);
        gone.extend(self.leaders.drop_steps(&dropped));
        gone.extend(self.trials.drop_steps(&dropped));
        gone.extend(self.reading.drop_steps(&dropped));
        gone.extend(
            self.doubted.extract_if(.., |flight| dropped(flight.ready.at.step)).map(|flight| flight.ready.at),
        );
        gone
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
            unknown_too: rules.unknown_too,
        }
    }
}

/// The lookups of a job that are asked at an account, each with whether it has a condition.
fn own_steps(job: &Job, account: &Account) -> impl Iterator<Item = (u16, bool)> {
    let steps = (0_u16..).zip(&job.steps).filter(|(_, step)| step.account == account.name);
    steps.map(|(at, step)| (at, !step.when.is_empty()))
}

/// The account's gate, with what the ledger remembers of it.
fn gate(account: &Account, job: &Job, memory: &AccountMemory, now_ms: i64, has_health: bool) -> Gate {
    let now = Instant::now();
    let rules = AccountRules {
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
    let mut gate = Gate::new(rules, now, fastrand::Rng::new());
    let ms = |ms: i64| Duration::from_millis(ms.max(0).unsigned_abs());
    let cool_down = match memory.cool_down_until - now_ms {
        left if left > 0 => CoolDownEnd::Left(ms(left)),
        past => CoolDownEnd::Ago(ms(-past)),
    };
    gate.restore_cool_down(now, cool_down, memory.cool_down_level);
    gate.restore_login_hold(now, ms(memory.login_held_until - now_ms));
    let ages: Vec<Duration> = memory.logins.iter().map(|at| ms(now_ms - at)).collect();
    gate.restore_logins(now, &ages);
    if let (Some(last), Some(interval)) = (memory.last_attempt, interval) {
        gate.not_before(now + interval.saturating_sub(ms(now_ms - last)));
    }
    gate
}

/// Who asks for a login.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asks {
    /// A run: credentials that were refused before are not tried.
    Run(i64),
    /// The user, by name.
    User,
}

/// One login: written down where it may be sent, sent, read. Where the upstream has none, the token is the one that was
/// given, and nothing is sent.
pub(super) async fn log_in<T: Transport>(
    ledger: Arc<Ledger>,
    transport: Arc<T>,
    account: Account,
    auth: Auth,
    credentials: Arc<Credentials>,
    asks: Asks,
) -> LoginCame {
    let Credentials { name, secret, scopes, .. } = &*credentials;
    let address = account.token_url.as_deref().unwrap_or_default();
    let Some(request) = login_request(auth, address, name, secret, scopes) else {
        return Ok(Login::Read(LoginReading::Token { token: secret.clone(), expires_in: None }, None));
    };
    let (run, credentials_digest) = match asks {
        Asks::Run(run) => (Some(run), Some(credentials.digest.as_str())),
        Asks::User => (None, None),
    };
    let login = NewLogin {
        account: &account.name,
        environment: &account.environment,
        at: now_ms(),
        run,
        most: account.logins,
        window: i64::try_from(LOGIN_WINDOW.as_millis()).unwrap_or(i64::MAX),
        credentials: credentials_digest,
    };
    match ledger.take_login(&login).await? {
        LoginTurn::Taken => {}
        LoginTurn::Refused => return Ok(Login::Refused),
        LoginTurn::Wait(wait) => return Ok(Login::Wait(wait)),
    }
    let error = match transport.login(&request).await {
        Ok(response) => {
            let reading = read_login(auth, &response);
            return Ok(Login::Read(reading, response.retry_after));
        }
        Err(error) => error,
    };
    if error.kind.is_unprocessed()
        && let Err(error) = ledger.give_back_login(&login).await
    {
        tracing::warn!(%error, "a login that was not sent counts as one");
    }
    Ok(Login::Lost(error))
}

/// What the user's own login came to.
pub enum TriedLogin {
    /// It was answered, or there is none.
    Answered(LoginReading),
    /// It has no answer.
    Lost(SendError),
}

/// Tries the login of an account once, also where its credentials were refused before: what the user asks for by name.
pub async fn try_login(
    ledger: &Arc<Ledger>,
    settings: &Settings,
    account: &Account,
) -> Result<TriedLogin, RunError> {
    let provider =
        settings.catalogue.providers.get(&account.name).ok_or_else(|| RunError::bug("no provider"))?;
    let credentials = Arc::new(Credentials::read(account, ledger.key()).await?);
    let transport = Arc::new(transport(account)?);
    let (digest, auth) = (credentials.digest.clone(), provider.auth);
    let came = log_in(ledger.clone(), transport, account.clone(), auth, credentials, Asks::User).await?;
    let reading = match came {
        Login::Read(reading, _) => reading,
        Login::Lost(error) => return Ok(TriedLogin::Lost(error)),
        Login::Wait(wait) => {
            return Err(RunError::LoginCap { account: account.name.clone(), seconds: wait.as_secs() + 1 });
        }
        Login::Refused => return Err(RunError::bug("a login that was asked for by name was not sent")),
    };
    let refused = match &reading {
        LoginReading::Token { .. } => Some(None),
        LoginReading::Refused { .. } => Some(Some(digest)),
        _ => None,
    };
    if let Some(refused) = refused {
        let (account, environment) = (account.name.clone(), account.environment.clone());
        ledger.learn(&Learned { account, environment, what: Lesson::Refusal(refused) }).await?;
    }
    Ok(TriedLogin::Answered(reading))
}
