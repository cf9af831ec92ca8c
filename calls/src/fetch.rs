//! What of a program's memory is worth keeping of a call, and when: the plan that a tracer carries out.
//!
//! Key types: [`Fetch`], [`What`], [`Length`]. Neighbours: `table.rs` has the calls that plans follow from; the tracer
//! reads (process_vm_readv(2)) and writes a `Pointed` event for each part.
//!
//! Rules for the tracer:
//! - A null pointer gives no event. What cannot be read gives an event with its length and no bytes; where the beginning
//!   can be read (the end lies on a page that is not there), it gives the beginning.
//! - Part 0 is what the argument itself points to. `length` is the length it has in the program, of which at most
//!   [`What::most_bytes`] are kept.
//! - At [`When::Exit`] only when the call succeeded (its result is not negative), at [`When::Always`] in any case.

/// Most bytes kept of a path, of each word of an argument list.
pub const PATH_BYTES: usize = 4096;
/// Most bytes kept of structures: arrays of them, directory entries.
pub const STRUCTURE_BYTES: usize = 32 * 1024;
/// Most bytes kept of data and texts that are no paths, unless asked otherwise (as strace's `-s`).
pub const DATA_BYTES: usize = 32;
/// Most parts kept of an argument list or an I/O vector.
pub const PARTS: usize = 1024;

/// One piece of memory to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Which argument points to it, 0 to 5.
    pub argument: u8,
    /// When to read it.
    pub when: When,
    /// What is there.
    pub what: What,
}

/// When to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the call begins: what the program gave.
    Entry,
    /// When it succeeded: what the kernel gave.
    Exit,
    /// When it returned, whatever it returned.
    Always,
}

/// What is behind a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A path: a text up to its zero; `length` counts the zero. At most [`PATH_BYTES`].
    Path,
    /// Any other text up to its zero. At most as much as is kept of data.
    Text,
    /// A list of pointers to texts, ended by a null pointer (`argv`). Part 0: the pointers without the last, in the size of the
    /// call's table (`length` tells how many there are). Parts 1 and up: the texts, each as a path is kept.
    Texts,
    /// The same list, but only part 0 (`envp`), and no bytes of it.
    Pointers,
    /// Structures, which are of use only whole. At most [`STRUCTURE_BYTES`].
    Structure(Length),
    /// Data, of which the beginning is kept: [`DATA_BYTES`] unless asked otherwise.
    Data(Length),
    /// An array of `struct iovec`. Part 0: the array (each item two pointer sizes). Parts 1 and up: each buffer's data.
    Vector {
        /// The argument that says how many items there are.
        count: u8,
        /// How much of the buffers is data.
        data: Span,
    },
    /// A `struct msghdr`. Part 0: it. Part 1: its name. Part 2: its control data (both kept as structures). Part 3: its
    /// array of
    /// `struct iovec`. Parts 4 and up: each buffer's data. What has no bytes has no event.
    Message {
        /// How much of the buffers is data.
        data: Span,
    },
}

/// How much of the buffers of a vector is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Each buffer is full.
    All,
    /// As many bytes as the call's result says, from the first buffer on.
    Result,
    /// Nothing is data yet: only the array is of interest.
    None,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many.
    Fixed(u32),
    /// The value of that argument.
    Argument(u8),
    /// So many items as that argument says (as an unsigned 32-bit number), of that size each.
    Items {
        /// The argument.
        count: u8,
        /// Bytes of an item.
        size: u32,
    },
    /// One bit for each that the argument counts, in whole pointer sizes (`fd_set`).
    Bits {
        /// The argument.
        count: u8,
    },
    /// The call's result.
    Result,
    /// So many items as the call's result says, of that size each.
    ResultItems(u32),
    /// The 32-bit number that that argument points to (`socklen_t`), read at the same moment.
    Pointer(u8),
}

impl What {
    /// Most bytes to keep of each part; `data_bytes` is what was asked for of data. Part 0 of lists and vectors, and names
    /// and control data
    /// of messages, are structures.
    #[must_use]
    pub fn most_bytes(self, data_bytes: usize) -> usize {
        match self {
            Self::Path | Self::Texts => PATH_BYTES,
            Self::Structure(_) => STRUCTURE_BYTES,
            Self::Pointers => 0,
            Self::Text | Self::Data(_) | Self::Vector { .. } | Self::Message { .. } => data_bytes,
        }
    }
}
