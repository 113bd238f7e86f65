//! Fused softmax and cross-entropy, losses and gradient in the logits, on one thread: few classes, a thousand, and many; with labels, smoothed labels and soft
//! targets.
//!
//! `cargo bench --bench softmax_cross_entropy`, with `CHAINRULE_SIMD=avx2` or `portable` for the other kernels.

use chainrule::core::{Purpose, Random, Real};
use chainrule::kernels::{CrossEntropyOptions, softmax_cross_entropy};
use chainrule::prelude::*;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array1, Array2};
use std::time::Duration;

/// (rows, classes)
const SHAPES: [(usize, usize); 8] =
    [(4096, 2), (4096, 10), (4096, 17), (1024, 100), (1024, 300), (1024, 1000), (256, 10_000), (32, 131_072)];

fn at_shapes<F: Real>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("softmax_cross_entropy, {}", F::NAME));
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    for (rows, classes) in SHAPES {
        let random = Random::new(0, Purpose::Generate, 0);
        let logits =
            Array2::from_shape_fn((rows, classes), |(i, j)| F::of(random.normal((i * classes + j) as u64)));
        let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
        let soft = Array2::from_elem((rows, classes), F::of(1.0 / classes as f64));
        let smoothed = CrossEntropyOptions { label_smoothing: 0.1, ..Default::default() };
        let (mut losses, mut dlogits) = (Array1::zeros(rows), Array2::zeros((rows, classes)));
        let scale = F::of(1.0 / rows as f64);
        group.throughput(Throughput::Elements((rows * classes) as u64));
        for (name, targets, options) in [
            ("labels", Targets::Classes(&labels), Default::default()),
            ("smoothed labels", Targets::Classes(&labels), smoothed),
            ("soft targets", Targets::Probabilities(soft.view()), Default::default()),
        ] {
            group.bench_function(BenchmarkId::new(name, format!("{rows}x{classes}")), |bencher| {
                bencher.iter(|| {
                    let (losses, dlogits) = (losses.view_mut(), dlogits.view_mut());
                    softmax_cross_entropy(logits.view(), targets, options, scale, losses, dlogits);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, at_shapes::<f32>, at_shapes::<f64>);
criterion_main!(benches);
