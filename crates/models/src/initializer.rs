use chainrule_core::{Error, Random, Real};

/// How a dense layer's weights begin: each a draw from a normal distribution of mean 0. Biases begin at 0.
///
/// The draws are a function of seed, layer and position, so they are the same whatever else a network holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// Deviation √(2 / inputs), for ReLU layers (K. He et al., "Delving deep into rectifiers", ICCV 2015).
    #[default]
    He,
    /// Deviation √(2 / (inputs + outputs)) (X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
    /// feedforward neural networks", AISTATS 2010).
    Glorot,
    /// A deviation of one's own.
    Normal {
        /// The standard deviation.
        deviation: f64,
    },
}

impl Initializer {
    /// 0.01 · normal, as in *Neural Networks from Scratch*, chapter 3.
    pub const NNFS: Initializer = Initializer::Normal { deviation: 0.01 };

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a deviation that is negative or not finite.
    pub fn check(&self) -> Result<(), Error> {
        match *self {
            Initializer::Normal { deviation } if !(deviation.is_finite() && deviation >= 0.0) => {
                let expected = "a finite number, at least 0";
                Err(Error::Setting { name: "initializer deviation", expected, value: deviation })
            }
            _ => Ok(()),
        }
    }

    /// Fills the weights of a layer with `inputs` inputs and `outputs` outputs.
    pub(crate) fn fill<F: Real>(&self, weights: &mut [F], inputs: usize, outputs: usize, random: Random) {
        let deviation = match *self {
            Initializer::He => (2.0 / inputs as f64).sqrt(),
            Initializer::Glorot => (2.0 / (inputs + outputs) as f64).sqrt(),
            Initializer::Normal { deviation } => deviation,
        };
        for (i, weight) in weights.iter_mut().enumerate() {
            *weight = F::of(deviation * random.normal(i as u64));
        }
    }
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
    fn a_deviation_that_is_no_deviation_is_an_error() {
        for deviation in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Initializer::Normal { deviation }.check(), Err(Error::Setting { .. })));
        }
    }
}
