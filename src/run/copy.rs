//! The input on its way into the ledger: read on a thread of its own, written a few thousand rows a transaction.

use super::context::Context;
use super::context::unless_stopped;
use super::error::RunError;
use super::event::Event;
use crate::domain::counted::counted;
use crate::domain::number::Kind;
use crate::job::clashes;
use crate::job::input::{InputError, Reader, Row};
use crate::job::{Job, MaxBad};
use crate::ledger::{Ledger, NewRow};
use jiff::civil::Date;
use tokio::sync::mpsc;

/// Rows a transaction: few enough to keep memory flat, enough to make the fsync cheap.
const CHUNK: usize = 4_096;

/// What was copied.
#[derive(Debug, Default)]
pub(super) struct Copied {
    pub(super) rows: u64,
    pub(super) bad_rows: u64,
    /// Rows whose number gets a letter of disclosure with a credit report.
    pub(super) letter_rows: u64,
    /// Rows about sole traders, whose number is their personnummer.
    pub(super) sole_traders: u64,
    /// Size and digest of the file, where it was one.
    pub(super) file: Option<(u64, String)>,
    /// The first bad rows: line and reason.
    pub(super) examples: Vec<(u64, String)>,
    /// The columns of the input, now that all of it is read.
    pub(super) columns: Vec<String>,
}

/// How many bad rows are told by line when a job is refused for them.
const EXAMPLES: usize = 5;

/// Opens the job's input and reads its header.
pub(super) async fn open(job: &Job, today: Date) -> Result<Reader, RunError> {
    let job = job.clone();
    let opened = tokio::task::spawn_blocking(move || Reader::of_job(&job, today));
    Ok(opened.await.map_err(RunError::bug)??)
}

/// Reads `reader` in chunks on a blocking thread; the last message holds the file's size and digest, and its columns.
pub(super) fn chunks(
    mut reader: Reader,
    limit: Option<u64>,
    size: usize,
) -> mpsc::Receiver<Result<Chunk, InputError>> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let mut left = limit.unwrap_or(u64::MAX);
        loop {
            let mut rows = Vec::with_capacity(size);
            while rows.len() < size && left > 0 {
                match reader.next() {
                    Some(Ok(row)) => rows.push(row),
                    Some(Err(error)) => {
                        let _ = sender.blocking_send(Err(error));
                        return;
                    }
                    None => {
                        left = 0;
                        break;
                    }
                }
                left -= 1;
            }
            let last = left == 0;
            let file = last.then(|| reader.fingerprint()).flatten().map(|print| (print.bytes, print.sha256));
            let columns = last.then(|| reader.columns().to_vec());
            if sender.blocking_send(Ok(Chunk { rows, file, columns })).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// Some rows of the input.
pub(super) struct Chunk {
    pub(super) rows: Vec<Row>,
    pub(super) file: Option<(u64, String)>,
    /// With the last of them.
    pub(super) columns: Option<Vec<String>>,
}

/// Copies the input of a run into the ledger.
pub(super) async fn copy(
    ledger: &Ledger,
    run: i64,
    job: &Job,
    reader: Reader,
    limit: Option<u64>,
    context: &Context,
) -> Result<Copied, RunError> {
    let steps = u16::try_from(job.steps.len()).unwrap_or(u16::MAX);
    let mut copied = Copied::default();
    let mut receiver = chunks(reader, limit, CHUNK);
    while let Some(chunk) = unless_stopped(context, async { Ok(receiver.recv().await) }).await? {
        let chunk = chunk?;
        let mut rows = Vec::with_capacity(chunk.rows.len());
        for row in chunk.rows {
            copied.rows += 1;
            match &row.subject {
                Ok(subject) => copied.good(subject.kind()),
                Err(reason) => copied.bad(row.line, reason),
            }
            rows.push(new_row(copied.rows, row));
        }
        ledger.load(run, steps, &rows).await?;
        copied.file = chunk.file.or(copied.file);
        copied.columns.extend(chunk.columns.into_iter().flatten());
        (context.observer)(&Event::Loading { rows: copied.rows });
    }
    Ok(copied)
}

impl Copied {
    pub(super) fn good(&mut self, kind: Kind) {
        self.letter_rows += u64::from(kind.gets_letter());
        self.sole_traders += u64::from(kind == Kind::SoleTrader);
    }

    pub(super) fn bad(&mut self, line: u64, reason: &str) {
        self.bad_rows += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push((line, reason.to_owned()));
        }
    }

    /// Refuses an input with too few good rows or too many bad ones, and one about persons without a purpose.
    pub(super) fn check(&self, job: &Job, limit: Option<u64>) -> Result<(), RunError> {
        let input = &job.input;
        if self.sole_traders > 0 && job.purpose.is_none() {
            return Err(RunError::NoPurpose { sole_traders: self.sole_traders });
        }
        let good = self.rows - self.bad_rows;
        let refused = |why: String| {
            Err(RunError::Input {
                file: input.origin.name(),
                why,
                examples: self.examples.clone(),
                bad_rows: self.bad_rows,
                rows: self.rows,
                rejects: None,
            })
        };
        if good == 0 {
            return refused("no row holds a valid number".to_owned());
        }
        // A run of the first few rows cannot have more than those.
        if good < limit.map_or(input.min_rows, |limit| input.min_rows.min(limit)) {
            return refused(format!(
                "{}, and `min_rows` asks for {}: complete it, or lower `min_rows`",
                counted(good, "good row", "good rows"),
                input.min_rows
            ));
        }
        match input.max_bad {
            #[expect(clippy::cast_precision_loss, reason = "a share of rows needs no 53 bits")]
            MaxBad::Percent(most) if self.bad_rows as f64 * 100.0 > most * self.rows as f64 => {
                refused(format!(
                    "{} of {} bad, and `max_bad` bears {most} %: mend them, or raise `max_bad`",
                    self.bad_rows,
                    counted(self.rows, "row is", "rows are")
                ))
            }
            MaxBad::Count(most) if self.bad_rows > most => refused(format!(
                "{} of {} bad, and `max_bad` bears {most}: mend them, or raise `max_bad`",
                self.bad_rows,
                counted(self.rows, "row is", "rows are")
            )),
            _ => Ok(()),
        }
    }
}

/// Refuses columns of the input that would make two columns of an output the same.
pub(super) fn no_clash(job: &Job, columns: &[String]) -> Result<(), RunError> {
    clashes(job, columns).map_or(Ok(()), |clash| Err(RunError::Clash(clash)))
}

fn new_row(at: u64, row: Row) -> NewRow {
    NewRow {
        row: i64::try_from(at).unwrap_or(i64::MAX),
        line: i64::try_from(row.line).unwrap_or(i64::MAX),
        columns: serde_json::to_string(&row.columns).unwrap_or_else(|_| "[]".to_owned()),
        subject: row.subject.map_err(|reason| (row.input, reason)),
    }
}
