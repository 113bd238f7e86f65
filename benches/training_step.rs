//! One training step of 784-128-128-10 on random numbers: 128 rows, Adam. By the joint step on one and on two threads, by
//! the explicit route, and by each gradient path.
//!
//! `cargo bench --bench training_step`

use chainrule::core::{Purpose, Random};
use chainrule::kernels::pool;
use chainrule::models::Batch;
use chainrule::prelude::*;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;

const ROWS: usize = 128;
const LOSS: CategoricalCrossEntropy = CategoricalCrossEntropy::new();

fn network(path: GradientPath) -> Network<f32> {
    let builder = Network::builder(784).dense(128).relu().dense(128).relu().dense(10);
    builder.softmax_by(path).build().expect("a network")
}

fn training_step(criterion: &mut Criterion) {
    let random = Random::new(0, Purpose::Generate, 0);
    let x = Array2::from_shape_fn((ROWS, 784), |(i, j)| random.uniform((i * 784 + j) as u64) as f32);
    let (indices, labels) = (Vec::from_iter(0..ROWS), Vec::from_iter((0..ROWS).map(|row| row % 10)));
    let targets = Targets::Classes(&labels);

    let mut group = criterion.benchmark_group("training_step");
    group.throughput(Throughput::Elements(ROWS as u64));
    let joint = [
        ("fused, 1 thread", GradientPath::Fused, 1),
        ("fused, 2 threads", GradientPath::Fused, 2),
        ("product, 2 threads", GradientPath::Product, 2),
        ("jacobian, 2 threads", GradientPath::Jacobian, 2),
        ("stored jacobian, 2 threads", GradientPath::StoredJacobian, 2),
    ];
    for (name, path, threads) in joint {
        let mut network = network(path);
        let mut tape = network.tape(ROWS);
        let mut optimizer = OptimizerState::new(Adam::default(), &network).expect("settings in range");
        let batch = Batch::new(&x, &indices, targets);
        group.bench_function(name, |bencher| {
            pool(threads).expect("threads").install(|| {
                bencher.iter(|| network.train_step(batch, &LOSS, &mut optimizer, &mut tape).expect("a step"));
            });
        });
    }
    let mut network = network(GradientPath::Fused);
    let mut tape = network.tape(ROWS);
    let mut optimizer = OptimizerState::new(Adam::default(), &network).expect("settings in range");
    group.bench_function("explicit route, 2 threads", |bencher| {
        pool(2).expect("threads").install(|| {
            bencher.iter(|| {
                let pass = network.forward(x.view(), &mut tape).expect("inputs that fit");
                let (loss, gradient) = pass.backward(&LOSS, targets).expect("targets that fit");
                optimizer.step(network.parameters_mut(), gradient).expect("a step");
                loss
            });
        });
    });
    group.finish();
}

criterion_group!(benches, training_step);
criterion_main!(benches);
