//! A training that was interrupted anywhere and goes on from its checkpoint ends in the same bits; what is not the same training, or
//! not a whole checkpoint, is refused by name.

use crate::trainings::break_at::BreakAt;
use crate::trainings::{Case, KINDS, ROWS};
use chainrule_core::{Error, Loss, Real, Targets};
use chainrule_models::{
    Adam, BatchRecord, Callback, CategoricalCrossEntropy, Checkpoints, ClassWeights, Classifier, Clipping,
    EarlyStopping, Ending, Every, LayerSpec, MeanSquaredError, ModelFileError, Network, Progress, Samples,
    Schedule, Sgd, Training,
};
use ndarray::{Array2, array};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("checkpoint.safetensors")
    }
}

fn interrupted_anywhere<F: Real>(kind: usize) {
    let place = Place::new();
    // So seldom that it is the interruption that writes.
    let case = Case::<F>::new(kind, 4, &place.file(), Every::Steps(1000));
    let mut all = BreakAt::new(usize::MAX);
    let whole = case.fit(&mut all).unwrap();
    assert!(all.events > 10);
    for at in 1..=all.events {
        let _ = fs::remove_file(place.file());
        let part = case.fit(&mut BreakAt::new(at)).unwrap();
        assert_eq!(part.history.ending, Some(Ending::Callback));
        // Once more, soon after.
        let again = case.resume(&place.file(), &mut BreakAt::new(3)).unwrap();
        assert!(again.history.ending == Some(Ending::Callback) || again == whole, "kind {kind}, event {at}");
        let resumed = case.resume(&place.file(), &mut ()).unwrap();
        assert_eq!(resumed, whole, "kind {kind}, event {at}");
    }
    // One that is over stays as it is.
    assert_eq!(case.resume(&place.file(), &mut ()).unwrap(), whole);
}

#[test]
fn interrupted_anywhere_and_resumed_it_is_as_if_it_had_never_stopped() {
    for kind in 0..KINDS {
        interrupted_anywhere::<f32>(kind);
    }
    interrupted_anywhere::<f64>(0);
}

#[test]
fn a_training_with_checkpoints_is_one_without() {
    for kind in 0..KINDS {
        let place = Place::new();
        let mut case = Case::<f32>::new(kind, 3, &place.file(), Every::Steps(2));
        let with = case.fit(&mut ()).unwrap();
        case.training.checkpoints = None;
        assert_eq!(case.fit(&mut ()).unwrap(), with);
        assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "one file is left");
    }
}

/// The description in a checkpoint.
fn description(path: &Path) -> serde_json::Value {
    let bytes = fs::read(path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    serde_json::from_str(&metadata.metadata().as_ref().unwrap()["chainrule_checkpoint"]).unwrap()
}

#[test]
fn checkpoints_are_written_as_often_as_asked() {
    /// After each step and epoch, the step and the batch of the last checkpoint.
    struct Seen(PathBuf, Vec<(u64, u64)>);
    impl Seen {
        fn look(&mut self) -> ControlFlow<()> {
            if self.0.exists() {
                let seen = description(&self.0);
                let number = |value: &serde_json::Value| value.as_u64().unwrap();
                self.1.push((number(&seen["step"]), number(&seen["position"]["batches"])));
            }
            ControlFlow::Continue(())
        }
    }
    impl Callback<f32> for Seen {
        fn epoch_begin(&mut self, _: usize, _: usize) -> ControlFlow<()> {
            self.look()
        }
        fn batch_end(&mut self, _: &BatchRecord) -> ControlFlow<()> {
            self.look()
        }
    }
    let seen = |every| {
        let place = Place::new();
        let mut seen = Seen(place.file(), Vec::new());
        Case::<f32>::new(4, 3, &place.file(), every).fit(&mut seen).unwrap();
        seen.look().is_continue().then_some(seen.1).unwrap()
    };
    // Six batches an epoch. A callback sees what was written after the step before.
    let mut steps = seen(Every::Steps(4));
    steps.dedup();
    assert_eq!(steps, [(4, 4), (8, 2), (12, 6), (16, 4), (18, 0)]);
    let mut epochs = seen(Every::Epochs(2));
    epochs.dedup();
    assert_eq!(epochs, [(12, 0), (18, 0)]);
}

#[test]
fn more_epochs_may_follow() {
    let place = Place::new();
    let case = |epochs| {
        let mut case = Case::<f64>::new(3, epochs, &place.file(), Every::Epochs(1));
        case.training.schedule = Schedule::InverseTime { decay: 0.01 };
        case
    };
    let long = case(7).fit(&mut ()).unwrap();
    case(4).fit(&mut ()).unwrap();
    assert_eq!(case(7).resume(&place.file(), &mut ()).unwrap(), long);
    let error = case(6).resume(&place.file(), &mut ()).unwrap_err().to_string();
    assert!(
        error.ends_with("epochs: expected at least 7, as in the training of this checkpoint, found 6"),
        "{error}"
    );
}

#[test]
fn a_resumed_classifier_counts_its_epochs() {
    let place = Place::new();
    let case = Case::<f32>::new(4, 2, &place.file(), Every::Epochs(1));
    let twice = |first: &dyn Fn(&mut Classifier<f32>)| {
        let mut classifier = case.classifier();
        first(&mut classifier);
        let more = Training { checkpoints: None, ..case.training.clone() };
        let history = classifier.fit(case.samples(), &more).unwrap();
        assert_eq!(history.epochs[0].epoch, 3);
        classifier.network().parameters().to_vec()
    };
    let whole = twice(&|classifier| {
        classifier.fit(case.samples(), &case.training).unwrap();
    });
    let resumed = twice(&|classifier| {
        classifier.resume(place.file(), case.samples(), None, &case.training, &mut ()).unwrap();
    });
    assert_eq!(resumed, whole);
}

#[test]
fn another_training_is_refused_by_name() {
    let place = Place::new();
    let new = || Case::<f32>::new(3, 2, &place.file(), Every::Epochs(1));
    new().fit(&mut ()).unwrap();
    let refused = |case: &Case<f32>, setting: &str, expected: &str, found: &str| {
        let error = case.resume(&place.file(), &mut ()).unwrap_err();
        let Error::OtherTraining { path, setting: name, expected: was, found: is } = &error else {
            panic!("{error}")
        };
        assert_eq!((&**name, path), (setting, &place.file()), "{error}");
        assert!(was.contains(expected) && is.contains(found), "{error}");
    };
    let with = |change: fn(&mut Training<f32>)| {
        let mut case = new();
        change(&mut case.training);
        case
    };
    type Change = fn(&mut Training<f32>);
    let cases: [(Change, &str, &str, &str); 10] = [
        (|t| t.seed = 6, "seed", "5", "6"),
        (|t| t.batch_size = 17, "batch_size", "16", "17"),
        (
            |t| t.loss = Arc::new(CategoricalCrossEntropy::new().label_smoothing(0.2)),
            "loss",
            "label_smoothing: 0.0",
            "label_smoothing: 0.2",
        ),
        (|t| t.optimizer = Arc::new(Sgd::default()), "optimizer", "Lion", "Sgd"),
        (
            |t| t.optimizer = Arc::new(chainrule_models::Lion { learning_rate: 0.5, ..Default::default() }),
            "optimizer",
            "learning_rate: 0.0001",
            "learning_rate: 0.5",
        ),
        (|t| t.schedule = Schedule::Exponential { factor: 0.9 }, "schedule", "Constant", "Exponential"),
        (|t| t.clipping = Some(Clipping::Norm(1.0)), "clipping", "Value(0.01)", "Norm(1.0)"),
        (
            |t| t.class_weights = Some(ClassWeights::Balanced),
            "loss",
            "class_weights: None",
            "class_weights: Some",
        ),
        (|t| t.early_stopping = Some(EarlyStopping::default()), "early_stopping", "None", "patience: 5"),
        (|t| t.batch_size = 1000, "batch_size", "16", "1000"),
    ];
    for (change, setting, expected, found) in cases {
        refused(&with(change), setting, expected, found);
    }
    let mut other = new();
    other.hidden = vec![LayerSpec::dense(13), LayerSpec::Relu];
    refused(&other, "layers", "→ 12", "→ 13");
    other.hidden = vec![LayerSpec::dense(12), LayerSpec::Tanh];
    refused(&other, "layers", "relu", "tanh");
    other.hidden.push(LayerSpec::Dropout { rate: 0.5, seed: 0 });
    refused(&other, "layers", "relu", "dropout");

    let mut other = new();
    other.x[[ROWS - 1, 2]] += 1e-6;
    refused(&other, "SHA-256 of the training data", "", "");
    let mut other = new();
    other.labels[ROWS - 1] = 0;
    refused(&other, "SHA-256 of the training data", "", "");
    let mut other = new();
    other.labels.swap(0, 5);
    refused(&other, "SHA-256 of the training data", "", "");

    // Weights, other validation rows, or none.
    let case = new();
    let resume =
        |samples: Samples<f32>, validation: Option<Samples<f32>>, mut classifier: Classifier<f32>| {
            let before = classifier.network().parameters().to_vec();
            let error =
                classifier.resume(place.file(), samples, validation, &case.training, &mut ()).unwrap_err();
            assert_eq!(classifier.network().parameters(), before, "refused, it changes nothing");
            let Error::OtherTraining { setting, .. } = error else { panic!("{error}") };
            setting
        };
    let weights = vec![1.0; ROWS];
    let weighted = Samples::new(&case.x, Targets::Classes(&case.labels).weighted(&weights));
    assert_eq!(resume(weighted, case.validation(), case.classifier()), "SHA-256 of the training data");
    assert_eq!(resume(case.samples(), None, case.classifier()), "validation rows");
    assert_eq!(resume(case.samples(), Some(case.samples()), case.classifier()), "validation rows");
    let named = Classifier::builder(5, 3).hidden_layers(case.hidden.clone()).class_names(["a", "b", "c"]);
    assert_eq!(resume(case.samples(), case.validation(), named.build().unwrap()), "class_names");
    let scaling = chainrule_core::Scaling::from_range(0.0, 2.0).unwrap();
    let scaled = Classifier::builder(5, 3).hidden_layers(case.hidden.clone()).scaling(&scaling);
    assert_eq!(resume(case.samples(), case.validation(), scaled.build().unwrap()), "scaling");

    let error = Case::<f64>::new(3, 2, &place.file(), Every::Epochs(1)).resume(&place.file(), &mut ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("number type: expected f32") && error.contains("found f64"), "{error}");
}

#[test]
fn another_accuracy_and_another_residual_block_are_refused() {
    let place = Place::new();
    let x = Array2::from_shape_fn((20, 4), |(i, j)| (i * 7 + j * 3) as f64 % 5.0);
    let samples = || Samples::new(&x, Targets::Values(x.view()));
    let training = |tolerance| Training {
        epochs: 1,
        loss: Arc::new(chainrule_models::MeanSquaredError),
        accuracy: chainrule_models::Accuracy::Regression { tolerance },
        checkpoints: Some(Checkpoints { path: place.file(), every: Every::Epochs(1) }),
        ..Training::default()
    };
    // The same layers, in blocks that start elsewhere.
    let whole = || Network::builder(4).residual(|block| block.dense(4).relu().dense(4)).build().unwrap();
    let rest = || Network::builder(4).dense(4).residual(|block| block.relu().dense(4)).build().unwrap();
    whole().fit(samples(), &training(0.5)).unwrap();
    let refused = |mut network: Network<f64>, tolerance, wanted: &str| {
        let result = network.resume(place.file(), samples(), None, &training(tolerance), &mut ());
        let error = result.map(drop).unwrap_err();
        let Error::OtherTraining { setting, expected, found, .. } = &error else { panic!("{error}") };
        assert_eq!(format!("{setting}: {expected}, {found}"), wanted);
    };
    let accuracies = "accuracy: Regression { tolerance: 0.5 }, Regression { tolerance: 0.25 }";
    refused(whole(), 0.25, accuracies);
    refused(rest(), 0.5, "residual block that ends at layer 3: starts at layer 0, starts at layer 1");
    whole().resume(place.file(), samples(), None, &training(0.5), &mut ()).unwrap();
}

#[test]
fn threads_and_where_checkpoints_go_may_differ() {
    let place = Place::new();
    let mut case = Case::<f32>::new(0, 3, &place.file(), Every::Steps(1000));
    let whole = case.fit(&mut ()).unwrap();
    case.fit(&mut BreakAt::new(9)).unwrap();
    case.training.threads = 3;
    case.training.checkpoints = None;
    let before = fs::read(place.file()).unwrap();
    assert_eq!(case.resume(&place.file(), &mut ()).unwrap(), whole);
    assert_eq!(fs::read(place.file()).unwrap(), before);
}

fn file_error(error: Error) -> ModelFileError {
    let Error::Checkpoint(source) = error else { panic!("{error}") };
    *source.downcast().unwrap()
}

#[test]
fn a_damaged_checkpoint_is_an_error_and_changes_nothing() {
    let place = Place::new();
    let case = Case::<f32>::new(4, 1, &place.file(), Every::Epochs(1));
    case.fit(&mut ()).unwrap();
    let bytes = fs::read(place.file()).unwrap();
    let load = |bytes: &[u8]| {
        fs::write(place.file(), bytes).unwrap();
        let mut classifier = case.classifier();
        let before = classifier.network().parameters().to_vec();
        let error =
            classifier.resume(place.file(), case.samples(), None, &case.training, &mut ()).unwrap_err();
        assert_eq!(classifier.network().parameters(), before);
        file_error(error)
    };
    for length in (0..bytes.len()).step_by(7) {
        load(&bytes[..length]);
    }
    let mut damaged = 0;
    for byte in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[byte] ^= 1 << (byte % 8);
        damaged += usize::from(matches!(load(&flipped), ModelFileError::Checksum { .. }));
    }
    assert!(damaged > bytes.len() / 2, "{damaged} of {}", bytes.len());

    case.classifier().save(place.file()).unwrap();
    let model = fs::read(place.file()).unwrap();
    assert!(matches!(load(&model), ModelFileError::NotACheckpoint { .. }));
    fs::remove_file(place.file()).unwrap();
    let error = file_error(case.resume(&place.file(), &mut ()).unwrap_err());
    assert!(matches!(error, ModelFileError::Io { .. }));
    assert!(error.to_string().contains("checkpoint.safetensors"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written() {
    let place = Place::new();
    let nowhere = place.0.path().join("no such directory").join("checkpoint");
    let case = Case::<f32>::new(4, 1, &nowhere, Every::Steps(2));
    let error = case.fit(&mut ()).unwrap_err();
    assert!(error.to_string().contains("no such directory"), "{error}");
    assert!(matches!(file_error(error), ModelFileError::Io { .. }));
    for every in [Every::Steps(0), Every::Epochs(0)] {
        let error = Case::<f32>::new(4, 1, &place.file(), every).fit(&mut ()).unwrap_err().to_string();
        assert_eq!(error, "steps or epochs between checkpoints is 0, expected at least 1");
    }
}

/// Trains steps that grow until they leave the finite numbers.
fn diverging(checkpoints: Option<Checkpoints>) -> (Training<f32>, Case<f32>) {
    let case = Case::<f32>::new(4, 50, Path::new("unused"), Every::Epochs(1));
    let training = Training {
        optimizer: Arc::new(Sgd { learning_rate: 1e-3, momentum: 0.0, nesterov: false }),
        schedule: Schedule::Exponential { factor: 30.0 },
        checkpoints,
        ..case.training.clone()
    };
    (training, case)
}

#[test]
fn the_last_good_checkpoint_is_kept_when_numbers_are_no_longer_finite() {
    let place = Place::new();
    for every in [Every::Steps(1), Every::Epochs(1)] {
        let (training, case) = diverging(Some(Checkpoints { path: place.file(), every }));
        let mut classifier = Classifier::builder(5, 3).hidden(&[8]).build().unwrap();
        let mut seen = 0;
        let mut count = |news: Progress| {
            seen += usize::from(matches!(news, Progress::Batch(_)));
            ControlFlow::Continue(())
        };
        let error = classifier.fit_with(case.samples(), None, &training, &mut count).unwrap_err();
        let Error::Diverged { epoch, batch, layer, name, what, .. } = error else { panic!("{error}") };
        assert_eq!((epoch - 1) * 6 + batch, seen + usize::from(what != "parameters"), "{error}");
        assert!(layer < 4 && ["dense", "relu", "softmax"].contains(&name), "{error}");
        assert!(error.to_string().contains("try a smaller learning rate"), "{error}");

        let step = description(&place.file())["step"].as_u64().unwrap() as usize;
        assert!(step <= seen && (every == Every::Epochs(1) || step + 1 >= seen), "{step} of {seen}");
        let mut resumed = Classifier::builder(5, 3).hidden(&[8]).build().unwrap();
        let again = resumed.resume(place.file(), case.samples(), None, &training, &mut ()).unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
        assert!(resumed.network().parameters().iter().all(|parameter| parameter.is_finite()));
    }
}

#[test]
fn the_layer_that_left_the_finite_numbers_is_named() {
    let x = array![[1.0_f32, 2.0], [3.0, 4.0]];
    let t = array![[1.0_f32], [0.0]];
    let named = |network: &mut Network<f32>, t: &ndarray::Array2<f32>| {
        let training = Training {
            loss: Arc::new(MeanSquaredError) as Arc<dyn Loss<f32>>,
            optimizer: Arc::new(Adam::default()),
            accuracy: chainrule_models::Accuracy::Regression { tolerance: 0.1 },
            ..Training::default()
        };
        let error = network.fit(Samples::new(&x, Targets::Values(t.view())), &training).unwrap_err();
        let Error::Diverged { epoch: 1, batch: 1, layer, name, what, value } = error else {
            panic!("{error}")
        };
        assert!(!value.is_finite());
        (layer, name, what)
    };
    let build = || Network::<f32>::builder(2).dense(3).relu().dense(3).relu().dense(1).build().unwrap();
    // Large numbers that overflow in the second dense layer.
    let mut network = build();
    let (first, second) = (network.parameter_range(0), network.parameter_range(2));
    network.parameters_mut()[first].fill(1e20);
    network.parameters_mut()[second].fill(1e20);
    assert_eq!(named(&mut network, &t), (2, "dense", "outputs"));
    // A loss that overflows by itself.
    assert_eq!(named(&mut build(), &array![[1e25_f32], [0.0]]), (4, "dense", "loss"));
    // A way back that does, through weights that cancel on the way forward.
    let mut network = build();
    let ranges = [0, 2, 4].map(|layer| network.parameter_range(layer));
    network.parameters_mut().fill(0.0);
    network.parameters_mut()[ranges[0].start..ranges[0].end - 3].fill(0.5);
    network.parameters_mut()[ranges[1].start..ranges[1].end - 3].fill(0.5);
    network.parameters_mut()[ranges[2].clone()].copy_from_slice(&[1e25, -1e25, 0.0, 0.0]);
    assert_eq!(named(&mut network, &array![[1e18_f32], [0.0]]), (3, "relu", "output gradients"));
    // A step that does.
    let mut network = build();
    let training = Training {
        loss: Arc::new(MeanSquaredError) as Arc<dyn Loss<f32>>,
        optimizer: Arc::new(Sgd { learning_rate: 1e38, momentum: 0.0, nesterov: false }),
        accuracy: chainrule_models::Accuracy::Regression { tolerance: 0.1 },
        ..Training::default()
    };
    let error = network.fit(Samples::new(&x, Targets::Values((&t * 100.0).view())), &training).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, batch: 1, what: "parameters", .. }), "{error}");
}

/// A batch that goes chunk by chunk leaves no more than one chunk to be looked at.
#[test]
fn the_layer_is_named_in_whichever_chunk_of_a_batch_the_row_lies() {
    let mut x = ndarray::Array2::<f32>::zeros((1300, 2));
    x[[3, 0]] = 1.0;
    let t = ndarray::Array2::<f32>::zeros((1300, 1));
    for seed in 0..8 {
        let mut network = Network::<f32>::builder(2).dense(3).relu().dense(3).dense(1).build().unwrap();
        let (first, second) = (network.parameter_range(0), network.parameter_range(2));
        network.parameters_mut()[first.start..first.end - 3].fill(1e20);
        network.parameters_mut()[second.start..second.end - 3].fill(1e20);
        let training = Training {
            loss: Arc::new(MeanSquaredError) as Arc<dyn Loss<f32>>,
            accuracy: chainrule_models::Accuracy::Regression { tolerance: 0.1 },
            batch_size: 1300,
            seed,
            ..Training::default()
        };
        let error = network.fit(Samples::new(&x, Targets::Values(t.view())), &training).unwrap_err();
        let named = matches!(error, Error::Diverged { epoch: 1, batch: 1, layer: 2, what: "outputs", .. });
        assert!(named, "seed {seed}: {error}");
    }
}
