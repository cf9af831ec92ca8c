//! Places in a run and in memory on the command line: `--to 4711`, `--to 12.5ms`, `--memory 0x400000:64`.

use trapline_tracer::replay::{At, Wanted};

use crate::duration::parse_time;

/// Most bytes of memory that are shown at once.
const LENGTH_MAX: u64 = 1 << 20;

/// The number of an event, or a time.
pub(super) fn parse_at(text: &str) -> Result<At, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = text.parse();
        return number
            .map(At::Event)
            .map_err(|_| "is no event that any trace has".to_owned());
    }
    parse_time(text)
        .map(At::Time)
        .map_err(|why| format!("{why}, or the number of an event"))
}

/// A range of memory.
pub(super) fn parse_range(text: &str) -> Result<Wanted, String> {
    const HOW: &str = "write ADDRESS:LENGTH, as 0x400000:64";
    let (start, length) = text
        .trim()
        .split_once(':')
        .ok_or_else(|| format!("has no length; {HOW}"))?;
    let number =
        |text: &str| number(text).ok_or_else(|| format!("'{text}' is not a number; {HOW}"));
    let (start, length) = (number(start)?, number(length)?);
    if !(1..=LENGTH_MAX).contains(&length) {
        return Err(format!("must be 1 to {LENGTH_MAX} bytes long"));
    }
    Ok(Wanted { start, length })
}

/// Decimal, or hexadecimal with `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_an_event_and_one_with_a_unit_a_time() {
        assert_eq!(parse_at("12"), Ok(At::Event(12)));
        assert_eq!(parse_at("12.5us"), Ok(At::Time(12_500)));
        for text in ["", "x", "12 parsecs", "1.5", "99999999999999999999999"] {
            assert!(parse_at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_an_address_and_a_length() {
        let range = |start, length| Ok(Wanted { start, length });
        assert_eq!(parse_range("0x10:16"), range(16, 16));
        assert_eq!(parse_range("4096:0x20"), range(4096, 32));
        for text in ["", "16", "0x10:", ":1", "0x10:0", "0x10:99999999", "x:1"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }
}
