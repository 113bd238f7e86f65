use crate::exp::shifted_exp;
use crate::rows::row;
use crate::softmax::Normalizer;
use chainrule_core::Real;
use ndarray::ArrayView2;

/// Up to so many classes samples, not classes, lie side by side in the registers: a row of ten would leave most lanes empty.
pub(crate) const FEW: usize = 32;

/// Samples at a time.
const SAMPLES: usize = 16;

/// Numbers of [`SAMPLES`] rows, class by class.
type Transposed<F> = [[F; SAMPLES]; FEW];

/// exp(x - max) of one sample among its block.
pub(crate) struct Exponentials<'b, F> {
    block: &'b [[F; SAMPLES]],
    sample: usize,
}

impl<F: Real> Exponentials<'_, F> {
    #[inline(always)]
    pub(crate) fn write_to(&self, row: &mut [F]) {
        for (e, of_class) in row.iter_mut().zip(self.block) {
            *e = of_class[self.sample];
        }
    }
}

/// Calls `each` with the number of each row, its logits, their exponentials and their normalizer.
///
/// What a row gives does not depend on the rows around it.
#[inline(always)]
pub(crate) fn for_each_row_of_few<F: Real>(
    x: &ArrayView2<F>,
    mut each: impl FnMut(usize, &[F], Exponentials<F>, Normalizer<F>),
) {
    let (rows, classes) = x.dim();
    let (mut logits, mut e): (Transposed<F>, Transposed<F>) =
        ([[F::zero(); SAMPLES]; FEW], [[F::zero(); SAMPLES]; FEW]);
    let (logits, e) = (&mut logits[..classes], &mut e[..classes]);
    for start in (0..rows).step_by(SAMPLES) {
        let count = SAMPLES.min(rows - start);
        for sample in 0..SAMPLES {
            // Lanes beyond the last row repeat it.
            let row = row(x, start + sample.min(count - 1));
            for (of_class, &x) in logits.iter_mut().zip(row) {
                of_class[sample] = x;
            }
        }
        let normalizers = exponentials(logits, e);
        for (sample, normalizer) in normalizers.into_iter().take(count).enumerate() {
            let exponentials = Exponentials { block: e, sample };
            each(start + sample, row(x, start + sample), exponentials, normalizer);
        }
    }
}

/// e ← exp(x - max), sample by sample.
#[inline(always)]
fn exponentials<F: Real>(x: &[[F; SAMPLES]], e: &mut [[F; SAMPLES]]) -> [Normalizer<F>; SAMPLES] {
    let mut max = [F::neg_infinity(); SAMPLES];
    for x in x.iter() {
        for sample in 0..SAMPLES {
            max[sample] = if x[sample] > max[sample] { x[sample] } else { max[sample] };
        }
    }
    // As for many classes: the largest, which are exactly 1, apart.
    let (mut below, mut largest) = ([F::zero(); SAMPLES], [F::zero(); SAMPLES]);
    for (x, e) in x.iter().zip(e) {
        for sample in 0..SAMPLES {
            let (x, max) = (x[sample], max[sample]);
            e[sample] = shifted_exp(x, max);
            below[sample] += if x == max { F::zero() } else { e[sample] };
            largest[sample] += if x == max { F::one() } else { F::zero() };
        }
    }
    let mut excess = [F::zero(); SAMPLES];
    for sample in 0..SAMPLES {
        excess[sample] = below[sample] + (largest[sample] - F::one());
    }
    let mut normalizers = [Normalizer { max: F::zero(), sum: F::zero(), log_sum: F::zero() }; SAMPLES];
    for sample in 0..SAMPLES {
        normalizers[sample] = Normalizer::new(max[sample], excess[sample]);
    }
    normalizers
}
