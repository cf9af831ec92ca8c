//! Writes a report of made-up data, to look at: `cargo run -p trapline-reports --example sample_report -- DIR`.

use std::error::Error;
use std::path::PathBuf;

use trapline_reports::text::{self, Style};
use trapline_reports::write_report;

#[path = "../tests/support/mod.rs"]
mod support;

fn main() -> Result<(), Box<dyn Error>> {
    let dir: PathBuf = std::env::args_os()
        .nth(1)
        .unwrap_or_else(|| "sample-report".into())
        .into();
    let (summary, data) = support::sample();
    print!("{}", text::summary(&summary, Style::Plain));
    let mut second = (summary.clone(), data.clone());
    second.0.name = "five-jobs-again.trap".to_owned();
    let traces = if std::env::args().any(|arg| arg == "--two") {
        vec![(summary, data), second]
    } else {
        vec![(summary, data)]
    };
    let paths = write_report(&dir, &traces)?;
    println!("\n{}", paths.page.display());
    Ok(())
}
