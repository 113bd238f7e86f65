//! Whichever rank wants to stop, all stop after the same step, and any number of ranks goes on from there.

use super::threads::on_ranks;
use crate::trainings::break_at::BreakAt;
use crate::trainings::{Case, Outcome};
use chainrule_core::Communicator;
use chainrule_models::{Ending, Every};
use std::path::Path;
use std::sync::Arc;

/// Runs kind 0, in which everything that has a state takes part, with a break on rank `who` at event `at`.
fn broken(ranks: usize, who: usize, at: usize, path: &Path) -> Vec<Outcome> {
    on_ranks(ranks, |communicator| {
        let at = if communicator.rank() == who { at } else { 0 };
        with(path, communicator).fit(&mut BreakAt::new(at)).unwrap()
    })
}

fn with(path: &Path, communicator: Arc<dyn Communicator>) -> Case<f64> {
    let mut case = Case::new(0, 3, path, Every::Epochs(1000));
    case.training.communicator = communicator;
    case
}

fn resumed(ranks: usize, path: &Path) -> Outcome {
    let resume = |communicator| with(path, communicator).resume(path, &mut ()).unwrap();
    on_ranks(ranks, resume).remove(0)
}

#[test]
fn all_stop_with_any_of_them() {
    // 72 rows in batches of 16: an epoch has 7 events, from its beginning over five steps to its end.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoint.safetensors");
    let whole = on_ranks(3, |communicator| with(&path, communicator).fit(&mut ()).unwrap()).remove(0);
    for at in 1..=21 {
        for who in [0, 2] {
            let outcomes = broken(3, who, at, &path);
            assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "event {at} on rank {who}");
            // The last step's wish and the last epoch's end come together with the end of the training.
            let ending = outcomes[0].history.ending;
            assert_eq!(ending, Some(Ending::Callback), "event {at} on rank {who}");
            let resumed = resumed(3, &path);
            assert_eq!(resumed, whole, "event {at} on rank {who}");
        }
    }
}

#[test]
fn as_many_ranks_as_are_there_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoint.safetensors");
    let kept = directory.path().join("kept.safetensors");
    broken(4, 1, 11, &path);
    std::fs::copy(&path, &kept).unwrap();
    let of_four = resumed(4, &kept);
    for ranks in 1..=3 {
        let of_fewer = resumed(ranks, &kept);
        let difference = super::difference::<f64>(&of_fewer.parameters, &of_four.parameters);
        assert!(difference < 1e-11, "{ranks} ranks: {difference:e}");
        super::assert_close(&of_fewer.history, &of_four.history, "resumed");
    }
}
