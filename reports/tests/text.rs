//! Promises about what is printed: snapshots of whole texts, and nothing of a trace reaches the terminal unescaped.

use insta::assert_snapshot;
use trapline_analyzer::summary::*;
use trapline_reports::text::timeline::{ProtocolOptions, Shown, write_protocol};
use trapline_reports::text::{self, Style};
use trapline_trace_format::event::*;
use trapline_trace_format::meta::{Loss, Outcome, Target, Witnesses};

mod support;

const EVIL: &str = "\u{1b}]0;owned\u{7}\u{202e}<script>\r\n";

#[test]
fn a_summary_shows_what_ran_and_where_the_time_went() {
    assert_snapshot!(text::summary(&support::sample().0, Style::Plain));
}

#[test]
fn a_summary_of_a_trace_without_events_still_reads_well() {
    assert_snapshot!(text::summary(&nothing_happened(), Style::Plain));
}

#[test]
fn an_incomplete_trace_says_so_at_the_top() {
    let (mut summary, _) = support::sample();
    summary.incomplete = Some("the log ends in the middle of block 17".to_owned());
    summary.meta.outcome = Outcome::Recording;
    summary.meta.witnesses = Witnesses::Differ {
        detail: "event 12: kernel logged timer, tracer saw syscall 39".to_owned(),
    };
    summary.meta.lost = vec![Loss {
        events: Some(3),
        reason: "disk full".to_owned(),
    }];
    let text = text::summary(&summary, Style::Plain);
    let top: Vec<&str> = text.lines().take(10).collect();
    assert_snapshot!(top.join("\n"));
}

#[test]
fn percentages_of_the_partition_add_up_to_one_hundred() {
    let text = text::summary(&support::sample().0, Style::Plain);
    let section = text
        .split("Where the wall time went")
        .nth(1)
        .unwrap()
        .split("total")
        .next()
        .unwrap();
    let shown = section.lines().filter_map(|line| {
        let (before, _) = line.split_once(" %")?;
        // "<0.1 %" stands for what rounds to nothing.
        before
            .split_whitespace()
            .last()
            .map(|number| number.parse::<f64>().unwrap_or(0.0))
    });
    assert!((shown.sum::<f64>() - 100.0).abs() < 1e-6);
}

#[test]
fn nothing_from_a_trace_reaches_the_terminal_unescaped() {
    let (mut summary, _) = support::sample();
    summary.name = EVIL.to_owned();
    summary.incomplete = Some(EVIL.to_owned());
    summary.syscalls[0].name = EVIL.to_owned();
    summary.unknown_calls[0].name = EVIL.to_owned();
    summary.unknown_calls[0].program = EVIL.to_owned();
    summary.threads[0].name = EVIL.to_owned();
    summary.processes[0].name = EVIL.to_owned();
    summary.meta.host.cpu = EVIL.to_owned();
    summary.meta.host.kernel = EVIL.to_owned();
    summary.meta.outcome = Outcome::Failed {
        reason: EVIL.to_owned(),
    };
    summary.meta.witnesses = Witnesses::Differ {
        detail: EVIL.to_owned(),
    };
    let Target::Mini {
        jobs, scheduler, ..
    } = &mut summary.meta.target
    else {
        panic!("not of the mini-kernel")
    };
    jobs[0].arguments = vec![EVIL.to_owned()];
    *scheduler = EVIL.to_owned();
    assert_tame(&text::summary(&summary, Style::Plain));

    let mut comparison = comparison();
    comparison.base = EVIL.to_owned();
    comparison.caveats = vec![EVIL.to_owned()];
    comparison.rows[0].metric = EVIL.to_owned();
    comparison.exceeded = vec![EVIL.to_owned()];
    assert_tame(&text::comparison(&comparison, Style::Plain));

    let mut shown = Vec::new();
    let events = [
        event(
            0,
            1,
            EventKind::Created {
                parent: ProcessId(0),
                name: EVIL.to_owned(),
                role: Role::Process,
                space: SpaceId(1),
            },
        ),
        event(
            1,
            1,
            EventKind::Executed {
                name: EVIL.to_owned(),
                space: SpaceId(1),
            },
        ),
        event(
            1,
            1,
            EventKind::Input {
                bytes: EVIL.as_bytes().to_vec(),
            },
        ),
        event(
            1,
            1,
            EventKind::Console {
                bytes: EVIL.as_bytes().to_vec(),
            },
        ),
        event(2, 1, EventKind::Trap(trap(Cause::Syscall))),
    ];
    let options = ProtocolOptions {
        from: 0,
        limit: None,
        syscall_name: &|_, _| EVIL.to_owned(),
    };
    write_protocol(events, &options, &mut shown).unwrap();
    assert_tame(&String::from_utf8(shown).unwrap());
}

fn assert_tame(text: &str) {
    let wild = text
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(wild, None, "{text:?}");
    assert!(
        text.contains("\\u{1b}"),
        "the evil name is not shown at all: {text}"
    );
}

#[test]
fn colour_comes_only_when_asked_for() {
    let (summary, _) = support::sample();
    assert!(!text::summary(&summary, Style::Plain).contains('\u{1b}'));
    let coloured = text::summary(&summary, Style::Coloured);
    assert!(coloured.contains("\u{1b}[1m"));
    let stripped = ["1", "2", "32", "1;31", "0"]
        .iter()
        .fold(coloured, |text, code| {
            text.replace(&format!("\u{1b}[{code}m"), "")
        });
    assert_eq!(stripped, text::summary(&summary, Style::Plain));
}

#[test]
fn a_comparison_names_what_is_over_the_limit() {
    assert_snapshot!(text::comparison(&comparison(), Style::Plain));
}

#[test]
fn a_comparison_within_the_limit_says_so() {
    let mut within = comparison();
    within.exceeded.clear();
    within.caveats.clear();
    assert!(
        text::comparison(&within, Style::Plain)
            .ends_with("within the limit: no metric is worse by more than 5 %\n")
    );
}

#[test]
fn the_timeline_is_the_protocol_of_limited_direct_execution() {
    let mut shown = Vec::new();
    write_protocol(protocol(), &options(None), &mut shown).unwrap();
    assert_snapshot!(String::from_utf8(shown).unwrap());
}

#[test]
fn the_timeline_stops_at_its_limit_and_tells_where_to_go_on() {
    let mut out = Vec::new();
    let shown = write_protocol(protocol(), &options(Some(3)), &mut out).unwrap();
    assert_eq!(
        shown,
        Shown {
            events: 3,
            next: Some(3_000)
        }
    );
    let rest = ProtocolOptions {
        from: 3_000,
        ..options(Some(1))
    };
    let mut out = Vec::new();
    write_protocol(protocol(), &rest, &mut out).unwrap();
    // Names are known though their threads were created before what is shown.
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("return-from-trap into spin (1)")
    );
}

#[test]
fn the_timeline_tells_of_families_memory_and_signals() {
    let mut shown = Vec::new();
    write_protocol(family(), &options(None), &mut shown).unwrap();
    assert_snapshot!(String::from_utf8(shown).unwrap());
}

/// `sh` makes a thread and a child, which becomes `ls`, maps, faults and is ended by a signal.
fn family() -> Vec<Event> {
    let created = |time, process, thread, parent, role| Event {
        process: ProcessId(process),
        ..event(
            time,
            thread,
            EventKind::Created {
                parent: ProcessId(parent),
                name: "sh".to_owned(),
                role,
                space: SpaceId(process),
            },
        )
    };
    let changed = |time, space, change| {
        event(
            time,
            space,
            EventKind::MapChanged {
                space: SpaceId(space),
                change,
            },
        )
    };
    let range = Range {
        start: 0x60_0000,
        end: 0x62_1000,
    };
    let to = |thread, waits| EventKind::SwitchBegin {
        to: ThreadId(thread),
        reason: SwitchReason::Block,
        waits,
    };
    let signal = |signal, sender, action| EventKind::Signal {
        signal,
        sender: ProcessId(sender),
        action,
        info: Vec::new(),
    };
    let killed = ExitStatus::Killed {
        signal: 15,
        cause: None,
        address: 0,
    };
    vec![
        created(0, 1, 1, 0, Role::Process),
        created(1_000, 1, 2, 1, Role::Thread),
        created(2_000, 3, 3, 1, Role::Process),
        changed(2_100, 3, MapChange::Copy { from: SpaceId(1) }),
        event(
            3_000,
            1,
            EventKind::Input {
                bytes: b"ls\n".to_vec(),
            },
        ),
        event(3_100, 1, EventKind::Input { bytes: Vec::new() }),
        Event {
            process: ProcessId(1),
            ..event(4_000, 2, to(1, Some(Waits::Futex)))
        },
        event(5_000, 1, to(3, Some(Waits::Child))),
        changed(6_000, 3, MapChange::Clear),
        changed(
            6_100,
            3,
            MapChange::Map {
                range,
                rights: Rights::READ_WRITE,
                backing: Backing::Heap,
                inode: 0,
                offset: 0,
            },
        ),
        changed(
            6_200,
            3,
            MapChange::Protect {
                range,
                rights: Rights::READ,
            },
        ),
        changed(6_300, 3, MapChange::Unmap { range }),
        event(
            7_000,
            3,
            EventKind::Executed {
                name: "ls".to_owned(),
                space: SpaceId(3),
            },
        ),
        event(8_000, 3, EventKind::Trap(trap(Cause::PageFault))),
        event(
            8_100,
            3,
            signal(11, 0, SignalAction::Handler { address: 0x40_2000 }),
        ),
        event(9_000, 3, signal(17, 1, SignalAction::Ignore)),
        event(9_100, 3, signal(19, 1, SignalAction::Stop)),
        event(9_200, 3, signal(18, 1, SignalAction::Continue)),
        event(9_300, 3, signal(15, 1, SignalAction::Kill)),
        event(9_400, 3, EventKind::Exited { status: killed }),
        event(9_500, 3, EventKind::ProcessExited { status: killed }),
    ]
}

#[test]
fn of_thousands_of_processes_the_busiest_are_shown_under_those_that_made_them() {
    let (mut summary, _) = support::sample();
    let first = summary.processes[0].clone();
    summary.processes = (1..=5000)
        .map(|process| ProcessStat {
            process,
            // A chain of forks, as deep as it gets.
            parent: process - 1,
            user_ns: i64::from(process),
            kernel_ns: 0,
            usage: None,
            killed_by: None,
            ..first.clone()
        })
        .collect();
    let text = text::summary(&summary, Style::Plain);
    assert!(text.contains("spin (5000)"), "the busiest");
    assert!(text.contains("4,880 processes with less CPU time are not shown"));
    let rows = text.lines().filter(|line| line.contains("spin (")).count();
    assert!(rows < 200, "{rows} rows");
    let deepest = text.lines().map(|line| line.len()).max();
    assert!(deepest < Some(400), "{deepest:?}");
}

fn options(limit: Option<usize>) -> ProtocolOptions<'static> {
    ProtocolOptions {
        from: 0,
        limit,
        syscall_name: &|_, number| {
            if number == 39 {
                "getpid".into()
            } else {
                format!("#{number}")
            }
        },
    }
}

fn protocol() -> Vec<Event> {
    vec![
        event(
            0,
            1,
            EventKind::Created {
                parent: ProcessId(0),
                name: "spin".to_owned(),
                role: Role::Process,
                space: SpaceId(1),
            },
        ),
        event(
            1_000,
            2,
            EventKind::Created {
                parent: ProcessId(0),
                name: "storm".to_owned(),
                role: Role::Process,
                space: SpaceId(2),
            },
        ),
        event(2_000, 1, EventKind::QuantumStart { expiry: 10_002_000 }),
        event(3_000, 1, EventKind::Return { result: 0 }),
        event(10_002_000, 1, EventKind::Trap(trap(Cause::Timer))),
        event(
            10_002_100,
            1,
            EventKind::Held {
                until: 10_002_200,
                space: SpaceId(1),
                seen: Seen::Other,
            },
        ),
        event(
            10_003_000,
            1,
            EventKind::SwitchBegin {
                to: ThreadId(2),
                reason: SwitchReason::Quantum,
                waits: None,
            },
        ),
        event(10_007_000, 2, EventKind::SwitchEnd),
        event(10_008_000, 2, EventKind::Return { result: 0 }),
        event(10_100_000, 2, EventKind::Trap(trap(Cause::Syscall))),
        event(10_102_000, 2, EventKind::Return { result: 2 }),
        event(10_200_000, 2, EventKind::Trap(trap(Cause::Protection))),
        event(
            10_204_000,
            2,
            EventKind::Exited {
                status: ExitStatus::Killed {
                    signal: 11,
                    cause: Some(Cause::Protection),
                    address: 0x1000,
                },
            },
        ),
    ]
}

fn event(time: Nanos, thread: u32, kind: EventKind) -> Event {
    Event {
        time,
        process: ProcessId(thread),
        thread: ThreadId(thread),
        kind,
    }
}

fn trap(cause: Cause) -> Trap {
    Trap {
        cause,
        abi: Abi::X86_64,
        number: 39,
        instruction: 0x40_1000,
        address: 0x1000,
        arguments: [0; 6],
    }
}

fn comparison() -> Comparison {
    let row = |metric: &str, unit, polarity, base: Option<f64>, new: Option<f64>| ComparisonRow {
        metric: metric.to_owned(),
        unit,
        polarity,
        base,
        new,
        change_percent: base
            .zip(new)
            .filter(|(base, _)| *base != 0.0)
            .map(|(base, new)| (new - base) / base * 100.0),
    };
    use Polarity::*;
    Comparison {
        base: "base.trap".to_owned(),
        new: "new.trap".to_owned(),
        rows: vec![
            row(
                "visits.syscall.count",
                Unit::Count,
                LowerIsBetter,
                Some(1_000.0),
                Some(1_200.0),
            ),
            row(
                "switches.quantum.count",
                Unit::Count,
                LowerIsBetter,
                Some(300.0),
                Some(290.0),
            ),
            row(
                "visits.page_fault.count",
                Unit::Count,
                LowerIsBetter,
                None,
                Some(4.0),
            ),
            row(
                "wall",
                Unit::Nanoseconds,
                LowerIsBetter,
                Some(3.0e9),
                Some(3.01e9),
            ),
            row(
                "overhead.without_probe",
                Unit::Share,
                LowerIsBetter,
                Some(0.031),
                Some(0.034),
            ),
            row("threads.count", Unit::Count, Neutral, Some(5.0), Some(6.0)),
        ],
        fail_over_percent: Some(5.0),
        exceeded: vec!["visits.syscall.count".to_owned()],
        caveats: vec!["kernel memory was closed in base and open in new".to_owned()],
    }
}

fn nothing_happened() -> Summary {
    Summary {
        linux: None,
        name: "empty.trap".to_owned(),
        meta: support::meta(0),
        incomplete: None,
        wall_ns: 0,
        partition: Vec::new(),
        overhead: Overhead::default(),
        causes: Vec::new(),
        syscalls: Vec::new(),
        switches: Vec::new(),
        unknown_calls: Vec::new(),
        page_faults: PageFaults::default(),
        blocked: Vec::new(),
        processes: Vec::new(),
        threads: Vec::new(),
        quantum: None,
    }
}
