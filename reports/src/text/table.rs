//! A [`Table`] as aligned lines under a heading.
//!
//! comfy-table measures the width of characters, so that a name in any script keeps the columns straight.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as Grid};

use super::Style;
use crate::tables::{Column, Table};

/// Heading, note and rows, with an empty line before. Nothing for a table without rows.
pub(super) fn section(table: &Table, style: Style) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.heading(table.title));
    if !table.note.is_empty() {
        text.push_str(&format!("  {}\n", style.faint(&table.note)));
    }
    text.push_str(&lines(table));
    text
}

/// The rows under their headings, indented.
fn lines(table: &Table) -> String {
    let mut grid = Grid::new();
    grid.load_style(NOTHING);
    grid.set_header(
        table
            .columns
            .iter()
            .map(|column| column.heading())
            .collect::<Vec<_>>(),
    );
    for row in &table.rows {
        grid.add_row(row);
    }
    for (index, column) in table.columns.iter().enumerate() {
        if let Some(set) = grid.column_mut(index) {
            set.set_padding((2, 0));
            set.set_cell_alignment(match column {
                Column::Words(_) => CellAlignment::Left,
                Column::Numbers(_) => CellAlignment::Right,
            });
        }
    }
    let mut text = String::new();
    for line in grid.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
