//! Says so when the matrix products will not be BLAS's, and which kernels this build has.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_BLAS").is_none() {
        println!(
            "cargo:warning=chainrule is built without BLAS: matrix products are ndarray's own; \
             enable the feature openblas-system (needs libopenblas) or openblas-static"
        );
    }
    // A kernel for wide registers is one function of some thousand inlined parts. Without optimisation each keeps its values in a place of
    // its own on the stack: up to 4 MB, where a thread has 2.
    let optimized = env::var("OPT_LEVEL").is_ok_and(|level| level != "0");
    let x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    println!("cargo:rustc-check-cfg=cfg(wide_simd)");
    if optimized && x86_64 {
        println!("cargo:rustc-cfg=wide_simd");
    }
}
