//! Promises about the command line itself: help, wrong usage, what is printed where.

use std::process::Stdio;

#[path = "support/cli.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod cli;

use cli::{run, trapline};

const COMMANDS: [&str; 11] = [
    "demo",
    "record",
    "stat",
    "report",
    "compare",
    "timeline",
    "guests",
    "doctor",
    "measure",
    "completions",
    "man",
];

#[test]
fn help_names_every_command_and_the_exit_statuses() {
    let help = run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for command in COMMANDS {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command} is not in:\n{}",
            help.stdout
        );
    }
    assert!(
        help.stdout
            .contains("Exit status: 0 fine, 1 error, 2 wrong usage, 3 regression")
    );
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in COMMANDS {
        let help = run(&[command, "--help"]);
        assert_eq!(help.status, Some(0), "{command}");
        assert!(help.stdout.contains("Example"), "{command}");
        assert!(
            help.stdout.contains(&format!("trapline {command}")),
            "{command}"
        );
    }
}

#[test]
fn a_wrong_command_line_is_status_2_and_writes_nothing_to_stdout() {
    for args in [
        &[][..],
        &["nonsense"],
        &["stat"],
        &["report", "x.trap"],
        &["compare", "only-one.trap"],
        &["record"],
        &["record", "--job", " "],
        &["record", "--quantum", "10", "--", "spin"],
        &["record", "--quantum", "0ms", "--", "spin"],
        &["record", "--kernel", "linux", "--seed", "1", "--", "ls"],
        &["record", "-e", "no_such_call", "--", "ls"],
        &["record", "-p", "0"],
        &["record", "-p", "1", "--", "ls"],
        &["record", "--scheduler", "best", "--", "spin"],
        &["record", "--env", "NAME", "--", "spin"],
        &["record", "--memory", "256", "--", "spin"],
        &["record", "--stdin", "", "--", "spin"],
        &["record", "--job", "sh -c 'open"],
        &["compare", "a", "b", "--fail-over", "nan"],
        &["timeline", "a", "--from", "5 parsecs"],
        &["completions", "cmd.exe"],
    ] {
        let ran = run(args);
        assert_eq!(ran.status, Some(2), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn options_of_one_kernel_for_the_other_are_refused_in_one_line() {
    let ran = run(&[
        "record",
        "--kernel",
        "linux",
        "--quantum",
        "5ms",
        "--",
        "ls",
    ]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("--kernel mini"), "{}", ran.stderr);
}

#[test]
fn a_wrong_scenario_names_the_file_the_line_and_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wrong.toml");
    std::fs::write(&path, "[[job]]\nprogram = \"spin\"\narrives = \"1ms\"\n").unwrap();
    let ran = run(&["record", "--scenario", path.to_str().unwrap()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    for words in ["wrong.toml, line 3", "`arrives`", "`arrival`"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn a_wrong_duration_says_how_to_write_one() {
    let ran = run(&["record", "--quantum", "10", "--", "spin"]);
    assert!(
        ran.stderr.contains("has no unit") && ran.stderr.contains("10ms"),
        "{}",
        ran.stderr
    );
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&["completions", shell]);
        assert_eq!(ran.status, Some(0), "{shell}");
        assert!(
            ran.stdout.contains("trapline") && ran.stdout.contains("fail-over"),
            "{shell}"
        );
    }
}

#[test]
fn manual_pages_are_made_for_every_command() {
    assert!(run(&["man"]).stdout.contains(".TH trapline 1"));
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man1");
    assert_eq!(run(&["man", "-o", pages.to_str().unwrap()]).status, Some(0));
    for command in COMMANDS {
        assert!(
            pages.join(format!("trapline-{command}.1")).exists(),
            "{command}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = trapline(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}
