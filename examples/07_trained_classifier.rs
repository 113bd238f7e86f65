//! All of it together: a classifier of handwritten digits, first one step by hand, then trained, saved and put to work.
//!
//! ```text
//! image (64) → dense (64, 128) → ReLU → dense (128, 10) → softmax → cross-entropy → gradient → Adam
//! ```

use chainrule::models::Progress;
use chainrule::prelude::*;
use ndarray::Array2;
use std::ops::ControlFlow;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (train, test) = chainrule::data::digits().split(0.2, 0)?;
    println!("{} images of 8 × 8 pixels to train on, {} to test with\n", train.len(), test.len());

    one_step(&train)?;

    let mut classifier = Classifier::<f32>::builder(train.width(), train.class_names().len())
        .hidden(&[128])
        .class_names(train.class_names())
        .scaling(train.scaling())
        .build()?;
    println!("{}", classifier.summary());

    let optimizer = Arc::new(Adam { learning_rate: 0.003, ..Adam::default() });
    let training = Training { epochs: 40, batch_size: 32, optimizer, ..Training::default() };
    let samples = Samples::new(&train, train.targets());
    let held_back = Samples::new(&test, test.targets());
    classifier.fit_with(samples, Some(held_back), &training, &mut |progress: Progress| {
        if let Progress::Epoch(record) = progress
            && record.epoch % 10 == 0
        {
            println!("{record}");
        }
        ControlFlow::Continue(())
    })?;
    let evaluation = classifier.evaluate(held_back)?;
    println!("\nTest accuracy {:.4}, loss {:.4}", evaluation.accuracy, evaluation.loss);
    println!("True digit (rows), taken for (columns)\n{:3}\n", evaluation.confusion);

    let directory = tempfile::tempdir()?;
    let path = directory.path().join("digits.safetensors");
    classifier.save(&path)?;
    let loaded = Classifier::<f32>::load(&path)?;
    println!("Saved and loaded: {} bytes, class names, scaling and all", std::fs::metadata(&path)?.len());

    let image = test.select(&[0])?;
    draw(&image)?;
    let class = loaded.predict(&image)?[0];
    let probability = loaded.predict_proba(&image)?[[0, class]];
    println!("It is a {}, says the classifier ({probability:.3})", loaded.class_names()[class]);
    println!("It is a {}, says the label", image.class_names()[image.labels()[0]]);
    Ok(())
}

/// The explicit route: a line for each of forward, backward and step. `fit` does the same, tile by tile.
fn one_step(train: &DataSet) -> Result<(), Error> {
    const ROWS: usize = 128;
    let mut x = Array2::<f32>::zeros((ROWS, train.width()));
    train.scaling().of(train).gather(&Vec::from_iter(0..ROWS), x.view_mut())?;
    let targets = train.targets().rows(0..ROWS);
    let loss = CategoricalCrossEntropy::new();

    let mut network = Network::builder(train.width()).dense(128).relu().dense(10).softmax().build()?;
    let mut optimizer = OptimizerState::new(Sgd::default(), &network)?;
    let mut tape = network.tape(ROWS);

    let pass = network.forward(x.view(), &mut tape)?;
    let (before, gradient) = pass.backward(&loss, targets)?;
    optimizer.step(network.parameters_mut(), gradient)?;

    let (after, _) = network.forward(x.view(), &mut tape)?.backward(&loss, targets)?;
    println!("One step by hand: the loss of {ROWS} images goes from {before:.4} to {after:.4}\n");
    Ok(())
}

/// Prints the first image, darker for more ink.
fn draw(images: &DataSet) -> Result<(), Error> {
    let (_, columns) = images.image_shape().unwrap_or((1, images.width()));
    let mut pixels = Array2::<f32>::zeros((1, images.width()));
    images.scaling().of(images).gather(&[0], pixels.view_mut())?;
    let ink = |pixel: &f32| [' ', '·', '░', '▒', '▓', '█'][(pixel * 5.0).round() as usize];
    let pixels: Vec<char> = pixels.iter().map(ink).collect();
    for line in pixels.chunks(columns) {
        // Twice each, as a character is twice as high as wide.
        println!("  {}", line.iter().flat_map(|&c| [c, c]).collect::<String>());
    }
    Ok(())
}
