//! Promises to ordinary users: nothing needs root, the demo works, pages and plots are whole.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use support::{Scratch, skip, stderr, stdout, text, trapline};

#[test]
fn an_ordinary_user_records_reads_and_reports() {
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !is_root {
        // Then every other test is this test.
        return;
    }
    let scratch = Scratch::new();
    let home = scratch.path("home");
    fs::create_dir(&home).expect("a folder");
    fs::set_permissions(
        home.parent().expect("a parent"),
        fs::Permissions::from_mode(0o755),
    )
    .expect("permissions");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).expect("permissions");
    // The binary may lie where only root can look.
    let binary = home.join("trapline");
    fs::copy(env!("CARGO_BIN_EXE_trapline"), &binary).expect("a copy");
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "--no-new-privs",
        ]);
        command
            .arg(&binary)
            .args(arguments)
            .current_dir(&home)
            .output()
    };
    let Ok(output) = as_nobody(&[
        "record",
        "-o",
        "mine.trap",
        "--job",
        "hello",
        "--job",
        "spin 20",
    ]) else {
        return skip("setpriv is not installed");
    };
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for arguments in [
        &["stat", "mine.trap"][..],
        &["report", "mine.trap", "-o", "page"],
        &["timeline", "mine.trap"],
        &["doctor"],
    ] {
        let output = as_nobody(arguments).expect("runs");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            text(&output)
        );
    }
    assert!(home.join("page/index.html").exists());
}

#[test]
fn a_trace_in_a_folder_that_may_not_be_written_can_still_be_read() {
    let scratch = Scratch::new();
    let trace = scratch.record("mine.trap", &["--", "hello"]);
    fs::remove_dir_all(trace.join("tables")).expect("tables");
    fs::set_permissions(&trace, fs::Permissions::from_mode(0o555)).expect("permissions");
    let output = trapline()
        .arg("stat")
        .arg(&trace)
        .output()
        .expect("stat runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    fs::set_permissions(&trace, fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn output_that_overflows_the_log_in_one_call_arrives_whole() {
    let scratch = Scratch::new();
    for tracer in ["ptrace", "none"] {
        let options = ["--tracer", tracer, "--limit", "10s", "--", "flood", "256"];
        let (_, output) = scratch.try_record(&format!("{tracer}.trap"), &options);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let said = stdout(&output);
        let lines = said
            .lines()
            .filter(|line| line.len() == 63 && line.bytes().all(|byte| byte == b'.'));
        assert_eq!(lines.count(), 256 * 1024 / 64, "{tracer}");
        assert!(said.ends_with("flood wrote 262144 bytes\n"), "{tracer}");
    }
}

#[test]
fn the_demo_records_five_guests_and_writes_a_page_that_needs_nothing_else() {
    let scratch = Scratch::new();
    let folder = scratch.path("demo");
    let output = trapline()
        .args(["demo", "-o"])
        .arg(&folder)
        .output()
        .expect("demo runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let said = stdout(&output);
    for expected in ["demo.trap", "index.html", "Try next", "trapline timeline"] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
    let page = fs::read_to_string(folder.join("report/index.html")).expect("a page");
    for guest in ["spin", "storm", "yielder", "sleeper"] {
        assert!(page.contains(guest), "{guest} is missing");
    }
    for outside in ["src=\"http", "href=\"http", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "the page asks for {outside}");
    }
    let plots = fs::read_dir(folder.join("report"))
        .expect("a folder")
        .flatten();
    let names: Vec<String> = plots
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for extension in ["svg", "png"] {
        assert!(
            names
                .iter()
                .filter(|name| name.ends_with(extension))
                .count()
                >= 5,
            "{names:?}"
        );
    }
}

#[test]
fn what_cannot_run_is_named_before_anything_is_recorded() {
    let scratch = Scratch::new();
    let script = scratch.path("script");
    fs::write(&script, "#!/bin/sh\necho\n").expect("written");
    let script = script.to_string_lossy().into_owned();
    let text_file = scratch.path("text");
    fs::write(&text_file, "no program").expect("written");
    let text_file = text_file.to_string_lossy().into_owned();
    let cases: [(&[&str], &str); 12] = [
        (&["--kernel", "mini", "--", "nonesuch"], "nonesuch"),
        (
            &["--kernel", "mini", "--", "/nonesuch/program"],
            "/nonesuch/program",
        ),
        (&["--kernel", "mini", "--", &script], "a script for /bin/sh"),
        (
            &["--kernel", "mini", "--", &text_file],
            "not a 64-bit ELF program",
        ),
        (
            &["--kernel", "mini", "--", env!("CARGO_BIN_EXE_trapline")],
            "dynamic linker",
        ),
        (&["--job", "hello", "--job", "/dev/zero"], "job 2"),
        (
            &["--tick", "20ms", "--quantum", "1ms", "--", "hello"],
            "quantum",
        ),
        (&["--tick", "1us", "--", "hello"], "tick"),
        (&["--memory", "64KiB", "--", "hello"], "memory"),
        (&["--root", "/nonesuch", "--", "hello"], "/nonesuch"),
        (&["--stdin", "/nonesuch", "--", "hello"], "/nonesuch"),
        (
            &["--scheduler", "mlfq", "--mlfq-levels", "0", "--", "hello"],
            "mlfq-levels",
        ),
    ];
    for (index, (options, expected)) in cases.into_iter().enumerate() {
        let (trace, output) = scratch.try_record(&format!("{index}.trap"), options);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{options:?}: {}",
            text(&output)
        );
        assert!(
            stderr(&output).contains(expected),
            "{options:?}: {}",
            text(&output)
        );
        assert_eq!(
            stderr(&output).lines().count(),
            1,
            "{options:?}: {}",
            text(&output)
        );
        assert!(!trace.exists(), "{options:?} left a trace");
    }
}
