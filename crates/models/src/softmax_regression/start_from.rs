use super::SoftmaxRegression;
use chainrule_core::{Error, Real};

impl<F: Real> SoftmaxRegression<F> {
    /// Takes over the parameters of another as the start of the next fit. If that scales its inputs otherwise, they are converted: raw
    /// inputs get the same logits, Σⱼ wⱼ fⱼ (xⱼ - sⱼ) + b, by wⱼ fⱼ / fⱼ′ and b + Σⱼ wⱼ fⱼ (sⱼ′ - sⱼ) for shifts s′ and factors f′. (Without
    /// intercepts, b is left out.)
    ///
    /// ```
    /// use chainrule_core::Scaling;
    /// use chainrule_models::{Classifier, SoftmaxRegression};
    /// let x = ndarray::array![[3.0, 10.0], [5.0, -2.0]];
    /// let other = SoftmaxRegression::try_from(Classifier::<f64>::builder(2, 3).build()?)?;
    /// let scaled = Classifier::<f64>::builder(2, 3).scaling(&Scaling::per_column(vec![(4.0, 0.5), (1.0, 8.0)])?);
    /// let mut regression = SoftmaxRegression::try_from(scaled.build()?)?;
    /// regression.start_from(&other)?;
    /// let difference = regression.predict_proba(&x)? - other.predict_proba(&x)?;
    /// assert!(difference.iter().all(|d| d.abs() < 1e-12));
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Width`] for other columns, [`Error::ClassNames`] for another number of classes. Nothing changes then.
    pub fn start_from<G: Real>(&mut self, other: &SoftmaxRegression<G>) -> Result<(), Error> {
        let (inputs, classes) = (self.weights().nrows(), self.weights().ncols());
        let (found, found_classes) = (other.weights().nrows(), other.weights().ncols());
        if found != inputs {
            return Err(Error::Width { place: "start of a softmax regression", expected: inputs, found });
        }
        if found_classes != classes {
            return Err(Error::ClassNames { expected: classes, found: found_classes });
        }
        let mut intercepts: Vec<f64> = match other.intercepts().len() {
            0 => vec![0.0; classes],
            _ => other.intercepts().iter().map(|b| b.as_f64()).collect(),
        };
        let mut weights = Vec::with_capacity(inputs * classes);
        for (column, of_column) in other.weights().outer_iter().enumerate() {
            let (shift, factor) = other.classifier.scaling().column(column);
            let (new_shift, new_factor) = self.classifier.scaling().column(column);
            for (w, b) in of_column.iter().zip(&mut intercepts) {
                let slope = w.as_f64() * factor;
                *b += slope * (new_shift - shift);
                // The quotient first, so that nothing is rounded where the factors are the same.
                weights.push(w.as_f64() * (factor / new_factor));
            }
        }
        let parameters = self.classifier.network_mut().parameters_mut().iter_mut();
        parameters.zip(weights.into_iter().chain(intercepts)).for_each(|(to, from)| *to = F::of(from));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_shapes_are_refused() {
        let new = |inputs, classes| SoftmaxRegression::<f64>::new(inputs, classes).expect("small");
        let mut regression = new(3, 2);
        let error = regression.start_from(&new(4, 2)).unwrap_err().to_string();
        assert_eq!(error, "start of a softmax regression: expected 3 columns, found 4");
        assert!(matches!(
            regression.start_from(&new(3, 5)),
            Err(Error::ClassNames { expected: 2, found: 5 })
        ));
    }
}
