use crate::Error;
use std::fmt::Debug;

/// A run of numbers of either [`Real`](crate::Real) type, for what cannot be generic; [`Real::numbers`](crate::Real::numbers) makes it.
#[derive(Debug)]
pub enum Numbers<'a> {
    /// `f32`
    Single(&'a mut [f32]),
    /// `f64`
    Double(&'a mut [f64]),
}

/// The processes that do one work together, the ranks 0 to [`size`](Communicator::size) - 1, as one of them sees them.
///
/// Every method but [`rank`](Communicator::rank) and [`size`](Communicator::size) is collective: all ranks call it, in the same order, with
/// buffers of the same length, and each waits for the others. Who fails alone must therefore come to the next meeting and say so:
/// [`Communicator::first_failure`].
///
/// ```
/// use chainrule_core::{Alone, Communicator, Real};
/// fn mean<F: Real>(numbers: &mut [F], ranks: &dyn Communicator) -> Result<(), chainrule_core::Error> {
///     ranks.sum(F::numbers(numbers))?;
///     numbers.iter_mut().for_each(|number| *number /= F::of(ranks.size() as f64));
///     Ok(())
/// }
/// let mut numbers = [1.0_f32, 2.0];
/// mean(&mut numbers, &Alone)?;
/// assert_eq!(numbers, [1.0, 2.0]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Communication`], of every collective method: the ranks can no longer do anything together.
pub trait Communicator: Debug + Send + Sync {
    /// Which of the ranks this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are, at least 1.
    fn size(&self) -> usize;

    /// xᵢ ← Σ over the ranks of xᵢ: the same bits on all of them, and again for the same numbers on as many ranks, if they are connected as
    /// before.
    fn sum(&self, numbers: Numbers) -> Result<(), Error>;

    /// bytes ← those of rank `root`.
    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), Error>;

    /// Waits until all ranks are here.
    fn barrier(&self) -> Result<(), Error>;

    /// Bytes of any length from rank `root`, who gives them; what the others give does not matter.
    fn broadcast_bytes(&self, root: usize, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut length = (bytes.len() as u64).to_le_bytes();
        self.broadcast(root, &mut length)?;
        if self.rank() == root {
            let mut bytes = bytes.to_vec();
            self.broadcast(root, &mut bytes)?;
            return Ok(bytes);
        }
        let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
        self.broadcast(root, &mut bytes)?;
        Ok(bytes)
    }

    /// The first rank, if any, of which `is_so` was said; the same answer on all ranks.
    fn first(&self, is_so: bool) -> Result<Option<usize>, Error> {
        let mut flags = vec![0.0; self.size()];
        flags[self.rank()] = if is_so { 1.0 } else { 0.0 };
        self.sum(Numbers::Double(&mut flags))?;
        Ok(flags.iter().position(|&flag| flag > 0.0))
    }

    /// The first rank that failed, if any did, and what it says of it: the same on all ranks, whatever each brings.
    fn first_failure(&self, own: Option<&str>) -> Result<Option<(usize, String)>, Error> {
        let Some(rank) = self.first(own.is_some())? else { return Ok(None) };
        let words = self.broadcast_bytes(rank, own.unwrap_or_default().as_bytes())?;
        Ok(Some((rank, String::from_utf8_lossy(&words).into_owned())))
    }
}

/// The one process of a work that no other takes part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alone;

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn sum(&self, _numbers: Numbers) -> Result<(), Error> {
        Ok(())
    }

    fn broadcast(&self, _root: usize, _bytes: &mut [u8]) -> Result<(), Error> {
        Ok(())
    }

    fn barrier(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_everything_stays_as_it_is() {
        let mut numbers = [1.5_f64, f64::NAN];
        Alone.sum(Numbers::Double(&mut numbers)).expect("nothing to fail");
        assert!(numbers[0] == 1.5 && numbers[1].is_nan());
        assert_eq!(Alone.broadcast_bytes(0, b"bytes").expect("nothing to fail"), b"bytes");
        assert_eq!(Alone.first_failure(None).expect("nothing to fail"), None);
        let failure = Alone.first_failure(Some("no rows")).expect("nothing to fail");
        assert_eq!(failure, Some((0, "no rows".to_owned())));
    }
}
