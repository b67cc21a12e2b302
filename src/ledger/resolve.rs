//! Lost answers of a run settled by the user's own word, where the provider's log or invoice has told them.

use super::invoice::{SETTLED, Settled, carry_through};
use super::open::options;
use super::{Ledger, LedgerError};
use crate::domain::invoice::Settles;
use sqlx::Connection;

/// Which lost answers of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Of this physical line of the input only.
    pub line: Option<u64>,
    /// Of this lookup of the job only.
    pub step: Option<u16>,
}

const CHOSEN: &str = "INSERT INTO temp.settled (attempt, amount, unpriced) \
                      SELECT a.id, iif(?2, a.cost, NULL), iif(?2, a.unpriced, 0) FROM attempts a \
                      CROSS JOIN rows r ON r.run = a.run AND r.row = a.row \
                      WHERE a.run = ?1 AND a.state IN ('unknown', 'unread') \
                      AND a.resolved IS NULL AND (?3 IS NULL OR r.line = ?3) AND (?4 IS NULL OR a.step = ?4)";

impl Ledger {
    /// Settles lost answers of a run one way, in one transaction. Billed ones keep the cost that they were counted at. The
    /// caller holds the job's lock.
    pub async fn resolve(&self, run: i64, chosen: Chosen, settles: Settles) -> Result<Settled, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        // Temporary tables are a connection's own: this one ends with them.
        let mut connection = self.connect(options(self.path())).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        sqlx::query(SETTLED).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query(CHOSEN)
            .bind(run)
            .bind(settles == Settles::Billed)
            .bind(chosen.line.map(|line| i64::try_from(line).unwrap_or(i64::MAX)))
            .bind(chosen.step)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let settled = carry_through(&mut transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.still_there()?;
        connection.close().await.map_err(failed)?;
        Ok(settled)
    }
}
