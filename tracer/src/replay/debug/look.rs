//! What there is to see where a watched replay stands. Key types: [`Registers`], [`ThreadRow`]. Neighbours: `live.rs` knows
//! where that is, `../memory.rs` reads, `../history.rs` has the kernel's tables.

use trapline_abi::layout::PAGE;
use trapline_trace_format::event::{
    Backing, Event, ProcessId, Rights, SpaceId, ThreadId, ThreadState,
};
use trapline_trace_format::maps::Mapping;

use super::super::memory::Window;
use super::super::{ProcessRow, ThreadStatus};
use super::Debugger;
use super::live::Live;
use crate::error::TracerError;
use crate::ptrace::task::FXSAVE_BYTES;

/// Flags that a program can see and set.
const USER_FLAGS: u64 = 0x0024_0dd5;

/// A thread's registers.
#[derive(Clone, Debug)]
pub(in super::super) struct Registers {
    /// General registers, instruction pointer, flags that a program sees, segment bases; no digests.
    pub(in super::super) general: Box<ThreadState>,
    /// x87 and SSE registers as FXSAVE lays them out, where they can be had: in user mode.
    pub(in super::super) vectors: Option<Box<[u8; FXSAVE_BYTES]>>,
}

/// A thread that lives.
#[derive(Clone, Debug)]
pub(in super::super) struct ThreadRow {
    /// Its process.
    pub(in super::super) process: ProcessId,
    /// Its number.
    pub(in super::super) thread: ThreadId,
    /// What its process runs. A program of the trace chose it.
    pub(in super::super) name: String,
    /// What it does.
    pub(in super::super) status: ThreadStatus,
}

impl Debugger<'_> {
    /// Who has the CPU; 0: the kernel's idle thread.
    pub(in super::super) fn running(&mut self) -> ThreadId {
        let running = self.live.as_mut().map(Live::running);
        running.map_or(ThreadId(0), |(_, thread)| thread)
    }

    /// All threads that live, by process.
    pub(in super::super) fn threads(&mut self) -> Vec<ThreadRow> {
        let rows = self.processes();
        let threads = rows.iter().flat_map(|row| {
            row.threads.iter().map(|(thread, status)| ThreadRow {
                process: row.process,
                thread: *thread,
                name: row.name.clone(),
                status: *status,
            })
        });
        threads.collect()
    }

    /// All processes so far.
    pub(in super::super) fn processes(&mut self) -> Vec<ProcessRow> {
        let follow = self.live.as_mut().and_then(Live::follow);
        follow.map_or_else(Vec::new, |follow| follow.history.rows().cloned().collect())
    }

    /// The last event.
    pub(in super::super) fn last_event(&mut self) -> Option<Event> {
        self.live.as_mut().and_then(Live::follow)?.last.clone()
    }

    /// What is mapped in the thread's address space, lowest address first.
    pub(in super::super) fn map(&mut self, thread: ThreadId) -> Vec<Mapping> {
        let space = self.space(thread);
        let follow = self.live.as_mut().and_then(Live::follow);
        let map = space
            .zip(follow)
            .map(|(space, follow)| follow.history.map_of(space));
        map.unwrap_or_default()
    }

    /// A thread's registers; none if it has none in user mode, or has not run since its program was loaded.
    pub(in super::super) fn registers(
        &mut self,
        thread: ThreadId,
    ) -> Result<Option<Registers>, TracerError> {
        let Some(live) = self.live.as_mut() else {
            return Ok(None);
        };
        let (process, running) = live.running();
        if thread == running {
            if let Some(stopped) = live.in_user_mode() {
                let Some(registers) = stopped.registers()? else {
                    return Ok(None);
                };
                let vectors = stopped.vector_registers()?.map(Box::new);
                let general = Box::new(general(&registers));
                return Ok(Some(Registers { general, vectors }));
            }
            let state = live.in_kernel().and_then(|stand| stand.state.clone());
            // What lies in the place of a thread that has ended is nobody's.
            let lives = live
                .follow()
                .is_some_and(|follow| follow.history.lives(process, thread));
            return Ok(state.filter(|_| lives).map(saved));
        }
        let kept = live.follow().and_then(|follow| follow.kept(thread));
        Ok(kept.and_then(|kept| kept.state.clone()).map(saved))
    }

    /// Where the running thread is in its program.
    pub(in super::super) fn instruction(&mut self) -> Option<u64> {
        let running = self.running();
        let registers = self.registers(running).ok()??;
        Some(registers.general.instruction())
    }

    /// Bytes of the thread's address space from `start` on, as many as are there and at most `length`. Memory that the
    /// program has, but has never touched, is zeros.
    pub(in super::super) fn memory(
        &mut self,
        thread: ThreadId,
        start: u64,
        length: u64,
    ) -> Result<Vec<u8>, TracerError> {
        let map = self.map(thread);
        let Some(window) = self.window(thread)? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        let mut at = start;
        while (all.len() as u64) < length {
            let left = length - all.len() as u64;
            let part = left.min(PAGE - at % PAGE);
            let read = window.read(at, part).bytes;
            let bytes: Option<Vec<u8>> = read.into_iter().collect();
            let fresh = || is_fresh(&map, at, part).then(|| vec![0; part as usize]);
            let Some(bytes) = bytes.or_else(fresh) else {
                break;
            };
            all.extend(bytes);
            let Some(next) = at.checked_add(part) else {
                break;
            };
            at = next;
        }
        Ok(all)
    }

    fn space(&mut self, thread: ThreadId) -> Option<SpaceId> {
        let live = self.live.as_mut()?;
        let stands_in = live.in_kernel().map(|stand| stand.space);
        if let Some(space) = stands_in.filter(|_| live.running().1 == thread) {
            return Some(space);
        }
        let history = &live.follow()?.history;
        let mut rows = history.rows();
        rows.find(|row| row.threads.contains_key(&thread))
            .map(|row| row.space)
    }

    fn window(&mut self, thread: ThreadId) -> Result<Option<Window>, TracerError> {
        let space = self.space(thread);
        let running = self.running();
        let running_space = self.space(running);
        let Some(live) = self.live.as_mut() else {
            return Ok(None);
        };
        let kernel = live.root().pid();
        let host = if thread == running || (space.is_some() && space == running_space) {
            match live.in_user_mode() {
                Some(stopped) => Some(stopped.pid().as_raw()),
                None => live.in_kernel().and_then(|stand| stand.host),
            }
        } else {
            space.and_then(|space| live.host_of(space))
        };
        host.map(|host| Window::open(host, kernel)).transpose()
    }
}

/// Whether a program has memory there that it may read and that is zeros until it is touched.
fn is_fresh(map: &[Mapping], start: u64, length: u64) -> bool {
    map.iter().any(|mapping| {
        mapping.start <= start
            && start.saturating_add(length) <= mapping.end
            && mapping.rights != Rights::NONE
            && !matches!(mapping.backing, Backing::File | Backing::Shared)
    })
}

fn saved(state: Box<ThreadState>) -> Registers {
    Registers {
        general: state,
        vectors: None,
    }
}

fn general(r: &libc::user_regs_struct) -> ThreadState {
    ThreadState {
        registers: [
            r.r8,
            r.r9,
            r.r10,
            r.r11,
            r.r12,
            r.r13,
            r.r14,
            r.r15,
            r.rdi,
            r.rsi,
            r.rbp,
            r.rbx,
            r.rdx,
            r.rax,
            r.rcx,
            r.rsp,
            r.rip,
            r.eflags & USER_FLAGS,
        ],
        bases: [r.fs_base, r.gs_base],
        ..ThreadState::default()
    }
}
