//! Runs of a program on Linux and on the mini-kernel, and how they differ.
//!
//! Key type: [`Run`]. Neighbour: `program.rs` says what runs. Both runs start in a folder with the same files, so that a
//! program finds the same relative names.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;

use super::program::Program;
use crate::support::{Scratch, stat, stderr, trapline};

/// Longest that a program may take on either kernel.
const LIMIT: Duration = Duration::from_secs(60);
/// Calls of these programs that the mini-kernel answers with ENOSYS, and why that is right.
const UNKNOWN: &[&str] = &[
    // Restartable sequences: glibc asks once per thread and does without.
    "rseq",
];

/// Whoever started the tests may ignore some signals (`nohup` does), and programs inherit that. A signal that is handled here
/// is at its default in a program that is started. What is handled has the default effect here, too.
fn default_signals() -> Vec<SigId> {
    let always = Arc::new(AtomicBool::new(true));
    [SIGHUP, SIGINT, SIGQUIT, SIGTERM]
        .into_iter()
        .map(|signal| {
            register_conditional_default(signal, Arc::clone(&always)).expect("a signal handler")
        })
        .collect()
}

impl Program {
    /// Runs it on Linux.
    pub(crate) fn run_on_linux(&self) -> Result<Run, String> {
        let scratch = Scratch::new();
        let root = scratch.path("root");
        let line = self.install(&root)?;
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let _defaults = default_signals();
        let mut command = Command::new(root.join(&line[0][1..]));
        command
            .arg0(&line[0])
            .args(&line[1..])
            .current_dir(&root)
            .env_clear()
            .process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().expect("a writer"))
            .stderr(writer);
        let mut child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", self.title()))?;
        drop(command);
        // Read apart, so that a program that never ends fails its test and not all of them.
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = reader.read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        });
        let Ok(output) = output.recv_timeout(LIMIT) else {
            let _ = child.kill();
            return Err(format!(
                "{}: does not end on Linux within {LIMIT:?}",
                self.title()
            ));
        };
        let status = child.wait().expect("the program ended");
        let status = status
            .code()
            .unwrap_or(128 + status.signal().unwrap_or_default());
        Ok(Run {
            status,
            output: String::from_utf8_lossy(&output).into_owned(),
        })
    }

    /// Records it on the mini-kernel. What is wrong with the recording itself is an error.
    fn run_on_mini(&self) -> Result<Run, String> {
        let scratch = Scratch::new();
        let root = scratch.path("root");
        let line = self.install(&root)?;
        let trace = scratch.path("program.trap");
        let mut command = trapline();
        command
            .args([
                "record",
                "--limit",
                &format!("{}s", LIMIT.as_secs()),
                "--root",
            ])
            .arg(&root)
            .arg("-o")
            .arg(&trace);
        let output = command
            .arg("--")
            .args(&line)
            .stdin(Stdio::null())
            .output()
            .expect("record runs");
        if !trace.join("meta.json").exists() {
            return Err(format!("{}: no trace: {}", self.title(), stderr(&output)));
        }
        let run = Run::of_recorder(&output);
        let faults = recording_faults(&trace);
        if faults.is_empty() {
            Ok(run)
        } else {
            Err(format!(
                "{}: {faults}\n{run}{}",
                self.title(),
                stderr(&output)
            ))
        }
    }

    /// Runs it on both kernels. Gives what differs.
    pub(super) fn compare(&self) -> Result<(), String> {
        let linux = self.run_on_linux()?;
        let mini = self.run_on_mini()?;
        if linux == mini {
            return Ok(());
        }
        Err(format!(
            "{}: the kernels differ.\non Linux: {linux}on the mini-kernel: {mini}{}",
            self.title(),
            linux.first_difference(&mini)
        ))
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// As a shell shows it.
    status: i32,
    /// Standard output and error in the order in which they were written.
    output: String,
}

impl Run {
    fn of_recorder(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    fn first_difference(&self, other: &Self) -> String {
        let mut lines = self.output.lines().zip(other.output.lines()).enumerate();
        match lines.find(|(_, (left, right))| left != right) {
            Some((index, (left, right))) => format!(
                "first difference, line {}:\n  linux: {left}\n  mini:  {right}\n",
                index + 1
            ),
            None => String::from("one is a part of the other\n"),
        }
    }
}

impl std::fmt::Display for Run {
    /// At most the first 6000 bytes of output.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "status {}", self.status)?;
        let shown: String = self.output.chars().take(6000).collect();
        shown
            .lines()
            .try_for_each(|line| writeln!(formatter, "    {line}"))
    }
}

/// What must hold of every recording, and does not: witnesses, partition, unknown calls. Empty when all is well.
fn recording_faults(trace: &Path) -> String {
    let stat = stat(trace);
    let mut faults = Vec::new();
    if stat["meta"]["witnesses"]["is"] != "agree" {
        faults.push(format!("witnesses: {}", stat["meta"]["witnesses"]));
    }
    if stat["meta"]["outcome"]["is"] != "completed" {
        faults.push(format!("outcome: {}", stat["meta"]["outcome"]));
    }
    let parts = stat["partition"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|part| part["ns"].as_i64());
    let (sum, smallest) = parts.fold((0, 0), |(sum, least), ns| (sum + ns, ns.min(least)));
    if Some(sum) != stat["wall_ns"].as_i64() || smallest < 0 {
        faults.push(format!(
            "the partition does not add up: {sum} of {} ns, least part {smallest}",
            stat["wall_ns"]
        ));
    }
    let calls = stat["syscalls"].as_array().into_iter().flatten();
    for call in calls.filter(|call| call["unknown"].as_u64() != Some(0)) {
        let name = call["name"].as_str().unwrap_or("?");
        if !UNKNOWN.contains(&name) {
            faults.push(format!("unknown call {name}, {} times", call["unknown"]));
        }
    }
    faults.join("; ")
}
