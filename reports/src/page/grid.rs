//! A table of cells in the page. It scrolls in its own box where it is wider than the screen.

use maud::{Markup, html};

use crate::tables::{Column, Table};

/// Note and table; a line that says so for a table without rows.
pub(super) fn grid(table: &Table, when_empty: &str) -> Markup {
    if table.rows.is_empty() {
        return html! { p class="note" { (when_empty) } };
    }
    html! {
        p class="note" { (table.note) }
        div class="scroll" tabindex="0" role="region" aria-label=(table.title) {
            table {
                thead { tr { @for column in &table.columns { th scope="col" class=(class(*column)) { (column.heading()) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (index, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
                                @if index == 0 { th scope="row" class=(class(*column)) { (cell) } }
                                @else { td class=(class(*column)) { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn class(column: Column) -> &'static str {
    match column {
        Column::Words(_) => "words",
        Column::Numbers(_) => "number",
    }
}
