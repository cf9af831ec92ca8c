//! What gdb asks for and what it wants done, in gdbstub's words. Key type: [`Machine`]. Neighbours: `../debug` has the
//! machine; `mod.rs` moves it when gdb lets it go on; `monitor.rs` answers gdb's command of that name.
//!
//! To gdb the machine is one process whose threads are all threads of the machine, each with the memory of its own process. A
//! breakpoint is an address, in whichever process it is. Nothing can be changed.

use std::fmt::Write;

use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread::{
    MultiThreadBase, MultiThreadResume, MultiThreadResumeOps, MultiThreadSchedulerLocking,
    MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};
use gdbstub::target::ext::base::reverse_exec::{
    ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps,
    SwBreakpoint, SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::memory_map::{MemoryMap, MemoryMapOps};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{Target, TargetError, TargetResult};
use trapline_abi::layout::USER_TOP;
use trapline_trace_format::event::ThreadId;

use super::Client;
use super::monitor;
use super::registers::{Values, X86, description};
use crate::replay::ThreadStatus;
use crate::replay::debug::breakpoints::{Breakpoint, Trigger};
use crate::replay::debug::{Debugger, Failure};

/// Most bytes of memory that are read at once.
const MEMORY_MAX: usize = 1 << 16;

/// How the machine is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    /// To the next breakpoint or the end.
    On,
    /// A thread makes a step.
    Step(ThreadId),
    /// To the last breakpoint before, or the beginning.
    Back,
    /// To the event before.
    StepBack,
}

/// The machine as gdb sees it.
pub(super) struct Machine<'a, 'c> {
    pub(super) debugger: Debugger<'a>,
    /// Hears what gdb would say less well.
    pub(super) listener: &'c mut dyn Client,
    /// What gdb wants done next.
    pub(super) go: Go,
    /// The event to which the next `continue` goes.
    pub(super) destination: Option<u64>,
    /// Threads for gdb, the one that has the CPU first, with what is to be said of each.
    threads: Vec<(Tid, String)>,
}

/// What gdb calls a thread.
pub(super) fn tid(thread: ThreadId) -> Tid {
    Tid::new(thread.0 as usize).unwrap_or(Tid::MIN)
}

/// The thread that gdb calls that.
fn thread(tid: Tid) -> ThreadId {
    ThreadId(u32::try_from(tid.get()).unwrap_or(0))
}

impl<'a, 'c> Machine<'a, 'c> {
    pub(super) fn new(debugger: Debugger<'a>, listener: &'c mut dyn Client) -> Self {
        let mut machine = Self {
            debugger,
            listener,
            go: Go::On,
            destination: None,
            threads: Vec::new(),
        };
        machine.has_moved();
        machine
    }

    /// The machine stands elsewhere.
    pub(super) fn has_moved(&mut self) {
        let running = self.debugger.running();
        let mut threads: Vec<(Tid, String)> = self
            .debugger
            .threads()
            .iter()
            .map(|row| {
                let status = match row.status {
                    _ if row.thread == running => "has the CPU".to_owned(),
                    ThreadStatus::Running => "had the CPU".to_owned(),
                    ThreadStatus::Ready => "ready".to_owned(),
                    ThreadStatus::Blocked(None) => "waits".to_owned(),
                    ThreadStatus::Blocked(Some(what)) => format!("waits: {}", what.word()),
                };
                let name = monitor::clean(&row.name);
                let text = format!("{name}, process {}, {status}", row.process.0);
                (tid(row.thread), text)
            })
            .collect();
        threads.sort_by_key(|(of, _)| *of != tid(running));
        if threads.is_empty() {
            // gdb knows no machine without threads.
            threads.push((Tid::MIN, "no thread lives here".to_owned()));
        }
        self.threads = threads;
    }

    /// The thread that the machine's stop is about.
    pub(super) fn stopped(&self) -> Tid {
        self.threads.first().map_or(Tid::MIN, |(tid, _)| *tid)
    }

    fn add(&mut self, breakpoint: Breakpoint) -> bool {
        let added = self.debugger.breakpoints.add(breakpoint);
        if !added {
            self.listener.note(
                "refused a breakpoint: the CPU watches four instructions or aligned ranges of up to 8 bytes at a time, \
                 in the programs' memory",
            );
        }
        added
    }
}

impl Target for Machine<'_, '_> {
    type Arch = X86;
    type Error = Failure;

    fn base_ops(&mut self) -> BaseOps<'_, X86, Failure> {
        BaseOps::MultiThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_memory_map(&mut self) -> Option<MemoryMapOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(
        &mut self,
    ) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadBase for Machine<'_, '_> {
    fn read_registers(&mut self, registers: &mut Values, tid: Tid) -> TargetResult<(), Self> {
        let read = self
            .debugger
            .registers(thread(tid))
            .map_err(|error| TargetError::Fatal(error.into()))?;
        *registers = match read {
            Some(read) => Values::from(read),
            // gdb cannot look at a machine whose thread is nowhere.
            None if tid == self.stopped() => Values::nowhere(),
            None => Values::default(),
        };
        Ok(())
    }

    fn write_registers(&mut self, _: &Values, _: Tid) -> TargetResult<(), Self> {
        self.listener
            .note("refused to change registers: a replay does what was recorded");
        Err(TargetError::NonFatal)
    }

    fn read_addrs(&mut self, start: u64, data: &mut [u8], tid: Tid) -> TargetResult<usize, Self> {
        let length = data.len().min(MEMORY_MAX) as u64;
        let read = self.debugger.memory(thread(tid), start, length);
        let bytes = read.map_err(|error| TargetError::Fatal(error.into()))?;
        if bytes.is_empty() && length > 0 {
            return Err(TargetError::Errno(14));
        }
        data[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write_addrs(&mut self, _: u64, _: &[u8], _: Tid) -> TargetResult<(), Self> {
        self.listener
            .note("refused to change memory: a replay does what was recorded");
        Err(TargetError::Errno(30))
    }

    fn list_active_threads(&mut self, is_active: &mut dyn FnMut(Tid)) -> Result<(), Failure> {
        self.threads.iter().for_each(|(tid, _)| is_active(*tid));
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadResume for Machine<'_, '_> {
    fn resume(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Failure> {
        self.go = Go::On;
        Ok(())
    }

    fn set_resume_action_continue(&mut self, _: Tid, _: Option<Signal>) -> Result<(), Failure> {
        Ok(())
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, Tid, Self>> {
        Some(self)
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, Tid, Self>> {
        Some(self)
    }
}

/// Who runs is part of the recording: a thread that is to be left out runs where it ran.
impl MultiThreadSchedulerLocking for Machine<'_, '_> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl MultiThreadSingleStep for Machine<'_, '_> {
    fn set_resume_action_step(&mut self, tid: Tid, _: Option<Signal>) -> Result<(), Failure> {
        self.go = Go::Step(thread(tid));
        Ok(())
    }
}

impl ReverseCont<Tid> for Machine<'_, '_> {
    fn reverse_cont(&mut self) -> Result<(), Failure> {
        self.go = Go::Back;
        Ok(())
    }
}

impl ReverseStep<Tid> for Machine<'_, '_> {
    fn reverse_step(&mut self, _: Tid) -> Result<(), Failure> {
        self.go = Go::StepBack;
        Ok(())
    }
}

impl ThreadExtraInfo for Machine<'_, '_> {
    fn thread_extra_info(&self, tid: Tid, buffer: &mut [u8]) -> Result<usize, Failure> {
        let mut threads = self.threads.iter();
        let text = threads.find(|(of, _)| *of == tid).map(|(_, text)| text);
        let bytes = text.map_or(&[][..], |text| text.as_bytes());
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }
}

impl Breakpoints for Machine<'_, '_> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Machine<'_, '_> {
    fn add_sw_breakpoint(&mut self, address: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(self.add(Breakpoint::instruction(address)))
    }

    fn remove_sw_breakpoint(&mut self, address: u64, _: usize) -> TargetResult<bool, Self> {
        let breakpoint = Breakpoint::instruction(address);
        Ok(self.debugger.breakpoints.remove(&breakpoint))
    }
}

impl HwBreakpoint for Machine<'_, '_> {
    fn add_hw_breakpoint(&mut self, address: u64, kind: usize) -> TargetResult<bool, Self> {
        self.add_sw_breakpoint(address, kind)
    }

    fn remove_hw_breakpoint(&mut self, address: u64, kind: usize) -> TargetResult<bool, Self> {
        self.remove_sw_breakpoint(address, kind)
    }
}

fn watchpoint(address: u64, length: u64, kind: WatchKind) -> Breakpoint {
    let trigger = match kind {
        WatchKind::Write => Trigger::Write,
        WatchKind::Read => Trigger::Read,
        WatchKind::ReadWrite => Trigger::Access,
    };
    Breakpoint {
        address,
        length,
        trigger,
    }
}

impl HwWatchpoint for Machine<'_, '_> {
    fn add_hw_watchpoint(
        &mut self,
        address: u64,
        length: u64,
        kind: WatchKind,
    ) -> TargetResult<bool, Self> {
        Ok(self.add(watchpoint(address, length, kind)))
    }

    fn remove_hw_watchpoint(
        &mut self,
        address: u64,
        length: u64,
        kind: WatchKind,
    ) -> TargetResult<bool, Self> {
        let breakpoint = watchpoint(address, length, kind);
        Ok(self.debugger.breakpoints.remove(&breakpoint))
    }
}

/// Memory that cannot be written, to gdb: it uses the CPU's breakpoints there, and says itself when there are too many.
impl MemoryMap for Machine<'_, '_> {
    fn memory_map_xml(
        &self,
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let mut xml = String::new();
        let _ = write!(
            xml,
            "<?xml version=\"1.0\"?><!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" \
             \"http://sourceware.org/gdb/gdb-memory-map.dtd\"><memory-map>\
             <memory type=\"rom\" start=\"0x0\" length=\"{USER_TOP:#x}\"/></memory-map>"
        );
        Ok(part(xml.as_bytes(), offset, length, buffer))
    }
}

impl TargetDescriptionXmlOverride for Machine<'_, '_> {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        Ok(part(description().as_bytes(), offset, length, buffer))
    }
}

/// Copies a part of a text. Gives how much.
fn part(text: &[u8], offset: u64, length: usize, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|at| text.get(at..));
    let rest = rest.unwrap_or_default();
    let length = length.min(rest.len()).min(buffer.len());
    buffer[..length].copy_from_slice(&rest[..length]);
    length
}

impl MonitorCmd for Machine<'_, '_> {
    fn handle_monitor_cmd(
        &mut self,
        line: &[u8],
        mut out: ConsoleOutput<'_>,
    ) -> Result<(), Failure> {
        let text = monitor::answer(self, &String::from_utf8_lossy(line))?;
        out.write_raw(text.as_bytes());
        Ok(())
    }
}
