//! A classifier that learnt its rows by heart is too sure of others; its temperature makes its probabilities come true.

use chainrule_core::{Error, Purpose, Random, Targets};
use chainrule_models::{Adam, Classifier, LayerSpec, Samples, Training};
use ndarray::Array2;
use std::sync::Arc;

/// Points of a square, of which the right half is class 1, but for one in five.
fn points(count: usize, number: usize) -> (Array2<f32>, Vec<usize>) {
    let random = Random::new(5, Purpose::Generate, number);
    let x = Array2::from_shape_fn((count, 2), |(i, j)| random.uniform((3 * i + j) as u64) as f32);
    let label = |i| usize::from(x[[i, 0]] > 0.5) ^ usize::from(random.uniform((3 * i + 2) as u64) < 0.2);
    let labels = (0..count).map(label).collect();
    (x, labels)
}

#[test]
fn probabilities_come_true() {
    let [(x, labels), (held_out, held_out_labels), (test, test_labels)] =
        [(80, 0), (2000, 1), (2000, 2)].map(|(count, number)| points(count, number));
    let mut classifier = Classifier::<f32>::builder(2, 2).hidden(&[64, 64]).build().unwrap();
    let optimizer = Arc::new(Adam { learning_rate: 0.01, ..Adam::default() });
    let training = Training { epochs: 300, batch_size: 16, optimizer, ..Training::default() };
    classifier.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap();

    let held_out = Samples::new(&held_out, Targets::Classes(&held_out_labels));
    let samples = Samples::new(&test, Targets::Classes(&test_labels));
    let (before, classes) = (classifier.report(samples).unwrap(), classifier.predict(&test).unwrap());
    let temperature = classifier.calibrate(held_out).unwrap();
    let after = classifier.report(samples).unwrap();
    assert!(temperature.value() > 2.0, "{temperature:?}");
    assert!(after.log_loss < 0.5 * before.log_loss, "{} {}", after.log_loss, before.log_loss);
    let error = |report: &chainrule_models::ClassificationReport| report.reliability.expected_error;
    assert!(error(&after) < 0.5 * error(&before), "{} {}", error(&after), error(&before));
    assert_eq!(classifier.predict(&test).unwrap(), classes);

    let again = classifier.calibrate(held_out).unwrap();
    assert!((again.value() - 1.0).abs() < 1e-5, "{again:?}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    classifier.save(&path).unwrap();
    let loaded = Classifier::<f32>::load(&path).unwrap();
    assert_eq!(loaded.predict_proba(&test).unwrap(), classifier.predict_proba(&test).unwrap());
}

#[test]
fn what_cannot_be_calibrated_stays_as_it_is() {
    let mut classifier =
        Classifier::<f32>::builder(2, 2).hidden_layers([LayerSpec::dense(3)]).build().unwrap();
    let before = classifier.network().parameters().to_vec();
    let (x, _) = points(2, 0);
    let mut error =
        |labels: &[usize]| classifier.calibrate(Samples::new(&x, Targets::Classes(labels))).unwrap_err();
    assert!(matches!(error(&[0, 2]), Error::LabelOutOfRange { row: 1, .. }));
    assert!(matches!(error(&[0]), Error::RowCount { .. }));
    assert_eq!(classifier.network().parameters(), before);
}
