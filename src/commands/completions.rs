//! `trapline completions`: a script that completes the command line in a shell.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::terminal;

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    // Through a buffer: the generator panics where writing fails, as into a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "trapline", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
