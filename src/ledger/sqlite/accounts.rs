//! What must hold over restarts and processes for an account: its cool-down, its logins, credentials that were refused.

use crate::domain::identity::Identity;
use crate::ledger::{
    AccountChange, AccountMemory, AccountUpdate, Cell, CoolDownMoved, Hold, Ledger, LedgerError,
    LoginAdmission, NewLogin,
};
use crate::time::now_ms;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{Row, SqliteConnection};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// How far ahead of now something may be dated before it counts as written by a clock that was ahead, in milliseconds: clocks
/// are set by fractions of seconds.
const AHEAD: i64 = 60_000;

/// The later end holds, told by this clock where it was learned by one that was ahead.
const COOL_DOWN: &str = "INSERT INTO accounts (account, environment, cool_down_at, cool_down_until, cool_down_level) \
                         VALUES (?1, ?2, ?3, ?5, ?6) \
                         ON CONFLICT DO UPDATE SET cool_down_until = max(excluded.cool_down_until, cool_down_until \
                         - iif(cool_down_at > ?3 + ?4, cool_down_at - ?3, 0)), \
                         cool_down_level = excluded.cool_down_level, cool_down_at = excluded.cool_down_at";
const LOGIN_HOLD: &str = "INSERT INTO accounts (account, environment, login_held_at, login_held_until) VALUES (?, ?, ?, ?) \
                          ON CONFLICT DO UPDATE SET login_held_until = excluded.login_held_until, \
                          login_held_at = excluded.login_held_at";
const REFUSAL: &str = "INSERT INTO accounts (account, environment, refused_credentials) VALUES (?, ?, ?) \
                       ON CONFLICT DO UPDATE SET refused_credentials = excluded.refused_credentials";
const LETTER: &str = "INSERT INTO unannounced_letters (account, environment, call, at) VALUES (?, ?, ?, ?) \
                      ON CONFLICT DO NOTHING";

/// What is left of a wait that was learned by a clock that was ahead (`?3` now, `?4` how far ahead that is) begins now.
const COOL_DOWN_RIGHT: &str = "UPDATE accounts SET cool_down_until = cool_down_until - (cool_down_at - ?3), cool_down_at = ?3 \
                               WHERE account = ?1 AND environment = ?2 AND cool_down_at > ?3 + ?4";
const LOGINS_RIGHT: [&str; 2] = [
    "UPDATE accounts SET login_held_until = login_held_until - (login_held_at - ?3), login_held_at = ?3 \
     WHERE account = ?1 AND environment = ?2 AND login_held_at > ?3 + ?4",
    "UPDATE logins SET at = ?3 WHERE account = ?1 AND environment = ?2 AND at > ?3 + ?4",
];

/// Writes down what was learned of an account, as of `now`.
pub(super) async fn update_account(
    connection: &mut SqliteConnection,
    account_update: &AccountUpdate,
    now: i64,
) -> Result<(), sqlx::Error> {
    let of = |text| sqlx::query(text).bind(&account_update.account).bind(&account_update.environment);
    let query = match &account_update.what {
        AccountChange::CoolDown { until, level } => {
            of(COOL_DOWN).bind(now).bind(AHEAD).bind(until).bind(level)
        }
        AccountChange::LoginHold(until) => of(LOGIN_HOLD).bind(now).bind(until),
        AccountChange::Refusal(credentials) => of(REFUSAL).bind(credentials),
        AccountChange::Letter { call, at } => of(LETTER).bind(call).bind(at),
    };
    query.execute(connection).await.map(drop)
}

const NEW_PURPOSE: &str = "INSERT INTO purposes (digest, purpose, cost_centre) VALUES (?1, ?2, ?3) \
                           ON CONFLICT DO UPDATE SET digest = excluded.digest RETURNING id";

impl Ledger {
    /// What is remembered of an account, with its logins after `since`.
    pub async fn account(
        &self,
        account: &str,
        environment: &str,
        since: i64,
    ) -> Result<AccountMemory, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let row = sqlx::query(
            "SELECT cool_down_until, cool_down_level, refused_credentials, login_held_until FROM accounts \
             WHERE account = ? AND environment = ?",
        )
        .bind(account)
        .bind(environment)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        let logins =
            sqlx::query_scalar("SELECT at FROM logins WHERE account = ? AND environment = ? AND at > ?")
                .bind(account)
                .bind(environment)
                .bind(since)
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        // Attempt ids rise with time, so the newest are read first. An account that has not sent anything among the
        // newest thousand has no distance to keep.
        let last_attempt = sqlx::query_scalar(
            "SELECT max(started_at) FROM (SELECT started_at, service FROM attempts ORDER BY id DESC LIMIT 1000) a \
             JOIN services s ON s.id = a.service WHERE s.account = ? AND s.environment = ?",
        )
        .bind(account)
        .bind(environment)
        .fetch_one(&self.readers)
        .await
        .map_err(failed)?;
        let mut memory = AccountMemory { logins, last_attempt, ..AccountMemory::default() };
        if let Some(row) = row {
            memory.cool_down_until = row.try_get(0).map_err(failed)?;
            memory.cool_down_level = row.try_get(1).map_err(failed)?;
            memory.refused_credentials = row.try_get(2).map_err(failed)?;
            memory.login_held_until = row.try_get(3).map_err(failed)?;
        }
        Ok(memory)
    }

    /// When anything was last sent, by any account, in milliseconds since 1970.
    pub async fn last_attempt(&self) -> Result<Option<i64>, LedgerError> {
        sqlx::query_scalar("SELECT started_at FROM attempts ORDER BY id DESC LIMIT 1")
            .fetch_optional(&self.readers)
            .await
            .map_err(|e| self.failed(&e))
    }

    /// Accounts that were asked to wait and still do, as of `now`, in milliseconds since 1970.
    pub async fn holds(&self, now: i64) -> Result<Vec<Hold>, LedgerError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT account, environment, cool_down_until, login_held_until FROM accounts \
             WHERE max(cool_down_until, login_held_until) > ? ORDER BY account, environment",
        )
        .bind(now)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let holds = rows.into_iter().flat_map(|(account, environment, calls, logins)| {
            [(calls, false), (logins, true)].map(|(until, login)| {
                let (account, environment) = (account.clone(), environment.clone());
                Hold { account, environment, until, login }
            })
        });
        Ok(holds.filter(|hold| hold.until > now).collect())
    }

    /// What SQLite finds wrong with the file; `None` if it is whole. Reads all of it.
    pub async fn damage(&self) -> Result<Option<String>, LedgerError> {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok((found != "ok").then_some(found))
    }

    /// Writes down at once what was learned of an account outside a run, whose own commits do it.
    pub async fn update_account(&self, account_update: &AccountUpdate) -> Result<(), LedgerError> {
        self.update_account_at(account_update, now_ms).await
    }

    pub(in crate::ledger) async fn update_account_at(
        &self,
        account_update: &AccountUpdate,
        now: impl Fn() -> i64,
    ) -> Result<(), LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        update_account(&mut transaction, account_update, now()).await.map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// Writes down a login before it is sent, where it may be sent: asked and written in one transaction, so that all
    /// processes together keep the cap. A ledger that was taken away is an error, and the login stays here.
    pub async fn take_login(&self, login: &NewLogin<'_>) -> Result<LoginAdmission, LedgerError> {
        let NewLogin { account, environment, at, run, most, window, credentials } = *login;
        let query = sqlx::query(
            "INSERT INTO logins (account, environment, at, run) SELECT ?1, ?2, ?3, ?4 \
             WHERE (SELECT count(*) FROM logins WHERE account = ?1 AND environment = ?2 AND at > ?3 - ?6) < ?5 \
             AND NOT EXISTS (SELECT 1 FROM accounts WHERE account = ?1 AND environment = ?2 \
                             AND (refused_credentials = ?7 OR login_held_until > ?3))",
        );
        let query = query.bind(account).bind(environment).bind(at).bind(run).bind(most.max(1)).bind(window);
        for text in LOGINS_RIGHT {
            self.write_one(sqlx::query(text).bind(account).bind(environment).bind(at).bind(AHEAD)).await?;
        }
        if self.write(query.bind(credentials)).await?.rows_affected() > 0 {
            self.still_there()?;
            return Ok(LoginAdmission::Taken);
        }
        let memory = self.account(account, environment, at - window).await?;
        if credentials.is_some() && memory.refused_credentials.as_deref() == credentials {
            return Ok(LoginAdmission::Refused);
        }
        let mut times = memory.logins;
        times.sort_unstable_by(|a, b| b.cmp(a));
        let capped = times.get(most.max(1) as usize - 1).map_or(0, |time| time + window);
        let left = capped.max(memory.login_held_until).saturating_sub(at);
        Ok(LoginAdmission::Wait(Duration::from_millis(left.max(1).unsigned_abs())))
    }

    /// Takes back a login that was written down and then reached nobody.
    pub async fn give_back_login(&self, login: &NewLogin<'_>) -> Result<(), LedgerError> {
        let query = sqlx::query(
            "DELETE FROM logins WHERE id = (SELECT max(id) FROM logins \
             WHERE account = ? AND environment = ? AND at = ? AND run IS ?)",
        );
        self.write_one(query.bind(login.account).bind(login.environment).bind(login.at).bind(login.run)).await
    }

    /// Counts from now what was written of an account under a clock that was ahead of this one, since it was before now all
    /// the same: its logins, and what is left of a cool-down or of a hold on logins. Each once, and nothing that this clock
    /// has written. `now` is asked once the ledger is ours: what another process writes while it is waited for is no clock that
    /// was ahead. Gives the cool-down, where that was moved.
    pub async fn correct_clocks(
        &self,
        account: &str,
        environment: &str,
        now: impl Fn() -> i64,
    ) -> Result<Option<CoolDownMoved>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let now = now();
        let moved = sqlx::query_as(
            "SELECT cool_down_until, cool_down_until - (cool_down_at - ?3) FROM accounts \
             WHERE account = ?1 AND environment = ?2 AND cool_down_at > ?3 + ?4",
        );
        let moved: Option<(i64, i64)> = (moved.bind(account).bind(environment).bind(now).bind(AHEAD))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed)?;
        for text in [COOL_DOWN_RIGHT].into_iter().chain(LOGINS_RIGHT) {
            let query = sqlx::query(text).bind(account).bind(environment).bind(now).bind(AHEAD);
            query.execute(&mut *transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(moved.map(|(was, is)| CoolDownMoved { was, is }))
    }

    /// Notes who an account asks as (a digest), and tells which others of this ledger ask as the same.
    pub async fn note_asker(
        &self,
        account: &str,
        environment: &str,
        asker: &str,
    ) -> Result<Vec<String>, LedgerError> {
        let query = sqlx::query(
            "INSERT INTO accounts (account, environment, asker) VALUES (?, ?, ?) \
             ON CONFLICT DO UPDATE SET asker = excluded.asker WHERE asker IS NOT excluded.asker",
        );
        self.write_one(query.bind(account).bind(environment).bind(asker)).await?;
        sqlx::query_scalar(
            "SELECT DISTINCT account FROM accounts WHERE asker = ? AND account <> ? ORDER BY account",
        )
        .bind(asker)
        .bind(account)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// The id of a service in this ledger.
    pub async fn service_id(
        &self,
        account: &str,
        environment: &str,
        service: &str,
    ) -> Result<i64, LedgerError> {
        let query = sqlx::query(
            "INSERT INTO services (account, environment, service) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET service = excluded.service RETURNING id",
        );
        self.fetch_id(query.bind(account).bind(environment).bind(service)).await
    }

    /// The calls of an account that have posted letters which nobody had announced.
    pub async fn unannounced_letters(
        &self,
        account: &str,
        environment: &str,
    ) -> Result<Vec<String>, LedgerError> {
        sqlx::query_scalar(
            "SELECT call FROM unannounced_letters WHERE account = ? AND environment = ? ORDER BY call",
        )
        .bind(account)
        .bind(environment)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// The ids of purposes in this ledger. Those that are new are written in one transaction.
    pub async fn purpose_ids(&self, purposes: &[String], cost_centre: &str) -> Result<Vec<i64>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut ids: HashMap<&str, Option<i64>> = HashMap::new();
        for purpose in purposes {
            if let Entry::Vacant(entry) = ids.entry(purpose) {
                let known =
                    sqlx::query_scalar("SELECT id FROM purposes WHERE digest = ? AND cost_centre = ?");
                let known = known
                    .bind(self.purpose_digest(purpose).0.to_vec())
                    .bind(cost_centre)
                    .fetch_optional(&self.readers)
                    .await;
                entry.insert(known.map_err(failed)?);
            }
        }
        if ids.values().any(Option::is_none) {
            let mut writer = self.writer.lock().await;
            let mut transaction = self.begin(&mut writer).await?;
            for (purpose, id) in ids.iter_mut().filter(|(_, id)| id.is_none()) {
                let query = sqlx::query_scalar(NEW_PURPOSE).bind(self.purpose_digest(purpose).0.to_vec());
                let query = query.bind(self.sealed_purpose(purpose)).bind(cost_centre);
                *id = Some(query.fetch_one(&mut *transaction).await.map_err(failed)?);
            }
            transaction.commit().await.map_err(failed)?;
        }
        Ok(purposes.iter().filter_map(|purpose| ids.get(purpose.as_str()).copied().flatten()).collect())
    }

    /// The id of a purpose in this ledger.
    pub async fn purpose_id(&self, purpose: &str, cost_centre: &str) -> Result<i64, LedgerError> {
        let query = sqlx::query(NEW_PURPOSE).bind(self.purpose_digest(purpose).0.to_vec());
        self.fetch_id(query.bind(self.sealed_purpose(purpose)).bind(cost_centre)).await
    }

    fn purpose_digest(&self, purpose: &str) -> Identity {
        self.key.short("purpose", purpose)
    }

    fn sealed_purpose(&self, purpose: &str) -> Vec<u8> {
        self.keyring.own().seal(Cell::Purpose(self.purpose_digest(purpose)), purpose.as_bytes())
    }

    async fn fetch_id(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<i64, LedgerError> {
        let row = self.write_returning(query).await?;
        let row = row.ok_or_else(|| self.damaged())?;
        row.try_get(0).map_err(|e| self.failed(&e))
    }

    /// Runs a statement that writes and returns at most one row.
    pub(super) async fn write_returning(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Option<SqliteRow>, LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let rows = query.fetch_all(&mut *transaction).await.map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(rows.into_iter().next())
    }

    /// Runs a statement that writes, in a transaction of its own.
    pub(super) async fn write(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<SqliteQueryResult, LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let written = query.execute(&mut *transaction).await.map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(written)
    }

    /// The same where it does not matter how many rows are written.
    pub(super) async fn write_one(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<(), LedgerError> {
        self.write(query).await.map(drop)
    }
}
