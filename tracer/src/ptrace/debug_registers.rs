//! The CPU's debug registers of a stopped task: up to four addresses that stop it, and which of them did (Intel SDM volume 3,
//! 17.2; ptrace(2), `PTRACE_POKEUSER`). They change no memory, and no copy of the task has them.
//!
//! Key type: [`Slots`]. Neighbour: `replay/debug/breakpoints.rs` chooses what goes in.

use std::mem::offset_of;

use nix::errno::Errno;
use nix::sys::ptrace;

use super::task::{Stopped, unless_gone};
use crate::error::{During, TracerError};

/// How many there are.
pub(crate) const SLOTS: usize = 4;

/// What stops a task at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Access {
    /// Executing the instruction there; the task stops in front of it.
    Execute,
    /// Writing a byte of this many; the task stops behind the instruction.
    Write(Width),
    /// Reading or writing one of them.
    ReadWrite(Width),
}

/// How many bytes a register watches. Its address is a multiple of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Width {
    One,
    Two,
    Four,
    Eight,
}

/// An address and what stops a task there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// The address.
    pub(crate) address: u64,
    /// What stops.
    pub(crate) access: Access,
}

/// What all of the registers hold.
pub(crate) type Slots = [Option<Slot>; SLOTS];

const STATUS: usize = 6;
const CONTROL: usize = 7;

impl Width {
    /// In bytes.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The LEN field.
    fn bits(self) -> u64 {
        match self {
            Self::One => 0,
            Self::Two => 1,
            Self::Four => 3,
            Self::Eight => 2,
        }
    }
}

/// The control register (DR7) for these slots: a local enable bit each, and what to stop at from bit 16 on.
fn control(slots: &Slots) -> u64 {
    let bits = slots.iter().enumerate().map(|(index, slot)| {
        let Some(slot) = slot else { return 0 };
        let condition = match slot.access {
            Access::Execute => 0,
            Access::Write(width) => 0b01 | width.bits() << 2,
            Access::ReadWrite(width) => 0b11 | width.bits() << 2,
        };
        1 << (2 * index) | condition << (16 + 4 * index)
    });
    bits.fold(0, |all, bits| all | bits)
}

impl Stopped {
    /// Sets all four. False: the host has none for us, or does not take one of the addresses.
    pub(crate) fn set_debug_registers(&self, slots: &Slots) -> Result<bool, TracerError> {
        let set = || -> nix::Result<()> {
            self.poke(CONTROL, 0)?;
            for (index, slot) in slots.iter().enumerate() {
                if let Some(slot) = slot {
                    self.poke(index, slot.address)?;
                }
            }
            self.poke(CONTROL, control(slots))
        };
        match unless_gone(set()) {
            Err(Errno::EINVAL | Errno::EIO | Errno::ENOSPC | Errno::EPERM) => Ok(false),
            other => other.map(|_| true).during("set a breakpoint of the CPU's"),
        }
    }

    /// Which slots stopped the task, from the lowest bit on; and forgets it.
    pub(crate) fn take_debug_status(&self) -> Result<u8, TracerError> {
        const OPERATION: &str = "read which breakpoint stopped a process";
        let status = unless_gone(ptrace::read_user(self.pid(), register(STATUS)))
            .during(OPERATION)?
            .unwrap_or(0);
        let slots = status as u8 & ((1 << SLOTS) - 1);
        if slots != 0 {
            unless_gone(self.poke(STATUS, 0)).during(OPERATION)?;
        }
        Ok(slots)
    }

    fn poke(&self, number: usize, value: u64) -> nix::Result<()> {
        ptrace::write_user(self.pid(), register(number), value as libc::c_long)
    }
}

/// Where a debug register is in `struct user`.
fn register(number: usize) -> ptrace::AddressType {
    (offset_of!(libc::user, u_debugreg) + number * size_of::<u64>()) as ptrace::AddressType
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(address: u64, access: Access) -> Option<Slot> {
        Some(Slot { address, access })
    }

    #[test]
    fn the_control_register_enables_what_is_there_and_says_what_stops() {
        assert_eq!(control(&[None; SLOTS]), 0);
        let slots = [
            slot(1, Access::Execute),
            None,
            slot(8, Access::Write(Width::Eight)),
            slot(4, Access::ReadWrite(Width::Four)),
        ];
        // Enable bits 0, 4 and 6; write and 8 bytes: 0b1001 at bit 24; any access and 4 bytes: 0b1111 at bit 28.
        assert_eq!(control(&slots), 0xf900_0051);
        let one = [slot(3, Access::Write(Width::One)), None, None, None];
        assert_eq!(control(&one), 0x0001_0001);
    }
}
