//! What the commands take that begin with a model file.

use super::values::{DataSource, data_source, threads};
use super::{ArrayArgs, DataArgs};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Labelled rows to try a model on.
#[derive(Debug, Args)]
pub(crate) struct RowsArgs {
    /// digits, fashion-mnist, spiral, or a file with labels, all of whose rows are taken
    /// [default: the test part of what the model was trained on]
    #[arg(long, value_name = "NAME|FILE", value_parser = data_source())]
    pub(crate) data: Option<DataSource>,

    /// Directory of the four files of Fashion-MNIST [default: where Debian's package puts them]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) arrays: ArrayArgs,

    /// Seed of the split of a data set that was named, and of the spiral's points [default: the model's]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,

    /// Threads; 0 or `all` stands for all cores
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: usize,
}

impl RowsArgs {
    /// The files that rows are read from: those that were named, or else those of what the model was `trained_on`.
    pub(crate) fn files<'a>(&'a self, trained_on: Option<&'a DataArgs>) -> Vec<&'a Path> {
        match &self.data {
            Some(data) => data.file().into_iter().chain(self.arrays.labels.as_deref()).collect(),
            None => trained_on.into_iter().flat_map(DataArgs::files).map(|(_, path)| path).collect(),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule evaluate --model chainrule-out/model.safetensors
  chainrule evaluate --model chainrule-out/model.safetensors --data more.csv --json

Without --data it measures the rows that were kept for the test in training.")]
pub(crate) struct EvaluateArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) rows: RowsArgs,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule report --model chainrule-out/model.safetensors
  chainrule report --model chainrule-out/model.safetensors --data more.csv --out more.html

One HTML page that needs no network: the curves of the training (if its metrics.json is beside the model), confusion matrix,
scores of each class, calibration, the most confident mistakes, settings, and what the data are.")]
pub(crate) struct ReportArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) rows: RowsArgs,

    /// The page [default: report.html beside the model]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Print the numbers as one JSON object, in place of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule predict --model chainrule-out/model.safetensors --input rows.csv > predictions.csv
  chainrule predict --model chainrule-out/model.safetensors --input rows.csv --json | head

Rows are raw, as in training; the model scales and encodes them itself. A model of a table takes its columns by their
names, where the file has a header, with or without the column of the labels. The output is CSV: the most probable
class, then the probability of every class; with --json one JSON object for each row and line.")]
pub(crate) struct PredictArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    /// File with a row for each prediction: .csv, .tsv, .npy, .npz, .safetensors, IDX; .gz as well; .parquet in a build with that feature
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// Name of the inputs in an .npz or .safetensors file [default: x]
    #[arg(long, value_name = "NAME")]
    pub(crate) array: Option<String>,

    /// Print a JSON object for each row
    #[arg(long)]
    pub(crate) json: bool,
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
pub(crate) enum FormatName {
    /// The graph with preprocessing and softmax
    Onnx,
    /// Weights under the names and in the shapes of a torch.nn.Sequential
    Pytorch,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule export --model chainrule-out/model.safetensors --out model.onnx
  chainrule export --model chainrule-out/model.safetensors --format pytorch --out weights.safetensors

The ONNX graph takes `input`, (rows, columns) raw numbers (a table's categories as one-hot columns, in the order that
`inspect` shows), and gives `probabilities` and `label`.")]
pub(crate) struct ExportArgs {
    /// Model file that `train` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,

    /// What to write [default: by the extension of --out]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) format: Option<FormatName>,

    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}
