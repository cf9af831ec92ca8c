//! Promises of the text of calls, as strace prints it.

use trapline_trace_format::event::{Abi, Role, SpaceId};

use super::*;

const READ: i32 = 0;
const CLOSE: i32 = 3;
const EXIT_GROUP: i32 = 231;
const OPENAT: i32 = 257;

/// A made-up trace.
#[derive(Default)]
struct Story {
    events: Vec<Event>,
    time: Nanos,
}

impl Story {
    fn tell(&mut self, thread: u32, kind: EventKind) {
        self.time += 1000;
        self.events.push(Event {
            time: self.time,
            process: ProcessId(thread),
            thread: ThreadId(thread),
            kind,
        });
    }

    fn trap(&mut self, thread: u32, number: i32, arguments: [u64; 6]) {
        let trap = Trap {
            cause: Cause::Syscall,
            abi: Abi::X86_64,
            number,
            instruction: 0,
            address: 0,
            arguments,
        };
        self.tell(thread, EventKind::Trap(trap));
    }

    fn pointed(&mut self, thread: u32, argument: u8, bytes: &[u8]) {
        let pointed = Pointed {
            argument,
            part: 0,
            length: bytes.len() as u64,
            bytes: bytes.to_vec(),
        };
        self.tell(thread, EventKind::Pointed(pointed));
    }

    fn held(&mut self, thread: u32, seen: Seen) {
        let (until, space) = (self.time + 1000, SpaceId(0));
        self.tell(thread, EventKind::Held { until, space, seen });
    }

    fn entered(&mut self, thread: u32, number: i32) {
        let seen = Seen::Trap {
            cause: Cause::Syscall,
            number,
            instruction: 0,
        };
        self.held(thread, seen);
    }

    fn returned(&mut self, thread: u32, result: i64) {
        self.tell(thread, EventKind::Return { result });
    }

    fn lines(&self, options: &Options) -> Vec<String> {
        let mut text = Vec::new();
        let mut lines = Lines::new(options, &mut text);
        for event in &self.events {
            lines.event(event.clone()).expect("memory can be written");
        }
        lines.finish().expect("memory can be written");
        let text = String::from_utf8(text).expect("ASCII");
        text.lines().map(str::to_owned).collect()
    }
}

fn read(story: &mut Story, thread: u32) {
    story.trap(thread, READ, [3, 0x1000, 100, 0, 0, 0]);
    story.entered(thread, READ);
}

#[test]
fn a_call_is_a_line_with_its_result_in_column_40() {
    let mut story = Story::default();
    story.trap(7, OPENAT, [u64::from(-100_i32 as u32), 0x10, 0, 0, 0, 0]);
    story.pointed(7, 1, b"/etc/\x1b[2J\0");
    story.entered(7, OPENAT);
    story.returned(7, -2);
    story.held(7, Seen::Return);
    story.trap(7, CLOSE, [3, 0, 0, 0, 0, 0]);
    story.entered(7, CLOSE);
    story.returned(7, 0);
    read(&mut story, 7);
    story.returned(7, 2);
    story.pointed(7, 1, b"ab");
    assert_eq!(
        story.lines(&Options::default()),
        [
            r#"7     openat(AT_FDCWD, "/etc/\33[2J", O_RDONLY) = -1 ENOENT (No such file or directory)"#,
            "7     close(3)                          = 0",
            r#"7     read(3, "ab", 100)                = 2"#,
        ]
    );
}

#[test]
fn a_call_that_another_thread_interrupts_is_resumed() {
    let mut story = Story::default();
    read(&mut story, 1);
    story.trap(2, CLOSE, [4, 0, 0, 0, 0, 0]);
    story.entered(2, CLOSE);
    story.returned(1, 1);
    story.pointed(1, 1, b"x");
    story.held(1, Seen::Return);
    story.returned(2, -9);
    story.held(2, Seen::Return);
    assert_eq!(
        story.lines(&Options::default()),
        [
            "1     read(3,  <unfinished ...>",
            "2     close(4 <unfinished ...>",
            r#"1     <... read resumed>"x", 100)       = 1"#,
            "2     <... close resumed>)              = -1 EBADF (Bad file descriptor)",
        ]
    );
}

#[test]
fn a_call_that_does_not_return_and_the_end_of_a_thread() {
    let mut story = Story::default();
    story.trap(7, EXIT_GROUP, [3, 0, 0, 0, 0, 0]);
    story.entered(7, EXIT_GROUP);
    let status = ExitStatus::Code(3);
    story.tell(7, EventKind::Exited { status });
    read(&mut story, 8);
    let status = ExitStatus::Killed {
        signal: 9,
        cause: None,
        address: 0,
    };
    story.tell(8, EventKind::Exited { status });
    read(&mut story, 9);
    assert_eq!(
        story.lines(&Options::default()),
        [
            "7     exit_group(3)                     = ?",
            "7     +++ exited with 3 +++",
            "8     read(3, 0x1000, 100)              = ?",
            "8     +++ killed by SIGKILL +++",
            "9     read(3,  <unfinished ...>",
        ]
    );
}

#[test]
fn signals_are_told_with_what_is_known() {
    let mut story = Story::default();
    let mut info = vec![0; 128];
    (info[0], info[16]) = (10, 5);
    for (signal, info) in [(10, info), (19, Vec::new())] {
        let kind = EventKind::Signal {
            signal,
            sender: ProcessId(5),
            action: if signal == 19 {
                SignalAction::Stop
            } else {
                SignalAction::Ignore
            },
            info,
        };
        story.tell(7, kind);
    }
    assert_eq!(
        story.lines(&Options::default()),
        [
            "7     --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=5, si_uid=0} ---",
            "7     --- SIGSTOP {si_signo=SIGSTOP, si_pid=5} ---",
            "7     --- stopped by SIGSTOP ---",
        ]
    );
}

#[test]
fn a_thread_that_executes_a_program_goes_on_as_its_process() {
    const EXECVE: i32 = 59;
    let mut story = Story::default();
    story.trap(5, READ, [0; 6]);
    story.entered(5, READ);
    story.trap(7, EXECVE, [0; 6]);
    story.entered(7, EXECVE);
    for thread in [5, 7] {
        let status = ExitStatus::Code(0);
        story.tell(thread, EventKind::Exited { status });
    }
    story.returned(5, 0);
    for event in &mut story.events {
        event.process = ProcessId(5);
    }
    assert_eq!(
        story.lines(&Options::default()),
        [
            "5     read(0,  <unfinished ...>",
            "7     execve(NULL, NULL, NULL <unfinished ...>",
            "5     <... read resumed>NULL, 0)        = ?",
            "5     +++ superseded by execve in pid 7 +++",
            "5     <... execve resumed>)             = 0",
        ]
    );
}

#[test]
fn an_interrupted_sleep_goes_on_under_its_name() {
    const NANOSLEEP: i32 = 35;
    const RESTART_SYSCALL: i32 = 219;
    let mut story = Story::default();
    for (number, result) in [
        (NANOSLEEP, -516),
        (RESTART_SYSCALL, -516),
        (RESTART_SYSCALL, 0),
    ] {
        story.trap(7, number, [0; 6]);
        story.entered(7, number);
        story.returned(7, result);
        story.held(7, Seen::Return);
    }
    let lines = story.lines(&Options::default());
    assert_eq!(
        lines[0],
        "7     nanosleep(NULL, NULL)             = ? ERESTART_RESTARTBLOCK (Interrupted by signal)"
    );
    let resumed = "7     restart_syscall(<... resuming interrupted nanosleep ...>) = ";
    assert!(lines[1].starts_with(resumed), "{}", lines[1]);
    assert_eq!(lines[2], format!("{resumed}0"));
}

#[test]
fn columns_are_chosen() {
    let mut story = Story::default();
    read(&mut story, 7);
    story.returned(7, 0);
    let mut options = Options {
        pids: Pids::Hidden,
        timestamps: Timestamps::Unix { started_s: 100 },
        durations: Durations::Shown,
        ..Options::default()
    };
    // The tracer held the thread for one of the two microseconds.
    assert_eq!(
        story.lines(&options),
        ["100.000001 read(3, \"\", 100)             = 0 <0.000001>"]
    );
    options.durations = Durations::Hidden;
    options.timestamps = Timestamps::Start;
    assert!(story.lines(&options)[0].starts_with("0.000001000 read("));
    options.timestamps = Timestamps::Relative;
    assert!(story.lines(&options)[0].starts_with("     0.000000 read("));
    options.calls = CallSet::parse("!read").expect("a set");
    assert_eq!(story.lines(&options), [""; 0]);
}

#[test]
fn other_events_give_no_line() {
    let mut story = Story::default();
    let created = EventKind::Created {
        parent: ProcessId(0),
        name: "x".to_owned(),
        role: Role::Process,
        space: SpaceId(1),
    };
    story.tell(1, created);
    story.returned(1, 5);
    story.tell(1, EventKind::SwitchEnd);
    assert_eq!(story.lines(&Options::default()), [""; 0]);
}
