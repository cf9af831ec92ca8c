//! A picture inside the page: drawn twice, for wide and narrow screens, its colours named so that the theme sets them.

use maud::{Markup, PreEscaped, html};
use trapline_analyzer::summary::{PlotData, Summary};

use crate::error::ReportError;
use crate::plots::{Picture, Plot, Theme, Width};

/// The picture in its two widths, of which the style sheet shows one, under its title.
pub(super) fn figure(
    plot: Plot,
    summary: &Summary,
    data: &PlotData,
) -> Result<Markup, ReportError> {
    let wide = plot.draw(summary, data, Width::Wide);
    let title = wide.title;
    let (wide, narrow) = (
        inline(wide)?,
        inline(plot.draw(summary, data, Width::Narrow))?,
    );
    Ok(html! {
        figure {
            figcaption { (title) }
            div class="wide" { (wide) }
            div class="narrow" { (narrow) }
        }
    })
}

/// The picture as an `svg` element whose colours are the page's variables.
fn inline(picture: Picture) -> Result<Markup, ReportError> {
    let picture = picture.without_heading();
    let mut svg = picture.svg(Theme::Light)?;
    // Attribute values only: in text the writer escapes quotation marks, so no name from a trace can look like one.
    for (name, colour) in Theme::Light.named() {
        svg = svg.replace(&format!("\"{colour}\""), &format!("\"var(--{name})\""));
    }
    // What is the default needs no bytes; a timeline has thousands of rectangles.
    svg = svg
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "");
    let label = format!("<svg role=\"img\" aria-label=\"{}\" ", picture.title);
    Ok(PreEscaped(svg.replacen("<svg ", &label, 1)))
}

/// The style sheet's variables of a theme.
pub(super) fn variables(theme: Theme) -> String {
    theme
        .named()
        .map(|(name, colour)| format!("--{name}:{colour};"))
        .collect()
}
