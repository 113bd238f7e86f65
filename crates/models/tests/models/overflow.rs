//! Numbers that overflow on the way forward are errors where they would be answers.

use chainrule_core::{Error, Real, Targets};
use chainrule_models::{Classifier, Samples};
use ndarray::Array2;

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
