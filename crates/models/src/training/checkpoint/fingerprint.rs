use crate::Samples;
use crate::model_file::hex;
use chainrule_core::{Error, Real, Targets};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use sha2::{Digest, Sha256};

/// Rows that are read at a time.
const CHUNK: usize = 256;

/// SHA-256, in hexadecimal digits, of all rows as they are gathered, then their answers, then their weights, as little-endian bytes.
pub(super) fn fingerprint<F: Real>(samples: Samples<F>) -> Result<String, Error> {
    let Samples { rows, targets } = samples;
    let (mut hash, mut bytes) = (Sha256::new(), Vec::new());
    let mut tile = Array2::zeros((CHUNK.min(rows.len()), rows.width()));
    let indices: Vec<usize> = (0..rows.len()).collect();
    for chunk in indices.chunks(CHUNK) {
        let mut tile = tile.slice_axis_mut(Axis(0), Slice::from(..chunk.len()));
        rows.gather(chunk, tile.view_mut())?;
        update(&mut hash, tile.view(), &mut bytes);
    }
    match targets.targets {
        Targets::Classes(labels) => {
            hash.update("classes");
            labels.iter().for_each(|&label| hash.update((label as u64).to_le_bytes()));
        }
        Targets::Probabilities(numbers) => {
            hash.update("probabilities");
            numbers.axis_chunks_iter(Axis(0), CHUNK).for_each(|rows| update(&mut hash, rows, &mut bytes));
        }
        Targets::Values(numbers) => {
            hash.update("values");
            numbers.axis_chunks_iter(Axis(0), CHUNK).for_each(|rows| update(&mut hash, rows, &mut bytes));
        }
    }
    if let Some(weights) = targets.weights {
        hash.update("weights");
        for chunk in weights.chunks(CHUNK) {
            update(&mut hash, ArrayView2::from(chunk.as_chunks::<1>().0), &mut bytes);
        }
    }
    Ok(hex(&hash.finalize()))
}

fn update<F: Real>(hash: &mut Sha256, numbers: ArrayView2<F>, bytes: &mut Vec<u8>) {
    bytes.clear();
    numbers.iter().for_each(|number| number.write_le(bytes));
    hash.update(&*bytes);
}
