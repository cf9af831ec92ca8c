//! Promises about damaged and foreign traces: every command says in one line what is wrong and where, and none panics.

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use support::{Scratch, stderr, text, trapline};

/// Every command that reads a trace, on this one.
fn read_with_every_command(scratch: &Scratch, trace: &Path) -> Vec<(&'static str, Output)> {
    let report = scratch.path("report");
    let _ = fs::remove_dir_all(&report);
    let run = |command: &mut std::process::Command| command.output().expect("the command runs");
    vec![
        ("stat", run(trapline().arg("stat").arg(trace))),
        (
            "stat --json",
            run(trapline().args(["stat", "--json"]).arg(trace)),
        ),
        (
            "report",
            run(trapline().arg("report").arg(trace).arg("-o").arg(&report)),
        ),
        (
            "compare",
            run(trapline().arg("compare").arg(trace).arg(trace)),
        ),
        (
            "timeline",
            run(trapline().arg("timeline").arg(trace).args(["--limit", "0"])),
        ),
    ]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// One line, one of these statuses, no panic.
fn assert_clear(what: &str, trace: &Path, outputs: &[(&str, Output)], statuses: &[i32]) {
    for (command, output) in outputs {
        let said = stderr(output);
        assert!(
            output
                .status
                .code()
                .is_some_and(|code| statuses.contains(&code)),
            "{what}, {command}: {}",
            text(output)
        );
        assert!(
            !said.contains("panicked") && !said.contains("internal error"),
            "{what}, {command}: {said}"
        );
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            !lines.is_empty() && lines.iter().all(|line| line.starts_with("trapline: ")),
            "{what}, {command}: {said}"
        );
        let name = trace.file_name().expect("a name").to_string_lossy();
        assert!(
            said.contains(name.as_ref()),
            "{what}, {command} does not name the trace: {said}"
        );
    }
}

#[test]
fn a_truncated_log_gives_its_intact_part_and_status_4() {
    let scratch = Scratch::new();
    let whole = scratch.record("whole.trap", &["--", "storm", "3000"]);
    let length = fs::metadata(whole.join("events.log")).expect("a log").len();
    for keep in [length - 1, length / 2, 40] {
        for with_tables in [true, false] {
            let trace = scratch.path(&format!("cut-{keep}-{with_tables}.trap"));
            copy(&whole, &trace);
            fs::File::options()
                .write(true)
                .open(trace.join("events.log"))
                .expect("a log")
                .set_len(keep)
                .expect("cut");
            if !with_tables {
                fs::remove_dir_all(trace.join("tables")).expect("tables");
            }
            let outputs = read_with_every_command(&scratch, &trace);
            assert_clear(&format!("cut to {keep}"), &trace, &outputs, &[1, 4]);
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let scratch = Scratch::new();
    let whole = scratch.record("whole.trap", &["--", "storm", "300"]);
    let mut files = vec!["events.log".to_owned(), "meta.json".to_owned()];
    for table in fs::read_dir(whole.join("tables"))
        .expect("tables")
        .flatten()
    {
        files.push(format!("tables/{}", table.file_name().to_string_lossy()));
    }
    assert!(files.len() >= 5, "{files:?}");
    for (index, file) in files.iter().enumerate() {
        let bytes = fs::read(whole.join(file)).expect("a file");
        for part in [0, 1, 2, 3] {
            let at = (bytes.len() - 1) * part / 3;
            let trace = scratch.path(&format!("flip-{index}-{part}.trap"));
            copy(&whole, &trace);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            fs::write(trace.join(file), damaged).expect("written");
            let output = trapline()
                .args(["stat", "--json"])
                .arg(&trace)
                .output()
                .expect("stat runs");
            let outputs = [("stat", output)];
            assert_clear(
                &format!("bit flipped in {file} at {at}"),
                &trace,
                &outputs,
                &[1, 4],
            );
        }
    }
}

#[test]
fn what_is_no_trace_is_refused_by_every_command() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing.trap");
    assert_clear(
        "missing",
        &missing,
        &read_with_every_command(&scratch, &missing),
        &[1],
    );

    let empty = scratch.path("empty.trap");
    fs::create_dir(&empty).expect("a folder");
    assert_clear(
        "empty folder",
        &empty,
        &read_with_every_command(&scratch, &empty),
        &[1],
    );

    let file = scratch.path("file.trap");
    fs::write(&file, b"not a trace").expect("written");
    assert_clear(
        "a file",
        &file,
        &read_with_every_command(&scratch, &file),
        &[1],
    );

    let foreign = scratch.path("foreign.trap");
    fs::create_dir(&foreign).expect("a folder");
    fs::write(foreign.join("meta.json"), b"{\"hello\": 1}").expect("written");
    fs::write(foreign.join("events.log"), b"\x7fELF and more").expect("written");
    assert_clear(
        "foreign files",
        &foreign,
        &read_with_every_command(&scratch, &foreign),
        &[1],
    );
}
