use super::{Clipping, Schedule};
use crate::{Gradient, Network};
use chainrule_core::{AlignedBuffer, Error, MAX_MOMENTS, Moments, Optimizer, Real, Step};
use std::array;
use std::sync::Arc;

/// An optimiser at work on one network: the rule, how many steps it took, and its moments, laid out like the parameters.
///
/// [`OptimizerState::step`] is the last step of the route of the data:
///
/// ```
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, OptimizerState, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy::new(), Targets::Classes(&[0]));
/// let mut optimizer = OptimizerState::new(Sgd::default(), &network)?;
/// let mut tape = network.tape(1);
/// let pass = network.forward(x.view(), &mut tape)?;
/// let (loss, gradient) = pass.backward(&loss, targets)?;
/// optimizer.step(network.parameters_mut(), gradient)?;
/// # Ok::<(), chainrule_core::Error>(())
/// ```
///
/// A gradient cannot be applied twice; it is gone with the step.
///
/// ```compile_fail,E0382
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, OptimizerState, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy::new(), Targets::Classes(&[0]));
/// let mut optimizer = OptimizerState::new(Sgd::default(), &network)?;
/// let mut tape = network.tape(1);
/// let pass = network.forward(x.view(), &mut tape)?;
/// let (loss, gradient) = pass.backward(&loss, targets)?;
/// optimizer.step(network.parameters_mut(), gradient)?;
/// optimizer.step(network.parameters_mut(), gradient)?;
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OptimizerState<F: Real> {
    rule: Arc<dyn Optimizer<F>>,
    schedule: Schedule,
    clipping: Option<Clipping>,
    step: u64,
    moments: [AlignedBuffer<F>; MAX_MOMENTS],
}

impl<F: Real> OptimizerState<F> {
    /// `rule` before its first step on `network`, all moments 0.
    ///
    /// # Errors
    /// [`Error::Setting`] names the rule's setting that is out of range.
    pub fn new(rule: impl Optimizer<F> + 'static, network: &Network<F>) -> Result<Self, Error> {
        rule.check()?;
        let len = |moment| if moment < rule.moments() { network.parameters().len() } else { 0 };
        let moments = array::from_fn(|moment| AlignedBuffer::zeros(len(moment)));
        let schedule = Schedule::Constant;
        Ok(OptimizerState { rule: Arc::new(rule), schedule, clipping: None, step: 0, moments })
    }

    /// The same, with a learning rate that changes over the steps.
    ///
    /// # Errors
    /// [`Error::Setting`] names the schedule's setting that is out of range.
    pub fn with_schedule(self, schedule: Schedule) -> Result<Self, Error> {
        schedule.check()?;
        Ok(OptimizerState { schedule, ..self })
    }

    /// The same, with a bound on the gradient.
    ///
    /// # Errors
    /// [`Error::Setting`] for a limit that is not above 0.
    pub fn with_clipping(self, clipping: Clipping) -> Result<Self, Error> {
        clipping.check()?;
        Ok(OptimizerState { clipping: Some(clipping), ..self })
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The rule's learning rate in the last step, by the schedule; before the first, in the first.
    pub fn learning_rate(&self) -> f64 {
        self.rule.learning_rate() * self.schedule.factor(self.step.saturating_sub(1))
    }

    /// Clips the gradient, if asked to, and moves the parameters one step against it; it is used up.
    ///
    /// Parameters with a bound on their norm then want [`Network::constrain`].
    ///
    /// # Errors
    /// [`Error::Length`] if the parameters are of another network than this state or the gradient.
    pub fn step(&mut self, parameters: &mut [F], mut gradient: Gradient<F>) -> Result<(), Error> {
        let expected = gradient.len();
        if parameters.len() != expected {
            return Err(Error::Length { place: "parameters", expected, found: parameters.len() });
        }
        self.check(expected)?;
        if let Some(clipping) = self.clipping {
            clipping.apply(&mut gradient);
        }
        let (rule, step, moments) = self.begin_step();
        rule.update(step, parameters, &gradient, moments);
        self.end_step();
        Ok(())
    }

    /// Makes sure that the moments are as long as the parameters.
    pub(crate) fn check(&self, parameters: usize) -> Result<(), Error> {
        let found = self.moments[0].len();
        if self.rule.moments() > 0 && found != parameters {
            return Err(Error::Length { place: "optimiser state", expected: parameters, found });
        }
        Ok(())
    }

    /// What a step needs, for a caller that takes it block by block and then calls [`OptimizerState::end_step`].
    pub(crate) fn begin_step(&mut self) -> (&dyn Optimizer<F>, Step, Moments<'_, F>) {
        let step = Step { number: self.step, rate_factor: self.schedule.factor(self.step) };
        (&*self.rule, step, self.moments.each_mut().map(|moment| &mut **moment))
    }

    pub(crate) fn moments(&self) -> [&[F]; MAX_MOMENTS] {
        self.moments.each_ref().map(|moment| &**moment)
    }

    pub(crate) fn moments_mut(&mut self) -> [&mut [F]; MAX_MOMENTS] {
        self.moments.each_mut().map(|moment| &mut **moment)
    }

    /// Goes on from where a state of the same rule and network was.
    pub(crate) fn restore(&mut self, step: u64, moments: &[Vec<F>]) {
        self.step = step;
        for (moment, saved) in self.moments.iter_mut().zip(moments) {
            moment.copy_from_slice(saved);
        }
    }

    /// What a step depends on beside its number, by name.
    pub(crate) fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("optimizer", format!("{:?}", self.rule)),
            ("schedule", format!("{:?}", self.schedule)),
            ("clipping", format!("{:?}", self.clipping)),
        ]
    }

    pub(crate) fn clipping(&self) -> Option<Clipping> {
        self.clipping
    }

    pub(crate) fn end_step(&mut self) {
        self.step += 1;
    }
}
