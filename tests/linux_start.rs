//! Promises about how a recording of a Linux program begins and ends: what is recorded, which kernel is meant, what cannot be
//! started is said in a line.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use trapline_trace_format::event::{Abi, Event, EventKind, Pointed, Role};
use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::{Outcome, Target};

use support::{Scratch, stderr, stdout, text};

const EXECVE: i32 = 59;
const GETPPID: i32 = 110;

fn events(trace: &Path) -> Vec<Event> {
    let trace = Trace::open(trace).expect("a trace");
    let events = trace.events().expect("a log");
    events.map(|event| event.expect("an event")).collect()
}

fn count(events: &[Event], number: i32) -> usize {
    let is_it = |event: &&Event| matches!(event.kind, EventKind::Trap(trap) if trap.abi == Abi::X86_64 && trap.number == number);
    events.iter().filter(is_it).count()
}

fn is_linux(trace: &Path) -> bool {
    let trace = Trace::open(trace).expect("a trace");
    matches!(trace.meta().target, Target::Linux { .. })
}

#[test]
fn a_program_is_found_runs_with_its_arguments_and_its_status_is_passed_on() {
    let scratch = Scratch::new();
    let (trace, output) = scratch.try_record(
        "a.trap",
        &["--", "sh", "-c", "echo \"$0\" \"[$1]\"; exit 7", "a b", ""],
    );
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert_eq!(stdout(&output), "a b []\n");
    let events = events(&trace);
    assert_eq!(count(&events, EXECVE), 1);
    let words = events.iter().filter_map(|event| match &event.kind {
        EventKind::Pointed(Pointed {
            argument: 1,
            part,
            bytes,
            ..
        }) if *part > 0 => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    let words: Vec<String> = words.take(5).collect();
    assert_eq!(
        words,
        ["sh", "-c", "echo \"$0\" \"[$1]\"; exit 7", "a b", ""]
    );
    let meta = Trace::open(&trace).expect("a trace").meta().clone();
    assert_eq!(meta.outcome, Outcome::Completed { status: 7 });
    assert!(meta.calibration.null_syscall_ns > 0.0 && meta.calibration.hidden_stop_ns > 0.0);
}

#[test]
fn who_dies_by_a_signal_gives_128_and_its_number() {
    let scratch = Scratch::new();
    let (_, output) = scratch.try_record("a.trap", &["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(output.status.code(), Some(128 + 9), "{}", text(&output));
}

#[test]
fn new_processes_are_recorded_unless_they_are_not_wanted() {
    let scratch = Scratch::new();
    let processes = |name, options: &[&str]| {
        let options = [options, &["--", "sh", "-c", "/bin/true; exit 3"]].concat();
        let (trace, output) = scratch.try_record(name, &options);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        let is_process = |event: &&Event| {
            matches!(
                event.kind,
                EventKind::Created {
                    role: Role::Process,
                    ..
                }
            )
        };
        events(&trace).iter().filter(is_process).count()
    };
    assert_eq!(processes("all.trap", &[]), 2);
    assert_eq!(processes("one.trap", &["--follow", "off"]), 1);
    assert_eq!(
        processes("filtered.trap", &["--follow", "off", "-e", "getppid"]),
        1
    );
}

#[test]
fn as_much_of_data_is_kept_as_was_asked_for() {
    let scratch = Scratch::new();
    let longest = |name, options: &[&str]| {
        let options = [
            options,
            &["-e", "write", "--", "sh", "-c", "printf %0100d 7"],
        ]
        .concat();
        let kept = events(&scratch.record(name, &options))
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Pointed(Pointed {
                    length: 100, bytes, ..
                }) => Some(bytes.len()),
                _ => None,
            });
        kept.max()
    };
    assert_eq!(longest("usual.trap", &[]), Some(32));
    assert_eq!(longest("all.trap", &["--string-size", "100"]), Some(100));
    assert_eq!(longest("none.trap", &["--string-size", "0"]), Some(0));
}

#[test]
fn what_cannot_be_started_is_said_in_one_line_and_leaves_nothing() {
    let scratch = Scratch::new();
    let file = |name: &str, content: &str, mode| {
        let path = scratch.path(name);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path.to_str().expect("a path of text").to_owned()
    };
    let data = file("data", "no program", 0o755);
    let closed = file("closed", "#!/bin/sh\n", 0o644);
    let orphan = file("orphan", "#!/no/such/shell\n", 0o755);
    for (program, why) in [
        ("no-such-program", "no such program in PATH"),
        ("./no-such-file", "no such file"),
        ("/", "directory"),
        (data.as_str(), "it is no program"),
        (closed.as_str(), "may not be executed"),
        (orphan.as_str(), "its interpreter is missing"),
    ] {
        let (trace, output) = scratch.try_record("a.trap", &["--", program]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{program}: {}",
            text(&output)
        );
        let said = stderr(&output);
        assert!(
            said.contains(why) && said.lines().count() == 1,
            "{program}: {said}"
        );
        assert!(!trace.exists(), "{program}");
    }
}

#[test]
fn the_kernel_that_is_meant_follows_from_what_is_said() {
    let scratch = Scratch::new();
    assert!(!is_linux(&scratch.record("guest.trap", &["--", "hello"])));
    assert!(!is_linux(&scratch.record("job.trap", &["--job", "hello"])));
    assert!(is_linux(&scratch.record("name.trap", &["--", "true"])));
    assert!(is_linux(&scratch.record(
        "said.trap",
        &["--kernel", "linux", "--", "sh", "-c", ":"]
    )));
    for (options, named) in [
        (
            &["--kernel", "linux", "--quantum", "5ms", "--", "true"][..],
            "--quantum",
        ),
        (&["--kernel", "mini", "-e", "read", "--", "hello"][..], "-e"),
        (&["-e", "read", "--seed", "7", "--", "hello"][..], "--seed"),
    ] {
        let (trace, output) = scratch.try_record("wrong.trap", options);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{options:?}: {}",
            text(&output)
        );
        assert!(
            stderr(&output).contains(named),
            "{options:?}: {}",
            text(&output)
        );
        assert!(!trace.exists());
    }
}

#[test]
fn a_limit_ends_the_recording_of_calls_and_not_the_program() {
    let scratch = Scratch::new();
    let script = "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done; exit 5";
    for limit in [["--limit", "30ms"], ["--limit-size", "16KiB"]] {
        let options = [&limit[..], &["--", "sh", "-c", script]].concat();
        let (trace, output) = scratch.try_record(&format!("{}.trap", limit[0]), &options);
        assert_eq!(output.status.code(), Some(5), "{}", text(&output));
        let events = events(&trace);
        let ends = |event: &&Event| matches!(event.kind, EventKind::ProcessExited { .. });
        assert_eq!(
            events.iter().filter(ends).count(),
            301,
            "{limit:?}: all ends are told"
        );
        assert!(count(&events, EXECVE) < 250, "{limit:?}");
        let lost = Trace::open(&trace).expect("a trace").meta().lost.clone();
        assert!(
            lost.iter().any(|loss| loss.reason.contains(limit[0])),
            "{lost:?}"
        );
    }
}

#[test]
fn affinity_is_the_programs_own_business() {
    let scratch = Scratch::new();
    let script = "taskset -p $$; taskset -c 0 sh -c 'taskset -p $$'; taskset -p $$";
    let bare = std::process::Command::new("sh")
        .args(["-c", script])
        .output()
        .expect("sh runs");
    if !bare.status.success() {
        support::skip("taskset is not installed (Debian: util-linux)");
        return;
    }
    for options in [&[][..], &["-e", "getppid"], &["-e", "sched_setaffinity"]] {
        let options = [options, &["--", "sh", "-c", script]].concat();
        let (_, output) = scratch.try_record(&format!("{}.trap", options.concat().len()), &options);
        let masks = |text: &str| -> Vec<String> {
            let last = text.lines().filter_map(|line| line.rsplit(' ').next());
            last.map(str::to_owned).collect()
        };
        let bare = masks(&String::from_utf8_lossy(&bare.stdout));
        assert_eq!(
            masks(&stdout(&output)),
            bare,
            "{options:?}: {}",
            text(&output)
        );
    }
}

#[test]
fn a_trace_is_never_overwritten() {
    let scratch = Scratch::new();
    let trace = scratch.record("a.trap", &["-e", "getppid", "--", "true"]);
    let before = events(&trace);
    let (_, output) = scratch.try_record("a.trap", &["--", "sh", "-c", "touch ran"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(count(&before, GETPPID), 0);
    assert_eq!(events(&trace), before);
}
