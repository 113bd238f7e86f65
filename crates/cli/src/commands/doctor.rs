//! `chainrule doctor`

use crate::args::DoctorArgs;
use crate::machine::{Blas, CORETYPE, Simd};
use crate::stdout::{buffered, print_json};
use anyhow::Result;
use chainrule_core::{Purpose, Random};
use chainrule_kernels::{blas, matmul};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// (m, k, n) of the products: odd, and beyond one tile of a kernel in every direction.
const SIZES: (usize, usize, usize) = (257, 129, 65);

#[derive(Serialize)]
struct Report {
    version: &'static str,
    blas: Blas,
    rayon_threads: usize,
    simd: Simd,
    products: Vec<Product>,
    ok: bool,
}

/// A product compared with a plain one in double precision.
#[derive(Serialize)]
struct Product {
    name: &'static str,
    /// The largest difference, relative to the sum of the magnitudes of the entry's terms.
    largest_error: f64,
    /// What rounding alone can explain.
    limit: f64,
    /// Whether BLAS made it.
    by_blas: bool,
    ok: bool,
}

pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let blas = Blas::here();
    let (m, k, n) = SIZES;
    let (a, b) = (random(m, k, 0), random(k, n, 1));
    let transposed = random(k, m, 2);
    let products = vec![
        check("A B", a.view(), b.view(), blas.is_there()),
        check("transposed A, B", transposed.t(), b.view(), blas.is_there()),
    ];
    let ok = products.iter().all(|product| product.ok);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        blas,
        rayon_threads: rayon::current_num_threads(),
        simd: Simd::here(),
        products,
        ok,
    };
    if args.json {
        print_json(&report)?
    } else {
        print(&report)?
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn random(rows: usize, columns: usize, index: usize) -> Array2<f32> {
    let random = Random::new(0, Purpose::Check, index);
    Array2::from_shape_fn((rows, columns), |(i, j)| random.normal((i * columns + j) as u64) as f32)
}

/// Compares A B by the kernels with A B by the definition.
fn check(name: &'static str, a: ArrayView2<f32>, b: ArrayView2<f32>, expect_blas: bool) -> Product {
    let mut c = Array2::zeros((a.nrows(), b.ncols()));
    let calls = blas::calls();
    matmul(1.0, a, b, 0.0, c.view_mut());
    let by_blas = blas::calls() > calls;

    let mut largest_error: f64 = 0.0;
    for ((i, j), &c) in c.indexed_iter() {
        let terms = || a.row(i).into_iter().zip(b.column(j)).map(|(&a, &b)| f64::from(a) * f64::from(b));
        let (exact, magnitude) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
        let error = (f64::from(c) - exact).abs() / magnitude;
        // A NaN must not get lost in a maximum.
        largest_error = if error.is_nan() { f64::INFINITY } else { largest_error.max(error) };
    }
    // k products and k - 1 sums, each rounded once by at most half a unit in the last place.
    let limit = a.ncols() as f64 * f64::from(f32::EPSILON) / 2.0;
    let ok = largest_error <= limit && by_blas == expect_blas;
    Product { name, largest_error, limit, by_blas, ok }
}

fn print(report: &Report) -> Result<()> {
    let mut out = buffered();
    let blas = &report.blas;
    writeln!(out, "chainrule      {}", report.version)?;
    if blas.is_there() {
        let Blas { library, version, kernel, coretype, threads } = blas;
        // As OpenBLAS compares them.
        let by = match coretype {
            None => String::new(),
            Some(name) if name.eq_ignore_ascii_case(kernel) => format!(", by {CORETYPE}"),
            Some(name) => format!(", not {name} as {CORETYPE} says"),
        };
        writeln!(
            out,
            "BLAS           {library} {version}, kernel {kernel}{by}, threads per product {threads}"
        )?;
    } else {
        writeln!(out, "BLAS           none: this build computes products with ndarray, which is slower;")?;
        writeln!(out, "               build with the feature openblas-system or openblas-static")?;
    }
    writeln!(out, "rayon threads  {}", report.rayon_threads)?;
    let Simd { level, processor, build, limited } = &report.simd;
    let limit = match (*limited, level == build) {
        (false, _) => String::new(),
        (true, true) => format!(", as this build is not optimised; the processor has {processor}"),
        (true, false) => format!(", limited by CHAINRULE_SIMD; the processor has {processor}"),
    };
    writeln!(out, "SIMD           {level}{limit}")?;
    let (m, k, n) = SIZES;
    writeln!(out, "\nproducts of {m}×{k} and {k}×{n} in f32, compared with f64:")?;
    for Product { name, largest_error, limit, by_blas, ok } in &report.products {
        let by = if *by_blas { "BLAS" } else { "ndarray" };
        let verdict = if *ok { "ok" } else { "WRONG" };
        writeln!(
            out,
            "  {name:<16} by {by:<8} largest relative error {largest_error:.1e}, at most {limit:.1e}  {verdict}"
        )?;
    }
    writeln!(out, "\n{}", if report.ok { "ok" } else { "not ok" })?;
    Ok(out.flush()?)
}
