//! `trapline guests`: the programs that come with the mini-kernel.

use crate::cli::GuestsArgs;
use crate::exit::Exit;
use crate::images::GUEST_HELP;
use crate::terminal;

/// Prints how each guest is called and what it does.
pub(crate) fn run(_: GuestsArgs) -> anyhow::Result<Exit> {
    let width = GUEST_HELP
        .iter()
        .map(|(_, help)| usage(help).0.len())
        .max()
        .unwrap_or(0);
    let lines = GUEST_HELP.iter().map(|(_, help)| {
        let (usage, what) = usage(help);
        format!("{usage:width$}  {what}\n")
    });
    terminal::print(&lines.collect::<String>())?;
    Ok(Exit::Fine)
}

/// A guest's documentation begins `usage: what it does`.
fn usage(help: &str) -> (&str, &str) {
    help.split_once(": ").unwrap_or((help, ""))
}
