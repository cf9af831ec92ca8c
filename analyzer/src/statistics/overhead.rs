//! Control overhead: the share of CPU time not spent in user mode. Idle time is not CPU time.
//!
//! Without the probe: (kernel + switch) / (user + kernel + switch). With it, the tracer's time is added to both. The
//! probe's own share is of the wall time.

use super::partition::{cpu_ns, share, total_ns, wall_ns};
use crate::summary::{Activity, Overhead, Part};

/// The overhead of a partition.
pub(crate) fn overhead(parts: &[Part]) -> Overhead {
    let user_ns = total_ns(parts, |activity| matches!(activity, Activity::User { .. }));
    let tracer_ns = total_ns(parts, |activity| *activity == Activity::Tracer);
    let cpu_ns = cpu_ns(parts);
    let control_ns = cpu_ns.saturating_sub(user_ns);
    Overhead {
        without_probe: share(control_ns, cpu_ns),
        with_probe: share(
            control_ns.saturating_add(tracer_ns),
            cpu_ns.saturating_add(tracer_ns),
        ),
        probe_share: share(tracer_ns, wall_ns(parts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_no_overhead_and_the_probe_is_told_apart() {
        let parts = [
            Part {
                activity: Activity::User { thread: 1 },
                ns: 60,
            },
            Part {
                activity: Activity::Kernel {
                    thread: 1,
                    cause: None,
                },
                ns: 30,
            },
            Part {
                activity: Activity::Switch,
                ns: 10,
            },
            Part {
                activity: Activity::Idle,
                ns: 800,
            },
            Part {
                activity: Activity::Tracer,
                ns: 100,
            },
        ];
        let overhead = overhead(&parts);
        assert_eq!(overhead.without_probe, 0.4);
        assert_eq!(overhead.with_probe, 0.7);
        assert_eq!(overhead.probe_share, 0.1);
        assert_eq!(super::overhead(&[]), Overhead::default());
    }
}
