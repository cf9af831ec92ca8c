//! The accounts of the fold: whose time each stretch was, and when visits and stays on the CPU begin and end.
//!
//! Neighbour: `fold.rs`, whose state machine calls these at each change of what the CPU does.

use trapline_trace_format::event::{Nanos, SwitchReason, ThreadId};

use super::super::rows::{Return, SliceRow};
use super::super::segment::Segment;
use super::super::threads::ThreadIndex;
use super::{Fold, OpenSlice, State};

impl Fold {
    /// Counts the time of the state that ends now. Returns the entry cost when it ends by a trap, for the new visit.
    pub(super) fn close_segment(&mut self, trapped: bool) -> Nanos {
        if let State::User { thread, visit } = self.state {
            let parts = self.segment.user_parts(self.now_ns, &self.costs, trapped);
            self.tracer_ns += parts.tracer_ns;
            self.threads.get(thread).user_ns += parts.user_ns;
            self.charge(thread, visit, parts.exit_ns);
            if let Some(row) = visit {
                self.rows.visits[row].exit_ns = parts.exit_ns;
            }
            self.arriving = None;
            self.segment = Segment::starting(self.now_ns);
            return parts.entry_ns;
        }
        let parts = self.segment.parts(self.now_ns, &self.costs);
        self.tracer_ns += parts.tracer_ns;
        match self.state {
            State::Idle | State::Starting => self.idle_ns += parts.rest_ns,
            State::Switching { .. } => {
                self.switch_ns += parts.rest_ns;
                if let Some(row) = self.rows.switches.last_mut() {
                    row.handover_ns = parts.rest_ns;
                    row.cost_ns = parts.rest_ns;
                    row.tracer_ns = parts.tracer_ns;
                }
            }
            State::Kernel(thread) => {
                let visit = self.threads.get(thread).visit;
                self.charge(thread, visit, parts.rest_ns);
            }
            State::User { .. } => {}
        }
        self.segment = Segment::starting(self.now_ns);
        0
    }

    /// Counts kernel time on behalf of a thread: for its visit or, without one, for its way to its first instruction;
    /// and for the switch that brought it here, until its first user instruction.
    pub(super) fn charge(&mut self, thread: ThreadIndex, visit: Option<usize>, ns: Nanos) {
        let visit = visit.map(|row| &mut self.rows.visits[row]);
        self.threads
            .get(thread)
            .add_kernel(visit.as_ref().map(|visit| visit.cause()), ns);
        if let Some(visit) = visit {
            visit.kernel_ns += ns;
        }
        if let Some(row) = self.arriving {
            self.rows.switches[row].cost_ns += ns;
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        self.state = state;
        self.segment = Segment::starting(self.now_ns);
    }

    pub(super) fn end_visit(&mut self, row: usize, result: Option<i64>) {
        let visit = &mut self.rows.visits[row];
        visit.left_ns.get_or_insert(self.now_ns);
        visit.end_ns = Some(self.now_ns);
        visit.returned = result.map(|result| Return {
            time_ns: self.now_ns,
            result,
        });
        visit.tracer_ns = self.tracer_ns - visit.tracer_ns;
    }

    pub(super) fn open_slice(&mut self, thread: ThreadId) {
        self.slice = Some(OpenSlice {
            row: self.rows.slices.len(),
            tracer_before_ns: self.tracer_ns,
            quanta: 0,
            quantum_start_ns: self.now_ns,
            quantum_tracer_before_ns: self.tracer_ns,
        });
        self.rows.slices.push(SliceRow {
            thread: thread.0,
            start_ns: self.now_ns,
            end_ns: None,
            reason: None,
            tracer_ns: 0,
            quantum_ns: None,
            cpu: None,
        });
    }

    /// The first quantum of a slice counts from getting the CPU, any further one from when it was given.
    pub(super) fn quantum_start(&mut self) {
        let open_ns = self.segment.parts(self.now_ns, &self.costs).tracer_ns;
        let Some(slice) = &mut self.slice else { return };
        slice.quanta = slice.quanta.saturating_add(1);
        if slice.quanta > 1 {
            slice.quantum_start_ns = self.now_ns;
            slice.quantum_tracer_before_ns = self.tracer_ns + open_ns;
        }
    }

    pub(super) fn close_slice(&mut self, reason: SwitchReason) {
        let Some(slice) = self.slice.take() else {
            return;
        };
        let row = &mut self.rows.slices[slice.row];
        row.end_ns = Some(self.now_ns);
        row.reason = Some(reason);
        row.tracer_ns = self.tracer_ns - slice.tracer_before_ns;
        if reason == SwitchReason::Quantum {
            let tracer_ns = self.tracer_ns - slice.quantum_tracer_before_ns;
            row.quantum_ns = Some(self.now_ns - slice.quantum_start_ns - tracer_ns);
        }
    }
}
