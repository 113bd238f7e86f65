use super::Classifier;
use chainrule_core::Real;
use std::fmt::Write;

impl<F: Real> Classifier<F> {
    /// A table of the layers: kind, widths, parameters.
    ///
    /// ```
    /// # use chainrule_models::Classifier;
    /// let classifier = Classifier::<f32>::builder(64, 10).hidden(&[32]).build()?;
    /// assert!(classifier.summary().ends_with("2410 parameters (f32)\n"));
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn summary(&self) -> String {
        let mut table =
            format!("{:>5}  {:<10}{:>8}{:>9}{:>12}\n", "layer", "kind", "inputs", "outputs", "parameters");
        for (position, layer) in self.network.layers().enumerate() {
            let (inputs, outputs) = layer.width();
            let parameters = self.network.parameter_range(position).len();
            let name = layer.name();
            writeln!(table, "{position:>5}  {name:<10}{inputs:>8}{outputs:>9}{parameters:>12}")
                .expect("a String takes all that is written");
        }
        table + &format!("{} parameters ({})\n", self.network.parameters().len(), F::NAME)
    }
}
