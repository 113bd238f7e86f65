//! burn's side of `make compare`; the variants are its backends, `flex` and `ndarray` (with OpenBLAS).

use anyhow::{Result, bail};
use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::{AutodiffModule, Module};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::tensor::activation::relu;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor, TensorData};
use protocol::{Args, Parser, Report, Work, images, labels, normal, shuffled, time_calls};
use std::hint::black_box;
use std::time::Instant;

fn main() -> Result<()> {
    let args = Args::parse();
    let report = match &*args.variant {
        "flex" => report::<Autodiff<Flex>>(&args)?,
        "ndarray" => report::<Autodiff<NdArray>>(&args)?,
        other => bail!("no backend {other:?} here, only flex and ndarray"),
    };
    report.print("burn")
}

fn report<B: AutodiffBackend>(args: &Args) -> Result<Report> {
    match args.work {
        Work::Epoch => epoch::<B>(args),
        Work::CrossEntropy => Ok(cross_entropy::<B>(args)),
        work => bail!("burn is not measured at {work:?}"),
    }
}

#[derive(Module, Debug)]
struct Classifier<B: Backend> {
    layers: Vec<Linear<B>>,
}

impl<B: Backend> Classifier<B> {
    fn new(hidden: &[usize], device: &B::Device) -> Self {
        let widths = [&[784], hidden, &[10]].concat();
        let layer = |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).init(device);
        Classifier { layers: widths.windows(2).map(layer).collect() }
    }

    fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let mut layers = self.layers.iter();
        let first = layers.next().expect("a layer").forward(x);
        layers.fold(first, |x, layer| layer.forward(relu(x)))
    }
}

/// All images are one tensor, from which each step selects its rows.
fn epoch<B: AutodiffBackend>(args: &Args) -> Result<Report> {
    let device = B::Device::default();
    let (train, test) = protocol::fashion_mnist(&args.data_dir)?;
    let x = tensor::<B>(images(&train)?, &device);
    let y = integers::<B>(train.labels(), &device);
    let mut model = Classifier::<B>::new(&args.hidden, &device);
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let loss = CrossEntropyLossConfig::new().init(&device);

    let mut seconds = Vec::new();
    for epoch in 0..=args.epochs {
        let start = Instant::now();
        for rows in shuffled(train.len(), epoch).chunks(args.batch) {
            let rows = integers::<B>(rows, &device);
            let logits = model.forward(x.clone().select(0, rows.clone()));
            let gradients = loss.forward(logits, y.clone().select(0, rows)).backward();
            let gradients = GradientsParams::from_grads(gradients, &model);
            model = adam.step(1e-3, model, gradients);
        }
        B::sync(&device)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let peak_memory = protocol::peak_memory()?;
    let device = Default::default();
    let classes = model.valid().forward(tensor(images(&test)?, &device)).argmax(1).flatten::<1>(0, 1);
    let right = classes.equal(integers(test.labels(), &device)).int().sum().into_scalar();
    let accuracy = burn::tensor::ElementConversion::elem::<f64>(right) / test.len() as f64;
    Ok(Report::of_epochs(&seconds, accuracy, peak_memory))
}

fn cross_entropy<B: AutodiffBackend>(args: &Args) -> Report {
    let device = B::Device::default();
    let logits = tensor::<B>(normal(args.rows, args.classes), &device).require_grad();
    let labels = integers::<B>(&labels(args.rows, args.classes), &device);
    let loss = CrossEntropyLossConfig::new().init(&device);
    time_calls(args.seconds, || {
        let loss = loss.forward(logits.clone(), labels.clone());
        let gradients = loss.backward();
        black_box((loss.into_scalar(), logits.grad(&gradients)));
    })
}

fn tensor<B: Backend>(rows: ndarray::Array2<f32>, device: &B::Device) -> Tensor<B, 2> {
    let shape = [rows.nrows(), rows.ncols()];
    Tensor::from_data(TensorData::new(rows.into_raw_vec_and_offset().0, shape), device)
}

fn integers<B: Backend>(values: &[usize], device: &B::Device) -> Tensor<B, 1, Int> {
    let values = Vec::from_iter(values.iter().map(|&value| value as i32));
    Tensor::from_ints(&values[..], device)
}
