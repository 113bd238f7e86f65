use crate::StartError;
use crate::communicator::Ranks;
use crate::cores::threads_of_rank;
use chainrule_core::Communicator;
use mpi::Threading;
use mpi::environment::Universe;
use mpi::traits::Communicator as _;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::thread;

/// This process's part in an MPI run, from its start to its end: started once, in `main`, and kept until everything else is done.
///
/// Where it is dropped, MPI is finished with, which waits for the other ranks to come there too. Dropped by a panic it ends the whole
/// run instead, as the others would wait for this rank without end.
pub struct World {
    universe: Option<Universe>,
    ranks: Arc<Ranks>,
    threads: usize,
}

impl World {
    /// Starts MPI; a program that `mpirun` did not start is alone in its world.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start() -> Result<Self, StartError> {
        // A training calls from a thread of its pool, one call at a time.
        let (universe, provided) =
            mpi::initialize_with_threading(Threading::Serialized).ok_or(StartError::AlreadyStarted)?;
        if provided < Threading::Serialized {
            return Err(StartError::Threading { found: format!("{provided:?}").to_lowercase() });
        }
        let world = universe.world();
        let (ranks, threads) = (Arc::new(Ranks::new(&world)), threads_of_rank(&world));
        Ok(World { universe: Some(universe), ranks, threads })
    }

    /// Its ranks, for [`Training`](https://docs.rs/chainrule-models)'s `communicator`.
    pub fn communicator(&self) -> Arc<dyn Communicator> {
        self.ranks.clone()
    }

    /// Threads for this rank: the cores that it may run on, shared with the other ranks of its machine; at least 1.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Ends all ranks at once, with this exit code: for a failure that the others cannot be told.
    pub fn abort(&self, code: u8) -> ! {
        mpi::topology::SimpleCommunicator::world().abort(i32::from(code))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            self.abort(101);
        }
        self.ranks.end();
        self.universe.take();
    }
}

impl Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("World").field("ranks", &self.ranks).field("threads", &self.threads).finish()
    }
}
