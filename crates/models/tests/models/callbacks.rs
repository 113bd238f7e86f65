//! Who is told how a training goes, and what is kept of it.

use chainrule_core::{Purpose, Random, Targets};
use chainrule_models::{
    BatchRecord, Callback, Classifier, Ending, EpochRecord, History, HistoryFileError, Network, Samples,
    Schedule, Training,
};
use ndarray::Array2;
use std::fs;
use std::ops::ControlFlow;

fn data() -> (Array2<f64>, Vec<usize>) {
    let random = Random::new(2, Purpose::Generate, 0);
    let x = Array2::from_shape_fn((70, 3), |(i, j)| random.normal((3 * i + j) as u64));
    let labels = x.outer_iter().map(|row| usize::from(row[0] > row[1])).collect();
    (x, labels)
}

fn classifier() -> Classifier<f64> {
    Classifier::builder(3, 2).hidden(&[5]).build().unwrap()
}

fn training() -> Training<f64> {
    let schedule = Schedule::Step { every: 3, factor: 0.5 };
    Training { epochs: 3, batch_size: 32, schedule, ..Training::default() }
}

/// Writes down what it is told, and breaks at one event.
#[derive(Default)]
struct Log {
    events: Vec<String>,
    break_at: Option<usize>,
}

impl Log {
    fn note(&mut self, event: String) -> ControlFlow<()> {
        self.events.push(event);
        if self.break_at == Some(self.events.len()) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl Callback<f64> for Log {
    fn epoch_begin(&mut self, epoch: usize, epochs: usize) -> ControlFlow<()> {
        self.note(format!("begin {epoch}/{epochs}"))
    }

    fn batch_end(&mut self, record: &BatchRecord) -> ControlFlow<()> {
        self.note(format!("batch {}/{}", record.batch, record.batches))
    }

    fn epoch_end(&mut self, record: &EpochRecord, network: &Network<f64>) -> ControlFlow<()> {
        self.note(format!("end {} {}", record.epoch, network.outputs()))
    }

    fn end(&mut self, history: &History, network: &Network<f64>) {
        self.events.push(format!("over {} {}", history.epochs.len(), network.parameters().len()));
    }
}

fn events(break_at: Option<usize>) -> (Vec<String>, History) {
    let (x, labels) = data();
    let mut log = Log { break_at, ..Log::default() };
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let history = classifier().fit_with(samples, None, &training(), &mut log).unwrap();
    (log.events, history)
}

#[test]
fn every_event_is_told_in_order_and_may_end_the_training() {
    let (all, history) = events(None);
    let mut expected = Vec::new();
    for epoch in 1..=3 {
        expected.push(format!("begin {epoch}/3"));
        expected.extend((1..=3).map(|batch| format!("batch {batch}/3")));
        expected.push(format!("end {epoch} 2"));
    }
    expected.push("over 3 32".into());
    assert_eq!(all, expected);
    assert_eq!(history.ending, Some(Ending::Epochs));
    // Nine steps; the schedule halves the rate after every third.
    let rates: Vec<f64> = history.epochs.iter().map(|record| record.learning_rate).collect();
    assert_eq!(rates, [0.001, 0.0005, 0.00025]);

    for break_at in 1..all.len() {
        let (events, history) = events(Some(break_at));
        assert_eq!(events[..break_at], all[..break_at]);
        assert_eq!(events.len(), break_at + 1, "only the end follows: {events:?}");
        assert!(events[break_at].starts_with("over"));
        assert_eq!(history.ending, Some(Ending::Callback));
        // An epoch that began to step has a record, also if it did not come to its end.
        assert_eq!(history.epochs.len(), (break_at + 3) / 5, "{break_at}");
    }
}

#[test]
fn a_history_is_saved_and_loaded() {
    let (x, labels) = data();
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let directory = tempfile::tempdir().unwrap();
    let (csv, json) = (directory.path().join("history.csv"), directory.path().join("history.json"));
    for validation in [None, Some(samples)] {
        let history = classifier().fit_with(samples, validation, &training(), &mut ()).unwrap();
        history.save_csv(&csv).unwrap();
        history.save_json(&json).unwrap();
        assert_eq!(History::load_json(&json).unwrap(), history);
        assert_eq!(History::load_csv(&csv).unwrap().epochs, history.epochs);
        assert_eq!(fs::read_to_string(&csv).unwrap().lines().count(), 4);
        let printed = history.to_string();
        assert!(printed.ends_with("all epochs were trained\n") && printed.starts_with("epoch   1  loss 0."));
        assert_eq!(printed.contains("validation accuracy"), validation.is_some());
    }
}

#[test]
fn a_history_file_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history");
    let header = History::default().to_csv();
    for (text, message) in [
        ("", "line 1: expected \"epoch,loss,"),
        ("epoch,loss\n", "found \"epoch,loss\""),
        (&format!("{header}1,2\n"), "line 2: expected 7 fields, found 2"),
        (
            &format!("{header}1,2,3,,,4,5\n1,2,3,4,x,6,7\n"),
            "line 3, column validation_accuracy: expected a number",
        ),
        (&format!("{header}1.5,2,3,,,4,5\n"), "line 2, column epoch: expected a number, found \"1.5\""),
        (&format!("{header}1,,3,,,4,5\n"), "line 2, column loss: expected a number, found \"\""),
    ] {
        fs::write(&path, text).unwrap();
        let error = History::load_csv(&path).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("history"), "{error:?} does not say {message:?}");
        let error = History::load_json(&path).unwrap_err();
        assert!(matches!(error, HistoryFileError::Json { .. }), "{error}");
    }
    let nowhere = directory.path().join("no such directory").join("history");
    assert!(matches!(History::load_csv(&nowhere), Err(HistoryFileError::Io { .. })));
    assert!(matches!(History::default().save_json(&nowhere), Err(HistoryFileError::Io { .. })));
}
