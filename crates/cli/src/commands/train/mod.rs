//! `chainrule train`

mod files;
mod settings;

use crate::args::{DataName, TrainArgs};
use crate::data::Parts;
use crate::machine;
use crate::output_directory::OutputDirectory;
use crate::progress::EpochBar;
use crate::stdout::unless_closed;
use anyhow::{Context, Result};
use chainrule_models::{Classifier, EpochRecord, History, Progress, Samples};
use settings::Settings;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::ControlFlow;

/// A training that is over.
struct Trained {
    settings: Settings,
    classifier: Classifier<f32>,
    history: History,
    /// Threads that it ran on.
    threads: usize,
}

impl Trained {
    /// What the last epoch brought: the test part has seen the final parameters.
    fn last(&self) -> Result<&EpochRecord> {
        self.history.epochs.last().context("training took no epoch")
    }

    /// Time of the training part of an epoch, in seconds: the median of all.
    fn median_epoch_seconds(&self) -> f64 {
        let mut seconds: Vec<f64> = self.history.epochs.iter().map(|epoch| epoch.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or_default()
    }
}

pub(super) fn run(args: &TrainArgs) -> Result<()> {
    let parts = args.data.load(args.seed)?;
    let settings = Settings::new(args);
    settings.check_memory(&parts)?;
    machine::on_threads(args.threads, || {
        let directory = OutputDirectory::prepare(&args.out, &files::NAMES)?;
        let trained = train(settings, &parts, args.quiet)?;
        files::write(&trained, &directory)?;
        let closing = if args.quiet { closing_line(&trained, args)? } else { summary(&trained, args)? };
        Ok(unless_closed(io::stdout().write_all(closing.as_bytes()))?)
    })
}

fn train(settings: Settings, parts: &Parts, quiet: bool) -> Result<Trained> {
    let Parts { train, test } = parts;
    let mut classifier = Classifier::<f32>::builder(train.width(), train.class_names().len())
        .hidden(&settings.hidden)
        .gradient(settings.gradient.into())
        .seed(settings.seed)
        .scaling(train.scaling())
        .class_names(train.class_names())
        .build()?;
    if !quiet {
        let mut widths = vec![train.width()];
        widths.extend(&settings.hidden);
        widths.push(train.class_names().len());
        let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
        let intro = format!(
            "{}: {} rows to train on, {} to test; network {}, {} parameters\n",
            settings.data,
            train.len(),
            test.len(),
            widths.join(" → "),
            classifier.network().parameters().len()
        );
        unless_closed(io::stdout().write_all(intro.as_bytes()))?;
    }

    let bar = EpochBar::new(quiet);
    let mut shown = Ok(());
    let history = classifier.fit_with(
        Samples::new(train, train.targets()),
        Some(Samples::new(test, test.targets())),
        &settings.training(),
        &mut |news: Progress| {
            shown = unless_closed(bar.show(news));
            if shown.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    bar.finish();
    shown.context("standard output")?;
    Ok(Trained { settings, classifier, history: history?, threads: rayon::current_num_threads() })
}

fn closing_line(trained: &Trained, args: &TrainArgs) -> Result<String> {
    let last = trained.last()?;
    let (loss, accuracy) = test_results(last);
    let seconds = trained.median_epoch_seconds();
    let (data, out) = (trained.settings.data, args.out.display());
    let epochs = match trained.history.epochs.len() {
        1 => "1 epoch".to_owned(),
        epochs => format!("{epochs} epochs"),
    };
    Ok(format!(
        "{data}: test accuracy {accuracy:.4}, test loss {loss:.4}, {epochs} of {seconds:.4} s; see {out}\n"
    ))
}

fn summary(trained: &Trained, args: &TrainArgs) -> Result<String> {
    let (loss, accuracy) = test_results(trained.last()?);
    let (seconds, threads) = (trained.median_epoch_seconds(), trained.threads);
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    let mut text = format!(
        "\ntest loss {loss:.4}, test accuracy {accuracy:.4}; median time per epoch {seconds:.4} s on {threads}\n\n"
    );
    let path = |name| args.out.join(name).display().to_string();
    let mut evaluate = format!("chainrule evaluate --model {}", path(files::MODEL));
    if trained.settings.data != DataName::Digits {
        write!(evaluate, " --data {}", trained.settings.data)?;
    }
    if let Some(directory) = &args.data.data_dir {
        write!(evaluate, " --data-dir {}", directory.display())?;
    } else if args.seed != 0 && trained.settings.data != DataName::FashionMnist {
        write!(evaluate, " --seed {}", args.seed)?;
    }
    let table = [
        (files::CURVES, "loss and accuracy by epoch: look at this first"),
        (files::MODEL, "the classifier"),
        (files::HISTORY, "the numbers behind the curves"),
        (files::METRICS, "results, settings and machine"),
    ]
    .map(|(name, what)| (path(name), what));
    let width = table.iter().map(|(path, _)| path.chars().count()).max().unwrap_or_default();
    for (path, what) in table {
        writeln!(text, "{path:<width$}  {what}")?;
    }
    writeln!(text, "\nNext: {evaluate}")?;
    Ok(text)
}

/// Loss and accuracy of the test part.
fn test_results(record: &EpochRecord) -> (f64, f64) {
    (record.validation_loss.unwrap_or(f64::NAN), record.validation_accuracy.unwrap_or(f64::NAN))
}
