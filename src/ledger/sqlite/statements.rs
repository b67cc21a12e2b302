//! The statements of many rows that every commit and every look takes, compiled once.

use super::values::ManyRows;

/// What ended: the attempts, their bodies, the lookups that change.
pub(super) const ENDED: [(usize, &str); 3] = [
    (
        11,
        "UPDATE attempts SET state = v.column2, settled_at = v.column3, cost = v.column4, outcome = v.column5, \
         code = v.column6, text = v.column7, log_id = v.column8, letter = v.column9, unpriced = v.column10, \
         took = v.column11 FROM {values} AS v WHERE attempts.id = v.column1 AND attempts.state = 'started'",
    ),
    (
        4,
        "INSERT INTO answers (attempt, body, status, content_type) SELECT * FROM {values} WHERE column2 IS NOT NULL",
    ),
    (
        17,
        "UPDATE lookups SET state = v.column4, outcome = v.column5, source = v.column6, \
         attempt = coalesce(v.column7, attempt), attempts = attempts + v.column8, spent = spent + v.column9, \
         cost = cost + v.column10, cost_unknown = cost_unknown + v.column11, letters = letters + v.column12, \
         code = v.column13, text = v.column14, lost = lost + v.column15, saved = v.column16, \
         saved_unpriced = v.column17 FROM {values} AS v WHERE lookups.run = v.column1 \
         AND lookups.row = v.column2 AND lookups.step = v.column3 AND lookups.state IN ('pending', 'started')",
    ),
];

/// What begins: the intents, and their lookups.
pub(super) const BEGUN: [(usize, &str); 2] = [
    (
        12,
        "INSERT INTO attempts (id, transactionid, run, row, step, service, purpose, identity, letter_making, \
         started_at, reserved, unpriced) SELECT * FROM {values} WHERE column1 IS NOT NULL",
    ),
    (
        4,
        "UPDATE lookups SET state = 'started', attempt = v.column4, attempts = attempts + 1 \
         FROM {values} AS v WHERE lookups.run = v.column1 AND lookups.row = v.column2 \
         AND lookups.step = v.column3 AND lookups.state = 'pending'",
    ),
];

/// Persons who are named in answers.
const NAMED: &str = "INSERT INTO named (digest, attempt) SELECT * FROM {values} WHERE column1 IS NOT NULL \
                     ON CONFLICT DO NOTHING";

/// An attempt that stands above one that is to be written for the same identity: then the newest of its calls would be an old
/// one, and a letter that is lost would be taken for one that was answered since.
const ABOVE: &str = "SELECT 1 FROM {values} AS v CROSS JOIN attempts a INDEXED BY attempts_identity \
                     ON a.identity = v.column1 AND a.id >= v.column2 LIMIT 1";

/// The statements of a commit, compiled once.
pub(super) struct CommitStatements {
    pub(super) ended: ManyRows,
    pub(super) begun: ManyRows,
    pub(super) above: ManyRows,
    pub(super) named: ManyRows,
}

impl CommitStatements {
    pub(super) fn new() -> Self {
        let (above, named) = (ManyRows::new(2, ABOVE), ManyRows::new(2, NAMED));
        Self { ended: ManyRows::joined(&ENDED), begun: ManyRows::joined(&BEGUN), above, named }
    }
}

/// Each of them in one of its lengths.
#[cfg(test)]
pub(super) fn texts() -> Vec<String> {
    let above = [(2, ABOVE), (2, NAMED)];
    ENDED.iter().chain(&BEGUN).chain(&above).map(|(width, text)| ManyRows::new(*width, text).text()).collect()
}

/// The statements by which is looked up what is known of lookups and their questions.
pub(super) struct Lookers {
    pub(super) answers: ManyRows,
    pub(super) before: ManyRows,
    pub(super) purged: ManyRows,
    pub(super) used_here: ManyRows,
    pub(super) holders: ManyRows,
    pub(super) open: ManyRows,
    pub(super) pending_at: ManyRows,
    pub(super) stood_at: ManyRows,
}

impl Lookers {
    pub(super) fn new() -> Self {
        Self {
            before: ManyRows::new(
                1,
                "SELECT v.column1, a.settled_at FROM {values} AS v CROSS JOIN attempts a ON a.id = \
                 (SELECT max(b.id) FROM attempts b WHERE b.identity = v.column1 AND b.state = 'answered' \
                 AND b.emptied_at IS NULL AND b.outcome IN ('hit', 'partial', 'rejected', 'no_hit') AND b.settled_at < ?)",
            ),
            answers: ManyRows::new(
                2,
                // Ids rise within an identity (`Ledger::commit`): the largest is the newest.
                "SELECT v.column1, a.id, a.outcome, a.settled_at FROM {values} AS v CROSS JOIN attempts a ON a.id = \
                 (SELECT max(b.id) FROM attempts b WHERE b.identity = v.column1 AND b.state = 'answered' \
                 AND b.emptied_at IS NULL AND b.outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid') \
                 AND (v.column2 IS NULL OR b.purpose IN (SELECT p.id FROM purposes p \
                 WHERE p.digest IN (SELECT unhex(value) FROM json_each(v.column2)))))",
            ),
            purged: ManyRows::new(
                1,
                "SELECT v.column1 FROM {values} AS v CROSS JOIN attempts a ON a.id = \
                 (SELECT max(b.id) FROM attempts b WHERE b.identity = v.column1 AND b.state = 'answered') \
                 WHERE a.emptied_at IS NOT NULL",
            ),
            used_here: ManyRows::new(
                1,
                "SELECT DISTINCT v.column1 FROM {values} AS v CROSS JOIN lookups l ON l.attempt = v.column1 \
                 WHERE l.source = 'reused' AND l.run = ?",
            ),
            holders: ManyRows::new(
                1,
                "SELECT v.column1, l.row, l.step, l.state, l.outcome, l.attempt FROM {values} AS v \
                 CROSS JOIN attempts a ON a.identity = v.column1 \
                 CROSS JOIN lookups l ON l.run = a.run AND l.row = a.row AND l.step = a.step \
                 AND l.attempt = a.id WHERE a.run = ? \
                 ORDER BY l.row DESC, l.step DESC",
            ),
            pending_at: ManyRows::new(
                2,
                "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run FROM {values} AS v \
                 CROSS JOIN lookups l ON l.row = v.column1 AND l.step = v.column2 \
                 CROSS JOIN rows r ON r.run = l.run AND r.row = l.row WHERE l.run = ? AND l.state = 'pending'",
            ),
            stood_at: ManyRows::new(
                3,
                "SELECT l.row, l.step, l.state, l.outcome, coalesce(l.code, a.code) AS code, b.attempt, b.body FROM {values} AS v \
                 CROSS JOIN lookups l ON l.row = v.column1 AND l.step = v.column2 \
                 LEFT JOIN attempts a ON a.id = l.attempt \
                 LEFT JOIN answers b ON v.column3 AND a.state = 'answered' AND b.attempt = a.id WHERE l.run = ?",
            ),
            open: ManyRows::new(
                1,
                // One that was emptied is as old as can be.
                "SELECT v.column1, a.state, a.letter_making, a.id, iif(a.emptied_at IS NULL, a.settled_at, 0), \
                 iif(u.job = (SELECT job FROM runs WHERE id = me.run), NULL, u.job) \
                 FROM {values} AS v CROSS JOIN (SELECT ? AS run) AS me CROSS JOIN attempts a ON a.id = \
                 (SELECT max(b.id) FROM attempts b INDEXED BY attempts_open WHERE b.identity = v.column1 \
                 AND b.state IN ('started', 'unknown', 'unread') AND b.resolved IS NULL AND b.run <> me.run) \
                 CROSS JOIN runs u ON u.id = a.run WHERE NOT EXISTS (SELECT 1 FROM attempts c \
                 WHERE c.identity = v.column1 AND c.state = 'answered' AND c.id > a.id)",
            ),
        }
    }
}

#[cfg(test)]
impl Lookers {
    pub(super) fn texts(&self) -> Vec<String> {
        [
            &self.answers,
            &self.before,
            &self.purged,
            &self.used_here,
            &self.holders,
            &self.open,
            &self.pending_at,
            &self.stood_at,
        ]
        .map(ManyRows::text)
        .into()
    }
}

/// The statement that finds them.
pub(super) fn rivals() -> ManyRows {
    ManyRows::new(
        2,
        "SELECT v.column1, o.state, o.letter_making, o.id, iif(o.emptied_at IS NULL, o.settled_at, 0), a.id, a.outcome, a.settled_at, \
         iif(u.job = (SELECT job FROM runs WHERE id = me.run), NULL, u.job) \
         FROM {values} AS v CROSS JOIN (SELECT ? AS run) AS me \
         LEFT JOIN attempts a ON a.id = (SELECT max(b.id) FROM attempts b WHERE b.identity = v.column1 \
         AND b.state = 'answered' AND b.emptied_at IS NULL AND b.outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid') \
         AND (v.column2 IS NULL OR b.purpose IN (SELECT p.id FROM purposes p \
         WHERE p.digest IN (SELECT unhex(value) FROM json_each(v.column2))))) \
         LEFT JOIN attempts o ON o.id = (SELECT max(c.id) FROM attempts c INDEXED BY attempts_open \
         WHERE c.identity = v.column1 AND c.state IN ('started', 'unknown', 'unread') AND c.resolved IS NULL AND c.run <> me.run) \
         AND NOT EXISTS (SELECT 1 FROM attempts d WHERE d.identity = v.column1 AND d.state = 'answered' AND d.id > o.id) \
         LEFT JOIN runs u ON u.id = o.run \
         WHERE coalesce(a.id, o.id) IS NOT NULL",
    )
}
