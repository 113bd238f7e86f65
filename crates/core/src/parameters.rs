use crate::Real;
use std::ops::{Deref, DerefMut, Range};

/// What a parameter is for; regularisation and reports treat weights and biases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Multiplies inputs.
    Weight,
    /// Is added.
    Bias,
}

/// Name and shape of one parameter of a layer. Its numbers live in the network's flat buffer, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Name within the layer, for example `"weight"`.
    pub name: &'static str,
    /// (rows, columns).
    pub shape: (usize, usize),
    /// Weight or bias.
    pub role: Role,
}

impl ParameterSpec {
    /// How many numbers the parameter has.
    pub fn len(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    /// True for a parameter without numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A run of rows of one parameter: the piece of the gradient that one task computes and steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Position of the parameter among the layer's.
    pub parameter: usize,
    /// Rows of the parameter.
    pub rows: Range<usize>,
}

/// A fixed run of numbers that starts on a 64-byte boundary: parameters, a gradient, a moment, a tape.
///
/// ```
/// use chainrule_core::AlignedBuffer;
/// let buffer = AlignedBuffer::<f32>::zeros(100);
/// assert_eq!(buffer.len(), 100);
/// assert_eq!(buffer.as_ptr() as usize % 64, 0);
/// ```
#[derive(Debug)]
pub struct AlignedBuffer<F> {
    storage: Vec<F>,
    start: usize,
    len: usize,
}

impl<F: Real> AlignedBuffer<F> {
    const ALIGNMENT: usize = 64;

    /// A buffer of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let spare = Self::ALIGNMENT / F::BYTES;
        let storage = vec![F::zero(); len + spare];
        // The heap block of a Vec that never grows does not move, so the offset stays right.
        let start = storage.as_ptr().align_offset(Self::ALIGNMENT).min(spare);
        AlignedBuffer { storage, start, len }
    }
}

impl<F> Deref for AlignedBuffer<F> {
    type Target = [F];

    fn deref(&self) -> &[F] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<F> DerefMut for AlignedBuffer<F> {
    fn deref_mut(&mut self) -> &mut [F] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

impl<F: Real> Clone for AlignedBuffer<F> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_aligned_and_equal() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut buffer = AlignedBuffer::<f64>::zeros(len);
            buffer.iter_mut().enumerate().for_each(|(i, x)| *x = i as f64);
            let copy = buffer.clone();
            assert_eq!(copy.as_ptr() as usize % 64, 0);
            assert_eq!(&*copy, &*buffer);
        }
    }
}
