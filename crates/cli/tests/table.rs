//! From a table in a file to a model and back, through the program.

#![allow(clippy::unwrap_used)]

mod place;

use place::Place;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// A table of which size and colour together tell the kind: `rows` rows from row `first` on, some sizes missing.
fn table(first: usize, rows: usize, separator: &str) -> String {
    let join = |fields: &[&str]| fields.join(separator) + "\n";
    let mut text = join(&["id", "size", "colour", "kind"]);
    for i in first..first + rows {
        let (size, colour) = ((i * 7919 % 1000) as f64 / 100.0, ["red", "green", "bl\u{fc}e"][i % 3]);
        let kind = match (size > 5.0, colour) {
            (true, _) => "large, any",
            (false, "red") => "small red",
            _ => "small other",
        };
        let size = if i % 50 == 7 && size < 5.0 { "NA".to_owned() } else { size.to_string() };
        text += &join(&[&i.to_string(), &size, colour, &format!("\"{kind}\"")]);
    }
    text
}

const TRAIN: &str = "--categorical colour --ignore id --missing median --hidden 32 --quiet";

#[test]
fn a_table_becomes_a_model_that_reads_tables() {
    let place = Place::new();
    place.write("train.csv", table(0, 600, ","));
    place.ok(&format!("train --data train.csv --target kind {TRAIN} --epochs 60 --out m"));
    let accuracy = place.metrics("m")["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.95, "{accuracy}");

    // The model knows its test part, and the settings that it came from.
    let evaluation = place.json("evaluate --model m/model.safetensors --json");
    assert_eq!(evaluation["accuracy"].as_f64().unwrap(), accuracy);
    assert_eq!(evaluation["rows"], 120);
    assert_eq!(evaluation["class_names"], serde_json::json!(["large, any", "small other", "small red"]));
    let inspected = place.json("inspect --model m/model.safetensors --json");
    assert_eq!(
        inspected["input_names"],
        serde_json::json!(["size", "colour=bl\u{fc}e", "colour=green", "colour=red"])
    );

    // Other files: columns in another order, with and without labels.
    place.write("more.csv", table(600, 100, ","));
    let more = place.json("evaluate --model m/model.safetensors --data more.csv --json");
    assert!(more["rows"] == 100 && more["accuracy"].as_f64().unwrap() > 0.9, "{more}");
    place.write("new.csv", "colour,size\nred,1.5\ngreen,9\nbl\u{fc}e,\n");
    let out = place.ok("predict --model m/model.safetensors --input new.csv");
    let classes: Vec<&str> = out.lines().skip(1).map(|line| line.split(",0").next().unwrap()).collect();
    assert!(classes[0].starts_with("small red") && classes[1].starts_with("\"large, any\""), "{out}");
    let lines = place.ok("predict --model m/model.safetensors --input new.csv --json");
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["class"], "small red");
    assert_eq!(first["probabilities"].as_object().unwrap().len(), 3);
}

#[test]
fn the_same_rows_in_another_format_give_the_same_model() {
    let place = Place::new();
    place.write("t.csv", table(0, 200, ","));
    place.write("t.tsv", table(0, 200, "\t"));
    place.write("t.txt", table(0, 200, ";"));
    let mut gz = flate2::write::GzEncoder::new(
        File::create(place.path("t.csv.gz")).unwrap(),
        flate2::Compression::fast(),
    );
    gz.write_all(table(0, 200, ",").as_bytes()).unwrap();
    gz.finish().unwrap();
    let hash = |data: &str| {
        place.ok(&format!("train --data {data} {TRAIN} --epochs 2 --out h"));
        place.metrics("h")["parameters_sha256"].clone()
    };
    let csv = hash("t.csv");
    assert_eq!(csv, hash("t.tsv"));
    assert_eq!(csv, hash("t.csv.gz"));
    assert_eq!(csv, hash("t.txt --delimiter semicolon"));
    assert_eq!(csv, hash("t.txt --delimiter sniff"));
    assert_eq!(csv, hash("t.csv --target 4"));
}

#[test]
fn a_configuration_says_what_flags_say_and_flags_go_before_it() {
    let place = Place::new();
    place.ok("train --data spiral --hidden 8,4 --epochs 2 --activation tanh --dropout 0.1 --seed 3 --quiet --out a");
    let hash = |directory: &str| place.metrics(directory)["parameters_sha256"].clone();
    place.ok("train --config a/config.toml --out b");
    assert_eq!(hash("a"), hash("b"));
    let (a, b) =
        (fs::read_to_string(place.path("a/config.toml")), fs::read_to_string(place.path("b/config.toml")));
    assert_eq!(a.unwrap(), b.unwrap().replace("out = \"b\"", "out = \"a\""));
    place.ok("train --config a/config.toml --seed 4 --out c");
    assert_ne!(hash("a"), hash("c"));
    assert_eq!(place.metrics("c")["settings"]["training"]["seed"], 4);
    place.write("part.toml", "[training]\nepochs = 2\nseed = 3\n[network]\nhidden = [8, 4]\nactivation = \"tanh\"\ndropout = 0.1\n");
    place.ok("train --config part.toml --data spiral --quiet --out d");
    assert_eq!(hash("a"), hash("d"));

    for (text, words) in [
        ("[training]\nepoch = 2\n", &["bad.toml", "epoch"][..]),
        ("[train]\nepochs = 2\n", &["bad.toml", "train"]),
        ("training = 2\n", &["bad.toml", "[training]"]),
        ("[training]\nepochs = \"two\"\n", &["bad.toml", "two"]),
        ("[data]\ndata = \"cats\"\n", &["bad.toml", "digits, fashion-mnist, spiral"]),
        ("[training\n", &["bad.toml", "line 1"]),
        ("[training]\nbatch = 0\n", &["bad.toml", "batch", "at least 1"]),
        ("[network]\ndropout = -0.5\n", &["bad.toml", "dropout"]),
        ("[network]\nhidden = [8, 0]\n", &["bad.toml", "hidden"]),
        ("[run]\nthreads = 5000000\n", &["bad.toml", "threads"]),
    ] {
        place.write("bad.toml", text);
        let output = place.run("train --config bad.toml --out e");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{text}: {message}");
        words.iter().for_each(|word| assert!(message.contains(word), "{text}: {message}"));
        assert!(!place.path("e").exists());
    }
}

#[test]
fn what_is_wrong_with_a_table_is_told_by_file_line_and_column() {
    let place = Place::new();
    let good = table(0, 60, ",");
    place.write("good.csv", &good);
    place.ok(&format!("train --data good.csv {TRAIN} --epochs 60 --out m"));
    let cases: &[(&str, String, &[&str])] = &[
        ("", good.replace("\n30,", "\n30,1,"), &["bad.csv", "line 32", "5"]),
        ("", good.replace("\n30,", "\n30,x"), &["bad.csv", "line 32", "size", "x"]),
        ("--target sort", good.clone(), &["bad.csv", "sort"]),
        ("--target 9", good.clone(), &["bad.csv", "9"]),
        ("--missing error", good.clone(), &["bad.csv", "size", "missing"]),
        ("", "id,size,colour,kind\n".into(), &["bad.csv", "row"]),
        ("", String::new(), &["bad.csv"]),
        ("", "id,size,colour,kind\n1,2,red,a\n2,3,red,a\n3,4,red,a\n".into(), &["bad.csv", "kind"]),
    ];
    for (options, text, words) in cases {
        place.write("bad.csv", text);
        let output = place.run(&format!("train --data bad.csv {TRAIN} {options} --out e").replace(
            "--missing median",
            if options.contains("--missing") { "" } else { "--missing median" },
        ));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{options}: {message}");
        words
            .iter()
            .for_each(|word| assert!(message.contains(word), "{options}: {message:?} does not say {word:?}"));
        assert!(!place.path("e").exists());
    }
    for (text, words) in [
        ("size,colour\n1,yellow\n", &["new.csv", "line 2", "colour", "yellow"][..]),
        ("size\n1\n", &["new.csv", "colour"]),
        ("size,colour\nbig,red\n", &["new.csv", "line 2", "size", "big"]),
    ] {
        place.write("new.csv", text);
        let output = place.run("predict --model m/model.safetensors --input new.csv");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{text}: {message}");
        assert!(output.stdout.is_empty());
        words
            .iter()
            .for_each(|word| assert!(message.contains(word), "{text}: {message:?} does not say {word:?}"));
    }
    // The file that the model was trained on is not what it was.
    place.write("good.csv", good.replace("green", "grey"));
    let output = place.run("evaluate --model m/model.safetensors");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && message.contains("good.csv"), "{message}");
    place.write("strange.csv", good.replace("small red", "cat"));
    let output = place.run("evaluate --model m/model.safetensors --data strange.csv");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("strange.csv") && message.contains("line") && message.contains("cat"),
        "{message}"
    );
}

/// Only `train` has options that say how a table is read.
#[test]
fn a_hint_names_what_the_command_has() {
    let place = Place::new();
    place.write("t.csv", table(0, 120, ",").replace("NA", "1"));
    place.ok("train --data t.csv --categorical colour --ignore id --hidden none --epochs 1 --quiet --out m");
    place.ok("train --hidden none --epochs 1 --quiet --out digits");
    place.write("missing.csv", "size,colour,kind\n,red,small red\n");
    place.write("text.csv", "size,colour,kind\nbig,red,small red\n");
    place.write("semicolon.csv", "size;colour;kind\n1;red;small red\n");
    place.write("missing64.csv", format!("{}\n", ",".repeat(63)));
    let message = |arguments: &str| {
        let output = place.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{arguments}: {message}");
        message.trim_end().to_owned()
    };
    let of_training =
        "; --missing mean, median or most-frequent in training lets a model fill it, unless it is a label";
    for (model, file, expected) in [
        ("m", "missing.csv", of_training),
        ("m", "text.csv", "expected a number, found \"big\""),
        ("m", "semicolon.csv", "; is the delimiter another than in training?"),
        ("digits", "missing64.csv", "the value is missing (found \"\"), expected one"),
    ] {
        for arguments in ["predict --input", "evaluate --data", "report --data"] {
            // A row to evaluate has a label, too.
            if model == "m" || arguments.starts_with("predict") {
                let message = message(&format!("{arguments} {file} --model {model}/model.safetensors"));
                assert!(message.ends_with(expected), "{arguments} {file}: {message}");
            }
        }
    }
    for (file, option) in [("missing", "--missing"), ("text", "--categorical"), ("semicolon", "--delimiter")]
    {
        let message = message(&format!("train --data {file}.csv --target kind --categorical colour --out n"));
        assert!(
            message.contains(&format!("{option} ")) || message.contains(&format!("{option}?")),
            "{message}"
        );
    }
}

/// The rows are all that is read of a pipe: what is opened once more waits for ever, or is empty.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_once() {
    let place = Place::new();
    place.write("t.csv", table(0, 200, ","));
    place.ok(&format!("train --data t.csv {TRAIN} --epochs 2 --out file"));
    let program = env!("CARGO_BIN_EXE_chainrule");
    let train =
        |data: &str, out: &str| format!("'{program}' train --data {data} {TRAIN} --epochs 2 --out {out}");
    for (out, script) in [
        ("named", format!("mkfifo p; cat t.csv > p & exec {}", train("p", "named"))),
        ("nameless", format!("cat t.csv | {}", train("/dev/stdin", "nameless"))),
    ] {
        let mut shell = Command::new("sh");
        let mut shell = shell.current_dir(place.0.path()).args(["-c", &script]).spawn().unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = shell.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > Duration::from_secs(60) {
                shell.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{out}: {status}");
        assert_eq!(place.metrics(out)["parameters_sha256"], place.metrics("file")["parameters_sha256"]);
        let output = place.run(&format!("evaluate --model {out}/model.safetensors"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
        assert!(
            message.contains("was no file that can be read again") && message.contains("--data"),
            "{message}"
        );
        place.ok(&format!("evaluate --model {out}/model.safetensors --data t.csv"));
    }
}

/// An NPY file of one or two dimensions, of numbers of one kind as they lie in memory.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

#[test]
fn arrays_are_trained_on_and_predicted_for() {
    let place = Place::new();
    let x: Vec<u8> = (0..200_i32)
        .flat_map(|i| [(i * 37 % 101) as f32, (i % 2) as f32])
        .flat_map(f32::to_le_bytes)
        .collect();
    let y: Vec<u8> = (0..200_i64).flat_map(|i| (10 + i % 2).to_le_bytes()).collect();
    place.write("x.npy", npy("<f4", "(200, 2)", &x));
    place.write("y.npy", npy("<i8", "(200,)", &y));
    let train = "train --data x.npy --labels y.npy --hidden none --epochs 30 --learning-rate 0.1 --quiet";
    place.ok(&format!("{train} --out m"));
    assert_eq!(place.metrics("m")["test_accuracy"], 1.0);
    assert_eq!(
        place.json("evaluate --model m/model.safetensors --json")["class_names"],
        serde_json::json!(["10", "11"])
    );
    let all = place.json("evaluate --model m/model.safetensors --data x.npy --labels y.npy --json");
    assert!(all["rows"] == 200 && all["accuracy"] == 1.0, "{all}");
    let predicted = place.ok("predict --model m/model.safetensors --input x.npy");
    let classes: Vec<&str> = predicted.lines().skip(1).map(|line| &line[..2]).collect();
    assert!(classes.len() == 200 && classes.chunks(2).all(|pair| pair == ["10", "11"]));
    // What flags say stands in the configuration, too.
    place.ok("train --config m/config.toml --out n");
    assert_eq!(place.metrics("m")["parameters_sha256"], place.metrics("n")["parameters_sha256"]);

    // One of the files is not what it was.
    let mut others = y.clone();
    others[0] += 1;
    place.write("y.npy", npy("<i8", "(200,)", &others));
    let output = place.run("evaluate --model m/model.safetensors");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(": x.npy or y.npy is no longer what the model was trained on"), "{message}");
    place.write("y.npy", npy("<i8", "(200,)", &y));

    place.write("huge.npy", npy("<f4", "(50000, 50000)", &x));
    for (arguments, words) in [
        ("train --data x.npy", &["x.npy", "--labels"][..]),
        ("train --data huge.npy --labels y.npy", &["huge.npy", "10000000000"]),
        ("train --data y.npy --labels x.npy", &["x.npy"]),
        ("predict --model m/model.safetensors --input y.npy", &["y.npy"]),
    ] {
        let output = place.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{arguments}: {message}");
        words
            .iter()
            .for_each(|word| assert!(message.replace('_', "").contains(word), "{arguments}: {message}"));
    }
}

#[test]
fn images_in_an_array_are_shown_as_such() {
    let place = Place::new();
    let x: Vec<u8> = (0..60 * 6).map(|i| (i * 37 % 251) as u8).collect();
    // What tells the classes apart is not in the images, so there are mistakes.
    let y: Vec<u8> = (0..60_i64).flat_map(|i| (i / 7 % 2).to_le_bytes()).collect();
    place.write("x.npy", npy("|u1", "(60, 2, 3)", &x));
    place.write("y.npy", npy("<i8", "(60,)", &y));
    place.ok("train --data x.npy --labels y.npy --hidden none --epochs 1 --quiet --out m");
    for rows in ["", "--data x.npy --labels y.npy"] {
        place.ok(&format!("report --model m/model.safetensors {rows} --out page.html"));
        let page = fs::read_to_string(place.path("page.html")).unwrap();
        assert!(page.contains("data:image/png;base64,"), "{rows}");
    }
}
