//! Promises about what a program is started with: arguments, environment, console input, files, and nothing else of the host.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Scratch, descendants, skip, stderr, stdout, text, trapline, wait_until};

/// What `tell` says when it is recorded with these options before its name and arguments.
fn tell(scratch: &Scratch, name: &str, options: &[&str]) -> Output {
    let (_, output) = scratch.try_record(name, options);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    output
}

/// Starts `record` with a pipe for its standard input.
fn record_with_pipe(scratch: &Scratch, name: &str, options: &[&str]) -> std::process::Child {
    trapline()
        .arg("record")
        .arg("-o")
        .arg(scratch.path(name))
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("record starts")
}

/// A statically linked busybox of this host's, if there is one.
fn busybox() -> Option<PathBuf> {
    let path = PathBuf::from("/bin/busybox");
    fs::read(&path)
        .is_ok_and(|bytes| !wants_interpreter(&bytes))
        .then_some(path)
}

/// Whether an ELF file has a program header of type PT_INTERP, as dynamically linked programs have (elf(5)).
fn wants_interpreter(file: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&file[at..at + size]);
        u64::from_le_bytes(bytes) as usize
    };
    let (headers_at, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|index| number(headers_at + index * size, 4) == PT_INTERP as usize)
}

/// A root directory with busybox and a file that only the host has beside it.
fn root_with_busybox(scratch: &Scratch) -> Option<String> {
    let root = scratch.path("root");
    fs::create_dir_all(root.join("bin")).expect("made");
    fs::copy(busybox()?, root.join("bin/busybox")).expect("copied");
    fs::write(scratch.path("secret"), "of the host\n").expect("written");
    Some(root.to_str().expect("text").to_owned())
}

#[test]
fn arguments_arrive_as_they_were_given_empty_ones_too() {
    let scratch = Scratch::new();
    let said = stdout(&tell(
        &scratch,
        "direct.trap",
        &["--", "tell", "", "a b", "ü"],
    ));
    let arguments = "argument <tell>\nargument <>\nargument <a b>\nargument <ü>\n";
    assert!(said.starts_with(arguments), "{said}");
    let said = stdout(&tell(
        &scratch,
        "quoted.trap",
        &["--job", "tell '' \"a b\" ü"],
    ));
    assert!(said.starts_with(arguments), "{said}");
}

#[test]
fn the_environment_is_small_known_and_can_be_added_to() {
    let scratch = Scratch::new();
    let options = ["--env", "A=1", "--env", "HOME=/tmp", "--", "tell"];
    let output = trapline()
        .args(["record", "-o"])
        .arg(scratch.path("env.trap"))
        .args(options)
        .env("SECRET_OF_THE_HOST", "1")
        .env("TERM", "dumb")
        .output()
        .expect("runs");
    let said = stdout(&output);
    let mut variables: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("variable"))
        .collect();
    variables.sort_unstable();
    assert_eq!(
        variables,
        [
            "variable <A=1>",
            "variable <HOME=/tmp>",
            "variable <PATH=/guests:/bin:/usr/bin>",
            "variable <TERM=dumb>",
        ],
        "{}",
        text(&output)
    );
}

#[test]
fn console_input_comes_from_where_it_was_asked_to_and_ends() {
    let scratch = Scratch::new();
    let file = scratch.path("input");
    // More than the ring between recorder and kernel holds at once.
    let lines: String = (0..2000).map(|line| format!("line {line}\n")).collect();
    fs::write(&file, &lines).expect("written");
    let file = file.to_str().expect("text");
    for (name, tracer) in [("traced.trap", "ptrace"), ("alone.trap", "none")] {
        let options = ["--stdin", file, "--tracer", tracer, "--", "tell"];
        let said = stdout(&tell(&scratch, name, &options));
        let read: String = said
            .split_inclusive('\n')
            .filter(|line| line.starts_with("line"))
            .collect();
        // A part may end within a line, which `tell` then begins its own line in.
        assert!(said.ends_with("end of input\n"), "{said}");
        assert!(read.len() > lines.len() / 2, "{said}");
        let bytes: usize = said
            .lines()
            .filter_map(|line| line.split_once("read ")?.1.strip_suffix(" bytes"))
            .filter_map(|number| number.parse::<usize>().ok())
            .sum();
        assert_eq!(bytes, lines.len(), "{said}");
    }
    let said = stdout(&tell(
        &scratch,
        "none.trap",
        &["--stdin", "none", "--", "tell"],
    ));
    assert!(
        said.ends_with("end of input\n") && !said.contains("read "),
        "{said}"
    );
    let mut child = record_with_pipe(&scratch, "pipe.trap", &["--", "tell"]);
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(b"through a pipe\n").expect("written");
    drop(pipe);
    let output = child.wait_with_output().expect("ends");
    let said = stdout(&output);
    assert!(
        said.ends_with("read 15 bytes\nthrough a pipe\nend of input\n"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_recording_ends_although_its_standard_input_does_not() {
    let scratch = Scratch::new();
    for (index, job) in [
        // Nobody reads.
        &["--", "hello"][..],
        // Somebody waits for input when the machine is ended.
        &["--limit", "200ms", "--", "tell"],
    ]
    .into_iter()
    .enumerate()
    {
        let mut child = record_with_pipe(&scratch, &format!("{index}.trap"), job);
        let pipe = child.stdin.take();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("asked") {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{job:?} hangs");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0), "{job:?}");
        drop(pipe);
    }
}

#[test]
fn the_machine_has_no_descriptor_but_its_own_memory() {
    let scratch = Scratch::new();
    let file = scratch.path("of-the-host");
    fs::write(&file, "").expect("written");
    // Lent to trapline by mistake, as a shell does that forgets to close.
    let script =
        "exec 7<\"$1\"; exec \"$0\" record -o \"$2\" --limit 60s --job greedy --job greedy";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_trapline")])
        .args([&file, &scratch.path("greedy.trap")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    let log = scratch.path("greedy.trap").join("events.log");
    wait_until("the machine runs", || {
        log.metadata().is_ok_and(|log| log.len() > 1000) && descendants(child.id()).len() >= 3
    });
    let mut looked_at = 0;
    for host in descendants(child.id()) {
        let descriptors = fs::read_dir(format!("/proc/{host}/fd")).expect("its descriptors");
        for descriptor in descriptors {
            let target = fs::read_link(descriptor.expect("one").path()).expect("a link");
            assert!(
                target.to_string_lossy().starts_with("/memfd:trapline-"),
                "host process {host} has {}",
                target.display()
            );
            looked_at += 1;
        }
    }
    assert!(looked_at >= 6, "{looked_at} descriptors");
    child.kill().expect("killed");
    child.wait().expect("gone");
}

#[test]
fn input_that_no_program_asked_for_stays_where_it_was() {
    let scratch = Scratch::new();
    // The shell lends its own input to trapline and reads on afterwards.
    let script = "\"$0\" record -o \"$1\" -- hello >&2; cat";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_trapline")])
        .arg(scratch.path("hello.trap"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(b"for cat\n").expect("written");
    drop(pipe);
    let output = child.wait_with_output().expect("ends");
    assert_eq!(stdout(&output), "for cat\n", "{}", text(&output));
}

#[test]
fn a_root_directory_is_the_machines_root_and_its_links_lead_nowhere_else() {
    let scratch = Scratch::new();
    let Some(root) = root_with_busybox(&scratch) else {
        return skip("there is no static /bin/busybox");
    };
    let in_root = |path: &str| PathBuf::from(&root).join(path);
    fs::create_dir(in_root("etc")).expect("made");
    fs::write(in_root("etc/motd"), "inside\n").expect("written");
    fs::set_permissions(in_root("etc/motd"), fs::Permissions::from_mode(0o640)).expect("set");
    symlink("/etc/motd", in_root("absolute")).expect("linked");
    symlink(scratch.path("secret"), in_root("out")).expect("linked");
    symlink("../secret", in_root("up")).expect("linked");
    symlink("busybox", in_root("bin/sh")).expect("linked");
    let script = "cat /absolute; stat -c %a /etc/motd; readlink /up; cat /out; cat /up; ls /guests | grep hello; \
                  hello there; echo $0";
    for (name, program) in [("path.trap", "/bin/sh"), ("name.trap", "sh")] {
        let options = ["--root", &root, "--", program, "-c", script];
        let (_, output) = scratch.try_record(name, &options);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let said = stdout(&output);
        for expected in ["inside\n640\n../secret\n", "hello\n", "there"] {
            assert!(said.contains(expected), "{}", text(&output));
        }
        assert!(said.ends_with(&format!("{program}\n")), "{said}");
        assert!(!said.contains("of the host"), "{said}");
    }
}

#[test]
fn more_files_than_a_machine_can_hold_are_refused_before_anything_runs() {
    let scratch = Scratch::new();
    let root = scratch.path("root");
    fs::create_dir(&root).expect("made");
    for number in 0..5000 {
        fs::write(root.join(number.to_string()), "").expect("written");
    }
    let options = ["--root", root.to_str().expect("text"), "--", "hello"];
    let (trace, output) = scratch.try_record("many.trap", &options);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", text(&output));
    assert!(
        stderr(&output).contains("take some out of the root directory"),
        "{}",
        text(&output)
    );
    assert!(!trace.exists());
}

#[test]
fn what_a_root_directory_does_not_have_is_named_before_anything_runs() {
    let scratch = Scratch::new();
    let root = scratch.path("root");
    fs::create_dir_all(root.join("bin")).expect("made");
    symlink("/bin/sh", root.join("bin/sh")).expect("linked");
    fs::write(root.join("text"), "text").expect("written");
    let root = root.to_str().expect("text");
    for (index, (program, expected)) in [
        ("/bin/busybox", "/bin/busybox"),
        // A link to itself in there, a shell out here.
        ("/bin/sh", "symbolic links"),
        ("/bin", "not a file"),
        ("nonesuch", "nonesuch"),
    ]
    .into_iter()
    .enumerate()
    {
        let options = ["--root", root, "--", program];
        let (trace, output) = scratch.try_record(&format!("{index}.trap"), &options);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", text(&output));
        assert!(stderr(&output).contains(expected), "{}", text(&output));
        assert!(!trace.exists(), "{program} left a trace");
    }
}
