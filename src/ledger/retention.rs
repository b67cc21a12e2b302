//! What is kept for how long, and what is left of what was emptied.

/// Why something was emptied. The ledger enforces the same words with a `CHECK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emptied {
    /// It was kept for as long as it may be.
    Retention,
    /// Its subject asked for it.
    Forgotten,
}

impl Emptied {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Forgotten => "forgotten",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Retention, Self::Forgotten].into_iter().find(|why| why.as_str() == word)
    }

    /// What an output says in the place of such a row.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Retention => "purged: it was kept for as long as it may be",
            Self::Forgotten => "forgotten",
        }
    }
}

/// What a purge is to take away.
#[derive(Debug, Clone, Default)]
pub struct PurgeScope {
    /// Of runs whose job says no retention, in milliseconds; `None` is for ever.
    pub default: Option<i64>,
    /// Of all runs, where that is less, in milliseconds.
    pub older_than: Option<i64>,
    /// Runs of this job only.
    pub job: Option<String>,
}

impl PurgeScope {
    /// Until when what was bought or copied is due, by the retention of its job; `None` is never. Milliseconds since 1970.
    pub fn due_until(&self, retention: Option<i64>, now: i64) -> Option<i64> {
        let kept = [retention.or(self.default), self.older_than].into_iter().flatten().min()?;
        Some(now.saturating_sub(kept))
    }
}

/// A run of which something may be due.
#[derive(Debug, Clone)]
pub struct DueRun {
    /// Its id in this ledger.
    pub id: i64,
    /// Its id for people.
    pub run: String,
    /// Its job.
    pub job: String,
    /// What came before is due, in milliseconds since 1970.
    pub until: i64,
    /// Whether its rows are due.
    pub rows_due: bool,
    /// Whether it can be continued, or an invocation is at it.
    pub unfinished: bool,
}

/// How many answers a purge has emptied, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgedAnswers {
    /// Calls whose answer or text is gone.
    pub answers: u64,
    /// Those that are due, and that an unfinished run uses.
    pub in_use: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_goes_by_the_shortest_of_what_is_said() {
        let day = 86_400_000;
        let scope = |default, older_than| PurgeScope { default, older_than, job: None };
        for (default, older_than, retention, due) in [
            (None, None, None, None),
            (None, None, Some(3), Some(7)),
            (Some(5), None, None, Some(5)),
            (Some(5), None, Some(9), Some(1)),
            (Some(5), Some(2), Some(9), Some(8)),
            (Some(5), Some(9), None, Some(5)),
            (None, Some(0), None, Some(10)),
        ] {
            let days = |days: Option<i64>| days.map(|days| days * day);
            let until = scope(days(default), days(older_than)).due_until(days(retention), 10 * day);
            assert_eq!(until, days(due), "{default:?} {older_than:?} {retention:?}");
        }
    }
}
