use crate::lanes::{Lanes, polynomial, splat};
use chainrule_core::{Precision, Real};

/// What exponentials are scaled by.
pub(crate) const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// exp(x - max) · 2⁶⁴ for x ≤ max, in lanes, within a unit in the last place or little more. Exactly [`TWO_TO_64`] for the
/// largest; so large that the smallest is a normal number, and what it is divided by later rounds it, once.
///
/// x - max would be rounded, and exp carry that on as |x - max| / 2 units of the result. So it is not what the exponential is of:
/// x = n ln 2 + r and max = N ln 2 + R are reduced each by itself, and exp(x - max) = 2ⁿ⁻ᴺ exp(r - R). Where max is so large
/// that a difference which counts is a whole number of units in the last place, it is exact, and both are shifted by max first.
#[derive(Clone, Copy)]
pub(crate) struct ScaledExp<L> {
    shift: L,
    /// max - shift
    max: L,
    /// N
    multiple: L,
    /// R, but for N times the low part of ln 2.
    rest: L,
}

struct Constants {
    /// What is added to it is rounded to a whole number, which the low bits then hold: 1.5 · 2²³ or 1.5 · 2⁵², and the bias of the
    /// exponent, and 64.
    rounder: f64,
    /// ln 2 in two parts, the first so short that its product with N is exact.
    ln_2: [f64; 2],
    /// exp is 0 where it is a smaller power of 2.
    lowest: f64,
    /// From here on a difference from max that is not below `lowest` is exact.
    exact: f64,
}

const SINGLE: Constants = Constants {
    rounder: 12_582_912.0 + 127.0 + 64.0,
    ln_2: [0.693_359_375, -2.121_944_400_546_905_8e-4],
    lowest: -150.0,
    exact: 256.0,
};

const DOUBLE: Constants = Constants {
    rounder: 6_755_399_441_055_744.0 + 1023.0 + 64.0,
    ln_2: [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10],
    lowest: -1076.0,
    exact: 2048.0,
};

/// (exp(r) - 1 - r) / r² for |r| ≤ ln 2 / 2 by its powers: minimax, off by 2⁻²⁸ of exp(r).
const EXP_SINGLE: [f64; 5] =
    [4.999_999_342_56e-1, 1.666_652_033_68e-1, 4.166_839_212_00e-2, 8.368_750_888_53e-3, 1.381_447_547_55e-3];

/// The same, off by 2⁻⁵⁷.
const EXP_DOUBLE: [f64; 10] = [
    5.000_000_000_000_011e-1,
    0.166_666_666_666_664_1,
    4.166_666_666_652_973e-2,
    8.333_333_333_494_98e-3,
    0.001_388_888_894_375_969,
    1.984_126_950_576_586e-4,
    2.480_149_294_987_594e-5,
    2.755_758_681_289_492_4e-6,
    2.763_030_617_862_654_7e-7,
    2.500_001_551_071_957_8e-8,
];

#[inline(always)]
fn constants<F: Real>() -> &'static Constants {
    match F::PRECISION {
        Precision::Single => &SINGLE,
        Precision::Double => &DOUBLE,
    }
}

/// Whether logits are taken as they are where max is the largest; else they are shifted by it.
#[inline(always)]
pub(crate) fn is_near<F: Real>(max: F) -> bool {
    max.abs().as_f64() < constants::<F>().exact
}

impl<L> ScaledExp<L> {
    #[inline(always)]
    pub(crate) fn new<F: Real>(max: L) -> Self
    where
        L: Lanes<F>,
    {
        let constants = constants::<F>();
        // What `is_near` says, by lanes. Infinity and NaN are shifted as well, to NaN.
        let zero = splat(0.0);
        let low = L::select(splat::<F, L>(-constants.exact).less(max), zero, max);
        let shift = L::select(max.less(splat(constants.exact)), low, max);
        let max = max - shift;
        let rounder = splat(constants.rounder);
        let multiple: L = max.mul_add(splat(std::f64::consts::LOG2_E), rounder) - rounder;
        let rest = multiple.mul_add(splat(-constants.ln_2[0]), max);
        ScaledExp { shift, max, multiple, rest }
    }

    /// Of several at once.
    #[inline(always)]
    pub(crate) fn of<F: Real, const N: usize>(&self, mut x: [L; N]) -> [L; N]
    where
        L: Lanes<F>,
    {
        for x in &mut x {
            *x = *x - self.shift;
        }
        self.of_shifted(x)
    }

    /// The same where max [is near](is_near), so that there is nothing to shift. Step by step: each waits for its last step, and the
    /// processor looks not far enough ahead to find what else it could do.
    #[inline(always)]
    pub(crate) fn of_shifted<F: Real, const N: usize>(&self, mut x: [L; N]) -> [L; N]
    where
        L: Lanes<F>,
    {
        let constants = constants::<F>();
        let rounder = splat(constants.rounder);
        let (mut n, mut r) = (x, x);
        for i in 0..N {
            n[i] = (x[i] - self.max).mul_add(splat(std::f64::consts::LOG2_E), rounder);
        }
        for i in 0..N {
            r[i] = n[i] - rounder;
        }
        for i in 0..N {
            x[i] = (r[i] + self.multiple).mul_add(splat(-constants.ln_2[0]), x[i]);
        }
        for x in &mut x {
            *x = *x - self.rest;
        }
        for i in 0..N {
            r[i] = r[i].mul_add(splat(-constants.ln_2[1]), x[i]);
        }
        x = match F::PRECISION {
            Precision::Single => polynomial(&EXP_SINGLE, r),
            Precision::Double => polynomial(&EXP_DOUBLE, r),
        };
        for i in 0..N {
            // The small terms first: then hardly more than the last rounding is left.
            x[i] = x[i].mul_add(r[i] * r[i], r[i]);
        }
        for i in 0..N {
            // (1 + x) 2ⁿ, rounded as 1 + x is. NaN passes.
            let (power, zero) = (n[i].power(), n[i].not_less(splat(constants.rounder + constants.lowest)));
            x[i] = L::select(zero, x[i].mul_add(power, power), splat(0.0));
        }
        x
    }

    /// The numbers of each lane apart: lanes may stand for rows.
    #[inline(always)]
    pub(crate) fn lanes<F: Real>(&self) -> LaneExps<F>
    where
        L: Lanes<F>,
    {
        let mut lanes = LaneExps {
            shift: [F::zero(); 16],
            max: [F::zero(); 16],
            multiple: [F::zero(); 16],
            rest: [F::zero(); 16],
        };
        self.shift.store(&mut lanes.shift[..L::WIDTH]);
        self.max.store(&mut lanes.max[..L::WIDTH]);
        self.multiple.store(&mut lanes.multiple[..L::WIDTH]);
        self.rest.store(&mut lanes.rest[..L::WIDTH]);
        lanes
    }
}

/// A [`ScaledExp`], lane by lane.
pub(crate) struct LaneExps<F> {
    shift: [F; 16],
    max: [F; 16],
    multiple: [F; 16],
    rest: [F; 16],
}

impl<F: Real> LaneExps<F> {
    /// That of one lane, in all lanes.
    #[inline(always)]
    pub(crate) fn of<L: Lanes<F>>(&self, lane: usize) -> ScaledExp<L> {
        ScaledExp {
            shift: L::splat(self.shift[lane]),
            max: L::splat(self.max[lane]),
            multiple: L::splat(self.multiple[lane]),
            rest: L::splat(self.rest[lane]),
        }
    }
}
