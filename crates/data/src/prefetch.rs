/// Asks for the cache lines that a row lies in, and waits for none. Nothing happens on processors for which no safe function does it.
pub(crate) fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for element in row.iter().step_by(LINE / size_of::<T>()).chain(row.last()) {
        safe_arch::prefetch_t0(element);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
