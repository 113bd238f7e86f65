use super::{Kernel, Lanes};
use chainrule_core::{Precision, Real};
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Sub};

/// Two registers of AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<F>([__m256; 2], PhantomData<F>);

#[inline(always)]
fn double(x: __m256) -> __m256d {
    // SAFETY: `dispatch` makes sure of the processor's features.
    unsafe { _mm256_castps_pd(x) }
}

#[inline(always)]
fn single(x: __m256d) -> __m256 {
    // SAFETY: `dispatch` makes sure of the processor's features.
    unsafe { _mm256_castpd_ps(x) }
}

#[inline(always)]
fn integer(x: __m256) -> __m256i {
    // SAFETY: `dispatch` makes sure of the processor's features.
    unsafe { _mm256_castps_si256(x) }
}

/// An expression in either half, once with f32 registers and once with f64 registers: `half` is 0 or 1. Written out, as a loop in each
/// of some thousand expressions takes most of the time to compile.
macro_rules! either {
    ($half:ident: $single:expr, $double:expr) => {
        Avx2([either!(0, $half, $single, $double), either!(1, $half, $single, $double)], PhantomData)
    };
    ($number:literal, $half:ident, $single:expr, $double:expr) => {{
        let $half = $number;
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => unsafe { $single },
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => single(unsafe { $double }),
        }
    }};
}

macro_rules! operator {
    ($trait:ident, $method:ident, $single:ident, $double:ident) => {
        impl<F: Real> $trait for Avx2<F> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                either!(half: $single(self.0[half], other.0[half]), $double(double(self.0[half]), double(other.0[half])))
            }
        }
    };
}

operator!(Add, add, _mm256_add_ps, _mm256_add_pd);
operator!(Sub, sub, _mm256_sub_ps, _mm256_sub_pd);
operator!(Mul, mul, _mm256_mul_ps, _mm256_mul_pd);
operator!(Div, div, _mm256_div_ps, _mm256_div_pd);

impl<F: Real> Avx2<F> {
    /// The exponents of one half, as integers.
    #[inline(always)]
    fn exponents(x: __m256) -> __m256i {
        const SQRT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe {
            match F::PRECISION {
                Precision::Single => {
                    let sqrt_half = _mm256_set1_epi32(SQRT_HALF.to_bits() as i32);
                    _mm256_srli_epi32::<23>(_mm256_sub_epi32(integer(x), sqrt_half))
                }
                Precision::Double => {
                    let sqrt_half = _mm256_set1_epi64x(f64::from(SQRT_HALF).to_bits() as i64);
                    _mm256_srli_epi64::<52>(_mm256_sub_epi64(integer(x), sqrt_half))
                }
            }
        }
    }

    #[inline(always)]
    fn zip_half(a: __m256, b: __m256) -> Self {
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe {
            // Either half of the registers is unpacked by itself.
            let (low, high) = match F::PRECISION {
                Precision::Single => (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)),
                Precision::Double => (
                    single(_mm256_unpacklo_pd(double(a), double(b))),
                    single(_mm256_unpackhi_pd(double(a), double(b))),
                ),
            };
            let ordered =
                [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)];
            Avx2(ordered, PhantomData)
        }
    }

    /// The numbers at even and at odd places.
    #[inline(always)]
    fn unzip_half(x: Self) -> [__m256; 2] {
        let [a, b] = x.0;
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe {
            // Of either half of the registers by itself, in pairs that are then put in order.
            let (even, odd) = match F::PRECISION {
                Precision::Single => (
                    _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(a, b)),
                    _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(a, b)),
                ),
                Precision::Double => {
                    (_mm256_unpacklo_pd(double(a), double(b)), _mm256_unpackhi_pd(double(a), double(b)))
                }
            };
            [
                single(_mm256_permute4x64_pd::<0b11_01_10_00>(even)),
                single(_mm256_permute4x64_pd::<0b11_01_10_00>(odd)),
            ]
        }
    }
}

impl<F: Real> Lanes<F> for Avx2<F> {
    /// All bits of a lane, or none.
    type Mask = Self;

    #[inline(always)]
    fn call(kernel: impl Kernel<F>) {
        // SAFETY: what runs at this level was dispatched to it.
        unsafe { kernel.avx2() }
    }

    #[inline(always)]
    fn splat(x: F) -> Self {
        either!(_half: _mm256_set1_ps(x.as_f64() as f32), _mm256_set1_pd(x.as_f64()))
    }

    #[inline(always)]
    fn load(x: &[F]) -> Self {
        assert!(x.len() == Self::WIDTH);
        // SAFETY: x is 64 bytes long; any alignment will do.
        Avx2(unsafe { x.as_ptr().cast::<[__m256; 2]>().read_unaligned() }, PhantomData)
    }

    #[inline(always)]
    fn store(self, y: &mut [F]) {
        assert!(y.len() == Self::WIDTH);
        // SAFETY: y is 64 bytes long; any alignment will do.
        unsafe { y.as_mut_ptr().cast::<[__m256; 2]>().write_unaligned(self.0) };
    }

    #[inline(always)]
    fn prefetch(at: *const F) {
        // SAFETY: an address that cannot be read is passed over.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        either!(
            half: _mm256_fmadd_ps(self.0[half], b.0[half], c.0[half]),
            _mm256_fmadd_pd(double(self.0[half]), double(b.0[half]), double(c.0[half]))
        )
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // The instruction gives its second operand where one is NaN.
        either!(
            half: _mm256_max_ps(other.0[half], self.0[half]),
            _mm256_max_pd(double(other.0[half]), double(self.0[half]))
        )
    }

    #[inline(always)]
    fn less(self, other: Self) -> Self {
        either!(
            half: _mm256_cmp_ps::<_CMP_LT_OQ>(self.0[half], other.0[half]),
            _mm256_cmp_pd::<_CMP_LT_OQ>(double(self.0[half]), double(other.0[half]))
        )
    }

    #[inline(always)]
    fn not_less(self, other: Self) -> Self {
        either!(
            half: _mm256_cmp_ps::<_CMP_NLT_UQ>(self.0[half], other.0[half]),
            _mm256_cmp_pd::<_CMP_NLT_UQ>(double(self.0[half]), double(other.0[half]))
        )
    }

    #[inline(always)]
    fn differ(self, other: Self) -> Self {
        either!(
            half: _mm256_cmp_ps::<_CMP_NEQ_UQ>(self.0[half], other.0[half]),
            _mm256_cmp_pd::<_CMP_NEQ_UQ>(double(self.0[half]), double(other.0[half]))
        )
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        either!(
            half: _mm256_blendv_ps(no.0[half], yes.0[half], mask.0[half]),
            _mm256_blendv_pd(double(no.0[half]), double(yes.0[half]), double(mask.0[half]))
        )
    }

    #[inline(always)]
    fn power(self) -> Self {
        either!(
            half: _mm256_castsi256_ps(_mm256_slli_epi32::<23>(integer(self.0[half]))),
            _mm256_castsi256_pd(_mm256_slli_epi64::<52>(integer(self.0[half])))
        )
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // 2⁵²: what its bits are added to is a number that large plus the integer, as AVX2 converts no 64-bit integers.
        let large = Self::splat(F::of(4_503_599_627_370_496.0));
        let n: Self = either!(
            half: _mm256_cvtepi32_ps(Self::exponents(self.0[half])),
            _mm256_sub_pd(
                _mm256_castsi256_pd(_mm256_or_si256(Self::exponents(self.0[half]), integer(large.0[half]))),
                double(large.0[half])
            )
        );
        let m: Self = either!(
            half: _mm256_castsi256_ps(_mm256_sub_epi32(
                integer(self.0[half]),
                _mm256_slli_epi32::<23>(Self::exponents(self.0[half]))
            )),
            _mm256_castsi256_pd(_mm256_sub_epi64(
                integer(self.0[half]),
                _mm256_slli_epi64::<52>(Self::exponents(self.0[half]))
            ))
        );
        (n, m)
    }

    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        (Self::zip_half(self.0[0], other.0[0]), Self::zip_half(self.0[1], other.0[1]))
    }

    #[inline(always)]
    fn unzip(self, other: Self) -> (Self, Self) {
        let (low, high) = (Self::unzip_half(self), Self::unzip_half(other));
        (Avx2([low[0], high[0]], PhantomData), Avx2([low[1], high[1]], PhantomData))
    }

    #[inline(always)]
    fn middle(self, other: Self) -> Self {
        Avx2([self.0[1], other.0[0]], PhantomData)
    }

    #[inline(always)]
    fn sum(self) -> F {
        let [a, b] = self.0;
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe {
            match F::PRECISION {
                Precision::Single => {
                    let x = _mm256_add_ps(a, b);
                    let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
                    let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
                    F::of(_mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x))).into())
                }
                Precision::Double => {
                    let x = _mm256_add_pd(double(a), double(b));
                    let x = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
                    F::of(_mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x))))
                }
            }
        }
    }

    #[inline(always)]
    fn largest(self) -> F {
        let [a, b] = self.0;
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe {
            match F::PRECISION {
                Precision::Single => {
                    let x = _mm256_max_ps(a, b);
                    let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
                    let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
                    F::of(_mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps::<1>(x, x))).into())
                }
                Precision::Double => {
                    let x = _mm256_max_pd(double(a), double(b));
                    let x = _mm_max_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
                    F::of(_mm_cvtsd_f64(_mm_max_sd(x, _mm_unpackhi_pd(x, x))))
                }
            }
        }
    }
}
