//! How threads and processes ended, as columns that several tables share.
//!
//! | column | meaning |
//! |---|---|
//! | `status` | `code` or `killed`; null if not ended, or if nothing says how |
//! | `exit_code` | for `code` |
//! | `signal` | for `killed`: the signal that a parent sees |
//! | `cause`, `address` | for `killed`: what it did, and where; no cause if somebody sent the signal |

use polars::prelude::{Column, DataFrame, UInt8Type, UInt64Type};
use trapline_trace_format::event::{Cause, ExitStatus};

use super::columns::{optional_numbers, optional_words};
use crate::error::AnalyzerError;
use crate::statistics::{cause_of, unknown};

const CODE: &str = "code";
const KILLED: &str = "killed";

/// The columns of these endings.
pub(super) fn columns(statuses: &[Option<ExitStatus>]) -> Vec<Column> {
    let word = |status: &ExitStatus| match status {
        ExitStatus::Code(_) => CODE,
        ExitStatus::Killed { .. } => KILLED,
    };
    let exit_code = |status: &Option<ExitStatus>| match status {
        Some(ExitStatus::Code(code)) => Some(*code),
        _ => None,
    };
    let killed = || {
        statuses.iter().map(|status| match status {
            Some(ExitStatus::Killed {
                signal,
                cause,
                address,
            }) => Some((*signal, *cause, *address)),
            _ => None,
        })
    };
    let causes = killed().map(|killed| killed.and_then(|k| k.1).map(Cause::word));
    vec![
        optional_words("status", statuses.iter().map(|s| s.as_ref().map(word))),
        optional_numbers::<UInt8Type>("exit_code", statuses.iter().map(exit_code)),
        optional_numbers::<UInt8Type>("signal", killed().map(|killed| killed.map(|k| k.0))),
        optional_words("cause", causes),
        optional_numbers::<UInt64Type>("address", killed().map(|killed| killed.map(|k| k.2))),
    ]
}

/// The endings in the columns of a table.
pub(crate) fn statuses(
    table: &'static str,
    frame: &DataFrame,
) -> Result<Vec<Option<ExitStatus>>, AnalyzerError> {
    let u8s = |name: &str| frame.column(name)?.u8();
    let (codes, signals) = (u8s("exit_code")?, u8s("signal")?);
    let causes = frame.column("cause")?.str()?;
    let addresses = frame.column("address")?.u64()?;
    let words = frame.column("status")?.str()?.iter().enumerate();
    words
        .map(|(row, word)| match word {
            None => Ok(None),
            Some(CODE) => Ok(Some(ExitStatus::Code(codes.get(row).unwrap_or(0)))),
            Some(KILLED) => Ok(Some(ExitStatus::Killed {
                signal: signals.get(row).unwrap_or(0),
                cause: causes
                    .get(row)
                    .map(|word| cause_of(table, word))
                    .transpose()?,
                address: addresses.get(row).unwrap_or(0),
            })),
            Some(other) => Err(unknown(table, "status", other)),
        })
        .collect()
}
