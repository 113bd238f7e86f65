//! One product of a softmax regression's Hessian with a vector, beside the least that memory allows: reading the inputs once.
//!
//! The throughput is that of the inputs' bytes; "reading" adds them up, on the same threads, and does nothing else. f64 and f32, from
//! an array, and bytes that are scaled on the way; 784 inputs and 10 classes as Fashion-MNIST has, 32 inputs, and 1,000 classes.
//!
//! `cargo bench --bench hessian_product`

use chainrule::core::{Purpose, Random, Real, Rows, Scaling};
use chainrule::data::{DataSet, Description};
use chainrule::models::SoftmaxObjective;
use chainrule::prelude::*;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Duration;

const SHAPES: [(usize, usize, usize); 3] = [(20_000, 784, 10), (200_000, 32, 10), (4_000, 784, 1000)];

fn numbers<F: Real>(rows: usize, columns: usize) -> Array2<F> {
    let number =
        |i: usize| F::of(Random::new(0, Purpose::Generate, i / columns).uniform((i % columns) as u64));
    let numbers = (0..rows * columns).into_par_iter().map(number).collect();
    Array2::from_shape_vec((rows, columns), numbers).expect("rows times columns")
}

fn product<F: Real>(
    group: &mut BenchmarkGroup<WallTime>,
    name: &str,
    rows: &dyn Rows<F>,
    classes: usize,
    bytes: usize,
) {
    let labels: Vec<usize> = (0..rows.len()).map(|i| i % classes).collect();
    let samples = Samples::new(rows, Targets::Classes(&labels));
    let mut objective = SoftmaxObjective::new(samples, classes, 1.0).expect("finite rows");
    let v = numbers::<f64>(classes, rows.width() + 1);
    objective.evaluate((&v * 0.1).view()).expect("finite rows");
    group.throughput(Throughput::Bytes(bytes as u64));
    let shape = format!("{}x{}x{classes}", rows.len(), rows.width());
    group.bench_function(BenchmarkId::new(name, shape), |bencher| {
        bencher.iter(|| objective.hessian_product(black_box(v.view())).expect("finite rows"));
    });
}

fn reading<F: Real>(group: &mut BenchmarkGroup<WallTime>, x: &Array2<F>) {
    let numbers = x.as_slice().expect("a standard layout");
    group.throughput(Throughput::Bytes(size_of_val(numbers) as u64));
    let id = BenchmarkId::new(format!("reading {}", F::NAME), format!("{}x{}", x.nrows(), x.ncols()));
    group.bench_function(id, |bencher| {
        // Many sums side by side, so that memory and not the chain of additions is the limit.
        let sum = |numbers: &[F]| {
            let mut sums = [F::zero(); 64];
            for chunk in numbers.chunks_exact(64) {
                sums.iter_mut().zip(chunk).for_each(|(sum, &x)| *sum += x);
            }
            sums.iter().map(|sum| sum.as_f64()).sum::<f64>()
        };
        bencher.iter(|| black_box(numbers).par_chunks(1 << 16).map(sum).sum::<f64>());
    });
}

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hessian_product");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (rows, inputs, classes) in SHAPES {
        let double = numbers::<f64>(rows, inputs);
        reading(&mut group, &double);
        product(&mut group, "f64", &double, classes, 8 * rows * inputs);
        let single = double.mapv(|x| x as f32);
        reading(&mut group, &single);
        product(&mut group, "f32", &single, classes, 4 * rows * inputs);
        let bytes = double.iter().map(|x| (x * 255.0) as u8).collect();
        let description = Description {
            name: "bytes".to_owned(),
            class_names: vec!["one".to_owned()],
            scaling: Scaling::IDENTITY,
            image_shape: None,
        };
        let pixels = DataSet::from_bytes(description, bytes, inputs, vec![0; rows]).expect("whole rows");
        let pixels: &dyn Rows<f64> = &pixels;
        let scaling = Scaling::new(0.0, 1.0 / 255.0).expect("a factor above 0");
        product(&mut group, "f64 from bytes", &scaling.of(pixels), classes, rows * inputs);
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
