//! Promises about `-p`: a running program is traced from then on and let go without a trace of it.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::path::Path;
use std::time::Duration;

use trapline_trace_format::event::Abi;
use trapline_trace_format::folder::Trace;

use linux::{GETPPID, Started, Traced, User, field, program, recorder, send, state, threads};
use support::wait_until;

/// A recorder that is attached to a process.
fn attach(user: User, process: u32, options: &[&str]) -> Started {
    let process = process.to_string();
    let options = [&["-p", &process], options].concat();
    Started::new(user, &recorder(Path::new("a.trap"), &options, &[]))
}

fn is_traced(task: u32) -> bool {
    field(task, "TracerPid:").is_some_and(|tracer| tracer != "0")
}

fn wait_until_traced(process: u32) {
    wait_until("all of it is traced", || {
        let threads = threads(process);
        !threads.is_empty() && threads.into_iter().all(is_traced)
    });
}

/// Nothing of a process is traced or stopped.
#[track_caller]
fn assert_let_go(process: u32) {
    for thread in threads(process) {
        assert!(!is_traced(thread), "thread {thread} is traced");
        assert!(
            !matches!(state(thread), Some('t' | 'T')),
            "thread {thread} is stopped"
        );
    }
}

#[test]
fn a_running_program_with_threads_is_traced_and_let_go() {
    for user in [User::Same, User::Nobody]
        .into_iter()
        .filter(|user| user.is_there())
    {
        let Some(line) = program("workers") else {
            return;
        };
        let workers = Started::new(user, &line);
        wait_until("its threads", || threads(workers.id()).len() == 5);
        for (round, signal) in ["INT", "TERM", "INT"].into_iter().enumerate() {
            let recording = attach(user, workers.id(), &[]);
            wait_until_traced(workers.id());
            std::thread::sleep(Duration::from_millis(50));
            send(signal, recording.id());
            let traced = Traced::ended(recording, "a.trap");
            assert_let_go(workers.id());
            assert_eq!(
                Trace::open(&traced.path).expect("a trace").completeness(),
                None,
                "{}",
                traced.run
            );
            let calls = traced.count(Abi::X86_64, GETPPID);
            assert!(calls > 0, "round {round}: {}", traced.run);
        }
        let run = workers.end();
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (5, "calls: 16000, disturbed: 0\n")
        );
    }
}

#[test]
fn a_killed_recorder_lets_go_what_it_did_not_start() {
    let Some(line) = program("workers") else {
        return;
    };
    let workers = Started::new(User::Same, &line);
    wait_until("its threads", || threads(workers.id()).len() == 5);
    let recording = attach(User::Same, workers.id(), &[]);
    wait_until_traced(workers.id());
    send("KILL", recording.id());
    recording.end();
    let run = workers.end();
    assert_eq!(
        (run.status, run.stdout.as_str()),
        (5, "calls: 16000, disturbed: 0\n")
    );
}

#[test]
fn a_recording_ends_with_the_program_that_it_was_attached_to() {
    let Some(line) = program("workers") else {
        return;
    };
    let workers = Started::new(User::Same, &line);
    wait_until("its threads", || threads(workers.id()).len() == 5);
    let recording = attach(User::Same, workers.id(), &[]);
    let run = workers.end();
    assert_eq!(
        (run.status, run.stdout.as_str()),
        (5, "calls: 16000, disturbed: 0\n")
    );
    let traced = Traced::ended(recording, "a.trap");
    assert_eq!(traced.ends().len(), 1);
    assert_eq!(traced.exited(), 5);
}

#[test]
fn a_stopped_program_stays_stopped_while_it_is_traced_and_goes_on_when_it_is_told() {
    let Some(line) = program("stops_itself") else {
        return;
    };
    let stopped = Started::new(User::Same, &line);
    let process = stopped.id();
    wait_until("it stops", || state(process) == Some('T'));
    let recording = attach(User::Same, process, &[]);
    wait_until_traced(process);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(stopped.stdout(), "", "it stays stopped");
    send("CONT", process);
    let run = stopped.end();
    assert_eq!((run.status, run.stdout.as_str()), (4, "went on\n"));
    let traced = Traced::ended(recording, "a.trap");
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 5, "{}", traced.run);
    assert_eq!(traced.signals(18, "continue"), 1);
}

#[test]
fn a_stopped_program_is_still_stopped_when_it_is_let_go() {
    let Some(line) = program("stops_itself") else {
        return;
    };
    let stopped = Started::new(User::Same, &line);
    let process = stopped.id();
    wait_until("it stops", || state(process) == Some('T'));
    let recording = attach(User::Same, process, &[]);
    wait_until_traced(process);
    send("INT", recording.id());
    recording.end();
    assert!(!is_traced(process));
    wait_until("it is stopped as before", || state(process) == Some('T'));
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(state(process), Some('T'));
    send("CONT", process);
    let run = stopped.end();
    assert_eq!((run.status, run.stdout.as_str()), (4, "went on\n"));
}

#[test]
fn what_cannot_be_attached_to_is_said_in_a_line() {
    let recording = attach(User::Same, u32::MAX >> 1, &[]);
    let run = recording.end();
    assert!(run.status == 1 || run.status == 2, "{run}");
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
}

#[test]
fn a_family_that_grows_while_it_is_attached_to_is_let_go_whole() {
    let Some(line) = program("endless") else {
        return;
    };
    let endless = Started::new(User::Same, &line);
    endless.wait_for_output("goes on");
    for delay in [0, 3, 10, 25, 60, 120] {
        let recording = attach(User::Same, endless.id(), &[]);
        wait_until("it is traced", || is_traced(endless.id()));
        std::thread::sleep(Duration::from_millis(delay));
        send("INT", recording.id());
        recording.end();
        for (process, _) in endless.left.processes() {
            assert_let_go(process);
        }
    }
}
