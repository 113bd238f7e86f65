//! What the Rust programs have in common: their flags, their clock, their data, and the one line of JSON that each prints.
//! `protocol.py` is the same in Python.

use anyhow::{Context, Result};
use chainrule_core::{Purpose, Random, Rows};
use chainrule_data::DataSet;
pub use chainrule_data::fashion_mnist;
pub use clap::Parser;
use clap::ValueEnum;
use ndarray::Array2;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Work {
    /// Train `hidden` on Fashion-MNIST: time of an epoch.
    Epoch,
    /// Loss and gradient in the logits, `rows` × `classes`.
    CrossEntropy,
    /// From the gradient in the probabilities to that in the logits, `rows` × `classes`, by the closed form.
    SoftmaxBackward,
    /// The same by the Jacobian of each row.
    SoftmaxJacobian,
    /// Probabilities of `rows` images in one call.
    Predict,
}

#[derive(Debug, Parser)]
#[command(args_override_self = true)]
pub struct Args {
    pub work: Work,
    /// Which form of the peer, where it has several
    #[arg(long, default_value = "")]
    pub variant: String,
    #[arg(long, value_delimiter = ',', default_value = "128,128")]
    pub hidden: Vec<usize>,
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Timed epochs, after one that warms up
    #[arg(long, default_value_t = 2)]
    pub epochs: usize,
    #[arg(long, default_value_t = 1024)]
    pub rows: usize,
    #[arg(long, default_value_t = 1000)]
    pub classes: usize,
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// How long a call is repeated
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    #[arg(long, default_value = chainrule_data::FASHION_MNIST_DIR)]
    pub data_dir: PathBuf,
}

/// What a program prints.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Median time of an epoch or a call.
    pub seconds: f64,
    /// 99th percentile of the calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// Share of the test images that were right after training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// Peak of the resident memory until the end of training, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
}

impl Report {
    /// Of a training: the first epoch warms up and does not count.
    pub fn of_epochs(seconds: &[f64], test_accuracy: f64, peak_memory: u64) -> Self {
        let seconds = quantile(&mut seconds[1..].to_vec(), 0.5);
        Report { seconds, p99: None, test_accuracy: Some(test_accuracy), peak_memory: Some(peak_memory) }
    }

    /// As one line of JSON, with the version of the package that was measured.
    pub fn print(&self, package: &str) -> Result<()> {
        let mut line = serde_json::to_value(self)?;
        line["versions"] = json!({ package: version(package)? });
        println!("{line}");
        Ok(())
    }
}

/// The version of a package that these programs were built with.
fn version(package: &str) -> Result<&'static str> {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let after = include_str!("../../Cargo.lock").split_once(&entry).map(|(_, after)| after);
    let version = after.and_then(|after| after.split('"').next());
    version.with_context(|| format!("no package {package} in Cargo.lock"))
}

/// Repeats `call` for a fifth of `seconds` to warm up, then for `seconds` and at least three times.
pub fn time_calls(seconds: f64, mut call: impl FnMut()) -> Report {
    let repeat = |seconds: f64, call: &mut dyn FnMut()| {
        let (start, mut times) = (Instant::now(), Vec::new());
        while times.len() < 3 || start.elapsed() < Duration::from_secs_f64(seconds) {
            let start = Instant::now();
            call();
            times.push(start.elapsed().as_secs_f64());
        }
        times
    };
    repeat(seconds / 5.0, &mut call);
    let mut times = repeat(seconds, &mut call);
    Report { seconds: quantile(&mut times, 0.5), p99: Some(quantile(&mut times, 0.99)), ..Report::default() }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// Peak of the resident memory of this process so far, in bytes.
pub fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("/proc/self/status: no VmHWM")?.parse::<u64>()? * 1024)
}

/// All images of a data set, scaled to 0 … 1.
pub fn images(set: &DataSet) -> Result<Array2<f32>> {
    let mut images = Array2::zeros((set.len(), set.width()));
    let all = Vec::from_iter(0..set.len());
    set.scaling().of(set).gather(&all, images.view_mut())?;
    Ok(images)
}

/// Numbers from about the normal distribution, the same in every program that asks for as many: what they are decides no time.
pub fn normal(rows: usize, columns: usize) -> Array2<f32> {
    let random = Random::new(0, Purpose::Generate, 0);
    Array2::from_shape_fn((rows, columns), |(i, j)| random.normal((i * columns + j) as u64) as f32)
}

/// A label for each row.
pub fn labels(rows: usize, classes: usize) -> Vec<usize> {
    Vec::from_iter((0..rows).map(|row| row * 7919 % classes))
}

/// 0 … rows - 1 in a new order for each seed.
pub fn shuffled(rows: usize, seed: usize) -> Vec<usize> {
    let mut order = Vec::from_iter(0..rows);
    Random::new(0, Purpose::Shuffle, seed).shuffle(&mut order);
    order
}

/// The numbers of a NumPy file of 64-bit floats in C order.
pub fn read_npy(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let header = bytes.get(8..10).context("a NumPy file is longer")?;
    let header = 10 + usize::from(u16::from_le_bytes([header[0], header[1]]));
    let numbers = bytes.get(header..).context("a NumPy file is longer")?.chunks_exact(8);
    Ok(numbers.map(|number| f64::from_le_bytes(number.try_into().expect("8 bytes"))).collect())
}
