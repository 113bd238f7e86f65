//! A training that is killed at any moment, and resumed as often, ends in the same bits as one that never stopped. The test runs itself
//! as the training that it kills.

use crate::trainings::{Case, KINDS, Outcome};
use chainrule_core::{Purpose, Random, Real};
use chainrule_models::Every;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

const KILLS: usize = 100;
const EPOCHS: usize = 24;
/// In the environment: which kind of training to be, and where.
const KIND: &str = "CHAINRULE_TEST_KIND";
const DIRECTORY: &str = "CHAINRULE_TEST_DIRECTORY";

fn checkpoint(directory: &Path) -> PathBuf {
    directory.join("checkpoint.safetensors")
}

fn case<F: Real>(kind: usize, directory: &Path) -> Case<F> {
    let every = if kind == 3 { Every::Epochs(1) } else { Every::Steps(1 + kind as u64) };
    Case::new(kind, EPOCHS, &checkpoint(directory), every)
}

/// The outcome as text, to be compared across processes.
fn text(outcome: &Outcome) -> String {
    let bits: String = outcome.parameters.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{bits}\n{}", serde_json::to_string(&outcome.history).unwrap())
}

/// Goes on from the checkpoint if there is one, to the end, and writes down what came of it.
fn train_to_the_end<F: Real>(kind: usize, directory: &Path) {
    let case = case::<F>(kind, directory);
    let path = checkpoint(directory);
    let outcome = if path.exists() { case.resume(&path, &mut ()) } else { case.fit(&mut ()) };
    fs::write(directory.join("outcome"), text(&outcome.unwrap())).unwrap();
}

/// The training, if this process is one.
#[test]
fn as_a_training() {
    let (Ok(kind), Some(directory)) = (env::var(KIND), env::var_os(DIRECTORY)) else { return };
    match kind.parse().unwrap() {
        kind if kind % 2 == 0 => train_to_the_end::<f32>(kind, Path::new(&directory)),
        kind => train_to_the_end::<f64>(kind, Path::new(&directory)),
    }
}

/// What never stopped comes to.
fn whole(kind: usize) -> String {
    let directory = tempfile::tempdir().unwrap();
    match kind % 2 {
        0 => text(&case::<f32>(kind, directory.path()).fit(&mut ()).unwrap()),
        _ => text(&case::<f64>(kind, directory.path()).fit(&mut ()).unwrap()),
    }
}

/// Whether the checkpoint is one from within an epoch.
fn is_within_an_epoch(checkpoint: &[u8]) -> bool {
    let (_, metadata) = safetensors::SafeTensors::read_metadata(checkpoint).unwrap();
    let text = &metadata.metadata().as_ref().unwrap()["chainrule_checkpoint"];
    let description: serde_json::Value = serde_json::from_str(text).unwrap();
    description["position"]["batches"] != 0
}

#[test]
fn killed_at_a_hundred_moments_it_is_as_if_it_had_never_stopped() {
    let random = Random::new(0, Purpose::Check, 0);
    let (mut kills, mut within, mut runs, mut ends) = (0, 0, 0, 0);
    // How long a training may live at most; longer if that was too short to get anywhere.
    let mut life = 0.05;
    for kind in (0..KINDS).cycle() {
        if kills >= KILLS && ends >= KINDS {
            break;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut before = Vec::new();
        loop {
            runs += 1;
            assert!(runs < 100 * KILLS, "{kills} kills, {ends} ends");
            let mut training = Command::new(env::current_exe().unwrap())
                .args(["--exact", "killed::as_a_training"])
                .env(KIND, kind.to_string())
                .env(DIRECTORY, directory.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            if kills < KILLS {
                sleep(Duration::from_secs_f64(life * random.uniform(runs as u64)));
                training.kill().unwrap();
            }
            let status = training.wait().unwrap();
            if status.success() {
                let outcome = fs::read_to_string(directory.path().join("outcome")).unwrap();
                assert!(outcome == whole(kind), "kind {kind} after {kills} kills");
                ends += 1;
                break;
            }
            assert_eq!(status.signal(), Some(9), "a training failed by itself: {status}");
            kills += 1;
            // The checkpoint and at most one half of the next: nothing piles up.
            // (The outcome is not the training's: it is there if the process was killed on its way out.)
            let names = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name());
            let names: Vec<_> = names.filter(|name| name != "outcome").collect();
            assert!(names.len() <= 2, "{names:?}");
            let after = fs::read(checkpoint(directory.path())).unwrap_or_default();
            within += usize::from(!after.is_empty() && is_within_an_epoch(&after));
            life *= if after == before { 1.2 } else { 0.95 };
            before = after;
        }
    }
    println!("{kills} kills in {runs} runs, {within} of them with a checkpoint from within an epoch");
    assert!(within > KILLS / 4, "{within} of {kills}");
}
