use std::fmt;

/// What a network's outputs are, where that is known, and what a loss takes them for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputKind {
    /// Any numbers, as a dense layer gives them: softmax or sigmoid would make probabilities of them.
    Logits,
    /// Of softmax or sigmoid.
    Probabilities,
    /// Of log-softmax.
    LogProbabilities,
}

impl OutputKind {
    /// Whether a loss that expects `expected` means the right thing by these. Logarithms of probabilities are logits, too: softmax gives the
    /// probabilities back.
    pub fn is(self, expected: Self) -> bool {
        self == expected || (self, expected) == (OutputKind::LogProbabilities, OutputKind::Logits)
    }
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            OutputKind::Logits => "logits",
            OutputKind::Probabilities => "probabilities",
            OutputKind::LogProbabilities => "logarithms of probabilities",
        })
    }
}
