//! Promises about terminals: a program under the recorder has its terminal, its job control and its standard input to itself.
//!
//! The terminal is made by `script`, which needs no terminal of its own.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use trapline_trace_format::folder::Trace;

use linux::{Started, Traced, recorder, state};
use support::{Scratch, skip, wait_until};

const CTRL_C: &str = "\u{3}";
const CTRL_Z: &str = "\u{1a}";

/// A recording that has a terminal, and whoever types there.
struct Terminal {
    started: Started,
    keys: ChildStdin,
}

impl Terminal {
    /// Records a command line.
    fn record(line: &[&str]) -> Option<Self> {
        let line: Vec<_> = line.iter().map(Into::into).collect();
        // The shell in between is not to hear the terminal.
        Self::start(&format!("exec {}", recorder_of(&line)))
    }

    /// Has a shell that records a command line.
    fn record_in_shell(line: &[&str], then: &str) -> Option<Self> {
        let line: Vec<_> = line.iter().map(Into::into).collect();
        let mut terminal = Self::start("bash --norc --noprofile -i")?;
        terminal.wait_for("ready> ");
        terminal.press(&format!("{}; {then}\n", recorder_of(&line)));
        Some(terminal)
    }

    /// Runs a command in a terminal. None, with a word, where there is no `script`.
    fn start(command_line: &str) -> Option<Self> {
        let is_there = Command::new("script").arg("--version").output();
        if is_there.is_err() {
            skip("script is not installed (Debian: bsdutils)");
            return None;
        }
        let scratch = Scratch::new();
        let mut command = Command::new("script");
        command
            .args(["-qefc", command_line, "/dev/null"])
            .current_dir(scratch.path(""))
            .env("SHELL", "/bin/sh")
            .env("PS1", "ready> ")
            .env_remove("HISTFILE");
        let (started, keys) = Started::with_keys(command, scratch);
        Some(Self { started, keys })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("typed");
    }

    fn wait_for(&self, text: &str) {
        self.started.wait_for_output(text);
    }

    /// Waits until a program with this name is in one of these states.
    fn wait_for_process(&self, name: &str, states: &[char]) {
        let is_it = |(process, _): &(u32, char)| {
            let comm = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            comm.trim() == name && state(*process).is_some_and(|state| states.contains(&state))
        };
        wait_until(name, || self.started.left.processes().iter().any(is_it));
    }

    fn end(self) -> Traced {
        drop(self.keys);
        let traced = Traced::ended(self.started, "a.trap");
        traced.assert_nothing_left();
        traced
    }
}

/// The command line that records another one, as a shell reads it.
fn recorder_of(line: &[OsString]) -> String {
    let words = recorder(Path::new("a.trap"), &[], line);
    shell_words::join(words.iter().map(|word| word.to_str().expect("text")))
}

#[test]
fn an_interactive_shell_has_job_control() {
    let line = ["bash", "--norc", "--noprofile", "-i"];
    let Some(mut terminal) = Terminal::record(&line) else {
        return;
    };
    terminal.wait_for("ready> ");
    terminal.press("test -t 0 && test -t 1 && tty -s && echo a-terminal-$((20 + 1))\n");
    terminal.wait_for("a-terminal-21");
    terminal.press("sleep 61\n");
    terminal.wait_for_process("sleep", &['S']);
    terminal.press(CTRL_Z);
    terminal.wait_for("Stopped");
    terminal.press("echo status-$?; fg\n");
    terminal.wait_for("status-148");
    terminal.wait_for_process("sleep", &['S']);
    terminal.press(CTRL_C);
    terminal.press("echo status-$?; exit 7\n");
    terminal.wait_for("status-130");
    let traced = terminal.end();
    assert_eq!(traced.run.status, 7, "{}", traced.run);
    assert_eq!(
        Trace::open(&traced.path).expect("a trace").completeness(),
        None
    );
    assert_eq!(traced.signals(20, "stop"), 1);
    assert_eq!(traced.killed(), [2]);
}

#[test]
fn ctrl_c_is_the_programs_to_handle() {
    let script = "trap 'echo caught; exit 9' INT; echo waiting; while :; do sleep 1; done";
    let Some(mut terminal) = Terminal::record(&["sh", "-c", script]) else {
        return;
    };
    terminal.wait_for("waiting");
    terminal.press(CTRL_C);
    let traced = terminal.end();
    assert_eq!(traced.run.status, 9, "{}", traced.run);
    assert!(traced.run.stdout.contains("caught"), "{}", traced.run);
    assert_eq!(
        Trace::open(&traced.path).expect("a trace").completeness(),
        None
    );
}

#[test]
fn ctrl_c_ends_a_program_that_does_not_handle_it() {
    let Some(mut terminal) = Terminal::record(&["sleep", "62"]) else {
        return;
    };
    terminal.wait_for_process("sleep", &['S']);
    terminal.press(CTRL_C);
    let traced = terminal.end();
    assert_eq!(traced.run.status, 130, "{}", traced.run);
    assert_eq!(traced.killed(), [2]);
}

#[test]
fn ctrl_z_stops_and_fg_goes_on_with_recorder_and_program() {
    let Some(mut terminal) = Terminal::record_in_shell(&["sleep", "1"], "echo slept-$((20 + 1))")
    else {
        return;
    };
    terminal.wait_for_process("sleep", &['S']);
    terminal.press(CTRL_Z);
    terminal.wait_for("Stopped");
    terminal.press("fg\n");
    terminal.wait_for("slept-21");
    terminal.press("exit 4\n");
    let traced = terminal.end();
    assert_eq!(traced.run.status, 4, "{}", traced.run);
    assert_eq!(
        Trace::open(&traced.path).expect("a trace").completeness(),
        None
    );
    assert_eq!(traced.ends().len(), 1);
}

#[test]
fn standard_input_and_output_are_the_programs_own() {
    let scratch = Scratch::new();
    let trace = scratch.path("a.trap");
    let line = [
        "sh",
        "-c",
        "read first; echo \"$first\" is first; cat; echo error >&2",
    ]
    .map(Into::into);
    let words = recorder(&trace, &[], &line);
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("record starts");
    let mut keys = child.stdin.take().expect("a pipe");
    keys.write_all(b"one\ntwo\nthree\n").expect("written");
    drop(keys);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "one is first\ntwo\nthree\n"
    );
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error\n"));
}
