//! Training on several machines: the [`Communicator`](chainrule_core::Communicator) of chainrule on MPI.
//!
//! Three lines make a training a distributed one, of the same result up to rounding:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use chainrule_models::Training;
//! # let training = Training::<f32>::default();
//! chainrule_mpi::World::run(|world| {                                                // around all that main does
//!     let (communicator, threads) = (world.communicator(), world.threads());
//!     let training = Training { communicator, threads, ..training };                 // then fit, as ever
//! #   drop(training);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! and `mpirun -n 4 program` runs it, `mpirun --hostfile …` on several machines. Every rank runs the whole program: only rank 0 should
//! print and write. [`World::threads`] says how many threads leave all ranks of a machine their cores.
//!
//! Built against the MPI library of the system (Open MPI: Debian's `libopenmpi-dev`), found by `mpicc`.

mod communicator;
mod cores;
mod error;
mod world;

pub use error::{Finished, StartError};
pub use world::World;
