//! Medians with their spread, and the small tables in which they are printed.

use super::Result;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use tokio::time::Instant;

/// One figure in several rounds.
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => self.0[middle],
            _ => f64::midpoint(self.0[middle - 1], self.0[middle]),
        }
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// A table of figures: what, median, least, most, and what is asked of it.
#[derive(Default)]
pub(crate) struct Table(String);

impl Table {
    /// A table under a heading.
    pub(crate) fn new(heading: &str) -> Self {
        let mut text = format!("\n{heading}\n");
        let _ = writeln!(text, "{:44} {:>11} {:>11} {:>11}   asked", "", "median", "min", "max");
        Self(text)
    }

    /// A figure of several rounds.
    pub(crate) fn spread(&mut self, what: &str, values: &Spread, decimals: usize, asked: &str) {
        let (median, min, max) = (values.median(), values.min(), values.max());
        let _ = writeln!(
            self.0,
            "{what:44} {median:11.decimals$} {min:11.decimals$} {max:11.decimals$}   {asked}"
        );
    }

    /// A figure that was measured once.
    pub(crate) fn once(&mut self, what: &str, value: f64, decimals: usize, asked: &str) {
        let _ = writeln!(self.0, "{what:44} {value:11.decimals$} {:>11} {:>11}   {asked}", "", "");
    }

    /// A figure in words.
    pub(crate) fn words(&mut self, what: &str, value: &str, asked: &str) {
        let _ = writeln!(self.0, "{what:44} {value:>11} {:>11} {:>11}   {asked}", "", "");
    }

    /// Prints it.
    #[expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]
    pub(crate) fn print(&self) {
        println!("{}", self.0.trim_end());
    }
}

/// What one durable write of 4 KiB costs on the disk of `folder`, in milliseconds.
pub(crate) fn fsync(folder: &Path) -> Result<Spread> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut costs = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4_096])?;
        let began = Instant::now();
        file.sync_data()?;
        costs.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Spread::of(costs))
}
