//! A stretch of time in which the CPU did one thing, and how it is shared out to the nanosecond.
//!
//! Key types: [`Segment`], [`Costs`]. Neighbour: `fold.rs` opens a segment at each change of what the CPU does and
//! closes it at the next.
//!
//! The tracer's holds inside a segment are known exactly. Three costs are not seen but calibrated: the hidden cost of
//! each hold, and, around a stay in user mode, the way out of the kernel and the way in again. Calibrated costs are
//! medians, so a short segment may have no room for them; they are then cut down, hidden cost first, so that the parts
//! always add up to exactly the segment's length.

use trapline_trace_format::event::Nanos;
use trapline_trace_format::meta::Calibration;

/// Calibrated costs in whole nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    pub(crate) entry_ns: Nanos,
    pub(crate) exit_ns: Nanos,
    pub(crate) hidden_stop_ns: Nanos,
    /// Of Linux programs.
    pub(crate) on_cpu_stop_ns: Nanos,
}

impl Costs {
    pub(crate) fn of(calibration: &Calibration) -> Self {
        // `as` saturates and maps NaN to 0; meta.json may hold any number.
        let whole = |ns: f64| (ns.round() as Nanos).max(0);
        Self {
            entry_ns: whole(calibration.entry_ns),
            exit_ns: whole(calibration.exit_ns),
            hidden_stop_ns: whole(calibration.hidden_stop_ns),
            on_cpu_stop_ns: whole(calibration.on_cpu_stop_ns),
        }
    }
}

/// A stretch of time that is not over yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    start_ns: Nanos,
    held_ns: Nanos,
    holds: i64,
}

/// What a segment outside user mode consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) tracer_ns: Nanos,
    pub(crate) rest_ns: Nanos,
}

/// What the time between a return-from-trap and the next trap consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserParts {
    pub(crate) tracer_ns: Nanos,
    pub(crate) exit_ns: Nanos,
    pub(crate) user_ns: Nanos,
    pub(crate) entry_ns: Nanos,
}

impl Segment {
    pub(crate) fn starting(start_ns: Nanos) -> Self {
        Self {
            start_ns,
            held_ns: 0,
            holds: 0,
        }
    }

    /// Counts a hold of this length. The caller sees to it that holds do not overlap and end before the segment does.
    pub(crate) fn hold(&mut self, ns: Nanos) {
        self.held_ns += ns;
        self.holds += 1;
    }

    /// The parts of the segment if it ended at `end_ns`.
    pub(crate) fn parts(&self, end_ns: Nanos, costs: &Costs) -> Parts {
        let free_ns = end_ns - self.start_ns - self.held_ns;
        let hidden_ns = self.hidden(costs).min(free_ns);
        Parts {
            tracer_ns: self.held_ns + hidden_ns,
            rest_ns: free_ns - hidden_ns,
        }
    }

    /// The parts of a segment that began with a return-from-trap and, if `trapped`, ended with a trap.
    pub(crate) fn user_parts(&self, end_ns: Nanos, costs: &Costs, trapped: bool) -> UserParts {
        let free_ns = end_ns - self.start_ns - self.held_ns;
        let entry_cost_ns = if trapped { costs.entry_ns } else { 0 };
        let ways_ns = costs.exit_ns.saturating_add(entry_cost_ns);
        let hidden_ns = self
            .hidden(costs)
            .min(free_ns.saturating_sub(ways_ns).max(0));
        let ways_have_ns = ways_ns.min(free_ns);
        let exit_ns = share(ways_have_ns, costs.exit_ns, ways_ns);
        UserParts {
            tracer_ns: self.held_ns + hidden_ns,
            exit_ns,
            user_ns: free_ns - hidden_ns - ways_have_ns,
            entry_ns: ways_have_ns - exit_ns,
        }
    }

    fn hidden(&self, costs: &Costs) -> Nanos {
        costs.hidden_stop_ns.saturating_mul(self.holds)
    }
}

/// `total * part / whole`, rounded down; nothing of nothing is nothing.
fn share(total: Nanos, part: Nanos, whole: Nanos) -> Nanos {
    if whole == 0 {
        return 0;
    }
    (i128::from(total) * i128::from(part) / i128::from(whole)) as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        entry_ns: 30,
        exit_ns: 10,
        hidden_stop_ns: 5,
        on_cpu_stop_ns: 0,
    };

    fn user_parts(length: Nanos, holds: &[Nanos], trapped: bool) -> [Nanos; 4] {
        let mut segment = Segment::starting(1000);
        holds.iter().for_each(|ns| segment.hold(*ns));
        let parts = segment.user_parts(1000 + length, &COSTS, trapped);
        let parts = [
            parts.tracer_ns,
            parts.exit_ns,
            parts.user_ns,
            parts.entry_ns,
        ];
        assert_eq!(parts.iter().sum::<Nanos>(), length);
        assert!(parts.iter().all(|ns| *ns >= 0), "{parts:?}");
        parts
    }

    #[test]
    fn user_mode_is_what_entry_exit_and_tracer_leave() {
        assert_eq!(user_parts(500, &[], true), [0, 10, 460, 30]);
        assert_eq!(user_parts(500, &[100, 50], true), [160, 10, 300, 30]);
        assert_eq!(user_parts(500, &[100], false), [105, 10, 385, 0]);
    }

    #[test]
    fn without_room_hidden_cost_gives_way_first_then_entry_and_exit_alike() {
        assert_eq!(user_parts(145, &[100], true), [105, 10, 0, 30]);
        assert_eq!(user_parts(142, &[100], true), [102, 10, 0, 30]);
        assert_eq!(user_parts(140, &[100], true), [100, 10, 0, 30]);
        assert_eq!(user_parts(120, &[100], true), [100, 5, 0, 15]);
        assert_eq!(user_parts(100, &[100], true), [100, 0, 0, 0]);
        assert_eq!(user_parts(0, &[], true), [0, 0, 0, 0]);
    }

    #[test]
    fn parts_outside_user_mode_add_up() {
        let mut segment = Segment::starting(0);
        segment.hold(20);
        assert_eq!(
            segment.parts(50, &COSTS),
            Parts {
                tracer_ns: 25,
                rest_ns: 25
            }
        );
        assert_eq!(
            segment.parts(22, &COSTS),
            Parts {
                tracer_ns: 22,
                rest_ns: 0
            }
        );
    }

    #[test]
    fn absurd_calibration_neither_overflows_nor_breaks_the_sum() {
        let calibration = Calibration {
            entry_ns: f64::MAX,
            exit_ns: f64::INFINITY,
            hidden_stop_ns: f64::NAN,
            ..Calibration::default()
        };
        let costs = Costs::of(&calibration);
        let parts = Segment::starting(0).user_parts(Nanos::MAX, &costs, true);
        let sum = i128::from(parts.exit_ns) + i128::from(parts.entry_ns);
        assert_eq!(
            sum + i128::from(parts.user_ns + parts.tracer_ns),
            i128::from(Nanos::MAX)
        );
        let negative = Calibration {
            entry_ns: -5.0,
            ..Calibration::default()
        };
        assert_eq!(Costs::of(&negative).entry_ns, 0);
    }
}
