use ndarray::Array2;

/// The Cholesky factor L of a symmetric positive definite matrix A = L Lᵀ, (order, order): solves A x = b.
///
/// Through LAPACK, in f64.
///
/// ```
/// use chainrule_kernels::Cholesky;
/// let factor = Cholesky::of(ndarray::array![[4.0, 2.0], [2.0, 3.0]]).unwrap();
/// let mut x = [10.0, 9.0];
/// factor.solve(&mut x);
/// assert!((x[0] - 1.5).abs() < 1e-15 && (x[1] - 2.0).abs() < 1e-15);
/// assert!(Cholesky::of(ndarray::array![[1.0, 2.0], [2.0, 1.0]]).is_none());
/// ```
pub struct Cholesky {
    #[cfg(feature = "blas")]
    factor: ndarray_linalg::CholeskyFactorized<ndarray::OwnedRepr<f64>>,
    #[cfg(not(feature = "blas"))]
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factorises a matrix of which only the lower triangle is read; `None` if it is not positive definite, as far as f64 can
    /// tell, or has no rows.
    ///
    /// # Panics
    /// If the matrix is not square.
    #[track_caller]
    pub fn of(a: Array2<f64>) -> Option<Self> {
        assert!(a.is_square(), "Cholesky: the matrix is {:?}", a.dim());
        // LAPACK does not look for NaN.
        let positive = !a.is_empty() && a.diag().iter().all(|&x| x > 0.0);
        if positive { Self::factorize(a).filter(Cholesky::is_finite) } else { None }
    }

    /// x ← A⁻¹ x
    ///
    /// # Panics
    /// If x is not as long as the matrix has rows.
    #[track_caller]
    pub fn solve(&self, x: &mut [f64]) {
        let order = self.lower().nrows();
        assert!(x.len() == order, "Cholesky: {} numbers for a matrix of order {order}", x.len());
        self.solve_checked(x);
    }

    fn is_finite(&self) -> bool {
        self.lower().diag().iter().all(|x| x.is_finite())
    }
}

#[cfg(feature = "blas")]
impl Cholesky {
    fn factorize(a: Array2<f64>) -> Option<Self> {
        use ndarray_linalg::{FactorizeCInto, UPLO};
        crate::blas::use_one_thread();
        // Row by row, the lower triangle is where LAPACK, which reads by columns, looks for the upper one; ndarray-linalg knows.
        let a = if a.is_standard_layout() { a } else { a.as_standard_layout().into_owned() };
        Some(Cholesky { factor: a.factorizec_into(UPLO::Lower).ok()? })
    }

    fn lower(&self) -> &Array2<f64> {
        &self.factor.factor
    }

    fn solve_checked(&self, x: &mut [f64]) {
        use ndarray_linalg::SolveC;
        let mut x = ndarray::ArrayViewMut1::from(x);
        self.factor.solvec_inplace(&mut x).expect("LAPACK solves with every factor that it made");
    }
}

#[cfg(not(feature = "blas"))]
impl Cholesky {
    fn factorize(mut a: Array2<f64>) -> Option<Self> {
        for i in 0..a.nrows() {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
                let rest = a[[i, j]] - sum;
                a[[i, j]] = match i == j {
                    true if rest > 0.0 => rest.sqrt(),
                    true => return None,
                    false => rest / a[[j, j]],
                };
            }
        }
        Some(Cholesky { lower: a })
    }

    fn lower(&self) -> &Array2<f64> {
        &self.lower
    }

    fn solve_checked(&self, x: &mut [f64]) {
        let lower = &self.lower;
        for i in 0..x.len() {
            let sum: f64 = (0..i).map(|k| lower[[i, k]] * x[k]).sum();
            x[i] = (x[i] - sum) / lower[[i, i]];
        }
        for i in (0..x.len()).rev() {
            let sum: f64 = (i + 1..x.len()).map(|k| lower[[k, i]] * x[k]).sum();
            x[i] = (x[i] - sum) / lower[[i, i]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A = B Bᵀ + I for any B, and x known: what is solved from A x is x again.
    #[test]
    fn it_solves_what_it_factorised() {
        for order in [1, 2, 7, 33, 130] {
            let b =
                Array2::from_shape_fn((order, order), |(i, j)| ((i * 31 + j * 17) % 23) as f64 / 23.0 - 0.5);
            let mut a = b.dot(&b.t()) + Array2::<f64>::eye(order);
            let expected: Vec<f64> = (0..order).map(|i| (i % 5) as f64 - 2.0).collect();
            let mut x = a.dot(&ndarray::aview1(&expected)).to_vec();
            // The upper triangle must not be read.
            for i in 0..order {
                a.row_mut(i).iter_mut().skip(i + 1).for_each(|x| *x = f64::NAN);
            }
            Cholesky::of(a).expect("positive definite").solve(&mut x);
            let error = x.iter().zip(&expected).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert!(error < 1e-11, "order {order}: {error}");
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        for a in [
            ndarray::array![[0.0]],
            ndarray::array![[f64::NAN]],
            ndarray::array![[1.0, 0.0], [1.0, 1.0]],
            ndarray::array![[1.0, 0.0], [f64::NAN, 2.0]],
            ndarray::array![[f64::INFINITY]],
            Array2::zeros((0, 0)),
        ] {
            assert!(Cholesky::of(a.clone()).is_none(), "{a}");
        }
    }
}
