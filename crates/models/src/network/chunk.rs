use std::ops::Range;

/// Rows of a chunk, at most.
const LARGEST: usize = 512;

/// Rows of a tape that a training step of `rows` rows needs: those of a chunk, as each takes the place of the one before.
pub(crate) fn chunk_room(rows: usize) -> usize {
    rows.min(LARGEST)
}

/// The chunks of a batch of `rows` rows, of nearly equal size: the rows of one go forward and back, and into the gradient, while what is
/// known of them is in the caches. A function of the shape alone, as the gradients of chunks are added up.
pub(super) fn chunks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(LARGEST);
    // Products go through multiples of eight rows.
    let first = move |chunk: usize| (rows * chunk / count).next_multiple_of(8).min(rows);
    (0..count).map(move |chunk| first(chunk)..first(chunk + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_batch_and_none_is_small() {
        for rows in (0..5000).chain([32_257, 100_001]) {
            let chunks = Vec::from_iter(chunks(rows));
            assert!(chunks.iter().cloned().flatten().eq(0..rows), "{rows}");
            let sizes = chunks.iter().map(ExactSizeIterator::len);
            assert!(sizes.clone().all(|size| size <= LARGEST), "{rows}: {chunks:?}");
            assert!(
                chunks.len() <= 1 || sizes.clone().all(|size| size >= LARGEST / 2 - 8),
                "{rows}: {chunks:?}"
            );
        }
    }
}
