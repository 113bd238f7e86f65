//! README's Rust compiles and runs: its blocks stand here as they stand there.
#![cfg(feature = "onnx")]

use chainrule::ndarray::{Array2, ArrayView2};
use chainrule::prelude::*;
use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;

type Done<T = ()> = Result<T, Box<dyn Error>>;

#[rustfmt::skip]
fn classifier() -> Done<(DataSet, Classifier<f32>)> {
    let (train, test) = chainrule::data::digits().split(0.2, 0)?;
    let mut classifier = Classifier::<f32>::builder(train.width(), 10)
        .hidden(&[128])
        .class_names(train.class_names())
        .scaling(train.scaling())
        .build()?;
    let training = Training { batch_size: 16, ..Training::default() };
    let history = classifier.fit(Samples::new(&train, train.targets()), &training)?;
    let evaluation = classifier.evaluate(Samples::new(&test, test.targets()))?;
    classifier.save("digits.safetensors")?;
    assert!(evaluation.accuracy > 0.9 && history.epochs.len() == 10);
    Ok((train, classifier))
}

#[rustfmt::skip]
fn from_a_file() -> Done {
    let table = Table::read("flowers.csv".as_ref(), &TableOptions::default())?;       // the last column holds the labels
    let rows = chainrule::data::split(table.labels(), table.class_names().len(), 0.0, 0.2, 0)?;
    let encoder = table.fit_encoder(&rows.train)?;                                     // categories and fills, from the training rows
    let (train, test) = (table.encode(&encoder, &rows.train)?, table.encode(&encoder, &rows.test)?);
    let training = Training {
        epochs: 500,                                                                   // at most; 10 if nothing is said
        early_stopping: Some(EarlyStopping::default()),                                // and the best parameters restored
        validation_fraction: 0.1,
        class_weights: Some(ClassWeights::Balanced),
        checkpoints: Some(Checkpoints { path: "training.safetensors".into(), every: Every::Steps(500) }),
        ..Training::default()
    };
    let mut classifier = Classifier::<f32>::builder(train.width(), train.class_names().len())
        .hidden(&[64])
        .class_names(train.class_names())
        .scaling(&Preprocessor::Standard.fit::<f32>(&train)?)
        .build()?;
    classifier.fit(Samples::new(&train, train.targets()), &training)?;                 // killed? `classifier.resume(…)` ends in the same bits
    print!("{}", classifier.report(Samples::new(&test, test.targets()))?);             // every metric, as scikit-learn means it
    classifier.export_onnx("flowers.onnx")?;                                           // also export_pytorch, import_pytorch, import_sklearn
    let predictor = classifier.predictor();                                            // for serving: shared by threads; with a scratch it allocates nothing
    assert!(predictor.classes() == 3 && std::path::Path::new("flowers.onnx").exists());
    Ok(())
}

#[rustfmt::skip]
fn regression(train: DataSet, mut classifier: Classifier<f32>) -> Done {
    let mut regression = SoftmaxRegression::<f64>::new(train.width(), 10)?;
    let history = regression.fit(Samples::new(&train, train.targets()), &SoftmaxTraining { l2: 1.0, ..SoftmaxTraining::default() })?;
    println!("{}", history.last());                             // objective, gradient and step of the last iteration
    let path = regression.fit_path(Samples::new(&train, train.targets()), &[10.0, 1.0, 0.1], &SoftmaxTraining::default())?;
    classifier.refit_head(Samples::new(&train, train.targets()), &SoftmaxTraining::default())?;       // the last layer of any classifier
    assert_eq!(path.len(), 3);
    Ok(())
}

#[rustfmt::skip]
fn step_by_step(x: ArrayView2<f32>, targets: Targets<f32>) -> Done {
    let mut network = Network::<f32>::builder(2).dense(16).relu().dense(2).softmax().build()?;
    let (loss, mut tape) = (CategoricalCrossEntropy::new(), network.tape(x.nrows()));
    let mut optimizer = OptimizerState::new(Adam::default(), &network)?;

    let pass = network.forward(x, &mut tape)?;                  // Pass borrows the network and the tape
    let (loss, gradient) = pass.backward(&loss, targets)?;      // consumes the pass: backward cannot run twice, or first
    optimizer.step(network.parameters_mut(), gradient)?;        // consumes the gradient: it cannot be applied twice
    assert!(loss > 0.0);
    Ok(())
}

#[rustfmt::skip]
fn numbers() -> Done {
    let (x, y) = chainrule::data::sine(1000)?;
    let targets = Targets::Values(y.view());
    let mut network = Network::<f64>::builder(1).dense(64).activation(Tanh).dense(64).activation(Tanh).dense(1).build()?;
    let training = Training {
        epochs: 125,
        batch_size: 25,
        loss: Arc::new(MeanSquaredError),
        accuracy: Accuracy::regression(targets)?,               // right within 1/250 of the targets' deviation
        schedule: Schedule::Cosine { steps: 5_000, end: 0.0 },  // 125 times 1,000 / 25
        clipping: Some(Clipping::Norm(1.0)),
        ..Training::default()
    };
    network.fit(Samples::new(&x, targets), &training)?;
    Ok(())
}

/// Three kinds of flowers, far apart.
fn flowers() -> String {
    let mut table = "petal,colour,species\n".to_owned();
    for i in 0..90 {
        let (kind, petal) = (i % 3, (i % 3 * 10) as f64 + (i % 7) as f64 / 7.0);
        let species = ["setosa", "versicolor", "virginica"][kind];
        writeln!(table, "{petal},{},{species}", i % 5).expect("a string");
    }
    table
}

#[test]
fn the_blocks_run() -> Done {
    let directory = tempfile::tempdir()?;
    // They name files without a directory; no other test of this program does.
    std::env::set_current_dir(&directory)?;
    std::fs::write("flowers.csv", flowers())?;
    let (train, classifier) = classifier()?;
    from_a_file()?;
    regression(train, classifier)?;
    step_by_step(Array2::ones((3, 2)).view(), Targets::Classes(&[0, 1, 1]))?;
    numbers()
}

#[test]
fn the_blocks_are_those_of_readme() {
    let trimmed = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let here = trimmed(include_str!("readme.rs"));
    let readme = include_str!("../README.md");
    let blocks: Vec<_> = readme.split("```rust\n").skip(1).map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 5);
    for block in blocks.into_iter().flatten() {
        let block = block.trim_start_matches("use chainrule::prelude::*;\n");
        assert!(here.contains(&trimmed(block)), "README says, and this file does not:\n{block}");
    }
}
