use thiserror::Error;

/// Why MPI could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was, before: by another [`World`](crate::World), or by other code of this process. MPI starts once in a process.
    #[error("MPI: it was started before in this process, expected to be started once")]
    AlreadyStarted,

    /// The library cannot be called from the threads that train.
    #[error("MPI: the library allows calls from threads only as {found}, expected serialized")]
    Threading {
        /// The level that it provides.
        found: String,
    },
}

/// A [`World`](crate::World) was dropped before its communicators; it is the source of
/// [`Error::Communication`](chainrule_core::Error::Communication).
#[derive(Clone, Copy, Debug, Error)]
#[error("MPI was finished with before: keep the World as long as its communicators are used")]
pub struct Finished;
