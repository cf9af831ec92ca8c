//! One file per subcommand. Each has `run`, which gets the command's options and says how it ended.

mod compare;
mod completions;
mod demo;
mod doctor;
mod export;
mod guests;
mod load;
mod man;
mod measure;
mod record;
mod replay;
mod report;
mod stat;
mod timeline;

use crate::cli::Command;
use crate::exit::Exit;

/// Runs the command.
pub(crate) fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Record(args) => record::run(*args),
        Command::Replay(args) => replay::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Timeline(args) => timeline::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Guests(args) => guests::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Measure(args) => measure::run(args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
