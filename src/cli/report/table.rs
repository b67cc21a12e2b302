//! The one form of table that is printed: no lines, words to the left, numbers to the right.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// An empty table with this header, whose columns hold numbers from `numbers` on. It is as wide as it needs to be,
/// whatever the terminal, so that a pipe and a person read the same.
pub(super) fn table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((u16::from(at > 0), 1));
        if at >= numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
