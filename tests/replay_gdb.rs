//! Promises of `replay --gdb`: what gdb is shown is the machine of the recording, it stops where it was told each time, and goes
//! back. What becomes of it in the end is in `replay_gdb_ends.rs`.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::gdb::{REGISTERS, Remote, Served, call, has_gdb, hello, nested, numbers};
use support::replay::events;
use support::{Scratch, skip, stderr, text, trapline};
use trapline_trace_format::event::{Event, EventKind};

/// The machine behind an event as `--to --json` shows it.
fn machine(trace: &Path, event: usize, options: &[&str]) -> Value {
    let output = trapline()
        .args(["replay", "--json", "--to", &event.to_string()])
        .args(options)
        .arg(trace)
        .output()
        .expect("replay runs");
    assert!(output.status.success(), "{}", text(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The registers of `--to --json` that the protocol has, too.
fn registers(machine: &Value) -> BTreeMap<String, u64> {
    let names = REGISTERS.iter().chain(&["flags", "fs_base"]);
    let of = |name: &&str| {
        let digits = machine["registers"][*name].as_str()?.strip_prefix("0x")?;
        Some(((**name).to_owned(), u64::from_str_radix(digits, 16).ok()?))
    };
    names.filter_map(of).collect()
}

fn is_preemption(event: &Event) -> bool {
    matches!(event.kind, EventKind::Preempted { .. })
}

/// What `find` says of the first of these preemptions that it can say something of: not every one came in the loop.
fn at_some<T>(
    trace: &Path,
    preemptions: &[usize],
    find: impl Fn(&mut Remote, u64) -> Option<T>,
) -> T {
    let found = preemptions.iter().find_map(|event| {
        let served = Served::start(trace, &["--to", &event.to_string()]);
        let mut remote = served.connect();
        let (_, thread) = remote.go("?");
        let inside = remote.registers(thread)["rip"];
        let found = find(&mut remote, inside);
        drop(remote);
        served.ended();
        found
    });
    found.expect("a preemption in the loop")
}

/// The outer loop's instruction behind the inner loop of `tight nested`, if the machine stands in that.
fn outer_loop(remote: &mut Remote, inside: u64) -> Option<u64> {
    // The inner loop: add, dec (3 bytes each), jnz (2 bytes, 75 and how far back).
    let behind = [8, 5, 2];
    let mut is_jump = |far: &u64| {
        let code = remote.memory(inside + far - 5, 4);
        code.starts_with("48ff") && code.ends_with("75")
    };
    let far = behind.into_iter().find(|far| is_jump(far))?;
    Some(inside + far)
}

#[test]
fn registers_and_memory_at_an_event_are_those_that_to_shows() {
    let scratch = Scratch::new();
    let trace = nested(&scratch, 300_000);
    let all = events(&trace);
    let calls = numbers(&all, |event| call(event).is_some());
    let preempted = numbers(&all, is_preemption);
    assert!(!calls.is_empty() && !preempted.is_empty(), "{all:?}");
    for event in [calls[0], preempted[0], preempted[0] + 1] {
        let shown = machine(&trace, event, &[]);
        let wanted = registers(&shown);
        assert_eq!(wanted.len(), 19, "{shown}");
        let stack = wanted["rsp"];
        let range = format!("{stack:#x}:16");
        let served = Served::start(&trace, &["--to", &event.to_string()]);
        let mut remote = served.connect();
        let (_, thread) = remote.go("?");
        assert_eq!(
            u64::from(thread),
            shown["thread"].as_u64().expect("a thread")
        );
        assert_eq!(remote.registers(thread), wanted, "event {event}");
        let bytes = remote.memory(stack, 16);
        let shown = machine(&trace, event, &["--memory", &range]);
        assert_eq!(shown["memory"][0]["bytes"], bytes);
        drop(remote);
        assert_eq!(served.ended().status.code(), Some(0));
    }
}

#[test]
fn a_breakpoint_is_hit_as_often_as_the_instruction_was_executed_and_the_same_each_time() {
    const ROUNDS: u32 = 500_000;
    let scratch = Scratch::new();
    let trace = nested(&scratch, ROUNDS);
    let points = numbers(&events(&trace), is_preemption);
    assert!(points.len() > 2, "{points:?}");
    let at = at_some(&trace, &points, outer_loop);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let served = Served::start(&trace, &[]);
        let mut remote = served.connect();
        assert_eq!(remote.ask(&format!("Z1,{at:x},1")), "OK");
        let mut hits = Vec::new();
        loop {
            let (stop, thread) = remote.go("vCont;c");
            if stop.contains("replaylog:end") {
                break;
            }
            assert!(stop.contains("hwbreak"), "{stop}");
            let registers = remote.registers(thread);
            assert_eq!(registers["rip"], at);
            hits.push((thread, registers));
        }
        drop(remote);
        assert_eq!(served.ended().status.code(), Some(0));
        runs.push(hits);
    }
    for thread in [1, 2] {
        let of = runs[0].iter().filter(|(of, _)| *of == thread).count();
        assert_eq!(of, ROUNDS as usize / 1000 + 1, "of thread {thread}");
    }
    assert!(runs[0] == runs[1], "not the same twice");
}

#[test]
fn a_watchpoint_stops_behind_every_change() {
    let scratch = Scratch::new();
    let options = ["--tracer", "none", "--quantum", "100us", "--tick", "50us"];
    let jobs = ["--job", "tight word 3000000", "--job", "tight word 3000000"];
    let trace = scratch.record("word.trap", &[&options[..], &jobs].concat());
    let points = numbers(&events(&trace), is_preemption);
    // The loop: inc dword ptr [REGISTER] (ff 00 to ff 07), cmp, jne.
    let word = at_some(&trace, &points, |remote, inside| {
        let code = remote.memory(inside - 8, 16);
        let bytes: Vec<&str> = (0..16).map(|at| &code[2 * at..2 * at + 2]).collect();
        let names = ["rax", "rcx", "rdx", "rbx", "", "", "rsi", "rdi"];
        let name = bytes.windows(2).find_map(|pair| {
            let register = pair[1].parse::<usize>().ok()?;
            (pair[0] == "ff").then(|| names.get(register)).flatten()
        })?;
        let (_, thread) = remote.go("?");
        remote.registers(thread).get(*name).copied()
    });
    let served = Served::start(&trace, &[]);
    let mut remote = served.connect();
    let value = |remote: &mut Remote| {
        let bytes = u32::from_str_radix(&remote.memory(word, 4), 16);
        bytes.expect("a word").swap_bytes()
    };
    assert_eq!(remote.ask(&format!("Z2,{word:x},4")), "OK");
    let mut last = BTreeMap::new();
    for _ in 0..20 {
        let (stop, thread) = remote.go("vCont;c");
        assert!(stop.contains(&format!("watch:{word:x}")), "{stop}");
        remote.registers(thread);
        let now = value(&mut remote);
        let before = last.insert(thread, now);
        assert!(
            before.is_none_or(|before| before + 1 == now),
            "{before:?} {now}"
        );
    }
    let (_, thread) = remote.go("?");
    let here = last[&thread];
    remote.go("bc");
    assert_eq!(value(&mut remote), here - 1, "one change earlier");
    drop(remote);
    served.ended();
}

#[test]
fn a_reverse_step_goes_to_the_event_before_and_reverse_continue_to_the_hit_before() {
    let scratch = Scratch::new();
    let options = ["--tracer", "none", "--", "storm", "20"];
    let trace = scratch.record("storm.trap", &options);
    let all = events(&trace);
    let calls = numbers(&all, |event| call(event).is_some());
    let at = call(&all[calls[5] - 1]).expect("a call");
    let hits = calls.iter().filter(|n| call(&all[**n - 1]) == Some(at));
    let hits = hits.count();
    assert!(hits >= 20, "{hits}");
    let served = Served::start(&trace, &[]);
    let mut remote = served.connect();
    assert_eq!(remote.ask(&format!("Z0,{at:x},1")), "OK");
    let mut seen = Vec::new();
    for _ in 0..hits {
        let (stop, thread) = remote.go("vCont;c");
        assert!(stop.contains("break"), "{stop}");
        seen.push((remote.registers(thread), remote.monitor("where")));
    }
    let (stop, _) = remote.go("vCont;c");
    assert!(stop.contains("replaylog:end"), "{stop}");
    for (registers, place) in seen.iter().rev() {
        let (stop, thread) = remote.go("bc");
        assert!(stop.contains("break"), "{stop}");
        assert_eq!(&remote.registers(thread), registers);
        assert_eq!(&remote.monitor("where"), place);
    }
    let (stop, _) = remote.go("bc");
    assert!(stop.contains("replaylog:begin"), "{stop}");
    // By event: from the tenth call back to the one before it.
    remote.monitor(&format!("event {}", calls[9]));
    let (stop, _) = remote.go("vCont;c");
    assert!(stop.starts_with("T00"), "{stop}");
    for event in (calls[8]..calls[9]).rev() {
        let (stop, thread) = remote.go("bs");
        assert!(stop.starts_with("T05"), "{stop}");
        let wanted = registers(&machine(&trace, event, &[]));
        assert_eq!(remote.registers(thread), wanted, "event {event}");
        let place = remote.monitor("where");
        assert!(
            place.starts_with(&format!("behind event {event}:")),
            "{place}"
        );
    }
    // And on by event.
    remote.monitor("next");
    remote.go("vCont;c");
    let place = remote.monitor("where");
    assert!(
        place.contains(&format!("event {}:", calls[8] + 1)),
        "{place}"
    );
    drop(remote);
    assert_eq!(served.ended().status.code(), Some(0));
}

#[test]
fn single_steps_are_the_same_each_time_and_lead_over_system_calls() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let call = numbers(&events(&trace), |event| call(event).is_some())[0];
    let steps = || {
        let served = Served::start(&trace, &[]);
        let mut remote = served.connect();
        let mut path = Vec::new();
        loop {
            let (stop, thread) = remote.go("vCont;s:p1.1");
            if stop.contains("replaylog:end") {
                drop(remote);
                served.ended();
                return path;
            }
            assert!(stop.starts_with("T05"), "{stop}");
            path.push(remote.registers(thread)["rip"]);
        }
    };
    let path = steps();
    let behind_call = registers(&machine(&trace, call, &[]))["rip"];
    assert!(path.len() > 100, "{}", path.len());
    assert!(path.contains(&behind_call), "never behind the call");
    assert_eq!(path, steps());
}

#[test]
fn every_process_has_its_own_memory_and_every_thread_its_registers() {
    let scratch = Scratch::new();
    let jobs = ["--job", "yielder 50", "--job", "storm 50"];
    let trace = scratch.record("two.trap", &[&["--tracer", "none"][..], &jobs].concat());
    let all = events(&trace);
    let of = |thread: u32| {
        let is = |event: &Event| call(event).is_some() && event.thread.0 == thread;
        numbers(&all, is)
    };
    let event = of(2)[1];
    let served = Served::start(&trace, &["--to", &event.to_string()]);
    let mut remote = served.connect();
    let list = remote.ask("qfThreadInfo");
    assert!(list.contains("01.02") || list.contains("1.2"), "{list}");
    // Thread 1 waits for the CPU where it made its last call.
    let last = of(1).into_iter().rfind(|number| *number < event);
    let last = last.expect("an earlier call");
    assert_eq!(Some(remote.registers(1)["rip"]), call(&all[last - 1]));
    let code = |remote: &mut Remote, thread| {
        let rip = remote.registers(thread)["rip"];
        // The call's own instruction, in that process's memory.
        remote.memory(rip - 2, 2)
    };
    assert_eq!(code(&mut remote, 1), "0f05");
    assert_eq!(code(&mut remote, 2), "0f05");
    let here = remote.registers(1)["rip"] - 64;
    let first = remote.memory(here, 256);
    remote.registers(2);
    let second = remote.memory(here, 256);
    assert_ne!(first, second, "two programs");
    assert!(remote.monitor("processes").contains("yielder"));
    drop(remote);
    served.ended();
}

#[test]
fn nothing_can_be_changed_and_the_session_goes_on() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let served = Served::start(&trace, &[]);
    let mut remote = served.connect();
    let (_, thread) = remote.go("?");
    let before = remote.registers(thread);
    let all = remote.ask("g").replace('x', "0");
    assert!(
        remote
            .ask(&format!("G{}", "11".repeat(all.len() / 2)))
            .starts_with('E')
    );
    assert!(
        remote
            .ask(&format!("M{:x},1:cc", before["rip"]))
            .starts_with('E')
    );
    let slots: Vec<String> = (1..=5)
        .map(|slot| remote.ask(&format!("Z1,{:x},1", 0x1000 * slot)))
        .collect();
    assert_eq!(slots[..4], ["OK"; 4]);
    assert!(slots[4].starts_with('E'), "a fifth breakpoint");
    assert_eq!(remote.registers(thread), before);
    drop(remote);
    let output = served.ended();
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    for word in ["registers", "memory", "breakpoint"] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn a_running_machine_is_interrupted_at_the_next_event_and_goes_on() {
    let scratch = Scratch::new();
    // Long enough for a client to interrupt it.
    let trace = nested(&scratch, 300_000_000);
    let served = Served::start(&trace, &[]);
    let mut remote = served.connect();
    assert_eq!(remote.ask("Z1,1,1"), "OK");
    remote.say("vCont;c");
    remote.send(b"\x03");
    let stop = remote.hear().expect("a stop");
    assert!(stop.starts_with("T02"), "{stop}");
    let place = remote.monitor("where");
    assert!(place.starts_with("behind event"), "{place}");
    let (stop, _) = remote.go("vCont;s:p1.1");
    assert!(stop.starts_with("T05"), "{stop}");
    drop(remote);
    assert_eq!(served.ended().status.code(), Some(0));
}

#[test]
fn the_real_gdb_shows_breaks_and_goes_back() {
    if !has_gdb() {
        return skip("gdb is not installed");
    }
    let scratch = Scratch::new();
    let options = ["--tracer", "none", "--", "storm", "20"];
    let trace = scratch.record("storm.trap", &options);
    let all = events(&trace);
    let calls = numbers(&all, |event| call(event).is_some());
    let at = call(&all[calls[5] - 1]).expect("a call");
    let hits = calls.iter().filter(|n| call(&all[**n - 1]) == Some(at));
    let hits = hits.count();
    let event = calls[5];
    let shown = registers(&machine(&trace, event, &[]));
    let served = Served::start(&trace, &["--to", &event.to_string()]);
    let breakpoint = format!("break *{at:#x}");
    let place = format!("x/2xb {:#x}", at - 2);
    let commands = [
        "info registers",
        "info threads",
        &place,
        "monitor where",
        "reverse-stepi",
        "monitor where",
        "monitor event 1",
        "continue",
        &breakpoint,
        &format!("ignore 1 {}", hits - 1),
        "continue",
        "info breakpoints",
        "reverse-continue",
        "continue",
        "continue",
        "set var $rax = 1",
        "detach",
    ];
    let said = served.gdb(&commands);
    for name in REGISTERS {
        let line = said.lines().find(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(name) || words.next() == Some(name)
        });
        let value = format!("{:#x}", shown[name]);
        assert!(
            line.is_some_and(|line| line.contains(&value)),
            "{name} is not {value}: {said}"
        );
    }
    for word in [
        "storm, process 1",
        "0x0f\t0x05",
        &format!("behind event {event}:"),
        &format!("behind event {}:", event - 1),
        &format!("breakpoint already hit {hits} times"),
        "No more reverse-execution history",
        "Could not write registers",
    ] {
        assert!(said.contains(word), "no '{word}': {said}");
    }
    let output = served.ended();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn an_ordinary_user_may_look_too() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if !is_root {
        // Then every other test is this test.
        return;
    }
    let scratch = Scratch::new();
    let trace = nested(&scratch, 300_000);
    let home = trace.parent().expect("a folder");
    let copied = home.join("trapline");
    fs::copy(env!("CARGO_BIN_EXE_trapline"), &copied).expect("a copy");
    // The binary may lie where only root can look.
    let opened = Command::new("chmod")
        .args(["-R", "a+rX"])
        .arg(home)
        .status();
    assert!(opened.expect("chmod runs").success());
    let mut command = Command::new("setpriv");
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    command.args(nobody).arg("--no-new-privs").arg(&copied);
    command.args(["replay", "--gdb", "0"]).arg(&trace);
    if Command::new("setpriv").arg("--version").output().is_err() {
        return skip("setpriv is not installed");
    }
    let served = Served::of(&mut command);
    let mut remote = served.connect();
    assert_eq!(remote.ask("Z1,1,1"), "OK");
    let (stop, thread) = remote.go("vCont;s:p1.1");
    assert!(stop.starts_with("T05"), "{stop}");
    let at = remote.registers(thread)["rip"];
    assert_eq!(remote.memory(at, 4).len(), 8, "its code");
    let (stop, _) = remote.go("vCont;c");
    assert!(stop.contains("replaylog:end"), "{stop}");
    drop(remote);
    let output = served.ended();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
