use std::ops::Range;

/// Rows of a chunk, at most.
const LARGEST: usize = 512;

/// The chunks of a batch of `rows` rows, of nearly equal size: the rows of one go forward and back, and into the gradient, while what is
/// known of them is in the caches. A function of the shape alone, as the gradients of chunks are added up.
pub(super) fn chunks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(LARGEST).max(1);
    let size = rows.div_ceil(count).next_multiple_of(8).max(8);
    (0..rows).step_by(size).map(move |first| first..rows.min(first + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_batch_and_none_is_small() {
        assert_eq!(chunks(0).count(), 0);
        for rows in 1..5000 {
            let chunks = Vec::from_iter(chunks(rows));
            assert!(Vec::from_iter(chunks.iter().cloned().flatten()) == Vec::from_iter(0..rows), "{rows}");
            let sizes = || chunks.iter().map(ExactSizeIterator::len);
            assert!(
                sizes().all(|size| size <= LARGEST && (chunks.len() == 1 || size >= 64)),
                "{rows}: {chunks:?}"
            );
        }
    }
}
