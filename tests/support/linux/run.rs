//! Runs programs to their end, or starts them, and finds what they left behind.
//!
//! Key types: [`Run`], [`Started`]. Everything that is run has a mark in its environment, which children inherit whatever becomes
//! of them: so a daemon is found, too.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::programs::{Program, Tool, available};
use crate::support::{Scratch, wait_until};

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_secs(60);
const MARK: &str = "TRAPLINE_TEST";

/// As whom a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// As whoever runs the tests.
    Same,
    /// As an ordinary user; the tests must be root's for that.
    Nobody,
}

impl User {
    /// Whether one can run as this user here; else it is the same as the first, which another test tests.
    pub(crate) fn is_there(self) -> bool {
        self == Self::Same || fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
    }

    /// A command line that is run as this user, with the programs in it that are files.
    fn command(self, line: &[OsString], folder: &Path) -> Command {
        let mut command = match self {
            Self::Same => Command::new(&line[0]),
            Self::Nobody => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
                command.arg(&line[0]);
                command
            }
        };
        command.args(&line[1..]).current_dir(folder);
        command
    }
}

/// The command line of a program of `fixtures/programs/linux`, built. None, with a word, where it cannot be built.
pub(crate) fn program(line: &str) -> Option<Vec<OsString>> {
    let tool = if line.starts_with("bits32") {
        Tool::Bits32
    } else {
        Tool::Linux
    };
    let program = available(&[Program::new(tool, line)]).pop()?;
    let (path, arguments) = program.built().unwrap_or_else(|fault| panic!("{fault}"));
    let arguments = arguments.iter().map(OsString::from);
    Some(
        [path.into_os_string()]
            .into_iter()
            .chain(arguments)
            .collect(),
    )
}

/// Runs a command line to its end; nothing of it may be left then.
pub(crate) fn run(user: User, line: &[OsString]) -> Run {
    let started = Started::new(user, line);
    let run = started.end();
    started.left.assert_none();
    run
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// As a shell shows it.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        write!(formatter, "status {status}\n{stdout}\nstderr: {stderr}")
    }
}

/// A command that runs, in a folder of its own. It is killed when nobody waits for it any more.
pub(crate) struct Started {
    child: std::cell::RefCell<Child>,
    pub(crate) left: Left,
    pub(crate) scratch: Scratch,
}

impl Started {
    pub(crate) fn new(user: User, line: &[OsString]) -> Self {
        let scratch = Scratch::new();
        let line = match user {
            User::Same => line.to_vec(),
            User::Nobody => give_away(&scratch, line),
        };
        let command = user.command(&line, &scratch.path(""));
        Self::of(command, scratch)
    }

    /// Starts any command.
    pub(crate) fn of(mut command: Command, scratch: Scratch) -> Self {
        command.stdin(Stdio::null());
        Self::spawn(command, scratch)
    }

    /// Starts any command, and gives the other end of its standard input.
    pub(crate) fn with_keys(mut command: Command, scratch: Scratch) -> (Self, ChildStdin) {
        command.stdin(Stdio::piped());
        let started = Self::spawn(command, scratch);
        let keys = started.child.borrow_mut().stdin.take().expect("a pipe");
        (started, keys)
    }

    fn spawn(mut command: Command, scratch: Scratch) -> Self {
        let left = Left::new();
        let file = |name| File::create(scratch.path(name)).expect("a file");
        let child = command
            .env(MARK, &left.mark)
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            child: child.into(),
            left,
            scratch,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        self.file("stdout")
    }

    pub(crate) fn wait_for_output(&self, text: &str) {
        wait_until(text, || self.stdout().contains(text));
    }

    fn file(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.scratch.path(name)).unwrap_or_default()).into_owned()
    }

    /// Waits for its end, but not for ever.
    pub(crate) fn end(&self) -> Run {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.borrow_mut().try_wait().expect("it is ours") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                let found = self.left.processes();
                self.kill();
                let (stdout, stderr) = (self.stdout(), self.file("stderr"));
                panic!("it did not end: {found:?} stdout: {stdout} stderr: {stderr}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Run {
            status: of_shell(status),
            stdout: self.stdout(),
            stderr: self.file("stderr"),
        }
    }

    fn kill(&self) {
        let mut child = self.child.borrow_mut();
        let _ = child.kill();
        let _ = child.wait();
        for (process, _) in self.left.processes() {
            send("KILL", process);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A status as a shell shows it.
fn of_shell(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or(128 + status.signal().unwrap_or_default())
}

/// Sends a signal to a process, which may be gone.
pub(crate) fn send(signal: &str, process: u32) {
    let _ = Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Copies the programs of a command line to where everybody may execute them, and lets everybody write there.
fn give_away(scratch: &Scratch, line: &[OsString]) -> Vec<OsString> {
    let folder = scratch.path("");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("permissions");
    let moved = |word: &OsString| {
        let path = Path::new(word);
        let is_program = path.is_absolute() && path.is_file();
        let copy = folder.join(path.file_name().unwrap_or_default());
        if !is_program {
            return word.clone();
        }
        // By a process of its own: see `copy` of support/programs.
        let status = Command::new("cp").arg("-p").arg(path).arg(&copy).status();
        assert!(status.is_ok_and(|status| status.success()), "{copy:?}");
        copy.into_os_string()
    };
    line.iter().map(moved).collect()
}

/// Finds the processes of a run by their mark.
pub(crate) struct Left {
    mark: String,
}

impl Left {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        Self { mark }
    }

    /// Those that are there, with their states (proc(5)); zombies have no environment and are none.
    pub(crate) fn processes(&self) -> Vec<(u32, char)> {
        let wanted = format!("{MARK}={}", self.mark);
        let is_marked = |process: &u32| {
            let variables = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            variables
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(is_marked)
            .filter_map(|process| Some((process, state(process)?)))
            .collect()
    }

    /// No process is left, once those that were killed are gone.
    #[track_caller]
    pub(crate) fn assert_none(&self) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if self.processes().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let found = self.processes();
        for (process, _) in &found {
            send("KILL", *process);
        }
        panic!("processes are left, with their states: {found:?}");
    }
}

/// The state of a process or thread (proc(5)): R, S, D, T stopped, t stopped by a tracer. None: it is gone.
pub(crate) fn state(task: u32) -> Option<char> {
    field(task, "State:")?.chars().next()
}

/// A line of /proc/TASK/status without its name.
pub(crate) fn field(task: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{task}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// The threads of a process.
pub(crate) fn threads(process: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter();
    let names = entries.flatten().flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// The recorder's command line with a new trace folder.
pub(crate) fn recorder(trace: &Path, options: &[&str], line: &[OsString]) -> Vec<OsString> {
    let start = [
        env!("CARGO_BIN_EXE_trapline"),
        "record",
        "--kernel",
        "linux",
        "-o",
    ];
    let mut command: Vec<OsString> = start.map(OsString::from).to_vec();
    command.push(PathBuf::from(trace).into_os_string());
    command.extend(options.iter().map(OsString::from));
    if !line.is_empty() {
        command.push("--".into());
        command.extend(line.iter().cloned());
    }
    command
}
