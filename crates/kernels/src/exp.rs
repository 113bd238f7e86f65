use chainrule_core::{Precision, Real};

/// exp(x), within one unit in the last place or little more, in operations that a compiler vectorises: no branch, no table, no
/// call.
///
/// Below the smallest number it is 0, above the largest infinite; NaN stays NaN. It adds and multiplies, and contracts nothing, so
/// it is the same bits at every level of SIMD.
#[inline(always)]
pub(crate) fn exp<F: Real>(x: F) -> F {
    // For each type the conversions are from and to itself, and vanish.
    match F::PRECISION {
        Precision::Single => {
            let x = x.as_f64() as f32;
            let x = if x > 89.0 { 89.0 } else { x };
            let (y, n) = reduced_f32(x, 0.0);
            // In two steps, as the power of a subnormal result, or of an infinite one, is no normal number.
            let half = n >> 1;
            let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
            F::of(f64::from(y * power(half) * power(n.wrapping_sub(half))))
        }
        Precision::Double => {
            let x = x.as_f64();
            let x = if x > 710.0 { 710.0 } else { x };
            let (y, n) = reduced_f64(x, 0.0);
            let half = n >> 1;
            let power = |n: i64| f64::from_bits((n.wrapping_add(1023) as u64) << 52);
            F::of(y * power(half) * power(n.wrapping_sub(half)))
        }
    }
}

/// exp(x) - 1, without cancellation, within two units in the last place; beyond 40 it stays what it is there.
///
/// It vectorises as [`exp`] does.
#[inline(always)]
pub(crate) fn exp_m1<F: Real>(x: F) -> F {
    // With x = n ln 2 + r: exp(x) - 1 = 2ⁿ (exp(r) - 1) + (2ⁿ - 1).
    match F::PRECISION {
        Precision::Single => {
            let x = x.as_f64() as f32;
            let x = if x > 40.0 { 40.0 } else { x };
            // Below, the result is -1.
            let x = if x < -20.0 { -20.0 } else { x };
            let (y, n) = reduced_less_one_f32(x, 0.0);
            let power = f32::from_bits((n.wrapping_add(127) as u32) << 23);
            F::of(f64::from(power * y + (power - 1.0)))
        }
        Precision::Double => {
            let x = x.as_f64();
            let x = if x > 40.0 { 40.0 } else { x };
            let x = if x < -40.0 { -40.0 } else { x };
            let (y, n) = reduced_less_one_f64(x, 0.0);
            let power = f64::from_bits((n.wrapping_add(1023) as u64) << 52);
            F::of(power * y + (power - 1.0))
        }
    }
}

/// exp(x + rest) for x ≤ 0 and a rest of at most 0.03, in fewer operations.
#[inline(always)]
pub(crate) fn exp_of_negative<F: Real>(x: F, rest: F) -> F {
    // 2ⁿ as 2ⁿ⁺⁶⁴ 2⁻⁶⁴: so the power is a normal number also where the result is not.
    match F::PRECISION {
        Precision::Single => {
            let (y, n) = reduced_f32(x.as_f64() as f32, rest.as_f64() as f32);
            let power = f32::from_bits((n.wrapping_add(127 + 64) as u32) << 23);
            F::of(f64::from(y * power * (1.0 / 18_446_744_073_709_551_616.0)))
        }
        Precision::Double => {
            let (y, n) = reduced_f64(x.as_f64(), rest.as_f64());
            let power = f64::from_bits((n.wrapping_add(1023 + 64) as u64) << 52);
            F::of(y * power * (1.0 / 18_446_744_073_709_551_616.0))
        }
    }
}

/// exp(x + rest) = 2ⁿ y with n = x / ln 2 rounded, and y = exp(r) as the polynomial of the Cephes library (S. L. Moshier). Where the result
/// is 0, x is taken for a number where it just is.
#[inline(always)]
fn reduced_f32(x: f32, rest: f32) -> (f32, i32) {
    // Written so that NaN passes.
    let (y, n) = reduced_less_one_f32(if x < -104.0 { -104.0 } else { x }, rest);
    (y + 1.0, n)
}

/// [`reduced_f32`] with exp(r) - 1 in place of exp(r), for any x of which n is an exponent.
#[inline(always)]
fn reduced_less_one_f32(x: f32, rest: f32) -> (f32, i32) {
    // 1.5 · 2²³: what is added to it is rounded to a whole number, which the low bits then hold.
    const ROUNDER: f32 = 12_582_912.0;
    // ln 2 in two parts, the first so short that its product with n is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN_2_HIGH) - (n * LN_2_LOW - rest);
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * (r * r) + r;
    (y, (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32))
}

/// As [`reduced_f32`], with exp(r) as the quotient of FreeBSD's libm (`e_exp.c`).
#[inline(always)]
fn reduced_f64(x: f64, rest: f64) -> (f64, i64) {
    let (y, n) = reduced_less_one_f64(if x < -746.0 { -746.0 } else { x }, rest);
    (1.0 + y, n)
}

/// [`reduced_f64`] with exp(r) - 1 in place of exp(r).
#[inline(always)]
fn reduced_less_one_f64(x: f64, rest: f64) -> (f64, i64) {
    // 1.5 · 2⁵²
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let shifted = x * std::f64::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let (high, low) = (x - n * LN_2_HIGH, n * LN_2_LOW - rest);
    let r = high - low;
    let t = r * r;
    let p = 4.138_136_797_057_238e-8;
    let p = p * t - 1.653_390_220_546_525_2e-6;
    let p = p * t + 6.613_756_321_437_934e-5;
    let p = p * t - 2.777_777_777_701_559_3e-3;
    let p = p * t + 1.666_666_666_666_660_2e-1;
    let c = r - t * p;
    let y = high - (low - (r * c) / (2.0 - c));
    (y, (shifted.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64))
}

/// exp(x - max) for x ≤ max, with what the subtraction rounds away: exp would carry an error of half a unit in the last
/// place of x - max on as |x - max| / 2 units of the result.
#[inline(always)]
pub(crate) fn shifted_exp<F: Real>(x: F, max: F) -> F {
    let difference = x - max;
    let negated_max = difference - x;
    let lost = (x - (difference - negated_max)) - (max + negated_max);
    // Where the difference is infinite it is NaN; it is never as large as 1.
    let lost = if lost < F::one() { lost } else { F::one() };
    let e = exp_of_negative(difference, F::zero());
    e + e * lost
}

/// log(1 + x) for x > -1, within one unit in the last place or two, as [`exp`] is: by f64, with log(1 + f) as in FreeBSD's libm
/// (`e_log.c`).
#[inline(always)]
pub(crate) fn ln_1p<F: Real>(x: F) -> F {
    let x = x.as_f64();
    let u = 1.0 + x;
    // What the addition rounded away, of log u.
    let ln = ln_of_sum(u, (x - (u - 1.0)) / u);
    // u and all that follows are infinite or NaN together with x.
    F::of(if x < f64::INFINITY { ln } else { x })
}

/// log(x) for finite x > 0 that is no subnormal number, as [`ln_1p`]; what it gives for others, NaN among them, is no logarithm.
#[inline(always)]
pub(crate) fn ln<F: Real>(x: F) -> F {
    F::of(ln_of_sum(x.as_f64(), 0.0))
}

/// log(u (1 + lost)), for a lost share that is rounding.
#[inline(always)]
fn ln_of_sum(u: f64, lost: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // u = 2ⁿ m with m between √½ and √2.
    const SQRT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    let n = (u.to_bits().wrapping_sub(SQRT_HALF) as i64) >> 52;
    let m = f64::from_bits(u.to_bits().wrapping_sub((n as u64) << 52));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let p = 1.479_819_860_511_658_6e-1;
    let p = p * z + 1.531_383_769_920_937_3e-1;
    let p = p * z + 1.818_357_216_161_805e-1;
    let p = p * z + 2.222_219_843_214_978_4e-1;
    let p = p * z + 2.857_142_874_366_239e-1;
    let p = p * z + 3.999_999_999_940_942e-1;
    let p = p * z + 6.666_666_666_666_735e-1;
    let half_square = 0.5 * f * f;
    let n = n as f64;
    n * LN_2_HIGH - ((half_square - (s * (half_square + p * z) + (n * LN_2_LOW + lost))) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error in units in the last place of the exact value, which the f64 function of the standard library stands for.
    fn ulps_f32(found: f32, exact: f64) -> f64 {
        if found == exact as f32 {
            return 0.0;
        }
        let unit = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
        (f64::from(found) - exact).abs() / unit
    }

    #[test]
    fn exp_of_every_few_f32() {
        let mut worst = 0.0_f64;
        // Every 97th number of either sign: 44 million would take too long, 45 thousand exponent by exponent do.
        for bits in (0..0x42E0_0000_u32).step_by(9973) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                worst = worst.max(ulps_f32(exp(x), f64::from(x).exp()));
            }
        }
        assert!(worst <= 1.1, "{worst}");
    }

    #[test]
    fn exp_of_f64_is_the_standard_library_s_within_a_unit() {
        for i in -74_600..70_900 {
            let x = f64::from(i) * 0.01 + 1e-7 * f64::from(i % 13);
            let (found, exact) = (exp(x), x.exp());
            let unit = f64::from_bits(exact.to_bits() + 1) - exact;
            assert!((found - exact).abs() <= 1.01 * unit, "exp({x}): {found:e}, {exact:e}");
        }
    }

    #[test]
    fn exp_m1_and_its_ends() {
        let mut worst = 0.0_f64;
        for bits in (0..0x4220_0000_u32).step_by(9973) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                worst = worst.max(ulps_f32(exp_m1(x).abs(), f64::from(x).exp_m1().abs()));
            }
        }
        assert!(worst <= 2.0, "{worst}");
        for i in -46_000..40_000 {
            let x = f64::from(i) * 0.001 + 1e-7 * f64::from(i % 13);
            for x in [x, x * 1e-9, x * 1e-300] {
                let (found, exact) = (exp_m1(x).abs(), x.exp_m1().abs());
                let unit = f64::from_bits(exact.to_bits() + 1) - exact;
                assert!((found - exact).abs() <= 2.0 * unit, "exp_m1({x}): {found:e}, {exact:e}");
            }
        }
        assert_eq!([exp_m1(0.0_f32), exp_m1(f32::NEG_INFINITY), exp_m1(-3e38_f32)], [0.0, -1.0, -1.0]);
        assert_eq!([exp_m1(0.0_f64), exp_m1(f64::NEG_INFINITY), exp_m1(-1e300_f64)], [0.0, -1.0, -1.0]);
        assert!(exp_m1(f32::NAN).is_nan() && exp_m1(f64::NAN).is_nan());
    }

    #[test]
    fn the_ends_of_exp() {
        assert_eq!(
            [exp(0.0_f32), exp(-0.0_f32), exp(f32::NEG_INFINITY), exp(-3e38_f32)],
            [1.0, 1.0, 0.0, 0.0]
        );
        assert_eq!([exp(f32::INFINITY), exp(89.0_f32), exp(1e30_f32)], [f32::INFINITY; 3]);
        assert_eq!([exp(0.0_f64), exp(f64::NEG_INFINITY), exp(-1e300_f64)], [1.0, 0.0, 0.0]);
        assert_eq!([exp(f64::INFINITY), exp(710.0_f64), exp(1e300_f64)], [f64::INFINITY; 3]);
        assert!(exp(f32::NAN).is_nan() && exp(f64::NAN).is_nan());
        assert_eq!(exp(-103.5_f32), (-103.5_f64).exp() as f32);
    }

    #[test]
    fn logarithms_of_all_sizes() {
        for exponent in -1070..1020 {
            for mantissa in [1.0, 1.1, 1.3, 1.414, 1.5, 1.9, 1.9999999] {
                let x = mantissa * 2.0_f64.powi(exponent);
                let (found, exact) = (ln_1p(x), x.ln_1p());
                let unit = f64::from_bits(exact.to_bits() + 1) - exact;
                assert!((found - exact).abs() <= 2.0 * unit, "ln_1p({x:e}): {found:e}, {exact:e}");
            }
        }
        // Down to the probabilities that losses are clipped to.
        for i in 0..100_000 {
            let c = f64::from(i) * 1e-5 + 1e-7;
            let x = c - 1.0;
            for (found, exact) in [(ln_1p(x), x.ln_1p()), (ln(c), c.ln())] {
                assert!(
                    (found - exact).abs() <= 2.0 * f64::EPSILON * exact.abs(),
                    "{x:e}, {c:e}: {found:e}, {exact:e}"
                );
            }
        }
        assert_eq!((ln_1p(0.0_f64), ln(1.0_f64), ln(1.0_f32)), (0.0, 0.0, 0.0));
        assert_eq!(ln_1p(f64::INFINITY), f64::INFINITY);
        assert!(ln_1p(f32::NAN).is_nan());
    }
}
