use super::blocks::for_each_block;
use super::{Network, ParameterBlock};
use chainrule_core::{Layer, ParameterSpec, Penalty, Real};
use chainrule_kernels::{add_penalty_gradient, clip_column_norms, penalty};
use ndarray::ArrayViewMut2;

impl<F: Real> Network<F> {
    /// What the size of the parameters costs (see [`Penalty`](chainrule_core::Penalty)): the part of the objective that the
    /// mean loss leaves out, and the gradient does not.
    pub fn penalty(&self) -> f64 {
        let cost = |block: &ParameterBlock| {
            let Penalty { l1, l2 } = self.layers[block.layer].parameters()[block.block.parameter].penalty;
            penalty(&self.parameters[block.range.clone()], l1, l2)
        };
        self.blocks.iter().map(cost).sum()
    }

    /// Adds the gradient of [`Network::penalty`] to that of the mean loss.
    pub(super) fn add_penalty(&self, gradient: &mut [F]) {
        let penalised =
            |layer: &dyn Layer<F>| layer.parameters().iter().any(|spec| spec.penalty != Penalty::NONE);
        if self.layers.iter().any(|layer| penalised(&**layer)) {
            for_each_block(&self.blocks, [None; 2], [gradient], &|block, [gradient]| {
                let specs = self.layers[block.layer].parameters();
                add_block_penalty(
                    &specs[block.block.parameter],
                    &self.parameters[block.range.clone()],
                    gradient,
                );
            });
        }
    }

    /// Scales every column that is longer than its [`max_norm`](ParameterSpec::max_norm) back to it. A step taken with
    /// [`OptimizerState::step`](crate::OptimizerState::step) wants this after it; [`Network::train_step`] does it itself.
    pub fn constrain(&mut self) {
        for (layer, range) in self.layers.iter().zip(&self.ranges) {
            let mut start = range.start;
            for spec in layer.parameters() {
                let range = start..start + spec.len();
                start = range.end;
                if let Some(longest) = spec.max_norm {
                    let matrix = ArrayViewMut2::from_shape(spec.shape, &mut self.parameters[range]);
                    clip_column_norms(matrix.expect("as many numbers as the shape has"), longest);
                }
            }
        }
    }
}

/// Adds the penalty's part to the gradient of a block.
pub(super) fn add_block_penalty<F: Real>(spec: &ParameterSpec, parameters: &[F], gradient: &mut [F]) {
    if spec.penalty != Penalty::NONE {
        add_penalty_gradient(parameters, spec.penalty.l1, spec.penalty.l2, gradient);
    }
}
