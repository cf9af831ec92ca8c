//! The registers of a thread as gdb numbers and lays them out. Key types: [`X86`], and [`Values`], which may lack some: gdb
//! shows those as unavailable. Source: gdb's features/i386/64bit-core.xml and its neighbours, Intel SDM volume 1, 8.1 and 10.5.

use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId, Registers};

use crate::ptrace::task::FXSAVE_BYTES;
use crate::replay::debug;

/// x86-64 with SSE, and the segment bases.
pub(super) enum X86 {}

impl Arch for X86 {
    type Usize = u64;
    type Registers = Values;
    type BreakpointKind = usize;
    type RegId = Number;
}

/// A register by gdb's number. None can be read alone: gdb asks for all at once.
#[derive(Debug)]
pub(super) enum Number {}

impl RegId for Number {
    fn from_raw_id(_: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        None
    }
}

/// A register in gdb's order.
struct Described {
    name: &'static str,
    bits: usize,
    kind: &'static str,
}

const fn described(name: &'static str, bits: usize, kind: &'static str) -> Described {
    Described { name, bits, kind }
}

const GENERAL: [&str; 16] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];
const SEGMENTS: [&str; 6] = ["cs", "ss", "ds", "es", "fs", "gs"];
/// What a program finds in its segment registers.
const SELECTORS: [u32; 6] = [0x33, 0x2b, 0, 0, 0, 0];
const X87: [&str; 8] = ["st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7"];
const X87_CONTROL: [&str; 8] = [
    "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop",
];
const XMM: [&str; 16] = [
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
    "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
];
/// Bytes of the x87 registers, their control registers, the SSE registers and theirs.
const VECTOR_BYTES: usize = 8 * 10 + 8 * 4 + 16 * 16 + 4;

/// All registers of a thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    general: Option<[u64; 17]>,
    flags: u32,
    bases: [u64; 2],
    vectors: Option<Vec<u8>>,
}

impl Values {
    /// Those of the thread that stands for a machine without threads: zeros.
    pub(super) fn nowhere() -> Self {
        Self {
            general: Some([0; 17]),
            ..Self::default()
        }
    }
}

impl From<debug::Registers> for Values {
    fn from(registers: debug::Registers) -> Self {
        let r = &registers.general.registers;
        // From the order of trapline_trace_format's state to gdb's.
        const PLACES: [usize; 17] = [13, 11, 14, 12, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7, 16];
        Self {
            general: Some(PLACES.map(|place| r[place])),
            flags: r[17] as u32,
            bases: registers.general.bases,
            vectors: registers.vectors.map(|area| vector_bytes(&area)),
        }
    }
}

impl Registers for Values {
    type ProgramCounter = u64;

    fn pc(&self) -> u64 {
        self.general.map_or(0, |general| general[16])
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        let mut known = |bytes: &[u8]| bytes.iter().for_each(|byte| write_byte(Some(*byte)));
        match &self.general {
            Some(general) => {
                general.iter().for_each(|value| known(&value.to_le_bytes()));
                known(&self.flags.to_le_bytes());
                SELECTORS
                    .iter()
                    .for_each(|value| known(&value.to_le_bytes()));
            }
            None => (0..17 * 8 + 4 + 6 * 4).for_each(|_| write_byte(None)),
        }
        match &self.vectors {
            Some(bytes) => bytes.iter().for_each(|byte| write_byte(Some(*byte))),
            None => (0..VECTOR_BYTES).for_each(|_| write_byte(None)),
        }
        for base in self.bases {
            let base = base.to_le_bytes();
            let is_known = self.general.is_some();
            base.iter()
                .for_each(|byte| write_byte(is_known.then_some(*byte)));
        }
    }

    /// A replay's registers are not written: what gdb sends is refused after this, whatever it is.
    fn gdb_deserialize(&mut self, _: &[u8]) -> Result<(), ()> {
        Ok(())
    }
}

/// The x87 and SSE registers in gdb's order.
fn vector_bytes(area: &[u8; FXSAVE_BYTES]) -> Vec<u8> {
    let word = |at: usize| u32::from(u16::from_le_bytes([area[at], area[at + 1]]));
    let double =
        |at: usize| u32::from_le_bytes([area[at], area[at + 1], area[at + 2], area[at + 3]]);
    let mut bytes = Vec::with_capacity(VECTOR_BYTES);
    for index in 0..8 {
        bytes.extend(&area[32 + 16 * index..][..10]);
    }
    let control = [
        word(0),
        word(2),
        tags(area),
        word(12),
        double(8),
        word(20),
        double(16),
        word(6),
    ];
    control
        .iter()
        .for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes.extend(&area[160..][..256]);
    bytes.extend(double(24).to_le_bytes());
    bytes
}

/// The tag word, two bits for each x87 register, from what FXSAVE keeps of it, which is one.
fn tags(area: &[u8; FXSAVE_BYTES]) -> u32 {
    const VALID: u32 = 0;
    const ZERO: u32 = 1;
    const SPECIAL: u32 = 2;
    const EMPTY: u32 = 3;
    let top = usize::from(area[3] >> 3 & 7);
    (0..8).fold(0, |all, physical| {
        let tag = if area[4] >> physical & 1 == 0 {
            EMPTY
        } else {
            let value = &area[32 + 16 * ((physical + 8 - top) % 8)..][..10];
            let exponent = u16::from_le_bytes([value[8], value[9]]) & 0x7fff;
            match exponent {
                0x7fff => SPECIAL,
                0 if value[..8].iter().all(|byte| *byte == 0) => ZERO,
                _ if exponent == 0 || value[7] & 0x80 == 0 => SPECIAL,
                _ => VALID,
            }
        };
        all | tag << (2 * physical)
    })
}

/// The description that gdb asks for.
pub(super) fn description() -> String {
    let feature = |name: &str, types: &str, all: &[Described]| {
        let all = all.iter().map(|one| {
            let Described { name, bits, kind } = one;
            format!("<reg name=\"{name}\" bitsize=\"{bits}\" type=\"{kind}\"/>")
        });
        let all: String = all.collect();
        format!("<feature name=\"org.gnu.gdb.i386.{name}\">{types}{all}</feature>")
    };
    let core: Vec<Described> = GENERAL
        .iter()
        .map(|name| match *name {
            "rbp" | "rsp" => described(name, 64, "data_ptr"),
            _ => described(name, 64, "int64"),
        })
        .chain([
            described("rip", 64, "code_ptr"),
            described("eflags", 32, "i386_eflags"),
        ])
        .chain(SEGMENTS.iter().map(|name| described(name, 32, "int32")))
        .chain(X87.iter().map(|name| described(name, 80, "i387_ext")))
        .chain(X87_CONTROL.iter().map(|name| described(name, 32, "int")))
        .collect();
    let sse: Vec<Described> = XMM
        .iter()
        .map(|name| described(name, 128, "vec128"))
        .chain([described("mxcsr", 32, "i386_mxcsr")])
        .collect();
    let bases = [
        described("fs_base", 64, "int64"),
        described("gs_base", 64, "int64"),
    ];
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">\
         <architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi>{}{}{}</target>",
        feature("core", EFLAGS, &core),
        feature("sse", VECTORS, &sse),
        feature("segments", "", &bases),
    )
}

const EFLAGS: &str = "<flags id=\"i386_eflags\" size=\"4\">\
<field name=\"\" start=\"22\" end=\"31\"/><field name=\"ID\" start=\"21\" end=\"21\"/>\
<field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"OF\" start=\"11\" end=\"11\"/>\
<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"TF\" start=\"8\" end=\"8\"/>\
<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>\
<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"PF\" start=\"2\" end=\"2\"/>\
<field name=\"CF\" start=\"0\" end=\"0\"/></flags>";

const VECTORS: &str = "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\
<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/><vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\
<vector id=\"v8i16\" type=\"int16\" count=\"8\"/><vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\
<vector id=\"v2i64\" type=\"int64\" count=\"2\"/><union id=\"vec128\">\
<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>\
<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>\
<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>\
<field name=\"uint128\" type=\"uint128\"/></union><flags id=\"i386_mxcsr\" size=\"4\">\
<field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/>\
<field name=\"ZE\" start=\"2\" end=\"2\"/><field name=\"OE\" start=\"3\" end=\"3\"/>\
<field name=\"UE\" start=\"4\" end=\"4\"/><field name=\"PE\" start=\"5\" end=\"5\"/>\
<field name=\"DAZ\" start=\"6\" end=\"6\"/><field name=\"IM\" start=\"7\" end=\"7\"/>\
<field name=\"DM\" start=\"8\" end=\"8\"/><field name=\"ZM\" start=\"9\" end=\"9\"/>\
<field name=\"OM\" start=\"10\" end=\"10\"/><field name=\"UM\" start=\"11\" end=\"11\"/>\
<field name=\"PM\" start=\"12\" end=\"12\"/><field name=\"FZ\" start=\"15\" end=\"15\"/></flags>";

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::ThreadState;

    use super::*;

    fn serialized(values: &Values) -> Vec<Option<u8>> {
        let mut bytes = Vec::new();
        values.gdb_serialize(|byte| bytes.push(byte));
        bytes
    }

    /// Bytes of all registers that the description names.
    fn described_bytes() -> usize {
        let text = description();
        let sizes = text.split("bitsize=\"").skip(1);
        let bits = sizes.map(|rest| rest.split('"').next().and_then(|bits| bits.parse().ok()));
        bits.map(|bits: Option<usize>| bits.expect("a size") / 8)
            .sum()
    }

    #[test]
    fn as_many_bytes_are_sent_as_are_described_whatever_is_known() {
        let state = || Box::new(ThreadState::default());
        let of = |vectors| debug::Registers {
            general: state(),
            vectors,
        };
        let area = Box::new([0; FXSAVE_BYTES]);
        let all = [
            Values::default(),
            Values::from(of(None)),
            Values::from(of(Some(area))),
        ];
        for values in all {
            assert_eq!(serialized(&values).len(), described_bytes());
        }
        assert!(serialized(&Values::default()).iter().all(Option::is_none));
    }

    #[test]
    fn every_register_is_where_gdb_looks_for_it() {
        let mut state = Box::new(ThreadState::default());
        for (index, name) in ThreadState::REGISTERS.iter().enumerate() {
            state.registers[index] = name.bytes().fold(0, |all, byte| all << 8 | u64::from(byte));
        }
        state.bases = [1, 2];
        let registers = debug::Registers {
            general: state,
            vectors: None,
        };
        let bytes = serialized(&Values::from(registers));
        let number = |range: std::ops::Range<usize>| {
            let bytes: Vec<u8> = bytes[range]
                .iter()
                .map(|byte| byte.expect("known"))
                .collect();
            u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
        };
        for (place, name) in GENERAL.iter().chain(&["rip"]).enumerate() {
            let wanted = name.bytes().fold(0, |all, byte| all << 8 | u64::from(byte));
            assert_eq!(number(8 * place..8 * place + 8), wanted, "{name}");
        }
        let end = bytes.len();
        assert_eq!((number(end - 16..end - 8), number(end - 8..end)), (1, 2));
    }

    #[test]
    fn a_tag_says_what_is_in_its_x87_register() {
        let mut area = [0; FXSAVE_BYTES];
        assert_eq!(tags(&area), 0xffff, "all are empty");
        // The top is register 7, which holds 1.0; register 0 holds 0.
        area[3] = 7 << 3;
        area[4] = 0b1000_0001;
        area[32 + 7] = 0x80;
        area[32 + 8..32 + 10].copy_from_slice(&0x3fff_u16.to_le_bytes());
        assert_eq!(tags(&area), 0x3ffd);
    }
}
