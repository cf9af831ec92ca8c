//! How numbers are written for people: durations, shares, counts and changes, the same in text, plots and pages.
//!
//! A number never travels without its unit. Durations have three significant digits and the unit that keeps them
//! between 1 and 1000: `ns`, `µs`, `ms`, `s`.

use trapline_analyzer::summary::Unit;
use trapline_trace_format::event::Nanos;

/// What stands where there is no number.
pub const NONE: &str = "—";

/// A duration with three significant digits and its unit, as `12.3 µs`. Whole nanoseconds below a microsecond.
#[must_use]
pub fn duration(ns: Nanos) -> String {
    duration_f64(ns as f64)
}

/// As [`duration`], for values that are not whole nanoseconds (medians of calibrations).
#[must_use]
pub fn duration_f64(ns: f64) -> String {
    let sign = if ns < 0.0 { "-" } else { "" };
    let ns = ns.abs();
    if ns < 1.0 && ns > 0.0 {
        return format!("{sign}{ns:.2} ns");
    }
    // The limits are where rounding to three digits reaches the next unit: 999.6 µs is 1.00 ms.
    let (value, unit) = if ns < 999.5 {
        (ns, "ns")
    } else if ns < 999.5e3 {
        (ns / 1e3, "µs")
    } else if ns < 999.5e6 {
        (ns / 1e6, "ms")
    } else {
        (ns / 1e9, "s")
    };
    if unit == "ns" {
        let decimals = usize::from(value.fract() != 0.0 && value < 99.95);
        return format!("{sign}{value:.decimals$} ns");
    }
    format!("{sign}{} {unit}", three_digits(value))
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        grouped(format!("{value:.0}"))
    }
}

/// A duration for the tick of an axis whose ticks are `step` apart: as many digits as tell it from its neighbours,
/// as `10 µs`, `9.995 ms`.
#[must_use]
pub fn tick_duration(ns: f64, step: f64) -> String {
    if ns == 0.0 {
        return "0".to_owned();
    }
    let (size, unit) = match ns.abs() {
        small if small < 999.5 => (1.0, "ns"),
        small if small < 999.5e3 => (1e3, "µs"),
        small if small < 999.5e6 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let decimals = (size / step.max(1e-3)).log10().ceil().clamp(0.0, 9.0) as usize;
    let number = format!("{:.decimals$}", ns / size);
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        &number
    };
    format!("{number} {unit}")
}

/// A count with its thousands set apart, as `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    grouped(n.to_string())
}

fn grouped(digits: String) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in memory with its binary unit, as `4 KiB`, `16.4 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024 is 1 of the next.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(value.fract() != 0.0 && value < 99.95);
    let number = format!("{value:.decimals$}");
    let number = number.strip_suffix(".0").unwrap_or(&number);
    format!("{number} {}", UNITS[unit])
}

/// A number of things, as `1 trap`, `2 traps`.
#[must_use]
pub fn things(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A share of a whole (0 to 1) in percent with one decimal, as `12.3 %`. What is there but would read 0 says so.
#[must_use]
pub fn share(part_of_one: f64) -> String {
    if part_of_one > 0.0 && part_of_one < 0.0005 {
        return "<0.1 %".to_owned();
    }
    format!("{:.1} %", part_of_one * 100.0)
}

/// A change in percent with its sign, as `+12.3 %`.
#[must_use]
pub fn change(percent: f64) -> String {
    // What rounds to nothing is nothing: neither "+0.0" nor "-0.0" tells a reader anything.
    if percent.abs() < 0.05 {
        return "0.0 %".to_owned();
    }
    format!("{percent:+.1} %")
}

/// A metric's value in its unit.
#[must_use]
pub fn value(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Count if number.fract() == 0.0 && number >= 0.0 => count(number as u64),
        Unit::Count => format!("{number:.1}"),
        Unit::Nanoseconds => duration_f64(number),
        Unit::Share => share(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_significant_digits_and_a_unit() {
        let cases: [(Nanos, &str); 14] = [
            (0, "0 ns"),
            (7, "7 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (999_600_000, "1.00 s"),
            (3_010_000_000, "3.01 s"),
            (1_234_000_000_000, "1,234 s"),
            (-1_500, "-1.50 µs"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text, "{ns} ns");
        }
    }

    #[test]
    fn the_extremes_of_time_are_written_without_panic() {
        assert!(duration(Nanos::MAX).ends_with(" s"));
        assert!(duration(Nanos::MIN).starts_with('-'));
    }

    #[test]
    fn fractions_of_a_nanosecond_are_kept_where_they_matter() {
        assert_eq!(duration_f64(0.25), "0.25 ns");
        assert_eq!(duration_f64(21.4), "21.4 ns");
    }

    #[test]
    fn a_tick_has_the_digits_that_tell_it_from_its_neighbours_and_no_more() {
        assert_eq!(tick_duration(10_000.0, 10_000.0), "10 µs");
        assert_eq!(tick_duration(2_500_000.0, 500_000.0), "2.5 ms");
        assert_eq!(tick_duration(9_995_000.0, 5_000.0), "9.995 ms");
        assert_eq!(tick_duration(100_000.0, 900.0), "100 µs");
        assert_eq!(tick_duration(0.0, 1.0), "0");
    }

    #[test]
    fn a_size_has_a_binary_unit_and_no_needless_digits() {
        let sizes = [
            0,
            1023,
            1024,
            4096,
            1_126_400,
            17_196_646,
            1_048_575,
            3 << 40,
        ]
        .map(bytes);
        let expected = [
            "0 B", "1023 B", "1 KiB", "4 KiB", "1.1 MiB", "16.4 MiB", "1 MiB", "3 TiB",
        ];
        assert_eq!(sizes, expected);
        assert!(bytes(u64::MAX).ends_with(" TiB"));
    }

    #[test]
    fn counts_have_their_thousands_set_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
    }

    #[test]
    fn a_small_share_does_not_read_as_nothing() {
        assert_eq!(share(0.0), "0.0 %");
        assert_eq!(share(0.0001), "<0.1 %");
        assert_eq!(share(0.1234), "12.3 %");
    }

    #[test]
    fn a_change_shows_its_sign() {
        assert_eq!(change(12.34), "+12.3 %");
        assert_eq!(change(-5.0), "-5.0 %");
        assert_eq!(change(-0.01), "0.0 %");
    }
}
