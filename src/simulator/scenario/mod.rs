//! Scenario files: how the imitation behaves badly, and when.
//!
//! [`mod@file`] is what the TOML may hold, [`Scenario`] what it means after everything senseless was refused.
//!
//! ```toml
//! delay = "20ms"              # before every data answer; "10ms..50ms" is drawn for each call
//! token_life = "1h"
//! blocks = ["CompanyBasic"]   # any other block answers 11
//! login = { refuse = true }   # or status (with retry_after), or token = "none" | "expired"; delay, after, times
//! window = { calls = 200, per = "60s", retry_after = "5s", prolong = true }
//! pace = "50/s"               # what --simulate takes as the account's rate
//! bill = false                # counters only
//! [[fault]]                   # the first that matches and is not used up; login and health only where named
//! service = "getdata"
//! number = "5560125790"
//! after = 5                   # from the sixth matching call on
//! every = 10                  # of those, each tenth
//! times = 2
//! delay = "2s"                # with any `do`
//! do = "status"               # status, retry_after, retry_after_as = "seconds" | "date"
//!                             # error: code, status = 400, text, detail, report = true ({number} is the number)
//!                             # html: status = 200, retry_after · body: body, status = 200, content_type
//!                             # both, and status and redirect: carried_out = true (what is answered hides a report)
//!                             # redirect: status = 302, location · alter: alter = ["report-list", …] · huge: size
//!                             # gone: for (after this answer connections are refused; for good where absent)
//!                             # body: hex = "7b7d" instead of body, for bytes that are no text
//!                             # close, reset, cut, twice, hold, stall, delay, expire-token
//! status = 503
//! ```

mod faults;
mod file;
mod script;
mod words;

pub(super) use script::{Alteration, Deed, Delay, Fault};
pub use script::{Scenario, ScenarioError};
use std::path::Path;

use crate::disk;
use crate::domain::pace::Rate;

pub(super) use faults::Faults;

impl Scenario {
    /// Reads a scenario; `place` names it in errors.
    pub fn parse(place: &str, text: &str) -> Result<Self, ScenarioError> {
        file::read(place, text)
    }

    /// Reads a scenario file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = disk::named(path)
            .and_then(std::io::read_to_string)
            .map_err(|source| ScenarioError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The pace that `--simulate` takes as the account's.
    pub fn pace(&self) -> Rate {
        self.pace
    }

    /// The same, keeping counters but no entries: what a run of a million calls needs.
    #[must_use]
    pub fn without_bill(self) -> Self {
        Self { bill: false, ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told_with_the_reason() {
        let error = Scenario::load(Path::new("/nowhere/none.toml")).err().unwrap().to_string();
        assert!(error.contains("/nowhere/none.toml: No such file"), "{error}");
    }

    proptest! {
        #[test]
        fn a_drawn_delay_stays_in_its_bounds(seed: u64, sequence: u64, low in 0_u64..50, more in 0_u64..50) {
            let delay = Delay { low: Duration::from_millis(low), high: Duration::from_millis(low + more) };
            let drawn = delay.of(seed, sequence);
            prop_assert!(drawn >= delay.low && drawn <= delay.high);
            prop_assert_eq!(drawn, delay.of(seed, sequence));
        }
    }
}
