use super::ArrayProblem;
use super::element::Element;
use std::io::{self, Read};

/// An array in a file: its header, and its elements as a stream.
pub(super) struct RawArray<'a> {
    pub(super) element: Element,
    /// Length of each dimension.
    pub(super) shape: Vec<u64>,
    /// Whether the first dimension is the fastest; else the last is.
    pub(super) columns_first: bool,
    pub(super) data: Box<dyn Read + 'a>,
    /// The most bytes that `data` can give, as far as that is known from the file's length.
    pub(super) most: u64,
    /// Whether there are exactly so many.
    pub(super) exact: bool,
}

/// Why elements could not be read.
pub(super) enum Failure {
    Io(io::Error),
    Problem(ArrayProblem),
}

impl From<ArrayProblem> for Failure {
    fn from(problem: ArrayProblem) -> Self {
        Failure::Problem(problem)
    }
}

/// Bytes that are converted at a time.
const CHUNK: usize = 1 << 16;

impl RawArray<'_> {
    /// Number of elements, whose bytes the file can hold.
    pub(super) fn elements(&self) -> Result<usize, Failure> {
        let product = |lengths: &[u64]| {
            lengths.iter().try_fold(1_u128, |product, &length| product.checked_mul(length.into()))
        };
        let elements = if self.shape.contains(&0) { Some(0) } else { product(&self.shape) };
        let elements = elements.unwrap_or(u128::MAX);
        let expected = elements.saturating_mul(self.element.size as u128);
        if expected > self.most.into() {
            return Err(match self.exact {
                true => ArrayProblem::Truncated { expected, found: self.most },
                false => ArrayProblem::TooLarge { expected, most: self.most },
            }
            .into());
        }
        if self.exact && expected < self.most.into() {
            return Err(ArrayProblem::Trailing { expected }.into());
        }
        // Not more than the bytes of a file.
        Ok(usize::try_from(elements).unwrap_or(usize::MAX))
    }

    /// Each element through `of`, with its number, in the order of the file. Memory grows with what arrives.
    pub(super) fn read<T>(
        &mut self,
        mut of: impl FnMut(usize, &[u8]) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let elements = self.elements()?;
        let size = self.element.size;
        let mut found = Vec::new();
        if self.exact {
            found.reserve_exact(elements);
        }
        let mut buffer = vec![0; CHUNK.max(size) / size * size];
        while found.len() < elements {
            let chunk = &mut buffer[..size * (elements - found.len()).min(CHUNK.max(size) / size)];
            let filled = fill(&mut *self.data, chunk)?;
            if filled < chunk.len() {
                let expected = elements as u128 * size as u128;
                let found = (found.len() * size + filled) as u64;
                return Err(ArrayProblem::Truncated { expected, found }.into());
            }
            let arrived = chunk.len() / size;
            if found.capacity() < found.len() + arrived {
                // Twice as many, but not more than are announced.
                let wanted = (2 * found.len()).clamp(found.len() + arrived, elements);
                found.reserve_exact(wanted - found.len());
            }
            for element in chunk.chunks_exact(size) {
                found.push(of(found.len(), element)?);
            }
        }
        // Nothing may follow; and an archive checks its sum only at the end.
        if fill(&mut *self.data, &mut [0])? > 0 {
            return Err(ArrayProblem::Trailing { expected: elements as u128 * size as u128 }.into());
        }
        Ok(found)
    }
}

/// Reads until `buffer` is full or there is nothing more, and gives how many bytes there were.
fn fill(data: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Failure> {
    let mut filled = 0;
    while filled < buffer.len() {
        match data.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Io(error)),
        }
    }
    Ok(filled)
}

/// The next bytes of a header, of `expected` bytes in all.
pub(super) fn header_bytes(data: &mut dyn Read, count: usize, expected: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; count];
    let found = fill(data, &mut bytes)?;
    if found < count {
        let missing = (count - found) as u64;
        return Err(ArrayProblem::Truncated { expected: expected.into(), found: expected - missing }.into());
    }
    Ok(bytes)
}
