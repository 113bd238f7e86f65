//! A predictor says what its classifier says, to any number of threads, and refuses what it cannot take.

use chainrule_core::{Error, Real, Rows, Scaling};
use chainrule_models::{Classifier, LayerSpec, Network, Predictor, PredictorScratch};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

fn classifier<F: Real>(scaling: &Scaling) -> Classifier<F> {
    let block = vec![LayerSpec::dense(12), LayerSpec::Dropout { rate: 0.5, seed: 1 }, LayerSpec::Gelu];
    let layers = [LayerSpec::dense(12), LayerSpec::Residual { layers: block }];
    Classifier::builder(7, 4).hidden_layers(layers).scaling(scaling).seed(3).build().unwrap()
}

fn inputs<F: Real>(rows: usize) -> Array2<F> {
    Array2::from_shape_fn((rows, 7), |(i, j)| F::of(((i * 31 + j * 17) % 97) as f64 / 20.0 - 2.0))
}

fn same_bits<F: Real>() {
    let columns = (0..7).map(|column| (f64::from(column) / 3.0, 1.0 + f64::from(column)));
    let each = Scaling::per_column(columns.collect()).unwrap();
    for scaling in [Scaling::IDENTITY, Scaling::new(0.3, 2.0).unwrap(), each] {
        let classifier = classifier::<F>(&scaling);
        let predictor = classifier.predictor();
        let mut scratch = predictor.scratch();
        for rows in [0, 1, 2, 9, 16, 100, 1024, 1025, 2500] {
            let x = inputs::<F>(rows);
            let mut found = Array2::from_elem((rows, 4), F::nan());
            predictor.predict_proba_into(x.view(), &mut scratch, found.view_mut()).unwrap();
            if rows > 0 {
                assert_eq!(found, classifier.predict_proba(&x).unwrap(), "{rows} rows");
            }
        }
        // Rows and results may lie in any order of memory.
        let x = inputs::<F>(100).reversed_axes().as_standard_layout().into_owned().reversed_axes();
        let mut found = Array2::zeros((4, 100)).reversed_axes();
        predictor.predict_proba_into(x.view(), &mut scratch, found.view_mut()).unwrap();
        assert_eq!(found, classifier.predict_proba(&x).unwrap());
    }
}

#[test]
fn it_says_what_its_classifier_says() {
    same_bits::<f32>();
    same_bits::<f64>();
}

#[test]
fn many_threads_share_one() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let classifier = classifier::<f32>(&Scaling::new(0.5, 2.0).unwrap());
    let predictor = classifier.predictor();
    shared(&predictor);
    sent(&predictor.scratch());
    let x = inputs::<f32>(200);
    let expected: Vec<Vec<f32>> =
        x.outer_iter().map(|row| predictor.predict_proba(row.as_slice().unwrap()).unwrap()).collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (predictor, x, expected) = (predictor.clone(), &x, &expected);
            scope.spawn(move || {
                let mut scratch = predictor.scratch();
                let mut out = Array2::zeros((1, 4));
                for i in (0..2000).map(|i| (i * 7 + thread) % 200) {
                    let row = x.slice_axis(Axis(0), Slice::from(i..i + 1));
                    predictor.predict_proba_into(row, &mut scratch, out.view_mut()).unwrap();
                    assert_eq!(out.as_slice().unwrap(), expected[i]);
                }
            });
        }
    });
}

#[test]
fn later_training_does_not_reach_it() {
    let mut classifier = classifier::<f32>(&Scaling::IDENTITY);
    let predictor = classifier.predictor();
    let x = inputs::<f32>(8);
    let before = predictor.predict_proba(x.row(0).as_slice().unwrap()).unwrap();
    let samples =
        chainrule_models::Samples::new(&x, chainrule_core::Targets::Classes(&[0, 1, 2, 3, 0, 1, 2, 3]));
    classifier.fit(samples, &chainrule_models::Training::default()).unwrap();
    assert_eq!(predictor.predict_proba(x.row(0).as_slice().unwrap()).unwrap(), before);
    assert_ne!(classifier.predictor().predict_proba(x.row(0).as_slice().unwrap()).unwrap(), before);
}

#[test]
fn what_does_not_fit_is_an_error_and_nothing_is_written() {
    let predictor: Predictor<f32> = classifier(&Scaling::IDENTITY).predictor();
    let mut scratch = predictor.scratch();
    let mut predict = |x: &Array2<f32>, other: Option<&mut PredictorScratch<f32>>, out: (usize, usize)| {
        let mut found = Array2::from_elem(out, 9.0);
        let scratch = other.unwrap_or(&mut scratch);
        let error = predictor.predict_proba_into(x.view(), scratch, found.view_mut()).unwrap_err();
        assert!(found.iter().all(|&p| p == 9.0));
        error
    };
    let x = inputs::<f32>(70);
    let narrow = Array2::zeros((70, 6));
    assert!(matches!(
        predict(&narrow, None, (70, 4)),
        Error::Width { place: "inputs", expected: 7, found: 6 }
    ));
    assert!(matches!(
        predict(&x, None, (70, 5)),
        Error::Width { place: "probabilities", expected: 4, found: 5 }
    ));
    assert!(matches!(predict(&x, None, (69, 4)), Error::RowCount { expected: 70, found: 69, .. }));
    let mut other = Classifier::<f32>::builder(7, 4).build().unwrap().predictor().scratch();
    assert!(matches!(predict(&x, Some(&mut other), (70, 4)), Error::OtherNetwork { .. }));
    for value in [f32::NAN, f32::INFINITY] {
        let mut wrong = x.clone();
        wrong[[66, 3]] = value;
        assert!(matches!(predict(&wrong, None, (70, 4)), Error::NotFinite { row: 66, column: 3, .. }));
    }
    assert!(matches!(predictor.predict_proba(&[1.0; 6]), Err(Error::Width { .. })));
}

/// Rows that lend what they are told to.
struct Lending(Array2<f64>, Option<Array2<f64>>);

impl Rows<f64> for Lending {
    fn len(&self) -> usize {
        self.0.nrows()
    }
    fn width(&self) -> usize {
        self.0.ncols()
    }
    fn gather(&self, indices: &[usize], tile: ArrayViewMut2<f64>) -> Result<(), Error> {
        self.0.gather(indices, tile)
    }
    fn lend(&self, _: &[usize]) -> Option<ArrayView2<'_, f64>> {
        self.1.as_ref().map(|rows| rows.view())
    }
}

#[test]
fn rows_are_read_where_they_lie_or_copied_with_the_same_result() {
    // What skips the first layers is added from the inputs, too.
    let network = Network::<f64>::builder(7).residual(|block| block.dense(9).relu().dense(7)).dense(3);
    let network = network.build().unwrap();
    let x = inputs::<f64>(300);
    let copied = Lending(x.clone(), None);
    let (mut scratch, mut of_copies) = (network.scratch(300), network.scratch(300));
    let shuffled = Vec::from_iter((0..300).map(|i| i * 7 % 300));
    // Columns that follow one another, and rows that are one.
    let (turned, one) = (x.t().as_standard_layout().into_owned(), Array2::<f64>::ones((1, 7)));
    for other in [turned.t(), one.broadcast((9, 7)).unwrap()] {
        let indices = Vec::from_iter(0..other.nrows());
        let found = network.predict(&other, &indices, &mut scratch).unwrap();
        let expected = network.predict(&Lending(other.to_owned(), None), &indices, &mut of_copies).unwrap();
        assert!(found == expected);
    }
    for indices in [&Vec::from_iter(0..300)[..], &Vec::from_iter(5..20), &[299], &shuffled] {
        let found = network.predict(&x, indices, &mut scratch).unwrap();
        let expected = network.predict(&copied, indices, &mut of_copies).unwrap();
        assert!(found == expected, "{} rows", indices.len());
    }

    for (shape, message) in [
        ((2, 7), "rows that were lent: expected 3 rows, found 2"),
        ((3, 6), "rows that were lent: expected 7 columns, found 6"),
    ] {
        let other = Lending(x.clone(), Some(Array2::zeros(shape)));
        assert_eq!(network.predict(&other, &[0, 1, 2], &mut scratch).unwrap_err().to_string(), message);
    }
}

/// A network with a weight whose rows are a page long, through which tiles go together, as many as a thread has.
fn wide_layers_on_any_number_of_threads<F: Real>() {
    let block = vec![LayerSpec::Relu, LayerSpec::Dropout { rate: 0.5, seed: 1 }, LayerSpec::dense(1030)];
    let layers = [
        LayerSpec::dense(1030),
        LayerSpec::Residual { layers: block },
        LayerSpec::LayerNorm { epsilon: 1e-5 },
    ];
    let classifier = Classifier::<F>::builder(7, 5).hidden_layers(layers).seed(3).build().unwrap();
    let predictor = classifier.predictor();
    for rows in [1, 64, 65, 129, 257, 600, 1100] {
        let x = inputs::<F>(rows);
        let of_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| classifier.predict_proba(&x).unwrap())
        };
        let expected = of_threads(1);
        // Tiles one by one, or two or three together.
        for threads in [2, 3, 7, 20] {
            assert_eq!(of_threads(threads), expected, "{rows} rows, {threads} threads");
        }
        let mut found = Array2::zeros((rows, 5));
        predictor.predict_proba_into(x.view(), &mut predictor.scratch(), found.view_mut()).unwrap();
        assert_eq!(found, expected, "{rows} rows");
    }
}

#[test]
fn wide_layers_give_the_same_bits_on_any_number_of_threads() {
    wide_layers_on_any_number_of_threads::<f32>();
    wide_layers_on_any_number_of_threads::<f64>();
}
