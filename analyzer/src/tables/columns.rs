//! Iterators of values to columns of a dataframe.

use polars::prelude::{
    ChunkedArray, Column, IntoColumn, NewChunkedArray, PolarsNumericType, StringChunked,
};

/// A column of numbers, as `numbers::<Int64Type>`.
pub(crate) fn numbers<T: PolarsNumericType>(
    name: &str,
    values: impl Iterator<Item = T::Native>,
) -> Column {
    ChunkedArray::<T>::from_iter_values(name.into(), values).into_column()
}

/// A column of numbers with gaps.
pub(crate) fn optional_numbers<T: PolarsNumericType>(
    name: &str,
    values: impl Iterator<Item = Option<T::Native>>,
) -> Column {
    ChunkedArray::<T>::from_iter_options(name.into(), values).into_column()
}

/// A column of words; Parquet keeps each word once.
pub(crate) fn words<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Column {
    StringChunked::from_iter_values(name.into(), values).into_column()
}

/// A column of words with gaps.
pub(crate) fn optional_words<'a>(
    name: &str,
    values: impl Iterator<Item = Option<&'a str>>,
) -> Column {
    StringChunked::from_iter_options(name.into(), values).into_column()
}
