//! The page's skeleton: head with its style sheet, a section per trace, a comparison where there are several.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use trapline_analyzer::summary::{PlotData, Summary};

use super::{figure, sections, words};
use crate::error::ReportError;
use crate::plots::Theme;
use crate::text::escape::escape;

const STYLE: &str = include_str!("style.css");

/// The whole page as one HTML document.
///
/// # Errors
/// [`ReportError::Draw`] when a picture cannot be drawn.
pub fn document(traces: &[(Summary, PlotData)]) -> Result<String, ReportError> {
    let mut parts: Vec<Markup> = Vec::with_capacity(traces.len());
    for (index, (summary, data)) in traces.iter().enumerate() {
        parts.push(sections::trace(index, summary, data)?);
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="trapline";
                // Nothing may be fetched and nothing may run, whatever a trace holds.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title(traces)) }
                style { (PreEscaped(style_sheet())) }
            }
            body {
                header { h1 { "trapline report" } @if traces.len() > 1 { (contents(traces)) } }
                main {
                    @if traces.len() > 1 { (sections::beside_each_other(traces)) }
                    @for part in &parts { (part) }
                    (words::how_to_read(traces.iter().any(|(summary, _)| summary.linux.is_some())))
                }
                footer { p class="note" { "Made by trapline " (env!("CARGO_PKG_VERSION")) ". This file needs no other." } }
            }
        }
    };
    Ok(page.into_string())
}

fn title(traces: &[(Summary, PlotData)]) -> String {
    let names: Vec<_> = traces
        .iter()
        .map(|(summary, _)| escape(&summary.name))
        .collect();
    format!("{} · trapline", names.join(", "))
}

fn contents(traces: &[(Summary, PlotData)]) -> Markup {
    html! {
        nav aria-label="traces" {
            ul { @for (index, (summary, _)) in traces.iter().enumerate() {
                li { a href={ "#trace-" (index + 1) } { (escape(&summary.name)) } }
            } }
        }
    }
}

/// The colours of both themes in front of the rules that use them. Print is light whatever the screen is.
fn style_sheet() -> String {
    let (light, dark) = (
        figure::variables(Theme::Light),
        figure::variables(Theme::Dark),
    );
    format!(
        ":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{STYLE}"
    )
}
