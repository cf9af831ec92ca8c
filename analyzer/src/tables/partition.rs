//! Table `partition`: the wall time, each nanosecond in exactly one row. On Linux, where several threads run at once, the
//! threads' lives instead.
//!
//! | column | meaning |
//! |---|---|
//! | `activity` | `user`, `kernel`, `switch`, `idle` or `tracer`; on Linux `waiting` and `blocked`, neither `switch` nor `idle` |
//! | `thread` | whose; null for `switch`, `idle` and `tracer` |
//! | `cause` | for `kernel`: of the visit; null on a thread's way to its first instruction |
//! | `ns` | for how long; rows of nothing are left out |
//!
//! How the time is shared out stands at the heads of `fold.rs` and `linux.rs`.

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type};
use trapline_trace_format::event::Cause;

use super::columns::{numbers, optional_numbers, optional_words, words};
use crate::summary::{Activity, Part};

pub(crate) const USER: &str = "user";
pub(crate) const KERNEL: &str = "kernel";
pub(crate) const SWITCH: &str = "switch";
pub(crate) const IDLE: &str = "idle";
pub(crate) const WAITING: &str = "waiting";
pub(crate) const BLOCKED: &str = "blocked";
pub(crate) const TRACER: &str = "tracer";

pub(super) fn frame(parts: &[Part]) -> PolarsResult<DataFrame> {
    let activities = || parts.iter().map(|part| &part.activity);
    let word = activities().map(|activity| match activity {
        Activity::User { .. } => USER,
        Activity::Kernel { .. } => KERNEL,
        Activity::Switch => SWITCH,
        Activity::Idle => IDLE,
        Activity::Waiting { .. } => WAITING,
        Activity::Blocked { .. } => BLOCKED,
        Activity::Tracer => TRACER,
    });
    let thread = activities().map(|activity| match activity {
        Activity::User { thread }
        | Activity::Kernel { thread, .. }
        | Activity::Waiting { thread }
        | Activity::Blocked { thread } => Some(*thread),
        _ => None,
    });
    let cause = activities().map(|activity| match activity {
        Activity::Kernel { cause, .. } => cause.map(Cause::word),
        _ => None,
    });
    let columns = vec![
        words("activity", word),
        optional_numbers::<UInt32Type>("thread", thread),
        optional_words("cause", cause),
        numbers::<Int64Type>("ns", parts.iter().map(|part| part.ns)),
    ];
    DataFrame::new(parts.len(), columns)
}
