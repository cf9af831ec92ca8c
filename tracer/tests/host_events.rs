//! What the host tells of a process that nobody stops: switches, page faults, accounts. Real events of a real shell.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use trapline_trace_format::event::{Event, EventKind, SwitchReason};
use trapline_trace_format::meta::Availability;
use trapline_tracer::clock::Clock;
use trapline_tracer::host_events::{HostEvents, Wanted, usage_of_thread};

const ALL: Wanted = Wanted {
    descendants: true,
    page_faults: true,
};

/// A shell that does this as soon as it is let go.
fn waiting_shell(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("read go; {script}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("sh")
}

fn let_go(child: &mut Child) {
    let input = child.stdin.as_mut().expect("a pipe");
    input.write_all(b"\n").expect("the shell reads");
}

/// Everything told about a script until its end; nothing where this host does not tell.
fn events_of(script: &str, wanted: Wanted) -> Option<(u32, Vec<Event>)> {
    let clock = Clock::start();
    let mut child = waiting_shell(script);
    let (mut host, switches, faults) = HostEvents::open(&[child.id()], &clock, wanted);
    if let Availability::Refused { why } = &switches {
        assert!(std::env::var_os("TRAPLINE_REQUIRE_ALL").is_none(), "{why}");
        println!("skipped: {why}");
        child.kill().and_then(|()| child.wait()).expect("killed");
        return None;
    }
    assert_eq!(faults == Availability::Available, wanted.page_faults);
    let_go(&mut child);
    let mut events = Vec::new();
    while child.try_wait().expect("our child").is_none() {
        host.drain(&mut |event| events.push(event));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    host.drain(&mut |event| events.push(event));
    assert_eq!((host.lost(), host.losses()), (0, vec![]));
    Some((child.id(), events))
}

#[test]
fn a_sleep_is_a_voluntary_switch_as_long_as_the_sleep() {
    let Some((_, mut events)) = events_of("exec sleep 0.05", ALL) else {
        return;
    };
    events.sort_by_key(|event| event.time);
    assert!(events.iter().all(|event| event.time > -1_000_000_000));
    let mut longest = 0;
    let mut out = None;
    for event in &events {
        match event.kind {
            EventKind::SwitchedOut {
                reason: SwitchReason::Block,
                ..
            } => out = Some(event.time),
            EventKind::SwitchedIn { .. } => {
                longest = longest.max(out.take().map_or(0, |out| event.time - out));
            }
            _ => {}
        }
    }
    assert!(longest >= 50_000_000, "{longest} ns");
}

#[test]
fn children_of_children_are_seen_and_switches_alternate_for_each_thread() {
    let script = "for i in 1 2 3; do (sh -c 'sleep 0.01; true'); done";
    let Some((shell, mut events)) = events_of(script, ALL) else {
        return;
    };
    events.sort_by_key(|event| event.time);
    let mut running = std::collections::HashMap::new();
    for event in &events {
        let before = match event.kind {
            EventKind::SwitchedIn { .. } => running.insert(event.thread, true),
            EventKind::SwitchedOut { .. } => running.insert(event.thread, false),
            _ => continue,
        };
        let now = running[&event.thread];
        assert_ne!(before, Some(now), "{event:?}");
    }
    assert!(running.len() > 6, "{} threads", running.len());
    assert!(running.keys().any(|thread| thread.0 == shell));
}

#[test]
fn without_descendants_only_the_given_thread_is_seen() {
    let wanted = Wanted {
        descendants: false,
        ..ALL
    };
    let Some((shell, events)) = events_of("sleep 0.01; true", wanted) else {
        return;
    };
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| event.thread.0 == shell));
}

#[test]
fn page_faults_are_told_one_by_one_and_not_when_nobody_asks() {
    // 4 MiB in the shell's own memory: 1,024 pages at least, whatever of them the kernel fills itself.
    let script = "exec head -c 1 /dev/zero";
    let Some((shell, events)) = events_of(script, ALL) else {
        return;
    };
    let faults: Vec<_> = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Faulted { .. }))
        .collect();
    assert!(faults.len() > 20, "{} faults", faults.len());
    assert!(faults.iter().all(|event| event.process.0 == shell));
    let silent = Wanted {
        page_faults: false,
        ..ALL
    };
    let (_, events) = events_of(script, silent).expect("as before");
    let faulted = |event: &Event| matches!(event.kind, EventKind::Faulted { .. });
    assert!(!events.iter().any(faulted));
}

#[test]
fn what_a_full_ring_cannot_hold_is_said() {
    let mut child = waiting_shell("exec awk 'BEGIN { for (i = 0; i < 600000; i++) a[i] = i }'");
    let (mut host, switches, _) = HostEvents::open(&[child.id()], &Clock::start(), ALL);
    let told = switches == Availability::Available;
    let_go(&mut child);
    // Nobody reads meanwhile.
    while child.try_wait().expect("our child").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    if !told {
        return;
    }
    assert!(host.half_full());
    let mut faults = 0_u64;
    host.drain(&mut |event| faults += u64::from(matches!(event.kind, EventKind::Faulted { .. })));
    let losses = host.losses();
    let [loss] = &losses[..] else {
        panic!("{faults} faults, {losses:?}");
    };
    assert!(loss.reason.contains("page faults"), "{loss:?}");
    assert!(loss.events.is_none_or(|lost| lost > 0), "{loss:?}");
    assert!(!host.half_full());
}

#[test]
fn a_filter_that_refuses_is_named_with_what_to_do() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    // A filter is for one thread and what it makes: this one does it all.
    let asked = std::thread::spawn(|| {
        let rules = [(libc::SYS_perf_event_open, vec![])].into_iter().collect();
        let refuse = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, TargetArch::x86_64)
            .expect("a filter");
        let program: BpfProgram = filter.try_into().expect("a program");
        seccompiler::apply_filter(&program).expect("everyone may filter himself");
        let mut child = waiting_shell("true");
        let (mut host, switches, faults) = HostEvents::open(&[child.id()], &Clock::start(), ALL);
        host.add(child.id());
        host.drain(&mut |event| panic!("{event:?}"));
        assert!(!host.half_full());
        assert_eq!((host.lost(), host.losses()), (0, vec![]));
        let usage = usage_of_thread(child.id()).expect("accounts need no perf");
        assert!(usage.minor_faults > 0);
        let_go(&mut child);
        child.wait().expect("our child");
        (switches, faults)
    });
    let (switches, faults) = asked.join().expect("no panic");
    let Availability::Refused { why } = &switches else {
        panic!("{switches:?}");
    };
    assert!(why.contains("seccomp") && why.contains("PERFMON"), "{why}");
    assert_eq!(switches, faults);
}

#[test]
fn nobody_to_look_at_is_nothing_to_ask_for() {
    let (host, switches, faults) = HostEvents::open(&[], &Clock::start(), ALL);
    assert_eq!(switches, Availability::NotAsked);
    assert_eq!(faults, Availability::NotAsked);
    assert_eq!(host.ring_bytes(), None);
}
