use chainrule_core::Real;
use std::cell::Cell;

thread_local! {
    static SCRATCH: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

/// Lends `f` this thread's scratch: `len` numbers of arbitrary value. It grows on first use and stays; if `f` asks for one
/// again, that is another.
///
/// # Panics
/// If so many numbers have more bytes than there are addresses.
///
/// ```
/// let sum = chainrule_kernels::with_scratch(3, |numbers: &mut [f32]| {
///     numbers.fill(0.5);
///     numbers.iter().sum::<f32>()
/// });
/// assert_eq!(sum, 1.5);
/// ```
#[track_caller]
pub fn with_scratch<F: Real, R>(len: usize, f: impl FnOnce(&mut [F]) -> R) -> R {
    let bytes = len.checked_mul(F::BYTES);
    let bytes = bytes.unwrap_or_else(|| panic!("with_scratch: {len} numbers have no room in memory"));
    let mut scratch = SCRATCH.take();
    let wide = bytes.div_ceil(size_of::<f64>());
    if scratch.len() < wide {
        scratch.resize(wide, 0.0);
    }
    // SAFETY: `Real` is sealed: F is f64, or f32 with half its size and alignment, and `wide` f64 have the bytes of `len` of
    // them, all inside `scratch`, which is borrowed mutably for as long. Every bit pattern is a value of either type.
    let result = f(unsafe { std::slice::from_raw_parts_mut(scratch.as_mut_ptr().cast::<F>(), len) });
    SCRATCH.set(scratch);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In bytes a remainder of four.
    #[test]
    #[should_panic(expected = "with_scratch: ")]
    fn more_than_an_address_counts_is_refused() {
        with_scratch(usize::MAX / 4 + 2, |numbers: &mut [f32]| numbers.len());
    }
}
