//! What one transaction of a run writes: what ended, and what is about to be sent under which budgets.

use super::StoredAnswer;
use crate::domain::budget::{Limit, Spend};
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Outcomes, Source, State};
use std::sync::Arc;
use std::time::Duration;

/// Which lookup of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupId {
    /// The row's position in the input, from 1.
    pub row: i64,
    /// The lookup's position in the job, from 0.
    pub step: u16,
}

impl LookupId {
    /// As one number, for whoever knows nothing of rows and steps.
    pub fn to_bits(self) -> u64 {
        (self.row.unsigned_abs() << 16) | u64::from(self.step)
    }

    /// The inverse of [`LookupId::to_bits`].
    pub fn from_bits(bits: u64) -> Self {
        Self {
            row: i64::try_from(bits >> 16).unwrap_or(i64::MAX),
            step: u16::try_from(bits & 0xffff).unwrap_or(u16::MAX),
        }
    }
}

/// An attempt that is about to be sent, with the money it may cost. Durable before the request leaves.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The lookup.
    pub at: LookupId,
    /// The attempt's id.
    pub id: i64,
    /// The same in 14 characters, as it goes over the wire.
    pub transactionid: String,
    /// The service's id in this ledger.
    pub service: i64,
    /// The purpose's id in this ledger.
    pub purpose: i64,
    /// What makes it the same purchase as another.
    pub identity: Identity,
    /// Whether a letter of disclosure may go out.
    pub letter_making: bool,
    /// When, in milliseconds since 1970.
    pub started_at: i64,
    /// What it may cost; `None` if nobody has given a price.
    pub reserved: Option<Ore>,
    /// An answer to the same identity that came after this instant, in milliseconds since 1970, is used instead, and one
    /// that another process is fetching is waited for; `None` if it is to be bought whatever there is.
    pub reuse_after: Option<i64>,
    /// The outcomes of answers that may be used.
    pub reuse_outcomes: Outcomes,
    /// About a person: the purposes for which it may have been bought, as in [`Asked::purposes`](super::Asked::purposes).
    pub purposes: Option<Arc<str>>,
    /// Whether the user has said that a letter-making call that was lost may be repeated.
    pub unknown_too: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// It has an answer.
    Answered,
    /// Certain that it was not carried out.
    Refused,
    /// It never left this process.
    Unsent,
    /// Sent, and the answer is lost.
    Unknown,
    /// Its answer is kept and cannot be read: it was carried out.
    Unread,
}

impl AttemptState {
    /// The word in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Unsent => "unsent",
            Self::Unknown => "unknown",
            Self::Unread => "unread",
        }
    }
}

/// The end of an attempt.
#[derive(Clone)]
pub struct AttemptEnd {
    /// The attempt's id.
    pub id: i64,
    /// What became of it.
    pub state: AttemptState,
    /// When, in milliseconds since 1970.
    pub settled_at: i64,
    /// How long the call was under way; `None` if nothing left, or if nobody knows.
    pub took: Option<Duration>,
    /// What it cost, or for a lost answer may have cost; `None` if nobody has given a price for it.
    pub cost: Option<Ore>,
    /// The answer's class.
    pub outcome: Option<Outcome>,
    /// The upstream's code, or ours for what went wrong.
    pub code: Option<String>,
    /// The upstream's text.
    pub text: Option<String>,
    /// The upstream's reference.
    pub log_id: Option<String>,
    /// Whether a letter went out.
    pub letter: Option<bool>,
    /// The body, sealed for this attempt.
    pub body: Option<Vec<u8>>,
    /// How it came, where the body is kept as it arrived and shown by nothing.
    pub came: Option<ResponseHead>,
    /// The last ten digits of the persons' numbers that stand in the body, but for the subject's.
    pub named: Vec<[u8; 10]>,
}

/// How an answer came that is kept as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
}

/// A lookup's new state, with what it adds to the lookup's sums.
#[derive(Debug, Clone)]
pub struct Change {
    /// The lookup.
    pub at: LookupId,
    /// Its new state.
    pub state: State,
    /// Its outcome, where the state has one.
    pub outcome: Option<Outcome>,
    /// Where the answer came from.
    pub source: Option<Source>,
    /// The attempt that decides; `None` leaves what stands there.
    pub attempt: Option<i64>,
    /// Added to the requests sent: -1 takes back one that never left.
    pub attempts: i32,
    /// Added to the attempts spent; negative gives some back.
    pub spent: i32,
    /// Added to the cost.
    pub cost: Ore,
    /// Added to the part of the cost that is unknown.
    pub cost_unknown: Ore,
    /// Added to the attempts whose answers were lost.
    pub lost: u32,
    /// Added to the letters.
    pub letters: u32,
    /// Where no attempt has one.
    pub code: Option<String>,
    /// Where no attempt has one.
    pub text: Option<String>,
    /// Of a skipped lookup that would have been bought.
    pub saved: Option<SavedCall>,
}

/// A call that a condition kept from being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedCall {
    /// What it would have cost; `None` if nobody has given a price.
    pub price: Option<Ore>,
}

impl Change {
    /// A change of state and nothing else.
    pub fn to(at: LookupId, state: State, outcome: Option<Outcome>) -> Self {
        Self {
            at,
            state,
            outcome,
            source: None,
            attempt: None,
            attempts: 0,
            spent: 0,
            cost: Ore::ZERO,
            cost_unknown: Ore::ZERO,
            lost: 0,
            letters: 0,
            code: None,
            text: None,
            saved: None,
        }
    }

    /// The same with what an earlier change of this lookup, which is not written either, adds to its sums.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        let add = |one: Ore, other: Ore| one.checked_add(other).unwrap_or(one);
        Self {
            attempt: self.attempt.or(earlier.attempt),
            attempts: self.attempts + earlier.attempts,
            spent: self.spent + earlier.spent,
            cost: add(self.cost, earlier.cost),
            cost_unknown: add(self.cost_unknown, earlier.cost_unknown),
            lost: self.lost + earlier.lost,
            letters: self.letters + earlier.letters,
            ..self
        }
    }
}

/// What one transaction writes: first what ended, then what begins, so that the number of lookups that are `started`
/// never passes the job's concurrency on its way.
#[derive(Default)]
pub struct Batch {
    /// Attempts that ended.
    pub ends: Vec<AttemptEnd>,
    /// Lookups that change with them, or without any attempt.
    pub changes: Vec<Change>,
    /// Attempts to come; the lookups of those that are admitted become `started`.
    pub intents: Vec<Intent>,
    /// The budgets that intents must fit, in the order in which they are asked.
    pub caps: Vec<Cap>,
    /// What was learned of accounts.
    pub account_updates: Vec<AccountUpdate>,
}

/// A change to what is known of an account, which must hold over restarts and processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUpdate {
    /// The account.
    pub account: String,
    /// Its environment.
    pub environment: String,
    /// What.
    pub what: AccountChange,
}

/// What has changed about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// It cools down after a 429.
    CoolDown {
        /// Its end, in milliseconds since 1970.
        until: i64,
        /// How often in a row.
        level: u32,
    },
    /// No login before this time, in milliseconds since 1970.
    LoginHold(i64),
    /// The login refuses credentials, by their keyed digest; `None` forgets them.
    Refusal(Option<String>),
    /// A call (`service` or `service:block`) has posted a letter that nobody announced.
    Letter {
        /// The call.
        call: String,
        /// When, in milliseconds since 1970.
        at: i64,
    },
}

/// A budget: what it is summed over, and how much of that there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Over which calls.
    pub over: Over,
    /// How many, and at what cost.
    pub limit: Limit,
}

/// The calls that a budget is summed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Those of the run that is written.
    Run,
    /// Those of an account since an instant, by whichever process and run.
    Account {
        /// The account.
        account: String,
        /// Its environment.
        environment: String,
        /// Its services in this ledger that the run asks: intents for these must fit.
        services: Vec<i64>,
        /// The first instant that counts, in milliseconds since 1970: the beginning of a quarter of an hour. What is dated
        /// later than now counts too: it was sent before now, by a clock that was ahead of this one.
        from: i64,
    },
}

impl Over {
    /// Whether a call to this service of the ledger counts.
    pub fn counts(&self, service: i64) -> bool {
        match self {
            Self::Run => true,
            Self::Account { services, .. } => services.contains(&service),
        }
    }
}

/// Why an intent was not written: its lookup stays `pending`, and nothing may be sent for it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// An answer that may be used came since it was last looked for.
    Answered(StoredAnswer),
    /// Another process has sent the same and has no answer yet.
    InFlight,
    /// A letter-making call of another run was lost: a second one could post a second letter.
    LetterUnknown,
    /// It would pass the budget at this place of [`Batch::caps`].
    Budget(usize),
}

/// What became of the intents of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Those that were not written, by their places in [`Batch::intents`], in order.
    pub refused: Vec<(usize, Refusal)>,
    /// Those that were written though another run's call for the same was lost: what may be paid twice.
    pub again: Spend,
    /// What stands against each budget now, in the order of [`Batch::caps`]; empty where nothing was to be sent.
    pub spent: Vec<Spend>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub const fn is_empty(&self) -> bool {
        let nothing_ends = self.ends.is_empty() && self.changes.is_empty();
        nothing_ends && self.intents.is_empty() && self.account_updates.is_empty()
    }

    /// Adds what was learned of an account; of a kind of lesson the last counts.
    pub fn update_account(&mut self, account_update: AccountUpdate) {
        let kind = |one: &AccountChange, other: &AccountChange| match (one, other) {
            (AccountChange::Letter { call, .. }, AccountChange::Letter { call: other, .. }) => call == other,
            _ => std::mem::discriminant(one) == std::mem::discriminant(other),
        };
        self.account_updates.retain(|known| {
            let same = (&known.account, &known.environment)
                == (&account_update.account, &account_update.environment);
            !(same && kind(&known.what, &account_update.what))
        });
        self.account_updates.push(account_update);
    }
}
