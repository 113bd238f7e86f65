use chainrule_core::{Error, Real, Targets};
use chainrule_kernels::CrossEntropyOptions;

/// What a loss of classes does beside comparing: see [`CrossEntropyOptions`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CrossEntropySettings {
    pub(super) class_weights: Option<Vec<f64>>,
    pub(super) label_smoothing: f64,
    pub(super) ignored_label: Option<usize>,
}

impl CrossEntropySettings {
    pub(super) const NONE: Self =
        CrossEntropySettings { class_weights: None, label_smoothing: 0.0, ignored_label: None };

    pub(super) fn options(&self) -> CrossEntropyOptions<'_> {
        CrossEntropyOptions {
            class_weights: self.class_weights.as_deref(),
            label_smoothing: self.label_smoothing,
            ignored_label: self.ignored_label,
        }
    }

    pub(super) fn check<F: Real>(&self, classes: usize, targets: Targets<F>) -> Result<(), Error> {
        crate::settings::fraction("label_smoothing", self.label_smoothing)?;
        if let Some(weights) = &self.class_weights {
            if weights.len() != classes {
                return Err(Error::ClassWeights { expected: classes, found: weights.len() });
            }
            if let Some(class) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                return Err(Error::ClassWeight { class, value: weights[class] });
            }
            crate::settings::positive("sum of the class weights", weights.iter().sum())?;
        }
        match self.ignored_label {
            Some(label) if label < classes => Err(Error::IgnoredLabel { label, classes }),
            ignored => targets.check_ignoring(classes, ignored),
        }
    }

    /// What a row counts for in the mean, as in PyTorch: the weight of its label; 0 if ignored; 1 with soft targets.
    pub(super) fn row_weight<F: Real>(&self, targets: Targets<F>, row: usize) -> f64 {
        match (targets, &self.class_weights) {
            (Targets::Classes(labels), _) if self.ignored_label == Some(labels[row]) => 0.0,
            (Targets::Classes(labels), Some(weights)) => weights[labels[row]],
            _ => 1.0,
        }
    }
}

/// The settings that all losses of classes share, as methods of a loss; `$settings` is where it keeps them.
macro_rules! cross_entropy_settings {
    ($loss:ty, $($settings:ident).+) => {
        impl $loss {
            /// A weight for each class: the loss of a row is multiplied by its class's, and the mean divides by the sum
            /// of the weights of the rows' classes (with soft targets, where each class of a row has its own, by the
            /// number of rows). As in PyTorch.
            pub fn class_weights(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
                self.$($settings).+.class_weights = Some(weights.into_iter().collect());
                self
            }

            /// ε, at least 0 and below 1: targets y become (1 - ε) y + ε / classes (C. Szegedy et al., "Rethinking the
            /// Inception architecture for computer vision", CVPR 2016). As in PyTorch.
            pub fn label_smoothing(mut self, epsilon: f64) -> Self {
                self.$($settings).+.label_smoothing = epsilon;
                self
            }

            /// A label that is no class: a row that has it counts for nothing. If all rows of a batch have it, loss and
            /// gradient are 0.
            ///
            /// `Network::evaluate` takes this loss as well; a `Classifier`'s own scores know of no such label, and want the rows without.
            pub fn ignored_label(mut self, label: usize) -> Self {
                self.$($settings).+.ignored_label = Some(label);
                self
            }
        }
    };
}
pub(super) use cross_entropy_settings;
