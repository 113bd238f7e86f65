//! From logits and labels to losses and the gradient in the logits: the explicit Jacobian (stored, and row by row), the
//! closed form of its product, and fused with the loss. Forward and backward apart, per logit; in f32 and f64; on one
//! thread and on all.
//!
//! The batch is cut into tiles, of a size that depends on the shape alone, which the threads share; the Jacobian functions
//! share out their rows as well. Three paths have the forward part in common; the fused one gives losses and gradient at
//! once. A Jacobian of more than 1 GiB is not stored.
//!
//! `cargo bench --bench softmax_gradient`

use chainrule::core::{Purpose, Random, Real};
use chainrule::kernels::{
    cross_entropy, cross_entropy_backward, cross_entropy_on_logits, pool, softmax, softmax_backward,
    softmax_backward_jacobian, softmax_backward_stored_jacobian, softmax_cross_entropy,
};
use chainrule::prelude::*;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;
use std::time::Duration;

const CLASSES: [usize; 8] = [2, 8, 32, 128, 512, 2048, 8192, 32768];

/// Logits in a batch, about; two rows at least, so that two threads have work.
const LOGITS: usize = 32 * 1024;

/// Logits in a tile, about.
const TILE: usize = 4096;

const LARGEST_JACOBIAN: usize = 1 << 30;

type Backward<F> = fn(ArrayView2<F>, ArrayView2<F>, ArrayViewMut2<F>);

/// Some rows of a batch, and room for everything that is made of them.
struct Tile<F> {
    logits: Array2<F>,
    labels: Vec<usize>,
    s: Array2<F>,
    ds: Array2<F>,
    losses: Array1<F>,
    dlogits: Array2<F>,
}

impl<F: Real> Tile<F> {
    fn new(rows: Range<usize>, classes: usize) -> Self {
        let random = Random::new(0, Purpose::Generate, 0);
        let logit = |(i, j)| F::of(random.normal(((rows.start + i) * classes + j) as u64));
        let logits = Array2::from_shape_fn((rows.len(), classes), logit);
        let (s, ds, dlogits) = (logits.clone(), logits.clone(), logits.clone());
        let losses = Array1::zeros(rows.len());
        let labels = rows.map(|row| row % classes).collect();
        let mut tile = Tile { logits, labels, s, ds, losses, dlogits };
        // What goes back needs probabilities, also if a filter leaves the forward part out.
        tile.forward();
        tile
    }

    fn forward(&mut self) {
        softmax(self.logits.view(), self.s.view_mut());
        let targets = Targets::Classes(&self.labels);
        cross_entropy(self.s.view(), targets, Default::default(), self.losses.view_mut());
    }

    fn backward(&mut self, through_softmax: Backward<F>) {
        let targets = Targets::Classes(&self.labels);
        cross_entropy_backward(self.s.view(), targets, Default::default(), F::one(), self.ds.view_mut());
        through_softmax(self.s.view(), self.ds.view(), self.dlogits.view_mut());
    }

    fn loss_of_logits(&mut self) {
        let targets = Targets::Classes(&self.labels);
        cross_entropy_on_logits(self.logits.view(), targets, Default::default(), self.losses.view_mut());
    }

    fn fused(&mut self) {
        softmax_cross_entropy(
            self.logits.view(),
            Targets::Classes(&self.labels),
            Default::default(),
            F::one(),
            self.losses.view_mut(),
            self.dlogits.view_mut(),
        );
    }
}

fn paths<F: Real>(group: &mut BenchmarkGroup<WallTime>, pool: &ThreadPool, classes: usize) {
    let (batch, rows) = ((LOGITS / classes).max(2), (TILE / classes).max(1));
    let starts = (0..batch).step_by(rows);
    let mut tiles: Vec<_> =
        starts.map(|start| Tile::<F>::new(start..batch.min(start + rows), classes)).collect();
    group.throughput(Throughput::Elements((batch * classes) as u64));
    let mut bench = |name: &str, part: &(dyn Fn(&mut Tile<F>) + Sync)| {
        group.bench_function(BenchmarkId::new(name, classes), |bencher| {
            pool.install(|| {
                bencher.iter(|| tiles.par_iter_mut().with_max_len(1).for_each(part));
            });
        });
    };
    bench("forward", &Tile::forward);
    if classes * classes * F::BYTES <= LARGEST_JACOBIAN {
        bench("backward, stored Jacobian", &|tile| tile.backward(softmax_backward_stored_jacobian));
    }
    bench("backward, Jacobian by rows", &|tile| tile.backward(softmax_backward_jacobian));
    bench("backward, closed form", &|tile| tile.backward(softmax_backward));
    bench("forward, losses from logits", &Tile::loss_of_logits);
    bench("both, fused", &Tile::fused);
}

fn softmax_gradient(criterion: &mut Criterion) {
    for (threads, name) in [(1, "one thread"), (0, "all threads")] {
        for precision in [f32::NAME, f64::NAME] {
            let mut group = criterion.benchmark_group(format!("softmax_gradient, {precision}, {name}"));
            group.sample_size(10);
            group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
            // Each size has a pool of its own, so that a large Jacobian's memory goes with its threads.
            for classes in CLASSES {
                let pool = pool(threads).expect("threads");
                match precision {
                    f64::NAME => paths::<f64>(&mut group, &pool, classes),
                    _ => paths::<f32>(&mut group, &pool, classes),
                }
            }
            group.finish();
        }
    }
}

criterion_group!(benches, softmax_gradient);
criterion_main!(benches);
