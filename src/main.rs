//! The `trapline` command: reads the command line, runs one command, turns what went wrong into one line and a status.
//!
//! Neighbours: `cli.rs` is all of the command line, `commands/` has a file per subcommand, `exit.rs` the statuses,
//! `terminal.rs` what may be written where.

mod cli;
mod commands;
mod duration;
mod exit;
mod from_text;
mod images;
mod machine_options;
mod output;
mod run_machine;
mod scenario;
mod size;
mod terminal;

use std::panic;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    terminal::report_panics_in_one_line();
    let cli = Cli::parse();
    // A panic unwinds to here, so that the recorder's cleanup has run before the status is given.
    match panic::catch_unwind(|| commands::run(cli.command)) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) if terminal::is_broken_pipe(&error) => Exit::Fine.into(),
        Ok(Err(error)) => {
            terminal::print_error(&error);
            Exit::Error.into()
        }
        Err(_) => Exit::Error.into(),
    }
}
