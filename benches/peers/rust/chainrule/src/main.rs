//! chainrule's side of `make compare`.

use anyhow::Result;
use chainrule::kernels::{pool, softmax, softmax_backward, softmax_backward_jacobian, softmax_cross_entropy};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use protocol::{Args, Parser, Report, Work, labels, normal, time_calls};
use std::hint::black_box;

fn main() -> Result<()> {
    let args = Args::parse();
    let report = pool(args.threads)?.install(|| match args.work {
        Work::Epoch => epoch(&args),
        Work::CrossEntropy => Ok(cross_entropy(&args)),
        Work::SoftmaxBackward => Ok(backward(&args, softmax_backward)),
        Work::SoftmaxJacobian => Ok(backward(&args, softmax_backward_jacobian)),
        Work::Predict => predict(&args),
    })?;
    report.print("chainrule")
}

fn epoch(args: &Args) -> Result<Report> {
    let (train, test) = protocol::fashion_mnist(&args.data_dir)?;
    let mut classifier = Classifier::<f32>::builder(train.width(), train.class_names().len())
        .hidden(&args.hidden)
        .scaling(train.scaling())
        .build()?;
    let training = Training { epochs: 1 + args.epochs, batch_size: args.batch, ..Training::default() };
    let history = classifier.fit(Samples::new(&train, train.targets()), &training)?;
    let peak_memory = protocol::peak_memory()?;
    let accuracy = classifier.evaluate(Samples::new(&test, test.targets()))?.accuracy;
    let seconds = Vec::from_iter(history.epochs.iter().map(|epoch| epoch.seconds));
    Ok(Report::of_epochs(&seconds, accuracy, peak_memory))
}

fn cross_entropy(args: &Args) -> Report {
    let logits = normal(args.rows, args.classes);
    let labels = labels(args.rows, args.classes);
    let (mut losses, mut dlogits) = (Array1::zeros(args.rows), Array2::zeros(logits.dim()));
    let scale = 1.0 / args.rows as f32;
    time_calls(args.seconds, || {
        softmax_cross_entropy(
            black_box(logits.view()),
            Targets::Classes(&labels),
            Default::default(),
            scale,
            losses.view_mut(),
            dlogits.view_mut(),
        );
        black_box((losses.sum() * scale, &dlogits));
    })
}

fn backward(args: &Args, backward: fn(ArrayView2<f32>, ArrayView2<f32>, ArrayViewMut2<f32>)) -> Report {
    let logits = normal(args.rows, args.classes);
    let (mut s, dy, mut dx) = (logits.clone(), logits.clone(), logits.clone());
    softmax(logits.view(), s.view_mut());
    time_calls(args.seconds, || {
        backward(black_box(s.view()), black_box(dy.view()), dx.view_mut());
        black_box(&dx);
    })
}

fn predict(args: &Args) -> Result<Report> {
    let mut builder = Network::<f32>::builder(784);
    for &width in &args.hidden {
        builder = builder.dense(width).relu();
    }
    let network = builder.dense(10).softmax().build()?;
    let (x, indices) = (normal(args.rows, 784), Vec::from_iter(0..args.rows));
    let mut scratch = network.scratch(args.rows);
    network.predict(&x, &indices, &mut scratch)?;
    Ok(time_calls(args.seconds, || {
        black_box(network.predict(black_box(&x), &indices, &mut scratch).expect("inputs that fit"));
    }))
}
