//! One recording from its first to its last moment: what is traced, in its order.
//!
//! Key types: [`Session`] and [`Ending`]. Whatever happens, nobody is left stopped: a started program dies with its tracer,
//! an attached process is let go.

use nix::unistd::Pid;
use trapline_trace_format::event::{EventKind, Nanos, ProcessId, Role, SpaceId};
use trapline_trace_format::meta::{Availability, Calibration, Detail, Loss};

use super::attach::{Attached, attach};
use super::calls::Reading;
use super::engine::{Counts, Engine, Mood, Rules, Traced};
use super::filter::FILTER_CALLS;
use super::options::{Follow, HostWishes, LinuxOptions, Subject};
use super::output::{Log, Output, Whom};
use super::placement::{AFFINITY_CALLS, Placement};
use super::selection::Selection;
use super::tally::Tallies;
use super::timeline::Timeline;
use super::tree::{Tree, Watch};
use super::wishes::Wishes;
use super::{calibrate, cut, filter, start};
use crate::clock::Clock;
use crate::error::TracerError;
use crate::host_events::{Accounts, HostEvents};
use crate::ptrace::program::interrupts::Interrupts;
use crate::ptrace::program::start::Launch;
use crate::ptrace::program::stop::End;
use crate::ptrace::program::task::{Until, Wanted};

/// A recording that is being made.
pub(super) struct Session<'a> {
    options: &'a LinuxOptions,
    clock: Clock,
    interrupts: Interrupts,
    rules: Rules,
    filter: Vec<libc::sock_filter>,
    placement: Placement,
    begun: Option<Begun>,
    host: Option<HostEvents>,
}

/// Whom it is of; stopped, or stopping.
enum Begun {
    Program(Launch),
    Processes(Vec<Attached>),
}

/// How a recording ended.
pub(super) struct Ending {
    pub(super) wall_ns: Nanos,
    pub(super) counts: Counts,
    pub(super) status: u8,
    /// The signal that ended the program by way of the tracer.
    pub(super) ended_by: Option<&'static str>,
    pub(super) lost: Vec<Loss>,
    pub(super) notes: Vec<String>,
}

impl<'a> Session<'a> {
    pub(super) fn new(options: &'a LinuxOptions, clock: Clock) -> Result<Self, TracerError> {
        let set = options.calls.as_ref().map(|calls| &calls.set);
        let is_program = matches!(options.subject, Subject::Program(_));
        // Without a tracer a filtered call fails, so nobody may run away from it.
        let is_filtered = is_program && options.follow == Follow::All;
        let filter = match set.filter(|set| is_filtered && !set.is_all()) {
            Some(set) => filter::program(set, &[AFFINITY_CALLS, FILTER_CALLS].concat()),
            None => Vec::new(),
        };
        let time = options.limits.time;
        Ok(Self {
            options,
            clock,
            interrupts: Interrupts::install()?,
            rules: Rules {
                selection: Selection::new(set),
                reading: Reading {
                    data_bytes: options.string_bytes,
                },
                detail: options.detail,
                bytes: options.limits.bytes,
                time: time.map(|time| Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)),
            },
            filter,
            placement: if is_filtered {
                Placement::new()
            } else {
                Placement::off()
            },
            begun: None,
            host: None,
        })
    }

    /// Measures what a stop costs, where the recording will have it happen.
    pub(super) fn calibrate(&self, clock: &Clock) -> Result<Calibration, TracerError> {
        let placement = match self.options.subject {
            Subject::Program(_) if self.options.follow == Follow::All => Placement::new(),
            _ => Placement::off(),
        };
        calibrate::calibrate(clock, &self.interrupts, placement, self.options.host)
    }

    /// Makes the program's process, or attaches.
    pub(super) fn begin(&mut self) -> Result<(), TracerError> {
        let new_tasks = self.options.follow == Follow::All;
        let wanted = |dies_with_tracer| Wanted {
            new_tasks,
            seccomp: !self.filter.is_empty(),
            dies_with_tracer,
        };
        self.begun = Some(match &self.options.subject {
            Subject::Program(command) => {
                let program = start::program(command, &self.filter)?;
                Begun::Program(Launch::new(&program, wanted(true), &self.interrupts)?)
            }
            Subject::Processes(pids) => {
                let pids = pids.iter().map(|pid| attach(*pid, wanted(false)));
                Begun::Processes(pids.collect::<Result<_, _>>()?)
            }
        });
        Ok(())
    }

    /// Asks the host to tell of switches and page faults, too.
    pub(super) fn open_host_events(&mut self, clock: &Clock) -> (Availability, Availability) {
        let threads: Vec<u32> = match &self.begun {
            Some(Begun::Program(launch)) => vec![launch.pid().as_raw() as u32],
            Some(Begun::Processes(processes)) => {
                processes.iter().flat_map(|one| one.tids.clone()).collect()
            }
            None => Vec::new(),
        };
        let wanted = crate::host_events::Wanted {
            descendants: self.options.follow == Follow::All,
            page_faults: self.options.host == HostWishes::SwitchesAndPageFaults,
        };
        // Statistics alone have no events, and without those nobody knows whose switch it was.
        let wishes = match self.options.detail {
            Detail::Events => self.options.host,
            Detail::Summary => HostWishes::Nothing,
        };
        let threads = match wishes {
            HostWishes::Nothing => Vec::new(),
            HostWishes::Switches | HostWishes::SwitchesAndPageFaults => threads,
        };
        let (host, switches, page_faults) = HostEvents::open(&threads, clock, wanted);
        self.host = Some(host);
        (switches, page_faults)
    }

    /// Traces to the end.
    pub(super) fn run(self, log: &mut dyn Log) -> Result<Ending, TracerError> {
        let Some((begun, host)) = self.begun.zip(self.host) else {
            return Err(TracerError::Options("nothing was begun".to_owned()));
        };
        let watch = match self.filter.is_empty() {
            true => Watch::Every,
            false => Watch::Filtered,
        };
        let mut engine = Engine {
            rules: &self.rules,
            traced: Traced::Attached,
            watch,
            mood: Mood::Tracing,
            timeline: Timeline::new(self.clock),
            output: Output::new(log),
            tree: Tree::default(),
            early: Default::default(),
            host,
            accounts: Accounts::default(),
            tallies: Tallies::default(),
            placement: self.placement,
            wishes: Wishes::default(),
            counts: Counts::default(),
            cut: None,
            notes: Vec::new(),
            ticks: 0,
        };
        match begun {
            Begun::Program(launch) => engine.start(launch, self.options)?,
            Begun::Processes(processes) => engine.begin_attached(&processes),
        }
        let wall_ns = engine.run(&self.interrupts)?;
        engine.finish(wall_ns, self.options)
    }
}

impl Engine<'_> {
    /// Lets the program begin.
    pub(super) fn start(
        &mut self,
        launch: Launch,
        options: &LinuxOptions,
    ) -> Result<(), TracerError> {
        let root = launch.pid().as_raw() as u32;
        let name = match &options.subject {
            Subject::Program(command) => command.first().map(|name| {
                let name = std::path::Path::new(name).file_name();
                name.unwrap_or_default().to_string_lossy().into_owned()
            }),
            Subject::Processes(_) => None,
        };
        self.add_first(root, &[root], &name.unwrap_or_default());
        let until = match self.watch {
            Watch::Every => {
                self.placement.start_together(Pid::from_raw(root as i32));
                Until::Call
            }
            Watch::Filtered | Watch::Nothing => Until::Event,
        };
        self.traced = Traced::Program {
            root,
            launched: Some(launch.go(until)?),
            end: None,
        };
        Ok(())
    }

    fn begin_attached(&mut self, processes: &[Attached]) {
        self.timeline.begin();
        for process in processes {
            self.add_first(process.pid, &process.tids, &process.name);
            let whom = Whom {
                process: process.pid,
                thread: process.pid,
            };
            self.tell_all_descriptors(whom, 0);
        }
    }

    fn add_first(&mut self, pid: u32, tids: &[u32], name: &str) {
        self.tree
            .add_process_without_threads(pid, name.to_owned(), pid);
        for &tid in tids {
            self.tree.add_thread(pid, tid, 0);
            // The host's number of the leader stands for the process.
            let (parent, role) = if tid == tids[0] {
                (0, Role::Process)
            } else {
                (pid, Role::Thread)
            };
            self.counts.threads += 1;
            self.counts.processes += u64::from(role == Role::Process);
            let kind = EventKind::Created {
                parent: ProcessId(parent),
                name: name.to_owned(),
                role,
                space: SpaceId(pid),
            };
            self.output.tell(0, self.tree.whom(tid), kind);
        }
    }

    /// What is to be said at the end.
    pub(super) fn finish(
        self,
        wall_ns: Nanos,
        options: &LinuxOptions,
    ) -> Result<Ending, TracerError> {
        let mut status = 0;
        if let Traced::Program { launched, end, .. } = self.traced {
            if !self.timeline.has_begun() {
                let command = match &options.subject {
                    Subject::Program(command) => command.as_slice(),
                    Subject::Processes(_) => &[],
                };
                return Err(start::refused(
                    command,
                    launched.and_then(crate::ptrace::program::start::Launched::refused),
                ));
            }
            status = match end {
                Some(End::Code(code)) => code,
                Some(End::Signal(signal)) => 128 + signal,
                None => 1,
            };
        }
        let mut lost = self.host.losses();
        lost.extend(self.cut.map(|(since, why)| cut(since, why)));
        if let Some(error) = self.output.into_error() {
            return Err(error);
        }
        Ok(Ending {
            wall_ns,
            counts: self.counts,
            status,
            ended_by: self.wishes.ended_by(),
            lost,
            notes: self.notes,
        })
    }
}
