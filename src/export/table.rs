//! One output: which rows it has, and what stands in them, field by field, whatever the format.

use super::body::{Bodies, Body};
use super::cells::{self, Field, shown_text};
use super::columns::Columns;
use super::csv::CsvSink;
use super::files::{ExportError, Target};
use super::json::JsonSink;
use super::{LookupHead, Setting, Written, WrittenKind};
use crate::disk::{Draft, Place, Sealed};
use crate::domain::identity::DigestKey;
use crate::domain::number::Subject;
use crate::domain::outcome::{Outcome, Source};
use crate::domain::record::{LookupRecord, Record};
use crate::domain::redact::Known;
use crate::job::{Format, Header, Output, Shape, SubjectForm};
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;

/// An output on its way.
pub(super) struct Table {
    target: Place,
    layout: Layout,
    columns: Columns,
    stage: Stage,
    rows: u64,
}

/// What does not change from row to row.
pub(super) struct Layout {
    format: Format,
    excel: bool,
    shape: Shape,
    only: Option<Vec<Outcome>>,
    form: SubjectForm,
    heads: Vec<LookupHead>,
    /// Places of the shown columns in a record's.
    carry: Vec<usize>,
    /// Names of everything that stands before the columns. `put_fixed` writes the values in this order.
    fixed: Vec<String>,
    /// The name of what stands after them.
    last: Option<&'static str>,
    skipped_last: bool,
    key: DigestKey,
    /// The run's first day in Stockholm, by which a century that was not written is told.
    day: Date,
}

/// A header can be written when the columns are known, which is when the first row comes.
enum Stage {
    Opened(Draft),
    Writing(Sink),
    /// Between the two, and after an error.
    Broken,
}

/// Where rows go, in their format.
pub(super) enum Sink {
    Csv(Box<CsvSink>),
    Json(Box<JsonSink>),
}

impl Table {
    pub(super) fn begin(output: &Output, target: Target, setting: &Setting<'_>) -> Result<Self, ExportError> {
        let Target { place: target, mode } = target;
        let (layout, columns) = Self::check(output, target.named(), setting)?;
        let stage = Stage::Opened(Draft::create(target.clone(), mode)?);
        Ok(Self { target, layout, columns, stage, rows: 0 })
    }

    /// What its columns are called, each once, and where they come from.
    pub(super) fn check(
        output: &Output,
        path: &Path,
        setting: &Setting<'_>,
    ) -> Result<(Layout, Columns), ExportError> {
        let layout = Layout::of(output, setting)?;
        let columns = Columns::begin(output, setting.lookups)?;
        let mut names = BTreeSet::new();
        for name in layout.names(&columns) {
            if let Some(name) = names.replace(name) {
                return Err(ExportError::SameName { path: path.to_owned(), name });
            }
        }
        Ok((layout, columns))
    }

    /// Whether skipped lookups show the newest stored answer.
    pub(super) fn fills_skipped(&self) -> bool {
        self.layout.skipped_last
    }

    pub(super) fn needs_discovery(&self) -> bool {
        self.columns.need_discovery()
    }

    /// Whether its rows look into answers.
    pub(super) fn reads_answers(&self) -> bool {
        self.needs_discovery() || self.columns.need_answers() || self.layout.has_report()
    }

    pub(super) fn discover(&mut self, record: &Record, bodies: &Bodies<'_>) -> Result<(), ExportError> {
        if !self.needs_discovery() {
            return Ok(());
        }
        for at in self.layout.rows(record).flatten() {
            if let Some(answer) = bodies.get(at).json() {
                let noted = self.columns.note(at, answer);
                noted.map_err(|_| ExportError::TooManyLeaves(self.target.named().to_owned()))?;
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, record: &Record, bodies: &Bodies<'_>) -> Result<(), ExportError> {
        let subject = record.subject.as_ref().ok().map(|subject| self.layout.subject(subject));
        let hide = self.layout.hides(record);
        let spans: Vec<_> = self.layout.rows(record).collect();
        for span in spans {
            let row = self.row(record, (subject.as_deref(), hide.as_ref()), span, bodies);
            row.map_err(|cause| self.target.failed("write")(cause))?;
            self.rows += 1;
        }
        Ok(())
    }

    /// The complete file, and what to tell about it.
    pub(super) fn seal(mut self) -> Result<(Sealed, Written), ExportError> {
        self.sink().map_err(self.target.failed("write"))?;
        let too_long = match &self.stage {
            Stage::Writing(sink) => sink.too_long(),
            Stage::Opened(_) | Stage::Broken => 0,
        };
        let draft = match self.stage {
            Stage::Writing(sink) => sink.into_draft(),
            Stage::Opened(_) | Stage::Broken => Err(broken()),
        };
        let sealed = draft.map_err(self.target.failed("write"))?.seal()?;
        let written = Written {
            path: self.target.named().to_owned(),
            kind: WrittenKind::Output,
            rows: self.rows,
            columns: self.columns.counts(),
            too_long,
            instead_of: None,
            sha256: sealed.sha256(),
        };
        Ok((sealed, written))
    }

    /// Writes one row: of the lookup in `span` (long), or of the record (wide).
    fn row(
        &mut self,
        record: &Record,
        (subject, hide): (Option<&str>, Option<&Known>),
        span: Range<usize>,
        bodies: &Bodies<'_>,
    ) -> io::Result<()> {
        self.sink()?;
        let Stage::Writing(sink) = &mut self.stage else { return Err(broken()) };
        self.layout.put_fixed(sink, record, (subject, hide), span.clone())?;
        let wants = self.columns.need_answers() || self.layout.has_report();
        let answers: Vec<_> = span.filter(|_| wants).map(|at| (at, bodies.get(at))).collect();
        for cell in self.columns.cells(&answers) {
            match cell {
                Some(value) => sink.put(Field::Json(&cells::shown(value, hide)))?,
                None => sink.put(Field::Empty)?,
            }
        }
        if let Sink::Json(json) = sink {
            self.layout.put_report(json, &answers, hide)?;
        }
        sink.end_row()
    }

    /// Sees to it that the header is written.
    fn sink(&mut self) -> io::Result<()> {
        if let Stage::Opened(_) = self.stage
            && let Stage::Opened(draft) = std::mem::replace(&mut self.stage, Stage::Broken)
        {
            self.columns.settle();
            let names = self.layout.names(&self.columns);
            self.stage = Stage::Writing(self.layout.sink(draft, &names)?);
        }
        Ok(())
    }
}

/// Reached only where a caller goes on after an error.
fn broken() -> io::Error {
    io::Error::other("an earlier write to it failed")
}

impl Layout {
    pub(super) fn of(output: &Output, setting: &Setting<'_>) -> Result<Self, ExportError> {
        let place = |name: &String| {
            let at = setting.columns.iter().position(|column| column == name);
            at.ok_or_else(|| ExportError::NoCarry(name.clone()))
        };
        let ids = setting.lookups.iter().map(|head| head.id.as_str());
        let header =
            if output.changes { Header::of_changes() } else { Header::of(output.shape, output.format, ids) };
        Ok(Self {
            format: output.format,
            excel: output.excel,
            shape: output.shape,
            only: output.only.clone(),
            form: output.subject,
            heads: setting.lookups.to_vec(),
            carry: setting.carry.iter().map(place).collect::<Result<_, _>>()?,
            fixed: header
                .before
                .into_iter()
                .chain(setting.carry.iter().cloned())
                .chain(header.after)
                .collect(),
            last: header.last,
            skipped_last: output.skipped_last,
            key: setting.key.clone(),
            day: setting.day,
        })
    }

    /// All names, in order.
    fn names(&self, columns: &Columns) -> Vec<String> {
        let mut names = self.fixed.clone();
        names.extend(columns.names(self.mask()));
        names.extend(self.last.map(str::to_owned));
        names
    }

    /// The names before the columns from the answers.
    pub(super) fn own_names(&self) -> &[String] {
        &self.fixed
    }

    /// Whether such a lookup is shown.
    pub(super) fn shows(&self, lookup: &LookupRecord) -> bool {
        let outcome = |only: &Vec<Outcome>| lookup.outcome.is_some_and(|outcome| only.contains(&outcome));
        self.only.as_ref().is_none_or(outcome)
    }

    /// The id of the lookup at this place.
    pub(super) fn id(&self, at: usize) -> Option<&str> {
        self.heads.get(at).map(|head| head.id.as_str())
    }

    pub(super) fn sink(&self, draft: Draft, names: &[String]) -> io::Result<Sink> {
        let names = names.iter().map(String::as_str);
        Ok(match self.format {
            Format::Csv => Sink::Csv(Box::new(CsvSink::begin(draft, self.excel, names)?)),
            Format::Json => Sink::Json(Box::new(JsonSink::begin(draft, true, names)?)),
            Format::JsonLines => Sink::Json(Box::new(JsonSink::begin(draft, false, names)?)),
        })
    }

    /// The rows that a record makes here, each as the places of the lookups that it shows: a bad row has none, and is no
    /// row of a long output.
    fn rows<'a>(&'a self, record: &'a Record) -> impl Iterator<Item = Range<usize>> + 'a {
        let all = record.lookups.len();
        let (rows, width) = match (self.shape, &record.subject) {
            (Shape::Long, Ok(_)) => (all, 1),
            (Shape::Long, Err(_)) => (0, 1),
            (Shape::Wide, Ok(_)) => (1, all),
            (Shape::Wide, Err(_)) => (1, 0),
        };
        let spans = (0..rows).map(move |row| row * width..(row + 1) * width);
        spans.filter(|span| match &self.only {
            None => true,
            Some(only) => {
                let mut outcomes = record.lookups[span.clone()].iter().filter_map(|lookup| lookup.outcome);
                outcomes.any(|outcome| only.contains(&outcome))
            }
        })
    }

    fn put_fixed(
        &self,
        sink: &mut Sink,
        record: &Record,
        (subject, hide): (Option<&str>, Option<&Known>),
        span: Range<usize>,
    ) -> io::Result<()> {
        self.put_first(sink, record, (subject, hide))?;
        match self.shape {
            Shape::Long => {
                span.into_iter().try_for_each(|at| self.put_long(sink, at, &record.lookups[at], hide))
            }
            Shape::Wide => {
                (0..self.heads.len()).try_for_each(|at| put_wide(sink, record.lookups.get(at), hide))
            }
        }
    }

    /// What every row begins with: line, subject, and the carried columns.
    pub(super) fn put_first(
        &self,
        sink: &mut Sink,
        record: &Record,
        (subject, hide): (Option<&str>, Option<&Known>),
    ) -> io::Result<()> {
        sink.put(Field::Count(record.line))?;
        sink.put(Field::maybe(subject))?;
        if self.shape == Shape::Wide {
            sink.put(Field::maybe(record.subject.as_ref().err().map(|bad| bad.reason.as_str())))?;
        }
        for at in &self.carry {
            match record.columns.get(*at) {
                Some(value) => sink.put(Field::Text(&shown_text(value, hide)))?,
                // The row came before the first that has this column.
                None => sink.put(Field::Text(""))?,
            }
        }
        Ok(())
    }

    fn put_long(
        &self,
        sink: &mut Sink,
        at: usize,
        lookup: &LookupRecord,
        hide: Option<&Known>,
    ) -> io::Result<()> {
        let head = self.heads.get(at);
        let shown = |text: &Option<String>| text.as_deref().map(|text| shown_text(text, hide).into_owned());
        sink.put(Field::maybe(head.map(|head| head.id.as_str())))?;
        sink.put(Field::maybe(head.map(|head| head.service.as_str())))?;
        sink.put(outcome(lookup))?;
        sink.put(Field::maybe(shown(&lookup.code).as_deref()))?;
        sink.put(Field::maybe(shown(&lookup.text).as_deref()))?;
        sink.put(Field::maybe(lookup.source.map(Source::as_str)))?;
        sink.put(Field::Count(lookup.attempts.into()))?;
        sink.put(Field::Money(lookup.cost))?;
        sink.put(Field::maybe(lookup.fetched_at.as_deref()))?;
        sink.put(Field::maybe(lookup.transactionid.as_deref()))?;
        sink.put(Field::maybe(shown(&lookup.log_id).as_deref()))
    }

    fn put_report(
        &self,
        json: &mut JsonSink,
        answers: &[(usize, Body<'_>)],
        hide: Option<&Known>,
    ) -> io::Result<()> {
        let report = |at: usize| {
            let body = answers.iter().find(|(place, _)| *place == at).map(|(_, body)| *body);
            body.and_then(Body::report).map(|value| cells::shown(value, hide))
        };
        match self.shape {
            Shape::Long => match answers.first().and_then(|(at, _)| report(*at)) {
                Some(value) => json.put(Field::Json(&value)),
                None => json.put(Field::Empty),
            },
            Shape::Wide => {
                let by_id = self.heads.iter().enumerate().map(|(at, head)| (head.id.as_str(), report(at)));
                json.put_by_id(by_id)
            }
        }
    }

    pub(super) fn subject(&self, subject: &Subject) -> String {
        match self.form {
            SubjectForm::Full => subject.full(),
            SubjectForm::Masked => subject.masked(),
            SubjectForm::Digest => self.key.hex("subject", &[&subject.canonical(self.day)]),
        }
    }

    /// What must not be seen of a record, where this output shows no numbers: that of its subject, or the digits of what was
    /// no valid one, above all.
    pub(super) fn hides(&self, record: &Record) -> Option<Known> {
        self.mask().then(|| match &record.subject {
            Ok(subject) => Known::of_subject(subject),
            Err(bad) => Known::of_cell(&bad.input),
        })
    }

    fn mask(&self) -> bool {
        self.form != SubjectForm::Full
    }

    fn has_report(&self) -> bool {
        self.last.is_some()
    }
}

impl Sink {
    /// Cells with more characters than one of Excel takes, where the file is for Excel.
    pub(super) const fn too_long(&self) -> u64 {
        match self {
            Self::Csv(sink) => sink.too_long(),
            Self::Json(_) => 0,
        }
    }

    /// The file with everything in it.
    pub(super) fn into_draft(self) -> io::Result<Draft> {
        match self {
            Self::Csv(sink) => sink.into_draft(),
            Self::Json(sink) => sink.into_draft(),
        }
    }

    pub(super) fn put(&mut self, field: Field<'_>) -> io::Result<()> {
        match self {
            Self::Csv(sink) => sink.put(field),
            Self::Json(sink) => sink.put(field),
        }
    }

    pub(super) fn end_row(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(sink) => sink.end_row(),
            Self::Json(sink) => sink.end_row(),
        }
    }
}

/// The cells of one lookup in a wide row; empty ones in a bad row.
fn put_wide(sink: &mut Sink, lookup: Option<&LookupRecord>, hide: Option<&Known>) -> io::Result<()> {
    let Some(lookup) = lookup else { return (0..5).try_for_each(|_| sink.put(Field::Empty)) };
    let code = lookup.code.as_deref().map(|code| shown_text(code, hide));
    sink.put(outcome(lookup))?;
    sink.put(Field::maybe(code.as_deref()))?;
    sink.put(Field::maybe(lookup.source.map(Source::as_str)))?;
    sink.put(Field::Money(lookup.cost))?;
    sink.put(Field::maybe(lookup.fetched_at.as_deref()))
}

/// What is not settled is `pending`.
fn outcome(lookup: &LookupRecord) -> Field<'static> {
    Field::Text(lookup.outcome.map_or("pending", Outcome::as_str))
}
