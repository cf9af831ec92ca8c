//! `trapline man`: manual pages made from the command line's own help.

use std::fs;

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{Cli, ManArgs};
use crate::exit::Exit;
use crate::terminal;

/// Prints the page of the whole command, or writes a page for it and for each subcommand.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let Some(dir) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        terminal::print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Fine);
    };
    let cannot = || {
        format!(
            "cannot write manual pages to {}: choose a directory that you may write to",
            dir.display()
        )
    };
    fs::create_dir_all(dir).with_context(cannot)?;
    clap_mangen::generate_to(Cli::command(), dir).with_context(cannot)?;
    Ok(Exit::Fine)
}
