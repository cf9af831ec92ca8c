//! The kernel's own sums for each thread and process, which anyone may read of his own processes: proc(5).
//!
//! Key type: [`Accounts`]. Neighbour: the engine asks at PTRACE_EVENT_EXIT, the last moment at which /proc still has it all.
//!
//! CPU time is exact (`schedstat`), its division into user and system is what the kernel's ticks say (`stat`), as everywhere
//! on Linux. A process's switches are the sum of its threads'.

use std::collections::HashMap;
use std::fs::read_to_string;

use nix::unistd::{SysconfVar, sysconf};
use trapline_trace_format::event::{Nanos, Usage};

/// The accounts of processes whose threads end one by one.
#[derive(Default)]
pub struct Accounts {
    processes: HashMap<u32, Whole>,
}

/// A process so far.
#[derive(Default)]
struct Whole {
    /// What /proc said last of it as a whole.
    last: Usage,
    /// What its ended threads had together.
    threads: Usage,
}

impl Accounts {
    /// A thread is at its end: its own account. Nothing if it is gone already or there is no /proc.
    pub fn thread_ends(&mut self, process: u32, thread: u32) -> Option<Usage> {
        let own = usage_of_thread(thread);
        let whole = self.processes.entry(process).or_default();
        if let Some(now) = group(process) {
            let resident = whole.last.max_resident_bytes;
            whole.last = now;
            whole.last.max_resident_bytes = resident.max(now.max_resident_bytes);
        }
        let own = own?;
        let sum = &mut whole.threads;
        sum.voluntary_switches += own.voluntary_switches;
        sum.involuntary_switches += own.involuntary_switches;
        sum.waiting_ns += own.waiting_ns;
        sum.user_ns += own.user_ns;
        sum.system_ns += own.system_ns;
        Some(own)
    }

    /// A process is no more, or is let go: the account of all its threads that [`Self::thread_ends`] was told of. Nothing if
    /// none was.
    pub fn process_ended(&mut self, process: u32) -> Option<Usage> {
        let Whole { last, threads } = self.processes.remove(&process)?;
        let mut usage = Usage {
            voluntary_switches: threads.voluntary_switches,
            involuntary_switches: threads.involuntary_switches,
            waiting_ns: threads.waiting_ns,
            ..last
        };
        // Ticks know less than the threads' own time, unless threads ended before anyone looked.
        let ran_ns = threads.user_ns + threads.system_ns;
        if ran_ns >= (last.user_ns + last.system_ns) * 9 / 10 {
            divide(&mut usage, ran_ns);
        }
        Some(usage)
    }
}

/// The account of one living thread. Nothing if there is none of this number.
#[must_use]
pub fn usage_of_thread(thread: u32) -> Option<Usage> {
    let folder = format!("/proc/{thread}/task/{thread}");
    let mut usage = ticks(&read_to_string(format!("{folder}/stat")).ok()?)?;
    let status = read_to_string(format!("{folder}/status")).unwrap_or_default();
    usage.voluntary_switches = field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
    usage.involuntary_switches = field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
    let schedule = read_to_string(format!("{folder}/schedstat")).unwrap_or_default();
    let mut numbers = schedule.split_ascii_whitespace().map(str::parse::<i64>);
    if let (Some(Ok(ran)), Some(Ok(waited))) = (numbers.next(), numbers.next()) {
        divide(&mut usage, ran);
        usage.waiting_ns = waited;
    }
    Some(usage)
}

/// What /proc says of a process as a whole: CPU time and page faults, ended threads included, and its largest size.
fn group(process: u32) -> Option<Usage> {
    let folder = format!("/proc/{process}");
    let mut usage = ticks(&read_to_string(format!("{folder}/stat")).ok()?)?;
    let status = read_to_string(format!("{folder}/status")).unwrap_or_default();
    usage.max_resident_bytes = field(&status, "VmHWM:").unwrap_or(0) << 10;
    Some(usage)
}

/// Page faults and CPU time in the format of /proc/PID/stat. The second field is a name in which anything may stand.
fn ticks(stat: &str) -> Option<Usage> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // Numbered from 1 in proc(5); what follows the name begins with 3.
    let number = |of: usize| fields.get(of - 3)?.parse::<u64>().ok();
    let tick_ns = 1_000_000_000 / per_second();
    Some(Usage {
        minor_faults: number(10)?,
        major_faults: number(12)?,
        user_ns: (number(14)? * tick_ns) as Nanos,
        system_ns: (number(15)? * tick_ns) as Nanos,
        ..Usage::default()
    })
}

/// Makes the sum of user and system time the exact one.
fn divide(usage: &mut Usage, ran_ns: Nanos) {
    let ticks = i128::from(usage.user_ns) + i128::from(usage.system_ns);
    usage.system_ns = match ticks {
        // Not one tick came while it ran.
        0 => 0,
        ticks => (i128::from(ran_ns) * i128::from(usage.system_ns) / ticks) as Nanos,
    };
    usage.user_ns = ran_ns - usage.system_ns;
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn per_second() -> u64 {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    (ticks as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_confuses_nobody() {
        let rest = "S 1 2 3 0 -1 4194304 11 12 13 14 200 100 0 0 20 0";
        let usage = ticks(&format!("77 (a) S b) {rest}")).expect("a line of proc(5)");
        assert_eq!((usage.minor_faults, usage.major_faults), (11, 13));
        assert_eq!(usage.user_ns, 2 * usage.system_ns);
        assert!(ticks("77 (cut off) S 1").is_none());
        assert!(ticks("").is_none());
    }

    #[test]
    fn cpu_time_is_the_schedulers_in_the_proportion_of_the_ticks() {
        let mut usage = Usage {
            user_ns: 30,
            system_ns: 10,
            ..Usage::default()
        };
        divide(&mut usage, 1_000_001);
        assert_eq!((usage.user_ns, usage.system_ns), (750_001, 250_000));
        let mut short = Usage::default();
        divide(&mut short, 900);
        assert_eq!((short.user_ns, short.system_ns), (900, 0));
    }

    #[test]
    fn a_process_that_is_too_short_for_a_tick_has_its_cpu_time_all_the_same() {
        let own = std::process::id();
        let mut accounts = Accounts::default();
        let thread = accounts.thread_ends(own, own).expect("/proc");
        let process = accounts.process_ended(own).expect("it was told of");
        assert!(process.user_ns + process.system_ns >= thread.user_ns + thread.system_ns);
        assert!(process.user_ns + process.system_ns > 0 && process.max_resident_bytes > 0);
        assert_eq!(accounts.process_ended(own), None);
    }

    #[test]
    fn a_thread_of_this_very_process_has_an_account() {
        let own = usage_of_thread(std::process::id()).expect("/proc");
        assert!(own.minor_faults > 0 && own.voluntary_switches + own.involuntary_switches > 0);
        assert!(usage_of_thread(u32::MAX).is_none());
    }
}
