//! A training step by step that is kept in the middle and gone on from ends in the same bits; what is of another training, or damaged, is
//! refused by name and changes nothing.

use chainrule_core::{Error, Optimizer, Real, Targets};
use chainrule_models::{
    Adam, CategoricalCrossEntropy, Checkpoints, Classifier, Clipping, Every, ModelFileError, Network,
    OptimizerState, Samples, Schedule, Sgd, Trainer, Training,
};
use ndarray::Array2;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("steps.safetensors")
    }
}

const LABELS: [usize; 6] = [0, 1, 2, 0, 1, 2];

fn x<F: Real>() -> Array2<F> {
    Array2::from_shape_fn((6, 3), |(i, j)| F::of(((i * 7 + j * 3) % 5) as f64 - 2.0))
}

fn network<F: Real>(seed: u64) -> Network<F> {
    // The dropout is the same whatever the first parameters.
    Network::builder(3).dense(8).relu().dropout(0.3).dense(3).softmax().seed(seed).build().unwrap()
}

fn train<F: Real>(network: &mut Network<F>, optimizer: &mut OptimizerState<F>, steps: usize) {
    let (x, mut tape) = (x::<F>(), network.tape(6));
    for _ in 0..steps {
        let pass = network.forward_training(x.view(), optimizer.steps(), &mut tape).unwrap();
        let loss = CategoricalCrossEntropy::new();
        let (_, gradient) = pass.backward(&loss, Targets::Classes(&LABELS)).unwrap();
        optimizer.step(network.parameters_mut(), gradient).unwrap();
    }
}

fn momentum<F: Real>(network: &Network<F>) -> OptimizerState<F> {
    let rule = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false };
    let schedule = Schedule::OneCycle { steps: 12, rise: 0.4, start: 0.1, end: 0.01 };
    let state = OptimizerState::new(rule, network).unwrap().with_schedule(schedule).unwrap();
    state.with_clipping(Clipping::Norm(0.5)).unwrap()
}

fn adam<F: Real>(network: &Network<F>) -> OptimizerState<F> {
    OptimizerState::new(Adam { learning_rate: 0.02, ..Adam::default() }, network).unwrap()
}

fn goes_on_as_if_it_had_never_stopped<F: Real>(begin: impl Fn(&Network<F>) -> OptimizerState<F>) {
    let place = Place::new();
    let mut whole = network(0);
    let mut optimizer = begin(&whole);
    train(&mut whole, &mut optimizer, 5);
    optimizer.save(place.file(), &whole).unwrap();
    train(&mut whole, &mut optimizer, 7);

    let mut resumed = network(1);
    let mut again = begin(&resumed);
    // Whatever it had done before.
    train(&mut resumed, &mut again, 2);
    again.load(place.file(), &mut resumed).unwrap();
    assert_eq!(again.steps(), 5);
    train(&mut resumed, &mut again, 7);
    assert_eq!(resumed.parameters(), whole.parameters());
    assert_eq!((again.steps(), again.learning_rate()), (optimizer.steps(), optimizer.learning_rate()));
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "one file is left");
}

#[test]
fn kept_in_the_middle_and_gone_on_from_it_ends_in_the_same_bits() {
    goes_on_as_if_it_had_never_stopped::<f32>(adam);
    goes_on_as_if_it_had_never_stopped::<f64>(momentum);
    // A rule without moments.
    goes_on_as_if_it_had_never_stopped::<f32>(|network| {
        OptimizerState::new(Sgd::default(), network).unwrap()
    });
}

#[track_caller]
fn refused<F: Real>(place: &Place, mut network: Network<F>, mut optimizer: OptimizerState<F>) -> Error {
    let before = network.parameters().to_vec();
    let error = optimizer.load(place.file(), &mut network).unwrap_err();
    assert_eq!((network.parameters(), optimizer.steps()), (&*before, 0));
    error
}

#[track_caller]
fn assert_other<F: Real>(place: &Place, network: Network<F>, optimizer: OptimizerState<F>, what: &str) {
    let error = refused(place, network, optimizer);
    let Error::OtherTraining { setting, .. } = &error else { panic!("{error}") };
    assert_eq!(setting, what);
}

#[test]
fn another_training_is_refused() {
    let place = Place::new();
    let mut trained = network::<f32>(0);
    let mut optimizer = adam(&trained);
    train(&mut trained, &mut optimizer, 3);
    optimizer.save(place.file(), &trained).unwrap();

    let with = |rule: Arc<dyn Optimizer<f32>>| OptimizerState::new(rule, &network(1)).unwrap();
    assert_other(&place, network::<f32>(1), momentum(&network(1)), "optimizer");
    assert_other(&place, network(1), with(Arc::new(Adam::default())), "optimizer");
    let schedule = adam(&network(1)).with_schedule(Schedule::Exponential { factor: 0.9 }).unwrap();
    assert_other(&place, network::<f32>(1), schedule, "schedule");
    let clipping = adam(&network(1)).with_clipping(Clipping::Value(1.0)).unwrap();
    assert_other(&place, network::<f32>(1), clipping, "clipping");
    let wide = || Network::<f32>::builder(3).dense(9).relu().dropout(0.3).dense(3).softmax().build().unwrap();
    assert_other(&place, wide(), adam(&wide()), "layers");
    assert_other(&place, network::<f64>(0), adam(&network(0)), "number type");
    // A state of another network than the one that comes with it.
    assert!(matches!(refused(&place, network::<f32>(1), adam(&wide())), Error::Length { .. }));
    let error = adam(&wide()).save(place.file(), &trained).unwrap_err();
    assert_eq!(error.to_string(), "optimiser state: expected 59 numbers, found 66");
    // Of `fit` there is more to know.
    let checkpoints = Some(Checkpoints { path: place.file(), every: Every::Epochs(1) });
    let rule = Arc::new(Adam { learning_rate: 0.02, ..Adam::default() });
    let training = Training { epochs: 1, optimizer: rule, checkpoints, ..Training::default() };
    network(0).fit(Samples::new(&x::<f32>(), Targets::Classes(&LABELS)), &training).unwrap();
    assert_other(&place, network::<f32>(1), adam(&network(1)), "seed");
}

fn file_error(error: Error) -> ModelFileError {
    let Error::Checkpoint(source) = error else { panic!("{error}") };
    *source.downcast().unwrap()
}

#[test]
fn a_damaged_file_is_refused() {
    let place = Place::new();
    let network = || network::<f32>(2);
    adam(&network()).save(place.file(), &network()).unwrap();
    let bytes = fs::read(place.file()).unwrap();
    let load = |bytes: &[u8]| {
        fs::write(place.file(), bytes).unwrap();
        file_error(refused(&place, network(), adam(&network())))
    };
    load(&bytes[..bytes.len() / 2]);
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(load(&flipped), ModelFileError::Checksum { .. }));
    network().save_parameters(place.file()).unwrap();
    let parameters = fs::read(place.file()).unwrap();
    assert!(matches!(load(&parameters), ModelFileError::NotACheckpoint { .. }));
    fs::remove_file(place.file()).unwrap();
    let error = file_error(refused(&place, network(), adam(&network())));
    assert!(matches!(error, ModelFileError::Io { .. }), "{error}");
}

#[test]
fn what_is_not_finite_is_not_written() {
    let place = Place::new();
    let mut network = network::<f32>(0);
    network.parameters_mut()[4] = f32::NAN;
    let error = file_error(adam(&network).save(place.file(), &network).unwrap_err());
    assert!(matches!(error, ModelFileError::NotFinite { index: 4, .. }), "{error}");
    assert!(!place.file().exists());
}

#[test]
fn portions_go_on_from_a_file() {
    let place = Place::new();
    let x = x::<f32>();
    let samples = Samples::new(&x, Targets::Classes(&LABELS));
    let training = |batch_size| Training { batch_size, ..Training::default() };
    let begin = || Classifier::<f32>::builder(3, 3).hidden(&[5]).build().unwrap();
    let mut whole = begin();
    let mut trainer = Trainer::new(whole.network(), &training(4)).unwrap();
    whole.partial_fit(samples, &mut trainer).unwrap();
    trainer.save(place.file(), whole.network()).unwrap();
    whole.partial_fit(samples, &mut trainer).unwrap();

    let mut resumed = begin();
    let mut network = resumed.network().clone();
    let mut again = Trainer::new(&network, &training(4)).unwrap();
    again.load(place.file(), &mut network).unwrap();
    resumed.set_parameters(network.parameters()).unwrap();
    assert_eq!(again.steps(), 2);
    resumed.partial_fit(samples, &mut again).unwrap();
    assert_eq!(resumed.network().parameters(), whole.network().parameters());

    let error = Trainer::new(&network, &training(3)).unwrap().load(place.file(), &mut network).unwrap_err();
    assert!(matches!(&error, Error::OtherTraining { setting, .. } if setting == "batch_size"), "{error}");
}
