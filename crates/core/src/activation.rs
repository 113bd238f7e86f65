use crate::{Error, Head, OutputKind, Real};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use std::fmt::Debug;
use std::sync::Arc;

/// A function of each row without parameters, as wide out as in: ReLU, softmax.
///
/// All shapes are (rows, width). Rows do not see each other. In memory the numbers of a row follow one another where a network calls it,
/// but rows lie any distance apart. As of a [`Layer`](crate::Layer), what `Debug` prints is what
/// a checkpoint compares.
///
/// ```
/// use chainrule_core::Activation;
/// use ndarray::{ArrayView2, ArrayViewMut2, Zip, array};
///
/// /// y = x², so dx = 2x · dy
/// #[derive(Debug)]
/// struct Square;
///
/// impl Activation<f64> for Square {
///     fn name(&self) -> &'static str {
///         "square"
///     }
///     fn forward(&self, x: ArrayView2<f64>, y: ArrayViewMut2<f64>) {
///         Zip::from(y).and(x).for_each(|y, x| *y = x * x);
///     }
///     fn backward(&self, x: ArrayView2<f64>, _y: ArrayView2<f64>, dy: ArrayView2<f64>, dx: ArrayViewMut2<f64>) {
///         Zip::from(dx).and(x).and(dy).for_each(|dx, x, dy| *dx = 2.0 * x * dy);
///     }
/// }
///
/// let x = array![[1.0, -3.0]];
/// assert_eq!(Square.output(x.view()), array![[1.0, 9.0]]);
/// let check = chainrule_core::check_activation(&Square, x.view());
/// assert!(check.error() < 1e-8, "{check}");
/// ```
pub trait Activation<F: Real>: Debug + Send + Sync {
    /// The field's name for it, in lower case.
    fn name(&self) -> &'static str;

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the one that is out of range.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// y ← f(x)
    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>);

    /// Of [`Activation::forward`]: dx ← (∂y/∂x)ᵀ dy, where y = f(x) is what forward wrote.
    fn backward(&self, x: ArrayView2<F>, y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>);

    /// What a loss may take over the backward pass of, jointly with its own (see [`Head`]); none by default.
    fn head(&self) -> Option<Head> {
        None
    }

    /// What f(x) is to a loss, where that is known: what the [`Head`] gives, if it is one.
    fn output_kind(&self) -> Option<OutputKind> {
        self.head().map(Head::output_kind)
    }

    /// f(x) in a new array.
    fn output(&self, x: ArrayView2<F>) -> Array2<F> {
        let mut y = Array2::zeros(x.raw_dim());
        self.forward(x.as_standard_layout().view(), y.view_mut());
        y
    }

    /// (∂y/∂x)ᵀ dy in a new array.
    fn input_gradient(&self, x: ArrayView2<F>, y: ArrayView2<F>, dy: ArrayView2<F>) -> Array2<F> {
        let mut dx = Array2::zeros(x.raw_dim());
        let [x, y, dy] = [&x, &y, &dy].map(|matrix| matrix.as_standard_layout());
        self.backward(x.view(), y.view(), dy.view(), dx.view_mut());
        dx
    }
}

/// A shared activation is an activation, also one chosen at run time (`Arc<dyn Activation<F>>`).
impl<F: Real, A: Activation<F> + ?Sized> Activation<F> for Arc<A> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn check(&self) -> Result<(), Error> {
        (**self).check()
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        (**self).forward(x, y);
    }

    fn backward(&self, x: ArrayView2<F>, y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        (**self).backward(x, y, dy, dx);
    }

    fn head(&self) -> Option<Head> {
        (**self).head()
    }

    fn output_kind(&self) -> Option<OutputKind> {
        (**self).output_kind()
    }

    fn output(&self, x: ArrayView2<F>) -> Array2<F> {
        (**self).output(x)
    }

    fn input_gradient(&self, x: ArrayView2<F>, y: ArrayView2<F>, dy: ArrayView2<F>) -> Array2<F> {
        (**self).input_gradient(x, y, dy)
    }
}
