//! The command line.

mod classifier;
mod data;
mod model;
mod network;
mod regression;
mod train;
mod values;

pub(crate) use classifier::ClassifierName;
pub(crate) use data::{ArrayArgs, DataArgs, HeaderName, MissingName, UnseenName};
pub(crate) use model::{
    EvaluateArgs, ExportArgs, FormatName, InspectArgs, PredictArgs, ReportArgs, RowsArgs,
};
pub(crate) use network::{ActivationName, InitializerName, PreprocessName};
pub(crate) use regression::SolverName;
pub(crate) use train::{Config, MonitorName, ScheduleName, TrainArgs};
pub(crate) use values::{ColumnName, DataSource, DelimiterName, Hidden};

use chainrule_models::GradientPath;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use values::{at_least_one, at_least_two, threads};

/// Dense neural-network classifiers on a CPU, with hand-written, exact backpropagation
#[derive(Debug, Parser)]
#[command(
    name = "chainrule",
    version,
    args_override_self = true,
    after_help = "Examples:
  chainrule train --data flowers.csv --target species
  chainrule report --model chainrule-out/model.safetensors
  chainrule predict --model chainrule-out/model.safetensors --input new.csv
  chainrule gradients

`chainrule help COMMAND` shows the options of a command, with examples.

Exit codes: 0 done; 1 doctor found a wrong product; 2 a mistake or a failure, told in one line; 130 interrupted by Ctrl-C."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a classifier and write model, settings, history, curves and metrics
    Train(Box<TrainArgs>),
    /// Measure a saved classifier on rows with labels
    Evaluate(EvaluateArgs),
    /// Predict the class of each row of a file
    Predict(PredictArgs),
    /// Write an HTML page that shows how good a classifier is
    Report(ReportArgs),
    /// Show what is in a model file
    Inspect(InspectArgs),
    /// Write a model for other programs: ONNX, PyTorch
    Export(ExportArgs),
    /// Time and compare four ways back through softmax and cross-entropy
    Gradients(GradientsArgs),
    /// Check this machine: BLAS, threads, SIMD and a matrix product
    Doctor(DoctorArgs),
    /// Print what makes a shell complete the commands, or write the manual pages
    Completions(CompletionsArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OptimizerName {
    /// Gradient descent with momentum 0.9
    Sgd,
    /// Adam with the paper's settings
    Adam,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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

What the environment variables CHAINRULE_SIMD and OPENBLAS_CORETYPE choose may be slower than what the
processor can do; it is said beside the level and the kernel. Exits with code 1 if a product is wrong.")]
pub(crate) struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule completions bash > /etc/bash_completion.d/chainrule
  chainrule completions zsh > ~/.zfunc/_chainrule
  chainrule completions --man share/man/man1")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL", required_unless_present = "man")]
    pub(crate) shell: Option<Shell>,

    /// Write the manual pages into this directory instead; made if it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "shell")]
    pub(crate) man: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
