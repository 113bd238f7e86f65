//! Says so when the matrix products will not be BLAS's.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_BLAS").is_none() {
        println!(
            "cargo:warning=chainrule is built without BLAS: matrix products are ndarray's own; \
             enable the feature openblas-system (needs libopenblas) or openblas-static"
        );
    }
}
