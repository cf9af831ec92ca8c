//! What a trace says of the host that it was recorded on.

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use trapline_trace_format::meta::Host;

use crate::clock::Clock;
use crate::error::{During, TracerError};
use crate::processor;

/// The CPUs that this process may use, in ascending order.
///
/// # Errors
/// When the host does not say.
pub fn allowed_cpus() -> Result<Vec<usize>, TracerError> {
    let set = sched_getaffinity(Pid::from_raw(0)).during("ask which CPUs may be used")?;
    Ok((0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect())
}

/// Facts of this host for meta.json.
///
/// # Errors
/// When the host does not say which CPUs may be used.
pub fn facts(clock: &Clock, pinned_cpu: Option<usize>) -> Result<Host, TracerError> {
    let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let release =
        nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    Ok(Host {
        cpu: cpu_field(&cpu_info, "model name")
            .unwrap_or("unknown")
            .to_owned(),
        cpus: allowed_cpus()?.len() as u32,
        pinned_cpu: pinned_cpu.map(|cpu| cpu as u32),
        kernel: release.unwrap_or_else(|_| "unknown".to_owned()),
        clock: clock.source().word().to_owned(),
        hypervisor: hypervisor(&cpu_info),
        // For a replay, which only what is pinned has. On a virtual host each question takes tens of microseconds.
        processor: pinned_cpu.map(processor::on).transpose()?,
    })
}

/// Level of the CPU's instruction set (x86-64-v1 to v4), and whether the host could make CPUID trap (arch_prctl(2),
/// ARCH_CPUID). It is not made to: few CPUs can, and a trace would say other things on those that can.
#[must_use]
pub fn instruction_set() -> (u8, bool) {
    let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let can_trap = cpu_field(&cpu_info, "flags")
        .is_some_and(|flags| flags.split(' ').any(|flag| flag == "cpuid_fault"));
    (processor::here().level, can_trap)
}

/// Value of a field of the first CPU in /proc/cpuinfo.
fn cpu_field<'a>(cpu_info: &'a str, field: &str) -> Option<&'a str> {
    cpu_info.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == field).then(|| value.trim())
    })
}

/// The hypervisor's own name by CPUID leaf 0x4000_0000, if the CPU says that there is one.
fn hypervisor(cpu_info: &str) -> Option<String> {
    let virtual_host = cpu_field(cpu_info, "flags")
        .is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor"));
    virtual_host.then(|| {
        let leaf = std::arch::x86_64::__cpuid(0x4000_0000);
        let bytes = [leaf.ebx, leaf.ecx, leaf.edx]
            .map(u32::to_le_bytes)
            .concat();
        let name: String = bytes
            .iter()
            .map(|byte| char::from(*byte))
            .filter(char::is_ascii_graphic)
            .collect();
        if name.is_empty() {
            "unnamed".to_owned()
        } else {
            name
        }
    })
}
