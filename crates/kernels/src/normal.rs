use crate::exp::exp;
use chainrule_core::Real;

/// Φ(x), the distribution function of the standard normal distribution, and exp(-x² / 2), in f64, in operations that a compiler vectorises.
///
/// With a = |x|, the smaller tail is ½ erfc(a / √2) = ½ exp(-a² / 2) h(t) / (a + 5), where h is a polynomial of t = (a - 5) / (a + 5) with a relative error
/// below 1e-16. So nothing cancels in the lower tail; its relative error is what the rounding of x² / 2 makes of it, about x² / 2 units in the last place.
///
/// NaN stays NaN.
#[inline(always)]
pub(crate) fn normal<F: Real>(x: F) -> (f64, f64) {
    let x = x.as_f64();
    let bell = exp(-0.5 * x * x);
    let a = x.abs();
    // Beyond, the tail is 0.
    let a = if a > 40.0 { 40.0 } else { a };
    let quotient = 1.0 / (a + 5.0);
    let t = (a - 5.0) * quotient;
    // By scripts/normal_tail.py. (A loop within the loop over numbers would keep that from being vectorised.)
    let h = 2.587_170_086_344_528e-10;
    let h = h * t - 2.651_405_077_690_215_3e-10;
    let h = h * t - 3.123_265_638_246_396_3e-09;
    let h = h * t + 2.536_401_425_145_393e-09;
    let h = h * t + 2.262_535_287_314_550_3e-08;
    let h = h * t - 1.386_577_449_260_577_4e-08;
    let h = h * t - 1.409_792_498_846_175_8e-07;
    let h = h * t + 7.712_014_080_438_002e-08;
    let h = h * t + 8.728_302_537_905_582e-07;
    let h = h * t - 6.670_649_973_486_597e-07;
    let h = h * t - 5.541_469_592_100_606e-06;
    let h = h * t + 7.958_711_063_710_887e-06;
    let h = h * t + 3.336_326_942_258_739e-05;
    let h = h * t - 9.952_465_125_480_391e-05;
    let h = h * t - 0.000_118_751_610_414_693_78;
    let h = h * t + 0.001_089_797_935_613_460_2;
    let h = h * t - 0.001_595_738_779_242_933_2;
    let h = h * t - 0.005_986_753_517_785_939;
    let h = h * t + 0.041_590_133_598_559_56;
    let h = h * t - 0.138_237_277_414_157_6;
    let h = h * t + 0.330_040_732_340_814_1;
    let h = h * t - 0.627_066_313_342_562_2;
    let h = h * t + 0.990_611_231_939_952_2;
    let h = h * t - 1.330_765_005_780_114;
    let h = h * t + 1.538_386_099_500_126;
    let tail = 0.5 * bell * (h * quotient);
    (if x >= 0.0 { 1.0 - tail } else { tail }, bell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_1_SQRT_2;

    #[test]
    fn normal_is_that_of_erfc() {
        for i in -37_000..=37_000 {
            let x = f64::from(i) * 0.001 + 1e-7 * f64::from(i % 13);
            let (found, exact) = (normal(x).0, 0.5 * libm::erfc(-x * FRAC_1_SQRT_2));
            // What the roundings of x² / 2 and of x / √2 make of it.
            let bound = f64::EPSILON * (6.0 + 2.0 * x.min(0.0).powi(2)) * exact;
            assert!((found - exact).abs() <= bound, "Φ({x}): {found:e}, {exact:e}");
        }
    }

    #[test]
    fn the_ends_of_normal() {
        assert_eq!([normal(0.0_f32).0, normal(-0.0_f64).0], [0.5; 2]);
        assert_eq!(
            [normal(f64::INFINITY), normal(1e300), normal(f64::NEG_INFINITY)],
            [(1.0, 0.0), (1.0, 0.0), (0.0, 0.0)]
        );
        assert!(normal(f32::NAN).0.is_nan());
    }
}
