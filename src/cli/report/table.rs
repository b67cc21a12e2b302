//! The one form of table that is printed: no lines, words to the left, numbers to the right. On a terminal it is never wider
//! than that: words become shorter, then columns go, those that say nothing first.

use crate::cli::console::sanitized;
use crate::cli::term_style::{TermStyle, Tone};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell as Drawn, CellAlignment, Color, Table};
use console::{measure_text_width, truncate_str};
use std::fmt::Write as _;

/// Between two columns.
const GAP: usize = 2;

/// A table before it is known how wide it may be.
pub(super) struct Sheet {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column: what it is called, and what becomes of it for want of room.
pub(super) struct Column {
    head: String,
    short: Option<&'static str>,
    is_number: bool,
    /// The lowest goes first; `None` if it stays.
    goes: Option<u8>,
    /// How much is left at least of a text that is cut; `None` if none is.
    cut: Option<usize>,
}

/// What stands in a cell.
#[derive(Clone)]
pub(super) struct Cell {
    text: String,
    short: Option<String>,
    tone: Option<Tone>,
}

/// A column of words.
pub(super) fn words(head: &str) -> Column {
    Column { head: head.to_owned(), short: None, is_number: false, goes: None, cut: None }
}

/// A column of numbers.
pub(super) fn numbers(head: &str) -> Column {
    Column { is_number: true, ..words(head) }
}

impl Column {
    /// What it is called where room is scarce.
    pub(super) fn short(self, head: &'static str) -> Self {
        Self { short: Some(head), ..self }
    }

    /// That it may go, and in which turn.
    pub(super) fn goes(self, turn: u8) -> Self {
        Self { goes: Some(turn), ..self }
    }

    /// That what stands in it may be cut, down to so much.
    pub(super) fn cut(self, least: usize) -> Self {
        Self { cut: Some(least), ..self }
    }
}

impl Cell {
    /// What it says where room is scarce.
    pub(super) fn short(self, text: impl Into<String>) -> Self {
        Self { short: Some(text.into()), ..self }
    }

    /// In a tone where that is so.
    pub(super) fn tone(self, tone: Option<Tone>) -> Self {
        Self { tone, ..self }
    }

    fn text(&self, narrow: bool) -> &str {
        match &self.short {
            Some(short) if narrow => short,
            _ => &self.text,
        }
    }

    /// Whether it tells nothing that a reader would miss.
    fn is_idle(&self) -> bool {
        matches!(self.text.as_str(), "" | "-" | "0" | "0.00 SEK")
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        // A message may have several lines, and a row has one.
        let text = sanitized(&text.into()).replace(['\n', '\t'], " ");
        Self { text, short: None, tone: None }
    }
}

/// Which columns are drawn, how wide, and with which of their words.
struct Layout {
    shown: Vec<bool>,
    widths: Vec<usize>,
    narrow: bool,
}

impl Layout {
    fn width(&self) -> usize {
        let shown = self.shown.iter().zip(&self.widths).filter(|(shown, _)| **shown);
        shown.map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
    }
}

impl Sheet {
    /// A table without rows.
    pub(super) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, without the last line's end.
    pub(super) fn draw(&self, style: TermStyle) -> String {
        let Some(limit) = style.width() else { return self.table(&self.layout(false), style) };
        let whole = self.layout(false);
        if whole.width() <= limit {
            return self.table(&whole, style);
        }
        match self.fitting(limit) {
            Some(layout) => style.fold(&(self.table(&layout, style) + &self.left_out(&layout))),
            None => style.fold(&self.records()),
        }
    }

    /// Everything in full, or in its shorter words.
    fn layout(&self, narrow: bool) -> Layout {
        let widths = self.columns.iter().enumerate().map(|(at, column)| {
            let head = measure_text_width(column.head(narrow));
            let cells = self.rows.iter().map(|row| measure_text_width(row[at].text(narrow)));
            cells.fold(head, usize::max)
        });
        Layout { shown: vec![true; self.columns.len()], widths: widths.collect(), narrow }
    }

    /// A layout that is no wider; `None` if what must stay does not fit.
    fn fitting(&self, limit: usize) -> Option<Layout> {
        let mut layout = self.layout(true);
        loop {
            let natural = layout.widths.clone();
            for (width, column) in layout.widths.iter_mut().zip(&self.columns) {
                if let Some(least) = column.cut {
                    *width = (*width).min(least.max(measure_text_width(column.head(true))));
                }
            }
            if layout.width() <= limit {
                self.spread(&mut layout, &natural, limit);
                return Some(layout);
            }
            layout.widths = natural;
            let gone = self.next_to_go(&layout)?;
            layout.shown[gone] = false;
        }
    }

    /// Gives what room is left to the texts that were cut, the narrowest first.
    fn spread(&self, layout: &mut Layout, natural: &[usize], limit: usize) {
        loop {
            let room = limit - layout.width();
            let cut =
                (0..self.columns.len()).filter(|at| layout.shown[*at] && layout.widths[*at] < natural[*at]);
            let Some(narrowest) = cut.min_by_key(|at| layout.widths[*at]) else { return };
            if room == 0 {
                return;
            }
            layout.widths[narrowest] += 1;
        }
    }

    /// The next column that goes: of those that tell nothing the first, else the first in turn.
    fn next_to_go(&self, layout: &Layout) -> Option<usize> {
        let left = (0..self.columns.len()).filter(|at| layout.shown[*at] && self.columns[*at].goes.is_some());
        left.min_by_key(|at| (!self.is_idle(*at), self.columns[*at].goes))
    }

    fn is_idle(&self, column: usize) -> bool {
        self.rows.iter().all(|row| row[column].is_idle())
    }

    /// Names the columns that would have told something.
    fn left_out(&self, layout: &Layout) -> String {
        let missed = (0..self.columns.len()).filter(|at| !layout.shown[*at] && !self.is_idle(*at));
        let names: Vec<&str> = missed.map(|at| self.columns[at].head.as_str()).collect();
        if names.is_empty() { String::new() } else { format!("\n(no room for: {})", names.join(", ")) }
    }

    fn table(&self, layout: &Layout, style: TermStyle) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        if style.colour() {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let shown = || (0..self.columns.len()).filter(|at| layout.shown[*at]);
        table.set_header(shown().map(|at| self.columns[at].head(layout.narrow)).collect::<Vec<_>>());
        for row in &self.rows {
            let cells = shown().map(|at| {
                let cell = Drawn::new(truncate_str(row[at].text(layout.narrow), layout.widths[at], "…"));
                match row[at].tone.filter(|_| style.colour()) {
                    Some(tone) => cell.fg(colour(tone)),
                    None => cell,
                }
            });
            table.add_row(cells.collect::<Vec<_>>());
        }
        for (drawn, at) in shown().enumerate() {
            let Some(column) = table.column_mut(drawn) else { continue };
            column.set_padding((u16::from(drawn > 0), 1));
            if self.columns[at].is_number {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    /// A row below the other, a line a cell: where not even that fits side by side which must stay.
    fn records(&self) -> String {
        let heads = self.columns.iter().skip(1).map(|column| measure_text_width(&column.head));
        let width = heads.max().unwrap_or(0);
        let mut text = String::new();
        for row in &self.rows {
            let mut cells = row.iter().zip(&self.columns);
            if let Some((first, _)) = cells.next() {
                let _ = writeln!(text, "{}", first.text);
            }
            for (cell, column) in cells.filter(|(cell, _)| !cell.is_idle()) {
                let _ = writeln!(text, "  {:<width$}  {}", column.head, cell.text);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Column {
    fn head(&self, narrow: bool) -> &str {
        match self.short {
            Some(short) if narrow => short,
            _ => &self.head,
        }
    }
}

const fn colour(tone: Tone) -> Color {
    match tone {
        Tone::Good => Color::DarkGreen,
        Tone::Warning => Color::DarkYellow,
        Tone::Bad => Color::DarkRed,
        Tone::Command => Color::DarkCyan,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::console::sanitized_painted;
    use proptest::prelude::*;

    fn sheet(rows: &[[&str; 4]]) -> Sheet {
        let columns = [
            words("name").cut(8),
            words("what").goes(2),
            numbers("count").short("n").goes(1),
            numbers("cost"),
        ];
        let mut sheet = Sheet::new(columns);
        for row in rows {
            let mut cells = row.map(Cell::from);
            cells[3] = cells[3].clone().short(row[3].trim_end_matches(" SEK"));
            sheet.row(cells);
        }
        sheet
    }

    const ROWS: [[&str; 4]; 2] = [
        ["portfolio-of-everything", "a report", "1 204", "12.00 SEK"],
        ["nightly", "changes", "0", "3.00 SEK"],
    ];

    #[test]
    fn words_become_shorter_then_columns_go_then_texts_are_cut() {
        let mut all = String::new();
        for width in [60, 52, 46, 34, 20] {
            let drawn = sheet(&ROWS).draw(TermStyle::wide(width));
            let _ = writeln!(all, "{}\n{drawn}", "-".repeat(width));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn what_tells_nothing_goes_first_and_is_not_missed() {
        let idle = [["portfolio", "", "1 204", "12.00 SEK"]];
        let drawn = sheet(&idle).draw(TermStyle::wide(26));
        assert_eq!(drawn, "name           n   cost\nportfolio  1 204  12.00");
    }

    #[test]
    fn a_pipe_gets_all_of_it() {
        let drawn = sheet(&ROWS).draw(TermStyle::PLAIN);
        assert!(drawn.contains("portfolio-of-everything  a report  1 204  12.00 SEK"), "{drawn}");
    }

    #[test]
    fn colour_is_where_it_was_asked_for() {
        let mut sheet = Sheet::new([words("state")]);
        sheet.row([Cell::from("fault").tone(Some(Tone::Bad))]);
        let drawn = sheet.draw(TermStyle::COLOURED);
        assert_eq!(sanitized_painted(&drawn, TermStyle::COLOURED), drawn, "what paints reaches the terminal");
        assert!(drawn.contains("\u{1b}[38;5;1mfault"), "{drawn:?}");
        assert_eq!(sheet.draw(TermStyle::PLAIN), "state\nfault");
    }

    proptest! {
        /// Whatever stands in it, and however narrow the terminal is: a line that is wider holds a single word that is.
        #[test]
        fn no_line_is_wider_than_the_terminal(
            rows in proptest::collection::vec(proptest::array::uniform4("[a-zåäö]{0,12}( [a-z]{1,9}){0,5}"), 0..5),
            width in 12_usize..130,
        ) {
            let mut sheet = sheet(&[]);
            for row in &rows {
                sheet.row(row.each_ref().map(|cell| Cell::from(cell.as_str())));
            }
            let text = sheet.draw(TermStyle::wide(width));
            for line in text.lines() {
                let long = measure_text_width(line);
                let words = line.trim().rsplit("  ").next().unwrap_or_default();
                prop_assert!(long <= width || !words.contains(' '), "{long} of {width}: {line:?}\n{text}");
            }
        }
    }
}
