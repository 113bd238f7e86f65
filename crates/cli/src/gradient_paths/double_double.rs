use std::ops::{Add, Mul};

/// The exact sum of two f64, of which the second is at most half a unit in the last place of the first: 106 bits of
/// significand.
///
/// Source: T. J. Dekker, *A floating-point technique for extending the available precision* (1971).
#[derive(Clone, Copy, Debug)]
pub(super) struct DoubleDouble {
    pub(super) high: f64,
    pub(super) low: f64,
}

impl DoubleDouble {
    pub(super) const ZERO: Self = Self { high: 0.0, low: 0.0 };
    pub(super) const ONE: Self = Self { high: 1.0, low: 0.0 };

    /// a + b, exactly.
    pub(super) fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let b_in_high = high - a;
        Self { high, low: (a - (high - b_in_high)) + (b - b_in_high) }
    }

    /// a · b, exactly.
    fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// x / y by long division, a digit of 53 bits at a time.
    pub(super) fn divided_by(self, divisor: Self) -> Self {
        let mut rest = self;
        let mut digit = || {
            let digit = rest.high / divisor.high;
            rest = rest + divisor * Self { high: -digit, low: 0.0 };
            digit
        };
        let (first, second, third) = (digit(), digit(), digit());
        Self::sum(first, second) + Self { high: third, low: 0.0 }
    }

    /// exp(x) to some 25 digits, for |x| ≤ 20 or so: the Taylor polynomial at x / 512, squared nine times.
    pub(super) fn exp(self) -> Self {
        const SQUARINGS: i32 = 9;
        const DEGREE: u32 = 12;
        // A power of 2 divides exactly.
        let part = 2.0_f64.powi(-SQUARINGS);
        let x = Self { high: self.high * part, low: self.low * part };
        let horner = |sum, n| Self::ONE + (x * sum).divided_by(Self::sum(f64::from(n), 0.0));
        let exponential = (1..=DEGREE).rev().fold(Self::ONE, horner);
        (0..SQUARINGS).fold(exponential, |e, _| e * e)
    }
}

impl Add for DoubleDouble {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.high, other.high), Self::sum(self.low, other.low));
        let sum = Self::sum(high.high, high.low + low.high);
        Self::sum(sum.high, sum.low + low.low)
    }
}

impl Mul for DoubleDouble {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against e and 1/e as written in tables, cut into two f64.
    #[test]
    fn knows_more_than_sixteen_digits() {
        for (x, high, low) in [
            (1.0, std::f64::consts::E, 1.445_646_891_729_250_2e-16),
            (-1.0, 0.367_879_441_171_442_33, -1.242_875_367_278_836_3e-17),
        ] {
            let e = DoubleDouble::sum(x, 0.0).exp();
            assert_eq!(e.high, high);
            assert!((e.low - low).abs() < 1e-26, "{e:?}");
        }
        let large = DoubleDouble::sum(10.0, 1e-20).exp() * DoubleDouble::sum(-10.0, -1e-20).exp();
        assert!((large.high - 1.0 + large.low).abs() < 1e-26, "{large:?}");
    }

    #[test]
    fn divides_back() {
        let third = DoubleDouble::ONE.divided_by(DoubleDouble::sum(3.0, 0.0));
        let one = third + third + third;
        assert!((one.high - 1.0 + one.low).abs() < 1e-31, "{one:?}");
    }
}
