//! Tables as wide as the terminal.

use comfy_table::{ContentArrangement, Table, presets};
use console::Term;

/// The columns of a table where the output is not a terminal.
const WIDTH: u16 = 120;
/// The fewest columns that a table can be read in.
const MIN_WIDTH: u16 = 60;

/// Makes a table without rows.
pub(crate) fn new<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| columns.max(MIN_WIDTH)));
    table.set_header(header);
    table
}
