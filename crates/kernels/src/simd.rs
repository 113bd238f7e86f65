/// The widest vector instructions that this process uses for element-wise work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What every processor of the target has (SSE2 on x86-64, NEON on AArch64).
    Portable,
    /// AVX2 and FMA: 8 `f32` at a time.
    Avx2,
    /// AVX-512 (F, VL, BW, DQ): 16 `f32` at a time.
    Avx512,
}

/// What [`vectorize`] compiles for on this processor.
#[inline]
pub fn simd_level() -> SimdLevel {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq") {
            return SimdLevel::Avx512;
        }
        if has!("avx2") && has!("fma") {
            return SimdLevel::Avx2;
        }
    }
    SimdLevel::Portable
}

/// Runs `f`, compiled once for each [`SimdLevel`], in the widest form that this processor has.
///
/// `f` is plain Rust: the compiler vectorises its loops for the wider registers. It reorders and contracts nothing, so
/// the result is the same bits at every level. Code that `f` calls is vectorised only where it is inlined.
///
/// ```
/// use chainrule_kernels::vectorize;
/// let mut x = vec![1.0_f32; 1000];
/// vectorize(|| x.iter_mut().for_each(|x| *x *= 2.0));
/// assert_eq!(x[999], 2.0);
/// ```
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    match simd_level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: simd_level found the features on this processor.
        SimdLevel::Avx512 => unsafe { avx512(f) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: simd_level found the features on this processor.
        SimdLevel::Avx2 => unsafe { avx2(f) },
        _ => f(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}
