use crate::{Error, Real};
use std::ops::{Deref, DerefMut, Range};

/// What a parameter is for; regularisation and reports treat weights and biases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Multiplies inputs.
    Weight,
    /// Is added.
    Bias,
}

/// What a parameter's size costs: l1 Σ|θ| + l2 Σ θ² is added to the loss, and l1 sign(θ) + 2 l2 θ to the gradient.
///
/// It does not depend on the batch. Where θ is 0, sign(θ) is 0. Source: *Neural Networks from Scratch*, chapter 14.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalty {
    /// Factor of the sum of absolute values, at least 0.
    pub l1: f64,
    /// Factor of the sum of squares, at least 0.
    pub l2: f64,
}

impl Penalty {
    /// No penalty.
    pub const NONE: Penalty = Penalty { l1: 0.0, l2: 0.0 };

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a factor that is negative or not finite.
    pub fn check(&self) -> Result<(), Error> {
        for (name, value) in [("l1", self.l1), ("l2", self.l2)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Setting { name, expected: "a finite number, at least 0", value });
            }
        }
        Ok(())
    }
}

/// Name and shape of one parameter of a layer. Its numbers live in the network's flat buffer, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Name within the layer, for example `"weight"`.
    pub name: &'static str,
    /// (rows, columns).
    pub shape: (usize, usize),
    /// Weight or bias.
    pub role: Role,
    /// What its size costs.
    pub penalty: Penalty,
    /// The longest that a column may be (the weights into one unit, √Σ θ²); a longer one is scaled back after each step.
    pub max_norm: Option<f64>,
}

impl ParameterSpec {
    /// A parameter without penalty or bound.
    pub fn new(name: &'static str, shape: (usize, usize), role: Role) -> Self {
        ParameterSpec { name, shape, role, penalty: Penalty::NONE, max_norm: None }
    }

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
