//! What the host's kernel itself tells of traced threads: each context switch with its time, each page fault, and its own
//! accounts at their ends. None of it needs rights that an ordinary user lacks.
//!
//! Key types: [`HostEvents`] (records as they come), [`Accounts`] (the kernel's sums). Neighbours: `record.rs` knows the
//! bytes of a record, `refusal.rs` the words for what is refused, `accounts.rs` reads /proc; `ptrace/perf.rs` is the fence
//! around perf_event_open(2). The Linux engine opens, drains and asks.
//!
//! Page faults are those that a program took itself, in user mode: of faults inside system calls an ordinary user may only
//! know the number, which is in [`Accounts`].

mod accounts;
mod record;
mod refusal;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use trapline_trace_format::event::{Event, FaultSize};
use trapline_trace_format::meta::{Availability, Loss};

use crate::clock::Clock;
use crate::ptrace::perf::{Ring, Source, Subject, open};
use record::Record;

pub use accounts::{Accounts, usage_of_thread};
pub use refusal::{Refusal, mlock_kilobytes, paranoia};

/// What to ask the host for besides switches, and of whom.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Also of all threads and processes that the given ones make from now on.
    pub descendants: bool,
    /// Each page fault, too: one record for each page that is touched first.
    pub page_faults: bool,
}

/// Sizes of a CPU's rings for switches and for page faults, in bytes; the first that the host gives are taken. A user's
/// rings on one CPU may take `kernel.perf_event_mlock_kb` (516 by default: 512 and one page), all together.
const RING_SIZES: [(usize, usize); 5] = [
    (256 << 10, 128 << 10),
    (128 << 10, 64 << 10),
    (64 << 10, 32 << 10),
    (32 << 10, 16 << 10),
    (16 << 10, 8 << 10),
];

/// No record that we ask for is longer.
const MAX_RECORD: usize = 64;

/// Open events of the host on traced threads.
pub struct HostEvents {
    wanted: Wanted,
    cpus: Vec<Cpu>,
    /// Kept open, as records end with them.
    joined: Vec<OwnedFd>,
    /// CLOCK_MONOTONIC at the time 0 of the clock that the caller reads.
    base: i64,
    page_faults: bool,
    switches_lost: Lost,
    faults_lost: Lost,
    /// Threads that could not be joined, and the last answer.
    unseen: Option<(u64, Errno)>,
    batch: Vec<Event>,
}

struct Cpu {
    number: u32,
    /// Switches, and the few major faults.
    switches: Ring,
    faults: Option<Ring>,
}

impl HostEvents {
    /// Opens events on these threads, the first of a program before it executes, or all of running ones. Says what can be
    /// had of switches and of page faults. What is refused is not tried again: `HostEvents` then gives nothing.
    #[must_use]
    pub fn open(
        threads: &[u32],
        clock: &Clock,
        wanted: Wanted,
    ) -> (Self, Availability, Availability) {
        let mut events = Self::nothing(clock.monotonic_base(), wanted);
        let Some((&first, others)) = threads.split_first() else {
            return (events, Availability::NotAsked, Availability::NotAsked);
        };
        let (switches, page_faults) = match events.open_first(first) {
            Ok(None) => (
                Availability::Available,
                events.asked(Availability::Available),
            ),
            Ok(Some(refusal)) => (
                Availability::Available,
                events.asked(refusal.availability()),
            ),
            Err(refusal) => (refusal.availability(), events.asked(refusal.availability())),
        };
        for &thread in others {
            events.add(thread);
        }
        (events, switches, page_faults)
    }

    fn nothing(base: i64, wanted: Wanted) -> Self {
        Self {
            wanted,
            cpus: Vec::new(),
            joined: Vec::new(),
            base,
            page_faults: wanted.page_faults,
            switches_lost: Lost::default(),
            faults_lost: Lost::default(),
            unseen: None,
            batch: Vec::new(),
        }
    }

    /// One more thread, which nothing that was open makes: its descendants are seen from now on as well.
    pub fn add(&mut self, thread: u32) {
        if self.cpus.is_empty() {
            return;
        }
        if let Err(errno) = self.join(thread) {
            // A thread that ended meanwhile has no more to tell.
            if errno != Errno::ESRCH {
                let before = self.unseen.map_or(0, |(count, _)| count);
                self.unseen = Some((before + 1, errno));
            }
        }
    }

    /// Whether a ring is half full, so that [`Self::drain`] should come soon. Costs a few memory reads.
    #[must_use]
    pub fn half_full(&self) -> bool {
        self.rings().any(|ring| {
            let (waiting, size) = ring.filled();
            waiting > size / 2
        })
    }

    /// Hands over everything that was told since the last time, in the order of the times. Events of another call may be
    /// older by a moment: a CPU may just be writing one.
    pub fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        for cpu in &mut self.cpus {
            let number = cpu.number;
            let mut take = |ring: &mut Ring, faults, lost: &mut Lost| {
                let (waiting, size) = ring.filled();
                record::read(ring.take(), faults, |record| match record {
                    Record::Event(event) => self.batch.push(event),
                    Record::Lost(count) => lost.told(number, count),
                });
                if waiting + MAX_RECORD > size {
                    lost.full.insert(number);
                }
            };
            let lost = &mut self.switches_lost;
            take(&mut cpu.switches, FaultSize::Major, lost);
            if let Some(ring) = &mut cpu.faults {
                take(ring, FaultSize::Minor, &mut self.faults_lost);
            }
        }
        self.batch.sort_by_key(|event| event.time);
        for mut event in self.batch.drain(..) {
            event.time -= self.base;
            sink(event);
        }
    }

    /// Records that the host could not write because a ring was full, as far as it has said so: it does with the next record.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.switches_lost.count + self.faults_lost.count
    }

    /// What is missing, for meta.json. Nothing when nothing is.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let full = |lost: &Lost, what: &str| {
            (lost.count > 0 || !lost.full.is_empty()).then(|| Loss {
                events: lost.full.is_empty().then_some(lost.count),
                reason: format!(
                    "{what} came faster than they were read; a ring of the host was full"
                ),
            })
        };
        let unseen = self.unseen.map(|(count, errno)| Loss {
            events: None,
            reason: format!("no context switches or page faults of {count} threads: {errno}"),
        });
        let switches = full(&self.switches_lost, "context switches");
        let faults = full(&self.faults_lost, "page faults");
        [switches, faults, unseen].into_iter().flatten().collect()
    }

    /// Bytes of a CPU's rings, for switches and page faults. Nothing when nothing is open.
    #[must_use]
    pub fn ring_bytes(&self) -> Option<(usize, usize)> {
        let cpu = self.cpus.first()?;
        let faults = cpu.faults.as_ref().map_or(0, |ring| ring.filled().1);
        Some((cpu.switches.filled().1, faults))
    }

    fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.cpus
            .iter()
            .flat_map(|cpu| std::iter::once(&cpu.switches).chain(&cpu.faults))
    }

    /// Rings as large as the host gives them, with events on the first thread. Whether page faults alone were refused.
    fn open_first(&mut self, thread: u32) -> Result<Option<Refusal>, Refusal> {
        let mut refused = Errno::ENODEV;
        for (switches, faults) in RING_SIZES {
            match self.open_rings(thread, switches, faults) {
                Ok((cpus, joined)) => {
                    (self.cpus, self.joined) = (cpus, joined);
                    return Ok(None);
                }
                Err(Refused::Event(errno)) => return Err(refusal::of_event(errno)),
                Err(Refused::Memory(errno)) => refused = errno,
            }
        }
        let refusal = refusal::of_memory(refused);
        if std::mem::take(&mut self.page_faults) {
            // Perhaps there is room for one of the two.
            return self.open_first(thread).map(|_| Some(refusal));
        }
        Err(refusal)
    }

    /// The same of page faults, if anyone asked for them.
    fn asked(&self, availability: Availability) -> Availability {
        match self.wanted.page_faults {
            true => availability,
            false => Availability::NotAsked,
        }
    }

    fn open_rings(
        &self,
        thread: u32,
        switches: usize,
        faults: usize,
    ) -> Result<(Vec<Cpu>, Vec<OwnedFd>), Refused> {
        let (mut cpus, mut joined) = (Vec::new(), Vec::new());
        for number in online_cpus() {
            let subject = self.subject(thread, number);
            let event = match open(Source::Switches, subject) {
                Ok(event) => event,
                // It went offline.
                Err(Errno::ENODEV) => continue,
                Err(errno) => return Err(Refused::Event(errno)),
            };
            let ring = Ring::map(event, switches).map_err(Refused::Memory)?;
            let mut cpu = Cpu {
                number,
                switches: ring,
                faults: None,
            };
            if self.page_faults {
                let minor = open(Source::MinorFaults, subject).map_err(Refused::Event)?;
                cpu.faults = Some(Ring::map(minor, faults).map_err(Refused::Memory)?);
                let major = open(Source::MajorFaults, subject).map_err(Refused::Event)?;
                cpu.switches.join(&major).map_err(Refused::Event)?;
                joined.push(major);
            }
            cpus.push(cpu);
        }
        if cpus.is_empty() {
            return Err(Refused::Event(Errno::ENODEV));
        }
        Ok((cpus, joined))
    }

    /// Events on one more thread, into the rings that there are.
    fn join(&mut self, thread: u32) -> nix::Result<()> {
        // Kept only when all are there: half of a thread's switches would be worse than none.
        let mut joined = Vec::new();
        for cpu in &self.cpus {
            let subject = self.subject(thread, cpu.number);
            let switches = open(Source::Switches, subject)?;
            cpu.switches.join(&switches)?;
            joined.push(switches);
            if let Some(ring) = &cpu.faults {
                let minor = open(Source::MinorFaults, subject)?;
                ring.join(&minor)?;
                let major = open(Source::MajorFaults, subject)?;
                cpu.switches.join(&major)?;
                joined.extend([minor, major]);
            }
        }
        self.joined.append(&mut joined);
        Ok(())
    }

    fn subject(&self, thread: u32, cpu: u32) -> Subject {
        Subject {
            thread,
            cpu,
            descendants: self.wanted.descendants,
        }
    }
}

/// Whether this process may have all of it, tried on itself: the bytes of a CPU's rings for switches and for page faults, and
/// whether those are as large as they should be.
///
/// # Errors
/// What is refused, why, and what would help.
pub fn try_out() -> Result<Rings, Refusal> {
    let mut events = HostEvents::nothing(
        0,
        Wanted {
            descendants: true,
            page_faults: true,
        },
    );
    if let Some(refusal) = events.open_first(std::process::id())? {
        return Err(refusal);
    }
    let (switches, faults) = events.ring_bytes().unwrap_or_default();
    Ok(Rings {
        switches,
        faults,
        full_size: (switches, faults) == RING_SIZES[0],
    })
}

/// What rings the host gives.
#[derive(Clone, Copy, Debug)]
pub struct Rings {
    /// Bytes of a CPU's ring for context switches.
    pub switches: usize,
    /// Bytes of a CPU's ring for page faults.
    pub faults: usize,
    /// Whether they are as large as they should be.
    pub full_size: bool,
}

/// What rings of one kind could not hold.
#[derive(Default)]
struct Lost {
    /// As the host has told.
    count: u64,
    /// CPUs whose ring was full when it was last read: what came then is told with the next record, if there is one.
    full: BTreeSet<u32>,
}

impl Lost {
    fn told(&mut self, cpu: u32, count: u64) {
        self.count += count;
        self.full.remove(&cpu);
    }
}

enum Refused {
    Event(Errno),
    Memory(Errno),
}

/// The CPUs that a thread may find itself on: it may get another affinity than ours.
fn online_cpus() -> Vec<u32> {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    let cpus: Vec<u32> = list
        .trim()
        .split(',')
        .filter_map(range)
        .flatten()
        .take(1 << 13)
        .collect();
    if cpus.is_empty() {
        let allowed = crate::host::allowed_cpus().unwrap_or_default();
        return allowed.into_iter().map(|cpu| cpu as u32).collect();
    }
    cpus
}
