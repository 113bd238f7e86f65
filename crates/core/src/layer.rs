use crate::{Block, Error, Head, OutputKind, ParameterSpec, Random, Real};
use ndarray::{ArrayView2, ArrayViewMut2};
use std::fmt::Debug;
use std::sync::Arc;

/// Where in a training a layer draws random numbers: they are a function of this and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Steps that the optimiser took before.
    pub step: u64,
    /// Position of the layer in the network.
    pub layer: usize,
    /// Place in the batch of the first row of x.
    pub first_row: usize,
}

/// What a layer's forward read and wrote, kept for its backward.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a, F> {
    /// The inputs, (rows, inputs).
    pub x: ArrayView2<'a, F>,
    /// The outputs, (rows, outputs).
    pub y: ArrayView2<'a, F>,
    /// What [`Layer::forward_training`] drew from; `None` after [`Layer::forward`].
    pub draw: Option<Draw>,
}

impl<'a, F> Kept<'a, F> {
    /// What [`Layer::forward`] read and wrote.
    pub fn new(x: ArrayView2<'a, F>, y: ArrayView2<'a, F>) -> Self {
        Kept { x, y, draw: None }
    }
}

/// A function of rows, y = f(x; θ), with parameters θ in a slice that it does not own.
///
/// Rows do not see each other, so a network may cut a batch into tiles of rows, run them on any number of threads,
/// and come to the same bits. `parameters` is always this layer's part of the network's flat buffer: its parameters one
/// after the other, each row-major, in the order of [`Layer::parameters`].
///
/// In memory the numbers of a row follow one another, but rows lie any distance apart: a matrix is a band of a larger one. Only a
/// block's gradient is one piece.
///
/// What `Debug` prints is what a checkpoint compares, so it must tell of every setting, and of nothing that differs from run to run.
///
/// ```
/// use chainrule_core::{Block, Kept, Layer, ParameterSpec, Random, Role, check_layer};
/// use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, Zip, array};
///
/// /// y = g ⊙ x in every row, so dx = g ⊙ dy, and dg = Σ x ⊙ dy over the rows
/// #[derive(Debug)]
/// struct Gain {
///     parameters: [ParameterSpec; 1],
/// }
///
/// impl Gain {
///     fn new(width: usize) -> Self {
///         Gain { parameters: [ParameterSpec::new("gain", (1, width), Role::Weight)] }
///     }
/// }
///
/// impl Layer<f64> for Gain {
///     fn name(&self) -> &'static str {
///         "gain"
///     }
///     fn width(&self) -> (usize, usize) {
///         let width = self.parameters[0].shape.1;
///         (width, width)
///     }
///     fn parameters(&self) -> &[ParameterSpec] {
///         &self.parameters
///     }
///     fn initialize(&self, gain: &mut [f64], _random: Random) {
///         gain.fill(1.0);
///     }
///     fn forward(&self, gain: &[f64], x: ArrayView2<f64>, mut y: ArrayViewMut2<f64>) {
///         y.assign(&x);
///         y *= &ArrayView1::from(gain);
///     }
///     fn backward_input(&self, gain: &[f64], _: Kept<f64>, dy: ArrayView2<f64>, mut dx: ArrayViewMut2<f64>) {
///         dx.assign(&dy);
///         dx *= &ArrayView1::from(gain);
///     }
///     fn backward_parameters(&self, _: &Block, kept: Kept<f64>, dy: ArrayView2<f64>, mut dblock: ArrayViewMut2<f64>) {
///         // One row, so there is one block.
///         dblock.fill(0.0);
///         for (x, dy) in kept.x.outer_iter().zip(dy.outer_iter()) {
///             Zip::from(dblock.row_mut(0)).and(x).and(dy).for_each(|dg, x, dy| *dg += x * dy);
///         }
///     }
/// }
///
/// let x = array![[1.0, -3.0], [0.5, 2.0]];
/// let check = check_layer(&Gain::new(2), &[0.7, -1.1], x.view());
/// assert!(check.error() < 1e-8, "{check}");
/// ```
pub trait Layer<F: Real>: Debug + Send + Sync {
    /// The field's name for this kind of layer, in lower case.
    fn name(&self) -> &'static str;

    /// (inputs, outputs): columns of x and of y.
    fn width(&self) -> (usize, usize);

    /// Names and shapes of the parameters; none by default.
    fn parameters(&self) -> &[ParameterSpec] {
        &[]
    }

    /// Checks the settings, but for [penalties](ParameterSpec::penalty) and [bounds](ParameterSpec::max_norm), which the network
    /// checks itself.
    ///
    /// # Errors
    /// [`Error::Setting`] names the one that is out of range.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Fills the parameters with their first values: a function of `random` alone. Called only for a layer that has some.
    fn initialize(&self, parameters: &mut [F], random: Random) {
        let _ = random;
        parameters.fill(F::zero());
    }

    /// Of a layer that is y = x W + b, while training, too: its first parameter W, (inputs, outputs), and b, one for each output or none; so that a network may add it
    /// up in parts. None by default.
    fn affine<'p>(&self, parameters: &'p [F]) -> Option<(ArrayView2<'p, F>, &'p [F])> {
        let _ = parameters;
        None
    }

    /// y ← f(x; θ). x is (rows, inputs), y is (rows, outputs).
    fn forward(&self, parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>);

    /// [`Layer::forward`] while training, for a layer that then does something else (dropout); the same by default.
    fn forward_training(&self, parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>, draw: Draw) {
        let _ = draw;
        self.forward(parameters, x, y);
    }

    /// Of [`Layer::forward`], for the inputs: dx ← (∂y/∂x)ᵀ dy. dx is (rows, inputs), dy is (rows, outputs).
    ///
    /// A network calls it tile by tile, and not at all for its first layer.
    fn backward_input(&self, parameters: &[F], kept: Kept<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>);

    /// Of [`Layer::forward`], for the parameters: dblock ← (∂y/∂θ_block)ᵀ dy, summed over all rows of the batch.
    ///
    /// `dblock` has the shape of the block, (block rows, parameter columns), and arbitrary contents.
    ///
    /// # Panics
    /// The default does, as it belongs to a layer without parameters.
    fn backward_parameters(&self, block: &Block, kept: Kept<F>, dy: ArrayView2<F>, dblock: ArrayViewMut2<F>) {
        let _ = (kept, dy, dblock);
        panic!("layer {} lists a parameter for {block:?} but has no backward_parameters", self.name());
    }

    /// The activation that this layer is, if a loss may take over its backward pass (see [`Head`]); none by default.
    fn head(&self) -> Option<Head> {
        None
    }

    /// What y is to a loss, where that is known: what the [`Head`] gives, if it is one.
    fn output_kind(&self) -> Option<OutputKind> {
        self.head().map(Head::output_kind)
    }
}

/// A shared layer is a layer, also one chosen at run time (`Arc<dyn Layer<F>>`).
impl<F: Real, L: Layer<F> + ?Sized> Layer<F> for Arc<L> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn width(&self) -> (usize, usize) {
        (**self).width()
    }

    fn parameters(&self) -> &[ParameterSpec] {
        (**self).parameters()
    }

    fn check(&self) -> Result<(), Error> {
        (**self).check()
    }

    fn initialize(&self, parameters: &mut [F], random: Random) {
        (**self).initialize(parameters, random);
    }

    fn affine<'p>(&self, parameters: &'p [F]) -> Option<(ArrayView2<'p, F>, &'p [F])> {
        (**self).affine(parameters)
    }

    fn forward(&self, parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        (**self).forward(parameters, x, y);
    }

    fn forward_training(&self, parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>, draw: Draw) {
        (**self).forward_training(parameters, x, y, draw);
    }

    fn backward_input(&self, parameters: &[F], kept: Kept<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        (**self).backward_input(parameters, kept, dy, dx);
    }

    fn backward_parameters(&self, block: &Block, kept: Kept<F>, dy: ArrayView2<F>, dblock: ArrayViewMut2<F>) {
        (**self).backward_parameters(block, kept, dy, dblock);
    }

    fn head(&self) -> Option<Head> {
        (**self).head()
    }

    fn output_kind(&self) -> Option<OutputKind> {
        (**self).output_kind()
    }
}
