use super::OptimizerName;
use super::classifier::ClassifierName;
use super::data::{DataArgs, is_false};
use super::network::NetworkArgs;
use super::regression::RegressionArgs;
use super::values::{MOST, at_least_one, not_negative, positive, share, threads};
use chainrule_models::ClassWeights;
use clap::{Args, Command, FromArgMatches, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chainrule train
  chainrule train --data flowers.csv --target species --patience 10
  chainrule train --data fashion-mnist --hidden 256,128 --epochs 20
  chainrule train --config chainrule-out/config.toml --seed 1 --out other
  chainrule train --resume chainrule-out
  chainrule train --classifier softmax-regression --data flowers.csv --target species --l2 0.1
  chainrule train --classifier softmax-regression --warm-start chainrule-out/model.safetensors --out again

Writes into the output directory:
  model.safetensors  the classifier, for evaluate, predict, report and export
  config.toml        every setting; `--config` reads it
  history.csv        loss, accuracy, learning rate and time of each epoch; its validation columns are of the test part
                     where there is no validation part
  curves.svg         loss and accuracy by epoch
  metrics.json       results, settings and machine
While it trains, and when it was interrupted, checkpoint.safetensors and checkpoint.toml hold all that `--resume` needs.

With --classifier softmax-regression it finds the optimum of a classifier without hidden layers, by second-order methods
in place of epochs. It says how near it came: history.csv and curves.svg show objective and gradient of each iteration,
and where the gradient is not as small as --tolerance asks, a warning says why. There are no checkpoints: Ctrl-C ends the
iteration, writes the model so far (exit code 130), and says how to go on, by --warm-start.

The result depends on the data and the settings, not on the number of threads. Ctrl-C ends a network's
step, saves a checkpoint, and says how to go on (exit code 130); a second one ends at once.")]
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

impl TrainArgs {
    /// Every path that settings keep, with its option.
    pub(crate) fn kept_paths(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let Config { data, regression, run, .. } = &self.settings;
        let paths = [
            ("--out", Some(&run.out)),
            ("--resume", self.resume.as_ref()),
            ("--data-dir", data.data_dir.as_ref()),
            ("--test-data", data.test_data.as_ref()),
            ("--labels", data.arrays.labels.as_ref()),
            ("--warm-start", regression.warm_start.as_ref()),
        ];
        paths.into_iter().filter_map(|(option, path)| Some((option, path?.as_path())))
    }
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
    #[serde(rename = "softmax-regression")]
    pub(crate) regression: RegressionArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl Default for Config {
    /// As a command line without options says it.
    fn default() -> Self {
        let matches = Config::augment_args(Command::new("train")).try_get_matches_from(["train"]);
        let config = matches.and_then(|matches| Config::from_arg_matches(&matches));
        config.expect("every option may be left out")
    }
}

impl Config {
    /// What the command line checks while it is parsed, for settings from a file.
    ///
    /// # Errors
    /// Names the first setting that is out of range, and says what it may be.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Config { data, network, training, regression, run } = self;
        let widths = network.hidden.iter().flat_map(|hidden| &hidden.0);
        let least_one = [
            ("epochs", training.epochs),
            ("batch", training.batch),
            ("patience", training.patience),
            ("max-iterations", Some(regression.max_iterations)),
        ];
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
        let above_zero = [
            ("learning-rate", training.learning_rate),
            ("clip-norm", training.clip_norm),
            ("tolerance", Some(regression.tolerance)),
        ];
        let not_below = [
            ("weight-decay", Some(training.weight_decay)),
            ("l2", Some(regression.l2)),
            ("checkpoint-every", Some(run.checkpoint_every)),
        ];
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

/// How it is trained.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingArgs {
    /// What is trained; each has options that mean nothing for the other
    #[arg(long, value_enum, value_name = "KIND", default_value = "network")]
    pub(crate) classifier: ClassifierName,

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

    /// Seed of a network's first parameters, the order of the rows, the split, dropout, and the spiral's points
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST), default_value_t = 0, allow_negative_numbers = true)]
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

impl From<ClassWeightsName> for Option<ClassWeights> {
    fn from(weights: ClassWeightsName) -> Self {
        match weights {
            ClassWeightsName::Equal => None,
            ClassWeightsName::Balanced => Some(ClassWeights::Balanced),
        }
    }
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
