//! Rows that come in portions.

use chainrule_core::{Error, Purpose, Random, Scaling, Targets};
use chainrule_models::{
    Batch, CategoricalCrossEntropy, ClassWeights, Classifier, Clipping, Network, OptimizerState, Samples,
    Schedule, Sgd, Trainer, Training,
};
use ndarray::{Array2, Axis, Slice};
use std::sync::Arc;

fn data() -> (Array2<f64>, Vec<usize>) {
    let random = Random::new(2, Purpose::Generate, 0);
    let x = Array2::from_shape_fn((200, 3), |(i, j)| random.normal((3 * i + j) as u64));
    let labels = x.outer_iter().map(|row| usize::from(row[0] > row[1])).collect();
    (x, labels)
}

fn classifier() -> Classifier<f64> {
    let scaling = Scaling::from_range(-2.0, 2.0).unwrap();
    Classifier::builder(3, 2).hidden(&[7]).scaling(&scaling).build().unwrap()
}

fn training() -> Training<f64> {
    let schedule = Schedule::InverseTime { decay: 0.1 };
    Training { batch_size: 16, schedule, clipping: Some(Clipping::Norm(0.3)), ..Training::default() }
}

#[test]
fn portions_are_steps_of_one_optimiser() {
    let (x, labels) = data();
    let mut model = classifier();
    let mut trainer = Trainer::new(model.network(), &training()).unwrap();
    // As by hand.
    let mut network = model.network().clone();
    let scaled = model.scaling().clone();
    let scaled = scaled.of(&x);
    let optimizer = OptimizerState::new(training().optimizer, &network).unwrap();
    let optimizer = optimizer.with_schedule(training().schedule).unwrap();
    let mut optimizer = optimizer.with_clipping(Clipping::Norm(0.3)).unwrap();
    let mut tape = network.tape(16);
    // Smaller, larger, and no multiple of a batch.
    for range in [0..10, 10..50, 50..66, 66..67, 67..200] {
        let portion = x.slice_axis(Axis(0), Slice::from(range.clone()));
        let samples = Samples::new(&portion, Targets::Classes(&labels[range.clone()]));
        let score = model.partial_fit(samples, &mut trainer).unwrap();
        assert!(score.loss > 0.0 && (0.0..=1.0).contains(&score.accuracy));
        let rows: Vec<usize> = range.clone().collect();
        let mut mean = 0.0;
        for batch in rows.chunks(16) {
            let targets: Vec<usize> = batch.iter().map(|&row| labels[row]).collect();
            let step = Batch::new(&scaled, batch, Targets::Classes(&targets));
            let loss = CategoricalCrossEntropy::new();
            mean += network.train_step(step, &loss, &mut optimizer, &mut tape).unwrap() * batch.len() as f64;
        }
        assert!((mean / range.len() as f64 - score.loss).abs() < 1e-12);
        assert_eq!(model.network().parameters(), network.parameters(), "{range:?}");
    }
    assert_eq!(trainer.steps(), 1 + 3 + 1 + 1 + 9);
    assert_eq!(trainer.learning_rate(), 0.001 / (1.0 + 0.1 * 14.0));
}

#[test]
fn kinds_of_targets_and_threads_may_change() {
    let (x, labels) = data();
    let soft = Array2::from_shape_fn((200, 2), |(i, j)| if labels[i] == j { 0.8 } else { 0.2 });
    let run = |threads| {
        let mut model = classifier();
        let mut trainer = Trainer::new(model.network(), &Training { threads, ..training() }).unwrap();
        for targets in [Targets::Classes(&labels), Targets::Probabilities(soft.view())] {
            model.partial_fit(Samples::new(&x, targets), &mut trainer).unwrap();
        }
        model.network().parameters().to_vec()
    };
    assert_eq!(run(0), run(1));
    assert_eq!(run(0), run(3));
}

#[test]
fn what_is_wrong_changes_nothing() {
    let (x, labels) = data();
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let mut model = classifier();
    let before = model.network().parameters().to_vec();
    let balanced = Training { class_weights: Some(ClassWeights::Balanced), ..training() };
    assert!(matches!(Trainer::new(model.network(), &balanced), Err(Error::BalancedPortions)));
    let given = Training { class_weights: Some(ClassWeights::Given(vec![1.0])), ..training() };
    let mut trainer = Trainer::new(model.network(), &given).unwrap();
    let error = model.partial_fit(samples, &mut trainer).unwrap_err();
    assert!(matches!(error, Error::ClassWeights { expected: 2, found: 1 }), "{error}");
    assert!(Trainer::new(model.network(), &Training { batch_size: 0, ..training() }).is_err());

    let mut trainer = Trainer::new(model.network(), &training()).unwrap();
    let error =
        model.partial_fit(Samples::new(&x, Targets::Classes(&labels[1..])), &mut trainer).unwrap_err();
    assert!(matches!(error, Error::RowCount { .. }), "{error}");
    let other = Network::<f64>::builder(3).dense(2).softmax().build().unwrap();
    let mut trainer = Trainer::new(&other, &training()).unwrap();
    let error = model.partial_fit(samples, &mut trainer).unwrap_err();
    assert!(matches!(error, Error::Length { .. } | Error::OtherNetwork { .. }), "{error}");

    let optimizer = Arc::new(Sgd { learning_rate: 1e308, momentum: 0.0, nesterov: false });
    let wild = Training { optimizer, clipping: None, ..training() };
    let mut trainer = Trainer::new(model.network(), &wild).unwrap();
    let error = model.partial_fit(samples, &mut trainer).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
    assert_eq!(model.network().parameters(), before);
}
