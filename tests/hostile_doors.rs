//! Promises about the doors: whatever instruction a guest executes, with whatever flags, segments and stack pointer, only it may
//! suffer. The guests try each way in a child of its own; here is how each child has to end.

mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use support::hostile::{contain, job};
use support::{Scratch, descendants, trapline};

const BUS: &str = "signal 7";
const ILLEGAL: &str = "signal 4";
const TRAP: &str = "signal 5";
const SEGMENT: &str = "signal 11";
const FINE: &str = "exit 0";

/// Machine code, what it is, and how the program that executes it has to end.
const INSTRUCTIONS: [(&str, &str, &str); 58] = [
    ("90", "nop", FINE),
    ("f4", "hlt", SEGMENT),
    ("fa", "cli", SEGMENT),
    ("fb", "sti", SEGMENT),
    ("ec", "in al, dx", SEGMENT),
    ("ee", "out dx, al", SEGMENT),
    ("e460", "in al, 0x60", SEGMENT),
    ("e680", "out 0x80, al", SEGMENT),
    ("6c", "insb", SEGMENT),
    ("6e", "outsb", SEGMENT),
    ("0f30", "wrmsr", SEGMENT),
    ("0f32", "rdmsr", SEGMENT),
    ("0f33", "rdpmc", SEGMENT),
    ("0f011424", "lgdt", SEGMENT),
    ("0f011c24", "lidt", SEGMENT),
    ("0f00d0", "lldt", SEGMENT),
    ("0f00d8", "ltr", SEGMENT),
    ("0f01f0", "lmsw", SEGMENT),
    ("0f06", "clts", SEGMENT),
    ("0f08", "invd", SEGMENT),
    ("0f09", "wbinvd", SEGMENT),
    ("0f0138", "invlpg", SEGMENT),
    ("0f20c0", "mov rax, cr0", SEGMENT),
    ("0f22c0", "mov cr0, rax", SEGMENT),
    ("0f22d8", "mov cr3, rax", SEGMENT),
    ("0f22e0", "mov cr4, rax", SEGMENT),
    ("0f23f8", "mov dr7, rax", SEGMENT),
    ("0f01f8", "swapgs", SEGMENT),
    ("0f01d1", "xsetbv", SEGMENT),
    ("0f07", "sysret", SEGMENT),
    ("0f0b", "ud2", ILLEGAL),
    ("0fff", "ud0", ILLEGAL),
    ("06", "push es, no longer there", ILLEGAL),
    ("ce", "into, no longer there", ILLEGAL),
    ("0faa", "rsm", ILLEGAL),
    ("0f01c1", "vmcall", "signal 4 or signal 11"),
    ("0f01c2", "vmlaunch", ILLEGAL),
    ("0f01c8", "monitor", ILLEGAL),
    ("0f01c9", "mwait", ILLEGAL),
    ("0f34", "sysenter", ILLEGAL),
    ("cd80", "int 0x80", ILLEGAL),
    ("cc", "int3", TRAP),
    ("f1", "int1", TRAP),
    ("cd03", "int 3", TRAP),
    ("cd01", "int 1", SEGMENT),
    ("cd04", "int 4", SEGMENT),
    ("6a0050cf", "iret to nowhere", SEGMENT),
    ("6a1050cb", "far return to the host's kernel", SEGMENT),
    ("8ed8", "no data segment", FINE),
    ("b82b0000008ed831c0", "a data segment", FINE),
    ("b8180000008ed8", "the host kernel's data segment", SEGMENT),
    ("8ed0", "no stack segment", SEGMENT),
    (
        "9c810c24000400009db8270000000f0531c0",
        "call, direction flag",
        FINE,
    ),
    (
        "9c810c24000100009db8270000000f0531c0",
        "call, trap flag",
        TRAP,
    ),
    (
        "9c810c24000004009d488b442401",
        "unaligned, alignment check",
        BUS,
    ),
    (
        "9c810c24d57e3e009d488b00",
        "fault, every flag but trap",
        SEGMENT,
    ),
    (
        "49c7c1000460ff41ffd131c0",
        "call into the vsyscall page",
        "exit 0 or signal 11",
    ),
    ("488b0425000460ff", "reading the vsyscall page", SEGMENT),
];

#[test]
fn no_instruction_reaches_the_machine_below() {
    let job = job("instruction", INSTRUCTIONS.iter().map(|(code, ..)| *code));
    let contained = contain(&[&job]);
    contained.assert_ended(INSTRUCTIONS.iter().map(|(code, _, end)| (*code, *end)));
}

#[test]
fn no_interrupt_number_is_a_gate() {
    let codes: Vec<String> = (0..=255).map(|vector| format!("cd{vector:02x}")).collect();
    let end_of = |code: &str| match code {
        "cd03" => TRAP,
        "cd80" => ILLEGAL,
        _ => SEGMENT,
    };
    let contained = contain(&[&job("instruction", codes.iter().map(String::as_str))]);
    contained.assert_ended(codes.iter().map(|code| (code.as_str(), end_of(code))));
}

#[test]
fn the_32_bit_code_segment_is_no_way_around_the_kernel() {
    let ways = [
        ("90", FINE),
        ("b814000000cd80", ILLEGAL),
        // The host looks at the 32-bit stack first.
        ("b8140000000f05", "signal 4 or signal 11"),
        ("bc00080010b8140000000f05", ILLEGAL),
        ("0f34", ILLEGAL),
        ("a100000000", SEGMENT),
        ("f4", SEGMENT),
        ("cc", TRAP),
        ("b9809698004975fd", ILLEGAL),
    ];
    let contained = contain(&[&job("bits32", ways.map(|(code, _)| code))]);
    contained.assert_ended(ways);
}

#[test]
fn a_call_from_code_that_was_just_written_is_a_call_like_any_other() {
    contain(&["written"]).assert_ended([
        ("fresh page", FINE),
        ("page end", FINE),
        ("stack", FINE),
        ("stack that is data", SEGMENT),
        ("last bytes", SEGMENT),
    ]);
}

#[test]
fn flags_of_a_guest_are_not_the_kernels() {
    let flags = ["0x400", "0x4000", "0x40000", "0x3000", "0x3f7ed5"];
    let contained = contain(&[&job("flags", flags)]);
    contained.assert_ended(flags.iter().flat_map(|flags| [(*flags, FINE); 2]));
    contain(&["flags 0x100"]).assert_ended([("0x100", TRAP); 2]);
}

#[test]
fn a_stack_pointer_that_points_nowhere_hurts_its_owner_only() {
    const PLACES: [&str; 11] = [
        "0",
        "1",
        "0x800000000000",
        "0xffff800000000000",
        "-1",
        "0x6ffffff00000",
        "0x6ffffff10000",
        "0x700000000000",
        "0x7000000c0000",
        "0x7000007ff000",
        "0x710000000000",
    ];
    let contained = contain(&[&job("stackless", PLACES)]);
    let ends = |place: &str| {
        // Where an address is none at all, the CPU says so in another way.
        let push = if place == "0xffff800000000000" {
            BUS
        } else {
            SEGMENT
        };
        [
            ("call", FINE),
            ("timer", FINE),
            ("fault", SEGMENT),
            ("push", push),
            ("sigreturn", SEGMENT),
            ("signal", SEGMENT),
        ]
    };
    contained.assert_ended(PLACES.into_iter().flat_map(ends));
}

#[test]
fn a_signal_frame_is_checked_like_any_input() {
    let ways = [
        ("0,0,0", "nothing", FINE),
        ("23,23,0", "segments zero", FINE),
        ("23,23,0x18000000000010", "the host kernel's segments", FINE),
        ("23,23,-1", "segments all ones", FINE),
        ("23,23,0x2b000000000023", "32-bit code segment", FINE),
        ("22,22,-257", "every flag but trap", FINE),
        ("22,22,0x302", "trap flag", TRAP),
        ("21,21,0", "instruction null", SEGMENT),
        ("21,21,0x700000000000", "instruction in the kernel", SEGMENT),
        (
            "21,21,0x6ffffff00000",
            "instruction in the entry page",
            SEGMENT,
        ),
        ("21,21,0x800000000000", "instruction nowhere", SEGMENT),
        ("20,20,0x700000001000", "stack in the kernel", SEGMENT),
        ("20,20,0x800000000000", "stack nowhere", SEGMENT),
        ("28,28,0", "no vector state", FINE),
        ("28,28,64", "vector state unmapped", SEGMENT),
        (
            "28,28,0x700000000000",
            "vector state in the kernel",
            SEGMENT,
        ),
        (
            "28,28,0x6ffffff11000",
            "vector state in the entry stack",
            SEGMENT,
        ),
        ("28,28,0x800000000000", "vector state nowhere", SEGMENT),
        ("103,103,-1", "vector control all ones", FINE),
        ("158,163,-1", "vector sizes all ones", FINE),
        ("164,171,-1", "vector header all ones", FINE),
        ("37,37,-1", "every signal blocked", FINE),
        ("1,37,0", "everything zero", SEGMENT),
        ("0,37,-1", "everything ones", SEGMENT),
    ];
    let contained = contain(&[&job("frames", ways.map(|(change, ..)| change))]);
    contained.assert_ended(ways.map(|(change, _, end)| (change, end)));
}

#[test]
fn segment_bases_of_a_guest_are_its_own() {
    let contained = contain(&["segments", "segments"]);
    let lines = contained.lines();
    assert_eq!(lines.len(), 2 * 13, "{lines:?}");
    for line in lines {
        let refused = line.starts_with("base ") && line.ends_with("fs -1, gs -1");
        assert!(refused || line.ends_with(": exit 0"), "{line}");
    }
}

#[test]
fn random_instructions_hurt_nobody_else() {
    let contained = contain(&["garble 1 1000", "garble 2 1000"]);
    let finished = contained
        .lines()
        .iter()
        .filter(|line| **line == "garble: 1000 pages tried")
        .count();
    assert_eq!(finished, 2, "{}", contained.stdout);
}

#[test]
fn single_stepping_into_the_entry_page_gets_nowhere_from_any_byte() {
    const ENTRY_CODE: u64 = 0x100;
    let jobs: Vec<String> = (0..ENTRY_CODE)
        .map(|offset| format!("stepper {offset}"))
        .collect();
    // Not all at once: each is a host process.
    for part in jobs.chunks(64) {
        let contained = contain(&part.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(contained.lines(), [""; 0], "none came to its end");
        let killed = contained.killed("stepper");
        assert_eq!(killed.len(), part.len(), "{killed:?}");
    }
}

#[test]
fn the_host_maps_nothing_into_a_guest_but_its_own_and_a_closed_kernel() {
    const USER_TOP: u64 = 0x6fff_0000_0000;
    const KERNEL: u64 = 0x7000_0000_0000;
    let own = [
        (0x6fff_fff0_0000, 0x6fff_fff0_1000),
        (0x6fff_fff1_0000, 0x6fff_fff1_4000),
        (KERNEL, KERNEL + 0x80_0000),
    ];
    let scratch = Scratch::new();
    let mut recorder = trapline()
        .args([
            "record", "--limit", "2s", "--tracer", "none", "--job", "greedy", "-o",
        ])
        .arg(scratch.path("maps.trap"))
        .stderr(Stdio::null())
        .spawn()
        .expect("record starts");
    let (mut looks, mut closed) = (0, 0);
    while recorder.try_wait().expect("the recorder is ours").is_none() {
        let guests = descendants(recorder.id()).into_iter().filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "greedy\n")
        });
        for maps in guests.map(|pid| fs::read_to_string(format!("/proc/{pid}/maps"))) {
            for (start, end, rights) in maps.iter().flat_map(|maps| maps.lines()).map(range) {
                let is_own = own.iter().any(|(from, to)| *from <= start && end <= *to);
                let is_vsyscall = start == 0xffff_ffff_ff60_0000;
                assert!(end <= USER_TOP || is_own || is_vsyscall, "{maps:?}");
                looks += u32::from(start == KERNEL);
                closed += u32::from(start == KERNEL && rights.starts_with("---"));
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        looks > 20 && closed > looks * 3 / 4,
        "closed in {closed} of {looks} looks"
    );
}

/// A line of `/proc/PID/maps`: start, end, rights.
fn range(line: &str) -> (u64, u64, &str) {
    let (range, rest) = line.split_once(' ').expect("a range");
    let (start, end) = range.split_once('-').expect("two addresses");
    let number = |text| u64::from_str_radix(text, 16).expect("an address");
    (number(start), number(end), &rest[..4])
}

#[test]
fn no_place_of_the_kernel_can_be_read_written_or_executed() {
    const ENTRY_PAGE: u64 = 0x6fff_fff0_0000;
    let places: [u64; 9] = [
        0x7000_0000_0000,
        0x7000_0000_1000,
        0x7000_0008_0000,
        0x7000_000b_0000,
        0x7000_000c_0000,
        0x7000_0040_0000,
        0x7000_007f_fff8,
        0x7000_0080_0000,
        0x7100_0000_0000,
    ];
    let ways = ["kernel-read", "kernel-write", "kernel-jump"];
    let jobs: Vec<String> = places
        .iter()
        .flat_map(|place| ways.map(|way| format!("fault {way} {place}")))
        .chain([format!("fault kernel-write {ENTRY_PAGE}")])
        .collect();
    let contained = contain(&jobs.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(contained.lines(), [""; 0], "none came to its end");
    assert_eq!(contained.killed("fault"), vec![11; jobs.len()]);
}
