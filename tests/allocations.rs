//! Training allocates when a tape is made and not after, prediction when a scratch is made. Alone in its process, as the
//! counting allocator sees everything.

#![allow(clippy::unwrap_used)]

use chainrule::models::{Batch, Checkpoints, Every, Progress};
use chainrule::prelude::*;
use ndarray::Axis;
use std::ops::ControlFlow;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Blocks allocated by `work`, on all threads.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = dhat::HeapStats::get().total_blocks;
    work();
    dhat::HeapStats::get().total_blocks - before
}

#[test]
fn steps_and_predictions_allocate_nothing() {
    let _profiler = dhat::Profiler::builder().testing().build();
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8; 1000]))) >= 1, "the counter counts");
    let data = chainrule::data::digits();
    let indices: Vec<usize> = (0..150).collect();
    let soft = ndarray::Array2::from_elem((150, 10), 0.1_f32);
    let pool = chainrule::kernels::pool(2).unwrap();
    let paths =
        [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];
    for path in paths {
        pool.install(|| {
            let builder = Network::<f32>::builder(64).dense(40).relu().dense(10);
            let mut network = builder.softmax_by(path).build().unwrap();
            let mut tape = network.tape(150);
            let mut scratch = network.scratch(150);
            let mut optimizer = OptimizerState::new(Adam::default(), &network).unwrap();
            let labels = Targets::Classes(&data.labels()[..150]);
            let mut route = |network: &mut Network<f32>, targets: Targets<f32>| {
                let batch = Batch::new(&data, &indices, targets);
                network
                    .train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape)
                    .unwrap();
                network.predict(&data, &indices, &mut scratch).unwrap();
            };
            // Threads set up their queues, BLAS its buffers and kernels their scratch on first use, and a thread's first use may come
            // late; on a busy machine a queue of the pool may still grow now and then. A route that allocates does so in every run.
            for targets in [labels, Targets::Probabilities(soft.view())] {
                let mut run = || allocations(|| (0..20).for_each(|_| route(&mut network, targets)));
                let runs: Vec<u64> = (0..20).map(|_| run()).collect();
                assert!(runs[10..].iter().filter(|&&blocks| blocks == 0).count() > 5, "{path:?}: {runs:?}");
            }
        });
    }
    predictor_allocates_nothing(&data);
    steps_of_fit_allocate_nothing(&data);
}

/// One row at a time and many, with inputs scaled on the way.
fn predictor_allocates_nothing(data: &DataSet) {
    let builder = Classifier::<f32>::builder(64, 10).hidden(&[40]);
    let predictor = builder.scaling(data.scaling()).build().unwrap().predictor();
    let mut scratch = predictor.scratch();
    let x = ndarray::Array2::from_elem((150, 64), 3.0);
    let mut out = ndarray::Array2::zeros((150, 10));
    let mut run = || {
        allocations(|| {
            predictor.predict_proba_into(x.view(), &mut scratch, out.view_mut()).unwrap();
            for (row, out) in x.axis_chunks_iter(Axis(0), 1).zip(out.axis_chunks_iter_mut(Axis(0), 1)) {
                predictor.predict_proba_into(row, &mut scratch, out).unwrap();
            }
        })
    };
    let runs: Vec<u64> = (0..4).map(|_| run()).collect();
    assert_eq!(runs[1..], [0; 3], "{runs:?}");
}

/// The loop of `fit`, with checkpoints that are not due; writing one allocates.
fn steps_of_fit_allocate_nothing(data: &DataSet) {
    let directory = tempfile::tempdir().unwrap();
    // Blocks that are allocated between the first and the last step of each epoch.
    let run = |batch_size, epochs, every| {
        let batches = data.labels().len().div_ceil(batch_size);
        let checkpoints = Some(Checkpoints { path: directory.path().join("checkpoint"), every });
        let training = Training { epochs, batch_size, threads: 2, checkpoints, ..Training::default() };
        let mut network = Network::<f32>::builder(64).dense(40).relu().dense(10).softmax().build().unwrap();
        let mut blocks = Vec::with_capacity(epochs * batches);
        let mut count = |news: Progress| {
            if let Progress::Batch(_) = news {
                blocks.push(dhat::HeapStats::get().total_blocks);
            }
            ControlFlow::Continue(())
        };
        network.fit_with(Samples::new(data, data.targets()), None, &training, &mut count).unwrap();
        Vec::from_iter(blocks.chunks(batches).map(|blocks| blocks[batches - 1] - blocks[0]))
    };
    // As above, some epochs to warm up. On a busy machine a queue of the pool may still grow now and then; the loop would allocate
    // in each step. A batch of 600 goes in two chunks.
    for batch_size in [64, 600] {
        let epochs = run(batch_size, 20, Every::Epochs(100));
        assert!(epochs[10..].iter().filter(|&&blocks| blocks == 0).count() > 5, "{batch_size}: {epochs:?}");
    }
    assert!(run(64, 1, Every::Steps(3))[0] > 0);
}
