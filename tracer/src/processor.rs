//! What programs can learn about the CPU by asking it. CPUID is not trapped: its answers are an input of programs that a
//! recording cannot give back, so it says what they were, and a replay looks for a CPU that gives the same.
//!
//! Neighbours: `host.rs` puts it into meta.json, `replay/fit.rs` compares.

use raw_cpuid::native_cpuid::cpuid_count;
use raw_cpuid::{
    CpuId, ExtendedFeatures, ExtendedProcessorFeatureIdentifiers, FeatureInfo,
    native_cpuid::CpuIdReaderNative,
};
use trapline_trace_format::meta::{Processor, XsavePart};

use crate::error::TracerError;
use crate::record::Pinned;

type Basic = (&'static str, fn(&FeatureInfo) -> bool);
type Structured = (&'static str, fn(&ExtendedFeatures) -> bool);
type Extended = (
    &'static str,
    fn(&ExtendedProcessorFeatureIdentifiers) -> bool,
);

/// What programs use without asking the kernel, by the names of /proc/cpuinfo.
const BASIC: [Basic; 16] = [
    ("pni", FeatureInfo::has_sse3),
    ("pclmulqdq", FeatureInfo::has_pclmulqdq),
    ("ssse3", FeatureInfo::has_ssse3),
    ("fma", FeatureInfo::has_fma),
    ("cx16", FeatureInfo::has_cmpxchg16b),
    ("sse4_1", FeatureInfo::has_sse41),
    ("sse4_2", FeatureInfo::has_sse42),
    ("movbe", FeatureInfo::has_movbe),
    ("popcnt", FeatureInfo::has_popcnt),
    ("aes", FeatureInfo::has_aesni),
    ("xsave", FeatureInfo::has_xsave),
    ("osxsave", FeatureInfo::has_oxsave),
    ("avx", FeatureInfo::has_avx),
    ("f16c", FeatureInfo::has_f16c),
    ("rdrand", FeatureInfo::has_rdrand),
    ("ht", FeatureInfo::has_htt),
];
const STRUCTURED: [Structured; 35] = [
    ("fsgsbase", ExtendedFeatures::has_fsgsbase),
    ("bmi1", ExtendedFeatures::has_bmi1),
    ("hle", ExtendedFeatures::has_hle),
    ("avx2", ExtendedFeatures::has_avx2),
    ("bmi2", ExtendedFeatures::has_bmi2),
    ("erms", ExtendedFeatures::has_rep_movsb_stosb),
    ("rtm", ExtendedFeatures::has_rtm),
    ("avx512f", ExtendedFeatures::has_avx512f),
    ("avx512dq", ExtendedFeatures::has_avx512dq),
    ("rdseed", ExtendedFeatures::has_rdseed),
    ("adx", ExtendedFeatures::has_adx),
    ("avx512ifma", ExtendedFeatures::has_avx512_ifma),
    ("clflushopt", ExtendedFeatures::has_clflushopt),
    ("clwb", ExtendedFeatures::has_clwb),
    ("avx512cd", ExtendedFeatures::has_avx512cd),
    ("sha_ni", ExtendedFeatures::has_sha),
    ("avx512bw", ExtendedFeatures::has_avx512bw),
    ("avx512vl", ExtendedFeatures::has_avx512vl),
    ("avx512vbmi", ExtendedFeatures::has_avx512vbmi),
    ("umip", ExtendedFeatures::has_umip),
    ("pku", ExtendedFeatures::has_pku),
    ("ospke", ExtendedFeatures::has_ospke),
    ("waitpkg", ExtendedFeatures::has_waitpkg),
    ("avx512_vbmi2", ExtendedFeatures::has_avx512vbmi2),
    ("gfni", ExtendedFeatures::has_gfni),
    ("vaes", ExtendedFeatures::has_vaes),
    ("vpclmulqdq", ExtendedFeatures::has_vpclmulqdq),
    ("avx512_vnni", ExtendedFeatures::has_avx512vnni),
    ("avx512_bitalg", ExtendedFeatures::has_avx512bitalg),
    ("avx512_vpopcntdq", ExtendedFeatures::has_avx512vpopcntdq),
    ("rdpid", ExtendedFeatures::has_rdpid),
    ("avx512_bf16", ExtendedFeatures::has_avx512_bf16),
    ("avx512_fp16", ExtendedFeatures::has_avx512_fp16),
    ("avx_vnni", ExtendedFeatures::has_avx_vnni),
    ("amx_tile", ExtendedFeatures::has_amx_tile),
];
const EXTENDED: [Extended; 9] = [
    ("lahf_lm", |id| id.has_lahf_sahf()),
    ("abm", |id| id.has_lzcnt()),
    ("sse4a", |id| id.has_sse4a()),
    ("misalignsse", |id| id.has_misaligned_sse_mode()),
    ("3dnowprefetch", |id| id.has_prefetchw()),
    ("xop", |id| id.has_xop()),
    ("fma4", |id| id.has_fma4()),
    ("tbm", |id| id.has_tbm()),
    ("rdtscp", |id| id.has_rdtscp()),
];

/// What each level of the instruction set has on top of the one below (x86-64 psABI, table 3.1).
const LEVELS: [&[&str]; 3] = [
    &[
        "cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3",
    ],
    &[
        "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "osxsave",
    ],
    &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
];

/// What this CPU of the host answers. The calling thread is on it for a moment.
///
/// # Errors
/// When the thread may not run there.
pub(crate) fn on(cpu: usize) -> Result<Processor, TracerError> {
    let _pinned = Pinned::to(cpu)?;
    Ok(here())
}

/// What a CPU that the calling thread may run on answers.
pub(crate) fn here() -> Processor {
    let id = CpuId::new();
    let mut features = features(&id);
    features.sort();
    let basic = id.get_feature_info();
    let of = |read: fn(&FeatureInfo) -> u8| basic.as_ref().map_or(0, read);
    Processor {
        vendor: id
            .get_vendor_info()
            .map_or_else(String::new, |vendor| vendor.as_str().to_owned()),
        family: of(FeatureInfo::family_id),
        model: of(FeatureInfo::model_id),
        stepping: of(FeatureInfo::stepping_id),
        level: level(&features),
        features,
        number: number(),
        xsave: xsave(),
        answers: answers(),
    }
}

fn features(id: &CpuId<CpuIdReaderNative>) -> Vec<String> {
    fn having<T>(info: Option<T>, table: &[(&'static str, fn(&T) -> bool)]) -> Vec<String> {
        let has = |info: &T| {
            let names = table.iter().filter(|(_, has)| has(info));
            names.map(|(name, _)| (*name).to_owned()).collect()
        };
        info.as_ref().map_or_else(Vec::new, has)
    }
    [
        having(id.get_feature_info(), &BASIC),
        having(id.get_extended_feature_info(), &STRUCTURED),
        having(
            id.get_extended_processor_and_feature_identifiers(),
            &EXTENDED,
        ),
    ]
    .concat()
}

fn level(features: &[String]) -> u8 {
    let has = |name: &&str| features.iter().any(|feature| feature == *name);
    let above = LEVELS
        .iter()
        .take_while(|names| names.iter().all(|name| has(name)));
    1 + above.count() as u8
}

/// Which CPU it says that it is.
fn number() -> u32 {
    const TOPOLOGY: u32 = 0xb;
    if cpuid_count(0, 0).eax >= TOPOLOGY {
        return cpuid_count(TOPOLOGY, 0).edx;
    }
    cpuid_count(1, 0).ebx >> 24
}

fn xsave() -> Vec<XsavePart> {
    const STATE: u32 = 0xd;
    let mask = cpuid_count(STATE, 0).eax;
    // The first two have their fixed place (FXSAVE).
    (2..32)
        .filter(|component| mask & 1 << component != 0)
        .map(|component| {
            let part = cpuid_count(STATE, component);
            XsavePart {
                component: component as u8,
                offset: part.ebx,
                bytes: part.eax,
            }
        })
        .collect()
}

/// CRC-32 of everything that it answers but which CPU it is.
fn answers() -> u32 {
    const SUBLEAVES: u32 = 16;
    let mut all = crc32fast::Hasher::new();
    for first in [0, 0x8000_0000] {
        let last = cpuid_count(first, 0).eax.clamp(first, first + 0x40);
        for leaf in first..=last {
            let subleaves = match leaf {
                4 | 7 | 0xb | 0xd | 0x14 | 0x1f | 0x8000_001d => SUBLEAVES,
                _ => 1,
            };
            for subleaf in 0..subleaves {
                let answer = cpuid_count(leaf, subleaf);
                let mut words = [answer.eax, answer.ebx, answer.ecx, answer.edx];
                match leaf {
                    // The upper byte of EBX is the CPU's number.
                    1 => words[1] &= 0x00ff_ffff,
                    0xb | 0x1f => words[3] = 0,
                    // Its number once more, and those of its core and its node.
                    0x8000_001e => words = [0; 4],
                    _ => {}
                }
                words
                    .iter()
                    .for_each(|word| all.update(&word.to_le_bytes()));
            }
        }
    }
    all.finalize()
}

/// The CPU among those that may be used which says that it is this number.
pub(crate) fn with_number(number: u32, allowed: &[usize]) -> Option<usize> {
    let is_it = |cpu: &&usize| on(**cpu).is_ok_and(|processor| processor.number == number);
    allowed.iter().find(is_it).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::allowed_cpus;

    #[test]
    fn every_cpu_gives_the_same_answers_but_for_its_number() {
        let cpus = allowed_cpus().expect("CPUs");
        let all: Vec<Processor> = cpus.iter().map(|cpu| on(*cpu).expect("a CPU")).collect();
        for (index, processor) in all.iter().enumerate() {
            // A hybrid machine has CPUs of several kinds.
            if processor.model == all[0].model {
                assert_eq!(processor.features, all[0].features);
                assert_eq!(processor.answers, all[0].answers);
            }
            assert_eq!(with_number(processor.number, &cpus), Some(cpus[index]));
        }
        assert_eq!(on(cpus[0]).expect("a CPU"), all[0], "asked twice");
    }

    #[test]
    fn what_it_can_do_is_what_the_host_says() {
        let info = std::fs::read_to_string("/proc/cpuinfo").expect("cpuinfo");
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags"))
            .expect("flags");
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let processor = here();
        // The host may hide what the CPU says, and never adds to it.
        for (name, _) in BASIC.iter().filter(|(name, _)| flags.contains(name)) {
            assert!(
                processor.features.iter().any(|feature| feature == name),
                "{name}"
            );
        }
        for (name, _) in STRUCTURED.iter().filter(|(name, _)| flags.contains(name)) {
            assert!(
                processor.features.iter().any(|feature| feature == name),
                "{name}"
            );
        }
        for (name, _) in EXTENDED.iter().filter(|(name, _)| flags.contains(name)) {
            assert!(
                processor.features.iter().any(|feature| feature == name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_level_needs_all_of_the_levels_below() {
        let of = |levels: &[&[&str]]| -> Vec<String> {
            levels.concat().into_iter().map(str::to_owned).collect()
        };
        assert_eq!(level(&[]), 1);
        assert_eq!(level(&of(&LEVELS[..2])), 3);
        assert_eq!(level(&of(&LEVELS)), 4);
        assert_eq!(level(&of(&LEVELS[1..])), 1);
    }
}
