use super::{Kernel, Lanes};
use chainrule_core::{Precision, Real};
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Sub};

/// One register of AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<F>(__m512, PhantomData<F>);

/// An expression in each number type: with f32 registers, or with f64 registers and the result of them cast.
macro_rules! either {
    ($single:expr, $double:expr) => {
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => Avx512(unsafe { $single }, PhantomData),
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => Avx512(unsafe { _mm512_castpd_ps($double) }, PhantomData),
        }
    };
}

macro_rules! operator {
    ($trait:ident, $method:ident, $single:ident, $double:ident) => {
        impl<F: Real> $trait for Avx512<F> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                either!($single(self.0, other.0), $double(self.double(), other.double()))
            }
        }
    };
}

operator!(Add, add, _mm512_add_ps, _mm512_add_pd);
operator!(Sub, sub, _mm512_sub_ps, _mm512_sub_pd);
operator!(Mul, mul, _mm512_mul_ps, _mm512_mul_pd);
operator!(Div, div, _mm512_div_ps, _mm512_div_pd);

impl<F: Real> Avx512<F> {
    #[inline(always)]
    fn double(self) -> __m512d {
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe { _mm512_castps_pd(self.0) }
    }

    /// One half of [`Lanes::zip`], which `start` is added to the places of, as f32.
    #[inline(always)]
    fn zip_from(self, other: Self, start: i32) -> Self {
        either!(
            {
                let turn = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                _mm512_permutex2var_ps(self.0, _mm512_add_epi32(turn, _mm512_set1_epi32(start)), other.0)
            },
            {
                let turn = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
                let turn = _mm512_add_epi64(turn, _mm512_set1_epi64((start / 2).into()));
                _mm512_permutex2var_pd(self.double(), turn, other.double())
            }
        )
    }

    /// One half of [`Lanes::unzip`], from place `start` on.
    #[inline(always)]
    fn unzip_from(self, other: Self, start: i32) -> Self {
        either!(
            {
                let turn = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                _mm512_permutex2var_ps(self.0, _mm512_add_epi32(turn, _mm512_set1_epi32(start)), other.0)
            },
            {
                let turn = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
                let turn = _mm512_add_epi64(turn, _mm512_set1_epi64(start.into()));
                _mm512_permutex2var_pd(self.double(), turn, other.double())
            }
        )
    }

    /// That of the first lanes, `count` of them.
    #[inline(always)]
    fn first(count: usize) -> __mmask16 {
        assert!(count <= Self::WIDTH);
        ((1_u32 << count) - 1) as __mmask16
    }
}

impl<F: Real> Lanes<F> for Avx512<F> {
    type Mask = __mmask16;

    const SPARE: bool = true;

    #[inline(always)]
    fn call(kernel: impl Kernel<F>) {
        // SAFETY: what runs at this level was dispatched to it.
        unsafe { kernel.avx512() }
    }

    #[inline(always)]
    fn splat(x: F) -> Self {
        either!(_mm512_set1_ps(x.as_f64() as f32), _mm512_set1_pd(x.as_f64()))
    }

    #[inline(always)]
    fn load(x: &[F]) -> Self {
        assert!(x.len() == Self::WIDTH);
        // SAFETY: x is 64 bytes long; any alignment will do.
        Avx512(unsafe { x.as_ptr().cast::<__m512>().read_unaligned() }, PhantomData)
    }

    #[inline(always)]
    fn store(self, y: &mut [F]) {
        assert!(y.len() == Self::WIDTH);
        // SAFETY: y is 64 bytes long; any alignment will do.
        unsafe { y.as_mut_ptr().cast::<__m512>().write_unaligned(self.0) };
    }

    #[inline(always)]
    fn load_part(x: &[F], rest: F) -> Self {
        let (mask, pointer) = (Self::first(x.len()), x.as_ptr());
        let rest = Self::splat(rest);
        either!(
            _mm512_mask_loadu_ps(rest.0, mask, pointer.cast()),
            _mm512_mask_loadu_pd(rest.double(), mask as __mmask8, pointer.cast())
        )
    }

    #[inline(always)]
    fn store_part(self, y: &mut [F]) {
        let (mask, pointer) = (Self::first(y.len()), y.as_mut_ptr());
        match F::PRECISION {
            // SAFETY: the mask ends with y. `dispatch` makes sure of the processor's features.
            Precision::Single => unsafe { _mm512_mask_storeu_ps(pointer.cast(), mask, self.0) },
            // SAFETY: the mask ends with y. `dispatch` makes sure of the processor's features.
            Precision::Double => unsafe {
                _mm512_mask_storeu_pd(pointer.cast(), mask as __mmask8, self.double());
            },
        }
    }

    #[inline(always)]
    fn prefetch(at: *const F) {
        // SAFETY: an address that cannot be read is passed over.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        either!(_mm512_fmadd_ps(self.0, b.0, c.0), _mm512_fmadd_pd(self.double(), b.double(), c.double()))
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // The instruction gives its second operand where one is NaN.
        either!(_mm512_max_ps(other.0, self.0), _mm512_max_pd(other.double(), self.double()))
    }

    #[inline(always)]
    fn less(self, other: Self) -> __mmask16 {
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) },
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => unsafe {
                _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.double(), other.double()).into()
            },
        }
    }

    #[inline(always)]
    fn not_less(self, other: Self) -> __mmask16 {
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => unsafe { _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(self.0, other.0) },
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => unsafe {
                _mm512_cmp_pd_mask::<_CMP_NLT_UQ>(self.double(), other.double()).into()
            },
        }
    }

    #[inline(always)]
    fn differ(self, other: Self) -> __mmask16 {
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, other.0) },
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => unsafe {
                _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(self.double(), other.double()).into()
            },
        }
    }

    #[inline(always)]
    fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        either!(
            _mm512_mask_blend_ps(mask, no.0, yes.0),
            _mm512_mask_blend_pd(mask as __mmask8, no.double(), yes.double())
        )
    }

    #[inline(always)]
    fn power(self) -> Self {
        either!(
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0))),
            _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castps_si512(self.0)))
        )
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let sqrt_half = Self::splat(F::of(std::f32::consts::FRAC_1_SQRT_2.into()));
        // SAFETY: `dispatch` makes sure of the processor's features.
        unsafe {
            let (bits, sqrt_half) = (_mm512_castps_si512(self.0), _mm512_castps_si512(sqrt_half.0));
            match F::PRECISION {
                Precision::Single => {
                    let n = _mm512_srli_epi32::<23>(_mm512_sub_epi32(bits, sqrt_half));
                    let m = _mm512_sub_epi32(bits, _mm512_slli_epi32::<23>(n));
                    (Avx512(_mm512_cvtepi32_ps(n), PhantomData), Avx512(_mm512_castsi512_ps(m), PhantomData))
                }
                Precision::Double => {
                    let n = _mm512_srli_epi64::<52>(_mm512_sub_epi64(bits, sqrt_half));
                    let m = _mm512_sub_epi64(bits, _mm512_slli_epi64::<52>(n));
                    (
                        Avx512(_mm512_castpd_ps(_mm512_cvtepi64_pd(n)), PhantomData),
                        Avx512(_mm512_castsi512_ps(m), PhantomData),
                    )
                }
            }
        }
    }

    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        (self.zip_from(other, 0), self.zip_from(other, 8))
    }

    #[inline(always)]
    fn unzip(self, other: Self) -> (Self, Self) {
        (self.unzip_from(other, 0), self.unzip_from(other, 1))
    }

    #[inline(always)]
    fn middle(self, other: Self) -> Self {
        const TURN: i32 = 0b01_00_11_10;
        either!(
            _mm512_shuffle_f32x4::<TURN>(self.0, other.0),
            _mm512_shuffle_f64x2::<TURN>(self.double(), other.double())
        )
    }

    #[inline(always)]
    fn sum(self) -> F {
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => F::of(unsafe { _mm512_reduce_add_ps(self.0) }.into()),
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => F::of(unsafe { _mm512_reduce_add_pd(self.double()) }),
        }
    }

    #[inline(always)]
    fn largest(self) -> F {
        match F::PRECISION {
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Single => F::of(unsafe { _mm512_reduce_max_ps(self.0) }.into()),
            // SAFETY: `dispatch` makes sure of the processor's features.
            Precision::Double => F::of(unsafe { _mm512_reduce_max_pd(self.double()) }),
        }
    }
}
