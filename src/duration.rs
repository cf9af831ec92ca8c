//! Durations on the command line: `10ms`, `0.5ms`, `100us`, `1s`.

use trapline_trace_format::event::Nanos;

/// Longer is a mistake, and nanoseconds of it still add up without overflow.
const LONGEST_S: f64 = 86_400.0;
const HOW: &str = "write a number and a unit, as 10ms, 0.5ms, 100us or 1s";

/// A duration of at least one nanosecond and at most a day.
pub(crate) fn parse_duration(text: &str) -> Result<Nanos, String> {
    match parse_time(text)? {
        0 => Err(format!("must be longer than nothing; {HOW}")),
        ns => Ok(ns),
    }
}

/// A point in time since a start, or a duration that may be nothing.
pub(crate) fn parse_time(text: &str) -> Result<Nanos, String> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let ns_per_unit = match unit.trim() {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "" if number == "0" => 1.0,
        "" => return Err(format!("has no unit; {HOW}")),
        other => return Err(format!("does not know the unit '{other}'; {HOW}")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| format!("is not a number with a unit; {HOW}"))?;
    let ns = number * ns_per_unit;
    if ns > LONGEST_S * 1e9 {
        return Err("is longer than a day".to_owned());
    }
    if ns > 0.0 && ns < 1.0 {
        return Err("is shorter than a nanosecond".to_owned());
    }
    Ok(ns.round() as Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_fractions_and_the_usual_units() {
        for (text, ns) in [
            ("10ms", 10_000_000),
            ("0.5ms", 500_000),
            ("100us", 100_000),
            ("100µs", 100_000),
            ("1s", 1_000_000_000),
            ("1.25 s", 1_250_000_000),
            ("7ns", 7),
            (" 2ms ", 2_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(ns), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_way_to_write_one() {
        for text in [
            "", "10", "ms", "1.2.3ms", "10 m", "ten ms", "-1ms", "1e3ms", "10msx", "NaNms", "infs",
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains("10ms"), "{text}: {error}");
        }
        assert!(
            parse_duration("0ms")
                .unwrap_err()
                .contains("longer than nothing")
        );
        assert!(
            parse_duration("2000000s")
                .unwrap_err()
                .contains("longer than a day")
        );
        assert!(
            parse_duration("0.1ns")
                .unwrap_err()
                .contains("shorter than a nanosecond")
        );
    }

    #[test]
    fn a_time_may_be_nothing() {
        assert_eq!(parse_time("0"), Ok(0));
        assert_eq!(parse_time("0s"), Ok(0));
    }
}
