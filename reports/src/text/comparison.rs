//! Two traces beside each other in text, and the verdict of `--fail-over`.

use std::fmt::Write;

use trapline_analyzer::summary::Comparison;

use super::{Style, table};
use crate::tables;
use crate::text::escape::escape;

/// The whole comparison, each line ended: caveats, metrics, verdict.
#[must_use]
pub fn comparison(comparison: &Comparison, style: Style) -> String {
    let names = format!("{} → {}", escape(&comparison.base), escape(&comparison.new));
    let mut text = format!("{}\n", style.heading(&names));
    for caveat in &comparison.caveats {
        let _ = writeln!(text, "  {} {}", style.bad("careful:"), escape(caveat));
    }
    if comparison.rows.is_empty() {
        text.push_str("\nThe traces have no metric in common.\n");
    }
    text.push_str(&table::section(&tables::comparison(comparison), style));
    text.push_str(&verdict(comparison, style));
    text
}

fn verdict(comparison: &Comparison, style: Style) -> String {
    let Some(limit) = comparison.fail_over_percent else {
        return String::new();
    };
    if comparison.exceeded.is_empty() {
        return format!(
            "\n{} no metric is worse by more than {limit} %\n",
            style.good("within the limit:")
        );
    }
    let names: Vec<_> = comparison
        .exceeded
        .iter()
        .map(|name| escape(name))
        .collect();
    format!(
        "\n{} worse by more than {limit} %: {}\n",
        style.bad("regression:"),
        names.join(", ")
    )
}
