use crate::Finished;
use chainrule_core::{Communicator, Error, Numbers};
use mpi::collective::SystemOperation;
use mpi::datatype::Equivalence;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives, Root};
use std::fmt::{self, Debug};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers that go into one call: few enough that where they arrive stays in the cache, many enough that its latency is a small part of
/// the time. (What MPI counts them by is 31 bits wide.)
const PIECE: usize = 1 << 20;

/// All processes of an MPI run.
pub(crate) struct Ranks {
    rank: usize,
    size: usize,
    arrivals: Mutex<Arrivals>,
}

/// Where sums arrive. The lock on it is what serialises the calls, too.
#[derive(Default)]
struct Arrivals {
    single: Vec<f32>,
    double: Vec<f64>,
    is_over: bool,
}

impl Ranks {
    pub(crate) fn new(world: &SimpleCommunicator) -> Self {
        // Both are at least 0 in every MPI.
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        Ranks { rank, size, arrivals: Mutex::default() }
    }

    /// From now on every call is an error.
    pub(crate) fn end(&self) {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
    }

    /// The world, for the one thread that may call it now.
    fn world(
        &self,
        operation: &'static str,
    ) -> Result<(SimpleCommunicator, MutexGuard<'_, Arrivals>), Error> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if arrivals.is_over {
            return Err(Error::Communication { operation, source: Box::new(Finished) });
        }
        Ok((SimpleCommunicator::world(), arrivals))
    }
}

fn sum<T: Equivalence + Copy + Default>(world: &SimpleCommunicator, numbers: &mut [T], arrivals: &mut Vec<T>)
where
    [T]: mpi::traits::Buffer + mpi::traits::BufferMut,
{
    arrivals.resize(arrivals.len().max(numbers.len().min(PIECE)), T::default());
    for piece in numbers.chunks_mut(PIECE) {
        let arrivals = &mut arrivals[..piece.len()];
        world.all_reduce_into(&*piece, arrivals, SystemOperation::sum());
        piece.copy_from_slice(arrivals);
    }
}

impl Communicator for Ranks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&self, numbers: Numbers) -> Result<(), Error> {
        let (world, mut arrivals) = self.world("sum")?;
        match numbers {
            Numbers::Single(numbers) => sum(&world, numbers, &mut arrivals.single),
            Numbers::Double(numbers) => sum(&world, numbers, &mut arrivals.double),
        }
        Ok(())
    }

    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let (world, _lock) = self.world("broadcast")?;
        // Ranks are numbered by an `i32`.
        let root = world.process_at_rank(root as i32);
        bytes.chunks_mut(PIECE).for_each(|piece| root.broadcast_into(piece));
        Ok(())
    }

    fn barrier(&self) -> Result<(), Error> {
        let (world, _lock) = self.world("barrier")?;
        world.barrier();
        Ok(())
    }
}

impl Debug for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Ranks").field("rank", &self.rank).field("size", &self.size).finish()
    }
}
