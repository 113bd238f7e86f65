use crate::rows::{assert_same_shape, row, row_mut};
use chainrule_core::{Random, Real};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Inverted dropout: y ← x / (1 - rate) where the number's draw lets it through, which it does with the probability 1 - rate,
/// else 0. Shapes: all (rows, width).
///
/// The draws are a function of `random`, of the row's place in the batch (`first_row` is that of the first) and of the
/// column: tiles, threads and machines do not matter. Of itself it is also the backward: dx is [`dropout`] of dy with the same
/// draws. Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
///
/// # Panics
/// If the shapes differ, or the rate is not in \[0, 1).
#[track_caller]
pub fn dropout<F: Real>(
    rate: f64,
    random: Random,
    first_row: usize,
    x: ArrayView2<F>,
    mut y: ArrayViewMut2<F>,
) {
    assert!((0.0..1.0).contains(&rate), "dropout: the rate is {rate}, expected at least 0 and below 1");
    assert_same_shape("dropout", "y", y.dim(), x.dim());
    let factor = F::of(1.0 / (1.0 - rate));
    // A draw is 32 bits; so are the probabilities' steps.
    let dropped = (rate * 2.0_f64.powi(32)) as u64;
    let blocks = x.ncols().div_ceil(4) as u64;
    for i in 0..x.nrows() {
        let start = (first_row + i) as u64 * blocks;
        let chunks = row_mut(&mut y, i).chunks_mut(4).zip(row(&x, i).chunks(4));
        for (block, (y, x)) in (start..).zip(chunks) {
            for ((y, &x), draw) in y.iter_mut().zip(x).zip(random.words(block)) {
                *y = if u64::from(draw) < dropped { F::zero() } else { x * factor };
            }
        }
    }
}
