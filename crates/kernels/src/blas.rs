//! Which BLAS computes the products, and how often it was called.

use std::sync::atomic::{AtomicU64, Ordering};

/// The library behind [`matmul()`](crate::matmul()).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlasInfo {
    /// `"OpenBLAS"`, or `"none (ndarray)"` in a build without BLAS.
    pub library: String,
    /// The library's version; empty without BLAS.
    pub version: String,
    /// The processor that its kernels are written for, for example `"Zen"`; empty without BLAS.
    pub kernel: String,
    /// Threads that one product uses: 1.
    pub threads: usize,
}

static CALLS: AtomicU64 = AtomicU64::new(0);

/// How many products (matrix times matrix or vector) the whole process has passed to BLAS through this crate.
///
/// Tests hold with it that nothing falls back silently. In a build without BLAS it stays 0.
pub fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

#[cfg(feature = "blas")]
pub(crate) use openblas::count_product;
#[cfg(feature = "blas")]
pub use openblas::info;
#[cfg(feature = "blas")]
pub(crate) use openblas::{Operand, Product, gemm, gemm_by_rows, has_small_kernels, syrk, use_one_thread};

#[cfg(feature = "blas")]
mod openblas {
    use super::{BlasInfo, CALLS};
    use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
    use chainrule_core::{Precision, Real};
    use openblas_src as _;
    use std::ffi::{CStr, c_char, c_int};
    use std::sync::atomic::Ordering;
    use std::sync::{Once, OnceLock};

    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
        fn openblas_get_num_threads() -> c_int;
        fn openblas_get_config() -> *const c_char;
        fn openblas_get_corename() -> *const c_char;
    }

    /// Gives OpenBLAS one thread, the first time that it is called: rayon owns the parallelism, and two owners of the
    /// same cores would fight for them.
    pub(crate) fn use_one_thread() {
        static ONCE: Once = Once::new();
        // SAFETY: OpenBLAS may be told its number of threads at any time; `Once` keeps the calls from racing.
        ONCE.call_once(|| unsafe { openblas_set_num_threads(1) });
    }

    /// Name, version, kernel and threads of the BLAS in this process, as the library itself reports them.
    pub fn info() -> BlasInfo {
        use_one_thread();
        // SAFETY: both functions return a NUL-terminated string that OpenBLAS never frees.
        let (config, kernel) =
            unsafe { (CStr::from_ptr(openblas_get_config()), CStr::from_ptr(openblas_get_corename())) };
        let config = config.to_string_lossy();
        let mut words = config.split_whitespace();
        BlasInfo {
            library: words.next().unwrap_or_default().to_owned(),
            version: words.next().unwrap_or_default().to_owned(),
            kernel: kernel.to_string_lossy().into_owned(),
            // SAFETY: a plain read of a setting.
            threads: unsafe { openblas_get_num_threads() } as usize,
        }
    }

    /// Whether the library's kernels for this processor take a small product as it lies, without packing it first.
    ///
    /// OpenBLAS has such kernels (its option `SMALL_MATRIX_OPT`) for the processors with AVX-512 that it names so.
    pub(crate) fn has_small_kernels() -> bool {
        static ANSWER: OnceLock<bool> = OnceLock::new();
        *ANSWER.get_or_init(|| {
            // SAFETY: the function returns a NUL-terminated string that OpenBLAS never frees.
            let kernel = unsafe { CStr::from_ptr(openblas_get_corename()) };
            matches!(kernel.to_bytes(), b"SkylakeX" | b"Cooperlake" | b"SapphireRapids")
        })
    }

    /// Counts one product for [`calls`](super::calls).
    pub(crate) fn count_product() {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    /// A matrix as BLAS takes it: `rows` × `columns` after the transposition, row-major before it.
    #[derive(Clone, Copy)]
    pub(crate) struct Operand<F> {
        pub(crate) data: *const F,
        pub(crate) transposed: bool,
        pub(crate) leading_dimension: usize,
    }

    impl<F: Copy> Operand<F> {
        /// The part of the matrix from an entry on.
        pub(crate) fn from(&self, row: usize, column: usize) -> Self {
            let stride = self.leading_dimension;
            let offset = if self.transposed { column * stride + row } else { row * stride + column };
            // Whoever reads there vouches for it.
            Operand { data: self.data.wrapping_add(offset), ..*self }
        }

        fn transpose(&self) -> CBLAS_TRANSPOSE {
            if self.transposed { CBLAS_TRANSPOSE::CblasTrans } else { CBLAS_TRANSPOSE::CblasNoTrans }
        }
    }

    /// C ← α A B + β C, with A (m × k), B (k × n) and C (m × n) row-major, its rows `ldc` apart.
    ///
    /// Who computes it is unsafe to call: each pointer must be valid for the whole of its matrix, c for writes and without overlap with a or b.
    #[derive(Clone, Copy)]
    pub(crate) struct Product<F> {
        /// m, n and k.
        pub(crate) sizes: [usize; 3],
        pub(crate) alpha: F,
        pub(crate) a: Operand<F>,
        pub(crate) b: Operand<F>,
        pub(crate) beta: F,
        pub(crate) c: *mut F,
        pub(crate) ldc: usize,
    }

    /// The product, in one call of BLAS.
    ///
    /// # Panics
    /// If a size exceeds BLAS's integers.
    ///
    /// # Safety
    /// The pointers must be as [`Product`] says.
    pub(crate) unsafe fn gemm<F: Real>(product: Product<F>) {
        let Product { sizes, alpha, a, b, beta, c, ldc } = product;
        use_one_thread();
        let (ta, tb) = (a.transpose(), b.transpose());
        let integer = |size| c_int::try_from(size).expect("matmul: sizes that fit BLAS's integers");
        let ([m, n, k], ldc) = (sizes.map(integer), integer(ldc));
        let (lda, ldb) = (integer(a.leading_dimension), integer(b.leading_dimension));
        let row_major = CBLAS_LAYOUT::CblasRowMajor;
        // SAFETY: the caller vouches for the matrices; `Real` is sealed, so PRECISION tells what F is.
        unsafe {
            match F::PRECISION {
                Precision::Single => {
                    let (a, b, c) = (a.data.cast(), b.data.cast(), c.cast());
                    let (alpha, beta) = (alpha.as_f64() as f32, beta.as_f64() as f32);
                    cblas_sys::cblas_sgemm(row_major, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
                }
                Precision::Double => {
                    let (a, b, c) = (a.data.cast(), b.data.cast(), c.cast());
                    let (alpha, beta) = (alpha.as_f64(), beta.as_f64());
                    cblas_sys::cblas_dgemm(row_major, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
                }
            }
        }
    }

    /// C ← C + α AᵀA in the lower triangle of C, with A (rows × width) and C (width × width) row-major, and their rows as far apart as
    /// the second of each pair says.
    ///
    /// # Panics
    /// If a size exceeds BLAS's integers.
    ///
    /// # Safety
    /// Each pointer must be valid for the whole of its matrix, c for writes and without overlap with a.
    pub(crate) unsafe fn syrk<F: Real>(
        (rows, width): (usize, usize),
        alpha: F,
        (a, lda): (*const F, usize),
        (c, ldc): (*mut F, usize),
    ) {
        use cblas_sys::CBLAS_UPLO::CblasLower;
        use_one_thread();
        let integer = |size| c_int::try_from(size).expect("add_gram: sizes that fit BLAS's integers");
        let [rows, width, lda, ldc] = [rows, width, lda, ldc].map(integer);
        let (layout, transpose) = (CBLAS_LAYOUT::CblasRowMajor, CBLAS_TRANSPOSE::CblasTrans);
        // SAFETY: the caller vouches for the matrices; `Real` is sealed, so PRECISION tells what F is.
        unsafe {
            match F::PRECISION {
                Precision::Single => {
                    let (a, c, alpha) = (a.cast(), c.cast(), alpha.as_f64() as f32);
                    cblas_sys::cblas_ssyrk(
                        layout, CblasLower, transpose, width, rows, alpha, a, lda, 1.0, c, ldc,
                    );
                }
                Precision::Double => {
                    let (a, c, alpha) = (a.cast(), c.cast(), alpha.as_f64());
                    cblas_sys::cblas_dsyrk(
                        layout, CblasLower, transpose, width, rows, alpha, a, lda, 1.0, c, ldc,
                    );
                }
            }
        }
    }

    /// The product row by row, of matrices as they lie.
    ///
    /// # Panics
    /// If a size exceeds BLAS's integers.
    ///
    /// # Safety
    /// As [`gemm`].
    pub(crate) unsafe fn gemm_by_rows<F: Real>(product: Product<F>) {
        let Product { sizes: [m, n, k], alpha, a, b, beta, c, ldc } = product;
        assert!(!a.transposed && !b.transposed);
        use_one_thread();
        let integer = |size| c_int::try_from(size).expect("matmul: sizes that fit BLAS's integers");
        let ([rows, columns], ldb) = ([k, n].map(integer), integer(b.leading_dimension));
        let (layout, transpose) = (CBLAS_LAYOUT::CblasRowMajor, CBLAS_TRANSPOSE::CblasTrans);
        for i in 0..m {
            let (a, c) = (a.from(i, 0).data, c.wrapping_add(i * ldc));
            if beta == F::zero() {
                // SAFETY: the caller vouches for n numbers of this row. Whatever they are, NaN too, is not to matter.
                unsafe { std::slice::from_raw_parts_mut(c, n) }.fill(F::zero());
            }
            // SAFETY: the caller vouches for the matrices; `Real` is sealed, so PRECISION tells what F is.
            unsafe {
                match F::PRECISION {
                    Precision::Single => {
                        let (a, b, c) = (a.cast(), b.data.cast(), c.cast());
                        let (alpha, beta) = (alpha.as_f64() as f32, beta.as_f64() as f32);
                        cblas_sys::cblas_sgemv(
                            layout, transpose, rows, columns, alpha, b, ldb, a, 1, beta, c, 1,
                        );
                    }
                    Precision::Double => {
                        let (a, b, c) = (a.cast(), b.data.cast(), c.cast());
                        let (alpha, beta) = (alpha.as_f64(), beta.as_f64());
                        cblas_sys::cblas_dgemv(
                            layout, transpose, rows, columns, alpha, b, ldb, a, 1, beta, c, 1,
                        );
                    }
                }
            }
        }
    }
}

/// Says that there is no BLAS in this build.
#[cfg(not(feature = "blas"))]
pub fn info() -> BlasInfo {
    BlasInfo {
        library: "none (ndarray)".to_owned(),
        version: String::new(),
        kernel: String::new(),
        threads: 1,
    }
}
