use crate::lanes::{Lanes, polynomial, splat};
use chainrule_core::{Precision, Real};

const LN_SINGLE: [f64; 4] = [6.666_666_269_3e-1, 4.000_097_215_2e-1, 2.849_878_668_8e-1, 2.427_907_884_1e-1];

const LN_DOUBLE: [f64; 7] = [
    6.666_666_666_666_735e-1,
    3.999_999_999_940_942e-1,
    2.857_142_874_366_239e-1,
    2.222_219_843_214_978_4e-1,
    1.818_357_216_161_805e-1,
    1.531_383_769_920_937_3e-1,
    1.479_819_860_511_658_6e-1,
];

/// log(1 + x) for x ≥ 0, in lanes, within two units in the last place: log(1 + f) as in FreeBSD's libm (`e_logf.c`, `e_log.c`).
#[inline(always)]
pub(crate) fn ln_1p<F: Real, L: Lanes<F>>(x: L) -> L {
    let (ln_2_high, ln_2_low) = match F::PRECISION {
        Precision::Single => (6.931_381_225_6e-1, 9.058_000_614_5e-6),
        Precision::Double => (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10),
    };
    let one = splat(1.0);
    let u = one + x;
    // What the addition rounded away, of log u.
    let lost = L::select(x.less(one), x - (u - one), one - (u - x)) / u;
    let (n, m) = u.split();
    let f = m - one;
    let s = f / (f + splat(2.0));
    let z = s * s;
    let [p] = match F::PRECISION {
        Precision::Single => polynomial(&LN_SINGLE, [z]),
        Precision::Double => polynomial(&LN_DOUBLE, [z]),
    };
    let half_square = f * f * splat(0.5);
    let low = s.mul_add(p.mul_add(z, half_square), n.mul_add(splat(ln_2_low), lost));
    let ln = n.mul_add(splat(ln_2_high), f - (half_square - low));
    // u and all that follows are infinite or NaN together with x.
    L::select(x.less(splat(f64::INFINITY)), ln, x)
}
