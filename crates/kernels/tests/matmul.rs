//! The products against a naive product in f64: every layout, every coefficient, and many at once.

use chainrule_core::{Purpose, Random, Real};
use chainrule_kernels::{batched_matmul, batched_matmul_shared, blas, matmul};
use ndarray::{Array2, Array3, ArrayView2, Axis, Slice};
use proptest::prelude::*;
use rayon::prelude::*;

fn random<F: Real>(rows: usize, columns: usize, seed: u64) -> Array2<F> {
    let random = Random::new(seed, Purpose::Check, 0);
    Array2::from_shape_fn((rows, columns), |(i, j)| F::of(random.uniform((i * columns + j) as u64) - 0.5))
}

fn naive<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| {
        (0..a.ncols()).map(|k| a[[i, k]].as_f64() * b[[k, j]].as_f64()).sum()
    })
}

/// How a test lays a matrix out in memory.
#[derive(Clone, Copy, Debug)]
enum Layout {
    RowMajor,
    Transposed,
    ColumnsOfWider,
    EveryOtherColumn,
    Reversed,
}

fn layouts() -> impl Strategy<Value = Layout> {
    use Layout::*;
    prop::sample::select(vec![RowMajor, Transposed, ColumnsOfWider, EveryOtherColumn, Reversed])
}

/// A matrix together with the memory around it, to view and to see what was written.
struct Laid<F> {
    memory: Array2<F>,
    layout: Layout,
}

impl<F: Real> Laid<F> {
    fn new(matrix: &Array2<F>, layout: Layout) -> Self {
        let (rows, columns) = matrix.dim();
        let memory_shape = match layout {
            Layout::RowMajor | Layout::Reversed => (rows, columns),
            Layout::Transposed => (columns, rows),
            Layout::ColumnsOfWider => (rows, columns + 3),
            Layout::EveryOtherColumn => (rows, 2 * columns),
        };
        let mut laid = Laid { memory: Array2::from_elem(memory_shape, F::of(7.0)), layout };
        laid.view_mut().assign(matrix);
        laid
    }

    fn view_mut(&mut self) -> ndarray::ArrayViewMut2<'_, F> {
        let columns = self.memory.ncols();
        let view = self.memory.view_mut();
        match self.layout {
            Layout::RowMajor => view,
            Layout::Transposed => view.reversed_axes(),
            Layout::ColumnsOfWider => view.split_at(Axis(1), 1).1.split_at(Axis(1), columns - 3).0,
            Layout::EveryOtherColumn => {
                let mut view = view;
                view.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
                view
            }
            Layout::Reversed => {
                let mut view = view;
                view.invert_axis(Axis(0));
                view
            }
        }
    }
}

fn compare<F: Real>(sizes: [usize; 3], layouts: [Layout; 3], alpha: f64, beta: f64, seed: u64) {
    let [m, n, k] = sizes;
    let (a, b, c) = (random::<F>(m, k, seed), random::<F>(k, n, seed + 1), random::<F>(m, n, seed + 2));
    let expected = naive(a.view(), b.view()) * alpha + c.mapv(|c| c.as_f64()) * beta;
    // With β = 0 the old contents must not matter.
    let old = if beta == 0.0 { Array2::from_elem((m, n), F::nan()) } else { c };
    let (mut a, mut b, mut c) =
        (Laid::new(&a, layouts[0]), Laid::new(&b, layouts[1]), Laid::new(&old, layouts[2]));
    let (a, b) = (a.view_mut(), b.view_mut());
    matmul(F::of(alpha), a.view(), b.view(), F::of(beta), c.view_mut());
    let tolerance = 4.0 * F::epsilon().as_f64() * (k as f64 + 2.0);
    ndarray::Zip::from(c.view_mut()).and(&expected).for_each(|&mut c, &expected| {
        assert!((c.as_f64() - expected).abs() <= tolerance, "{sizes:?} {layouts:?}: {c} is not {expected}");
    });
    if let Layout::ColumnsOfWider = layouts[2] {
        let around = c.memory.column(0).iter().chain(c.memory.column(n + 1)).copied().collect::<Vec<F>>();
        assert!(around.iter().all(|&x| x == F::of(7.0)), "written beside C");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_layout_gives_the_naive_product(
        m in 0_usize..20, n in 0_usize..20, k in 0_usize..20,
        a in layouts(), b in layouts(), c in layouts(),
        alpha in prop::sample::select(vec![1.0, -0.5, 0.0]),
        beta in prop::sample::select(vec![0.0, 1.0, -2.0]),
        seed in 0_u64..1000,
    ) {
        compare::<f32>([m, n, k], [a, b, c], alpha, beta, seed);
        compare::<f64>([m, n, k], [a, b, c], alpha, beta, seed);
    }
}

/// Rows of 512 bytes go by halves, one of which is multiplied by 0 while the other counts.
fn check_what_is_infinite<F: Real>(n: usize) {
    let (k, bad) = (100, [(3, 1, F::infinity()), (50, n / 2, F::nan()), (99, n - 1, F::neg_infinity())]);
    let (a, finite) = (random::<F>(1, k, 1), random::<F>(k, n, 2));
    let mut b = finite.clone();
    bad.into_iter().for_each(|(row, column, x)| b[[row, column]] = x);
    let (mut c, mut expected) = (random::<F>(1, n, 3), random::<F>(1, n, 3));
    matmul(F::one(), a.view(), b.view(), F::one(), c.view_mut());
    matmul(F::one(), a.view(), finite.view(), F::one(), expected.view_mut());
    for (column, (c, expected)) in c.iter().zip(&expected).enumerate() {
        let is_bad = bad.iter().any(|&(_, of, _)| of == column);
        let apart = (c.as_f64() - expected.as_f64()).abs();
        assert!(if is_bad { !c.is_finite() } else { apart < 1e-4 }, "{} column {column}: {c}", F::NAME);
    }
}

#[test]
fn what_is_infinite_stays_in_its_column() {
    check_what_is_infinite::<f32>(128);
    check_what_is_infinite::<f64>(64);
}

#[test]
fn large_products_are_right_too() {
    use Layout::*;
    // A and C turned round (of a transposed B, and of a B of long rows), in whole and in part; several pieces every way; too large to cut.
    for sizes in [
        [64, 128, 784],
        [784, 128, 64],
        [1, 10, 128],
        [1, 300, 100],
        [1, 1000, 784],
        // Rows of B that are two pieces long; a few rows of A.
        [1, 128, 784],
        [1, 64, 200],
        [2, 128, 300],
        [3, 70, 90],
        [7, 64, 100],
        [128, 1, 300],
        [33, 257, 65],
        [20, 100, 90],
        [70, 300, 200],
        [24, 70, 600],
        [100, 150, 1100],
        [300, 40, 520],
        [64, 600, 170],
        [96, 1030, 300],
        // Of a transposed B: a part of a register, whole ones, and some and a part; and those that OpenBLAS takes as they lie.
        [1, 1030, 990],
        [5, 300, 33],
        [8, 160, 17],
        [12, 128, 90],
        [24, 64, 70],
        [50, 90, 129],
        [60, 256, 64],
        [16, 70, 40],
    ] {
        for layouts in [
            [RowMajor; 3],
            [Transposed, RowMajor, ColumnsOfWider],
            [ColumnsOfWider, Transposed, Transposed],
            [ColumnsOfWider, Transposed, ColumnsOfWider],
        ] {
            compare::<f32>(sizes, layouts, 1.0, 1.0, 5);
            compare::<f64>(sizes, layouts, 1.0, 0.0, 6);
        }
        compare::<f32>(sizes, [ColumnsOfWider; 3], 1.5, 0.0, 7);
        compare::<f64>(sizes, [ColumnsOfWider; 3], 1.5, -0.5, 8);
    }
}

#[test]
fn products_of_many_tasks_at_once_do_not_disturb_each_other() {
    let pool = chainrule_kernels::pool(8).expect("threads");
    pool.install(|| {
        (0..2000_u64).into_par_iter().for_each(|task| {
            let [m, n, k] = [7, 11, 5].map(|step| 1 + (task as usize * step) % 61);
            use Layout::*;
            let layout = [RowMajor, Transposed, ColumnsOfWider][task as usize % 3];
            compare::<f32>([m, n, k], [layout, RowMajor, RowMajor], 1.0, 0.0, task);
            compare::<f64>([m, n, k], [RowMajor, layout, RowMajor], 1.0, 1.0, task);
        });
    });
}

#[test]
fn batches_are_their_products_one_by_one() {
    for (batch, m, n, k) in [(1, 1, 1, 1), (5, 3, 4, 2), (300, 7, 2, 9), (0, 2, 2, 2), (3, 0, 2, 2)] {
        let stack = |rows, columns, seed| {
            let mut stack = Array3::<f64>::zeros((batch, rows, columns));
            for (i, mut matrix) in stack.outer_iter_mut().enumerate() {
                matrix.assign(&random(rows, columns, seed + i as u64));
            }
            stack
        };
        let (a, b) = (stack(m, k, 0), stack(k, n, 1000));
        let shared = random::<f64>(k, n, 5000);
        let mut separate = Array3::from_elem((batch, m, n), f64::NAN);
        batched_matmul(a.view(), b.view(), separate.view_mut());
        let mut tall = Array3::from_elem((batch, m, n), f64::NAN);
        batched_matmul_shared(a.view(), shared.view(), tall.view_mut());
        // The same rows once more, where they do not lie as one tall matrix.
        let mut wide = Array3::from_elem((batch, m, 2 * n), f64::NAN);
        let (mut left, _) = wide.view_mut().split_at(Axis(2), n);
        batched_matmul_shared(a.view(), shared.view(), left.view_mut());
        for i in 0..batch {
            let a = a.index_axis(Axis(0), i);
            let close = |c: ArrayView2<f64>, b: ArrayView2<f64>| {
                (&c - &naive(a, b)).iter().all(|difference| difference.abs() < 1e-14)
            };
            assert!(close(separate.index_axis(Axis(0), i), b.index_axis(Axis(0), i)));
            assert!(close(tall.index_axis(Axis(0), i), shared.view()));
            assert!(close(left.index_axis(Axis(0), i), shared.view()));
        }
    }
}

#[test]
#[should_panic(expected = "matmul: A is (2, 3), B is (2, 3)")]
fn shapes_that_do_not_agree_panic() {
    let (a, mut c) = (random::<f32>(2, 3, 0), random::<f32>(2, 3, 0));
    matmul(1.0, a.view(), a.view(), 0.0, c.view_mut());
}

#[test]
#[cfg(feature = "blas")]
fn blas_has_one_thread() {
    let mut c = random::<f32>(2, 2, 0);
    matmul(1.0, random(2, 2, 1).view(), random(2, 2, 2).view(), 0.0, c.view_mut());
    let info = blas::info();
    assert_eq!((info.library.as_str(), info.threads), ("OpenBLAS", 1));
    assert!(info.version.starts_with(|c: char| c.is_ascii_digit()), "{info:?}");
    assert!(!info.kernel.is_empty());
}
