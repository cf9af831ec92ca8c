//! Promises of `replay --to`: it stops behind the event that it was told, and what it shows of the machine there is true.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::path::{Path, PathBuf};

use programs::{Program, Tool, available};
use serde_json::Value;
use support::replay::{ctrl_c_ends_all, events, rewritten};
use support::{Scratch, stderr, stdout, text, trapline};
use trapline_trace_format::event::{Cause, Event, EventKind, ThreadState, Trap};

/// `replay --to` with these options; status and everything printed.
fn stop(trace: &Path, to: &str, options: &[&str]) -> std::process::Output {
    trapline()
        .args(["replay", "--to", to])
        .args(options)
        .arg(trace)
        .output()
        .expect("replay runs")
}

/// The machine behind an event, counted from 1.
fn machine(trace: &Path, event: usize, options: &[&str]) -> Value {
    let output = stop(trace, &event.to_string(), &[&["--json"], options].concat());
    assert!(output.status.success(), "{}", text(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn register(machine: &Value, name: &str) -> u64 {
    let value = machine["registers"][name].as_str();
    let digits = value.and_then(|value| value.strip_prefix("0x"));
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or_else(|| panic!("no {name} in {machine}"))
}

/// Every register of a state, by name, against those that are shown.
fn assert_state(machine: &Value, state: &ThreadState) {
    for (name, value) in ThreadState::REGISTERS.into_iter().zip(state.registers) {
        assert_eq!(register(machine, name), value, "{name} in {machine}");
    }
    assert_eq!(register(machine, "fs_base"), state.bases[0]);
    assert_eq!(machine["registers_are"], "as_recorded");
}

fn call(event: &Event) -> Option<Trap> {
    match event.kind {
        EventKind::Trap(trap) if trap.cause == Cause::Syscall => Some(trap),
        _ => None,
    }
}

fn state(event: &Event) -> Option<&ThreadState> {
    match &event.kind {
        EventKind::Preempted { state } => Some(state),
        _ => None,
    }
}

fn is_tick(event: &Event) -> bool {
    matches!(&event.kind, EventKind::Trap(trap) if trap.cause == Cause::Timer)
}

/// Numbers of the events of which this is true.
fn numbers(events: &[Event], is: impl Fn(&Event) -> bool) -> Vec<usize> {
    let numbered = (1..).zip(events);
    numbered
        .filter(|(_, event)| is(event))
        .map(|(number, _)| number)
        .collect()
}

fn hello(scratch: &Scratch) -> PathBuf {
    scratch.record("hello.trap", &["--tracer", "none", "--", "hello", "world"])
}

fn tight(scratch: &Scratch) -> PathBuf {
    let jobs = [
        "--job",
        "tight nested 60000000",
        "--job",
        "tight nested 60000000",
    ];
    let options = ["--tracer", "none", "--quantum", "2ms", "--tick", "500us"];
    scratch.record("tight.trap", &[&options[..], &jobs].concat())
}

#[test]
fn at_a_system_call_its_number_and_arguments_are_in_the_registers() {
    let scratch = Scratch::new();
    // Two witnesses: the tracer's stops have numbers, too, and are not repeated.
    let trace = scratch.record(
        "hello.trap",
        &["--tracer", "ptrace", "--", "hello", "world"],
    );
    let events = events(&trace);
    let calls = numbers(&events, |event| call(event).is_some());
    assert!(calls.len() >= 2, "{calls:?}");
    for number in calls {
        let trap = call(&events[number - 1]).expect("a call");
        let machine = machine(&trace, number, &[]);
        assert_eq!(machine["event"], number);
        assert_eq!(register(&machine, "rax"), trap.number as u64);
        let names = ["rdi", "rsi", "rdx", "r10", "r8", "r9"];
        let shown = names.map(|name| register(&machine, name));
        assert_eq!(shown, trap.arguments, "{machine}");
        assert_eq!(register(&machine, "rip"), trap.instruction);
        let code = machine["code"].as_array().expect("code");
        let next = format!("{:#x}", trap.instruction);
        let at = code.iter().position(|line| line["address"] == next);
        let at = at.unwrap_or_else(|| panic!("no {next} in {machine}"));
        assert_eq!(code[at - 1]["text"], "syscall", "{machine}");
    }
}

#[test]
fn memory_holds_what_the_program_is_about_to_write() {
    const WRITE: i32 = 1;
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let events = events(&trace);
    let writes = numbers(&events, |event| {
        call(event).is_some_and(|trap| trap.number == WRITE)
    });
    let number = *writes.last().expect("a write");
    let [_, address, length, ..] = call(&events[number - 1]).expect("a call").arguments;
    // One byte where nothing can be besides.
    let ranges = [format!("{address:#x}:{length}"), "0x0:1".to_owned()];
    let options = ["--memory", &ranges[0], "--memory", &ranges[1]];
    let machine = machine(&trace, number, &options);
    let memory = machine["memory"].as_array().expect("memory");
    let expected: String = b"hello world\n".map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(memory[0]["bytes"], expected);
    assert_eq!(memory[1]["bytes"], "??");
    let shown = stdout(&stop(&trace, &number.to_string(), &options[..2]));
    assert!(shown.contains("|hello world.|"), "{shown}");
    assert!(shown.contains("68 65 6c 6c 6f 20"), "{shown}");
    assert!(shown.contains("write"), "the call has a name: {shown}");
}

#[test]
fn a_tight_loop_stands_still_in_the_state_in_which_it_was_preempted() {
    let scratch = Scratch::new();
    let trace = tight(&scratch);
    let events = events(&trace);
    let preemptions = numbers(&events, |event| state(event).is_some());
    assert!(preemptions.len() >= 3, "{}", preemptions.len());
    for number in [preemptions[0], preemptions[preemptions.len() / 2]] {
        let expected = state(&events[number - 1]).expect("a state");
        assert_state(&machine(&trace, number, &[]), expected);
        // At the interrupt itself it was the same already.
        let tick = (1..number).rev().find(|at| is_tick(&events[at - 1]));
        let machine = machine(&trace, tick.expect("a tick"), &[]);
        assert_state(&machine, expected);
    }
}

#[test]
fn a_tick_without_effect_does_not_pass_for_exact() {
    let scratch = Scratch::new();
    let trace = tight(&scratch);
    let events = events(&trace);
    let without_effect = numbers(&events, is_tick).into_iter().find(|number| {
        let later = events[*number..].iter();
        let mut visit = later.take_while(|event| !matches!(event.kind, EventKind::Return { .. }));
        !visit.any(|event| state(event).is_some())
    });
    let number = without_effect.expect("a tick without effect");
    let machine = machine(&trace, number, &[]);
    assert_eq!(machine["registers_are"], "at_the_start_of_the_stay");
    let shown = stdout(&stop(&trace, &number.to_string(), &[]));
    assert!(shown.contains("had no effect"), "{shown}");
}

#[test]
fn a_thread_that_gets_the_cpu_back_has_the_registers_that_it_lost_it_with() {
    let program = Program::new(Tool::Glibc, "race");
    if available(std::slice::from_ref(&program)).is_empty() {
        return;
    }
    let scratch = Scratch::new();
    let options = ["--tracer", "none", "--quantum", "200us", "--tick", "100us"];
    let trace = program.record(&scratch, &options).expect("a trace");
    let events = events(&trace);
    // A thread of a shared address space, preempted; next time that it has the CPU.
    let preempted = numbers(&events, |event| {
        state(event).is_some() && event.thread.0 != event.process.0
    });
    let mut compared = 0;
    for number in preempted.into_iter().take(3) {
        let lost = &events[number - 1];
        let back = (number + 1..=events.len()).find(|at| {
            let event = &events[at - 1];
            event.thread == lost.thread && matches!(event.kind, EventKind::SwitchEnd)
        });
        let Some(back) = back else { continue };
        let machine = machine(&trace, back, &[]);
        assert_state(&machine, state(lost).expect("a state"));
        let process = &machine["processes"][0];
        let threads = process["threads"].as_array().expect("threads");
        assert!(threads.len() >= 2, "{machine}");
        let running: Vec<&Value> = threads
            .iter()
            .filter(|thread| thread["state"] == "running")
            .map(|thread| &thread["thread"])
            .collect();
        assert_eq!(running, [&Value::from(lost.thread.0)]);
        compared += 1;
    }
    assert!(compared > 0, "no thread was preempted and came back");
}

#[test]
fn processes_and_memory_map_are_those_of_that_moment() {
    let scratch = Scratch::new();
    let trace = tight(&scratch);
    let events = events(&trace);
    let last = numbers(&events, |event| state(event).is_some());
    let machine = machine(&trace, last[0], &[]);
    let processes = machine["processes"].as_array().expect("processes");
    let names: Vec<&str> = processes
        .iter()
        .filter_map(|process| process["name"].as_str())
        .collect();
    assert_eq!(names, ["tight", "tight"]);
    assert_eq!(machine["processes"][0]["parent"], 0);
    let of = |at: usize| machine["processes"][at]["threads"][0]["state"].as_str();
    let mut states = [of(0), of(1)];
    states.sort_unstable();
    assert_eq!(states, [Some("ready"), Some("running")], "{machine}");
    let rip = register(&machine, "rip");
    let number = |text: &Value| {
        let digits = text.as_str().and_then(|text| text.strip_prefix("0x"));
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok())
    };
    let map = machine["memory_map"].as_array().expect("a map");
    let code = map.iter().find(|mapping| {
        let (start, end) = (number(&mapping["start"]), number(&mapping["end"]));
        start <= Some(rip) && Some(rip) < end
    });
    assert_eq!(code.expect("mapped code")["rights"], "r-x");
    assert!(map.iter().any(|mapping| mapping["backing"] == "stack"));
    let end = machine_at_the_end(&trace, events.len());
    assert_eq!(end["processes"][0]["ended"], "ended with 0");
    assert_eq!(end["processes"][0]["threads"], Value::Array(Vec::new()));
    assert_eq!(end["registers"], Value::Null);
}

fn machine_at_the_end(trace: &Path, last: usize) -> Value {
    machine(trace, last, &[])
}

#[test]
fn any_event_can_be_stopped_at_and_a_time_is_as_good_as_a_number() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let events = events(&trace);
    let mut shown = 0;
    for number in 1..=events.len() {
        let machine = machine(&trace, number, &[]);
        let event = machine["event"].as_u64().expect("a number") as usize;
        // Inputs are no part of the run; a machine that boots is shown as it starts.
        let is_input = matches!(events[number - 1].kind, EventKind::Samples { .. });
        let boots = events[event - 1].time == 0;
        assert!(event == number || is_input || boots, "{number}: {machine}");
        shown = shown.max(event);
    }
    assert!(shown + 2 >= events.len(), "{shown} of {}", events.len());
    let number = numbers(&events, |event| call(event).is_some())[0];
    let time = format!("{}ns", events[number - 1].time);
    let output = stop(&trace, &time, &["--json"]);
    let by_time: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(by_time["time_ns"], events[number - 1].time);
}

#[test]
fn an_event_that_is_not_there_gets_one_line() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let beyond = (events(&trace).len() + 1).to_string();
    for to in [beyond.as_str(), "0", "1000s"] {
        let output = stop(&trace, to, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        let said = stderr(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("the trace"), "{said}");
        assert_eq!(stdout(&output), "");
    }
    let wrong = [
        vec!["--to", "soon"],
        vec!["--memory", "0x1000:8"],
        vec!["--to", "3", "--memory", "0x1000"],
        vec!["--to", "3", "--times", "2"],
    ];
    for options in wrong {
        let output = trapline().arg("replay").args(&options).arg(&trace).output();
        let output = output.expect("replay runs");
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
}

#[test]
fn a_replay_that_differs_before_the_event_says_so_and_shows_no_machine() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let all = events(&trace);
    let number = numbers(&all, |event| call(event).is_some())[0];
    let change = |events: &mut Vec<Event>| {
        if let EventKind::Trap(trap) = &mut events[number - 1].kind {
            trap.arguments[2] ^= 1;
        }
    };
    let changed = rewritten(&trace, change, |_, _| {});
    let output = stop(&changed, &(number + 1).to_string(), &[]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    let shown = stdout(&output);
    assert!(shown.contains(&format!("event {number}:")), "{shown}");
    assert!(!shown.contains("Registers"), "{shown}");
}

#[test]
fn ctrl_c_on_the_way_to_an_event_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let options = ["--tracer", "none", "--limit", "100ms", "--", "greedy"];
    let trace = scratch.record("greedy.trap", &options);
    let remove = |events: &mut Vec<Event>| events.retain(|event| !is_tick(event));
    // Without its timer interrupts it never gets to the end.
    let trace = rewritten(&trace, remove, |_, _| {});
    let last = events(&trace).len().to_string();
    ctrl_c_ends_all(trapline().args(["replay", "--to", &last]).arg(&trace));
}
