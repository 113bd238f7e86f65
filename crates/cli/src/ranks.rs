//! The processes that `mpirun` started to train together, if it did: this one is one of the ranks, or alone.

use crate::stdout::is_closed;
use crate::{FAILURE, failure};
use anyhow::{Error, Result, ensure};
#[cfg(not(feature = "mpi"))]
use chainrule_core::Alone;
use chainrule_core::Communicator;
use std::env;
use std::process::ExitCode;
use std::sync::Arc;

/// All of them, from the start of a training to its end.
pub(crate) struct Ranks {
    #[cfg(feature = "mpi")]
    world: Option<chainrule_mpi::World>,
    communicator: Arc<dyn Communicator>,
}

impl Ranks {
    #[cfg(feature = "mpi")]
    pub(crate) fn start() -> Result<Self> {
        // A process that nothing launched as one of several need not wait for MPI to start.
        let world = launched().map(|_| chainrule_mpi::World::start()).transpose()?;
        let communicator = world.as_ref().map_or_else(alone, chainrule_mpi::World::communicator);
        let (launched, known) = (launched().map_or(1, |(_, ranks)| ranks), communicator.size());
        ensure!(
            launched == known || known > 1,
            "{launched} processes were started together, but MPI knows of one; start them by the mpirun of the MPI that this program was \
             built with, or by a launcher that tells it (srun --mpi=pmix)"
        );
        Ok(Ranks { world, communicator })
    }

    /// Alone; started as one of several it would write over the others.
    #[cfg(not(feature = "mpi"))]
    pub(crate) fn start() -> Result<Self> {
        let ranks = launched().map_or(1, |(_, ranks)| ranks);
        ensure!(
            ranks <= 1,
            "{ranks} processes were started together, but this program was built without MPI; build it with: cargo install \
             --path crates/cli --features mpi"
        );
        Ok(Ranks { communicator: Arc::new(Alone) })
    }

    pub(crate) fn communicator(&self) -> Arc<dyn Communicator> {
        self.communicator.clone()
    }

    /// How many there are.
    pub(crate) fn size(&self) -> usize {
        self.communicator.size()
    }

    /// Whether this is the one that prints and writes.
    pub(crate) fn is_first(&self) -> bool {
        self.communicator.rank() == 0
    }

    /// Threads that this process should use where `asked` were asked for; 0 stands for all cores.
    pub(crate) fn threads(&self, asked: usize) -> usize {
        #[cfg(feature = "mpi")]
        if let (0, Some(world)) = (asked, &self.world) {
            return world.threads();
        }
        asked
    }

    /// The result, if no rank has an error: this rank's own, or else that another has one. All come here, whatever their results,
    /// or they would wait for each other.
    pub(crate) fn agree<T>(&self, result: Result<T>) -> Result<T> {
        let words = result.as_ref().err().map(|error| format!("{error:#}"));
        match self.communicator.first_failure(words.as_deref())? {
            Some((rank, message)) if result.is_ok() => {
                Err(Error::new(chainrule_core::Error::OtherRank { rank, message }))
            }
            _ => result,
        }
    }

    /// [`Ranks::agree`] on how it ended: that nobody reads the end of what the first prints is no failure.
    pub(crate) fn agree_on_exit(&self, code: Result<ExitCode>) -> Result<ExitCode> {
        self.agree(code.or_else(|error| if is_closed(&error) { Ok(ExitCode::SUCCESS) } else { Err(error) }))
    }

    /// Makes sure that an option is the same on all.
    pub(crate) fn same(&self, option: &str, own: &str) -> Result<()> {
        let first = self.communicator.broadcast_bytes(0, own.as_bytes())?;
        let (setting, found) = (option.to_owned(), own.to_owned());
        let expected = String::from_utf8_lossy(&first).into_owned();
        let is_same = expected == found;
        let differs = chainrule_core::Error::OtherOnRank { setting, expected, found };
        self.agree(if is_same { Ok(()) } else { Err(Error::new(differs)) })
    }

    /// The end of what all did, or of what failed on all: rank 0 says why before any of them exits, as mpirun ends all when one does
    /// so with an error.
    pub(crate) fn end(self, result: Result<ExitCode>) -> Result<ExitCode> {
        if self.size() == 1 {
            self.finish();
            return result;
        }
        let code = match result {
            Err(error) if self.is_first() => failure::report(&error),
            Err(_) => ExitCode::from(FAILURE),
            Ok(code) => code,
        };
        self.communicator.barrier()?;
        self.finish();
        Ok(code)
    }

    fn finish(self) {
        #[cfg(feature = "mpi")]
        if let Some(world) = self.world {
            world.finish();
        }
    }
}

/// For a command line that this process cannot read; the others may.
pub(crate) fn fail(error: Error) -> ExitCode {
    let ended = Ranks::start().and_then(|ranks| {
        let failed = ranks.agree(Err(error));
        ranks.end(failed)
    });
    ended.unwrap_or_else(|error| failure::report(&error))
}

#[cfg(feature = "mpi")]
fn alone() -> Arc<dyn Communicator> {
    Arc::new(chainrule_core::Alone)
}

/// Whether this process is one of several that train.
pub(crate) fn are_several() -> bool {
    launched().is_some_and(|(_, ranks)| ranks > 1) && env::args_os().nth(1).is_some_and(|arg| arg == "train")
}

/// Whether another process says what there is to say of a training that fails.
pub(crate) fn is_silent() -> bool {
    are_several() && launched().is_some_and(|(rank, _)| rank > 0)
}

/// Where launchers write rank and number of ranks. Slurm's number of tasks without STEP stands in batch scripts, too, and there is not
/// that of this process.
const LAUNCHERS: [(&str, &str); 3] = [
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
];

/// This process's rank and how many there are, as the launchers of Open MPI, MPICH and its kin, and Slurm say in the environment.
fn launched() -> Option<(usize, usize)> {
    let number = |name: &str| env::var(name).ok()?.parse::<usize>().ok();
    let pair = |(rank, size): &(&str, &str)| number(rank).zip(number(size));
    LAUNCHERS.iter().find_map(pair)
}
