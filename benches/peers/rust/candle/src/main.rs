//! candle's side of `make compare`.

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, linear};
use protocol::{Args, Parser, Report, Work, images, labels, normal, shuffled, time_calls};
use std::hint::black_box;
use std::time::Instant;

const DEVICE: &Device = &Device::Cpu;

fn main() -> Result<()> {
    let args = Args::parse();
    let report = match args.work {
        Work::Epoch => epoch(&args)?,
        Work::CrossEntropy => loss_and_gradient(&args)?,
        work => bail!("candle is not measured at {work:?}"),
    };
    report.print("candle-nn")
}

fn layers(hidden: &[usize], variables: VarBuilder) -> Result<Vec<Linear>> {
    let widths = [&[784], hidden, &[10]].concat();
    let pairs = widths.windows(2).enumerate();
    Ok(pairs.map(|(i, pair)| linear(pair[0], pair[1], variables.pp(i))).collect::<Result<_, _>>()?)
}

fn forward(layers: &[Linear], x: &Tensor) -> Result<Tensor> {
    let x = layers[0].forward(x)?;
    Ok(layers[1..].iter().try_fold(x, |x, layer| layer.forward(&x.relu()?))?)
}

/// All images are one tensor, from which each step selects its rows. Adam is AdamW without decay.
fn epoch(args: &Args) -> Result<Report> {
    let (train, test) = protocol::fashion_mnist(&args.data_dir)?;
    let (x, y) = (tensor(images(&train)?)?, integers(train.labels())?);
    let variables = VarMap::new();
    let layers = layers(&args.hidden, VarBuilder::from_varmap(&variables, DType::F32, DEVICE))?;
    let settings = ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(variables.all_vars(), settings)?;

    let mut seconds = Vec::new();
    for epoch in 0..=args.epochs {
        let start = Instant::now();
        for rows in shuffled(train.len(), epoch).chunks(args.batch) {
            let rows = integers(rows)?;
            let logits = forward(&layers, &x.index_select(&rows, 0)?)?;
            adam.backward_step(&cross_entropy(&logits, &y.index_select(&rows, 0)?)?)?;
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let peak_memory = protocol::peak_memory()?;
    let classes = forward(&layers, &tensor(images(&test)?)?)?.argmax(1)?;
    let right = classes.eq(&integers(test.labels())?)?.to_dtype(DType::F64)?.mean_all()?;
    Ok(Report::of_epochs(&seconds, right.to_scalar()?, peak_memory))
}

fn loss_and_gradient(args: &Args) -> Result<Report> {
    let logits = Var::from_tensor(&tensor(normal(args.rows, args.classes))?)?;
    let labels = integers(&labels(args.rows, args.classes))?;
    let call = || -> Result<_> {
        let loss = cross_entropy(&logits, &labels)?;
        let gradients = loss.backward()?;
        Ok((loss.to_scalar::<f32>()?, gradients))
    };
    call()?;
    Ok(time_calls(args.seconds, || {
        black_box(call().expect("as before"));
    }))
}

fn tensor(rows: ndarray::Array2<f32>) -> Result<Tensor> {
    let shape = rows.dim();
    Ok(Tensor::from_vec(rows.into_raw_vec_and_offset().0, shape, DEVICE)?)
}

fn integers(values: &[usize]) -> Result<Tensor> {
    let values = Vec::from_iter(values.iter().map(|&value| value as u32));
    Ok(Tensor::new(values, DEVICE)?)
}
