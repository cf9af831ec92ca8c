//! Runs hostile guests beside well-behaved ones, and holds what must hold whatever a guest tries: the others finish as if they
//! were alone, the timer ticks, the trace is complete, the witnesses agree, nothing of the machine is left on the host, and
//! no file of the host was seen or changed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Scratch, descendants, is_alive, number, row, stat, trapline, wait_until};

/// What the well-behaved guests do. Each says that it came to its end, or has a status.
const WELL_BEHAVED: [&str; 3] = ["spin 40", "hello still-here", "storm 300"];
/// Longer than any of these recordings may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// What is in the file on the host that no guest may see.
pub(crate) const CANARY: &str = "a secret of the host";

/// What a recording of hostile guests gave.
pub(crate) struct Contained {
    /// What the guests printed.
    pub(crate) stdout: String,
    /// `stat --json`
    pub(crate) stat: Value,
}

impl Contained {
    /// The signals that ended the threads with this program's name; those that ended otherwise are left out.
    pub(crate) fn killed(&self, name: &str) -> Vec<u64> {
        let threads = self.stat["threads"].as_array().expect("threads");
        let of_name = threads.iter().filter(|thread| thread["name"] == name);
        of_name
            .filter_map(|thread| thread["status"]["killed"]["signal"].as_u64())
            .collect()
    }

    /// The lines of one hostile guest's output, the others' left out.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let is_ours = |line: &&str| !line.starts_with("hello ");
        self.stdout.lines().filter(is_ours).collect()
    }

    /// Every attempt (`NAME: how it ended`) ended as expected, or in one of several ways (`exit 0 or signal 11`: CPUs and hosts
    /// differ), and there were as many.
    #[track_caller]
    pub(crate) fn assert_ended<'a>(&self, expected: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let (lines, expected) = (self.lines(), expected.into_iter().collect::<Vec<_>>());
        let is_as_expected = |line: &str, (name, ends): (&str, &str)| {
            let ended = line
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(": "));
            ended.is_some_and(|ended| ends.split(" or ").any(|end| end == ended))
        };
        let wrong: Vec<_> = lines
            .iter()
            .zip(&expected)
            .filter(|(line, expected)| !is_as_expected(line, **expected))
            .collect();
        assert!(wrong.is_empty(), "came, expected: {wrong:#?}");
        assert_eq!(lines.len(), expected.len(), "{}", self.stdout);
    }
}

/// How a recording ends.
#[derive(Clone, Copy)]
enum Ending {
    /// Every job comes to its end.
    Complete,
    /// The hostile ones would go on for ever.
    CutOff,
}

/// Runs the jobs beside the well-behaved guests, protected and traced, and asserts all that this file promises. `CANARY_PATH` in a
/// job stands for the path of a file on the host.
#[track_caller]
pub(crate) fn contain(jobs: &[&str]) -> Contained {
    record_beside(jobs, &[], Ending::Complete)
}

/// As [`contain`], for jobs that never end; after so much time the recorder ends them.
#[track_caller]
pub(crate) fn contain_for(jobs: &[&str], time: &str) -> Contained {
    record_beside(jobs, &["--limit", time], Ending::CutOff)
}

#[track_caller]
fn record_beside(jobs: &[&str], options: &[&str], ending: Ending) -> Contained {
    let scratch = Scratch::new();
    let (trace, canary, root) = (
        scratch.path("hostile.trap"),
        scratch.path("canary"),
        scratch.path("root"),
    );
    fs::write(&canary, CANARY).expect("the canary is written");
    fill_root(&root, &canary);
    let canary_path = canary.to_str().expect("a path that is text");
    let (out, err) = (scratch.path("stdout"), scratch.path("stderr"));
    let mut command = trapline();
    command.args([
        "record",
        "--kernel",
        "mini",
        "--protect",
        "on",
        "--tick",
        "1ms",
        "-o",
    ]);
    command.arg(&trace).arg("--root").arg(&root).args(options);
    for job in jobs.iter().chain(&WELL_BEHAVED) {
        command.args(["--job", &job.replace("CANARY_PATH", canary_path)]);
    }
    let mut recorder = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("a file"))
        .stderr(File::create(&err).expect("a file"))
        .spawn()
        .expect("record starts");

    let mut machine = BTreeSet::new();
    let start = Instant::now();
    while recorder.try_wait().expect("the recorder is ours").is_none() {
        machine.extend(descendants(recorder.id()));
        if start.elapsed() > PATIENCE {
            recorder.kill().expect("the recorder is ours");
            panic!("{jobs:?} held the machine up: {}", read(&err));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let (stdout, stderr) = (read(&out), read(&err));
    let said = format!("{jobs:?}: stdout: {stdout} | stderr: {stderr}");
    assert!(!machine.is_empty(), "a machine ran: {said}");
    wait_until("the host has nothing left of the machine", || {
        machine.iter().all(|pid| !is_alive(*pid))
    });
    assert_eq!(read(&canary), CANARY, "the host's file is what it was");
    assert!(
        !stdout.contains(CANARY),
        "a guest saw the host's file: {said}"
    );
    assert!(
        stdout.contains("hello still-here"),
        "hello came to its end: {said}"
    );
    let stat = stat(&trace);
    let outcome = match ending {
        Ending::Complete => "completed",
        Ending::CutOff => "interrupted",
    };
    assert_eq!(stat["meta"]["outcome"]["is"], outcome, "{said}");
    assert_eq!(
        stat["meta"]["witnesses"]["is"], "agree",
        "{} {said}",
        stat["meta"]["witnesses"]
    );
    for name in ["spin", "hello", "storm"] {
        let status = &row(&stat["threads"], "name", name)["status"];
        assert_eq!(status["code"], 0, "{name}: {status}: {said}");
    }
    let ticks = number(row(&stat["causes"], "cause", "timer"), "/kernel/count");
    assert!(ticks >= 10.0, "the timer ticked {ticks} times: {said}");
    assert_adds_up(&stat, &said);
    Contained { stdout, stat }
}

/// Every nanosecond of the wall time is in exactly one part.
fn assert_adds_up(stat: &Value, said: &str) {
    let parts = stat["partition"].as_array().expect("parts");
    let sum: i64 = parts.iter().filter_map(|part| part["ns"].as_i64()).sum();
    assert_eq!(Some(sum), stat["wall_ns"].as_i64(), "{parts:?} {said}");
}

/// Files for `--root`: one to be seen, and links that lead to the host's file, if anyone followed them there.
fn fill_root(root: &Path, canary: &Path) {
    fs::create_dir(root).expect("a folder");
    fs::write(root.join("inside"), "the machine's own").expect("a file");
    let up =
        PathBuf::from("../".repeat(20)).join(canary.strip_prefix("/").expect("an absolute path"));
    for (name, target) in [
        ("out", canary),
        ("up", &up),
        ("round", Path::new("round")),
        ("root", Path::new("/")),
    ] {
        symlink(target, root.join(name)).expect("a link");
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// A job: a guest and its arguments.
pub(crate) fn job<'a>(guest: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    arguments
        .into_iter()
        .fold(guest.to_owned(), |job, argument| job + " " + argument)
}
