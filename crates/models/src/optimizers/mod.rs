//! In order of increasing complexity: sgd, adagrad, rmsprop, adam, lion; then what steers them: schedule, clipping, state.

mod adagrad;
mod adam;
mod clipping;
mod lion;
mod rmsprop;
mod schedule;
mod sgd;
mod state;

pub use adagrad::AdaGrad;
pub use adam::Adam;
pub use clipping::Clipping;
pub use lion::Lion;
pub use rmsprop::RmsProp;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use state::OptimizerState;
