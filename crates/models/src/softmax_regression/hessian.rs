use super::objective::{Objective, view_mut};
use super::tiles::Tile;
use crate::memory::fits;
use chainrule_core::{Error, Real};
use chainrule_kernels::{Cholesky, add_gram, matmul};
use ndarray::{Array2, Axis, Slice};

/// Pieces of the rows that a matrix is summed over at a time, each with a sum of its own.
const PIECES: usize = 8;

impl<F: Real> Objective<'_, F> {
    /// Σᵢ cᵢ xᵢ xᵢᵀ over some of this rank's rows, (width, width) row by row, in the lower triangle.
    pub(super) fn own_gram(
        &self,
        indices: &[usize],
        weight: impl Fn(usize) -> F + Sync,
    ) -> Result<Vec<f64>, Error> {
        let width = self.width();
        self.tiles.sum_chunks(width * width, 0, self.pieces(indices), |(), tile: Tile<F>, gram| {
            let Tile { indices, mut x, .. } = tile;
            for (mut x, &row) in x.outer_iter_mut().zip(indices) {
                let root = weight(row).sqrt();
                x.mapv_inplace(|x| x * root);
            }
            add_gram(F::one(), x.view(), view_mut(gram, (width, width)));
        })
    }

    /// The sum over the ranks of what each has for a matrix of so many rows and columns.
    pub(super) fn sum_of_matrices(
        &self,
        own: Result<Vec<f64>, Error>,
        order: usize,
    ) -> Result<Array2<f64>, Error> {
        let sum = self.team.sum(own, order * order)?;
        Ok(Array2::from_shape_vec((order, order), sum).expect("as many numbers as rows times columns"))
    }

    /// The Hessian at the point evaluated last, (classes · width, classes · width), in the lower triangle.
    ///
    /// With q = s ⊗ x, of all classes' numbers, it is that of the rows' matrices diag(s) ⊗ x xᵀ - q qᵀ: one product for the blocks on the
    /// diagonal, and one of rank rows for all of it.
    pub(super) fn hessian(&self) -> Result<Array2<f64>, Error> {
        let (classes, width, order) = (self.classes, self.width(), self.len());
        let pieces = self.pieces(self.tiles.indices());
        let own = self.tiles.sum_chunks(order * order, order, pieces, |(), tile: Tile<F>, hessian| {
            let Tile { indices, mut x, scratch, .. } = tile;
            let mut q = view_mut(scratch, (indices.len(), order));
            for ((mut x, mut q), &row) in x.outer_iter_mut().zip(q.outer_iter_mut()).zip(indices) {
                let root = self.row_weight(row).sqrt();
                x.mapv_inplace(|x| x * root);
                for (mut q, &s) in q.exact_chunks_mut(width).into_iter().zip(self.probabilities(row)) {
                    q.zip_mut_with(&x, |q, &x| *q = s * x);
                }
            }
            let mut hessian = view_mut(hessian, (order, order));
            add_gram(-F::one(), q.view(), hessian.view_mut());
            for class in 0..classes {
                let range = Slice::from(class * width..(class + 1) * width);
                let mut block = hessian.view_mut();
                block.slice_axis_inplace(Axis(0), range);
                block.slice_axis_inplace(Axis(1), range);
                matmul(F::one(), q.slice_axis(Axis(1), range).t(), x.view(), F::one(), block);
            }
        });
        let mut hessian = self.sum_of_matrices(own, order)?;
        self.penalise_diagonal(&mut hessian);
        Ok(hessian)
    }

    /// How many f64 are as large as all that `count` matrices of so many rows and columns need until they have a factor: their pieces,
    /// in F; their sum, the matrix and its factor.
    fn numbers_of_matrices(&self, count: usize, order: usize) -> usize {
        let pieces = self.pieces(self.tiles.indices()).len() * F::BYTES;
        let matrices = pieces.div_ceil(size_of::<f64>()) + 3;
        order.saturating_mul(order).saturating_mul(matrices).saturating_mul(count)
    }

    /// Whether that fits in the memory of every rank.
    pub(super) fn has_room(&self, count: usize, order: usize) -> Result<bool, Error> {
        let fits = fits::<f64>(self.numbers_of_matrices(count, order));
        Ok(self.team.if_all_have(fits.then_some(()))?.is_some())
    }

    /// Makes sure, on all ranks, that the matrices fit in memory.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(super) fn check_memory(&self) -> Result<(), Error> {
        let numbers = self.numbers_of_matrices(1, self.len());
        self.team.agree(if fits::<f64>(numbers) {
            Ok(())
        } else {
            let (name, expected) =
                ("the size of newton-cholesky's matrices", "what fits in memory; newton-cg has smaller ones");
            Err(Error::Setting { name, expected, value: numbers as f64 })
        })
    }

    /// Of Böhning's bound, the same for each class: ½ Σᵢ wᵢ xᵢ² and λ; 1 where there is nothing.
    pub(super) fn bound_diagonal(&self) -> Result<Vec<f64>, Error> {
        let pieces = self.pieces(self.tiles.indices());
        let own = self.tiles.sum_chunks(self.width(), 0, pieces, |(), tile: Tile<F>, sums| {
            let Tile { indices, x, .. } = tile;
            for (x, &row) in x.outer_iter().zip(indices) {
                let half = F::of(0.5) * self.row_weight(row);
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += half * x * x);
            }
        });
        let sums = self.team.sum(own, self.width())?;
        let penalised =
            |(column, sum): (usize, f64)| sum + if self.is_penalised(column) { self.l2 } else { 0.0 };
        let entries = sums.into_iter().enumerate().map(penalised);
        Ok(entries.map(|entry| if entry > 0.0 { entry } else { 1.0 }).collect())
    }

    fn pieces<'i>(&self, indices: &'i [usize]) -> Vec<(&'i [usize], ())> {
        let tile = self.tiles.tile_rows();
        let rows = indices.len().div_ceil(PIECES).next_multiple_of(tile).max(tile);
        indices.chunks(rows).map(|piece| (piece, ())).collect()
    }
}

/// The factor of a matrix that is positive semidefinite but for rounding, with as little added to its diagonal as makes it positive
/// definite; each entry by its own size, as columns may be of any. Where there is nothing it becomes 1.
pub(super) fn factorize(mut a: Array2<f64>) -> Option<Cholesky> {
    let diagonal = a.diag().to_owned();
    for share in [1e-12, 1e-9, 1e-6, 1e-3, 1.0] {
        for (entry, &own) in a.diag_mut().iter_mut().zip(&diagonal) {
            *entry = if own > 0.0 { own * (1.0 + share) } else { 1.0 };
        }
        if let Some(factor) = Cholesky::of(a.clone()) {
            return Some(factor);
        }
    }
    None
}
