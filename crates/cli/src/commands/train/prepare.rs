use super::checkpoint::{CHECKPOINT, Resumable};
use super::settings::Settings;
use super::{build, files, resumed_config};
use crate::args::TrainArgs;
use crate::data::Parts;
use crate::output_directory::OutputDirectory;
use crate::ranks::Ranks;
use crate::{config, interrupt};
use anyhow::{Result, ensure};
use chainrule_kernels::pool;
use chainrule_models::{Classifier, Training};
use clap::ArgMatches;
use rayon::ThreadPool;
use std::path::PathBuf;

/// All that a training needs: whatever can be wrong before it begins is found while this is made.
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
    pub(super) fn new(args: &TrainArgs, matches: &ArgMatches, ranks: &Ranks) -> Result<Self> {
        let mut config = match (&args.config, &args.resume) {
            (Some(file), _) => config::read(file, &args.settings, matches)?,
            (None, Some(directory)) => resumed_config(directory, args, matches)?,
            (None, None) => args.settings.clone(),
        };
        if let Some(directory) = &args.resume {
            config.run.out.clone_from(directory);
        }
        let settings = Settings::new(config)?;
        let training = &settings.config.training;
        for (option, is_given) in
            [("--patience", training.patience.is_some()), ("--calibrate", training.calibrate)]
        {
            ensure!(
                !is_given || settings.validation_fraction > 0.0,
                "{option}: it needs a validation part; raise --validation-fraction"
            );
        }
        let parts = settings.config.data.load(settings.validation_fraction, settings.config.training.seed)?;
        settings.check_memory(&parts)?;
        interrupt::listen()?;
        let pool = pool(ranks.threads(settings.config.run.threads))?;
        let output = if ranks.is_first() {
            let directory = OutputDirectory::prepare("--out", &settings.config.run.out, &files::ALL)?;
            let resumable = Resumable::begin(&settings, &directory, args.resume.is_some())?;
            Some(Output { resumable, directory })
        } else {
            None
        };
        let every = settings.config.run.checkpoint_every;
        let checkpoints = output.as_ref().and_then(|output| output.resumable.checkpoints(every));
        let communicator = ranks.communicator();
        Ok(Prepared {
            training: Training { checkpoints, communicator, ..settings.training(&parts) },
            classifier: build(&settings, &parts)?,
            resume: args.resume.as_ref().map(|directory| directory.join(CHECKPOINT)),
            settings,
            parts,
            output,
            pool,
        })
    }
}
