//! What people expect of `fit`: validation rows kept back, early stopping with the best parameters, weights of classes.

use chainrule_core::{Error, Purpose, Random, Rows, Targets};
use chainrule_models::{
    Accuracy, Adam, CategoricalCrossEntropy, ClassWeights, Classifier, EarlyStopping, Ending, EpochRecord,
    Focal, MeanSquaredError, Monitor, Network, Progress, Samples, Schedule, Sgd, Training,
};
use ndarray::{Array2, ArrayViewMut2, Axis, array};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// Noisy classes 0, 1, 2, each half as frequent as the one before.
fn data(rows: usize, index: usize) -> (Array2<f64>, Vec<usize>) {
    let random = Random::new(3, Purpose::Generate, index);
    let labels: Vec<usize> = (0..rows).map(|i| [0, 0, 0, 0, 1, 1, 2][i % 7]).collect();
    let x = Array2::from_shape_fn((rows, 4), |(i, j)| {
        random.normal((4 * i + j) as u64) + if labels[i] == j { 1.5 } else { 0.0 }
    });
    (x, labels)
}

fn classifier() -> Classifier<f64> {
    Classifier::builder(4, 3).hidden(&[40]).build().unwrap()
}

/// One that learns its few training rows by heart.
fn overfitting() -> Training<f64> {
    let optimizer = Arc::new(Adam { learning_rate: 0.02, ..Adam::default() });
    Training { epochs: 200, batch_size: 20, optimizer, ..Training::default() }
}

#[test]
fn early_stopping_leaves_the_best_parameters() {
    let ((x, labels), (x_held, labels_held)) = (data(70, 0), data(140, 1));
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let held = Samples::new(&x_held, Targets::Classes(&labels_held));
    for monitor in [Monitor::ValidationLoss, Monitor::ValidationAccuracy] {
        let value = |record: &EpochRecord| match monitor {
            Monitor::ValidationLoss => record.validation_loss.unwrap(),
            Monitor::ValidationAccuracy => -record.validation_accuracy.unwrap(),
        };
        let stopping = EarlyStopping { monitor, patience: 4, ..EarlyStopping::default() };
        let mut model = classifier();
        let training = Training { early_stopping: Some(stopping), ..overfitting() };
        let history = model.fit_with(samples, Some(held), &training, &mut ()).unwrap();
        let best = history.best().unwrap();
        assert_eq!(history.ending, Some(Ending::EarlyStopping));
        assert_eq!(history.epochs.len(), best.epoch + 4, "{history}");
        assert!(history.epochs.iter().all(|record| value(record) >= value(best)));
        let evaluation = model.evaluate(held).unwrap();
        assert_eq!(Some(evaluation.loss), best.validation_loss);

        // As a training that ends there by itself.
        let mut shorter = classifier();
        shorter.fit(samples, &Training { epochs: best.epoch, ..overfitting() }).unwrap();
        assert_eq!(shorter.network().parameters(), model.network().parameters());

        let last = EarlyStopping { restore_best: false, ..stopping };
        let mut model = classifier();
        let training = Training { early_stopping: Some(last), ..overfitting() };
        let again = model.fit_with(samples, Some(held), &training, &mut ()).unwrap();
        assert_eq!(again.best_epoch, history.best_epoch);
        let evaluation = model.evaluate(held).unwrap();
        assert_eq!(Some(evaluation.loss), history.last().unwrap().validation_loss);
    }
}

#[test]
fn the_best_is_restored_however_training_ends() {
    let ((x, labels), (x_held, labels_held)) = (data(70, 0), data(140, 1));
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let held = Samples::new(&x_held, Targets::Classes(&labels_held));
    let stopping = EarlyStopping { patience: 1000, ..EarlyStopping::default() };
    let training = Training { early_stopping: Some(stopping), epochs: 40, ..overfitting() };
    for (until, ending) in [(usize::MAX, Ending::Epochs), (39, Ending::Callback)] {
        let mut stop = |news: Progress| match news {
            Progress::Epoch(record) if record.epoch == until => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut model = classifier();
        let history = model.fit_with(samples, Some(held), &training, &mut stop).unwrap();
        assert_eq!(history.ending, Some(ending));
        assert!(history.best_epoch.unwrap() < 30, "{history}");
        assert_eq!(Some(model.evaluate(held).unwrap().loss), history.best().unwrap().validation_loss);
    }
}

#[test]
fn the_best_is_restored_where_training_ends_in_an_error() {
    let ((x, labels), (x_held, labels_held)) = (data(70, 0), data(140, 1));
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let held = Samples::new(&x_held, Targets::Classes(&labels_held));
    let stopping = EarlyStopping { patience: 1000, ..EarlyStopping::default() };
    // Steps that grow until they leave the finite numbers, some time after the best epoch.
    let training = Training {
        early_stopping: Some(stopping),
        optimizer: Arc::new(Sgd { learning_rate: 0.05, ..Sgd::default() }),
        schedule: Schedule::Exponential { factor: 2.0 },
        epochs: 1000,
        ..overfitting()
    };
    let mut losses = Vec::new();
    let mut look = |news: Progress| {
        if let Progress::Epoch(record) = news {
            losses.extend(record.validation_loss);
        }
        ControlFlow::Continue(())
    };
    let mut model = classifier();
    let error = model.fit_with(samples, Some(held), &training, &mut look).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best < *losses.last().unwrap(), "{losses:?}");
    assert_eq!(model.evaluate(held).unwrap().loss, best);
}

#[test]
fn early_stopping_wants_something_to_watch() {
    let (x, labels) = data(70, 0);
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let stopping = EarlyStopping::default();
    let training = Training { early_stopping: Some(stopping), ..overfitting() };
    let error = classifier().fit(samples, &training).unwrap_err();
    assert!(matches!(error, Error::NoValidation { .. }));
    assert_eq!(error.to_string(), "early stopping: there are no validation rows, expected some to watch");
    for (stopping, message) in [
        (EarlyStopping { patience: 0, ..stopping }, "patience is 0, expected at least 1"),
        (
            EarlyStopping { min_delta: -1.0, ..stopping },
            "min_delta is -1, expected a finite number, at least 0",
        ),
    ] {
        let training = Training { early_stopping: Some(stopping), ..overfitting() };
        let error = classifier().fit_with(samples, Some(samples), &training, &mut ()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

/// Rows that write down which of them were asked for.
struct Noted<'a>(&'a Array2<f64>, Mutex<Vec<usize>>);

impl Rows<f64> for Noted<'_> {
    fn len(&self) -> usize {
        self.0.nrows()
    }
    fn width(&self) -> usize {
        self.0.ncols()
    }
    fn gather(&self, indices: &[usize], tile: ArrayViewMut2<f64>) -> Result<(), Error> {
        self.1.lock().unwrap().extend(indices);
        self.0.gather(indices, tile)
    }
    fn check_finite(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_share_of_each_class_is_kept_back() {
    let (x, labels) = data(140, 0);
    let weights: Vec<f64> = (0..140).map(|i| 1.0 + (i % 3) as f64).collect();
    let samples = Samples::new(&x, Targets::Classes(&labels).weighted(&weights));
    let training = Training { validation_fraction: 0.25, epochs: 2, seed: 9, ..overfitting() };
    let mut model = classifier();
    let history = model.fit(samples, &training).unwrap();

    // Which rows were stepped by: those asked for before the evaluation, one epoch long.
    let noted = Noted(&x, Mutex::new(Vec::new()));
    let mut stop = |_: Progress| ControlFlow::Continue(());
    let one = Training { epochs: 1, batch_size: 1000, ..training.clone() };
    let noted_samples = Samples::new(&noted, Targets::Classes(&labels).weighted(&weights));
    classifier().fit_with(noted_samples, None, &one, &mut stop).unwrap();
    let asked = noted.1.into_inner().unwrap();
    let (mut train, mut held) = (asked[..105].to_vec(), asked[105..].to_vec());
    train.sort();
    held.sort();
    let mut all = [&train[..], &held].concat();
    all.sort();
    assert_eq!(all, Vec::from_iter(0..140));
    for (class, count) in [(0, 20), (1, 10), (2, 5)] {
        assert_eq!(held.iter().filter(|&&row| labels[row] == class).count(), count);
    }

    // The same bits as with the parts cut out by hand.
    let cut = |rows: &[usize]| {
        let labels: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
        let weights: Vec<f64> = rows.iter().map(|&row| weights[row]).collect();
        (x.select(Axis(0), rows), labels, weights)
    };
    let (a, b) = (cut(&train), cut(&held));
    let by_hand = Training { validation_fraction: 0.0, ..training.clone() };
    let mut other = classifier();
    let validation = Samples::new(&b.0, Targets::Classes(&b.1).weighted(&b.2));
    let again = other.fit_with(
        Samples::new(&a.0, Targets::Classes(&a.1).weighted(&a.2)),
        Some(validation),
        &by_hand,
        &mut (),
    );
    assert_eq!(other.network().parameters(), model.network().parameters());
    let losses = |epochs: &[EpochRecord]| Vec::from_iter(epochs.iter().map(|r| (r.loss, r.validation_loss)));
    assert_eq!(losses(&again.unwrap().epochs), losses(&history.epochs));

    let error = classifier().fit_with(samples, Some(samples), &training, &mut ()).unwrap_err().to_string();
    assert_eq!(error, "validation_fraction is 0.25, expected 0 where validation rows are given");
    let error =
        classifier().fit(samples, &Training { validation_fraction: 1.0, ..overfitting() }).unwrap_err();
    assert_eq!(error.to_string(), "validation_fraction is 1, expected at least 0 and below 1");
    let error =
        classifier().fit(samples, &Training { validation_fraction: 1e-9, ..overfitting() }).unwrap_err();
    let message = "validation rows: a validation_fraction of 0.000000001 keeps none of 140 rows back, expected at least one";
    assert_eq!(error.to_string(), message);
}

#[test]
fn numbers_are_kept_back_without_regard_to_classes() {
    let x = Array2::from_shape_fn((50, 1), |(i, _)| i as f64 / 50.0);
    let targets = x.mapv(|x| 2.0 * x);
    let mut network = Network::<f64>::builder(1).dense(1).build().unwrap();
    let training = Training {
        loss: Arc::new(MeanSquaredError),
        accuracy: Accuracy::Regression { tolerance: 0.1 },
        validation_fraction: 0.2,
        ..Training::default()
    };
    let samples = Samples::new(&x, Targets::Values(targets.view()));
    let history = network.fit(samples, &training).unwrap();
    assert!(history.epochs[0].validation_loss.is_some());
    let balanced = Training { class_weights: Some(ClassWeights::Balanced), ..training.clone() };
    assert!(matches!(network.fit(samples, &balanced), Err(Error::TargetKind { .. })));
}

#[test]
fn class_weights_are_those_of_the_loss() {
    let (x, labels) = data(70, 0);
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let trained = |training: &Training<f64>| {
        let mut model = classifier();
        let history = model.fit(samples, &Training { epochs: 3, ..training.clone() }).unwrap();
        (model.network().parameters().to_vec(), history.epochs[2].loss)
    };
    // 40, 20 and 10 rows of 70 in 3 classes.
    let balanced = [70.0 / 120.0, 70.0 / 60.0, 70.0 / 30.0];
    assert_eq!(ClassWeights::Balanced.of(samples.targets.targets, 3).unwrap(), balanced);
    assert_eq!(ClassWeights::Balanced.of(samples.targets.targets, 4).unwrap()[3], 1.0);
    let loss = Arc::new(CategoricalCrossEntropy::new().class_weights(balanced));
    let by_loss = trained(&Training { loss: loss.clone(), ..overfitting() });
    for class_weights in [ClassWeights::Balanced, ClassWeights::Given(balanced.to_vec())] {
        assert_eq!(trained(&Training { class_weights: Some(class_weights), ..overfitting() }), by_loss);
    }
    assert_ne!(trained(&overfitting()), by_loss);
    // What the loss had is replaced; its other settings stay.
    let smooth = |loss: CategoricalCrossEntropy| Arc::new(loss.label_smoothing(0.1));
    let class_weights = Some(ClassWeights::Balanced);
    let other = smooth(CategoricalCrossEntropy::new().class_weights([3.0, 1.0, 1.0]));
    let replaced = trained(&Training { loss: other, class_weights: class_weights.clone(), ..overfitting() });
    let expected = smooth(CategoricalCrossEntropy::new().class_weights(balanced));
    assert_eq!(replaced, trained(&Training { loss: expected, ..overfitting() }));
    let focal = trained(&Training { loss: Arc::new(Focal::new(2.0)), class_weights, ..overfitting() });
    assert_eq!(
        focal,
        trained(&Training { loss: Arc::new(Focal::new(2.0).class_weights(balanced)), ..overfitting() })
    );
    // Soft targets count for their most probable class.
    let soft = array![[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0]];
    let weights = ClassWeights::Balanced.of(Targets::Probabilities(soft.view()), 3).unwrap();
    assert_eq!(weights, [0.75, 1.5, 1.0]);
}

#[test]
fn class_weights_that_do_not_fit() {
    let (x, labels) = data(70, 0);
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let fit =
        |class_weights| classifier().fit(samples, &Training { class_weights, ..overfitting() }).unwrap_err();
    let error = fit(Some(ClassWeights::Given(vec![1.0, 2.0])));
    assert_eq!(error.to_string(), "class weights: expected 3, one for each class, found 2");
    let error = fit(Some(ClassWeights::Given(vec![1.0, 2.0, f64::NAN])));
    assert!(matches!(error, Error::ClassWeight { class: 2, .. }), "{error}");

    let training = Training {
        loss: Arc::new(MeanSquaredError),
        class_weights: Some(ClassWeights::Given(vec![1.0, 1.0, 1.0])),
        optimizer: Arc::new(Sgd::default()),
        ..Training::default()
    };
    let mut network = Network::<f64>::builder(4).dense(3).build().unwrap();
    let error = network.fit(samples, &training).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("class weights: the loss is mean squared error, expected one that takes")
    );
}
