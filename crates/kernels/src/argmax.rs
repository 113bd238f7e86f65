use crate::compile_once::compile_once;
use crate::lanes::{Kernel, Lanes, dispatch, places};
use crate::scratch::with_scratch;
use chainrule_core::Real;
use ndarray::ArrayView1;

/// Index of the largest value; of the first, if several are largest. NaN is never largest; 0 if all are NaN.
///
/// # Panics
/// If there are no values.
///
/// ```
/// # use chainrule_kernels::argmax;
/// assert_eq!(argmax(ndarray::aview1(&[0.1, 0.7, 0.7])), 1);
/// ```
#[track_caller]
pub fn argmax<F: Real>(values: ArrayView1<F>) -> usize {
    assert!(!values.is_empty(), "argmax: there are no values");
    let mut place = 0;
    if values.len() < FEW {
        for (i, &value) in values.iter().enumerate() {
            if value > values[place] || values[place].is_nan() && !value.is_nan() {
                place = i;
            }
        }
        return place;
    }
    match values.as_slice() {
        Some(values) => find(values, &mut place),
        None => with_scratch(values.len(), |copy| {
            copy.iter_mut().zip(values).for_each(|(copy, value)| *copy = *value);
            find(copy, &mut place);
        }),
    }
    place
}

/// Fewer values are looked at before registers are filled.
const FEW: usize = 8;

fn find<F: Real>(values: &[F], place: &mut usize) {
    compile_once!(|values: &[F], place: &mut usize| dispatch(Argmax { values, place }));
}

struct Argmax<'a, F> {
    values: &'a [F],
    place: &'a mut usize,
}

/// Values whose places a lane of f32 counts exactly, and to spare.
const COUNTED: usize = 1 << 16;

impl<F: Real> Kernel<F> for Argmax<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(self) {
        let mut largest = F::neg_infinity();
        for (i, values) in self.values.chunks(COUNTED).enumerate() {
            let (of_these, place) = largest_of::<F, L>(values);
            if of_these > largest {
                (largest, *self.place) = (of_these, i * COUNTED + place);
            }
        }
        if largest == F::neg_infinity() {
            *self.place = self.values.iter().position(|value| !value.is_nan()).unwrap_or(0);
        }
    }
}

/// The largest value and its place, if it is above -∞: in each lane the first of its values, and of those that are equal the first.
#[inline(always)]
fn largest_of<F: Real, L: Lanes<F>>(values: &[F]) -> (F, usize) {
    let none = L::splat(F::neg_infinity());
    let (mut largest, mut place, mut here) = (none, L::splat(F::zero()), places::<F, L>());
    let width = L::splat(F::of(L::WIDTH as f64));
    for values in values.chunks(L::WIDTH) {
        let values =
            if values.len() == L::WIDTH { L::load(values) } else { L::load_part(values, F::neg_infinity()) };
        let larger = largest.less(values);
        largest = L::select(larger, values, largest);
        place = L::select(larger, here, place);
        here = here + width;
    }
    let of_all = largest.largest();
    let behind = L::select(largest.differ(L::splat(of_all)), none, L::splat(F::zero()) - place);
    (of_all, -behind.largest().as_f64() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, aview1};
    use proptest::prelude::*;

    proptest! {
        /// Few different values, so that the largest often comes more than once.
        #[test]
        fn the_first_of_the_largest(values in prop::collection::vec(0_u8..6, 1..700), stride in 1_usize..3) {
            let numbers = [f32::NAN, f32::NEG_INFINITY, -1.0, 0.0, 2.0, f32::INFINITY].map(f64::from);
            let x: Vec<f64> = values.iter().map(|&v| numbers[usize::from(v)]).collect();
            let largest = values.iter().copied().max().filter(|&v| v > 0);
            let expected = largest.map_or(0, |largest| values.iter().position(|&v| v == largest).unwrap_or(0));
            let wide = Array2::from_shape_fn((x.len(), stride), |(i, j)| if j == 0 { x[i] } else { f64::MAX });
            prop_assert_eq!(argmax(wide.column(0)), expected);
            prop_assert_eq!(argmax(wide.mapv(|x| x as f32).column(0)), expected);
        }
    }

    #[test]
    fn nan_is_passed_over() {
        assert_eq!(argmax(aview1(&[f32::NAN, 1.0, 2.0, f32::NAN])), 2);
        assert_eq!(argmax(aview1(&[f32::NEG_INFINITY, f32::NAN])), 0);
        assert_eq!(argmax(aview1(&[f32::NAN, f32::NEG_INFINITY])), 1);
        assert_eq!(argmax(aview1(&[f32::NAN; 20])), 0);
        assert_eq!(argmax(aview1(&[f32::NAN; 3])), 0);
    }

    /// More values than f32 can count.
    #[test]
    fn a_place_far_from_the_first_is_exact() {
        let mut values = vec![0.0_f32; (1 << 24) + 100];
        for place in [COUNTED - 1, COUNTED, (1 << 24) + 1, (1 << 24) + 99] {
            values[place] += place as f32;
            assert_eq!(argmax(aview1(&values)), place);
        }
        values[10] = values[(1 << 24) + 99];
        assert_eq!(argmax(aview1(&values)), 10);
    }
}
