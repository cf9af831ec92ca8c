#![doc = include_str!("../FORMAT.md")]

pub mod error;
pub mod event;
pub mod folder;
pub mod log;
pub mod maps;
pub mod measurement;
pub mod meta;
pub mod record;
