//! Matrix products at the shapes of training, through BLAS on one thread: floating-point operations a second, beside those of
//! a large square.
//!
//! `cargo bench --bench matmul`

use chainrule::core::{Purpose, Random, Real};
use chainrule::kernels::{batched_matmul, matmul};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Array3, ArrayView2};
use std::time::Duration;

fn random<F: Real>(rows: usize, columns: usize) -> Array2<F> {
    let random = Random::new(0, Purpose::Generate, 0);
    Array2::from_shape_fn((rows, columns), |(i, j)| F::of(random.uniform((i * columns + j) as u64) - 0.5))
}

/// Which of A and B lies transposed in memory.
#[derive(Clone, Copy, Debug)]
enum Transposed {
    Neither,
    A,
    B,
}
use Transposed::{A, B, Neither};

/// What it is, then (m, n, k): C is (m, n).
const SHAPES: [(&str, [usize; 3], Transposed); 19] = [
    ("large square", [2048, 2048, 2048], Neither),
    ("forward", [64, 128, 784], Neither),
    ("forward", [16, 128, 784], Neither),
    ("forward", [64, 128, 128], Neither),
    ("forward", [64, 1024, 784], Neither),
    ("forward", [64, 1024, 1024], Neither),
    ("forward", [64, 300, 100], Neither),
    ("logits", [64, 10, 128], Neither),
    ("logits", [64, 10, 1024], Neither),
    ("back to the inputs", [64, 128, 128], B),
    ("back to the inputs", [16, 128, 128], B),
    ("back to the inputs", [64, 1024, 1024], B),
    ("back to the inputs", [64, 300, 100], B),
    ("back to the inputs", [64, 128, 10], B),
    ("back to the parameters", [120, 128, 128], A),
    ("back to the parameters", [120, 128, 32], A),
    ("back to the parameters", [24, 1024, 128], A),
    ("back to the parameters", [60, 300, 4096], A),
    ("back to the parameters", [128, 10, 128], A),
];

fn products<F: Real>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("matmul, {}", F::NAME));
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    for (name, [m, n, k], transposed) in SHAPES {
        let stored =
            |rows, columns, turned| if turned { random::<F>(columns, rows) } else { random(rows, columns) };
        let (a_turned, b_turned) = (matches!(transposed, A), matches!(transposed, B));
        let (a, b, mut c) = (stored(m, k, a_turned), stored(k, n, b_turned), random(m, n));
        fn view<F>(matrix: &Array2<F>, turned: bool) -> ArrayView2<'_, F> {
            if turned { matrix.t() } else { matrix.view() }
        }
        group.throughput(Throughput::Elements(2 * (m * n * k) as u64));
        group.bench_function(
            BenchmarkId::new(name, format!("{m}×{n}×{k}, transposed: {transposed:?}")),
            |bencher| {
                bencher.iter(|| {
                    matmul(F::one(), view(&a, a_turned), view(&b, b_turned), F::zero(), c.view_mut())
                });
            },
        );
    }
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batched_matmul");
    for size in [16, 64, 256] {
        let batch = 64;
        let stack = || Array3::<f32>::from_elem((batch, size, size), 0.5);
        let (a, b, mut c) = (stack(), stack(), stack());
        group.throughput(Throughput::Elements(2 * (batch * size * size * size) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{batch} × {size}³")), |bencher| {
            bencher.iter(|| batched_matmul(a.view(), b.view(), c.view_mut()));
        });
    }
    group.finish();
}

criterion_group!(benches, products::<f32>, products::<f64>, batches);
criterion_main!(benches);
