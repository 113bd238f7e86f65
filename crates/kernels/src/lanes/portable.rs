use super::{Kernel, Lanes};
use chainrule_core::{Precision, Real};
use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

/// Arrays, of which the compiler makes what registers it has. Half of them is unused in f64.
#[derive(Clone, Copy)]
pub(crate) struct Portable<F>([F; 16]);

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<F: Real> $trait for Portable<F> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.with(
                    other,
                    #[inline(always)]
                    |a, b| a.$method(b),
                )
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<F: Real> Portable<F> {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(F, F) -> F) -> Self {
        let mut lanes = [F::zero(); 16];
        for (lane, (&a, &b)) in lanes[..Self::WIDTH].iter_mut().zip(self.0.iter().zip(&other.0)) {
            *lane = f(a, b);
        }
        Portable(lanes)
    }

    #[inline(always)]
    fn fold(self, f: impl Fn(F, F) -> F) -> F {
        let (mut lanes, mut width) = (self.0, Self::WIDTH / 2);
        while width > 0 {
            for lane in 0..width {
                lanes[lane] = f(lanes[lane], lanes[lane + width]);
            }
            width /= 2;
        }
        lanes[0]
    }
}

impl<F: Real> Lanes<F> for Portable<F> {
    type Mask = [bool; 16];

    const TILES: bool = false;

    #[inline(always)]
    fn call(kernel: impl Kernel<F>) {
        kernel.portable();
    }

    #[inline(always)]
    fn splat(x: F) -> Self {
        Portable([x; 16])
    }

    #[inline(always)]
    fn load(x: &[F]) -> Self {
        let mut lanes = [F::zero(); 16];
        lanes[..Self::WIDTH].copy_from_slice(x);
        Portable(lanes)
    }

    #[inline(always)]
    fn store(self, y: &mut [F]) {
        y.copy_from_slice(&self.0[..Self::WIDTH]);
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self * b + c
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        self.with(
            other,
            #[inline(always)]
            |a, b| if b > a { b } else { a },
        )
    }

    #[inline(always)]
    fn less(self, other: Self) -> [bool; 16] {
        let mut mask = [false; 16];
        for (mask, (a, b)) in mask.iter_mut().zip(self.0.iter().zip(&other.0)) {
            *mask = a < b;
        }
        mask
    }

    #[inline(always)]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is not less")]
    fn not_less(self, other: Self) -> [bool; 16] {
        let mut mask = [false; 16];
        for (mask, (a, b)) in mask.iter_mut().zip(self.0.iter().zip(&other.0)) {
            *mask = !(a < b);
        }
        mask
    }

    #[inline(always)]
    fn differ(self, other: Self) -> [bool; 16] {
        let mut mask = [false; 16];
        for (mask, (a, b)) in mask.iter_mut().zip(self.0.iter().zip(&other.0)) {
            *mask = a != b;
        }
        mask
    }

    #[inline(always)]
    fn select(mask: [bool; 16], yes: Self, no: Self) -> Self {
        let mut lanes = [F::zero(); 16];
        for lane in 0..Self::WIDTH {
            lanes[lane] = if mask[lane] { yes.0[lane] } else { no.0[lane] };
        }
        Portable(lanes)
    }

    #[inline(always)]
    fn power(self) -> Self {
        // For each type the conversions are from and to itself, and vanish.
        self.with(
            self,
            #[inline(always)]
            |x, _| match F::PRECISION {
                Precision::Single => F::of(f64::from(f32::from_bits((x.as_f64() as f32).to_bits() << 23))),
                Precision::Double => F::of(f64::from_bits(x.as_f64().to_bits() << 52)),
            },
        )
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        const SQRT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
        let exponent = self.with(
            self,
            #[inline(always)]
            |x, _| match F::PRECISION {
                Precision::Single => {
                    let bits = (x.as_f64() as f32).to_bits();
                    F::of(f64::from((bits.wrapping_sub(SQRT_HALF.to_bits()) >> 23) as i32))
                }
                Precision::Double => {
                    let bits = x.as_f64().to_bits();
                    F::of((bits.wrapping_sub(f64::from(SQRT_HALF).to_bits()) >> 52) as i32 as f64)
                }
            },
        );
        let mantissa = self.with(
            exponent,
            #[inline(always)]
            |x, n| match F::PRECISION {
                Precision::Single => {
                    let bits = (x.as_f64() as f32).to_bits();
                    F::of(f64::from(f32::from_bits(bits.wrapping_sub((n.as_f64() as i32 as u32) << 23))))
                }
                Precision::Double => {
                    F::of(f64::from_bits(x.as_f64().to_bits().wrapping_sub((n.as_f64() as i32 as u64) << 52)))
                }
            },
        );
        (exponent, mantissa)
    }

    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        let half = Self::WIDTH / 2;
        let turn = |start: usize| {
            let of =
                |lane: usize| if lane.is_multiple_of(2) { self } else { other }.0[(start + lane / 2) % 16];
            Portable(from_fn(of))
        };
        (turn(0), turn(half))
    }

    #[inline(always)]
    fn unzip(self, other: Self) -> (Self, Self) {
        let half = Self::WIDTH / 2;
        let from = |start: usize| {
            let of =
                |lane: usize| (if lane < half { self } else { other }).0[(start + 2 * (lane % half)) % 16];
            Portable(from_fn(of))
        };
        (from(0), from(1))
    }

    #[inline(always)]
    fn middle(self, other: Self) -> Self {
        let half = Self::WIDTH / 2;
        let of = |lane: usize| (if lane < half { self } else { other }).0[(lane + half) % Self::WIDTH];
        Portable(from_fn(of))
    }

    #[inline(always)]
    fn sum(self) -> F {
        self.fold(
            #[inline(always)]
            |a, b| a + b,
        )
    }

    #[inline(always)]
    fn largest(self) -> F {
        self.fold(
            #[inline(always)]
            |a, b| if b > a { b } else { a },
        )
    }
}
