//! The words of the page, defined for a reader who does not know them, and where to read more.

use maud::{Markup, html};

/// Word and meaning.
const WORDS: [(&str, &str); 15] = [
    (
        "mode switch",
        "The CPU crosses from user to kernel mode (trap) or back (return-from-trap).",
    ),
    (
        "cause",
        "Why a trap happened: the program asked for a service (syscall), the timer interrupted it (timer), or it did \
         something that needs the kernel or is not allowed (page_fault, protection, illegal, divide, breakpoint).",
    ),
    (
        "visit",
        "One stay in the kernel: trap, handler, return-from-trap, or exit, or switch away.",
    ),
    (
        "process, thread",
        "A process has memory, files and children; each of its threads runs on its own, with a stack of its own, in the \
         memory that they share. A process is named by what it runs and its number, as sh (1); one more thread of it as \
         sh (1/4).",
    ),
    (
        "address space",
        "What a process can address: its memory map. fork copies it, exec begins a new one, threads share theirs.",
    ),
    (
        "context switch",
        "The CPU goes from one thread to another: voluntary (yield, block, exit) or involuntary (its quantum expired, \
         or a thread of higher priority became ready).",
    ),
    (
        "quantum, tick",
        "The time slice that a thread may run, and the period of the timer interrupt.",
    ),
    (
        "switch cost",
        "From the decision to switch in one thread to the first instruction of the next.",
    ),
    (
        "control overhead",
        "The share of the CPU time that was not spent in user mode. Idle time is not CPU time.",
    ),
    ("turnaround", "From a thread's arrival to its completion."),
    ("response", "From a thread's arrival to its first run."),
    ("waiting", "Ready, but not running."),
    (
        "blocked",
        "Neither ready nor running: waiting for time, a child, a pipe, another thread, ...",
    ),
    (
        "probe effect",
        "What tracing itself adds. It is measured, shown apart as tracer, and in none of the other numbers.",
    ),
    (
        "p50, p90, p99",
        "Percentiles: half, nine tenths, ninety-nine hundredths of the values are at or below. p50 is the median.",
    ),
];

/// The section that explains the page.
pub(super) fn how_to_read(linux: bool) -> Markup {
    html! {
        section id="words" {
            h2 { "How to read this" }
            p {
                "An operating system shares one CPU among many programs by limited direct execution: a program runs \
                 directly on the CPU, and the kernel gets the CPU back at well-defined doors: a system call, a fault, \
                 a timer interrupt. Each pass through a door costs time. Every nanosecond of a run belongs to exactly \
                 one of user, kernel, switch, idle and tracer, and these parts add up to the wall time."
            }
            @if linux {
                p {
                    "On Linux several threads run at once, so time is kept for each: its life is user, kernel, waiting (it \
                     could have run), blocked and tracer, and these parts add up to all lives together. Linux does not \
                     tell what a switch costs; it tells when a thread loses a CPU and when it has one again."
                }
            }
            dl { @for (word, meaning) in WORDS { dt { (word) } dd { (meaning) } } }
            p class="note" {
                "The protocol is that of Remzi H. and Andrea C. Arpaci-Dusseau, "
                em { "Operating Systems: Three Easy Pieces" }
                ", chapter 6 (Mechanism: Limited Direct Execution); the scheduling words are those of chapter 7."
            }
        }
    }
}
