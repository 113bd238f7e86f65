//! From logits and labels to the gradient in the logits: the explicit Jacobian (stored, and row by row), the closed form,
//! and fused with the loss. All do the same work: softmax, losses, gradient. Single precision, on one thread, per logit.
//!
//! `cargo bench --bench softmax_gradient`

use chainrule::core::{Purpose, Random};
use chainrule::kernels::{
    cross_entropy, cross_entropy_backward, pool, softmax, softmax_backward, softmax_backward_jacobian,
    softmax_backward_stored_jacobian, softmax_cross_entropy,
};
use chainrule::prelude::*;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};

type Backward = fn(ArrayView2<f32>, ArrayView2<f32>, ArrayViewMut2<f32>);

const SEPARATE: [(&str, Backward); 3] = [
    ("stored Jacobian", softmax_backward_stored_jacobian),
    ("Jacobian row by row", softmax_backward_jacobian),
    ("closed form", softmax_backward),
];

/// Logits in a batch, about.
const LOGITS: usize = 16 * 1024;

fn softmax_gradient(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("softmax_gradient");
    let pool = pool(1).expect("one thread");
    for classes in [2, 10, 100, 1000] {
        let rows = LOGITS / classes;
        let random = Random::new(0, Purpose::Generate, 0);
        let logits =
            Array2::from_shape_fn((rows, classes), |(i, j)| random.normal((i * classes + j) as u64) as f32);
        let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
        let (targets, scale) = (Targets::Classes(&labels), 1.0 / rows as f32);
        let (mut s, mut ds, mut dlogits) = (logits.clone(), logits.clone(), logits.clone());
        let mut losses = Array1::zeros(rows);
        group.throughput(Throughput::Elements((rows * classes) as u64));
        for (name, backward) in SEPARATE {
            group.bench_function(BenchmarkId::new(name, classes), |bencher| {
                pool.install(|| {
                    bencher.iter(|| {
                        softmax(logits.view(), s.view_mut());
                        cross_entropy(s.view(), targets, Default::default(), losses.view_mut());
                        cross_entropy_backward(s.view(), targets, Default::default(), scale, ds.view_mut());
                        backward(s.view(), ds.view(), dlogits.view_mut());
                    });
                });
            });
        }
        group.bench_function(BenchmarkId::new("fused", classes), |bencher| {
            bencher.iter(|| {
                softmax_cross_entropy(
                    logits.view(),
                    targets,
                    Default::default(),
                    scale,
                    losses.view_mut(),
                    dlogits.view_mut(),
                );
            });
        });
    }
    group.finish();
}

criterion_group!(benches, softmax_gradient);
criterion_main!(benches);
