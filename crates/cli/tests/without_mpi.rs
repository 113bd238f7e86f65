//! A program that was built without MPI and is started by mpirun refuses to train as many times at once.

#![allow(clippy::unwrap_used)]
#![cfg(not(feature = "mpi"))]

mod place;

use place::Place;
use std::process::Command;

#[test]
fn started_by_mpirun_it_names_the_feature_once() {
    for (rank, size) in [
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("PMI_RANK", "PMI_SIZE"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ] {
        let place = Place::new();
        let run = |number: &str, of: &str, argument: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
            command.current_dir(place.path(".")).args(["train", "--hidden", "4", argument, "1", "--quiet"]);
            let output = command.env(rank, number).env(size, of).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (code, message) = run("0", "2", "--epochs");
        assert_eq!((code, message.lines().count()), (Some(2), 1), "{message}");
        assert!(message.contains("--features mpi") && message.contains("2 processes"), "{message}");
        assert_eq!(run("1", "2", "--epochs"), (Some(2), String::new()));
        assert_eq!(run("1", "2", "--epoks"), (Some(2), String::new()));
        assert_eq!(place.names("."), [] as [&str; 0]);
        assert_eq!(run("0", "1", "--epochs"), (Some(0), String::new()));
    }
}
