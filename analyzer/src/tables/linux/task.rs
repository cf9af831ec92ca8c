//! One thread on Linux while its events are folded: where it is, in which mode, and whose each stretch of its time was.
//!
//! Key type: [`Task`]. Neighbour: `../linux.rs`, whose head says what the parts mean. Time is accounted up to `cursor_ns`;
//! whatever happens first accounts for the time since then, so the parts add up to the life by construction.
//!
//! Time on a CPU is gathered in `segment_ns` until the mode changes: only then is it known what of the calibrated cost of
//! the stops in it was seen as time off the CPU, and what has to be taken out of it.

use std::collections::HashMap;

use trapline_trace_format::event::{Cause, ExitStatus, Nanos, SwitchReason, Trap, Waits};

use super::super::rows::{LifecycleRow, Return, Rows, SliceRow, SwitchRow, VisitRow};
use super::{could_go_on, waits};
use crate::summary::{Activity, Part};

/// A thread.
pub(super) struct Task {
    pub(super) row: LifecycleRow,
    cursor_ns: Nanos,
    place: Place,
    /// The open visit's place among the rows.
    visit: Option<usize>,
    /// By a signal, until it is continued.
    stopped: bool,
    held_until_ns: Nanos,
    cost: StopCost,
    /// Of the stops since the last change of mode: cost that was not seen yet.
    hidden_ns: Nanos,
    segment_ns: Nanos,
    slice: Option<OpenSlice>,
    user_ns: Nanos,
    /// By cause, in the order of [`Cause::ALL`].
    kernel_ns: [Nanos; Cause::ALL.len()],
    tracer_ns: Nanos,
}

/// What a stop costs a thread besides the tracer's hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopCost {
    /// So much on a CPU; time off the CPU is seen.
    OnCpu(Nanos),
    /// So much in all, of which as much is taken off as is seen of it.
    Whole(Nanos),
}

/// What is known of a thread when the tracer first sees it.
pub(super) enum Start {
    /// Nothing yet.
    Unknown,
    /// The host had given it this CPU.
    Running(u32),
}

enum Place {
    /// The host has told nothing. If it next tells that the thread gets a CPU, it had none in the meantime.
    Unknown {
        pending_ns: Nanos,
        held: bool,
    },
    On,
    Off(Off),
}

struct Off {
    since_ns: Nanos,
    reason: SwitchReason,
    /// Its place among the switches.
    switch: usize,
    by_tracer: bool,
    /// Of the stretch: what is not accounted for yet.
    pending_ns: Nanos,
    /// Of the stretch: what was the tracer's but not a hold.
    seen_ns: Nanos,
}

#[derive(Clone, Copy)]
struct OpenSlice {
    row: usize,
    tracer_before_ns: Nanos,
}

impl Task {
    pub(super) fn new(row: LifecycleRow, start: Start, cost: StopCost, rows: &mut Rows) -> Self {
        let mut task = Self {
            cursor_ns: row.arrival_ns,
            row,
            place: Place::Unknown {
                pending_ns: 0,
                held: false,
            },
            visit: None,
            stopped: false,
            held_until_ns: Nanos::MIN,
            cost,
            hidden_ns: 0,
            segment_ns: 0,
            slice: None,
            user_ns: 0,
            kernel_ns: Default::default(),
            tracer_ns: 0,
        };
        if let Start::Running(cpu) = start {
            task.place = Place::On;
            task.runs(Some(cpu), task.cursor_ns, rows);
        }
        task
    }

    pub(super) fn now_ns(&self) -> Nanos {
        self.cursor_ns
    }

    pub(super) fn tracer_ns(&self) -> Nanos {
        self.tracer_ns
    }

    pub(super) fn trap(&mut self, time_ns: Nanos, trap: Trap, rows: &mut Rows) {
        self.seen_running(time_ns, rows);
        self.close_segment(rows);
        self.end_visit(rows, None);
        self.visit = Some(rows.visits.len());
        rows.visits.push(VisitRow {
            thread: self.row.thread,
            process: self.row.process,
            trap,
            enter_ns: self.cursor_ns,
            left_ns: None,
            end_ns: None,
            returned: None,
            kernel_ns: 0,
            entry_ns: 0,
            exit_ns: 0,
            tracer_ns: 0,
            signal: None,
        });
    }

    pub(super) fn returned(&mut self, time_ns: Nanos, result: i64, rows: &mut Rows) {
        self.seen_running(time_ns, rows);
        self.close_segment(rows);
        self.end_visit(rows, Some(result));
    }

    /// The tracer held the thread.
    pub(super) fn held(&mut self, time_ns: Nanos, until_ns: Nanos, rows: &mut Rows) {
        self.advance(time_ns);
        match &mut self.place {
            Place::Unknown { held, .. } => *held = true,
            Place::On => {}
            Place::Off(_) => self.off_by_tracer(rows),
        }
        let until_ns = until_ns.max(self.cursor_ns);
        self.tracer(until_ns - self.cursor_ns, rows);
        self.cursor_ns = until_ns;
        self.held_until_ns = until_ns;
        let (StopCost::OnCpu(ns) | StopCost::Whole(ns)) = self.cost;
        self.hidden_ns = self.hidden_ns.saturating_add(ns);
    }

    pub(super) fn switched_out(
        &mut self,
        time_ns: Nanos,
        cpu: u32,
        reason: SwitchReason,
        rows: &mut Rows,
    ) {
        self.advance(time_ns);
        // A record between is lost.
        self.back_on(None, time_ns, rows);
        self.assume_on(rows);
        self.place = Place::Off(Off {
            since_ns: self.cursor_ns,
            reason,
            switch: rows.switches.len(),
            by_tracer: time_ns < self.held_until_ns,
            pending_ns: 0,
            seen_ns: 0,
        });
        rows.switches.push(SwitchRow {
            from: self.row.thread,
            to: 0,
            reason,
            waits: None,
            begin_ns: time_ns,
            end_ns: None,
            handover_ns: 0,
            cost_ns: 0,
            tracer_ns: 0,
            cpu: Some(cpu),
            away_ns: None,
            by_tracer: time_ns < self.held_until_ns,
        });
    }

    /// It has a CPU; `waits` is what it waited for if it was blocked.
    pub(super) fn switched_in(
        &mut self,
        time_ns: Nanos,
        cpu: u32,
        waits: Option<Waits>,
        rows: &mut Rows,
    ) {
        self.advance(time_ns);
        if let Place::Unknown { pending_ns, held } = self.place {
            match held {
                true => self.tracer(pending_ns, rows),
                false => self.row.waiting_ns += pending_ns,
            }
            self.place = Place::On;
        }
        self.back_on(waits, time_ns, rows);
        self.runs(Some(cpu), self.cursor_ns, rows);
    }

    /// A signal was acted upon.
    pub(super) fn signalled(&self, signal: u8, rows: &mut Rows) {
        if let Some(visit) = self.visit {
            rows.visits[visit].signal = Some(signal);
        }
    }

    /// A signal stopped the process, or lets it go on.
    pub(super) fn stop(&mut self, time_ns: Nanos, stopped: bool) {
        self.advance(time_ns);
        self.stopped = stopped;
    }

    /// It is no more.
    pub(super) fn end(&mut self, time_ns: Nanos, status: Option<ExitStatus>, rows: &mut Rows) {
        self.stopped = false;
        match &self.place {
            // The last time that it lost the CPU was its end; what followed was waiting for someone to notice.
            Place::Off(off) if !off.by_tracer => {
                self.cursor_ns -= off.pending_ns;
                let row = &mut rows.switches[off.switch];
                row.reason = SwitchReason::Exit;
                self.close_slice(off.since_ns, Some(SwitchReason::Exit), rows);
                self.place = Place::On;
            }
            _ => {
                self.advance(time_ns);
                self.back_on(None, time_ns, rows);
                self.assume_on(rows);
                self.close_slice(self.cursor_ns, Some(SwitchReason::Exit), rows);
            }
        }
        self.close_segment(rows);
        self.end_visit(rows, None);
        self.row.completion_ns.get_or_insert(self.cursor_ns);
        self.row.status = self.row.status.or(status);
    }

    /// The trace ends before the thread does, or it has ended.
    pub(super) fn cut(&mut self, time_ns: Nanos, rows: &mut Rows) {
        if self.row.completion_ns.is_some() {
            return;
        }
        self.advance(time_ns);
        if let Place::Off(off) = &self.place
            && !off.by_tracer
        {
            let (since_ns, reason) = (off.since_ns, off.reason);
            self.close_slice(since_ns, Some(reason), rows);
        }
        self.account_off(None, rows);
        self.assume_on(rows);
        self.close_segment(rows);
        if let Some(slice) = self.slice.take() {
            rows.slices[slice.row].tracer_ns = self.tracer_ns - slice.tracer_before_ns;
        }
    }

    /// What it waits for in its open visit.
    pub(super) fn waits(
        &self,
        rows: &Rows,
        descriptors: Option<&HashMap<i32, Waits>>,
    ) -> Option<Waits> {
        let blocked = matches!(&self.place, Place::Off(off) if !off.by_tracer);
        let visit = self.visit.filter(|_| blocked)?;
        waits::of_call(&rows.visits[visit].trap, descriptors)
    }

    /// Its life, part by part, but for the tracer's.
    pub(super) fn parts(&self, parts: &mut Vec<Part>) {
        let thread = self.row.thread;
        let mut push = |activity, ns| parts.push(Part { activity, ns });
        push(Activity::User { thread }, self.user_ns);
        for (cause, ns) in Cause::ALL.into_iter().zip(self.kernel_ns) {
            let cause = Some(cause);
            push(Activity::Kernel { thread, cause }, ns);
        }
        push(Activity::Waiting { thread }, self.row.waiting_ns);
        push(Activity::Blocked { thread }, self.row.blocked.total());
    }

    /// Accounts for the time up to now. What a hold covers already is not accounted for twice.
    fn advance(&mut self, time_ns: Nanos) {
        let ns = (time_ns - self.cursor_ns).max(0);
        self.cursor_ns += ns;
        match &mut self.place {
            _ if self.stopped => self.row.blocked.add(Some(Waits::Stopped), ns),
            Place::Unknown { pending_ns, .. } => *pending_ns += ns,
            Place::On => self.segment_ns += ns,
            Place::Off(off) => off.pending_ns += ns,
        }
    }

    /// The tracer saw it do something: it had a CPU, and if it has none now, then because of the tracer.
    fn seen_running(&mut self, time_ns: Nanos, rows: &mut Rows) {
        self.advance(time_ns);
        self.stopped = false;
        self.off_by_tracer(rows);
        self.assume_on(rows);
    }

    /// Nothing said that it had no CPU.
    fn assume_on(&mut self, rows: &mut Rows) {
        if let Place::Unknown { pending_ns, .. } = self.place {
            self.segment_ns += pending_ns;
            self.place = Place::On;
            self.runs(None, self.row.arrival_ns, rows);
        }
    }

    fn runs(&mut self, cpu: Option<u32>, since_ns: Nanos, rows: &mut Rows) {
        self.row.first_run_ns.get_or_insert(since_ns);
        if self.slice.is_none() {
            self.slice = Some(OpenSlice {
                row: rows.slices.len(),
                tracer_before_ns: self.tracer_ns,
            });
            rows.slices.push(SliceRow {
                thread: self.row.thread,
                start_ns: since_ns,
                end_ns: None,
                reason: None,
                tracer_ns: 0,
                quantum_ns: None,
                cpu,
            });
        }
    }

    fn off_by_tracer(&mut self, rows: &mut Rows) {
        if let Place::Off(off) = &mut self.place {
            off.by_tracer = true;
            let ns = std::mem::take(&mut off.pending_ns);
            off.seen_ns += ns;
            rows.switches[off.switch].by_tracer = true;
            self.tracer(ns, rows);
        }
    }

    /// Ends a stretch off the CPU, if there is one: whose it was is certain now.
    fn back_on(&mut self, waits: Option<Waits>, time_ns: Nanos, rows: &mut Rows) {
        self.account_off(waits, rows);
        let Place::Off(off) = &self.place else {
            return;
        };
        let row = &mut rows.switches[off.switch];
        row.away_ns = Some((time_ns - row.begin_ns).max(0));
        if off.by_tracer {
            if let StopCost::Whole(_) = self.cost {
                self.hidden_ns = (self.hidden_ns - off.seen_ns).max(0);
            }
        } else {
            let (since_ns, reason) = (off.since_ns, off.reason);
            self.close_slice(since_ns, Some(reason), rows);
        }
        self.place = Place::On;
    }

    fn account_off(&mut self, waits: Option<Waits>, rows: &mut Rows) {
        let Place::Off(off) = &mut self.place else {
            return;
        };
        let ns = std::mem::take(&mut off.pending_ns);
        if off.by_tracer {
            off.seen_ns += ns;
            self.tracer(ns, rows);
            return;
        }
        if let Some(visit) = self.visit {
            rows.visits[visit].left_ns.get_or_insert(off.since_ns);
        }
        if could_go_on(off.reason) {
            self.row.waiting_ns += ns;
        } else {
            rows.switches[off.switch].waits = waits;
            self.row.blocked.add(waits, ns);
        }
    }

    /// Time of the tracer's, in the open visit if there is one.
    fn tracer(&mut self, ns: Nanos, rows: &mut Rows) {
        self.tracer_ns += ns;
        if let Some(visit) = self.visit {
            rows.visits[visit].tracer_ns += ns;
        }
    }

    /// The mode changes: accounts for the time on a CPU since the last change.
    fn close_segment(&mut self, rows: &mut Rows) {
        let ran_ns = std::mem::take(&mut self.segment_ns);
        let hidden_ns = std::mem::take(&mut self.hidden_ns).min(ran_ns);
        self.tracer(hidden_ns, rows);
        let ns = ran_ns - hidden_ns;
        match self.visit {
            None => self.user_ns += ns,
            Some(visit) => {
                let row = &mut rows.visits[visit];
                row.kernel_ns += ns;
                self.kernel_ns[row.cause() as usize - 1] += ns;
            }
        }
    }

    fn end_visit(&mut self, rows: &mut Rows, result: Option<i64>) {
        let Some(visit) = self.visit.take() else {
            return;
        };
        let row = &mut rows.visits[visit];
        let time_ns = self.cursor_ns;
        row.left_ns.get_or_insert(time_ns);
        row.end_ns = Some(time_ns);
        row.returned = result.map(|result| Return { time_ns, result });
    }

    fn close_slice(&mut self, end_ns: Nanos, reason: Option<SwitchReason>, rows: &mut Rows) {
        if let Some(slice) = self.slice.take() {
            let row = &mut rows.slices[slice.row];
            row.end_ns = Some(end_ns.max(row.start_ns));
            row.reason = reason;
            row.tracer_ns = self.tracer_ns - slice.tracer_before_ns;
        }
    }
}
