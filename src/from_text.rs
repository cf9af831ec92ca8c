//! Values of a scenario file that are written as on the command line: `deserialize_with` functions for serde, each around the
//! parser of the option of that kind.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use trapline_trace_format::event::Nanos;

use crate::cli::{Stdin, Variable, parse_stdin};
use crate::duration::{parse_duration, parse_time};
use crate::size::parse_size;

/// A duration of at least a nanosecond.
pub(crate) fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Nanos>, D::Error> {
    parsed(value, parse_duration)
}

/// A duration that may be nothing.
pub(crate) fn time<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Nanos>, D::Error> {
    parsed(value, parse_time)
}

/// A number of bytes.
pub(crate) fn size<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    parsed(value, parse_size)
}

/// Where console input comes from.
pub(crate) fn stdin<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Stdin>, D::Error> {
    parsed(value, parse_stdin)
}

/// A table of variables: names and their values.
pub(crate) fn variables<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<Variable>, D::Error> {
    let table = BTreeMap::<String, String>::deserialize(value)?;
    if let Some(name) = table
        .keys()
        .find(|name| name.is_empty() || name.contains('='))
    {
        return Err(D::Error::custom(format!(
            "'{name}' cannot be the name of a variable; write env = {{ NAME = \"value\" }}"
        )));
    }
    let variable = |(name, value)| Variable { name, value };
    Ok(table.into_iter().map(variable).collect())
}

fn parsed<'de, D: Deserializer<'de>, T>(
    value: D,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(value)?;
    let value = parse(&text).map_err(|why| D::Error::custom(format!("'{text}' {why}")))?;
    Ok(Some(value))
}
