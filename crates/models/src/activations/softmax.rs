use chainrule_core::{Activation, Head, OutputKind, Real};
use chainrule_kernels::{
    softmax, softmax_backward, softmax_backward_jacobian, softmax_backward_stored_jacobian,
};
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

/// How the gradient gets from behind a softmax to its logits: the same gradient, at four costs (C classes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradientPath {
    /// Softmax and categorical cross-entropy as one function, (ŷ - y) / samples: O(C) a row and one pass. Behind any other
    /// loss it is [`GradientPath::Product`].
    #[default]
    Fused,
    /// The Jacobian's product multiplied out, s ⊙ (dy - ⟨s, dy⟩): O(C) a row.
    Product,
    /// The explicit Jacobian, row by row: O(C²) a row, no storage.
    Jacobian,
    /// The explicit Jacobian, stored for each sample and multiplied through BLAS, as in the chapter: O(C²) a row, and C²
    /// numbers a thread.
    StoredJacobian,
}

/// Softmax: sᵢ = exp(xᵢ) / Σⱼ exp(xⱼ), row by row; its Jacobian is diag(s) - s sᵀ.
///
/// It stays finite for all finite logits. Source: *Neural Networks from Scratch*, chapters 4 and 9 (there
/// `Activation_Softmax`).
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Softmax;
/// let s = Softmax::default().output(ndarray::array![[1000.0_f32, 1000.0]].view());
/// assert_eq!(s, ndarray::array![[0.5, 0.5]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Softmax {
    /// How it goes back.
    pub gradient: GradientPath,
}

impl<F: Real> Activation<F> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        softmax(x, y);
    }

    fn backward(&self, _x: ArrayView2<F>, y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        match self.gradient {
            GradientPath::Fused | GradientPath::Product => softmax_backward(y, dy, dx),
            GradientPath::Jacobian => softmax_backward_jacobian(y, dy, dx),
            GradientPath::StoredJacobian => softmax_backward_stored_jacobian(y, dy, dx),
        }
    }

    fn head(&self) -> Option<Head> {
        (self.gradient == GradientPath::Fused).then_some(Head::Softmax)
    }

    fn output_kind(&self) -> Option<OutputKind> {
        Some(OutputKind::Probabilities)
    }
}
