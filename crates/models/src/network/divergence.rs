use super::chunk::chunks;
use super::{Network, Tape};
use chainrule_core::{Loss, Real};
use ndarray::ArrayView2;

/// Where numbers stopped being finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NotFinite {
    /// Position of the layer.
    pub(crate) layer: usize,
    /// Which of its numbers.
    pub(crate) what: &'static str,
    /// The first of them that is not finite.
    pub(crate) value: f64,
}

impl<F: Real> Network<F> {
    /// The first layer, in the order of the route, that the last step of `rows` rows found not finite: its outputs on the way forward,
    /// its output gradients on the way back, or its parameters after the step. Of several chunks the tape holds the first whose loss was not finite, or
    /// the last: what only the way back of another found is told of the parameters.
    pub(crate) fn first_not_finite(
        &self,
        tape: &Tape<F>,
        rows: usize,
        loss: &dyn Loss<F>,
    ) -> Option<NotFinite> {
        let layers = self.split_head(loss).0;
        // What is left of a batch that went chunk by chunk.
        let rows = chunks(rows).next().map_or(0, |chunk| chunk.len());
        let found = |layer, what, numbers: ArrayView2<F>| {
            let value = numbers.iter().find(|number| !number.is_finite())?.as_f64();
            Some(NotFinite { layer, what, value })
        };
        let forward = || (0..layers).find_map(|l| found(l, "outputs", tape.workspace.outputs(rows, l + 1)));
        let back = || {
            (0..layers).rev().find_map(|l| found(l, "output gradients", tape.workspace.layer(0..rows, l).1))
        };
        forward().or_else(back).or_else(|| self.parameters_not_finite())
    }

    /// The first layer that has a parameter which is not finite.
    fn parameters_not_finite(&self) -> Option<NotFinite> {
        self.ranges.iter().enumerate().find_map(|(layer, range)| {
            let numbers = &self.parameters[range.clone()];
            let value = numbers.iter().find(|number| !number.is_finite())?.as_f64();
            Some(NotFinite { layer, what: "parameters", value })
        })
    }
}
