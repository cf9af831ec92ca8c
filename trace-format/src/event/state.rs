//! What a thread's future depends on: the state that a replay must find again before it lets the timer interrupt come.
//!
//! Key type: [`ThreadState`]. Neighbour: `fixtures/abi/src/replay.rs`, the same for the mini-kernel.

/// A thread's complete state in user mode; the contents of vector registers and memory by their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadState {
    /// r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags.
    pub registers: [u64; Self::REGISTERS.len()],
    /// Bases of FS and GS.
    pub bases: [u64; 2],
    /// Digest of the vector registers.
    pub vectors: u64,
    /// Digest of everything in the address space that the thread could have written.
    pub memory: u64,
    /// Bytes that went into the memory's digest.
    pub memory_bytes: u64,
    /// The word that the code there works on, with bit 32 set; 0 if there is none. It helps to find the state again.
    pub operand: u64,
    /// The lower 64 bits of xmm0 to xmm7, which help to find the state again; 0 in version 3, where they were not kept.
    pub lanes: [u64; 8],
}

impl ThreadState {
    /// Names of the registers, in their order.
    pub const REGISTERS: [&str; 18] = [
        "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx",
        "rax", "rcx", "rsp", "rip", "flags",
    ];
    /// Its length as [`Self::words`].
    pub const WORDS: usize = Self::REGISTERS.len() + 14;
    /// Its length without the vector registers.
    const WORDS_WITHOUT_LANES: usize = Self::WORDS - 8;

    /// Where the thread was.
    #[must_use]
    pub fn instruction(&self) -> u64 {
        self.registers[16]
    }

    /// As numbers, in the order of the fields.
    #[must_use]
    pub fn words(&self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        words[..18].copy_from_slice(&self.registers);
        words[18..20].copy_from_slice(&self.bases);
        words[20..24].copy_from_slice(&[
            self.vectors,
            self.memory,
            self.memory_bytes,
            self.operand,
        ]);
        words[24..].copy_from_slice(&self.lanes);
        words
    }

    /// From its numbers.
    #[must_use]
    pub fn from_words(words: &[u64; Self::WORDS]) -> Self {
        let mut state = Self::default();
        state.registers.copy_from_slice(&words[..18]);
        state.bases.copy_from_slice(&words[18..20]);
        (state.vectors, state.memory) = (words[20], words[21]);
        (state.memory_bytes, state.operand) = (words[22], words[23]);
        state.lanes.copy_from_slice(&words[24..]);
        state
    }

    /// Its bytes, each number little-endian. Vector registers that are all 0 are left out.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let words = self.words();
        let length = if self.lanes == [0; 8] {
            Self::WORDS_WITHOUT_LANES
        } else {
            Self::WORDS
        };
        words[..length]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    /// From its bytes; nothing when their number is not right.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut words: Vec<u64> = words.iter().copied().map(u64::from_le_bytes).collect();
        if words.len() == Self::WORDS_WITHOUT_LANES {
            words.resize(Self::WORDS, 0);
        }
        let words = <&[u64; Self::WORDS]>::try_from(words.as_slice()).ok()?;
        rest.is_empty().then(|| Self::from_words(words))
    }
}
