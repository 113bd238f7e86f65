//! What the program runs on: BLAS, SIMD, threads, memory.

use anyhow::{Result, ensure};
use chainrule_kernels::{SimdLevel, blas, pool, simd_level};
use serde::Serialize;
use std::{env, fs};

/// The environment variable by which OpenBLAS takes a kernel other than that of this processor.
pub(crate) const CORETYPE: &str = "OPENBLAS_CORETYPE";

/// The BLAS in this process.
#[derive(Serialize)]
pub(crate) struct Blas {
    pub(crate) library: String,
    pub(crate) version: String,
    pub(crate) kernel: String,
    /// The kernel that the environment asks OpenBLAS for, by [`CORETYPE`]; it takes another where it does not have that.
    pub(crate) coretype: Option<String>,
    pub(crate) threads: usize,
}

impl Blas {
    pub(crate) fn here() -> Self {
        let blas::BlasInfo { library, version, kernel, threads } = blas::info();
        let coretype = env::var_os(CORETYPE).filter(|name| !name.is_empty());
        let coretype = coretype.map(|name| name.to_string_lossy().into_owned());
        Blas { library, version, kernel, coretype, threads }
    }

    /// False in a build without BLAS.
    pub(crate) fn is_there(&self) -> bool {
        !self.version.is_empty()
    }
}

/// The vector instructions in use, and what limits them.
#[derive(Serialize)]
pub(crate) struct Simd {
    pub(crate) level: String,
    /// The highest level of this processor.
    pub(crate) processor: String,
    /// The highest level that this build has kernels for.
    pub(crate) build: String,
    pub(crate) limited: bool,
}

impl Simd {
    pub(crate) fn here() -> Self {
        let (level, processor, build) = (simd_level(), SimdLevel::of_processor(), SimdLevel::of_build());
        Simd {
            level: level.to_string(),
            processor: processor.to_string(),
            build: build.to_string(),
            limited: level < processor,
        }
    }
}

/// Runs `work` on `threads` threads; 0 stands for all cores.
pub(crate) fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    pool(threads)?.install(work)
}

/// Makes sure that `bytes` of memory can be had, before something that would abort without them.
pub(crate) fn check_memory(bytes: u128, what_to_do: &str) -> Result<()> {
    ensure!(
        has_memory(bytes),
        "this needs about {} GiB of memory, more than there is; {what_to_do}",
        bytes.div_ceil(1 << 30)
    );
    Ok(())
}

/// Whether `bytes` of memory can be had.
pub(crate) fn has_memory(bytes: u128) -> bool {
    // Systems that promise more than they have say elsewhere what they have.
    let promised =
        usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    promised && available_memory().is_none_or(|available| bytes <= available)
}

/// Bytes that a process can have without swapping; known on Linux only.
fn available_memory() -> Option<u128> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u128 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
