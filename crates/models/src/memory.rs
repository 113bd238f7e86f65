use chainrule_core::Real;
use std::hint::black_box;

/// Whether so many numbers can lie in one buffer, with room to align it, as far as the system says.
pub(crate) fn fits<F: Real>(numbers: usize) -> bool {
    let mut buffer = Vec::<F>::new();
    // Seen from outside, as an allocation that nobody uses may be left out.
    numbers < isize::MAX as usize / F::BYTES / 2 && black_box(&mut buffer).try_reserve_exact(numbers).is_ok()
}
