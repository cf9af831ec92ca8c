//! The options of `record` for programs on Linux. Key type: [`LinuxArgs`]. Neighbour: `commands/record/linux.rs`.

use clap::Args;
use trapline_calls::CallSet;
use trapline_tracer::linux::Chosen;

use super::record::Switch;
use crate::size::parse_size;

/// What is recorded of programs on Linux.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Linux")]
pub(crate) struct LinuxArgs {
    /// Attach to this running process with all its threads instead of starting a program, until it ends or Ctrl-C; repeat
    #[arg(short, long, value_name = "PID", conflicts_with = "program", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Vec<u32>,
    /// Record these system calls only, as strace says them: names, classes as %file or %network, /regex, !names for all
    /// others. A filter lets the other calls run at full speed; if you are not root, it takes from set-user-ID programs their
    /// privileges. With -p or --follow off there is no filter, and other calls are stopped, too
    #[arg(short = 'e', long = "calls", value_name = "SET", value_parser = parse_calls)]
    pub(crate) calls: Option<Chosen>,
    /// Whether new processes and threads are recorded, too [default: on]
    #[arg(long, value_enum, value_name = "ON")]
    pub(crate) follow: Option<Switch>,
    /// Most bytes that are kept of data and texts that programs and kernel give each other; paths are kept whole [default: 32]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=32768))]
    pub(crate) string_size: Option<u32>,
    /// Keep statistics of calls and no event for each, for long runs
    #[arg(long)]
    pub(crate) summary_only: bool,
    /// Whether the host is asked for each context switch; with off a stop costs a fifth less, and only the number of switches
    /// is known [default: on]
    #[arg(long, value_enum, value_name = "ON", conflicts_with = "page_faults")]
    pub(crate) switches: Option<Switch>,
    /// Record each page fault, too, not only how many there were
    #[arg(long)]
    pub(crate) page_faults: bool,
    /// Record no further calls when the trace has about this size on disk; the program goes on
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) limit_size: Option<u64>,
}

impl LinuxArgs {
    /// The first option that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let options = [
            ("-p", !self.pid.is_empty()),
            ("-e", self.calls.is_some()),
            ("--follow", self.follow.is_some()),
            ("--string-size", self.string_size.is_some()),
            ("--summary-only", self.summary_only),
            ("--switches", self.switches.is_some()),
            ("--page-faults", self.page_faults),
            ("--limit-size", self.limit_size.is_some()),
        ];
        let given = options.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(name, _)| name)
    }
}

fn parse_calls(text: &str) -> Result<Chosen, String> {
    CallSet::parse(text).map(|set| Chosen {
        text: text.to_owned(),
        set,
    })
}
