//! Programs under strace and under trapline, one after the other in the same surroundings, and what each says of them.
//!
//! Addresses are not random in either (`setarch -R`), the environment is the same and small.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use trapline_trace_format::event::{Cause, EventKind};
use trapline_trace_format::folder::Trace;

use crate::support::{Scratch, not_here, skip, stdout, text};

/// The strace whose texts are copied.
const TEXTS_OF: &str = "6.1";

/// A program seen by both.
pub(crate) struct Both {
    /// strace's lines.
    pub(crate) strace: Vec<String>,
    /// The trace.
    trace: PathBuf,
    /// Where they ran.
    scratch: PathBuf,
    program: Vec<String>,
}

/// Runs a program under both in a new folder, which `prepare` fills each time. None where the tools are missing.
pub(crate) fn both(
    scratch: &Scratch,
    program: &[&str],
    options: Options,
    prepare: &dyn Fn(&Path),
) -> Option<Both> {
    for tool in ["strace", "setarch", program[0]] {
        if !is_there(tool) {
            skip(&format!("{tool} is missing"));
            return None;
        }
    }
    let trace = scratch.path("calls.trap");
    let scratch = scratch.path("");
    let strace = with_strace(&scratch, program, options.words(), prepare);
    let record = [env!("CARGO_BIN_EXE_trapline"), "record", "-o"];
    let record = record.map(Path::new).into_iter();
    let record: Vec<&Path> = record.chain([trace.as_path(), "--".as_ref()]).collect();
    run(&scratch, &record, program, prepare);
    let program = program.iter().map(ToString::to_string).collect();
    Some(Both {
        strace,
        trace,
        scratch,
        program,
    })
}

/// Runs a program under strace with these options; its lines.
fn with_strace(
    scratch: &Path,
    program: &[&str],
    options: &[&str],
    prepare: &dyn Fn(&Path),
) -> Vec<String> {
    let log = scratch.join("strace.txt");
    let mut strace: Vec<&Path> = vec!["strace".as_ref()];
    strace.extend(options.iter().map(Path::new));
    strace.extend(["-o".as_ref(), log.as_path()]);
    run(scratch, &strace, program, prepare);
    let lines = fs::read_to_string(log).expect("strace writes text");
    lines.lines().map(str::to_owned).collect()
}

/// Runs a program under a tracer in a new folder.
fn run(scratch: &Path, tracer: &[&Path], program: &[&str], prepare: &dyn Fn(&Path)) {
    let folder = scratch.join("run");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder");
    prepare(&folder);
    let ran = Command::new("setarch")
        .arg("-R")
        .args(tracer)
        .args(program)
        .current_dir(&folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("setarch runs");
    assert!(ran.status.success(), "{program:?}: {}", text(&ran));
}

/// Whom strace follows.
#[derive(Clone, Copy)]
pub(crate) enum Options {
    /// New processes and threads, too.
    Follow,
    /// The program alone.
    Alone,
}

impl Options {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Follow => &["-f"],
            Self::Alone => &[],
        }
    }
}

impl Both {
    /// `export --format strace` of the trace.
    pub(crate) fn exported(&self, options: &[&str]) -> Vec<String> {
        let output = crate::support::trapline()
            .args(["export", "--format", "strace"])
            .args(options)
            .arg(&self.trace)
            .output()
            .expect("export runs");
        assert!(output.status.success(), "{}", text(&output));
        stdout(&output).lines().map(str::to_owned).collect()
    }

    /// The names of the calls that strace and `export` print of this set.
    pub(crate) fn chosen(&self, set: &str) -> [BTreeSet<String>; 2] {
        let program: Vec<&str> = self.program.iter().map(String::as_str).collect();
        let chosen = format!("trace={set}");
        let theirs = with_strace(&self.scratch, &program, &["-f", "-e", &chosen], &|_| {});
        [theirs, self.exported(&["-e", set])].map(|lines| {
            let names = lines.iter().filter_map(|line| call_name(line));
            // strace prints numbers that have no name whatever the set is.
            let names = names.filter(|name| !name.starts_with("syscall_"));
            names.map(str::to_owned).collect()
        })
    }

    /// How often each call was made, as strace has it in its lines and as the trace has it.
    pub(crate) fn counts(&self) -> [BTreeMap<String, usize>; 2] {
        let (mut theirs, mut ours) = (BTreeMap::new(), BTreeMap::new());
        for line in &self.strace {
            if let Some(name) = call_name(line) {
                *theirs.entry(name.to_owned()).or_default() += 1;
            }
        }
        let trace = Trace::open(&self.trace).expect("a trace");
        for event in trace.events().expect("a log") {
            if let EventKind::Trap(trap) = event.expect("a whole log").kind
                && trap.cause == Cause::Syscall
            {
                let name = trapline_calls::name(trap.abi, trap.number).expect("a name");
                *ours.entry(name.to_owned()).or_default() += 1;
            }
        }
        [theirs, ours]
    }
}

/// Whether the texts of this strace are those that are copied.
pub(crate) fn is_known_strace() -> bool {
    let Ok(version) = Command::new("strace").arg("--version").output() else {
        skip("strace is missing");
        return false;
    };
    let first = stdout(&version)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let known = first.ends_with(&format!("version {TEXTS_OF}"));
    if !known {
        not_here(&format!(
            "texts are those of strace {TEXTS_OF}, not of `{first}`"
        ));
    }
    known
}

/// Whether there is a program of this name.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.contains('/')
        || std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The lines of each thread, in the order in which they first appear. What was cut is whole again; what differs from run to run
/// is masked.
pub(crate) fn by_thread(lines: &[String]) -> Vec<Vec<String>> {
    let mut order: Vec<&str> = Vec::new();
    let mut threads: HashMap<&str, Vec<String>> = HashMap::new();
    let mut cut: HashMap<&str, String> = HashMap::new();
    for line in lines {
        let (pid, text) = without_pid(line);
        if !order.contains(&pid) {
            order.push(pid);
        }
        let whole = if let Some(beginning) = text.strip_suffix(" <unfinished ...>") {
            cut.insert(pid, beginning.to_owned());
            continue;
        } else if let Some((_, rest)) = text.split_once(" resumed>")
            && text.starts_with("<... ")
        {
            cut.remove(pid).unwrap_or_default() + rest
        } else {
            text.to_owned()
        };
        threads.entry(pid).or_default().push(whole);
    }
    let mask = |line: &String| masked(line, &order);
    let of = |pid: &&str| {
        threads
            .get(pid)
            .into_iter()
            .flatten()
            .filter_map(mask)
            .collect()
    };
    order.iter().map(of).collect()
}

/// A line without what differs from run to run. None for one that is not in every run.
fn masked(line: &str, pids: &[&str]) -> Option<String> {
    let mut line = line.to_owned();
    if let Some((call, result)) = line.rsplit_once(" = ") {
        let result = if call.starts_with("getppid(") {
            "PARENT"
        } else {
            result
        };
        line = format!("{} = {result}", call.trim_end());
    }
    // Whether a thread has ended before someone waits for that is a matter of luck.
    if line.starts_with("futex(") && line.contains(", NULL, FUTEX_BITSET_MATCH_ANY") {
        return None;
    }
    for (before, after) in [
        // Where the caller keeps the environment; the first one's caller is the tracer.
        ("], 0x", " /*"),
        ("getrandom(", ", "),
        // The mask is in the frame of the signal, which a trace does not have.
        ("rt_sigreturn(", ")"),
        ("ru_utime={", "}"),
        ("ru_stime={", "}"),
    ] {
        if let Some(start) = line.find(before) {
            let start = start + before.len();
            if let Some(length) = line[start..].find(after) {
                line.replace_range(start..start + length, "MASKED");
            }
        }
    }
    Some(with_places(&line, pids))
}

/// Thread numbers become their places in the list.
fn with_places(line: &str, pids: &[&str]) -> String {
    let mut text = String::new();
    let mut word = String::new();
    for letter in line.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        match pids.iter().position(|pid| *pid == word) {
            Some(place) => text += &format!("THREAD{place}"),
            None => text += &word,
        }
        word.clear();
        text.push(letter);
    }
    text.trim_end().to_owned()
}

/// The call that begins on a line with a column of numbers.
fn call_name(line: &str) -> Option<&str> {
    let (name, _) = without_pid(line).1.split_once('(')?;
    (!name.starts_with(['<', '+', '-'])).then_some(name)
}

/// The column of numbers and the rest, of a line that has one.
fn without_pid(line: &str) -> (&str, &str) {
    let (pid, rest) = line.split_once(' ').unwrap_or((line, ""));
    (pid, rest.trim_start())
}
