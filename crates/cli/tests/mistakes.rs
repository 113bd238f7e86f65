//! What the program says to a mistake: a line that names the place, and nothing left behind or written over.

#![allow(clippy::unwrap_used)]

mod place;

use place::{MODEL, Place, with_model};
use std::fs;
use std::process::Command;

/// Each is one line on standard error that says the words given, exit code 2, and nothing left behind.
#[test]
fn mistakes_are_one_line_and_exit_code_two() {
    let place = with_model();
    let model = fs::read(place.path(MODEL)).unwrap();
    place.write("cut.safetensors", &model[..model.len() / 2]);
    place.write("text", "not a model");
    place.write("ragged.csv", "1,2,3\n1,2\n");
    place.write("words.csv", format!("{}\n{}x\n", vec!["1"; 64].join(","), "1,".repeat(63)));
    place.write("nan.csv", format!("{}NaN\n", "1,".repeat(63)));
    place.write("narrow.csv", "1,2,3\n");
    place.write("foreign.toml", "[data]\ntarget = \"species\"\n");
    place.write("empty.csv", "");
    place.write("empty-file", "");
    fs::create_dir(place.path("empty")).unwrap();
    fs::create_dir_all(place.path("taken/curves.svg")).unwrap();
    let predict = |input: &str| format!("predict --model {MODEL} --input {input}");
    let cases: Vec<(String, &[&str])> = vec![
        ("train --hidden 8,0".into(), &["--hidden"]),
        ("train --hidden 8,x".into(), &["--hidden"]),
        ("train --hidden 99999999999,99999999999".into(), &["--hidden"]),
        ("train --epochs 0".into(), &["--epochs"]),
        ("train --epochs 10000000000000000000".into(), &["--epochs", "at most 9223372036854775807"]),
        ("train --batch 10000000000000000000".into(), &["--batch", "at most"]),
        ("train --patience 10000000000000000000".into(), &["--patience", "at most"]),
        (
            "train --classifier softmax-regression --max-iterations 10000000000000000000".into(),
            &["--max-iterations", "at most"],
        ),
        ("train --batch 0".into(), &["--batch"]),
        ("train --learning-rate NaN".into(), &["--learning-rate"]),
        ("train --learning-rate=-1".into(), &["--learning-rate"]),
        (
            "train --learning-rate 1e38 --optimizer sgd --hidden 8 --epochs 3 --out diverged".into(),
            &["learning rate"],
        ),
        ("train --threads 1000000".into(), &["--threads"]),
        ("train --data cats".into(), &["cats", "fashion-mnist", "file"]),
        ("train --data cats.csv".into(), &["cats.csv"]),
        ("train --test-data narrow.csv".into(), &["--test-data"]),
        ("train --image 8x9".into(), &["--image 8x9", "64"]),
        ("train --optimizer sgd --weight-decay 0.1".into(), &["--weight-decay"]),
        ("train --delimiter ::".into(), &["--delimiter", "semicolon"]),
        ("train --calibrate --validation-fraction 0".into(), &["--calibrate", "--validation-fraction"]),
        ("train --patience 3 --validation-fraction 0".into(), &["--patience", "--validation-fraction"]),
        ("train --seed 18446744073709551615".into(), &["--seed"]),
        ("evaluate --model model/model.safetensors --seed 5".into(), &["--seed", "--data"]),
        ("train --data narrow.csv --labels text".into(), &["--labels", "narrow.csv"]),
        ("train --test-fraction 1".into(), &["--test-fraction"]),
        ("train --target species".into(), &["--target", "table", "digits"]),
        ("train --data spiral --categorical 1".into(), &["--categorical", "table", "spiral"]),
        ("train --missing mean".into(), &["--missing", "table", "digits"]),
        ("train --header no".into(), &["--header", "table", "digits"]),
        ("train --array z".into(), &["--array", ".npz", "digits"]),
        ("train --data narrow.csv --label-array z".into(), &["--label-array", ".npz", "narrow.csv"]),
        ("train --data x.npy --labels y.npy --delimiter tab".into(), &["--delimiter", "table", "x.npy"]),
        ("train --data x.npz --unseen zeros".into(), &["--unseen", "table", "x.npz"]),
        ("train --data x.npy --labels y.npy --array z".into(), &["--array", ".npz", "x.npy"]),
        ("train --data x.npy --labels y.npy --test-data t.csv".into(), &["--test-data", "table", "x.npy"]),
        ("train --monitor accuracy".into(), &["--monitor accuracy", "--patience"]),
        ("train --config foreign.toml".into(), &["--target", "table", "digits"]),
        (format!("evaluate --model {MODEL} --labels y.npy"), &["--labels", "--data"]),
        (format!("evaluate --model {MODEL} --data-dir empty"), &["--data-dir", "fashion-mnist", "digits"]),
        (format!("report --model {MODEL} --data narrow.csv --seed 5"), &["--seed", "narrow.csv"]),
        (format!("report --model {MODEL} --data digits --array z"), &["--array", ".npz", "digits"]),
        (format!("predict --model {MODEL} --input narrow.csv --array z"), &["--array", ".npz", "narrow.csv"]),
        ("train --config none.toml".into(), &["none.toml"]),
        ("train --config text".into(), &["text", "line 1"]),
        ("export --model model/model.safetensors --out model.xyz".into(), &["model.xyz", "--format"]),
        ("completions".into(), &["SHELL"]),
        ("completions --man text".into(), &["--man text"]),
        (
            "train --data fashion-mnist --data-dir nowhere --out o".into(),
            &["nowhere", "dataset-fashion-mnist"],
        ),
        ("train --data fashion-mnist --data-dir empty --out o".into(), &["empty"]),
        ("train --data digits --data-dir empty".into(), &["--data-dir"]),
        ("train --epochs 1 --out text".into(), &["text"]),
        ("train --epochs 1 --out text/below".into(), &["text"]),
        ("evaluate --model none.safetensors --data digits".into(), &["none.safetensors"]),
        ("evaluate --model cut.safetensors --data digits".into(), &["cut.safetensors"]),
        ("evaluate --model text --data digits".into(), &["text", "safetensors"]),
        ("evaluate --model empty --data digits".into(), &["empty"]),
        (format!("evaluate --model {MODEL} --data spiral"), &["64", "2"]),
        (predict("none.csv"), &["none.csv"]),
        (predict("ragged.csv"), &["ragged.csv", "line"]),
        (predict("words.csv"), &["words.csv", "line 2", "column 64", "\"x\""]),
        (predict("nan.csv"), &["nan.csv"]),
        (predict("narrow.csv"), &["narrow.csv", "64", "3"]),
        (predict("empty.csv"), &["empty.csv"]),
        ("inspect --model text".into(), &["text"]),
        ("inspect --model empty-file".into(), &["empty-file"]),
        ("inspect".into(), &["--model"]),
        ("train --seed -1".into(), &["--seed"]),
        ("train --epochs 1.5".into(), &["--epochs", "whole number"]),
        ("train --epochs 1 --out taken".into(), &["taken/curves.svg", "directory"]),
        ("gradients --classes 1".into(), &["--classes", "at least 2"]),
        ("gradients --classes 9223372036854775807 --batch 9".into(), &["--classes", "--batch"]),
        ("gradients --classes 2 --batch 2 --out text".into(), &["text"]),
        ("gradients --classes 0".into(), &["--classes"]),
        ("gradients --batch 0".into(), &["--batch"]),
        ("gradients --classes 200000 --batch 1".into(), &["--classes 200000", "fewer"]),
        ("gradients --batch 1000000000".into(), &["--batch 1000000000", "fewer"]),
        ("gradients --precision f16".into(), &["--precision", "f16", "f32, f64, both"]),
        ("gradients --threads some".into(), &["--threads", "all", "1024"]),
        ("gradients --threads -1".into(), &["--threads"]),
        ("gradients --full --threads 2".into(), &["--full", "--threads"]),
        ("gradients --full --precision f64".into(), &["--full", "--precision"]),
        ("fly".into(), &["fly"]),
    ];
    let before = place.names(".");
    for (arguments, words) in cases {
        let output = place.run(&arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {message}");
        assert!(message.starts_with("error: ") && message.lines().count() == 1, "{arguments}: {message}");
        assert!(output.stdout.is_empty() || arguments.contains("diverged"), "{arguments}");
        for word in words {
            assert!(message.contains(word), "{arguments}: {message:?} does not say {word:?}");
        }
        assert_eq!(place.names("."), before, "{arguments} left something behind");
        assert_eq!(place.names("taken"), ["curves.svg"], "{arguments}");
    }
}

/// Settings are kept in UTF-8. Other systems than Linux may have no other paths.
#[cfg(target_os = "linux")]
#[test]
fn paths_that_settings_cannot_hold_are_told_by_their_option() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.write("c.toml", "[network]\nhidden = [8]\n");
    for arguments in [
        "train --out",
        "train --config c.toml --out",
        "train --resume",
        "train --data",
        "train --data-dir",
        "train --test-data",
        "train --labels",
        "train --classifier softmax-regression --warm-start",
        "evaluate --model m --data",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        command.current_dir(place.path(".")).args(arguments.split_whitespace());
        let output = command.arg(std::ffi::OsStr::from_bytes(b"caf\xe9.csv")).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{arguments}: {message}");
        let option = arguments.split(' ').next_back().unwrap();
        for words in [option, "caf\u{fffd}.csv", "expected a path in UTF-8"] {
            assert!(message.contains(words), "{arguments}: {message:?} does not say {words:?}");
        }
        assert_eq!(place.names("."), ["c.toml"], "{arguments}");
    }
}

#[test]
fn training_does_not_write_over_what_it_reads() {
    let place = Place::new();
    fs::create_dir(place.path("d")).unwrap();
    let table: String = (0..60).map(|i| format!("{},{}\n", i % 7, ["a", "b"][i % 2])).collect();
    let by_hand = "[run]\nout = \"d\" # here\n";
    for (name, contents) in [
        ("rows.csv", table.as_str()),
        ("d/history.csv", &table),
        ("d/curves.svg", &table),
        ("d/metrics.json", "labels"),
        ("d/config.toml", by_hand),
        ("d/checkpoint.toml", by_hand),
    ] {
        place.write(name, contents);
    }
    let before = place.names("d");
    for (arguments, option, input) in [
        ("--data d/history.csv --out d", "--data", "d/history.csv"),
        ("--data d/history.csv --out ./d/../d", "--data", "d/history.csv"),
        ("--classifier softmax-regression --data d/history.csv --out d", "--data", "d/history.csv"),
        ("--data rows.csv --test-data d/curves.svg --out d", "--test-data", "d/curves.svg"),
        ("--data x.npy --labels d/metrics.json --out d", "--labels", "d/metrics.json"),
        ("--config d/config.toml", "--config", "d/config.toml"),
        ("--config d/checkpoint.toml --out d", "--config", "d/checkpoint.toml"),
    ] {
        let contents = fs::read(place.path(input)).unwrap();
        let output = place.run(&format!("train {arguments}"));
        let message = String::from_utf8(output.stderr).unwrap();
        let expected = format!("error: {option} {input}: training would write over it; name another --out\n");
        assert_eq!((output.status.code(), message), (Some(2), expected), "{arguments}");
        assert_eq!(fs::read(place.path(input)).unwrap(), contents, "{arguments}");
        assert_eq!(place.names("d"), before, "{arguments}");
    }

    // Settings that training wrote are replaced with the model that they are of.
    let hidden = "train --data spiral --hidden 8 --epochs 1 --quiet";
    place.ok(hidden);
    place.ok("train --config chainrule-out/config.toml --seed 1 --quiet --out other");
    place.ok("train --config chainrule-out/config.toml --seed 2 --quiet");
    assert_eq!(place.metrics("chainrule-out")["settings"]["training"]["seed"], 2);
    place.ok(&format!("train --config d/config.toml {} --out e", &hidden[6..]));
}

/// A model cut off anywhere is an error, never a panic.
#[test]
fn a_model_file_cut_anywhere_is_refused() {
    let place = with_model();
    let model = fs::read(place.path(MODEL)).unwrap();
    for length in [0, 1, 7, 8, 9, 100, 500, model.len() - 1] {
        place.write("cut.safetensors", &model[..length]);
        let output = place.run("inspect --model cut.safetensors");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{length}: {message}");
        assert!(message.starts_with("error: cut.safetensors: ") && message.lines().count() == 1, "{message}");
    }
}
