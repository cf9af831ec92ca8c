//! What to record of which programs.
//!
//! Key type: [`LinuxOptions`]. Neighbours: `src/cli/record.rs` has the flags that say it, `mod.rs` carries it out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use trapline_calls::CallSet;
use trapline_trace_format::meta::Detail;

/// What to record, and where to.
#[derive(Clone, Debug)]
pub struct LinuxOptions {
    /// Whom to trace.
    pub subject: Subject,
    /// Whether new threads and processes are traced, too.
    pub follow: Follow,
    /// Which system calls.
    pub calls: Option<Chosen>,
    /// Most bytes that are kept of data and of texts that are no paths.
    pub string_bytes: usize,
    /// What is kept of each event.
    pub detail: Detail,
    /// What is asked of the host besides.
    pub host: HostWishes,
    /// Where recording ends before the program does.
    pub limits: Limits,
    /// The trace folder to make.
    pub output: PathBuf,
    /// The command line, for meta.json.
    pub command: Vec<String>,
    /// Version of the tool, for meta.json.
    pub tool_version: String,
}

/// What is asked of the host besides stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostWishes {
    /// Nothing: stops are cheapest then, and only the number of context switches is known.
    Nothing,
    /// Each context switch with its time.
    Switches,
    /// These, and each page fault.
    SwitchesAndPageFaults,
}

/// Whom to trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A program to start, with its arguments. A name without a slash is looked for in PATH.
    Program(Vec<OsString>),
    /// Running processes, with all their threads.
    Processes(Vec<u32>),
}

/// Whether new threads and processes are traced, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// All that come of those that are traced.
    All,
    /// None.
    None,
}

/// System calls that were chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// As the user said it.
    pub text: String,
    /// What that means.
    pub set: CallSet,
}

/// When to stop writing calls down. The program is let run on, and its end is still recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the log on disk.
    pub bytes: Option<u64>,
    /// Time since the start of the trace.
    pub time: Option<Duration>,
}
