//! Promises of `replay` about traces that are not what was recorded: every kind of input that is changed shows at the first
//! event that differs, and what cannot be replayed is refused in one line before anything runs.

mod support;

use std::path::{Path, PathBuf};

use support::replay::{Ran, ctrl_c_ends_all, events, fault_of_replay, replay, rewritten};
use support::{Scratch, stderr, text, trapline};
use trapline_trace_format::event::{Cause, Event, EventKind};
use trapline_trace_format::folder::ReplayPart;

fn nothing(_: ReplayPart, _: &mut Vec<u8>) {}

fn no_event(_: &mut Vec<Event>) {}

/// Two programs that make calls and are preempted all the time.
fn preempting(scratch: &Scratch) -> PathBuf {
    let job = ["--job", "storm 400"];
    let options = ["--tracer", "none", "--quantum", "100us", "--tick", "50us"];
    scratch.record("two.trap", &[&options[..], &job, &job].concat())
}

/// One that reads a line and prints it.
fn reading(scratch: &Scratch) -> PathBuf {
    let input = scratch.path("input");
    std::fs::write(&input, "some words\n").expect("written");
    let input = input.to_str().expect("text");
    scratch.record("tell.trap", &["--stdin", input, "--", "tell", "a"])
}

/// A replay that was refused: nothing ran, and one line says why.
fn refusal(ran: &Ran) -> String {
    assert_eq!(ran.status, 1, "{}", text(&ran.output));
    assert!(ran.runs.is_empty());
    let said = stderr(&ran.output);
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// Position of the first event of which this is true, behind `from`.
fn position(events: &[Event], from: usize, is: impl Fn(&EventKind) -> bool) -> usize {
    let found = events[from..].iter().position(|event| is(&event.kind));
    from + found.expect("such an event")
}

fn is_preemption(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Preempted { .. })
}

fn is_tick(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Trap(trap) if trap.cause == Cause::Timer)
}

/// The trace with this event changed.
fn with_event(trace: &Path, position: usize, change: impl FnOnce(&mut EventKind)) -> PathBuf {
    rewritten(trace, |events| change(&mut events[position].kind), nothing)
}

#[test]
fn a_trace_that_was_only_copied_is_still_the_same() {
    let scratch = Scratch::new();
    let trace = rewritten(&preempting(&scratch), no_event, nothing);
    let ran = replay(&trace, &[]);
    assert_eq!(fault_of_replay(&trace, &ran), None);
    assert!(ran.verified("preemptions") > 0, "{}", text(&ran.output));
}

#[test]
fn a_changed_reading_of_the_clock_shows_at_the_next_event() {
    let scratch = Scratch::new();
    let trace = preempting(&scratch);
    let all = events(&trace);
    let at = position(&all, all.len() / 2, |kind| {
        matches!(kind, EventKind::Samples { .. })
    });
    let changed = with_event(&trace, at, |kind| {
        let EventKind::Samples { bytes } = kind else {
            unreachable!()
        };
        bytes[0] ^= 1;
    });
    let (event, said) = replay(&changed, &[]).divergence();
    // The samples of an event stand before it, and those of one record are of a few dozen events.
    let range = at as u64 - 80..at as u64 + 80;
    assert!(range.contains(&event), "{event}, changed at {at}: {said}");
    assert!(said.contains("at another time"), "{said}");
}

#[test]
fn a_changed_state_of_a_preemption_is_never_found() {
    let scratch = Scratch::new();
    let trace = preempting(&scratch);
    let all = events(&trace);
    let at = position(&all, all.len() / 2, is_preemption);
    let tick = (0..at).rev().find(|index| is_tick(&all[*index].kind));
    for what in ["register", "memory", "vectors"] {
        let changed = with_event(&trace, at, |kind| {
            let EventKind::Preempted { state } = kind else {
                unreachable!()
            };
            match what {
                "register" => state.registers[11] ^= 1,
                "memory" => state.memory ^= 1,
                _ => state.vectors ^= 1,
            }
        });
        let ran = replay(&changed, &[]);
        let (event, said) = ran.divergence();
        assert_eq!(Some(event as usize - 1), tick, "{what}: {said}");
        assert!(said.contains("timer had interrupted it"), "{what}: {said}");
        assert!(ran.verified("events") < event, "{}", text(&ran.output));
    }
}

#[test]
fn memory_that_is_another_at_an_exit_is_named() {
    let scratch = Scratch::new();
    let trace = scratch.record("storm.trap", &["--", "storm", "40", "looked-at-by-nobody"]);
    // On the program's stack is a word that it never reads: nothing shows it but its memory.
    let changed = rewritten(&trace, no_event, |part, bytes| {
        if part == ReplayPart::Boot {
            replace(bytes, b"looked-at", b"forgotten");
        }
    });
    let (event, said) = replay(&changed, &[]).divergence();
    let named = "the memory at the exit of process 1 differs: its digest is";
    assert!(said.contains(named), "{said}");
    let left = |kind: &EventKind| matches!(kind, EventKind::MemoryLeft { .. });
    let at = position(&events(&trace), 0, left);
    assert_eq!(event as usize, at + 1, "{said}");
    let changed = with_event(&trace, at, |kind| {
        let EventKind::MemoryLeft { bytes, .. } = kind else {
            unreachable!()
        };
        *bytes += 4096;
    });
    let (_, said) = replay(&changed, &[]).divergence();
    assert!(said.contains("its size is"), "{said}");
}

#[test]
fn a_changed_byte_of_console_input_shows_in_what_the_program_does_with_it() {
    let scratch = Scratch::new();
    let trace = reading(&scratch);
    let at = position(
        &events(&trace),
        0,
        |kind| matches!(kind, EventKind::Input { bytes } if !bytes.is_empty()),
    );
    let changed = with_event(&trace, at, |kind| {
        let EventKind::Input { bytes } = kind else {
            unreachable!()
        };
        bytes[0] = b'X';
    });
    let (event, said) = replay(&changed, &[]).divergence();
    assert!(event as usize > at + 1, "{event}, changed at {at}: {said}");
    assert!(
        said.contains("ome words") && said.contains("Xome"),
        "{said}"
    );
}

#[test]
fn a_changed_program_is_caught_where_it_first_does_something_else() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--", "hello", "world"]);
    let changed = rewritten(&trace, no_event, |part, bytes| {
        if part == ReplayPart::Initramfs {
            replace(bytes, b"hello from", b"hallo from");
        }
    });
    let (_, said) = replay(&changed, &[]).divergence();
    assert!(
        said.contains("hello from") && said.contains("hallo from"),
        "{said}"
    );
}

/// Puts `new` in place of every `old`, which must be there.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "nothing to replace");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
}

#[test]
fn a_change_of_any_recorded_event_is_named() {
    let scratch = Scratch::new();
    let trace = reading(&scratch);
    let all = events(&trace);
    let middle = all.len() / 2;
    let call = position(
        &all,
        0,
        |kind| matches!(kind, EventKind::Trap(trap) if trap.cause == Cause::Syscall),
    );
    let result = position(&all, call, |kind| matches!(kind, EventKind::Return { .. }));
    let console = position(&all, 0, |kind| matches!(kind, EventKind::Console { .. }));
    for at in [call, result, console] {
        let changed = with_event(&trace, at, |kind| match kind {
            EventKind::Trap(trap) => trap.arguments[2] ^= 1,
            EventKind::Return { result } => *result ^= 1,
            EventKind::Console { bytes } => bytes[0] ^= 1,
            _ => unreachable!(),
        });
        let (event, said) = replay(&changed, &[]).divergence();
        assert_eq!(event as usize, at + 1, "{said}");
    }
    let without = position(&all, middle, |kind| matches!(kind, EventKind::SwitchEnd));
    let shorter = rewritten(&trace, |events| drop(events.remove(without)), nothing);
    let (event, said) = replay(&shorter, &[]).divergence();
    assert!(event as usize > without, "{said}");
    assert!(said.contains("the end of a switch"), "{said}");
}

#[test]
fn another_kernel_is_run_only_for_who_trusts_it() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--", "hello"]);
    let longer = rewritten(&trace, no_event, |part, bytes| {
        if part == ReplayPart::Kernel {
            bytes.push(0);
        }
    });
    let said = refusal(&replay(&longer, &[]));
    assert!(
        said.contains("its kernel is not the one") && said.contains("--trust"),
        "{said}"
    );
    assert_eq!(
        fault_of_replay(&longer, &replay(&longer, &["--trust"])),
        None
    );
    let broken = rewritten(&trace, no_event, |part, bytes| {
        if part == ReplayPart::Kernel {
            bytes[0] = 0;
        }
    });
    let said = refusal(&replay(&broken, &["--trust"]));
    assert!(said.contains("executing the kernel image"), "{said}");
}

#[test]
fn an_open_kernel_is_run_only_for_who_trusts_its_programs() {
    let scratch = Scratch::new();
    let trace = scratch.record("open.trap", &["--protect", "off", "--", "hello"]);
    let said = refusal(&replay(&trace, &[]));
    assert!(
        said.contains("--protect off") && said.contains("--trust"),
        "{said}"
    );
    assert_eq!(fault_of_replay(&trace, &replay(&trace, &["--trust"])), None);
}

#[test]
fn what_lacks_something_or_is_of_another_version_is_refused() {
    // Places in the boot parameters (fixtures/abi/src/boot.rs).
    const VERSION: usize = 8;
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--", "hello"]);
    let newer = rewritten(&trace, no_event, |part, bytes| {
        if part == ReplayPart::Boot {
            bytes[VERSION] += 1;
        }
    });
    let said = refusal(&replay(&newer, &["--trust"]));
    assert!(said.contains("of the kernel's interface"), "{said}");
    let without = |events: &mut Vec<Event>| {
        events.retain(|event| !matches!(event.kind, EventKind::Samples { .. }));
    };
    let said = refusal(&replay(&rewritten(&trace, without, nothing), &[]));
    assert!(said.contains("it holds no inputs"), "{said}");
    let file = trace.join("replay/initramfs");
    let mut bytes = std::fs::read(&file).expect("read");
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let said = refusal(&replay(&trace, &[]));
    assert!(said.contains("replay/initramfs: damaged"), "{said}");
    std::fs::remove_file(&file).expect("removed");
    let said = refusal(&replay(&trace, &[]));
    assert!(said.contains("it has no replay/initramfs"), "{said}");
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/v2/family.trap");
    let said = refusal(&replay(&old, &[]));
    assert!(
        said.contains("it is of format version 2, which came before replays; record it again"),
        "{said}"
    );
    let of_linux = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/v4/shell.trap");
    let said = refusal(&replay(&of_linux, &[]));
    assert!(said.contains("its programs ran on Linux"), "{said}");
    let said = refusal(&replay(&scratch.path("none"), &[]));
    assert!(said.contains("no such trace folder"), "{said}");
}

#[test]
fn the_key_to_the_kernel_is_in_no_trace() {
    const KEY: std::ops::Range<usize> = 56..64;
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--", "hello"]);
    let trace = trapline_trace_format::folder::Trace::open(&trace).expect("a trace");
    let boot = trace.replay_part(ReplayPart::Boot).expect("kept");
    assert_eq!(boot[KEY], [0; 8]);
}

/// A trace of a program that never ends and whose timer interrupts are gone.
fn endless(scratch: &Scratch) -> PathBuf {
    let options = ["--tracer", "none", "--limit", "400ms", "--", "greedy"];
    let trace = scratch.record("greedy.trap", &options);
    let remove = |events: &mut Vec<Event>| events.retain(|event| !is_tick(&event.kind));
    rewritten(&trace, remove, nothing)
}

#[test]
fn a_replay_in_which_nothing_happens_any_more_is_given_up() {
    let scratch = Scratch::new();
    let ran = replay(&endless(&scratch), &["--patience", "300ms"]);
    let (_, said) = ran.divergence();
    assert!(said.contains("nothing came for"), "{said}");
}

#[test]
fn ctrl_c_ends_a_replay_and_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let trace = endless(&scratch);
    ctrl_c_ends_all(trapline().arg("replay").arg(&trace));
}
