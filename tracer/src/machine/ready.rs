//! A machine that can be started: what its kernel finds in memory, whether from the options of a recording or from a trace.
//!
//! Key type: [`Ready`]. Neighbours: `parameters.rs` and `initramfs.rs` for a recording, `replay/machine.rs` for a replay.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use trapline_abi::boot::BootParameters;
use trapline_trace_format::folder::ReplayPart;

use super::Machine;
use super::input::{Feeder, Source};
use crate::error::{During, TracerError};
use crate::ptrace::region::{self, Region, create_store, executable_memory_file};
use crate::ptrace::spawn::{Root, Start};

/// A machine that can be started.
pub(crate) struct Ready<'a> {
    /// What the kernel is told.
    pub(crate) parameters: Box<BootParameters>,
    /// The kernel's ELF image.
    pub(crate) kernel: Cow<'a, [u8]>,
    /// The machine's first files, a cpio archive.
    pub(crate) archive: Vec<u8>,
    /// Its console input.
    pub(crate) input: Source,
    /// What it is to do again.
    pub(crate) script: Option<File>,
    /// The host's CPU that it gets.
    pub(crate) cpu: usize,
}

impl Ready<'_> {
    /// What a trace keeps, so that the machine can be started again from it.
    pub(crate) fn parts(&self) -> [(ReplayPart, Cow<'_, [u8]>); 3] {
        let boot = region::parameter_bytes(&self.parameters);
        [
            (ReplayPart::Kernel, Cow::Borrowed(&*self.kernel)),
            (ReplayPart::Initramfs, Cow::Borrowed(&*self.archive)),
            (ReplayPart::Boot, Cow::Owned(region::without_key(boot))),
        ]
    }

    /// Boots the machine. If it is to be traced, the calling thread becomes its tracer; otherwise it runs on its own.
    pub(crate) fn start(self) -> Result<Machine, TracerError> {
        let store = create_store()?;
        let region = Region::create(&self.parameters, &self.archive)?;
        drop(self.archive);
        let image = executable_memory_file(c"trapline-kernel")?;
        let mut image = File::from(image);
        image
            .write_all(&self.kernel)
            .during("write the kernel image")?;
        let feeder = Feeder::start(self.input, region.file())?;
        let root = Root::start(&Start {
            image: image.as_fd(),
            region: region.file(),
            store: store.as_fd(),
            script: self.script.as_ref().map(File::as_fd),
            cpu: self.cpu,
            traced: self.parameters.traced != 0,
        })?;
        Ok(Machine {
            root,
            region,
            _feeder: feeder,
        })
    }
}
