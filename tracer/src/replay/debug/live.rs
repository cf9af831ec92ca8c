//! A watched replay while it lives: it stands still between two events, or in front of an instruction of a program, and goes on
//! until there is something to look at.
//!
//! Key types: [`Live`], [`Want`] says what to go on to, [`Reached`] what came. The kernel stands still between events by itself
//! (`fixtures/kernel/src/stop.rs`); in user mode the CPU's debug registers and single steps stop programs, which change no
//! memory. On the way to a point, where the kernel has a breakpoint of its own in the program, it is asked to make way
//! before anything is shown, and to go on with the search after that (`fixtures/kernel/src/replay/seek.rs`).

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::Ordering::SeqCst;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use trapline_abi::debug::{Debug, Request};
use trapline_trace_format::event::{ProcessId, SpaceId, ThreadId};

use super::super::compare::State;
use super::super::{Over, Recording, ReplayOptions, machine, over_after};
use super::breakpoints::{Breakpoint, Breakpoints, Trigger, instructions_only};
use super::follow::Follow;
use super::watchdog::Watchdog;
use crate::error::TracerError;
use crate::machine::Machine;
use crate::ptrace::debug_registers::Slots;
use crate::ptrace::task::{Stopped, Wait, wait_any};
use crate::record::{Observer, Standstill};

/// A machine under ptrace.
pub(super) struct Live<'a> {
    machine: Machine,
    /// None: the machine is no more.
    observer: Option<Observer<'a, Follow>>,
    stand: Stand,
    /// What the debug registers of each host process hold.
    set: HashMap<Pid, Slots>,
}

/// Where the machine stands.
enum Stand {
    /// Between two events, in the kernel.
    Kernel(Stopped, Standstill),
    /// In front of an instruction of the program that has the CPU.
    User(Stopped),
    /// It runs, or is no more.
    Nowhere,
}

/// How far a thread is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stride {
    /// To where it enters user mode.
    Entry,
    /// To behind its next instruction.
    Instruction,
}

/// What to go on to, whichever comes first.
pub(super) struct Want<'a> {
    /// The end of so many records of events.
    pub(super) records: u64,
    /// One of these.
    pub(super) breakpoints: &'a Breakpoints,
    /// A thread's next step.
    pub(super) step: Option<(ThreadId, Stride)>,
}

/// What came.
pub(super) enum Reached {
    /// The machine stands behind an event: the wanted one, or an earlier one where it was interrupted.
    Event,
    /// A program is about to execute an instruction, or has just executed one that does, for which it was to be stopped.
    Hit(Breakpoint),
    /// The thread is where it enters user mode, and has executed nothing there.
    Entered,
    /// The thread has executed an instruction.
    Stepped,
    /// The machine is no more.
    Over(Over),
}

/// One way from a stand to the next.
struct Way<'w> {
    want: &'w Want<'w>,
    slots: Slots,
    /// Where the stepping thread was when its step began.
    origin: Option<u64>,
    /// It has made a system call since.
    has_called: bool,
    /// It executes its instruction.
    is_stepping: bool,
    /// A program is on its way through the door, and stops behind it.
    is_entering: bool,
    /// The kernel was asked to make way for this hit to be shown.
    pending: Option<Breakpoint>,
}

impl<'a> Live<'a> {
    /// Starts the machine of a recording, which stands still as it starts to run.
    pub(super) fn start(
        recording: &'a Recording,
        options: &ReplayOptions,
    ) -> Result<Self, TracerError> {
        let recorded = Box::new(recording.compared_events()?);
        let follow = Follow::new(recorded, recording.is_whole());
        let machine = machine::ready_to_watch(recording, options.cpu)?.start()?;
        Ok(Self {
            machine,
            observer: Some(Observer::new(&recording.jobs, follow)),
            stand: Stand::Nowhere,
            set: HashMap::new(),
        })
    }

    /// The host's process of the kernel's own.
    pub(super) fn root(&self) -> &crate::ptrace::spawn::Root {
        &self.machine.root
    }

    /// What the events told so far; none once the machine is no more.
    pub(super) fn follow(&mut self) -> Option<&mut Follow> {
        self.observer.as_mut().map(Observer::sink)
    }

    /// The host's process behind an address space that does not have the CPU.
    pub(super) fn host_of(&self, space: SpaceId) -> Option<i32> {
        let observer = self.observer.as_ref()?;
        let told = observer.host_of_space(space);
        observer.told().host_of(space).or(told)
    }

    /// Who has the CPU; 0 and 0: the kernel's idle thread.
    pub(super) fn running(&mut self) -> (ProcessId, ThreadId) {
        match &self.stand {
            Stand::Kernel(_, standstill) => (standstill.process, standstill.thread),
            _ => self
                .follow()
                .map_or((ProcessId(0), ThreadId(0)), |follow| follow.running),
        }
    }

    /// The program that stands in front of an instruction, if one does.
    pub(super) fn in_user_mode(&self) -> Option<&Stopped> {
        match &self.stand {
            Stand::User(stopped) => Some(stopped),
            _ => None,
        }
    }

    /// What the kernel said when it stood still, if it stands.
    pub(super) fn in_kernel(&self) -> Option<&Standstill> {
        match &self.stand {
            Stand::Kernel(_, standstill) => Some(standstill),
            _ => None,
        }
    }

    /// Goes to where the machine first stands still.
    pub(super) fn boot(&mut self, watchdog: &Watchdog) -> Result<Reached, TracerError> {
        let want = Want {
            records: 1,
            breakpoints: &Breakpoints::default(),
            step: None,
        };
        self.follow_way(&mut Way::new(&want), watchdog)
    }

    /// Goes on.
    pub(super) fn go(&mut self, want: &Want, watchdog: &Watchdog) -> Result<Reached, TracerError> {
        let mut way = Way::new(want);
        self.tell(want);
        match mem::replace(&mut self.stand, Stand::Nowhere) {
            Stand::Kernel(stopped, _) => stopped.resume_without_signal()?,
            Stand::User(stopped) => self.leave_program(stopped, &mut way)?,
            Stand::Nowhere => {}
        }
        self.follow_way(&mut way, watchdog)
    }

    /// Tells the kernel what is wanted of it.
    fn tell(&self, want: &Want) {
        let words = self.machine.region.debug();
        words.stop_at.store(want.records, SeqCst);
        let reads = want.breakpoints.watch_reads();
        words.reads.store(reads.into(), SeqCst);
        let held = want.step.map_or(0, |(thread, _)| thread.0);
        words.held.store(held, SeqCst);
        let mut instructions = want.breakpoints.instructions();
        for place in &words.breakpoints {
            place.store(instructions.next().unwrap_or(0), SeqCst);
        }
        words.watched.store(want.watches().into(), SeqCst);
    }

    fn leave_program(&mut self, stopped: Stopped, way: &mut Way) -> Result<(), TracerError> {
        let steps = way.steps(self.running().1);
        if steps {
            way.origin = instruction(&stopped)?;
        }
        let words = self.machine.region.debug();
        if words.seeking.load(SeqCst) != 0 {
            let request = if steps { Request::Look } else { Request::Go };
            return self.ask(stopped, request);
        }
        self.set(&stopped, way.slots)?;
        if steps {
            way.is_stepping = true;
            stopped.step()
        } else {
            stopped.resume_without_signal()
        }
    }

    /// Has the kernel do something about its search for a point, which it is in the middle of.
    fn ask(&mut self, stopped: Stopped, request: Request) -> Result<(), TracerError> {
        let words: &Debug = self.machine.region.debug();
        words.watched.store(1, SeqCst);
        words.request.store(request as u32, SeqCst);
        self.set_for_kernel(&stopped)?;
        stopped.interrupt()
    }

    fn follow_way(&mut self, way: &mut Way, watchdog: &Watchdog) -> Result<Reached, TracerError> {
        loop {
            let wait = wait_any()?;
            let Some(observer) = self.observer.as_mut() else {
                return Ok(Reached::Over(Over::Failed("it is no more".to_owned())));
            };
            match observer.drain(&self.machine.region) {
                Err(refused @ TracerError::Job { .. }) => {
                    return Ok(Reached::Over(Over::Failed(refused.to_string())));
                }
                other => other?,
            };
            let comparison = &observer.sink().comparison;
            if matches!(comparison.state(), State::Diverged(_)) {
                let (halted, why) = (false, None);
                return Ok(Reached::Over(Over::Ended { halted, why }));
            }
            watchdog.note(comparison.verified().events);
            if watchdog.is_interrupted() {
                self.machine.region.debug().stop_at.store(1, SeqCst);
            }
            let reached = match wait {
                // The kernel's own process comes back from hearing of a child's end.
                Wait::Seccomp(stopped) if stopped.pid() == self.machine.root.pid() => {
                    stopped.resume()?;
                    None
                }
                Wait::Seccomp(stopped) => self.returning(stopped, way)?,
                Wait::Signal(stopped, Signal::SIGSTOP) => {
                    if let Some(standstill) = observer.standstill() {
                        self.stand = Stand::Kernel(stopped, standstill);
                        return Ok(Reached::Event);
                    }
                    stopped.resume_without_signal()?;
                    None
                }
                Wait::Signal(stopped, _) if stopped.pid() == self.machine.root.pid() => {
                    stopped.resume()?;
                    None
                }
                Wait::Signal(stopped, Signal::SIGTRAP) => self.trapped(stopped, way)?,
                Wait::Signal(stopped, signal) => {
                    if signal == Signal::SIGSYS && way.steps(self.running().1) {
                        way.has_called = true;
                        if way.is_stepping {
                            stopped.hide_step_in_call()?;
                        }
                    }
                    self.enter_kernel(stopped, way)?;
                    None
                }
                Wait::Other(stopped) => {
                    stopped.resume()?;
                    None
                }
                Wait::Ended(pid) => {
                    self.set.remove(&pid);
                    if pid == self.machine.root.pid() {
                        self.machine.root.mark_ended();
                    }
                    None
                }
                Wait::NoneLeft => return self.over(),
            };
            if let Some(reached) = reached {
                return Ok(reached);
            }
        }
    }

    fn over(&mut self) -> Result<Reached, TracerError> {
        let ended = match self.observer.as_mut() {
            Some(observer) => over_after(observer.ending())?,
            None => Over::Failed("it is no more".to_owned()),
        };
        Ok(Reached::Over(ended))
    }

    /// A program is about to get the CPU in user mode.
    fn returning(
        &mut self,
        stopped: Stopped,
        way: &mut Way,
    ) -> Result<Option<Reached>, TracerError> {
        self.set(&stopped, way.slots)?;
        let running = self.running().1;
        if way.pending.is_some() || way.steps(running) {
            way.is_entering = true;
            stopped.step()?;
        } else {
            let words = self.machine.region.debug();
            words.watched.store(way.want.watches().into(), SeqCst);
            stopped.resume_without_signal()?;
        }
        Ok(None)
    }

    /// A program stopped: for a breakpoint or a step of ours, or of its own or the kernel's.
    fn trapped(&mut self, stopped: Stopped, way: &mut Way) -> Result<Option<Reached>, TracerError> {
        let hit = way.want.breakpoints.hit(stopped.take_debug_status()?);
        if mem::take(&mut way.is_entering) {
            return self.entered(stopped, way, hit);
        }
        if let Some(hit) = hit {
            if self.machine.region.debug().seeking.load(SeqCst) == 0 {
                return Ok(Some(self.show(stopped, Reached::Hit(hit))));
            }
            way.is_stepping = false;
            way.pending = Some(hit);
            self.ask(stopped, Request::Hold)?;
            return Ok(None);
        }
        let is_own = stopped.is_breakpoint_instruction()? == Some(true);
        if mem::take(&mut way.is_stepping) && !is_own {
            if let Some(origin) = way.origin {
                stopped.hide_step_from(origin)?;
            }
            return Ok(Some(self.show(stopped, Reached::Stepped)));
        }
        self.enter_kernel(stopped, way)?;
        Ok(None)
    }

    /// A program has just entered user mode.
    fn entered(
        &mut self,
        stopped: Stopped,
        way: &mut Way,
        hit: Option<Breakpoint>,
    ) -> Result<Option<Reached>, TracerError> {
        let place = instruction(&stopped)?;
        if let Some(pending) = way.pending.take().or(hit) {
            // On its way through a repeated instruction the kernel comes to its end before the program does.
            let is_there = pending.trigger != Trigger::Execute || place == Some(pending.address);
            if is_there {
                return Ok(Some(self.show(stopped, Reached::Hit(pending))));
            }
            let steps = way.steps(self.running().1);
            self.ask(stopped, if steps { Request::Look } else { Request::Go })?;
            return Ok(None);
        }
        let Some((_, stride)) = way.want.step else {
            stopped.resume_without_signal()?;
            return Ok(None);
        };
        let has_moved = way.origin.is_some_and(|origin| Some(origin) != place);
        if stride == Stride::Entry || way.has_called || has_moved {
            return Ok(Some(self.show(stopped, Reached::Entered)));
        }
        way.origin = place;
        way.is_stepping = true;
        stopped.step()?;
        Ok(None)
    }

    fn show(&mut self, stopped: Stopped, reached: Reached) -> Reached {
        self.stand = Stand::User(stopped);
        reached
    }

    fn enter_kernel(&mut self, stopped: Stopped, way: &mut Way) -> Result<(), TracerError> {
        way.is_stepping = false;
        self.set_for_kernel(&stopped)?;
        stopped.resume()
    }

    /// The kernel reads and writes the program's memory, too.
    fn set_for_kernel(&mut self, stopped: &Stopped) -> Result<(), TracerError> {
        let slots = self.set.get(&stopped.pid()).copied().unwrap_or_default();
        self.set(stopped, instructions_only(&slots))
    }

    fn set(&mut self, stopped: &Stopped, slots: Slots) -> Result<(), TracerError> {
        let before = self.set.get(&stopped.pid()).copied().unwrap_or_default();
        if before == slots {
            return Ok(());
        }
        if !stopped.set_debug_registers(&slots)? {
            return Err(TracerError::Options(
                "the host gives no debug registers for breakpoints and watchpoints".to_owned(),
            ));
        }
        self.set.insert(stopped.pid(), slots);
        Ok(())
    }
}

impl Want<'_> {
    /// Whether programs may be stopped in user mode.
    fn watches(&self) -> bool {
        self.step.is_some() || !self.breakpoints.is_empty()
    }
}

impl<'w> Way<'w> {
    fn new(want: &'w Want<'w>) -> Self {
        Self {
            want,
            slots: want.breakpoints.slots(),
            origin: None,
            has_called: false,
            is_stepping: false,
            is_entering: false,
            pending: None,
        }
    }

    /// Whether it is this thread that is to step.
    fn steps(&self, running: ThreadId) -> bool {
        self.want.step.is_some_and(|(thread, _)| thread == running)
    }
}

fn instruction(stopped: &Stopped) -> Result<Option<u64>, TracerError> {
    Ok(stopped.registers()?.map(|registers| registers.rip))
}
