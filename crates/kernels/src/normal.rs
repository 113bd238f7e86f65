use crate::exp::exp_of_negative;
use chainrule_core::{Precision, Real};

/// Φ(x), the distribution function of the standard normal distribution, and exp(-x² / 2), in operations that a compiler vectorises.
///
/// With a = |x|, the smaller tail is ½ erfc(a / √2) = ½ exp(-a² / 2) h(t) / (a + 4), where h is a polynomial of t = (a - 4) / (a + 4). So nothing cancels
/// in the lower tail: its relative error is below 4 ε, as far as it is a normal number.
///
/// NaN stays NaN.
#[inline(always)]
pub(crate) fn normal<F: Real>(x: F) -> (F, F) {
    let a = x.abs();
    // Beyond, the tail is 0.
    let most = match F::PRECISION {
        Precision::Single => F::of(15.0),
        Precision::Double => F::of(40.0),
    };
    let a = if a > most { most } else { a };
    let bell = bell(a);
    let quotient = F::one() / (a + F::of(4.0));
    let h = tail_polynomial((a - F::of(4.0)) * quotient);
    let tail = F::of(0.5) * bell * (h * quotient);
    (if x >= F::zero() { F::one() - tail } else { tail }, bell)
}

/// exp(-a² / 2), where the rounding of a² would be an error of a² / 2 units: a = high + low, and the square of high, which has half of the digits, is exact.
#[inline(always)]
fn bell<F: Real>(a: F) -> F {
    let high = match F::PRECISION {
        Precision::Single => F::of(f64::from(f32::from_bits(
            (a.as_f64() as f32).to_bits().wrapping_add(1 << 11) & !((1 << 12) - 1),
        ))),
        Precision::Double => {
            F::of(f64::from_bits(a.as_f64().to_bits().wrapping_add(1 << 26) & !((1 << 27) - 1)))
        }
    };
    let half = F::of(-0.5);
    exp_of_negative(half * (high * high), half * ((a - high) * (a + high)))
}

/// c₀ + t (c₁ + t (c₂ + …)), written out: a loop within the loop over numbers would keep that from being vectorised.
macro_rules! horner {
    ($t:ident; $last:literal) => { $last };
    ($t:ident; $first:literal, $($rest:literal),+) => { $first + $t * horner!($t; $($rest),+) };
}

/// h(t), by scripts/normal_tail.py, as four polynomials of t⁴, which do not wait for one another.
#[inline(always)]
fn tail_polynomial<F: Real>(t: F) -> F {
    match F::PRECISION {
        Precision::Single => {
            let t = t.as_f64() as f32;
            let t_2 = t * t;
            let t_4 = t_2 * t_2;
            let h_0 = horner!(t_4; 1.510_570_3, 0.120_795_06, 0.000_342_109_2);
            let h_1 = horner!(t_4; -1.215_793_4, -0.015_090_536, -0.000_463_597_36);
            let h_2 = horner!(t_4; 0.774_274_7, -0.006_978_634_7, -0.000_103_113_18);
            let h_3 = horner!(t_4; -0.373_042_55, 0.003_290_438_6);
            F::of(f64::from((h_0 + t * h_1) + t_2 * (h_2 + t * h_3)))
        }
        Precision::Double => {
            let t = t.as_f64();
            let t_2 = t * t;
            let t_4 = t_2 * t_2;
            let h_0 = horner!(t_4; 1.510_570_260_831_503, 0.120_793_149_781_353_3, 0.000_266_688_499_567_168_56, 1.429_861_665_095_680_2e-6, 5.270_862_112_136_891e-7, 2.795_305_631_190_164_2e-8);
            let h_1 = horner!(t_4; -1.215_793_283_943_783_5, -0.015_080_377_931_250_034, -0.000_462_189_648_299_942_1, -1.183_802_637_230_808_7e-5, -3.092_393_638_244_384e-7, -2.030_591_435_299_236e-11);
            let h_2 = horner!(t_4; 0.774_274_801_484_438_7, -0.006_959_384_723_608_119_5, -3.815_686_811_849_741e-6, -1.249_981_399_073_957e-6, -1.526_942_568_688_217e-7, -1.998_124_832_004_655e-9);
            let h_3 = horner!(t_4; -0.373_043_715_919_386_8, 0.003_261_636_884_961_177_3, 7.028_842_993_651_56e-5, 2.040_142_678_513_693e-6, 2.968_478_014_550_268_8e-8);
            F::of((h_0 + t * h_1) + t_2 * (h_2 + t * h_3))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_1_SQRT_2;

    /// Φ to nearly f64's precision in the tail: what the rounding of x / √2 makes of it is taken out again by Φ' = φ.
    fn exact(x: f64) -> f64 {
        let scaled = -x * FRAC_1_SQRT_2;
        // What scaled lacks of -x / √2, by the digits of 1 / √2 that follow f64's.
        let lacking = (-x).mul_add(FRAC_1_SQRT_2, -scaled) - x * -4.833_646_656_726_457e-17;
        0.5 * libm::erfc(scaled) - lacking * std::f64::consts::FRAC_2_SQRT_PI / 2.0 * (-scaled * scaled).exp()
    }

    /// A relative error of 4 ε, or that of the smallest normal number.
    fn assert_near<F: Real>(x: F) {
        let (found, exact) = (normal(x).0.as_f64(), exact(x.as_f64()));
        let bound = 4.0 * F::epsilon().as_f64() * exact.max(F::min_positive_value().as_f64());
        assert!((found - exact).abs() <= bound, "Φ({x}): {found:e}, {exact:e}");
    }

    #[test]
    fn normal_is_that_of_erfc() {
        for bits in (0..0x4170_0000_u32).step_by(997) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                assert_near(x);
            }
        }
        for i in -40_000..=40_000 {
            assert_near(f64::from(i) * 0.001 + 1e-7 * f64::from(i % 13));
        }
    }

    #[test]
    fn the_ends_of_normal() {
        assert_eq!((normal(0.0_f32).0, normal(-0.0_f64).0), (0.5, 0.5));
        assert_eq!(
            [normal(f64::INFINITY), normal(1e300), normal(f64::NEG_INFINITY)],
            [(1.0, 0.0), (1.0, 0.0), (0.0, 0.0)]
        );
        assert!(normal(f32::NAN).0.is_nan());
    }
}
