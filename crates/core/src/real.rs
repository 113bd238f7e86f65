use crate::Numbers;
use ndarray::NdFloat;
use std::iter::Sum;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Which of the two number types a [`Real`] is, for code that calls one function per type (BLAS does).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `f32`, 24 bits of significand.
    Single,
    /// `f64`, 53 bits of significand.
    Double,
}

/// The number type of a network: `f32` or `f64`, and no other (the trait is sealed).
///
/// ```
/// use chainrule_core::Real;
/// fn half<F: Real>(x: F) -> F {
///     x * F::of(0.5)
/// }
/// assert_eq!(half(3.0_f32), 1.5);
/// ```
pub trait Real: NdFloat + Sum + Default + sealed::Sealed {
    /// Which of the two types this is.
    const PRECISION: Precision;
    /// The type's name: `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Size in bytes.
    const BYTES: usize;

    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// A byte's value, exactly.
    fn from_byte(byte: u8) -> Self;

    /// The same value as an `f64`, exactly.
    fn as_f64(self) -> f64;

    /// Appends the value's bytes, little endian.
    fn write_le(self, bytes: &mut Vec<u8>);

    /// Reads a value from exactly [`Real::BYTES`] bytes, little endian.
    ///
    /// # Panics
    /// If `bytes` has another length.
    fn read_le(bytes: &[u8]) -> Self;

    /// Numbers of this type, for what cannot be generic.
    fn numbers(numbers: &mut [Self]) -> Numbers<'_>;
}

macro_rules! real {
    ($type:ty, $precision:ident, $name:literal) => {
        impl Real for $type {
            const PRECISION: Precision = Precision::$precision;
            const NAME: &'static str = $name;
            const BYTES: usize = size_of::<$type>();

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn from_byte(byte: u8) -> Self {
                Self::from(byte)
            }

            #[inline(always)]
            fn as_f64(self) -> f64 {
                f64::from(self)
            }

            fn write_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            #[track_caller]
            fn read_le(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("as many bytes as the type has"))
            }

            fn numbers(numbers: &mut [Self]) -> Numbers<'_> {
                Numbers::$precision(numbers)
            }
        }
    };
}

real!(f32, Single, "f32");
real!(f64, Double, "f64");
