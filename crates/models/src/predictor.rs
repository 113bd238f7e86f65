use crate::Classifier;
use crate::finite::check_finite;
use crate::network::{Network, SingleTile, tile_rows};
use chainrule_core::{Error, Real, Scaling};
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};
use std::sync::Arc;

/// A classifier that only predicts, made to be shared: it never changes, a clone is the same numbers, and it computes on the thread that
/// calls. [`Predictor::predict_proba_into`] allocates nothing, [`Predictor::predict_proba`] a scratch of one row with every call. Made by
/// [`Classifier::predictor`].
///
/// Many threads may use one predictor, each with a scratch of its own.
///
/// ```
/// use chainrule_models::Classifier;
/// use ndarray::{Array2, array};
///
/// let classifier = Classifier::<f32>::builder(3, 2).hidden(&[8]).build()?;
/// let predictor = classifier.predictor();
/// let x = array![[0.5, 0.0, 1.0], [0.0, 0.25, 0.5]];
/// let (mut scratch, mut probabilities) = (predictor.scratch(), Array2::zeros((2, 2)));
/// predictor.predict_proba_into(x.view(), &mut scratch, probabilities.view_mut())?;
/// assert_eq!(probabilities, classifier.predict_proba(&x)?);
/// let alone = predictor.predict_proba(&[0.0, 0.25, 0.5])?;
/// assert!((probabilities[[1, 0]] - alone[0]).abs() < 1e-6);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictor<F: Real>(Arc<Parts<F>>);

#[derive(Debug)]
struct Parts<F: Real> {
    network: Network<F>,
    /// Shift and factor of each column; nothing where inputs stay as they are.
    scaling: Option<(Vec<F>, Vec<F>)>,
    class_names: Vec<String>,
}

/// What a [`Predictor`] computes in; made by [`Predictor::scratch`], for any number of rows.
#[derive(Debug)]
pub struct PredictorScratch<F>(SingleTile<F>);

/// As many rows as [`Classifier::predict_proba`] takes at a time, so that the bits are the same.
const CHUNK_ROWS: usize = 1024;

impl<F: Real> Classifier<F> {
    /// The classifier as it is now, for prediction alone.
    pub fn predictor(&self) -> Predictor<F> {
        let scaling = self.scaling();
        let columns = || (0..self.network().inputs()).map(|column| scaling.column(column));
        let scaling = (*scaling != Scaling::IDENTITY)
            .then(|| columns().map(|(shift, factor)| (F::of(shift), F::of(factor))).unzip());
        let (network, class_names) = (self.network().clone(), self.class_names().to_vec());
        Predictor(Arc::new(Parts { network, scaling, class_names }))
    }
}

impl<F: Real> Predictor<F> {
    /// Columns of the inputs.
    pub fn inputs(&self) -> usize {
        self.0.network.inputs()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.0.network.outputs()
    }

    /// One name for each class.
    pub fn class_names(&self) -> &[String] {
        &self.0.class_names
    }

    /// What [`Predictor::predict_proba_into`] computes in: the one allocation.
    pub fn scratch(&self) -> PredictorScratch<F> {
        PredictorScratch(self.0.network.single_tile(CHUNK_ROWS))
    }

    /// Probabilities of the classes for each row: `rows` is (rows, inputs) and raw, `probabilities` (rows, classes).
    ///
    /// The same bits as [`Classifier::predict_proba`] of as many rows. A product of few rows may add in another order than one of many, so the last
    /// bits of a row alone may differ from those of the same row in a batch.
    ///
    /// # Errors
    /// [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::RowCount`] or [`Error::Width`] for the probabilities,
    /// [`Error::OtherNetwork`] for the scratch of another predictor. Nothing is written then. [`Error::NotFinite`] for outputs that
    /// overflow; rows before may be written.
    pub fn predict_proba_into(
        &self,
        rows: ArrayView2<F>,
        scratch: &mut PredictorScratch<F>,
        mut probabilities: ArrayViewMut2<F>,
    ) -> Result<(), Error> {
        let network = &self.0.network;
        check_width("inputs", network.inputs(), rows.ncols())?;
        check_width("probabilities", network.outputs(), probabilities.ncols())?;
        if probabilities.nrows() != rows.nrows() {
            let (expected, found) = (rows.nrows(), probabilities.nrows());
            return Err(Error::RowCount { place: "probabilities", expected, found });
        }
        check_finite("inputs", 0, rows)?;
        network.check_tile(&scratch.0)?;
        let mut first = 0;
        let chunks = rows.axis_chunks_iter(Axis(0), CHUNK_ROWS);
        for (chunk, mut out) in chunks.zip(probabilities.axis_chunks_iter_mut(Axis(0), CHUNK_ROWS)) {
            let tile_rows = tile_rows(chunk.nrows());
            let tiles = chunk.axis_chunks_iter(Axis(0), tile_rows);
            for (tile, mut out) in tiles.zip(out.axis_chunks_iter_mut(Axis(0), tile_rows)) {
                let outputs = network.predict_tile(tile.nrows(), &mut scratch.0, |mut inputs| {
                    inputs.outer_iter_mut().zip(tile.outer_iter()).for_each(|(to, row)| self.scale(row, to));
                });
                check_finite("outputs", first, outputs)?;
                out.assign(&outputs);
                first += tile.nrows();
            }
        }
        Ok(())
    }

    /// Probabilities of the classes for one row.
    ///
    /// # Errors
    /// As [`Predictor::predict_proba_into`].
    pub fn predict_proba(&self, row: &[F]) -> Result<Vec<F>, Error> {
        let mut probabilities = vec![F::zero(); self.classes()];
        let rows = ArrayView1::from(row).insert_axis(Axis(0));
        let out = ArrayViewMut1::from(&mut probabilities[..]).insert_axis(Axis(0));
        self.predict_proba_into(rows, &mut PredictorScratch(self.0.network.single_tile(1)), out)?;
        Ok(probabilities)
    }

    /// A raw row as the network sees it.
    fn scale(&self, row: ArrayView1<F>, mut to: ArrayViewMut1<F>) {
        to.assign(&row);
        if let Some((shifts, factors)) = &self.0.scaling {
            for ((x, &shift), &factor) in to.iter_mut().zip(shifts).zip(factors) {
                *x = (*x - shift) * factor;
            }
        }
    }
}

fn check_width(place: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Width { place, expected, found }) }
}
