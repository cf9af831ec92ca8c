//! Quanta that the timer ended: what was asked for against what threads got.
//!
//! Got is from getting the CPU (or the renewal of the quantum, when nobody else was ready) to the decision that the
//! thread loses it, less the tracer's time; only of stays that ended because the quantum expired.

use polars::prelude::col;
use trapline_trace_format::event::Nanos;
use trapline_trace_format::meta::Target;

use super::distribution::distribution;
use super::query::values;
use crate::error::AnalyzerError;
use crate::summary::QuantumStat;
use crate::tables::Tables;

/// Asked and got; nothing when no quantum expired.
pub(crate) fn quantum(
    tables: &Tables,
    target: &Target,
) -> Result<Option<QuantumStat>, AnalyzerError> {
    // Linux does not say what it meant a thread's quantum to be.
    let Target::Mini { quantum_ns, .. } = target else {
        return Ok(None);
    };
    let mut got = lengths(tables)?;
    let stat = QuantumStat {
        asked_ns: *quantum_ns,
        got: distribution(&mut got),
    };
    Ok((!got.is_empty()).then_some(stat))
}

/// The length of each expired quantum.
pub(crate) fn lengths(tables: &Tables) -> Result<Vec<Nanos>, AnalyzerError> {
    let quanta = tables
        .slices
        .clone()
        .select([col("quantum_ns").drop_nulls()]);
    Ok(values(&quanta.collect()?, "quantum_ns")?)
}
