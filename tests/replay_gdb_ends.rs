//! Promises of `replay --gdb` about its ends: it lets one client of this host in, whatever that says it ends in order, and
//! nothing of the machine is left.

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::gdb::{Remote, Served, call, has_gdb, hello, nested, numbers};
use support::replay::{ctrl_c_ends_all, events, rewritten};
use support::{Scratch, descendants, skip, stderr, text, trapline};
use trapline_trace_format::event::{Event, EventKind};
use trapline_trace_format::folder::ReplayPart;

#[test]
fn the_machine_ends_when_gdb_goes_however_it_goes() {
    let scratch = Scratch::new();
    let trace = nested(&scratch, 3_000_000);
    for goodbye in ["D", "D;1", "k", "vKill;1", "", "vCont;c"] {
        let served = Served::start(&trace, &[]);
        assert!(!descendants(served.id()).is_empty(), "no machine");
        let mut remote = served.connect();
        if !goodbye.is_empty() {
            remote.say(goodbye);
        }
        drop(remote);
        let output = served.ended();
        let status = output.status.code();
        assert_eq!(status, Some(0), "{goodbye}: {}", text(&output));
        assert!(
            !stderr(&output).contains("internal error"),
            "{}",
            text(&output)
        );
    }
    // Before anyone came.
    ctrl_c_ends_all(trapline().args(["replay", "--gdb", "0"]).arg(&trace));
}

#[test]
fn ctrl_c_while_gdb_waits_ends_all() {
    let scratch = Scratch::new();
    let served = Served::start(&hello(&scratch), &[]);
    let remote = served.connect();
    let id = served.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status();
    assert!(sent.expect("kill runs").success());
    assert_eq!(served.ended().status.code(), Some(130));
    drop(remote);
}

#[test]
fn a_port_that_cannot_be_had_is_one_clear_line() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let run = |port: &str| {
        let mut command = trapline();
        command.args(["replay", "--gdb", port]).arg(&trace);
        command.output().expect("replay runs")
    };
    let output = run(&port);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let line = stderr(&output);
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    assert!(
        line.contains(&port) && line.contains("choose another"),
        "{line}"
    );
    for wrong in ["65536", "-1", "gdb"] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn another_kernel_and_another_event_than_there_are_refused_before_anyone_is_asked_in() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let output = trapline()
        .args(["replay", "--gdb", "0", "--to", "99999"])
        .arg(&trace)
        .output()
        .expect("replay runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(stderr(&output).contains("there is no event 99999"));
    let changed = rewritten(
        &trace,
        |_| {},
        |part, bytes| {
            if part == ReplayPart::Kernel {
                bytes.push(0);
            }
        },
    );
    let output = trapline()
        .args(["replay", "--gdb", "0", "--trust"])
        .arg(&changed)
        .output()
        .expect("replay runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(stderr(&output).contains("kernel"), "{}", text(&output));
}

#[test]
fn a_divergence_under_gdb_is_named_and_ends_with_4() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let number = numbers(&events(&trace), |event| call(event).is_some())[1];
    let change = |events: &mut Vec<Event>| {
        if let EventKind::Trap(trap) = &mut events[number - 1].kind {
            trap.arguments[2] ^= 1;
        }
    };
    let changed = rewritten(&trace, change, |_, _| {});
    let served = Served::start(&changed, &[]);
    let mut remote = served.connect();
    remote.say("vCont;c");
    assert_eq!(remote.hear(), None);
    let output = served.ended();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
}

/// What is no part of the protocol, or says what cannot be.
const NONSENSE: [&[u8]; 14] = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"$#00",
    b"$m#6d$m,#99$mffffffffffffffff,ffffffff#00",
    b"$vCont;c:p1.ffffffffffffffff#00$vCont;s:p0.0#00$vCont;s:p-1.-1#00$vCont;;;:#00",
    b"$Z9,1,1#00$Z0,zz,1#00$Z2,ffffffffffffffff,ffffffffffffffff#00$z0,1,1#00",
    b"$qRcmd,zz#00$qRcmd,#00$qRcmd,1b5b#00",
    b"$G#47$G00#00$P0=0#00$X0,5:\x7d\x7d\x7d#00",
    b"\x03\x03\x03\x03",
    b"-----++++",
    b"$qXfer:features:read:target.xml:ffffffffffffffff,ffffffffffffffff#00",
    b"$qXfer:memory-map:read::fffffff,0#00$qXfer:auxv:read::0,1000#00",
    b"$Hgp1.0#00$Hg-1#00$Hc0#00$T0#00$qThreadExtraInfo,p1.ffff#00",
    b"$vRun;#00$vAttach;1#00$R00#00$!#00$D;ffffffff#00",
    b"}}}}####$$$$\xff\xfe\x00",
];

#[test]
fn whatever_is_said_to_it_it_ends_in_order() {
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    let long = [b"$".to_vec(), vec![b'm'; 200_000]].concat();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = Vec::new();
    for _ in 0..4096 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        noise.push(random as u8);
    }
    for bytes in NONSENSE.iter().copied().chain([&long[..], &noise[..]]) {
        // With sums that fit, so that the words are read at all.
        let mut fitting = Vec::new();
        for packet in bytes.split(|byte| *byte == b'$').skip(1) {
            let words = packet
                .split(|byte| *byte == b'#')
                .next()
                .unwrap_or_default();
            let sum = words.iter().copied().fold(0, u8::wrapping_add);
            fitting.extend([b"$", words, format!("#{sum:02x}").as_bytes()].concat());
        }
        for bytes in [bytes, &fitting[..]] {
            let served = Served::start(&trace, &[]);
            let mut remote = Remote::silent(served.port);
            remote.send(bytes);
            drop(remote);
            let output = served.ended();
            let said = stderr(&output);
            let what = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
            assert!(!said.contains("internal error"), "{what}: {said}");
            assert!(output.status.code().is_some(), "{what}: {}", text(&output));
        }
    }
}

#[test]
fn only_one_client_of_this_host_is_let_in() {
    let scratch = Scratch::new();
    let served = Served::start(&hello(&scratch), &[]);
    assert!(
        served.line.contains("gdb -ex 'target remote 127.0.0.1:"),
        "{}",
        served.line
    );
    let mut remote = served.connect();
    let mut second = Remote::silent(served.port);
    second.say("?");
    // The first goes on as if there were no other.
    assert!(remote.ask("?").starts_with('T'));
    drop(remote);
    let output = served.ended();
    assert_eq!(output.status.code(), Some(0));
    assert!(second.hear().is_none());
}

#[test]
fn the_real_gdb_may_kill_or_run_out_of_commands_and_interrupts() {
    if !has_gdb() {
        return skip("gdb is not installed");
    }
    let scratch = Scratch::new();
    let trace = hello(&scratch);
    for commands in [&["kill"][..], &[], &["continue", "quit"]] {
        let served = Served::start(&trace, &[]);
        let said = served.gdb(commands);
        let output = served.ended();
        assert_eq!(output.status.code(), Some(0), "{said} {}", text(&output));
    }
}
