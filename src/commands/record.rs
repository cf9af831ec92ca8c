//! `trapline record`: programs, on this host's Linux or on the mini-kernel, recorded into a trace folder.
//!
//! `record/linux.rs` and `record/mini.rs` do it; here it is decided which kernel is meant.

mod linux;
mod mini;

use anyhow::anyhow;

use crate::cli::{Kernel, RecordArgs};
use crate::exit::Exit;
use crate::images::images;
use crate::terminal;

/// Runs the command. Its status is the traced programs' own.
pub(crate) fn run(args: RecordArgs) -> anyhow::Result<Exit> {
    let of_machine = args.of_the_machine();
    let of_linux = args.linux.first_given();
    let kernel = args.kernel.unwrap_or_else(|| usual_kernel(&args));
    let (odd, other) = match kernel {
        Kernel::Linux => (of_machine, "mini"),
        Kernel::Mini => (of_linux, "linux"),
    };
    if let Some(option) = odd {
        terminal::print_error(&anyhow!(
            "{option} is an option of --kernel {other} only; leave it out, or choose that kernel without the options of the \
             other"
        ));
        return Ok(Exit::Usage);
    }
    match kernel {
        Kernel::Linux => linux::run(args),
        Kernel::Mini => mini::run(args),
    }
}

/// Linux, unless a guest's name or an option says otherwise.
fn usual_kernel(args: &RecordArgs) -> Kernel {
    let name = args.program.first();
    let is_guest = name.is_some_and(|name| images().guests.iter().any(|(guest, _)| *guest == name));
    if args.linux.first_given().is_none() && (is_guest || args.of_the_machine().is_some()) {
        Kernel::Mini
    } else {
        Kernel::Linux
    }
}
