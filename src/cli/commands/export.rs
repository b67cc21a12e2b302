//! `export`: outputs again from the ledger; nothing is bought.

use super::super::args::{ExportArgs, ExportTo, FileFormat, FileShape, PathOrStream};
use super::super::console::print_bytes;
use super::super::opening::open_existing;
use super::super::report::exported_text;
use super::super::{Failure, Invocation};
use super::driving::output_line;
use super::{job_to_export, one_run};
use crate::disk::Scratch;
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::export::Exported;
use crate::job::{Format, Job, Output, Shape, SubjectForm, file};
use crate::ledger::{Act, ActKind, Ledger, RunRow};
use crate::run;
use std::io::Read;

/// `orgpull export`.
pub(in crate::cli) async fn export(invocation: &Invocation, args: &ExportArgs) -> Result<Exit, Failure> {
    let target = args.target().map_err(|error| Failure::Clap(Box::new(error)))?;
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_existing(&settings).await?;
    let found = one_run(&ledger, &args.run).await?;
    let exported = match &target {
        ExportTo::Own => {
            let job = job_to_export(&found, &settings, invocation)?;
            note(&ledger, &found, &job.outputs).await?;
            run::export(&ledger, &found, &job, &settings).await?
        }
        ExportTo::Job(path) => {
            let job = file::load(path, &settings)?;
            note(&ledger, &found, &job.outputs).await?;
            run::export(&ledger, &found, &job, &settings).await?
        }
        ExportTo::File { output, format, shape } => {
            let job = job_to_export(&found, &settings, invocation)?;
            let PathOrStream::File(path) = output else {
                return stream(invocation, &ledger, &found, &job, &settings, *format, *shape).await;
            };
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let output = one_output(path, *format, *shape);
            note(&ledger, &found, std::slice::from_ref(&output)).await?;
            run::export_one(&ledger, &found, &job, &settings, (output, true)).await?
        }
    };
    for written in &exported.written {
        invocation.say(&exported_text(&output_line(written)))?;
    }
    tell_pending(invocation, &ledger, &found).await?;
    Ok(damaged(invocation, &found, &exported))
}

/// Writes down what is about to be written, and whether it shows numbers in full.
async fn note(ledger: &Ledger, found: &RunRow, outputs: &[Output]) -> Result<(), Failure> {
    let paths: Vec<String> = outputs.iter().map(|output| output.path.display().to_string()).collect();
    let full = outputs.iter().any(|output| output.subject == SubjectForm::Full);
    let act = Act::new(ActKind::Exported).on(found).with("outputs", paths).with("full", full);
    Ok(ledger.note(&act).await?)
}

/// Tells that a run is not finished: a file does not say of itself that it is not the last one.
async fn tell_pending(invocation: &Invocation, ledger: &Ledger, found: &RunRow) -> Result<(), Failure> {
    let (rows, lookups) = ledger.still_pending(found.id).await?;
    if rows > 0 {
        let what = counted(rows, "row", "rows");
        let of = counted(lookups, "lookup", "lookups");
        let are = if rows == 1 { "is" } else { "are" };
        let message = format!(
            "run {} is not finished: {what} of it {are} still pending, with {of} that nothing is known of yet",
            found.run
        );
        invocation.warn("pending", message);
    }
    Ok(())
}

/// Tells what is damaged, and how to end.
fn damaged(invocation: &Invocation, found: &RunRow, exported: &Exported) -> Exit {
    match run::damage(&found.run, &exported.damage) {
        None => Exit::Settled,
        Some(message) => {
            invocation.console.line(&format!("warning: {message}"));
            Exit::Unsettled
        }
    }
}

/// To standard output: written whole to a file that nobody else can read, then copied, so that a failure shows nothing.
/// It stands beside the ledger: that folder holds personal data already, and the system's temporary one must not.
async fn stream(
    invocation: &Invocation,
    ledger: &Ledger,
    found: &RunRow,
    job: &Job,
    settings: &crate::config::Settings,
    format: FileFormat,
    shape: FileShape,
) -> Result<Exit, Failure> {
    let unwritable =
        |e: std::io::Error| Failure::Output(format!("a file for the export cannot be used: {e}"));
    let scratch = Scratch::beside(ledger.path()).map_err(unwritable)?;
    let output = one_output(scratch.path(), format, shape);
    note(ledger, found, &[Output { path: "-".into(), ..output.clone() }]).await?;
    let exported = run::export_one(ledger, found, job, settings, (output, false)).await?;
    let mut file = scratch.into_file().map_err(unwritable)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut piece).map_err(unwritable)?;
        if length == 0 {
            tell_pending(invocation, ledger, found).await?;
            return Ok(damaged(invocation, found, &exported));
        }
        print_bytes(&mut std::io::stdout().lock(), &piece[..length])?;
    }
}

fn one_output(path: std::path::PathBuf, format: FileFormat, shape: FileShape) -> Output {
    Output {
        path,
        format: match format {
            FileFormat::Csv => Format::Csv,
            FileFormat::Json => Format::Json,
            FileFormat::Jsonl => Format::JsonLines,
        },
        shape: match shape {
            FileShape::Long => Shape::Long,
            FileShape::Wide => Shape::Wide,
        },
        only: None,
        excel: false,
        subject: SubjectForm::Full,
        columns: None,
        changes: false,
        skipped_last: false,
        mode: Output::PRIVATE,
        group: None,
    }
}
