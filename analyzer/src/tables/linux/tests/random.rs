//! Promises of the Linux fold on lists of events that nobody wrote by hand: they add up, and nothing panics.

use super::*;

/// Threads that do what threads do, and records as Linux and the tracer would tell of them, some of them lost.
fn random_threads(seed: u64, lossy: bool) -> (Vec<Event>, Nanos) {
    let mut random = Random::new(seed);
    let (mut stops, mut records) = (Vec::new(), Vec::new());
    let mut latest = 0;
    for thread in 1..=3 + random.below(4) as u32 {
        let mut now = random.below(1000) as Nanos;
        stops.push(created(now, thread, "random"));
        records.push(on(now + random.below(9) as Nanos, thread));
        now += 10;
        let mut step = |most: u64| {
            now += 1 + random.below(most) as Nanos;
            now
        };
        for _ in 0..40 {
            for enters in [true, false] {
                let (gone, seen, until, back) = (step(500), step(30), step(90), step(40));
                records.extend([out(gone, thread, BLOCK), on(back, thread)]);
                stops.push(match enters {
                    true => call(seen, thread, NANOSLEEP),
                    false => returned(seen, thread, -4),
                });
                stops.push(stop(seen, until, thread));
                let (away, again) = (step(200), step(400));
                records.extend([out(away, thread, PREEMPT), on(again, thread)]);
            }
        }
        let end = step(100);
        if thread % 2 == 0 {
            records.push(out(end, thread, BLOCK));
            stops.push(exited(end + 5, thread, 0));
            latest = latest.max(end + 5);
        } else {
            latest = latest.max(end);
            stops.push(stop(end, end, thread));
        }
    }
    // The tracer's are in order, the others come late.
    stops.sort_by_key(|event| event.time);
    stops.extend(records);
    let mut random = Random::new(seed + 1);
    stops.retain(|event| {
        let told = matches!(
            event.kind,
            EventKind::SwitchedIn { .. } | EventKind::SwitchedOut { .. }
        );
        !(lossy && told && random.below(5) == 0)
    });
    (stops, latest)
}

#[test]
fn lives_add_up_exactly_whatever_happens_and_whatever_is_lost() {
    for seed in 0..400 {
        let (events, latest) = random_threads(seed, seed % 2 == 0);
        let rows = fold(events);
        assert_eq!(covered(&rows), lives(&rows, latest), "seed {seed}");
        assert!(rows.partition.iter().all(|part| part.ns > 0));
        for visit in &rows.visits {
            assert!(visit.kernel_ns >= 0 && visit.tracer_ns >= 0, "seed {seed}");
            if let (Some(end), Some(_)) = (visit.end_ns, visit.returned) {
                let inside = end - visit.enter_ns;
                assert!(visit.kernel_ns + visit.tracer_ns <= inside, "seed {seed}");
            }
        }
    }
}

#[test]
fn random_stops_and_blocks_are_never_mixed_up() {
    for seed in 0..100 {
        let rows = fold(random_threads(seed, false).0);
        for row in &rows.switches {
            let own = row.reason != BLOCK;
            assert_eq!(row.by_tracer, !own, "seed {seed}: {row:?}");
        }
    }
}

#[test]
fn hostile_events_are_errors_or_nothing_and_never_a_panic() {
    let kinds = |random: &mut Random| {
        let time = random.below(u64::MAX) as Nanos - 1_000_000;
        let thread = random.below(3) as u32;
        match random.below(10) {
            0 => created(time, thread, "x"),
            1 => joined(time, thread, thread + 1, "x"),
            2 => call(time, thread, READ),
            3 => returned(time, thread, 0),
            4 => stop(time, random.below(u64::MAX) as Nanos, thread),
            5 => out(time, thread, BLOCK),
            6 => on(time, thread),
            7 => exited(time, thread, 0),
            8 => executed(time, thread, "y"),
            _ => process_exited(time, thread, ExitStatus::Code(0)),
        }
    };
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut fold = LinuxFold::new(&meta_with_hidden(1e300));
        for _ in 0..200 {
            let _ = fold.push(kinds(&mut random));
        }
        fold.finish();
    }
}
