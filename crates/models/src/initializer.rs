use crate::settings::not_negative;
use chainrule_core::{Error, Random, Real};

/// How a dense layer's weights begin. Biases begin at 0.
///
/// The draws are a function of seed, layer and position, so they are the same whatever else a network holds. A uniform
/// distribution over \[-√3 d, √3 d\] has the deviation d of its normal sibling.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// Normal, of deviation √(2 / inputs), for ReLU layers (K. He et al., "Delving deep into rectifiers", ICCV 2015).
    #[default]
    He,
    /// Uniform, of the same deviation.
    HeUniform,
    /// Normal, of deviation √(2 / (inputs + outputs)) (X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
    /// feedforward neural networks", AISTATS 2010).
    Glorot,
    /// Uniform, of the same deviation.
    GlorotUniform,
    /// Normal, of deviation √(1 / inputs) (Y. LeCun et al., "Efficient BackProp", 1998), for tanh and SELU layers.
    Lecun,
    /// Uniform, of the same deviation.
    LecunUniform,
    /// A random matrix with orthonormal columns, or rows if there are fewer of them, times a gain: no direction is stretched
    /// (A. M. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR
    /// 2014). Through LAPACK's QR, so only in a build with BLAS.
    #[cfg(feature = "blas")]
    Orthogonal {
        /// Length of the rows or columns, at least 0; √2 suits ReLU layers.
        gain: f64,
    },
    /// Normal, of a deviation of one's own.
    Normal {
        /// The standard deviation, at least 0.
        deviation: f64,
    },
}

impl Initializer {
    /// 0.01 · normal, as in *Neural Networks from Scratch*, chapter 3.
    pub const NNFS: Initializer = Initializer::Normal { deviation: 0.01 };

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a deviation or gain that is negative or not finite.
    pub fn check(&self) -> Result<(), Error> {
        match *self {
            Initializer::Normal { deviation } => not_negative("initializer deviation", deviation),
            #[cfg(feature = "blas")]
            Initializer::Orthogonal { gain } => not_negative("initializer gain", gain),
            _ => Ok(()),
        }
    }

    /// Fills the weights of a layer with `inputs` inputs and `outputs` outputs.
    pub(crate) fn fill<F: Real>(&self, weights: &mut [F], inputs: usize, outputs: usize, random: Random) {
        let of_inputs = |numerator: f64| (numerator / inputs as f64).sqrt();
        let of_both = || (2.0 / (inputs + outputs) as f64).sqrt();
        let mut normal = |deviation: f64| {
            let draws = weights.iter_mut().zip(0..);
            draws.for_each(|(weight, i)| *weight = F::of(deviation * random.normal(i)));
        };
        match *self {
            Initializer::He => normal(of_inputs(2.0)),
            Initializer::Glorot => normal(of_both()),
            Initializer::Lecun => normal(of_inputs(1.0)),
            Initializer::Normal { deviation } => normal(deviation),
            Initializer::HeUniform => uniform(weights, of_inputs(2.0), random),
            Initializer::GlorotUniform => uniform(weights, of_both(), random),
            Initializer::LecunUniform => uniform(weights, of_inputs(1.0), random),
            #[cfg(feature = "blas")]
            Initializer::Orthogonal { gain } => orthogonal(weights, inputs, outputs, gain, random),
        }
    }
}

fn uniform<F: Real>(weights: &mut [F], deviation: f64, random: Random) {
    let reach = 3.0_f64.sqrt() * deviation;
    for (weight, i) in weights.iter_mut().zip(0..) {
        *weight = F::of(reach * (2.0 * random.uniform(i) - 1.0));
    }
}

#[cfg(feature = "blas")]
fn orthogonal<F: Real>(weights: &mut [F], inputs: usize, outputs: usize, gain: f64, random: Random) {
    // As many rows as columns, or more, as QR takes them.
    let shape = (inputs.max(outputs), inputs.min(outputs));
    let a = ndarray::Array2::from_shape_fn(shape, |(i, j)| random.normal((i * shape.1 + j) as u64));
    let q = chainrule_kernels::orthonormal_columns(a.view());
    let q = if inputs >= outputs { q.view() } else { q.t() };
    weights.iter_mut().zip(q).for_each(|(weight, &q)| *weight = F::of(gain * q));
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_core::Purpose;

    #[test]
    fn weights_have_the_deviation_of_their_source() {
        let cases = [
            (Initializer::He, (2.0_f64 / 300.0).sqrt()),
            (Initializer::Glorot, (2.0_f64 / 400.0).sqrt()),
            (Initializer::HeUniform, (2.0_f64 / 300.0).sqrt()),
            (Initializer::GlorotUniform, (2.0_f64 / 400.0).sqrt()),
            (Initializer::Lecun, (1.0_f64 / 300.0).sqrt()),
            (Initializer::LecunUniform, (1.0_f64 / 300.0).sqrt()),
            (Initializer::NNFS, 0.01),
        ];
        for (initializer, deviation) in cases {
            let mut weights = vec![0.0_f64; 300 * 100];
            initializer.fill(&mut weights, 300, 100, Random::new(1, Purpose::Initialize, 0));
            let n = weights.len() as f64;
            let mean = weights.iter().sum::<f64>() / n;
            let found = (weights.iter().map(|w| w * w).sum::<f64>() / n).sqrt();
            // Five standard errors: deviation / √n of the mean, deviation / √2n of the deviation.
            assert!(mean.abs() < 5.0 * deviation / n.sqrt(), "{initializer:?}: mean {mean}");
            assert!((found / deviation - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{initializer:?}: {found}");
        }
    }

    #[test]
    fn uniform_weights_stay_within_their_bounds() {
        let mut weights = vec![0.0_f64; 30_000];
        Initializer::GlorotUniform.fill(&mut weights, 100, 300, Random::new(1, Purpose::Initialize, 0));
        let reach = (6.0_f64 / 400.0).sqrt();
        let largest = weights.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
        assert!(largest <= reach && largest > 0.999 * reach, "{largest} of {reach}");
    }

    #[cfg(feature = "blas")]
    #[test]
    fn orthogonal_weights_keep_lengths() {
        use ndarray::{Array2, ArrayView2};
        for (inputs, outputs) in [(7, 3), (3, 7), (5, 5), (1, 4), (4, 1), (1, 1)] {
            let mut weights = vec![0.0_f64; inputs * outputs];
            let random = Random::new(1, Purpose::Initialize, 0);
            Initializer::Orthogonal { gain: 1.5 }.fill(&mut weights, inputs, outputs, random);
            let w = ArrayView2::from_shape((inputs, outputs), &weights).expect("a matrix");
            let product = if inputs >= outputs { w.t().dot(&w) } else { w.dot(&w.t()) };
            let expected = Array2::<f64>::eye(inputs.min(outputs)) * 2.25;
            let worst = (product - expected).iter().fold(0.0_f64, |worst, d| worst.max(d.abs()));
            assert!(worst < 1e-14, "{inputs}, {outputs}: {worst:e}");
        }
    }

    #[test]
    fn a_deviation_that_is_no_deviation_is_an_error() {
        for deviation in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Initializer::Normal { deviation }.check(), Err(Error::Setting { .. })));
        }
    }
}
