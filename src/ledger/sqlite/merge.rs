//! Carrying over into a ledger that is put back what the one that stood there knows more: purchases first of all, so that
//! nothing is bought or posted again, with their answers where these can be read. What was emptied there stays empty.

use crate::ledger::Carried;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::path::Path;

/// What is brought together, in this order; `now` is the ledger that stood there. Both have one history, so that what both have
/// under one key is the same, and what stood there is the newer.
const MERGE: [&str; 17] = [
    "INSERT INTO services SELECT * FROM now.services WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO purposes SELECT * FROM now.purposes WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO fires SELECT * FROM now.fires WHERE true ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
     daemon = excluded.daemon, ended_at = excluded.ended_at, exit = excluded.exit, reason = excluded.reason",
    "DELETE FROM schedules",
    "INSERT INTO schedules SELECT * FROM now.schedules",
    // A run's place in the ledger is what its rows are sealed for.
    "INSERT INTO runs SELECT * FROM now.runs WHERE true ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
     job_text = excluded.job_text, columns = excluded.columns, rows = excluded.rows, bad_rows = excluded.bad_rows, \
     letter_rows = excluded.letter_rows, retention = excluded.retention, purged_at = excluded.purged_at, \
     shredded_at = excluded.shredded_at, finished_at = excluded.finished_at, exit = excluded.exit, reason = excluded.reason, \
     buy_again = excluded.buy_again",
    "INSERT INTO rows SELECT * FROM now.rows WHERE true ON CONFLICT (run, row) DO UPDATE SET content = excluded.content, \
     emptied = excluded.emptied, digest = excluded.digest WHERE excluded.emptied IS NOT NULL",
    "INSERT INTO lookups SELECT * FROM now.lookups WHERE true ON CONFLICT (run, row, step) DO UPDATE SET \
     state = excluded.state, outcome = excluded.outcome, source = excluded.source, attempts = excluded.attempts, \
     spent = excluded.spent, cost = excluded.cost, cost_unknown = excluded.cost_unknown, lost = excluded.lost, \
     letters = excluded.letters, attempt = excluded.attempt, code = excluded.code, text = excluded.text, \
     saved = excluded.saved, saved_unpriced = excluded.saved_unpriced",
    "INSERT INTO attempts SELECT * FROM now.attempts WHERE true ON CONFLICT (id) DO UPDATE SET identity = excluded.identity, \
     state = excluded.state, settled_at = excluded.settled_at, took = excluded.took, cost = excluded.cost, \
     unpriced = excluded.unpriced, outcome = excluded.outcome, code = excluded.code, text = excluded.text, \
     log_id = excluded.log_id, letter = excluded.letter, resolved = excluded.resolved, emptied_at = excluded.emptied_at, \
     emptied_why = excluded.emptied_why WHERE state IS NOT excluded.state OR resolved IS NOT excluded.resolved \
     OR emptied_at IS NOT excluded.emptied_at OR identity IS NOT excluded.identity",
    "DELETE FROM answers WHERE attempt IN (SELECT id FROM attempts WHERE emptied_at IS NOT NULL)",
    "INSERT INTO heard SELECT * FROM now.heard WHERE true ON CONFLICT DO UPDATE SET heard_at = max(heard_at, excluded.heard_at)",
    "INSERT OR REPLACE INTO accounts SELECT * FROM now.accounts",
    "INSERT INTO logins SELECT * FROM now.logins WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO unannounced_letters SELECT * FROM now.unannounced_letters WHERE true ON CONFLICT DO NOTHING",
    "INSERT OR REPLACE INTO outputs SELECT * FROM now.outputs",
    // The log goes on where the backup's ends, if that is its beginning.
    "INSERT INTO audit SELECT * FROM now.audit WHERE id > (SELECT coalesce(max(id), 0) FROM main.audit) \
     AND (SELECT count(*) FROM main.audit m LEFT JOIN now.audit n ON n.id = m.id AND n.hash = m.hash WHERE n.id IS NULL) = 0 \
     ORDER BY id",
    "INSERT OR REPLACE INTO meta SELECT * FROM now.meta WHERE name NOT IN ('keyring', 'digest_key')",
];

/// Of the answers, which may be damaged where the rest is whole.
const ANSWERS: [&str; 2] = [
    "INSERT INTO answers SELECT b.* FROM now.answers b CROSS JOIN attempts a ON a.id = b.attempt AND a.emptied_at IS NULL \
     WHERE true ON CONFLICT (attempt) DO UPDATE SET body = excluded.body, status = excluded.status, \
     content_type = excluded.content_type",
    "INSERT INTO named SELECT n.* FROM now.named n CROSS JOIN answers b ON b.attempt = n.attempt WHERE true \
     ON CONFLICT DO NOTHING",
];

/// Brings what the ledger at `present` knows more into the one that is open, within one transaction.
///
/// # Errors
/// It cannot be read, or is of another history: nothing is carried over then.
pub(super) async fn merge(
    into: &mut SqliteConnection,
    present: &Path,
    now: i64,
) -> Result<Carried, sqlx::Error> {
    let attach = sqlx::query("ATTACH DATABASE ? AS now").bind(present.to_string_lossy().into_owned());
    attach.execute(&mut *into).await?;
    let merged = merge_attached(&mut *into, now).await;
    if merged.is_err() {
        // Where it has failed by itself there is none any more.
        drop(sqlx::query("ROLLBACK").execute(&mut *into).await);
    }
    sqlx::query("DETACH DATABASE now").execute(into).await?;
    merged
}

async fn merge_attached(into: &mut SqliteConnection, now: i64) -> Result<Carried, sqlx::Error> {
    let one_history: bool = sqlx::query_scalar(
        "SELECT (SELECT value FROM main.meta WHERE name = 'digest_key') IS (SELECT value FROM now.meta WHERE name = 'digest_key') \
         AND NOT EXISTS (SELECT 1 FROM main.runs r CROSS JOIN now.runs n ON n.id = r.id AND n.run <> r.run) \
         AND NOT EXISTS (SELECT 1 FROM main.services s CROSS JOIN now.services n ON n.id = s.id \
                         AND (n.account, n.environment, n.service) <> (s.account, s.environment, s.service)) \
         AND NOT EXISTS (SELECT 1 FROM main.purposes p CROSS JOIN now.purposes n ON n.id = p.id AND n.digest <> p.digest)",
    )
    .fetch_one(&mut *into)
    .await?;
    if !one_history {
        return Err(sqlx::Error::Protocol("it is of another history".to_owned()));
    }
    let count = "SELECT (SELECT count(*) FROM main.runs), (SELECT count(*) FROM main.attempts)";
    let before: (i64, i64) = sqlx::query_as(count).fetch_one(&mut *into).await?;
    run(into, "BEGIN").await?;
    for text in MERGE {
        run(into, text).await?;
    }
    run(into, "SAVEPOINT answers").await?;
    let mut without_answer = 0;
    for text in ANSWERS {
        if run(into, text).await.is_err() {
            run(into, "ROLLBACK TO answers").await?;
            let lost = sqlx::query(
                "UPDATE attempts SET emptied_at = ?, emptied_why = 'lost' WHERE state IN ('answered', 'unread') \
                 AND emptied_at IS NULL AND NOT EXISTS (SELECT 1 FROM answers b WHERE b.attempt = attempts.id)",
            );
            without_answer = lost.bind(now).execute(&mut *into).await?.rows_affected();
            break;
        }
    }
    run(into, "RELEASE answers").await?;
    run(into, "COMMIT").await?;
    let after: (i64, i64) = sqlx::query_as(count).fetch_one(&mut *into).await?;
    Ok(Carried {
        runs: (after.0 - before.0).unsigned_abs(),
        calls: (after.1 - before.1).unsigned_abs(),
        without_answer,
    })
}

async fn run(into: &mut SqliteConnection, text: &str) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(text.to_owned())).execute(into).await.map(drop)
}
