//! Matrix products at the shapes of training, through BLAS on one thread: floating-point operations a second.
//!
//! `cargo bench --bench matmul`

use chainrule::core::{Purpose, Random};
use chainrule::kernels::{batched_matmul, matmul};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Array3};

fn random(rows: usize, columns: usize) -> Array2<f32> {
    let random = Random::new(0, Purpose::Generate, 0);
    Array2::from_shape_fn((rows, columns), |(i, j)| random.uniform((i * columns + j) as u64) as f32 - 0.5)
}

/// (m, n, k), and what it is.
const SHAPES: [(usize, usize, usize, &str); 5] = [
    (64, 128, 784, "tile forward"),
    (64, 128, 128, "tile forward, hidden"),
    (112, 128, 128, "block gradient"),
    (128, 10, 128, "logits"),
    (1024, 1024, 1024, "large square"),
];

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul");
    for (m, n, k, name) in SHAPES {
        let (a, b, mut c) = (random(m, k), random(k, n), random(m, n));
        let at = random(k, m);
        group.throughput(Throughput::Elements(2 * (m * n * k) as u64));
        group.bench_function(BenchmarkId::new(name, format!("{m}×{n}×{k}")), |bencher| {
            bencher.iter(|| matmul(1.0, a.view(), b.view(), 0.0, c.view_mut()));
        });
        group.bench_function(BenchmarkId::new(name, format!("{m}×{n}×{k}, A transposed")), |bencher| {
            bencher.iter(|| matmul(1.0, at.t(), b.view(), 0.0, c.view_mut()));
        });
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

criterion_group!(benches, products, batches);
criterion_main!(benches);
