//! Vector instructions, found at run time: AVX-512, AVX2 with FMA, or what the target always has.
//!
//! Plain loops are compiled for each set of instructions by [`multiversioned`]. Rust never contracts
//! `a * b + c`, so such loops give the same bits whatever the instructions are; products of matrices, whose
//! tiles are in [`tile_product`](crate::tile_product), do not.

use std::sync::OnceLock;

static BEST: OnceLock<Instructions> = OnceLock::new();

/// Leaves the best `steps` sets of instructions out, for tests of the others: the whole process must call
/// it before anything else of this crate, and what was chosen once stays.
#[doc(hidden)]
pub fn lower_instructions(steps: usize) {
    let available = Instructions::available();
    BEST.get_or_init(|| available[steps.min(available.len() - 1)]);
}

/// A set of vector instructions that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// AVX-512 F, VL, BW and DQ.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the target always has: SSE2, NEON.
    Baseline,
}

impl Instructions {
    /// The best that this processor has, or what [`lower_instructions`] has left of it.
    pub(crate) fn best() -> Self {
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All that this processor has, the best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut available = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if has_avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
            {
                available.push(Self::Avx512);
            }
            if has_avx2 {
                available.push(Self::Avx2);
            }
        }
        available.push(Self::Baseline);
        available
    }

    /// Values of a vector.
    pub(crate) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 8,
            Self::Baseline => 4,
        }
    }

    /// Most rows of a tile of two vectors: the accumulators and what they need fill the registers.
    pub(crate) fn rows_max(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 14,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 6,
            Self::Baseline => 6,
        }
    }

    /// Columns of a tile.
    pub(crate) fn columns(self) -> usize {
        2 * self.lanes()
    }
}

/// A function with a copy for each set of instructions, of which the best is called.
macro_rules! multiversioned {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        #[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the features are looked for first"))]
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($($arg: $type),*) $(-> $result)? {
                body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) $(-> $result)? {
                body($($arg),*)
            }
            match $crate::simd::Instructions::best() {
                // SAFETY: `best` has found these features on this processor.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Instructions::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Instructions::Avx2 => unsafe { avx2($($arg),*) },
                $crate::simd::Instructions::Baseline => body($($arg),*),
            }
        }
    };
}

pub(crate) use multiversioned;
