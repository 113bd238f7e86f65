use crate::training::History;
use crate::training::accuracy::Sums;
use serde::{Deserialize, Serialize};

/// How far a training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::training) struct Position {
    /// Epochs in the life of the network, those before this training included.
    pub(in crate::training) epochs: usize,
    /// The epochs of this training that are over.
    pub(in crate::training) history: History,
    /// Batches of the epoch under way that are behind.
    pub(in crate::training) batches: usize,
    /// What they summed up to.
    pub(in crate::training) sums: Sums,
    /// The time that they took, in seconds.
    pub(in crate::training) seconds: f64,
}
