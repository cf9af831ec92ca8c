//! Promises about control: what a guest may not do ends the guest, with its cause; everyone else goes on.

mod support;

use serde_json::Value;
use support::{Scratch, number, row, stat, stdout, text};

/// How guests misbehave, and the cause under which the kernel ends them.
const FAULTS: [(&str, &str, u64); 10] = [
    ("null", "page_fault", 11),
    ("stack", "page_fault", 11),
    ("readonly", "protection", 11),
    ("illegal", "illegal", 4),
    ("privileged", "protection", 11),
    ("divide", "divide", 8),
    ("breakpoint", "breakpoint", 5),
    ("old-gate", "illegal", 4),
    ("kernel-read", "protection", 11),
    ("kernel-jump", "protection", 11),
];

#[test]
fn every_fault_ends_its_guest_with_the_right_cause_and_status() {
    let scratch = Scratch::new();
    for (kind, cause, signal) in FAULTS {
        let job = format!("fault {kind}");
        let (trace, output) = scratch.try_record(&format!("{kind}.trap"), &["--job", &job]);
        assert_eq!(
            output.status.code(),
            Some(128 + signal as i32),
            "{kind}: {}",
            text(&output)
        );
        let stat = stat(&trace);
        let killed = &row(&stat["threads"], "name", "fault")["status"]["killed"];
        assert_eq!(killed["cause"], cause, "{kind}: {killed}");
        assert_eq!(killed["signal"], signal, "{kind}: {killed}");
        let count = number(row(&stat["causes"], "cause", cause), "/kernel/count");
        // Memory is given when it is touched, so a page fault alone is no crime.
        let is_as_many = count == 1.0 || cause == "page_fault" && count > 1.0;
        assert!(is_as_many, "{kind}: {count}");
    }
}

#[test]
fn a_guest_that_writes_to_kernel_memory_dies_and_the_rest_finish() {
    let scratch = Scratch::new();
    let options = [
        "--job",
        "hello before",
        "--job",
        "fault kernel-write",
        "--job",
        "spin 40",
        "--job",
        "hello after",
    ];
    let (trace, output) = scratch.try_record("write.trap", &options);
    assert_eq!(output.status.code(), Some(128 + 11), "{}", text(&output));
    assert!(
        stdout(&output).contains("hello before") && stdout(&output).contains("hello after"),
        "{}",
        text(&output)
    );
    let stat = stat(&trace);
    let killed = &row(&stat["threads"], "name", "fault")["status"]["killed"];
    assert_eq!(killed["cause"], "protection");
    assert_eq!(killed["address"], 0x7000_0000_0000_u64);
    assert_eq!(row(&stat["threads"], "name", "spin")["status"]["code"], 0);
    assert_eq!(stat["meta"]["witnesses"]["is"], "agree");
}

#[test]
fn no_byte_of_the_entry_page_is_a_way_into_the_kernel() {
    const ENTRY_PAGE: u64 = 0x6fff_fff0_0000;
    try_every_offset(|offset| format!("fault kernel-jump {}", ENTRY_PAGE + offset));
}

#[test]
fn a_trap_cannot_be_forged_from_any_byte_of_the_entry_page() {
    try_every_offset(|offset| format!("forge entry {offset}"));
}

#[test]
fn a_return_that_blocks_the_timer_cannot_be_forged_from_any_byte_of_the_entry_page() {
    try_every_offset(|offset| format!("forge return {offset}"));
}

/// Runs the hostile guest once for each byte of the entry page's code. Each must die; the timer, everyone else and the
/// agreement of the witnesses must not suffer.
fn try_every_offset(job: impl Fn(u64) -> String) {
    const ENTRY_CODE: u64 = 0xf0;
    let scratch = Scratch::new();
    let jobs: Vec<String> = (0..ENTRY_CODE).map(job).collect();
    // Not all at once: each is a host process.
    for (round, part) in jobs.chunks(48).enumerate() {
        let mut options: Vec<&str> = part.iter().flat_map(|job| ["--job", job]).collect();
        options.extend([
            "--job",
            "spin 30",
            "--job",
            "hello still-here",
            "--limit",
            "10s",
            "--tick",
            "500us",
        ]);
        let (trace, output) = scratch.try_record(&format!("{round}.trap"), &options);
        assert!(
            stdout(&output).contains("hello still-here"),
            "{}",
            text(&output)
        );
        assert!(
            !stdout(&output).contains("was not stopped"),
            "{}",
            text(&output)
        );
        let stat = stat(&trace);
        assert_eq!(
            stat["meta"]["outcome"]["is"], "completed",
            "{}",
            stat["meta"]["outcome"]
        );
        let threads = stat["threads"].as_array().expect("threads");
        let killed = |thread: &&Value| thread["status"]["killed"].is_object();
        assert_eq!(
            threads.iter().filter(killed).count(),
            part.len(),
            "{threads:?}"
        );
        assert_eq!(row(&stat["threads"], "name", "spin")["status"]["code"], 0);
        assert_eq!(
            stat["meta"]["witnesses"]["is"], "agree",
            "{}",
            stat["meta"]["witnesses"]
        );
    }
}

#[test]
fn an_unknown_call_is_refused_counted_and_named() {
    let scratch = Scratch::new();
    let (trace, output) = scratch.try_record("unknown.trap", &["--", "unknown"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let line = text(&output)
        .lines()
        .find(|line| line.contains("ENOSYS"))
        .map(str::to_owned);
    for name in ["#500 ×1", "#9999 ×1", "#-1 ×1"] {
        assert!(
            line.as_ref().is_some_and(|line| line.contains(name)),
            "{}",
            text(&output)
        );
    }
    let syscalls = &stat(&trace)["syscalls"];
    let unknown: u64 = syscalls
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["unknown"].as_u64())
        .sum();
    assert_eq!(unknown, 3, "{syscalls}");
}

#[test]
fn each_process_has_its_own_memory_at_the_same_addresses() {
    let scratch = Scratch::new();
    let (_, output) = scratch.try_record(
        "heap.trap",
        &["--job", "heap 512", "--job", "heap 512", "--quantum", "1ms"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let stdout = stdout(&output);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{stdout}");
    assert_eq!(
        lines[0], lines[1],
        "both see their own memory where the other sees its own"
    );
}
