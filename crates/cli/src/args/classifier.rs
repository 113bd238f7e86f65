use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClassifierName {
    /// A dense network, by epochs of a first-order method
    Network,
    /// No hidden layers, at the optimum of the regularised cross-entropy, by a second-order method
    SoftmaxRegression,
}

/// Settings that mean something for a network only, and why.
const OF_NETWORKS: [(&str, &str); 17] = [
    ("hidden", "which has no hidden layers"),
    ("activation", "which has no hidden layers"),
    ("initializer", "which begins at 0, or where --warm-start says"),
    ("dropout", "which has no hidden layers"),
    ("gradient", "whose --solver knows one gradient, the fused one"),
    ("epochs", "which --max-iterations limits"),
    ("batch", "each of whose iterations sees all rows"),
    ("optimizer", "whose optimum --solver finds"),
    ("learning-rate", "whose --solver finds the length of each step"),
    ("schedule", "whose --solver finds the length of each step"),
    ("weight-decay", "whose weights --l2 keeps small"),
    ("clip-norm", "whose --solver finds the length of each step"),
    ("label-smoothing", "which takes the classes as they are"),
    ("patience", "which ends at its optimum, by --tolerance"),
    ("monitor", "which ends at its optimum, by --tolerance"),
    ("checkpoint-every", "which keeps no checkpoints; --warm-start goes on from a model"),
    ("resume", "which keeps no checkpoints; --warm-start goes on from a model"),
];

/// Settings that mean something for a softmax regression only, and why.
const OF_REGRESSIONS: [(&str, &str); 5] = [
    ("l2", "whose weights --weight-decay keeps small"),
    ("solver", "which --optimizer trains"),
    ("tolerance", "which trains for --epochs, or by --patience"),
    ("max-iterations", "which --epochs limits"),
    ("warm-start", "which begins by --initializer, or goes on by --resume"),
];

impl ClassifierName {
    /// Settings, by their names in a file and as options, that mean nothing for it, each with what it has instead.
    pub(crate) fn foreign_settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            ClassifierName::Network => &OF_REGRESSIONS,
            ClassifierName::SoftmaxRegression => &OF_NETWORKS,
        }
    }

    /// With an article.
    pub(crate) fn title(self) -> &'static str {
        match self {
            ClassifierName::Network => "a network",
            ClassifierName::SoftmaxRegression => "a softmax regression",
        }
    }
}
