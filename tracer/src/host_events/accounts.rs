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
    processes: HashMap<u32, Usage>,
}

impl Accounts {
    /// A thread is at its end: its own account. Nothing if it is gone already or there is no /proc.
    pub fn thread_ends(&mut self, process: u32, thread: u32) -> Option<Usage> {
        let own = usage_of_thread(thread);
        let sum = self.processes.entry(process).or_default();
        if let Some(whole) = group(process) {
            let (voluntary, involuntary) = (sum.voluntary_switches, sum.involuntary_switches);
            let waiting_ns = sum.waiting_ns;
            *sum = Usage {
                voluntary_switches: voluntary,
                involuntary_switches: involuntary,
                waiting_ns,
                max_resident_bytes: whole.max_resident_bytes.max(sum.max_resident_bytes),
                ..whole
            };
        }
        let own = own?;
        sum.voluntary_switches += own.voluntary_switches;
        sum.involuntary_switches += own.involuntary_switches;
        sum.waiting_ns += own.waiting_ns;
        Some(own)
    }

    /// A process is no more, or is let go: the account of all its threads that [`Self::thread_ends`] was told of. Nothing if
    /// none was.
    pub fn process_ended(&mut self, process: u32) -> Option<Usage> {
        self.processes.remove(&process)
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
    fn a_thread_of_this_very_process_has_an_account() {
        let own = usage_of_thread(std::process::id()).expect("/proc");
        assert!(own.minor_faults > 0 && own.voluntary_switches + own.involuntary_switches > 0);
        assert!(usage_of_thread(u32::MAX).is_none());
    }
}
