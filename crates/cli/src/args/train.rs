use super::data::{DataArgs, is_false};
use super::values::{Hidden, at_least_one, not_negative, positive, share, threads};
use super::{Gradient, OptimizerName};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// TOML has no larger numbers.
const MOST_SEED: u64 = i64::MAX as u64;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule train
  chainrule train --data flowers.csv --target species --patience 10
  chainrule train --data fashion-mnist --hidden 256,128 --epochs 20
  chainrule train --config chainrule-out/config.toml --seed 1 --out other
  chainrule train --resume chainrule-out

Writes into the output directory:
  model.safetensors  the classifier, for evaluate, predict, report and export
  config.toml        every setting; `--config` reads it
  history.csv        loss, accuracy, learning rate and time of each epoch; its validation columns are of the test part
                     where there is no validation part
  curves.svg         loss and accuracy by epoch
  metrics.json       results, settings and machine
While it trains, and when it was interrupted, checkpoint.safetensors and checkpoint.toml hold all that `--resume` needs.

The result depends on the data and the settings, not on the number of threads. Ctrl-C ends the step, saves a
checkpoint, and says how to go on (exit code 130); a second one ends at once.")]
pub(crate) struct TrainArgs {
    /// A TOML file of settings, as config.toml; options on the command line go before it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Go on with a training that was interrupted, in the directory that it writes into; it ends in the same bits as if it had
    /// never stopped. Of other options only those under Run, and (with a constant schedule) more --epochs, can be given
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out"])]
    pub(crate) resume: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: Config,
}

/// All settings of a training: what flags say, and what config.toml holds, a table for each field.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl Config {
    /// What the command line checks while it is parsed, for settings from a file.
    ///
    /// # Errors
    /// Names the first setting that is out of range, and says what it may be.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Config { data, network, training, run } = self;
        let widths = network.hidden.iter().flat_map(|hidden| &hidden.0);
        let least_one =
            [("epochs", training.epochs), ("batch", training.batch), ("patience", training.patience)];
        let least_one = least_one.into_iter().chain(widths.map(|&width| ("hidden", Some(width))));
        for (name, value) in least_one {
            value
                .map_or(Ok(0), |value| at_least_one(&value.to_string()))
                .map_err(|error| named(name, &error))?;
        }
        let shares = [
            ("test-fraction", Some(data.test_fraction)),
            ("validation-fraction", data.validation_fraction),
            ("dropout", Some(network.dropout)),
            ("label-smoothing", Some(training.label_smoothing)),
        ];
        let above_zero = [("learning-rate", training.learning_rate), ("clip-norm", training.clip_norm)];
        let not_below =
            [("weight-decay", Some(training.weight_decay)), ("checkpoint-every", Some(run.checkpoint_every))];
        type Settings<'a> = &'a [(&'a str, Option<f64>)];
        type Parser = fn(&str) -> Result<f64, String>;
        let tables: [(Settings, Parser); 3] =
            [(&shares, share), (&above_zero, positive), (&not_below, not_negative)];
        for (settings, parse) in tables {
            for (name, value) in settings {
                value
                    .map_or(Ok(0.0), |value| parse(&value.to_string()))
                    .map_err(|error| named(name, &error))?;
            }
        }
        threads(&run.threads.to_string()).map_err(|error| named("threads", &error))?;
        Ok(())
    }

    /// The part that is evaluated after each epoch.
    pub(crate) fn held_out(&self) -> &'static str {
        if self.data.validation_fraction.is_some_and(|share| share > 0.0) { "validation" } else { "test" }
    }
}

fn named(name: &str, error: &str) -> String {
    format!("{name}: {error}")
}

/// What is trained.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Widths of the hidden layers, as 128,64; or none
    /// [default: 256,128 for digits, 128,128 otherwise]
    #[arg(long, value_name = "WIDTHS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<Hidden>,

    /// What follows each hidden layer
    #[arg(long, value_enum, value_name = "NAME", default_value = "relu")]
    pub(crate) activation: ActivationName,

    /// How weights begin
    #[arg(long, value_enum, value_name = "NAME", default_value = "he")]
    pub(crate) initializer: InitializerName,

    /// Share of each hidden layer's outputs that a step leaves out
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) dropout: f64,

    /// What happens to the inputs before the network sees them, fitted to the training rows and kept in the model
    #[arg(long, value_enum, value_name = "NAME", default_value = "auto")]
    pub(crate) preprocess: PreprocessName,

    /// How the gradient gets back through the softmax: the same gradient, at four costs
    #[arg(long, value_enum, value_name = "PATH", default_value = "fused")]
    pub(crate) gradient: Gradient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActivationName {
    /// max(0, x)
    Relu,
    /// x Φ(x)
    Gelu,
    /// x σ(x)
    Silu,
    /// tanh x
    Tanh,
    /// σ(x)
    Sigmoid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InitializerName {
    /// He's, normal: for relu and the like
    He,
    /// Glorot's, normal: for tanh and sigmoid
    Glorot,
    /// Glorot's, uniform: as scikit-learn's
    GlorotUniform,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PreprocessName {
    /// What suits the data: pixels to 0…1, the columns of a file standardised
    Auto,
    /// Each column to mean 0 and deviation 1
    Standard,
    /// Each column to 0…1
    MinMax,
    /// Nothing
    None,
}

/// How it is trained.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingArgs {
    /// How often every row is seen, at most [default: 30 for digits, 10 for fashion-mnist, 300 for spiral, 100 otherwise]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epochs: Option<usize>,

    /// Rows in a step [default: 16 for digits, 128 for fashion-mnist, 32 otherwise]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<usize>,

    /// What moves the parameters
    #[arg(long, value_enum, value_name = "NAME", default_value = "adam")]
    pub(crate) optimizer: OptimizerName,

    /// Step size, above 0 [default: 0.001 for adam, 0.1 for sgd]
    #[arg(long, value_name = "X", value_parser = positive, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) learning_rate: Option<f64>,

    /// How the step size changes over the training
    #[arg(long, value_enum, value_name = "NAME", default_value = "constant")]
    pub(crate) schedule: ScheduleName,

    /// Decoupled weight decay of adam (AdamW), at least 0
    #[arg(long, value_name = "X", value_parser = not_negative, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) weight_decay: f64,

    /// Longest that a gradient may be, above 0 [default: any length]
    #[arg(long, value_name = "X", value_parser = positive, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clip_norm: Option<f64>,

    /// Share of each target that is spread over all classes
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) label_smoothing: f64,

    /// How much the rows of a class count
    #[arg(long, value_enum, value_name = "NAME", default_value = "equal")]
    pub(crate) class_weights: ClassWeightsName,

    /// Stop after so many epochs without improvement on the validation part, and keep the best [default: never]
    #[arg(long, value_name = "EPOCHS", value_parser = at_least_one, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patience: Option<usize>,

    /// What has to improve
    #[arg(long, value_enum, value_name = "NAME", default_value = "loss")]
    pub(crate) monitor: MonitorName,

    /// After training, fit a temperature to the validation part, so that probabilities come true
    #[arg(long)]
    #[serde(skip_serializing_if = "is_false", default)]
    pub(crate) calibrate: bool,

    /// Seed of the first parameters, the order of the rows, the split, dropout, and the spiral's points
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_SEED), default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScheduleName {
    /// It does not
    Constant,
    /// Down to 0 along half a cosine
    Cosine,
    /// Up for three tenths of the training, then down (Smith's one-cycle)
    OneCycle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClassWeightsName {
    /// All alike
    Equal,
    /// By how rare their class is, so that all classes count the same
    Balanced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MonitorName {
    /// The validation loss, downwards
    Loss,
    /// The validation accuracy, upwards
    Accuracy,
}

/// What changes nothing about the model.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArgs {
    /// Threads; 0 or `all` stands for all cores
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: usize,

    /// Write a checkpoint after so many seconds, for --resume; 0 for none
    #[arg(long, value_name = "SECONDS", value_parser = not_negative, default_value_t = 10.0, allow_negative_numbers = true)]
    pub(crate) checkpoint_every: f64,

    /// Directory to write into; made if it is missing
    #[arg(long, value_name = "DIR", default_value = "chainrule-out")]
    pub(crate) out: PathBuf,

    /// Print nothing but one closing line
    #[arg(long)]
    #[serde(skip_serializing, default)]
    pub(crate) quiet: bool,

    /// Print nothing but metrics.json
    #[arg(long)]
    #[serde(skip_serializing, default)]
    pub(crate) json: bool,
}
