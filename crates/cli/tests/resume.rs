//! A training that is interrupted or killed goes on, and ends as if it had never stopped.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod place;

use place::Place;
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const TRAIN: &str = "train --hidden 32 --epochs 40 --batch 8 --dropout 0.2 --clip-norm 1 --schedule cosine --patience 30 \
                     --threads 1 --checkpoint-every 0.02 --quiet";

fn start(place: &Place, arguments: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    command.current_dir(place.path(".")).args(arguments.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn wait_for(place: &Place, file: &str) {
    let start = Instant::now();
    while !place.path(file).exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {file}");
        sleep(Duration::from_millis(2));
    }
}

/// What must be the same.
fn result(place: &Place, directory: &str) -> (Value, Vec<Value>) {
    let metrics = place.metrics(directory);
    let mut epochs = metrics["history"]["epochs"].as_array().unwrap().clone();
    epochs.iter_mut().for_each(|epoch| epoch["seconds"] = Value::Null);
    (metrics["parameters_sha256"].clone(), epochs)
}

const FILES: [&str; 5] = ["config.toml", "curves.svg", "history.csv", "metrics.json", "model.safetensors"];

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let place = Place::new();
    place.ok(&format!("{TRAIN} --out whole"));
    let child = start(&place, &format!("{TRAIN} --out part"));
    wait_for(&place, "part/checkpoint.safetensors");
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(
        message.contains("go on with: chainrule train --resume part") && message.lines().count() == 1,
        "{message}"
    );
    assert_eq!(place.names("part"), ["checkpoint.safetensors", "checkpoint.toml"]);

    for options in
        ["--seed 1", "--hidden 33", "--batch 9", "--learning-rate 0.5", "--data spiral", "--dropout 0.2"]
    {
        let output = place.run(&format!("train --resume part {options}"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{options}: {message}");
        let option = options.split(' ').next().unwrap();
        assert!(message.contains(&format!("{option} cannot be given")), "{options}: {message}");
    }
    // Without flags the settings beside the checkpoint may be of another training.
    let settings = std::fs::read_to_string(place.path("part/checkpoint.toml")).unwrap();
    for (from, to, words) in [
        ("seed = 0", "seed = 1", "seed"),
        ("hidden = [32]", "hidden = [33]", "layers: expected dense 64 → 32"),
        ("batch = 8", "batch = 9", "batch_size: expected 8"),
        ("schedule = \"cosine\"", "schedule = \"constant\"", "schedule"),
    ] {
        place.write("part/checkpoint.toml", settings.replace(from, to));
        let output = place.run("train --resume part");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{to}: {message}");
        assert!(message.contains("checkpoint.safetensors") && message.contains(words), "{to}: {message}");
    }
    place.write("part/checkpoint.toml", settings);
    // Nor is it given up for another training.
    let output = place.run("train --out part");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && message.contains("part/checkpoint.safetensors"), "{message}");
    let output = place.run("train --resume whole");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && message.contains("--resume whole"), "{message}");

    place.ok("train --resume part --threads 2");
    assert_eq!(result(&place, "part"), result(&place, "whole"));
    assert_eq!(place.names("part"), FILES);
}

#[test]
fn ctrl_c_keeps_a_training_however_seldom_or_often_it_keeps_itself() {
    for every in ["1e20", "1e-10"] {
        let place = Place::new();
        let child = start(&place, &format!("{TRAIN} --epochs 100000 --checkpoint-every {every} --out part"));
        // Written once Ctrl-C is listened to.
        wait_for(&place, "part/checkpoint.toml");
        signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{every}: {message}");
        assert!(message.contains("go on with: chainrule train --resume part"), "{every}: {message}");
        assert_eq!(place.names("part"), ["checkpoint.safetensors", "checkpoint.toml"], "{every}");
    }
}

#[test]
fn a_killed_training_goes_on_to_the_same_bits() {
    let place = Place::new();
    place.ok(&format!("{TRAIN} --out whole"));
    let mut child = start(&place, &format!("{TRAIN} --out part"));
    wait_for(&place, "part/checkpoint.safetensors");
    let (mut resumes, mut is_over) = (0, false);
    for round in 0..8 {
        sleep(Duration::from_millis(20 + 13 * round));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        signal(&child, "-KILL");
        child.wait().unwrap();
        // It may have been at its last words, with all written.
        is_over = !place.path("part/checkpoint.safetensors").exists();
        if is_over {
            break;
        }
        child = start(&place, "train --resume part --quiet");
        resumes += 1;
    }
    let output = child.wait_with_output().unwrap();
    assert!(is_over || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(resumes >= 1);
    assert_eq!(result(&place, "part"), result(&place, "whole"));
    // A kill may leave a file without its name behind, never half of one that has it.
    assert!(FILES.iter().all(|file| place.names("part").contains(&(*file).to_owned())));
}

#[test]
fn a_directory_is_of_one_training_at_a_time() {
    let place = Place::new();
    let mut child = start(&place, &format!("{TRAIN} --epochs 100000 --patience 100000 --out part"));
    wait_for(&place, "part/checkpoint.safetensors");
    let refused = || {
        for arguments in ["--resume part", "--hidden 8 --epochs 1 --out part"] {
            let output = place.run(&format!("train {arguments}"));
            let message = String::from_utf8(output.stderr).unwrap();
            let expected =
                "error: part: another training is under way in this directory; name another --out\n";
            assert_eq!((output.status.code(), message.as_str()), (Some(2), expected), "{arguments}");
        }
    };
    refused();
    // As it is when two began at the same moment: there is another file in the place of the first one's.
    std::fs::copy(place.path("part/checkpoint.toml"), place.path("new")).unwrap();
    std::fs::rename(place.path("new"), place.path("part/checkpoint.toml")).unwrap();
    refused();
    assert!(child.try_wait().unwrap().is_none());
    signal(&child, "-KILL");
    child.wait().unwrap();
}

#[test]
fn divergence_keeps_the_last_good_checkpoint() {
    let place = Place::new();
    let output =
        place.run("train --hidden 16 --optimizer sgd --learning-rate 1e38 --checkpoint-every 0.0001 --out d");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
    for word in ["epoch 1", "batch", "layer", "learning rate"] {
        assert!(message.contains(word), "{message:?} does not say {word:?}");
    }
    // With this schedule it goes wrong in the third batch. No batch takes less than the interval, so there is a checkpoint after each.
    let train = "train --hidden 16 --optimizer sgd --learning-rate 1e12 --schedule one-cycle --epochs 400 --quiet --out e";
    let output = place.run(&format!("{train} --checkpoint-every 0.0000001"));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && message.contains("e/checkpoint.safetensors is from before"),
        "{message}"
    );
    let output = place.run("train --resume e");
    let again = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && again.contains("epoch"),
        "the checkpoint can be read: {again}"
    );
}

/// A file that may grow no longer stands for a full disk: the system refuses to write on.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_chainrule");
    let limited = |arguments: &str| {
        let script = format!("trap '' XFSZ; ulimit -f 16; exec '{program}' {arguments}");
        let output = Command::new("sh").current_dir(place.path(".")).args(["-c", &script]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{arguments}: {message}");
        message
    };
    let message = limited("train --epochs 2 --out m --quiet --checkpoint-every 0");
    assert!(message.contains("m/model.safetensors"), "{message}");
    assert_eq!(place.names("."), [] as [&str; 0]);
    let message = limited("train --epochs 2 --out m --quiet --checkpoint-every 0.001");
    assert!(message.contains("checkpoint.safetensors"), "{message}");
    assert!(!place.path("m/checkpoint.safetensors").exists() && !place.path("m/model.safetensors").exists());

    place.ok("train --epochs 2 --out m --quiet");
    for (arguments, file) in [
        ("export --model m/model.safetensors --out model.onnx", "model.onnx"),
        ("export --model m/model.safetensors --out weights.safetensors", "weights.safetensors"),
        ("report --model m/model.safetensors --out report.html", "report.html"),
    ] {
        assert!(limited(arguments).contains(file), "{arguments}");
        assert_eq!(place.names("."), ["m"], "{arguments}");
    }
}
