//! Sizes of memory on the command line: `256MiB`, `64KiB`, `1.5GiB`.

const HOW: &str = "write a number and a unit, as 64KiB, 256MiB or 1GiB";
/// More is a mistake on any host that there is.
const LARGEST: f64 = (1_u64 << 46) as f64;

/// A number of bytes, at least one.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let bytes_per_unit = match unit.trim() {
        "B" => 1.0,
        "K" | "KiB" => 1024.0,
        "M" | "MiB" => 1_048_576.0,
        "G" | "GiB" => 1_073_741_824.0,
        "" => return Err(format!("has no unit; {HOW}")),
        other => return Err(format!("does not know the unit '{other}'; {HOW}")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| format!("is not a number with a unit; {HOW}"))?;
    let bytes = (number * bytes_per_unit).round();
    if bytes > LARGEST {
        return Err("is more memory than any host has".to_owned());
    }
    if bytes < 1.0 {
        return Err(format!("must be more than nothing; {HOW}"));
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_fractions_and_binary_units() {
        for (text, bytes) in [
            ("256MiB", 256 << 20),
            ("64K", 64 << 10),
            ("1.5 GiB", 3 << 29),
            ("4096B", 4096),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_the_way_to_write_one() {
        for text in [
            "", "10", "MiB", "1.2.3M", "10 MB", "-1M", "0M", "0.1B", "ten",
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.contains("256MiB"), "{text}: {error}");
        }
        assert!(parse_size("99999999G").is_err());
    }
}
