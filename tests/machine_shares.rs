//! Promises about proportional share on the real kernel, read off traces (OSTEP chapter 9).

mod support;

use support::slices::{events, picks};
use support::{Scratch, number, stat, thread};

/// Share of the CPU time in user mode that the first of two jobs got.
fn first_share(stat: &serde_json::Value) -> f64 {
    let [first, second] = [1, 2].map(|job| number(thread(stat, job), "/user_ns"));
    first / (first + second)
}

#[test]
fn the_lottery_gives_shares_by_tickets_and_draws_the_same_from_the_same_seed() {
    let scratch = Scratch::new();
    let one = scratch.record_scenario("lottery", &[]);
    let again = scratch.record_scenario("lottery", &["--tracer", "none"]);
    let other = scratch.record_scenario("lottery", &["--seed", "2"]);
    let [drawn, drawn_again, drawn_otherwise] =
        [&one, &again, &other].map(|trace| picks(&events(trace)));
    let both = drawn
        .len()
        .min(drawn_again.len())
        .min(drawn_otherwise.len());
    assert!(both > 150, "only {both} draws");
    assert_eq!(drawn[..both], drawn_again[..both]);
    assert_ne!(drawn[..both], drawn_otherwise[..both]);
    // Four standard deviations of so many draws with a chance of 3 in 4.
    let wins = drawn.iter().filter(|thread| **thread == 1).count() as f64;
    let draws = drawn.len() as f64;
    let tolerance = 4.0 * (0.75 * 0.25 / draws).sqrt();
    assert!(
        (wins / draws - 0.75).abs() < tolerance,
        "{wins} of {draws} draws"
    );
    // The time that came of it: the host may hold the machine up in anybody's slice.
    let share = first_share(&stat(&one));
    assert!(
        (share - 0.75).abs() < tolerance + 0.1,
        "75 tickets of 100 got {share:.3}"
    );
}

#[test]
fn stride_follows_the_books_table_exactly() {
    let scratch = Scratch::new();
    let picked = picks(&events(&scratch.record_scenario("stride", &[])));
    let (a, b, c) = (1, 2, 3);
    // All passes are equal again after eight slices.
    let table = [a, b, c, c, c, a, c, c].repeat(4);
    assert!(picked.len() >= table.len(), "only {} slices", picked.len());
    assert_eq!(picked[..table.len()], table[..]);
}

#[test]
fn under_cfs_niceness_is_weight() {
    let scratch = Scratch::new();
    let share = first_share(&stat(&scratch.record_scenario("cfs-nice", &[])));
    let weight = 3121.0 / (3121.0 + 1024.0);
    assert!(
        (share - weight).abs() < 0.12,
        "niceness -5 against 0 got {share:.3}, not {weight:.3}"
    );
}

#[test]
fn with_equal_tickets_stride_takes_turns_and_the_lottery_is_even_in_the_long_run() {
    let scratch = Scratch::new();
    let record = |scheduler: &str| {
        let options = [
            "--scheduler",
            scheduler,
            "--quantum",
            "2ms",
            "--limit",
            "900ms",
            "--job",
            "greedy",
            "--job",
            "greedy",
        ];
        picks(&events(
            &scratch.record(&format!("{scheduler}.trap"), &options),
        ))
    };
    let turns = record("stride");
    assert!(turns.len() > 50, "only {} slices", turns.len());
    assert_eq!(turns[..50], [1, 2].repeat(25)[..]);
    let drawn = record("lottery");
    let wins = drawn.iter().filter(|thread| **thread == 1).count() as f64;
    let draws = drawn.len() as f64;
    assert!(draws > 50.0, "only {draws} draws");
    assert!(
        (wins / draws - 0.5).abs() < 4.0 * (0.25 / draws).sqrt(),
        "{wins} of {draws} draws"
    );
}
