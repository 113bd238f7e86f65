//! The loop around the route: [`fit`] takes a network through the epochs, as [`settings`] say, and [`evaluate`] measures it.

mod accuracy;
mod evaluate;
mod fit;
mod history;
mod settings;

pub use accuracy::Accuracy;
pub use evaluate::Score;
pub use history::{EpochRecord, History};
pub use settings::{Progress, Samples, Training};

pub(crate) use accuracy::Tally;
