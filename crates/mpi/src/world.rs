use crate::StartError;
use crate::communicator::Ranks;
use crate::cores::threads_of_rank;
use chainrule_core::Communicator;
use mpi::Threading;
use mpi::environment::Universe;
use mpi::traits::Communicator as _;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::thread;

/// This process's part in an MPI run, from its start to its end, once in a process.
///
/// [`World::run`] is all that most programs need. Otherwise [`World::start`] is for the beginning of `main`, and [`World::finish`] for
/// its end: a world of several ranks that is dropped without, by a panic or an early return, ends the whole run, as the others would
/// wait for this rank without end.
pub struct World {
    universe: Option<Universe>,
    ranks: Arc<Ranks>,
    threads: usize,
}

impl World {
    /// Does `work` on every rank, from the start of MPI to its end. Where it fails on one of several ranks, that one prints its error and
    /// ends all of them with exit code 1, as the others would wait for it.
    ///
    /// ```
    /// use chainrule_core::{Error, Numbers};
    /// chainrule_mpi::World::run(|world| {
    ///     let mut ranks = [1.0];
    ///     world.communicator().sum(Numbers::Double(&mut ranks))?;
    ///     assert_eq!(ranks, [world.communicator().size() as f64]);
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StartError`], and what `work` says where there is one rank.
    pub fn run<T, E: From<StartError> + Display>(work: impl FnOnce(&World) -> Result<T, E>) -> Result<T, E> {
        let world = World::start()?;
        let result = work(&world);
        if let Err(error) = &result
            && world.ranks.size() > 1
        {
            eprintln!("error: rank {}: {error}", world.ranks.rank());
            world.abort(1);
        }
        world.finish();
        result
    }

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

    /// Ends MPI, once all ranks are here.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.ranks.end();
        self.universe.take();
    }

    /// Ends all ranks at once, with this exit code: for a failure that the others cannot be told.
    pub fn abort(&self, code: u8) -> ! {
        mpi::topology::SimpleCommunicator::world().abort(i32::from(code))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.universe.is_some() && self.ranks.size() > 1 {
            if thread::panicking() {
                self.abort(101);
            }
            eprintln!(
                "error: rank {}: it left before World::finish, for which the others wait",
                self.ranks.rank()
            );
            self.abort(1);
        }
        self.end();
    }
}

impl Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("World").field("ranks", &self.ranks).field("threads", &self.threads).finish()
    }
}
