//! The mini-kernel and its guests, embedded: the installed binary needs no other file. `build.rs` makes them.

use trapline_tracer::machine::Images;

include!(concat!(env!("OUT_DIR"), "/images.rs"));

/// What a machine consists of.
pub(crate) fn images() -> Images<'static> {
    Images {
        kernel: KERNEL,
        guests: GUESTS,
    }
}
