//! What goes to the terminal and how: results to stdout, progress, warnings and errors to stderr.
//!
//! Colour and progress only for a terminal, and never colour when `NO_COLOR` is set. Everything that may hold bytes of
//! a trace or of a path is escaped before it is written.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use std::{env, panic};

use indicatif::{ProgressBar, ProgressStyle};
use trapline_reports::text::Style;
use trapline_reports::text::escape::escape;

/// Whether results may be coloured.
pub(crate) fn style() -> Style {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    if refused || dumb || !io::stdout().is_terminal() {
        Style::Plain
    } else {
        Style::Coloured
    }
}

/// Writes a result. An error is most often a reader that went away; `main` ends quietly on that.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// One line about something that the reader of the results should know.
pub(crate) fn warn(what: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "trapline: warning: {}", escape(what));
}

/// What a command that prints results of its own on stdout says besides, already safe to print.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// What went wrong: what, where, what to do, in one line.
pub(crate) fn print_error(error: &anyhow::Error) {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let _ = writeln!(
        io::stderr(),
        "trapline: {}",
        escape(&without_repeats(&chain).join(": "))
    );
}

/// Many errors name their source in their own message; a line that says it twice helps nobody.
fn without_repeats(chain: &[String]) -> Vec<&str> {
    let mut said: Vec<&str> = Vec::new();
    for message in chain {
        if !said
            .iter()
            .any(|earlier| earlier.contains(message.as_str()))
        {
            said.push(message);
        }
    }
    said
}

/// Whether the error is a reader of our output that went away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}

/// A defect of trapline shows as one line that can be reported, not as a backtrace.
pub(crate) fn report_panics_in_one_line() {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let message = text
            .or(payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(
            io::stderr(),
            "trapline: internal error: {} ({place}, version {version}): please report this line and your command",
            escape(message)
        );
    }));
}

/// A spinner on stderr for work that may take a while. Shows nothing when stderr is not a terminal.
pub(crate) fn spinner(what: String) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(escape(&what).into_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar on stderr for work of which it is known how much there is. Shows nothing when stderr is not a terminal.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    let template = "{spinner} {msg} [{bar:30}] {human_pos}/{human_len} events ({elapsed})";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_nothing_twice() {
        let chain = [
            "cannot read x: no such file".to_owned(),
            "no such file".to_owned(),
        ];
        assert_eq!(without_repeats(&chain), ["cannot read x: no such file"]);
    }

    #[test]
    fn a_closed_pipe_is_known_however_deep() {
        let error =
            anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_broken_pipe(&error));
        assert!(!is_broken_pipe(&anyhow::anyhow!("other")));
    }
}
