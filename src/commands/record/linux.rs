//! Recording programs on Linux. The program has the terminal to itself; what there is to say comes when it has ended.

use std::path::{Path, PathBuf};

use trapline_reports::text::escape::escape;
use trapline_reports::units::{count, duration, things};
use trapline_trace_format::meta::Detail;
use trapline_tracer::linux::{
    Follow, HostWishes, Limits, LinuxOptions, LinuxRecorded, Subject, record,
};

use crate::cli::{RecordArgs, Switch};
use crate::exit::Exit;
use crate::machine_options::duration as time;
use crate::run_machine::unused;
use crate::terminal;

/// As strace's `-s`.
const STRING_SIZE: u32 = 32;

/// Runs the command. Its status is the traced program's own.
pub(super) fn run(args: RecordArgs) -> anyhow::Result<Exit> {
    let options = options(args);
    let recorded = record(&options)?;
    for note in &recorded.notes {
        terminal::warn(note);
    }
    for loss in &recorded.meta.lost {
        terminal::warn(&format!("not in the trace: {}", loss.reason));
    }
    terminal::note(&summary(&recorded));
    Ok(Exit::Program(recorded.status))
}

fn options(args: RecordArgs) -> LinuxOptions {
    let linux = args.linux;
    let subject = if linux.pid.is_empty() {
        Subject::Program(args.program)
    } else {
        Subject::Processes(linux.pid)
    };
    LinuxOptions {
        follow: match linux.follow {
            Some(Switch::Off) => Follow::None,
            Some(Switch::On) | None => Follow::All,
        },
        calls: linux.calls,
        string_bytes: linux.string_size.unwrap_or(STRING_SIZE) as usize,
        detail: if linux.summary_only {
            Detail::Summary
        } else {
            Detail::Events
        },
        host: match (linux.switches, linux.page_faults) {
            (_, true) => HostWishes::SwitchesAndPageFaults,
            (Some(Switch::Off), false) => HostWishes::Nothing,
            (Some(Switch::On) | None, false) => HostWishes::Switches,
        },
        limits: Limits {
            bytes: linux.limit_size,
            time: args.limit.map(time),
        },
        output: args
            .output
            .unwrap_or_else(|| unused(&default_output(&subject))),
        subject,
        command: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Named after the program, or the first process.
fn default_output(subject: &Subject) -> PathBuf {
    let mut name = match subject {
        Subject::Program(command) => {
            let name = command.first().map(Path::new).and_then(Path::file_name);
            name.unwrap_or_default().to_owned()
        }
        Subject::Processes(pids) => format!("pid-{}", pids.first().unwrap_or(&0)).into(),
    };
    name.push(".trap");
    name.into()
}

fn summary(recorded: &LinuxRecorded) -> String {
    let counts = recorded.counts;
    format!(
        "trace {}: {} by {} ({}) in {}",
        escape(&recorded.path.display().to_string()),
        things(counts.calls, "system call", "system calls"),
        things(counts.processes, "process", "processes"),
        format_args!(
            "{} {}",
            count(counts.threads),
            if counts.threads == 1 {
                "thread"
            } else {
                "threads"
            }
        ),
        duration(recorded.meta.wall_ns),
    )
}
