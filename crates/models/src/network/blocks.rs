use chainrule_core::{Block, ParameterSpec, Real};
use std::ops::Range;

/// A block, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterBlock {
    /// Position of the layer.
    pub layer: usize,
    /// The block within the layer.
    pub block: Block,
    /// Its numbers within the network's flat buffer.
    pub range: Range<usize>,
    /// Columns of the parameter: the block is (range / columns, columns).
    pub columns: usize,
}

/// Numbers in a block, about: few enough that its gradient, its parameters and their moments stay in a core's cache
/// between the product and the step, many enough for the product to be worth a call.
const BLOCK_NUMBERS: usize = 8 * 1024;

/// Rows of a block are a multiple of this, to suit the tiles of BLAS's kernels.
const ROW_MULTIPLE: usize = 12;

/// Cuts a parameter that starts at `start` in blocks of nearly equal size: first in halves, as cores may take one each, then each of them.
pub(super) fn cut(
    layer: usize,
    parameter: usize,
    spec: &ParameterSpec,
    start: usize,
) -> impl Iterator<Item = ParameterBlock> {
    let (rows, columns) = spec.shape;
    let blocks = (rows * columns).div_ceil(BLOCK_NUMBERS).max(1);
    let rows_per_block = rows.div_ceil(blocks).next_multiple_of(ROW_MULTIPLE);
    let middle = if blocks > 1 { (rows / 2).next_multiple_of(ROW_MULTIPLE).min(rows) } else { rows };
    let starts = (0..middle).step_by(rows_per_block).map(move |first| (first, middle));
    let starts = starts.chain((middle..rows).step_by(rows_per_block).map(move |first| (first, rows)));
    starts.map(move |(first, end)| {
        let rows = first..end.min(first + rows_per_block);
        let range = start + rows.start * columns..start + rows.end * columns;
        ParameterBlock { layer, block: Block { parameter, rows }, range, columns }
    })
}

/// Calls `work` for each block, in parallel, with that block's part of each buffer.
///
/// A buffer covers exactly the blocks, or is empty and stays so. It splits after as many blocks as `cuts` says, the second time in the
/// part behind the first, and then in halves down to single blocks: no locks, no allocation.
pub(super) fn for_each_block<F: Real, const N: usize>(
    blocks: &[ParameterBlock],
    cuts: [Option<usize>; 2],
    buffers: [&mut [F]; N],
    work: &(impl Fn(&ParameterBlock, [&mut [F]; N]) + Sync),
) {
    match blocks {
        [] => {}
        [block] => work(block, buffers),
        _ => {
            let [here, behind] = cuts;
            let (left, right) =
                blocks.split_at(here.filter(|&at| 0 < at && at < blocks.len()).unwrap_or(blocks.len() / 2));
            let cut = right[0].range.start - left[0].range.start;
            let mut right_buffers = [const { None }; N];
            let mut parts = right_buffers.iter_mut();
            let left_buffers = buffers.map(|buffer| {
                let (left, right) = buffer.split_at_mut(cut.min(buffer.len()));
                *parts.next().expect("as many parts as buffers") = Some(right);
                left
            });
            let right_buffers = right_buffers.map(|part| part.expect("every buffer was split"));
            rayon::join(
                || for_each_block(left, [None; 2], left_buffers, work),
                || for_each_block(right, [behind, None], right_buffers, work),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_core::Role;

    #[test]
    fn blocks_cover_a_parameter_once_and_in_order() {
        for shape in [(1, 1), (1, 500_000), (784, 128), (3000, 3), (5, 16 * 1024), (100_000, 1)] {
            let spec = ParameterSpec::new("weight", shape, Role::Weight);
            let blocks: Vec<_> = cut(0, 0, &spec, 7).collect();
            let (mut row, mut place) = (0, 7);
            for block in &blocks {
                assert_eq!((block.block.rows.start, block.range.start), (row, place), "{shape:?}");
                (row, place) = (block.block.rows.end, block.range.end);
                assert_eq!(block.range.len(), block.block.rows.len() * shape.1);
            }
            assert_eq!((row, place), (shape.0, 7 + spec.len()), "{shape:?}");
        }
    }

    /// Where a first layer's halves meet is where half of its blocks do (`first_layer.rs`).
    #[test]
    fn half_of_the_blocks_are_half_of_the_rows() {
        for shape in [(784, 128), (784, 64), (784, 37), (784, 1024), (1001, 100), (60, 5000), (31, 2000)] {
            let spec = ParameterSpec::new("weight", shape, Role::Weight);
            let blocks: Vec<_> = cut(0, 0, &spec, 0).collect();
            let middle = blocks[blocks.len().div_ceil(2) - 1].block.rows.end;
            assert!((shape.0 / 2..shape.0 / 2 + ROW_MULTIPLE).contains(&middle), "{shape:?}: {middle}");
        }
    }

    #[test]
    fn every_block_gets_its_own_part_of_each_buffer() {
        let spec = ParameterSpec::new("weight", (1000, 100), Role::Weight);
        let blocks: Vec<_> = cut(0, 0, &spec, 0).collect();
        assert!(blocks.len() > 2);
        let mut indices: Vec<f64> = (0..spec.len()).map(|i| i as f64).collect();
        let mut counts = vec![0.0; spec.len()];
        let all_cuts = [[None, None], [Some(1), Some(2)], [Some(0), Some(0)], [Some(blocks.len()), None]];
        for (i, cuts) in all_cuts.into_iter().enumerate() {
            for_each_block(&blocks, cuts, [&mut indices, &mut [], &mut counts], &|block,
                                                                                  [
                indices,
                none,
                counts,
            ]| {
                assert!(none.is_empty());
                assert!(indices.iter().map(|&i| i as usize).eq(block.range.clone()));
                counts.iter_mut().for_each(|count| *count += 1.0);
            });
            assert!(counts.iter().all(|&count| count == (i + 1) as f64));
        }
    }
}
