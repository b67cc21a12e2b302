//! Sealed cells on their way in and out, and the two keys that the ledger itself has: that of its digests, and one for each run.

use super::busy_timeout::BUSY;
use super::open::{recognise, refusal};
use crate::disk::Protected;
use crate::domain::identity::{DigestKey, Identity};
use crate::domain::number::{Accept, AcceptKind, Subject};
use crate::ledger::{Access, Cell, DataKey, KeyError, Keyring, Ledger, LedgerError};
use crate::time::{now_ms, stockholm_date};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ColumnIndex, ConnectOptions as _, Connection as _, Row, SqliteConnection};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use zeroize::Zeroizing;

/// What stands in `meta`.
const RING: &str = "keyring";
const DIGESTS: &str = "digest_key";
/// When the ring was last copied, in milliseconds since 1970.
const COPIED: &str = "keyring_copied";

/// A row's number or bad cell, and its carried columns.
pub(super) type Content = (String, Vec<String>);

impl Ledger {
    /// The ring of a ledger that is being opened, and the key of its digests. Where nothing is sealed yet both are made, the
    /// ring first: what is sealed with a key that is in no ring opens nothing again.
    pub(super) async fn keys(
        path: &Path,
        access: &Access,
        connection: &mut SqliteConnection,
        may_make: bool,
    ) -> Result<(Keyring, DigestKey), LedgerError> {
        let failed = |e: sqlx::Error| refusal(path, &e);
        let value = "SELECT value FROM meta WHERE name = ?";
        let id: Option<Vec<u8>> =
            sqlx::query_scalar(value).bind(RING).fetch_optional(&mut *connection).await.map_err(failed)?;
        let keyring = match id {
            Some(id) => Keyring::open(path, access, &String::from_utf8_lossy(&id))?,
            None if !may_make => return Err(LedgerError::Missing(path.to_owned())),
            None => {
                let keyring = Keyring::make(path, access)?;
                let key = Zeroizing::new(crate::ledger::random_key());
                let sealed = keyring.own().seal(Cell::DigestKey, &*key);
                sqlx::query("INSERT INTO meta (name, value) VALUES (?, ?), (?, ?)")
                    .bind(RING)
                    .bind(keyring.id().as_bytes())
                    .bind(DIGESTS)
                    .bind(sealed)
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                keyring
            }
        };
        let sealed: Vec<u8> =
            sqlx::query_scalar(value).bind(DIGESTS).fetch_one(&mut *connection).await.map_err(failed)?;
        let key = keyring.unseal(Cell::DigestKey, &sealed).map(Zeroizing::new);
        let key = key.ok().and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
        let key = key.ok_or_else(|| LedgerError::Damaged {
            path: path.to_owned(),
            what: "the key of its digests does not open".to_owned(),
        })?;
        Ok((keyring, DigestKey::new(key)))
    }

    /// Which ring a ledger's values are sealed by, without opening them; `None` if nothing is sealed yet.
    pub(super) async fn ring_id(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
        let value = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?").bind(RING);
        let id: Option<Vec<u8>> = value.fetch_optional(connection).await?;
        Ok(id.map(|id| String::from_utf8_lossy(&id).into_owned()))
    }

    /// The id of the ring of the ledger at a path, and the data keys that it has given up, for who has lost the ring.
    pub async fn ring_of(path: &Path) -> Result<(String, Vec<u32>), LedgerError> {
        let failed = |e: sqlx::Error| refusal(path, &e);
        if !path.is_file() {
            return Err(LedgerError::Missing(path.to_owned()));
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
        recognise(path, options.clone()).await?;
        let mut reader = options.disable_statement_logging().connect().await.map_err(failed)?;
        let id = Self::ring_id(&mut reader).await.map_err(failed)?;
        let given_up = Self::given_up(&mut reader).await.map_err(failed)?;
        reader.close().await.map_err(failed)?;
        Ok((id.ok_or_else(|| LedgerError::Missing(path.to_owned()))?, given_up))
    }

    /// The data keys that are to be in no ring.
    pub(super) async fn given_up(connection: &mut SqliteConnection) -> Result<Vec<u32>, sqlx::Error> {
        let keys = sqlx::query_scalar("SELECT data_key FROM runs WHERE shredded_at IS NOT NULL");
        let keys: Vec<i64> = keys.fetch_all(connection).await?;
        Ok(keys.into_iter().filter_map(|key| u32::try_from(key).ok()).collect())
    }

    /// Writes a copy of the key ring, and notes that there is one.
    pub async fn back_up_ring(&self, to: &Path, protected: &Protected, now: i64) -> Result<(), LedgerError> {
        self.keyring.back_up(to, protected)?;
        let note =
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.write_one(sqlx::query(note).bind(COPIED).bind(now.to_string().into_bytes())).await
    }

    /// What is wrong with the copies of the ring, for `doctor`: `None` if there is one that knows the newest run.
    pub async fn uncopied_ring(&self) -> Result<Option<&'static str>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        if self.keyring.has_copies() {
            return Ok((!self.keyring.copies_fit()).then_some("has a copy that is not in step with it"));
        }
        let value = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?").bind(COPIED);
        let at: Option<Vec<u8>> = value.fetch_optional(&self.readers).await.map_err(failed)?;
        let at = at.and_then(|at| String::from_utf8(at).ok()?.parse::<i64>().ok());
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(started_at) FROM runs")
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?;
        Ok(match (at, newest) {
            (_, None) => None,
            (None, Some(_)) => Some("was never copied"),
            (Some(at), Some(newest)) => (newest > at).then_some("was not copied since the newest run"),
        })
    }

    /// What a run's values are sealed with.
    pub async fn data_key(&self, run: i64) -> Result<Arc<DataKey>, LedgerError> {
        let known = self.data_keys.lock().unwrap_or_else(PoisonError::into_inner).get(&run).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let id: i64 = sqlx::query_scalar("SELECT data_key FROM runs WHERE id = ?")
            .bind(run)
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let key = u32::try_from(id).ok().and_then(|id| self.keyring.key(id));
        let key = key.ok_or_else(|| KeyError::Ring(self.keyring.path().to_owned()))?;
        self.keep_data_key(run, &key);
        Ok(key)
    }

    /// Keeps a run's key at hand.
    pub(super) fn keep_data_key(&self, run: i64, key: &Arc<DataKey>) {
        self.data_keys.lock().unwrap_or_else(PoisonError::into_inner).insert(run, Arc::clone(key));
    }

    /// The digest under which a number is searched.
    pub(super) fn digest_of(&self, subject: &Subject) -> Identity {
        self.digest_of_digits(&subject.stored())
    }

    /// The same of a bad row's cell, where it is somebody's number all the same: one that the job does not take.
    pub(super) fn digest_of_cell(&self, cell: &str) -> Option<Identity> {
        let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: true };
        let subject = Subject::parse(cell.trim(), accept, stockholm_date(now_ms())).ok()?;
        Some(self.digest_of(&subject))
    }

    /// The same of a stored form.
    pub(super) fn digest_of_digits(&self, stored: &str) -> Identity {
        self.key.short("number", stored)
    }

    /// The keyed digest of an input file, of whose plain one the numbers in it could be found by trying them all.
    pub fn input_digest(&self, sha256: &str) -> String {
        self.key.hex("input-file", &[sha256])
    }

    /// The digest under which a person is searched who is named in answers, by the last ten digits.
    pub(super) fn named_digest(&self, ten: &[u8; 10]) -> Identity {
        self.key.short("named", &String::from_utf8_lossy(ten))
    }

    /// The content of a row, whose `row` and `content` are columns of the result; `None` if it does not open, or
    /// was emptied.
    pub(super) fn content(&self, run: i64, row: &SqliteRow) -> sqlx::Result<Option<Content>> {
        let cell = Cell::Row { run, row: row.try_get("row")? };
        let Some(sealed) = row.try_get::<Option<&[u8]>, _>("content")? else { return Ok(None) };
        let Ok(clear) = self.keyring.unseal(cell, sealed) else { return Ok(None) };
        let clear = Zeroizing::new(clear);
        // Without what serde says, which quotes what it stumbles over.
        let content = serde_json::from_slice(&clear).map(Some);
        content.map_err(|_| sqlx::Error::Decode("a row that is none of ours".into()))
    }

    /// A sealed text; `None` if there is none.
    pub(super) fn text(
        &self,
        cell: Cell<'_>,
        row: &SqliteRow,
        at: impl ColumnIndex<SqliteRow>,
    ) -> sqlx::Result<Option<String>> {
        let Some(sealed) = row.try_get::<Option<&[u8]>, _>(at)? else { return Ok(None) };
        let text = String::from_utf8(self.opened(cell, sealed)?);
        text.map(Some).map_err(|_| sqlx::Error::Decode("a text that is none".into()))
    }

    fn opened(&self, cell: Cell<'_>, sealed: &[u8]) -> sqlx::Result<Vec<u8>> {
        self.keyring.unseal(cell, sealed).map_err(|unopened| sqlx::Error::Decode(Box::new(unopened)))
    }
}
