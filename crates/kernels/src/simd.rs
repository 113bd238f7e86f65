use chainrule_core::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The vector instructions that this process uses, apart from those of BLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What every processor of the target has (SSE2 on x86-64, NEON on AArch64).
    Portable,
    /// AVX2 and FMA: 8 `f32` at a time.
    Avx2,
    /// AVX-512 (F, VL, BW, DQ): 16 `f32` at a time.
    Avx512,
}

impl SimdLevel {
    /// All, the lowest first.
    pub const ALL: [SimdLevel; 3] = [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512];

    /// The highest level of this processor.
    pub fn of_processor() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                if has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq") {
                    return SimdLevel::Avx512;
                }
                return SimdLevel::Avx2;
            }
        }
        SimdLevel::Portable
    }

    /// The highest level that this build has kernels for: where this crate was compiled without optimisation (`opt-level = 0`, as by
    /// `cargo run` without `--release`) and for other processors, portable ones alone.
    pub const fn of_build() -> Self {
        if cfg!(wide_simd) { SimdLevel::Avx512 } else { SimdLevel::Portable }
    }

    /// What the environment variable `CHAINRULE_SIMD` limits the process to: `portable`, `avx2` or `avx512`; `None` if it is not set, or
    /// empty.
    ///
    /// # Errors
    /// [`Error::SimdLevel`] if it says something else.
    pub fn of_environment() -> Result<Option<Self>, Error> {
        match std::env::var_os("CHAINRULE_SIMD") {
            Some(level) if !level.is_empty() => level.to_string_lossy().parse().map(Some),
            _ => Ok(None),
        }
    }
}

/// As [`SimdLevel::of_environment`] reads it.
impl FromStr for SimdLevel {
    type Err = Error;

    fn from_str(level: &str) -> Result<Self, Error> {
        match level {
            "portable" => Ok(SimdLevel::Portable),
            "avx2" => Ok(SimdLevel::Avx2),
            "avx512" => Ok(SimdLevel::Avx512),
            _ => Err(Error::SimdLevel { found: level.to_owned() }),
        }
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            SimdLevel::Portable => "portable",
            SimdLevel::Avx2 => "AVX2",
            SimdLevel::Avx512 => "AVX-512",
        })
    }
}

/// The level in use, as a number; `UNKNOWN` before it is first asked for.
static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

/// What kernels compute with in this process: the processor's level, or a lower one that [the build](SimdLevel::of_build) ends with or that
/// `CHAINRULE_SIMD` or [`limit_simd`] asked for.
#[inline]
pub fn simd_level() -> SimdLevel {
    match LEVEL.load(Relaxed) {
        0 => SimdLevel::Portable,
        1 => SimdLevel::Avx2,
        2 => SimdLevel::Avx512,
        _ => limit_simd(SimdLevel::Avx512),
    }
}

/// Limits all kernels of this process to `limit`, and gives the level that they use from now on: never one above the
/// processor's, the build's or that of `CHAINRULE_SIMD`. [`SimdLevel::Avx512`] lifts an earlier limit.
///
/// A kernel that is running meanwhile may use either level.
///
/// If the environment variable says something unknown, it limits nothing and a line on standard error says so;
/// [`SimdLevel::of_environment`] is the same as an error.
#[cold]
pub fn limit_simd(limit: SimdLevel) -> SimdLevel {
    let of_environment = SimdLevel::of_environment().unwrap_or_else(|error| {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| eprintln!("warning: {error}; it limits nothing"));
        None
    });
    let highest =
        SimdLevel::of_processor().min(SimdLevel::of_build()).min(of_environment.unwrap_or(SimdLevel::Avx512));
    let level = limit.min(highest);
    LEVEL.store(level as u8, Relaxed);
    level
}

/// Runs `f`, compiled once for each [`SimdLevel`], in the widest form that this process uses.
///
/// `f` is plain Rust: the compiler vectorises its loops for the wider registers. It reorders and contracts nothing, so
/// the result is the same bits at every level. Code that `f` calls is vectorised only where it is inlined.
///
/// Give it one row at a time where what is read and what is written may be columns of one matrix, as in training: of a loop over rows within
/// `f`, the compiler asks once whether all that is read and all that is written overlap, and if they seem to, it takes number by number.
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
        #[cfg(wide_simd)]
        // SAFETY: simd_level found the features on this processor.
        SimdLevel::Avx512 => unsafe { avx512(f) },
        #[cfg(wide_simd)]
        // SAFETY: simd_level found the features on this processor.
        SimdLevel::Avx2 => unsafe { avx2(f) },
        _ => portable(f),
    }
}

// None is inlined, so that what `f` is called from does not change how it is compiled.

#[cfg(wide_simd)]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(wide_simd)]
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[inline(never)]
fn portable<R>(f: impl FnOnce() -> R) -> R {
    f()
}
