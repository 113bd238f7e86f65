//! The digits, trained by as many processes as mpirun starts:
//!
//! ```sh
//! cargo build --release --package chainrule-mpi --example digits
//! mpirun -n 2 target/release/examples/digits
//! ```

use chainrule_models::{Classifier, Samples, Training};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // Around all: what fails on one rank alone must end the others, too.
    chainrule_mpi::World::run(train)
}

fn train(world: &chainrule_mpi::World) -> Result<(), Box<dyn Error>> {
    let (communicator, threads) = (world.communicator(), world.threads());
    let is_first = communicator.rank() == 0;

    let (train, test) = chainrule_data::digits().split(0.2, 0)?;
    let mut classifier = Classifier::<f32>::builder(train.width(), 10)
        .hidden(&[128])
        .class_names(train.class_names())
        .scaling(train.scaling())
        .build()?;
    let training = Training { batch_size: 64, communicator, threads, ..Training::default() };
    let history = classifier.fit(Samples::new(&train, train.targets()), &training)?;

    // All ranks have the same classifier now; one of them is enough to measure and to save it.
    if is_first {
        print!("{history}");
        let evaluation = classifier.evaluate(Samples::new(&test, test.targets()))?;
        println!("test accuracy {:.4}", evaluation.accuracy);
    }
    Ok(())
}
