//! Programs that run on Linux and on the mini-kernel, and whether both runs say the same.
//!
//! Key types: [`Program`] (what runs, and the files it needs), [`Tool`] (who builds it). Sources are in
//! `fixtures/programs`; they are built with the host's tools when a test needs them and kept under cargo's directory for
//! tests. Both runs start in a folder with the same files, so that a program finds the same relative names.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Scratch, skip, stat, stderr, trapline};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/programs");
/// Longest that a program may take on either kernel.
const LIMIT: Duration = Duration::from_secs(60);
/// Calls of these programs that the mini-kernel answers with ENOSYS, and why that is right.
const UNKNOWN: &[&str] = &[
    // Restartable sequences: glibc asks once per thread and does without.
    "rseq",
];

/// Who makes a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The C compiler with the GNU C library.
    Glibc,
    /// The C compiler with musl.
    Musl,
    /// The Rust compiler, standard library linked statically.
    Rust,
    /// busybox's shell runs a script.
    Busybox,
    /// bash runs a script, busybox has the commands.
    Bash,
}

impl Tool {
    /// What to install when it is missing.
    fn wants(self) -> &'static str {
        match self {
            Self::Glibc => "cc with static libraries is not installed (Debian: gcc, libc6-dev)",
            Self::Musl => "musl-gcc is not installed (Debian: musl-tools)",
            Self::Rust => "rustc is not installed",
            Self::Busybox => "a static busybox is not installed (Debian: busybox-static)",
            Self::Bash => {
                "a static bash or busybox is not installed (Debian: bash-static, busybox-static)"
            }
        }
    }

    /// The compiler with its options, but the files.
    fn compiler(self) -> Command {
        let (name, options): (_, &[&str]) = match self {
            Self::Glibc => ("cc", &["-static", "-pthread", "-O2", "-w"]),
            Self::Musl => ("musl-gcc", &["-static", "-O2", "-w"]),
            _ => (
                "rustc",
                &[
                    "--edition=2024",
                    "-Ctarget-feature=+crt-static",
                    "-Copt-level=2",
                    "-Cstrip=symbols",
                ],
            ),
        };
        let mut command = Command::new(name);
        command.args(options);
        command
    }

    /// Whether programs can be built with it here.
    fn is_there(self) -> bool {
        match self {
            Self::Busybox => installed("busybox").is_some(),
            Self::Bash => installed("bash-static").is_some() && installed("busybox").is_some(),
            Self::Rust => self.compiler().arg("--version").output().is_ok(),
            Self::Glibc | Self::Musl => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let source = folder.path().join("nothing.c");
                fs::write(&source, "int main(void) {}\n").expect("a source");
                let output = self
                    .compiler()
                    .arg(&source)
                    .arg("-o")
                    .arg(folder.path().join("nothing"))
                    .output();
                output.is_ok_and(|output| output.status.success())
            }
        }
    }
}

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    tool: Tool,
    /// The source's name without its extension.
    name: String,
    arguments: Vec<String>,
}

impl Program {
    /// `line` is the name of a source and the program's arguments.
    pub(crate) fn new(tool: Tool, line: &str) -> Self {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().expect("a name");
        Self {
            tool,
            name,
            arguments: words.collect(),
        }
    }

    fn title(&self) -> String {
        format!(
            "{} {} ({:?})",
            self.name,
            self.arguments.join(" "),
            self.tool
        )
    }

    /// Puts the program and what it needs into a folder. The command line that runs it there, from the root of the folder.
    fn install(&self, root: &Path) -> Result<Vec<String>, String> {
        let bin = root.join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        if !matches!(self.tool, Tool::Busybox | Tool::Bash) {
            let file_name = self.name.clone();
            fs::copy(self.build()?, bin.join(&file_name)).expect("a copy of the program");
            let line = [format!("/bin/{file_name}")]
                .into_iter()
                .chain(self.arguments.iter().cloned());
            return Ok(line.collect());
        }
        let busybox = installed("busybox").ok_or("busybox went away")?;
        fs::copy(&busybox, bin.join("busybox")).expect("a copy of busybox");
        let applets = Command::new(&busybox)
            .arg("--list")
            .output()
            .expect("busybox runs")
            .stdout;
        for applet in String::from_utf8_lossy(&applets)
            .lines()
            .filter(|applet| *applet != "busybox")
        {
            symlink("busybox", bin.join(applet)).expect("a link");
        }
        if self.tool == Tool::Bash {
            fs::copy(
                installed("bash-static").ok_or("bash went away")?,
                bin.join("bash"),
            )
            .expect("a copy of bash");
        }
        let shell = if self.tool == Tool::Bash {
            "bin/bash"
        } else {
            "bin/sh"
        };
        fs::copy(self.source(), root.join("script")).expect("a copy of the script");
        let under_test = format!("SHELL_UNDER_TEST={shell}");
        let line = [
            "/bin/busybox",
            "env",
            "-i",
            "PATH=bin",
            "TZ=UTC0",
            &under_test,
            shell,
            "script",
        ];
        Ok(line.map(str::to_owned).to_vec())
    }

    fn source(&self) -> PathBuf {
        let name = &self.name;
        Path::new(SOURCES).join(match self.tool {
            Tool::Glibc | Tool::Musl => format!("c/{name}.c"),
            Tool::Rust => format!("rust/{name}.rs"),
            Tool::Busybox | Tool::Bash => format!("scripts/{name}.sh"),
        })
    }

    /// Builds the program unless that has been done since its source was changed.
    fn build(&self) -> Result<PathBuf, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("programs")
            .join(format!("{:?}", self.tool));
        fs::create_dir_all(&folder).expect("a folder");
        let program = folder.join(&self.name);
        let changed = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        let shared = [
            Path::new(SOURCES).join("c/check.h"),
            Path::new(env!("CARGO_MANIFEST_DIR")).join(file!()),
        ];
        let newest = shared
            .iter()
            .chain([&self.source()])
            .filter_map(|path| changed(path))
            .max();
        if changed(&program).is_some_and(|built| Some(built) > newest) {
            return Ok(program);
        }
        // Other tests may build the same program at the same time.
        let fresh = tempfile::Builder::new()
            .prefix(&self.name)
            .tempfile_in(&folder)
            .expect("a file")
            .into_temp_path();
        let output = self
            .tool
            .compiler()
            .current_dir(Path::new(SOURCES).join("c"))
            .arg(self.source())
            .arg("-o")
            .arg(&fresh);
        let output = output.output().expect("the compiler runs");
        if !output.status.success() {
            return Err(format!(
                "{}: does not build:\n{}",
                self.title(),
                stderr(&output)
            ));
        }
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("rights");
        fresh.persist(&program).expect("the program's final name");
        Ok(program)
    }

    /// Runs it on Linux.
    pub(crate) fn run_on_linux(&self) -> Result<Run, String> {
        let scratch = Scratch::new();
        let root = scratch.path("root");
        let line = self.install(&root)?;
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
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
    fn compare(&self) -> Result<(), String> {
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

/// Compares the runs of programs on both kernels; panics with all that differ. Programs whose tool is missing are skipped.
pub(crate) fn run_as_on_linux(programs: &[Program]) {
    let failed: Vec<String> = available(programs)
        .iter()
        .filter_map(|program| program.compare().err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed\n\n{}",
        failed.len(),
        programs.len(),
        failed.join("\n")
    );
}

/// Those programs whose tool is here; says of the others that they are skipped.
pub(crate) fn available(programs: &[Program]) -> Vec<Program> {
    let mut tools: Vec<(Tool, bool)> = Vec::new();
    for program in programs {
        if !tools.iter().any(|(tool, _)| *tool == program.tool) {
            tools.push((program.tool, program.tool.is_there()));
        }
    }
    for (tool, _) in tools.iter().filter(|(_, is_there)| !is_there) {
        skip(tool.wants());
    }
    programs
        .iter()
        .filter(|program| tools.contains(&(program.tool, true)))
        .cloned()
        .collect()
}

/// A static program of the host with this name.
fn installed(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .chain(["/bin".into(), "/usr/bin".into()])
        .map(|folder| folder.join(name))
        .find(|path| is_static(path))
}

/// Whether a file is a 64-bit ELF program without an interpreter (PT_INTERP, elf(5)).
fn is_static(path: &Path) -> bool {
    let mut start = vec![0; 4096];
    let length = File::open(path)
        .and_then(|mut file| file.read(&mut start))
        .unwrap_or(0);
    let word = |offset: usize, size: usize| -> u64 {
        let bytes = start[..length].get(offset..offset + size).unwrap_or(&[]);
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let (table, size, count) = (word(32, 8), word(54, 2), word(56, 2));
    let kinds = (0..count)
        .map(|index| usize::try_from(table + index * size).map_or(0, |offset| word(offset, 4)));
    start.starts_with(b"\x7fELF\x02") && kinds.into_iter().all(|kind| kind != 3)
}
