//! The command line.

use chainrule_models::GradientPath;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

/// The most threads that may be asked for.
const MOST_THREADS: usize = 1024;

/// Dense neural-network classifiers on a CPU, with hand-written, exact backpropagation
#[derive(Debug, Parser)]
#[command(
    name = "chainrule",
    version,
    after_help = "Examples:
  chainrule train
  chainrule evaluate --model chainrule-out/model.safetensors
  chainrule gradients

`chainrule help COMMAND` shows the options of a command, with examples."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a classifier and write model, history, curves and metrics
    Train(TrainArgs),
    /// Measure a saved classifier on the test part of a data set
    Evaluate(EvaluateArgs),
    /// Predict the class of each row of a CSV file
    Predict(PredictArgs),
    /// Show what is in a model file
    Inspect(InspectArgs),
    /// Time and compare four ways back through softmax and cross-entropy
    Gradients(GradientsArgs),
    /// Check this machine: BLAS, threads, SIMD and a matrix product
    Doctor(DoctorArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DataName {
    /// 1,797 handwritten digits of 8×8 pixels, compiled in; a fifth of each class is the test part
    Digits,
    /// 70,000 images of clothes of 28×28 pixels, from files; they have their own test part
    FashionMnist,
    /// 600 points on three arms of a spiral, generated; a fifth of each class is the test part
    Spiral,
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Data set
    #[arg(long, value_enum, value_name = "NAME", default_value = "digits")]
    pub(crate) data: DataName,

    /// Directory of the four files of Fashion-MNIST [default: where Debian's package puts them]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OptimizerName {
    /// Gradient descent with momentum 0.9
    Sgd,
    /// Adam with the paper's settings
    Adam,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gradient {
    /// Softmax and cross-entropy as one function: probabilities less targets
    Fused,
    /// The Jacobian's product in closed form
    Product,
    /// The explicit Jacobian, row by row
    Jacobian,
    /// The explicit Jacobian, stored for each sample
    StoredJacobian,
}

impl Gradient {
    /// As tables and plots call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Gradient::Fused => "fused",
            Gradient::Product => "closed form",
            Gradient::Jacobian => "Jacobian by rows",
            Gradient::StoredJacobian => "stored Jacobian",
        }
    }
}

impl From<Gradient> for GradientPath {
    fn from(gradient: Gradient) -> Self {
        match gradient {
            Gradient::Fused => GradientPath::Fused,
            Gradient::Product => GradientPath::Product,
            Gradient::Jacobian => GradientPath::Jacobian,
            Gradient::StoredJacobian => GradientPath::StoredJacobian,
        }
    }
}

/// Widths of hidden layers, first to last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) Vec<usize>);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule train
  chainrule train --data fashion-mnist --hidden 256,128 --epochs 20
  chainrule train --data spiral --optimizer sgd --gradient jacobian --out spiral-sgd

Writes into the output directory:
  model.safetensors  the classifier, for evaluate, predict and inspect
  history.csv        loss, accuracy and time of each epoch
  curves.svg         loss and accuracy by epoch
  metrics.json       results, settings and machine

The result depends on the data and the settings, not on the number of threads.")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// Widths of the hidden layers, as 128,64; or none
    /// [default: 256,128 for digits, 128,128 for fashion-mnist and spiral]
    #[arg(long, value_name = "WIDTHS", value_parser = hidden)]
    pub(crate) hidden: Option<Hidden>,

    /// How often every row is seen [default: 30 for digits, 10 for fashion-mnist, 300 for spiral]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) epochs: Option<usize>,

    /// Rows in a step [default: 16 for digits, 128 for fashion-mnist, 32 for spiral]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) batch: Option<usize>,

    /// What moves the parameters
    #[arg(long, value_enum, value_name = "NAME", default_value = "adam")]
    pub(crate) optimizer: OptimizerName,

    /// Step size, above 0 [default: 0.001 for adam, 0.1 for sgd]
    #[arg(long, value_name = "X", value_parser = learning_rate, allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,

    /// Seed of the first parameters, the order of the rows, the split, and the spiral's points
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,

    /// Threads; 0 or `all` stands for all cores
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: usize,

    /// How the gradient gets back through the softmax: the same gradient, at four costs
    #[arg(long, value_enum, value_name = "PATH", default_value = "fused")]
    pub(crate) gradient: Gradient,

    /// Directory to write into; made if it is missing
    #[arg(long, value_name = "DIR", default_value = "chainrule-out")]
    pub(crate) out: PathBuf,

    /// Print nothing but one closing line
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule evaluate --model chainrule-out/model.safetensors
  chainrule evaluate --model chainrule-out/model.safetensors --data fashion-mnist --json

Digits and spiral are split by the seed: give the seed that the model was trained with, or rows that it has seen
count as test rows.")]
pub(crate) struct EvaluateArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// Seed of the split and of the spiral's points, as in training
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,

    /// Threads; 0 or `all` stands for all cores
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: usize,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule predict --model chainrule-out/model.safetensors --input rows.csv > predictions.csv
  chainrule predict --model chainrule-out/model.safetensors --input rows.csv | head

Rows are raw numbers, as the data set has them (pixels of 0 to 16 for digits); the classifier scales them itself. A
first line without any number is a header and skipped. The output is CSV: the most probable class, then the
probability of every class.")]
pub(crate) struct PredictArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    /// CSV file with a row of numbers for each prediction
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule inspect --model chainrule-out/model.safetensors
  chainrule inspect --model chainrule-out/model.safetensors --json")]
pub(crate) struct InspectArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionName {
    /// Single
    F32,
    /// Double
    F64,
    /// One after the other
    Both,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule gradients
  chainrule gradients --classes 1000 --batch 64
  chainrule gradients --precision f64 --threads all
  chainrule gradients --full --json --out timings

Without --classes and --batch it makes a table over numbers of classes from 2 to 32,768, and a plot of it,
gradients.svg. That takes some 20 seconds in f32 on one thread, and a minute or two with --full. A Jacobian above
1 GiB is not stored: the table says so.")]
pub(crate) struct GradientsArgs {
    /// Rows of logits [default: as many as make about 32,768 logits, and 8 at least]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) batch: Option<usize>,

    /// Classes, at least 2 [default: a table over several; 10 if only --batch is given]
    #[arg(long, value_name = "N", value_parser = at_least_two, allow_negative_numbers = true)]
    pub(crate) classes: Option<usize>,

    /// Number type
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f32")]
    pub(crate) precision: PrecisionName,

    /// Threads; 0 or `all` stands for all cores
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: usize,

    /// f32 and f64, on one thread and on all cores: all four
    #[arg(long, conflicts_with_all = ["precision", "threads"])]
    pub(crate) full: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Directory to write gradients.svg into; made if it is missing
    /// [default: chainrule-out for the table, no plot for a single size]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule doctor
  chainrule doctor --json

Exits with code 1 if a product is wrong.")]
pub(crate) struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn whole(text: &str, least: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number >= least);
    number.ok_or_else(|| format!("expected a whole number, at least {least}"))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    whole(text, 1)
}

fn at_least_two(text: &str) -> Result<usize, String> {
    whole(text, 2)
}

fn threads(text: &str) -> Result<usize, String> {
    if text == "all" {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|&number| number <= MOST_THREADS);
    number.ok_or_else(|| format!("expected all, or a whole number from 0 (all cores) to {MOST_THREADS}"))
}

fn learning_rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a finite number above 0".to_owned())
}

fn hidden(text: &str) -> Result<Hidden, String> {
    if text == "none" {
        return Ok(Hidden(Vec::new()));
    }
    let widths = text.split(',').map(|width| whole(width.trim(), 1)).collect::<Result<_, _>>();
    let expected = "expected widths of at least 1, separated by commas, as 128,64; or none";
    widths.map(Hidden).map_err(|_| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn reads_threads() {
        assert_eq!(threads("all"), Ok(0));
        assert_eq!(threads("3"), Ok(3));
        for text in ["", "-1", "1.5", "ALL", "1025"] {
            assert!(threads(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn reads_widths() {
        assert_eq!(hidden("128, 64"), Ok(Hidden(vec![128, 64])));
        assert_eq!(hidden("none"), Ok(Hidden(Vec::new())));
        for text in ["", "0", "8,0", "8,,8", "8;8", "-1", "1.5", "99999999999999999999999"] {
            assert!(hidden(text).is_err(), "{text:?}");
        }
    }
}
