use super::settings::Settings;
use crate::args::Config;
use crate::commands::train::checkpoint::{CHECKPOINT, Resumable};
use crate::commands::train::{builder, files, load};
use crate::data::Parts;
use crate::interrupt;
use crate::output_directory::OutputDirectory;
use crate::ranks::Ranks;
use anyhow::Result;
use chainrule_kernels::pool;
use chainrule_models::{Classifier, Training};
use rayon::ThreadPool;
use std::path::PathBuf;

/// All that a network's training needs: whatever can be wrong before it begins is found while this is made.
pub(super) struct Prepared {
    pub(super) settings: Settings,
    pub(super) parts: Parts,
    pub(super) classifier: Classifier<f32>,
    pub(super) training: Training<f32>,
    /// Where it is written, by the first of several ranks.
    pub(super) output: Option<Output>,
    /// The checkpoint to go on from.
    pub(super) resume: Option<PathBuf>,
    pub(super) pool: ThreadPool,
}

/// Dropped in this order: a directory that was made goes away once it is empty.
pub(super) struct Output {
    pub(super) resumable: Resumable,
    pub(super) directory: OutputDirectory,
}

impl Prepared {
    pub(super) fn new(config: Config, resumes: bool, ranks: &Ranks) -> Result<Self> {
        let settings = Settings::new(config)?;
        let parts = load(&settings.config)?;
        settings.check_memory(&parts)?;
        interrupt::listen()?;
        let pool = pool(ranks.threads(settings.config.run.threads))?;
        let output = if ranks.is_first() {
            let directory = files::directory(&settings.config, resumes)?;
            let resumable = Resumable::begin(&settings.config, &directory, resumes)?;
            Some(Output { resumable, directory })
        } else {
            None
        };
        let every = settings.config.run.checkpoint_every;
        let checkpoints = output.as_ref().and_then(|output| output.resumable.checkpoints(every));
        let communicator = ranks.communicator();
        let classifier = builder(&settings.config, &parts)?
            .hidden_layers(settings.hidden_layers())
            .initializer(settings.initializer())
            .gradient(settings.config.network.gradient.into())
            .seed(settings.config.training.seed)
            .build()?;
        Ok(Prepared {
            training: Training { checkpoints, communicator, ..settings.training(&parts) },
            classifier,
            resume: resumes.then(|| settings.config.run.out.join(CHECKPOINT)),
            settings,
            parts,
            output,
            pool,
        })
    }
}
