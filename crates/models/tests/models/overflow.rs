//! Numbers that overflow on the way forward are errors where they would be answers.

use chainrule_core::{Error, Real, Scaling, Targets};
use chainrule_models::{
    Accuracy, Classifier, LayerSpec, MeanSquaredError, Network, Samples, SoftmaxTraining, Training,
};
use ndarray::{Array2, array};
use std::sync::Arc;

fn check<F: Real>() {
    let classifier = Classifier::<F>::builder(2, 3).hidden(&[64]).build().unwrap();
    let mut x = Array2::from_elem((1100, 2), F::one());
    // In the second chunk of rows, where everything else is finite.
    x.row_mut(1070).fill(F::max_value());
    let labels = vec![0; 1100];
    let found = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::NotFinite { place: "outputs", row: 1070, .. })), "{result:?}");
    };
    found(classifier.predict_proba(&x).map(drop));
    found(classifier.predict(&x).map(drop));
    found(classifier.evaluate(Samples::new(&x, Targets::Classes(&labels))).map(drop));
    let predictor = classifier.predictor();
    let mut probabilities = Array2::zeros((1100, 3));
    found(predictor.predict_proba_into(x.view(), &mut predictor.scratch(), probabilities.view_mut()));
    let largest = [F::max_value(); 2];
    assert!(matches!(
        predictor.predict_proba(&largest),
        Err(Error::NotFinite { place: "outputs", row: 0, .. })
    ));
    let refitted = classifier
        .clone()
        .refit_head(Samples::new(&x, Targets::Classes(&labels)), &SoftmaxTraining::default());
    let of_hidden = "outputs of the hidden layers";
    assert!(
        matches!(refitted, Err(Error::NotFinite { place, row: 1070, .. }) if place == of_hidden),
        "{refitted:?}"
    );
    // Whoever looks for speed alone is not kept from it.
    let indices: Vec<usize> = (0..1100).collect();
    let network = classifier.network();
    assert!(network.predict(&x, &indices, &mut network.scratch(1100)).is_ok());
}

#[test]
fn outputs_that_overflow_are_no_answers() {
    check::<f32>();
    check::<f64>();
}

#[test]
fn a_network_beyond_all_memory_is_refused() {
    let result = Classifier::<f32>::builder(1 << 24, 1 << 24).build();
    assert!(matches!(result, Err(Error::TooLarge { layer: 0, name: "dense" })), "{:?}", result.err());
}

#[test]
fn a_loss_that_overflows_is_named_and_a_row_of_weight_0_has_none() {
    let x = array![[0.5_f32], [1.0], [0.25]];
    let targets = array![[0.0], [1e30], [1.0]];
    let values = Targets::Values(targets.view());
    let network = Network::<f32>::builder(1).dense(1).build().unwrap();
    let accuracy = Accuracy::Regression { tolerance: 0.5 };
    let evaluate = |samples| network.evaluate(samples, &MeanSquaredError, accuracy);
    let result = evaluate(Samples::new(&x, values));
    assert!(matches!(result, Err(Error::NotFinite { place: "losses", row: 1, column: 0, .. })), "{result:?}");

    let weights = [1.0, 0.0, 1.0];
    let (others, of_others) = (array![[0.5], [0.25]], array![[0.0], [1.0]]);
    let weighted = evaluate(Samples::new(&x, values.weighted(&weights))).unwrap();
    assert_eq!(weighted, evaluate(Samples::new(&others, Targets::Values(of_others.view()))).unwrap());

    // And in training: the same steps as without that row.
    let training = Training { epochs: 3, loss: Arc::new(MeanSquaredError), accuracy, ..Training::default() };
    let fit = |samples| {
        let mut network = network.clone();
        let history = network.fit(samples, &training)?;
        Ok::<_, Error>((network.parameters().to_vec(), history.last().map(|record| record.loss)))
    };
    let (with, loss) = fit(Samples::new(&x, values.weighted(&weights))).unwrap();
    let (without, expected) = fit(Samples::new(&others, Targets::Values(of_others.view()))).unwrap();
    assert!(with.iter().zip(&without).all(|(a, b)| (a - b).abs() < 1e-6), "{with:?} {without:?}");
    assert!((loss.unwrap() - expected.unwrap()).abs() < 1e-6, "{loss:?} {expected:?}");

    // Validation rows are looked at as well.
    let (train, validation) =
        (Samples::new(&others, Targets::Values(of_others.view())), Samples::new(&x, values));
    let result = network.clone().fit_with(train, Some(validation), &training, &mut ());
    let place = "losses of validation rows";
    assert!(
        matches!(result, Err(Error::NotFinite { place: found, row: 1, .. }) if found == place),
        "{result:?}"
    );
}

#[test]
fn what_f64_holds_and_f32_does_not() {
    let refused = |result: Result<Classifier<f32>, Error>, name: &str, value: f64| {
        let error = result.map(drop).unwrap_err();
        let Error::Setting { name: found, value: of, .. } = error else { panic!("{error}") };
        assert_eq!((found, of), (name, value));
    };
    // A layer is named with its setting.
    let layer_refused = |result: Result<Classifier<f32>, Error>, name: &str, value: f64| match result {
        Err(Error::Layer { layer: 0, source, .. }) => refused(Err(*source), name, value),
        result => panic!("{:?}", result.map(drop)),
    };
    let with = |scaling: &Scaling| Classifier::<f64>::builder(2, 2).scaling(scaling).build().unwrap();
    let factor = |factor| Scaling::new(0.0, factor).unwrap();
    refused(with(&factor(1e39)).to_precision(), "scaling factor", 1e39);
    refused(with(&factor(1e-50)).to_precision(), "scaling factor", 1e-50);
    refused(with(&Scaling::new(1e39, 1.0).unwrap()).to_precision(), "scaling shift", 1e39);
    refused(Classifier::builder(2, 2).scaling(&factor(1e39)).build(), "scaling factor", 1e39);
    let tiny = LayerSpec::LayerNorm { epsilon: 1e-60 };
    let tiny = Classifier::<f64>::builder(2, 2).hidden_layers([tiny]).build().unwrap();
    layer_refused(tiny.to_precision(), "layer norm epsilon", 1e-60);
    let steep = [LayerSpec::LeakyRelu { slope: 1e39 }, LayerSpec::Elu { alpha: 1e39 }];
    for (layer, name) in steep.into_iter().zip(["slope", "alpha"]) {
        let steep = Classifier::<f64>::builder(2, 2).hidden_layers([layer]).build().unwrap();
        layer_refused(steep.to_precision(), name, 1e39);
    }
}

/// ONNX holds float32.
#[cfg(feature = "onnx")]
#[test]
fn what_float32_does_not_hold_is_not_exported() {
    use chainrule_models::ModelFileError;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.onnx");
    let refused = |layer: Option<LayerSpec>, scaling: &Scaling, name: &str, value: f64| {
        let builder = Classifier::<f64>::builder(2, 2).hidden_layers(layer).scaling(scaling);
        let of_layer = !name.starts_with("scaling");
        let source = match builder.build().unwrap().export_onnx(&path) {
            Err(ModelFileError::Model { source: Error::Layer { source, .. }, .. }) if of_layer => *source,
            Err(ModelFileError::Model { source, .. }) if !of_layer => source,
            result => panic!("{name}: {result:?}"),
        };
        let Error::Setting { name: found, value: of, .. } = source else { panic!("{source}") };
        assert_eq!((found, of), (name, value));
        assert!(!path.exists());
    };
    let factor = |factor| Scaling::new(0.0, factor).unwrap();
    refused(None, &factor(1e-50), "scaling factor", 1e-50);
    refused(None, &factor(1e39), "scaling factor", 1e39);
    let identity = &Scaling::IDENTITY;
    refused(Some(LayerSpec::LayerNorm { epsilon: 1e-60 }), identity, "layer norm epsilon", 1e-60);
    let within = vec![LayerSpec::LayerNorm { epsilon: 1e-60 }];
    refused(Some(LayerSpec::Residual { layers: within }), identity, "layer norm epsilon", 1e-60);
    refused(Some(LayerSpec::LeakyRelu { slope: 1e39 }), identity, "slope", 1e39);
}
