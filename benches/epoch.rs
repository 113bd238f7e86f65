//! One epoch of training on 60,000 made-up images of 28×28 bytes, f32, Adam, on one thread and on two.
//!
//! `cargo bench --bench epoch`

use chainrule::core::{Purpose, Random, Scaling};
use chainrule::data::Description;
use chainrule::prelude::*;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;

const ROWS: usize = 60_000;
const PIXELS: usize = 784;

fn images() -> DataSet {
    let random = Random::new(0, Purpose::Generate, 0);
    let mut bytes = vec![0; ROWS * PIXELS];
    // One draw for every eight bytes; half of the pixels are 0, as in pictures of things.
    for (i, bytes) in bytes.chunks_mut(8).enumerate() {
        bytes.copy_from_slice(
            &random.uniform(i as u64).to_bits().wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes(),
        );
        bytes.iter_mut().filter(|byte| **byte < 128).for_each(|byte| *byte = 0);
    }
    let description = Description {
        name: "made up".into(),
        class_names: (0..10).map(|class| class.to_string()).collect(),
        scaling: Scaling::from_range(0.0, 255.0).expect("a range"),
        image_shape: Some((28, 28)),
    };
    let labels = (0..ROWS).map(|row| row % 10).collect();
    DataSet::from_bytes(description, bytes, PIXELS, labels).expect("rows and labels that fit")
}

fn epoch(criterion: &mut Criterion) {
    let data = images();
    let mut group = criterion.benchmark_group("epoch");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(ROWS as u64));
    for batch_size in [32, 128, 1024] {
        for threads in [1, 2] {
            let training = Training { epochs: 1, batch_size, threads, ..Training::default() };
            let classifier = || {
                let builder =
                    Classifier::<f32>::builder(PIXELS, 10).hidden(&[128, 128]).scaling(data.scaling());
                builder.build().expect("a classifier")
            };
            group.bench_function(
                format!("784-128-128-10, batch {batch_size}, threads {threads}"),
                |bencher| {
                    bencher.iter_batched(
                        classifier,
                        |mut classifier| {
                            classifier.fit(Samples::new(&data, data.targets()), &training).expect("an epoch")
                        },
                        BatchSize::LargeInput,
                    );
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, epoch);
criterion_main!(benches);
