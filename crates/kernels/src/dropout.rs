use crate::compile_once::compile_once;
use crate::rows::{assert_same_shape, row, row_mut};
use crate::vectorize;
use chainrule_core::{Random, Real};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Blocks of draws that are made side by side.
const BLOCKS: usize = 16;

/// Their draws.
const GROUP: usize = 4 * BLOCKS;

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
pub fn dropout<F: Real>(rate: f64, random: Random, first_row: usize, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    assert!((0.0..1.0).contains(&rate), "dropout: the rate is {rate}, expected at least 0 and below 1");
    assert_same_shape("dropout", "y", y.dim(), x.dim());
    compile_once!(|rate: f64, random: Random, first_row: usize, x: ArrayView2<F>, y: ArrayViewMut2<F>| {
        let factor = F::of(1.0 / (1.0 - rate));
        // A draw is 32 bits; so are the probabilities' steps.
        let dropped = (rate * 2.0_f64.powi(32)) as u32;
        let keep = move |x: F, draw: u32| if draw < dropped { F::zero() } else { x * factor };
        let blocks = x.ncols().div_ceil(4) as u64;
        for i in 0..x.nrows() {
            let start = (first_row + i) as u64 * blocks;
            let (x, y) = (row(&x, i), row_mut(&mut y, i));
            vectorize(
                #[inline(always)]
                move || {
                    let ((x, last_x), (y, last_y)) = (x.as_chunks::<GROUP>(), y.as_chunks_mut::<GROUP>());
                    let last = start + (x.len() * BLOCKS) as u64;
                    for (first, (y, x)) in (start..).step_by(BLOCKS).zip(y.iter_mut().zip(x)) {
                        let words = random.words_of_blocks::<BLOCKS>(first);
                        let mut draws = [0; GROUP];
                        for block in 0..BLOCKS {
                            for word in 0..4 {
                                draws[4 * block + word] = words[word][block];
                            }
                        }
                        for ((y, &x), draw) in y.iter_mut().zip(x).zip(draws) {
                            *y = keep(x, draw);
                        }
                    }
                    for (block, (y, x)) in (last..).zip(last_y.chunks_mut(4).zip(last_x.chunks(4))) {
                        for ((y, &x), draw) in y.iter_mut().zip(x).zip(random.words(block)) {
                            *y = keep(x, draw);
                        }
                    }
                },
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_core::Purpose;
    use ndarray::{Array2, Axis};

    fn dropped(rate: f64, rows: usize, width: usize) -> Array2<f64> {
        let x = Array2::ones((rows, width));
        let mut y = Array2::from_elem(x.dim(), f64::NAN);
        dropout(rate, Random::new(3, Purpose::Dropout, 1), 0, x.view(), y.view_mut());
        y
    }

    #[test]
    fn drops_the_share_that_was_asked_for() {
        for rate in [0.0, 0.1, 0.3, 0.9] {
            let y = dropped(rate, 200, 101);
            let kept = 1.0 / (1.0 - rate);
            assert!(y.iter().all(|&y| y == 0.0 || y == kept));
            let share = y.iter().filter(|&&y| y == 0.0).count() as f64 / y.len() as f64;
            // Five standard errors of a share of 20,200 draws.
            assert!(
                (share - rate).abs() <= 5.0 * (rate * (1.0 - rate) / y.len() as f64).sqrt(),
                "{rate}: {share}"
            );
        }
    }

    #[test]
    fn rows_are_drawn_apart_and_a_tile_draws_what_the_batch_would() {
        let y = dropped(0.5, 40, 37);
        for shift in 1..40 {
            for (row, other) in y.outer_iter().zip(y.outer_iter().skip(shift)) {
                // Rows that share draws at an offset of a few columns would agree in runs.
                for offset in [0, 4, 8, 12, 16, 20] {
                    let pairs = row.iter().skip(offset).zip(other);
                    assert!(pairs.clone().any(|(a, b)| a != b), "shift {shift}, offset {offset}");
                }
            }
        }
        let x = Array2::<f64>::ones((7, 37));
        let mut tile = x.clone();
        dropout(0.5, Random::new(3, Purpose::Dropout, 1), 20, x.view(), tile.view_mut());
        assert_eq!(tile, y.slice_axis(Axis(0), (20..27).into()));
    }

    #[test]
    fn every_number_has_its_draw() {
        let (rate, random) = (0.4, Random::new(3, Purpose::Dropout, 1));
        for width in [1, 63, 64, 65, 130, 200] {
            let y = dropped(rate, 3, width);
            for ((i, j), &y) in y.indexed_iter() {
                let block = i * width.div_ceil(4) + j / 4;
                let draw = f64::from(random.words(block as u64)[j % 4]) / 2.0_f64.powi(32);
                // The rate is a whole number of steps, rounded down.
                assert_eq!(y == 0.0, draw < rate - 1e-9, "width {width}: ({i}, {j}), draw {draw}");
            }
        }
    }
}
