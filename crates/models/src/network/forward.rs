use super::chunk::chunks;
use super::tape::Tile;
use super::{Network, Pass, Tape};
use chainrule_core::{Draw, Error, Real, Rows};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};
use std::ops::Range;

/// What a tile's way through the network depends on beside its rows.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Through how many layers it goes.
    pub(super) layers: usize,
    /// Step of the training, for what random layers draw; `None` where they do not.
    pub(super) step: Option<u64>,
    /// Place of the tile's first row in the batch.
    pub(super) first_row: usize,
}

impl Run {
    /// The same for a tile whose first row is `rows` further on.
    pub(super) fn at(self, rows: usize) -> Self {
        Run { first_row: self.first_row + rows, ..self }
    }

    pub(super) fn draw(&self, layer: usize) -> Option<Draw> {
        self.step.map(|step| Draw { step, layer, first_row: self.first_row })
    }
}

impl<F: Real> Network<F> {
    /// Runs a batch forward and keeps, on the tape, what going back needs. Shape of x: (rows, inputs).
    ///
    /// Nothing is drawn: a dropout layer lets everything pass, as in a prediction. [`Network::forward_training`] draws.
    ///
    /// Parallel over tiles of rows, in the current rayon pool. A first layer of many inputs is added up in two halves, so that last bits may
    /// differ from those of [`Network::predict`].
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs; [`Error::OtherNetwork`] or
    /// [`Error::Capacity`] for the tape.
    pub fn forward<'n, 't>(
        &'n self,
        x: ArrayView2<F>,
        tape: &'t mut Tape<F>,
    ) -> Result<Pass<'n, 't, F>, Error> {
        self.forward_at(None, x, tape)
    }

    /// [`Network::forward`] with layers that do something else while training (dropout) doing so, with the draws of step
    /// number `step`: usually [`OptimizerState::steps`](crate::OptimizerState::steps).
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn forward_training<'n, 't>(
        &'n self,
        x: ArrayView2<F>,
        step: u64,
        tape: &'t mut Tape<F>,
    ) -> Result<Pass<'n, 't, F>, Error> {
        self.forward_at(Some(step), x, tape)
    }

    fn forward_at<'n, 't>(
        &'n self,
        step: Option<u64>,
        x: ArrayView2<F>,
        tape: &'t mut Tape<F>,
    ) -> Result<Pass<'n, 't, F>, Error> {
        self.check_inputs(&x)?;
        x.check_finite()?;
        tape.check(self, x.nrows())?;
        let run = Run { layers: self.layers.len(), step, first_row: 0 };
        let fill = |rows: Range<usize>, mut inputs: ArrayViewMut2<F>| {
            inputs.assign(&x.slice_axis(Axis(0), Slice::from(rows)));
            Ok(())
        };
        for chunk in chunks(x.nrows()) {
            self.forward_tiles(chunk, run, &mut tape.workspace, fill, |_, _, _| {})?;
        }
        Ok(Pass::new(self, tape, x.nrows(), step))
    }

    /// Runs a tile whose inputs are there.
    pub(super) fn forward_tile(&self, tile: &mut Tile<F>, run: Run) {
        self.forward_layers(tile, run, 0);
    }

    /// Runs a tile through the layers from `first` on.
    pub(super) fn forward_layers(&self, tile: &mut Tile<F>, run: Run, first: usize) {
        for (position, layer) in self.layers[..run.layers].iter().enumerate().skip(first) {
            let parameters = &self.parameters[self.ranges[position].clone()];
            tile.forward(position, |x, y| match run.draw(position) {
                None => layer.forward(parameters, x, y),
                Some(draw) => layer.forward_training(parameters, x, y, draw),
            });
            self.add_skip(tile, position);
        }
    }

    /// Adds to a layer's outputs what skipped layers up to it.
    pub(super) fn add_skip(&self, tile: &mut Tile<F>, position: usize) {
        if let Some(skip) = self.skips[position] {
            tile.add_output(skip, position + 1);
        }
    }

    /// Makes sure that there are rows, and that they are as wide as the network's inputs.
    pub(crate) fn check_inputs(&self, rows: &dyn Rows<F>) -> Result<(), Error> {
        if rows.is_empty() {
            return Err(Error::Empty { place: "inputs" });
        }
        if rows.width() != self.inputs() {
            return Err(Error::Width { place: "inputs", expected: self.inputs(), found: rows.width() });
        }
        Ok(())
    }
}
