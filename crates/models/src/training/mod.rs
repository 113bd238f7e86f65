//! The loop around the route: [`fit`] takes a network through the epochs of a [`session`], step by step ([`work`]), alone or with
//! others ([`team`]), as [`settings`] say; [`evaluate`] measures it, and a [`callback`] is told.

mod accuracy;
mod callback;
mod checkpoint;
mod class_weights;
mod early_stopping;
mod evaluate;
mod fit;
mod history;
mod history_file;
mod session;
mod settings;
mod team;
mod trainer;
mod validation_split;
mod work;

pub use accuracy::Accuracy;
pub use callback::{BatchRecord, Callback, Progress};
pub use checkpoint::{Checkpoints, Every};
pub use class_weights::ClassWeights;
pub use early_stopping::{EarlyStopping, Monitor};
pub use evaluate::Score;
pub use history::{Ending, EpochRecord, History};
pub use history_file::HistoryFileError;
pub use settings::{Samples, Training};
pub use trainer::Trainer;

pub(crate) use accuracy::Tally;
pub(crate) use checkpoint::Identity;
pub(crate) use evaluate::check_counts;
pub(crate) use session::Job;
pub(crate) use settings::in_pool;
pub(crate) use team::Team;
