use crate::settings::fraction;
use chainrule_core::{Draw, Error, Kept, Layer, Purpose, Random, Real};
use chainrule_kernels::dropout;
use ndarray::{ArrayView2, ArrayViewMut2};

/// Inverted dropout: while training, y = x / (1 - rate) with the probability 1 - rate, else 0, number by number; dx = dy likewise.
/// Otherwise y = x.
///
/// Which numbers pass is a function of seed, step, layer, row and column ([`Draw`]), so that tiles, threads and an
/// interruption do not matter. Only [`Network::forward_training`](crate::Network::forward_training) and
/// [`Network::train_step`](crate::Network::train_step) draw. Source: N. Srivastava et al., "Dropout: a simple way to prevent
/// neural networks from overfitting", JMLR 15, 2014; *Neural Networks from Scratch*, chapter 15 (there `Layer_Dropout`).
///
/// ```
/// use chainrule_core::{Draw, Layer};
/// use chainrule_models::Dropout;
/// let x = ndarray::array![[1.0_f32, 1.0, 1.0, 1.0, 1.0, 1.0]];
/// let (layer, mut y) = (Dropout::new(6, 0.5, 7), x.clone());
/// layer.forward_training(&[], x.view(), y.view_mut(), Draw { step: 0, layer: 1, first_row: 0 });
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0));
/// layer.forward(&[], x.view(), y.view_mut());
/// assert_eq!(y, x);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    width: usize,
    rate: f64,
    seed: u64,
}

impl Dropout {
    /// Drops a share `rate`, at least 0 and below 1, of `width` columns.
    pub fn new(width: usize, rate: f64, seed: u64) -> Self {
        Dropout { width, rate, seed }
    }

    fn apply<F: Real>(&self, x: ArrayView2<F>, mut y: ArrayViewMut2<F>, draw: Option<Draw>) {
        match draw {
            None => y.assign(&x),
            Some(Draw { step, layer, first_row }) => {
                let random = Random::new(self.seed, Purpose::Dropout, layer).nested(step);
                dropout(self.rate, random, first_row, x, y);
            }
        }
    }
}

impl<F: Real> Layer<F> for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn width(&self) -> (usize, usize) {
        (self.width, self.width)
    }

    fn check(&self) -> Result<(), Error> {
        fraction("dropout rate", self.rate)
    }

    fn forward(&self, _parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        self.apply(x, y, None);
    }

    fn forward_training(&self, _parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>, draw: Draw) {
        self.apply(x, y, Some(draw));
    }

    fn backward_input(&self, _parameters: &[F], kept: Kept<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        self.apply(dy, dx, kept.draw);
    }
}
