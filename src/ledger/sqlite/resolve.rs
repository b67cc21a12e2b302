//! Lost answers of a run settled by the user's own word, where the provider's log or invoice has told them.

use super::invoice::{SETTLED, carry_through};
use super::options::options;
use crate::domain::invoice::Settles;
use crate::ledger::{Chosen, Settled};
use crate::ledger::{Ledger, LedgerError};
use sqlx::Connection;

const CHOSEN: &str = "INSERT INTO temp.settled (attempt, amount, unpriced) \
                      SELECT a.id, iif(?2, a.cost, NULL), iif(?2, a.unpriced, 0) FROM attempts a \
                      CROSS JOIN rows r ON r.run = a.run AND r.row = a.row \
                      WHERE a.run = ?1 AND (a.state = 'unknown' OR ?2 AND a.state = 'unread') \
                      AND a.resolved IS NULL AND (?3 IS NULL OR r.line = ?3) AND (?4 IS NULL OR a.step = ?4)";

/// Those of the same that are kept and cannot be read, where the way is no way for them.
const LEFT: &str = "SELECT count(*) FROM attempts a INDEXED BY attempts_unread CROSS JOIN rows r ON r.run = a.run AND r.row = a.row \
                    WHERE NOT ?2 AND a.run = ?1 AND a.state = 'unread' \
                    AND a.resolved IS NULL AND (?3 IS NULL OR r.line = ?3) AND (?4 IS NULL OR a.step = ?4)";

impl Ledger {
    /// Settles lost answers of a run one way, in one transaction. Billed ones keep the cost that they were counted at. An answer
    /// that is kept and cannot be read was carried out, whatever anybody says: it can be billed, and else is left. The caller
    /// holds the job's lock.
    pub async fn resolve(&self, run: i64, chosen: Chosen, settles: Settles) -> Result<Settled, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        // Temporary tables are a connection's own: this one ends with them.
        let mut connection = self.connect(options(self.path())).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        sqlx::query(SETTLED).execute(&mut *transaction).await.map_err(failed)?;
        let (billed, line) =
            (settles == Settles::Billed, chosen.line.map(|line| i64::try_from(line).unwrap_or(i64::MAX)));
        let query = sqlx::query(CHOSEN).bind(run).bind(billed).bind(line).bind(chosen.step);
        query.execute(&mut *transaction).await.map_err(failed)?;
        let query = sqlx::query_scalar(LEFT).bind(run).bind(billed).bind(line).bind(chosen.step);
        let unread: i64 = query.fetch_one(&mut *transaction).await.map_err(failed)?;
        let settled = carry_through(&mut transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.still_there()?;
        connection.close().await.map_err(failed)?;
        Ok(Settled { unread: unread.unsigned_abs(), ..settled })
    }
}
