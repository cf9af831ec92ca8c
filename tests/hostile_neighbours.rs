//! Promises about the others: a guest can neither end, stop nor name anyone outside of its own job, neither in the machine nor on the
//! host, and sees no file but the machine's.

mod support;

use support::hostile::{contain, job};

const SIGKILL: u64 = 9;

#[test]
fn nobody_outside_of_its_job_can_be_killed_or_stopped() {
    let host = std::process::id();
    // kill, tkill, tgkill. The hostile job is process 1; the well-behaved ones are 2 to 4.
    let mut calls = vec!["62,-1,9".to_owned(), "62,-1,19".to_owned()];
    for signal in [9, 19, 15, 1] {
        for pid in [-2, -3, -4, 2, 3, 4, 5, 100, host.cast_signed()] {
            calls.push(format!("62,{pid},{signal}"));
        }
        for tid in [2, 3, 4, host] {
            calls.push(format!("200,{tid},{signal}"));
            calls.push(format!("234,{tid},{tid},{signal}"));
        }
    }
    let contained = contain(&[&job("calls", calls.iter().map(String::as_str))]);
    let lines = contained.lines();
    assert_eq!(lines.len(), calls.len(), "{}", contained.stdout);
    for line in lines {
        // EPERM, ESRCH; everyone that one may kill, which is nobody.
        let refused = line.ends_with(": -1") || line.ends_with(": -3");
        assert!(
            refused || line.starts_with("62,-1,") && line.ends_with(": 0"),
            "{line}"
        );
    }
}

#[test]
fn a_guest_that_kills_its_own_group_kills_only_itself() {
    let contained = contain(&["calls 62,0,9"]);
    assert_eq!(contained.killed("calls"), [SIGKILL]);
}

#[test]
fn the_kernels_own_process_cannot_be_killed() {
    let contained = contain(&["calls 234,0,0,9 200,0,9 62,0x80000000,9"]);
    assert_eq!(contained.killed("calls"), [0; 0], "{}", contained.stdout);
}

#[test]
fn no_path_and_no_descriptor_leads_to_the_host() {
    let paths = [
        "CANARY_PATH",
        "/out",
        "/up",
        "/round",
        "/rootCANARY_PATH",
        "/root/root/out",
        "../../../../../../../..CANARY_PATH",
        "/tmp/../../../../..CANARY_PATH",
        "/proc/self/rootCANARY_PATH",
        "/proc/1/rootCANARY_PATH",
        "/proc/0/rootCANARY_PATH",
        "/proc/self/cwd/../../../../..CANARY_PATH",
        "/proc/self/fd/3",
        "/proc/self/fd/4",
        "/dev/fd/3",
        "/proc/self/mem",
        "/proc/kcore",
        "/dev/mem",
        "/dev/vda",
        "/etc/shadow",
        "/etc/hostname",
    ];
    let contained = contain(&[&job("escape", paths.into_iter().chain(["/inside"]))]);
    let lines = contained.lines();
    assert!(lines.contains(&"escape: done"), "{lines:#?}");
    let seen: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(": read "))
        .collect();
    // The file itself, by a symbolic and by a hard link.
    assert_eq!(seen.len(), 3, "{seen:#?}");
    assert!(
        seen.iter()
            .all(|line| line.ends_with("Ok(\"the machine's own\")")),
        "{seen:#?}"
    );
}

#[test]
fn ten_thousand_broken_programs_hurt_only_themselves() {
    let contained = contain(&["mutants 1 10000"]);
    assert!(
        contained.stdout.contains("mutants: 10000 tried"),
        "{}",
        contained.stdout
    );
}
