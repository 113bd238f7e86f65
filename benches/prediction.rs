//! Predictions by 784-128-128-10, f32, on one thread: one row at a time, 16 and 1,024 in a call, by the
//! network within a pool and by a predictor.
//!
//! `cargo bench --bench prediction`

use chainrule::core::{Purpose, Random};
use chainrule::kernels::pool;
use chainrule::prelude::*;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;

fn prediction(criterion: &mut Criterion) {
    let builder = Network::<f32>::builder(784).dense(128).relu().dense(128).relu().dense(10).softmax();
    let network = builder.build().expect("a network");
    let random = Random::new(0, Purpose::Generate, 0);
    let mut group = criterion.benchmark_group("prediction");
    for rows in [1, 16, 1024] {
        let x = Array2::from_shape_fn((rows, 784), |(i, j)| random.uniform((i * 784 + j) as u64) as f32);
        let indices: Vec<usize> = (0..rows).collect();
        let mut scratch = network.scratch(rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(format!("{rows} rows"), |bencher| {
            pool(1).expect("a thread").install(|| {
                bencher.iter(|| network.predict(&x, &indices, &mut scratch).expect("rows that fit")[[0, 0]]);
            });
        });
    }
    predictor(&mut group);
    group.finish();
}

/// The same network as a [`Predictor`](chainrule::models::Predictor), raw inputs scaled on the way, on the thread that calls.
fn predictor(group: &mut BenchmarkGroup<WallTime>) {
    let builder = Classifier::<f32>::builder(784, 10).hidden(&[128, 128]);
    let scaling = Scaling::from_range(0.0, 255.0).expect("a range");
    let predictor = builder.scaling(&scaling).build().expect("a classifier").predictor();
    let random = Random::new(0, Purpose::Generate, 0);
    for rows in [1, 16, 1024] {
        let x =
            Array2::from_shape_fn((rows, 784), |(i, j)| 255.0 * random.uniform((i * 784 + j) as u64) as f32);
        let (mut scratch, mut out) = (predictor.scratch(), Array2::zeros((rows, 10)));
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(format!("predictor, {rows} rows"), |bencher| {
            bencher.iter(|| {
                predictor.predict_proba_into(x.view(), &mut scratch, out.view_mut()).expect("rows that fit");
                out[[0, 0]]
            });
        });
    }
}

criterion_group!(benches, prediction);
criterion_main!(benches);
