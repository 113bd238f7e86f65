//! The program, end to end: every command, and what it writes. (What it says to a mistake: `mistakes.rs`.)

#![allow(clippy::unwrap_used)]

mod place;

use flate2::{Compression, write::GzEncoder};
use place::{MODEL, Place, with_model};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::process::Command;

#[test]
fn train_writes_whole_files() {
    let place = Place::new();
    let out = place.ok("train --hidden 64 --epochs 3 --batch 16 --seed 5 --threads 2 --out a/b");
    assert_eq!(out.lines().filter(|line| line.starts_with("epoch ")).count(), 3, "{out}");
    assert!(out.contains("test accuracy") && out.contains("curves.svg"), "{out}");
    assert_eq!(
        place.names("a/b"),
        ["config.toml", "curves.svg", "history.csv", "metrics.json", "model.safetensors"]
    );

    let metrics = place.metrics("a/b");
    assert!(metrics["test_accuracy"].as_f64().unwrap() > 0.8, "{metrics}");
    assert!(metrics["test_loss"].as_f64().unwrap() < 1.0);
    assert_eq!(metrics["epoch_seconds"].as_array().unwrap().len(), 3);
    assert_eq!(metrics["parameters_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(metrics["threads"], 2);
    assert_eq!(metrics["blas"]["threads"], 1);
    for key in ["library", "version", "kernel"] {
        assert!(metrics["blas"][key].is_string(), "{metrics}");
    }

    let history = fs::read_to_string(place.path("a/b/history.csv")).unwrap();
    let mut lines = history.lines();
    assert_eq!(
        lines.next(),
        Some("epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds")
    );
    assert_eq!(lines.count(), 3);
    let curves = fs::read_to_string(place.path("a/b/curves.svg")).unwrap();
    assert!(curves.starts_with("<svg") && curves.trim_end().ends_with("</svg>"));
    for word in ["Loss", "Accuracy", "train", "test"] {
        assert!(curves.contains(word), "{word}");
    }
}

#[test]
fn quiet_is_one_line() {
    let out = Place::new().ok("train --data spiral --hidden 8 --epochs 2 --quiet");
    assert_eq!(out.lines().count(), 1, "{out}");
}

/// Of 20 seeds none came below 0.972; a row of the test part is worth 0.003.
#[test]
fn the_defaults_do_well_on_digits() {
    let place = Place::new();
    place.ok("train --quiet --seed 1");
    let metrics = place.metrics("chainrule-out");
    assert!(metrics["test_accuracy"].as_f64().unwrap() >= 0.965, "{metrics}");
    let settings = [
        ("data", "data", Value::from("digits")),
        ("network", "hidden", Value::from([256, 128].as_slice())),
        ("training", "optimizer", Value::from("adam")),
        ("training", "learning-rate", Value::from(0.001)),
        ("training", "seed", Value::from(1)),
        ("network", "gradient", Value::from("fused")),
    ];
    for (section, key, value) in settings {
        assert_eq!(metrics["settings"][section][key], value, "{key}");
    }
    assert_eq!(metrics["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn calibration_changes_probabilities_and_keeps_the_classes() {
    let place = Place::new();
    let train = "train --hidden 128 --epochs 60 --validation-fraction 0.2 --quiet";
    place.ok(&format!("{train} --out plain"));
    place.ok(&format!("{train} --calibrate --out calibrated"));
    let (plain, calibrated) = (place.metrics("plain"), place.metrics("calibrated"));
    let temperature = calibrated["temperature"].as_f64().unwrap();
    assert!(plain["temperature"].is_null() && (0.05..20.0).contains(&temperature) && temperature != 1.0);
    assert_eq!(plain["test_accuracy"], calibrated["test_accuracy"]);
    assert_ne!(plain["test_loss"], calibrated["test_loss"]);
}

/// An IDX file of bytes.
fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|length| file.extend(length.to_be_bytes()));
    file.extend(bytes);
    file
}

#[test]
fn fashion_mnist_comes_from_files() {
    let place = Place::new();
    fs::create_dir(place.path("files")).unwrap();
    for (part, rows) in [("train", 40), ("t10k", 20)] {
        // An image of class c is bright in pixel c only.
        let image = |row: usize| (0..12).map(move |pixel| if pixel == row % 10 { 255 } else { 0 });
        let images: Vec<u8> = (0..rows).flat_map(image).collect();
        let labels: Vec<u8> = (0..rows).map(|row| (row % 10) as u8).collect();
        let rows = rows as u32;
        place.write(&format!("files/{part}-images-idx3-ubyte"), idx(&[rows, 3, 4], &images));
        place.write(&format!("files/{part}-labels-idx1-ubyte"), idx(&[rows], &labels));
    }
    let data = "--data fashion-mnist --data-dir files";
    place.ok(&format!("train {data} --hidden none --batch 10 --epochs 60 --optimizer sgd --quiet --out m"));
    assert_eq!(place.metrics("m")["test_accuracy"], 1.0);
    let evaluation = place.ok(&format!("evaluate --model m/model.safetensors {data}"));
    let last = evaluation.lines().last().unwrap();
    assert_eq!(
        last.split_whitespace().collect::<Vec<_>>(),
        "Ankle boot 0 0 0 0 0 0 0 0 0 2".split(' ').collect::<Vec<_>>()
    );
    let lengths: Vec<usize> = evaluation.lines().rev().take(11).map(|line| line.chars().count()).collect();
    assert!(lengths.len() == 11 && lengths.iter().all(|&length| length == lengths[0]), "{evaluation}");
}

#[test]
fn threads_do_not_change_a_bit_and_seeds_do() {
    let place = Place::new();
    let hash = |arguments: &str| {
        place.ok(&format!("train --hidden 150,40 --epochs 2 --batch 100 --quiet --out t {arguments}"));
        place.metrics("t")["parameters_sha256"].as_str().unwrap().to_owned()
    };
    let one = hash("--threads 1");
    assert_eq!(one, hash("--threads 2"));
    assert_eq!(one, hash("--threads 3"));
    assert_eq!(one, hash(""));
    assert_ne!(one, hash("--seed 1"));
    assert_ne!(one, hash("--optimizer sgd"));
}

#[test]
fn every_gradient_path_trains_alike() {
    let place = Place::new();
    let accuracies = ["fused", "product", "jacobian", "stored-jacobian"].map(|path| {
        place.ok(&format!("train --hidden 64 --epochs 30 --gradient {path} --quiet --out p"));
        place.metrics("p")["test_accuracy"].as_f64().unwrap()
    });
    let (low, high) = accuracies.iter().fold((1.0, 0.0), |(low, high), &a| (a.min(low), a.max(high)));
    assert!(low > 0.93 && high - low <= 0.01, "{accuracies:?}");
}

#[test]
fn evaluate_agrees_with_training() {
    let place = with_model();
    let metrics = place.metrics("model");
    let evaluation = place.json(&format!("evaluate --model {MODEL} --data digits --json"));
    assert_eq!(evaluation["accuracy"], metrics["test_accuracy"]);
    assert_eq!(evaluation["loss"], metrics["test_loss"]);
    let confusion = evaluation["confusion"].as_array().unwrap();
    let total: u64 =
        confusion.iter().flat_map(|row| row.as_array().unwrap()).map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((confusion.len(), total), (10, 359));
    let text = place.ok(&format!("evaluate --model {MODEL} --data digits"));
    assert!(text.contains("accuracy") && text.lines().count() > 10, "{text}");
}

#[test]
fn predict_writes_a_class_and_its_probabilities() {
    let place = with_model();
    let row = |value: usize| (0..64).map(|i| ((i * value) % 17).to_string()).collect::<Vec<_>>().join(",");
    place.write("rows.csv", format!("{}\n{}\n", row(3), row(5)));
    let out = place.ok(&format!("predict --model {MODEL} --input rows.csv"));
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("class,0,1,2,3,4,5,6,7,8,9"));
    for line in lines.clone() {
        let fields: Vec<&str> = line.split(',').collect();
        let probabilities: Vec<f64> = fields[1..].iter().map(|p| p.parse().unwrap()).collect();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        let class: usize = fields[0].parse().unwrap();
        assert!(probabilities.iter().all(|&p| p <= probabilities[class]));
    }
    assert_eq!(lines.count(), 2);
}

#[test]
fn predict_reads_every_table_for_a_model_of_arrays() {
    let place = with_model();
    let row = |value: usize| (0..64).map(|i| ((i * value) % 17).to_string()).collect::<Vec<_>>();
    let text = |separator: &str| format!("{}\n{}\n", row(3).join(separator), row(5).join(separator));
    place.write("rows.csv", text(","));
    place.write("rows.tsv", text("\t"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text(",").as_bytes()).unwrap();
    place.write("rows.csv.gz", gzip.finish().unwrap());
    let header: Vec<String> = (0..64).map(|i| format!("pixel {i}")).collect();
    place.write(
        "named.csv",
        format!("{},digit\n{},3\n{},5\n", header.join(","), row(3).join(","), row(5).join(",")),
    );
    let predict = |input: &str| place.ok(&format!("predict --model {MODEL} --input {input}"));
    let expected = predict("rows.csv");
    assert_eq!(expected.lines().count(), 3);
    for input in ["rows.tsv", "rows.csv.gz", "named.csv"] {
        assert_eq!(predict(input), expected, "{input}");
    }
}

#[test]
fn a_model_is_tried_on_rows_of_one_class() {
    let place = with_model();
    let row = |value: usize| (0..64).map(|i| ((i * value) % 17).to_string()).collect::<Vec<_>>().join(",");
    place.write("threes.csv", format!("{},3\n{},3\n", row(3), row(5)));
    let evaluation = place.json(&format!("evaluate --model {MODEL} --data threes.csv --json"));
    let threes: Vec<u64> =
        evaluation["confusion"][3].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert_eq!((&evaluation["rows"], threes.iter().sum::<u64>()), (&2.into(), 2), "{evaluation}");
}

/// A row that never ends is no reason to take all memory there is.
#[cfg(target_os = "linux")]
#[test]
fn predict_ends_where_a_row_does_not() {
    let place = with_model();
    let program = env!("CARGO_BIN_EXE_chainrule");
    let script = format!("ulimit -v 4000000; exec '{program}' predict --model {MODEL} --input /dev/zero");
    let output = Command::new("sh").current_dir(place.0.path()).args(["-c", &script]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
    assert!(message.contains("/dev/zero, line 1, column 1: the field is longer than"), "{message}");
}

#[test]
fn inspect_counts_parameters() {
    let place = with_model();
    let text = place.ok(&format!("inspect --model {MODEL}"));
    let count = 64 * 16 + 16 + 16 * 10 + 10;
    assert!(text.contains("dense") && text.contains(&count.to_string()), "{text}");
    let json = place.ok(&format!("inspect --model {MODEL} --json"));
    assert!(serde_json::from_str::<Value>(&json).unwrap().is_object());
    assert!(json.contains(&count.to_string()), "{json}");
}

#[test]
fn gradients_compares_four_paths() {
    let place = Place::new();
    let json = place.json("gradients --batch 64 --classes 20 --json --out plot");
    let rows = json["rows"].as_array().unwrap();
    let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["stored-jacobian", "jacobian", "product", "fused"]);
    for row in rows {
        assert_eq!((&row["precision"], &row["threads"]), (&"f32".into(), &1.into()), "{row}");
        assert_eq!((&row["classes"], &row["batch"]), (&20.into(), &64.into()), "{row}");
        let number = |name: &str| row[name].as_f64();
        assert!(number("largest_error").unwrap() < 1e-6, "{row}");
        let (forward, both) = (number("forward_ns_per_logit").unwrap(), number("ns_per_logit").unwrap());
        assert!(forward > 0.0 && both > 0.0 && number("times_fused").unwrap() > 0.0, "{row}");
        match number("backward_ns_per_logit") {
            Some(backward) => assert!((forward + backward - both).abs() < 1e-9 * both, "{row}"),
            None => assert_eq!(row["path"], "fused"),
        }
    }
    let numbers = rows.iter().map(|row| row["extra_bytes"].as_u64().unwrap() / 4);
    assert_eq!(numbers.collect::<Vec<_>>(), [2 * 64 * 20 + 20 * 20, 2 * 64 * 20, 2 * 64 * 20, 0]);
    assert!(json["meaning"]["largest_error"].is_string());
    assert_eq!(place.names("plot"), ["gradients.svg"]);
    let table = place.ok("gradients --batch 64 --classes 20");
    for words in ["f32, 1 thread,", "stored Jacobian", "Jacobian by rows", "closed form", "fused"] {
        assert!(table.contains(words), "{words:?}: {table}");
    }
    assert_eq!(place.names("."), ["plot"], "a single size draws nothing unless asked to");
}

/// In f64 every path must be nearer to the exact gradient than f32 could be, whatever the batch is cut into.
#[test]
fn gradients_knows_precisions_and_threads() {
    let place = Place::new();
    let both =
        place.json("gradients --batch 300 --classes 40 --precision both --threads 2 --json --out plot");
    let rows = both["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    for (row, (precision, bytes, exact)) in
        rows.iter().zip([("f32", 4, 1e-6); 4].into_iter().chain([("f64", 8, 1e-15); 4]))
    {
        assert_eq!((&row["precision"], &row["threads"]), (&precision.into(), &2.into()), "{row}");
        let error = row["largest_error"].as_f64().unwrap();
        assert!(error < exact && error > 1e-3 * exact, "{row}");
        if row["path"] == "stored-jacobian" {
            // A Jacobian for each thread.
            assert_eq!(row["extra_bytes"].as_u64().unwrap(), bytes * (2 * 300 * 40 + 2 * 40 * 40), "{row}");
        }
    }
    let plot = fs::read_to_string(place.path("plot/gradients.svg")).unwrap();
    assert!(plot.contains("f32, 2 threads") && plot.contains("f64, 2 threads"));

    let full = place.json("gradients --batch 8 --classes 4 --full --json");
    let cores =
        place.json("gradients --batch 8 --classes 4 --threads all --json")["rows"][0]["threads"].clone();
    let settings = full["rows"].as_array().unwrap().iter().map(|row| (&row["precision"], &row["threads"]));
    let mut settings: Vec<_> = settings.map(|(p, t)| (p.as_str().unwrap(), t.as_u64().unwrap())).collect();
    settings.dedup();
    let mut expected =
        vec![("f32", 1), ("f32", cores.as_u64().unwrap()), ("f64", 1), ("f64", cores.as_u64().unwrap())];
    expected.dedup();
    assert_eq!(settings, expected);
}

/// 17,000² numbers of 4 bytes are more than a gibibyte.
#[test]
fn gradients_says_which_jacobian_it_did_not_store() {
    let place = Place::new();
    let json = place.json("gradients --batch 1 --classes 17000 --json");
    let stored = &json["rows"][0];
    assert_eq!(stored["path"], "stored-jacobian");
    assert!(stored["left_out"].as_str().unwrap().contains("1.1 GiB a thread"), "{stored}");
    assert_eq!(stored["extra_bytes"].as_u64().unwrap(), 4 * (2 * 17_000 + 17_000 * 17_000));
    assert!(stored["ns_per_logit"].is_null() && stored["largest_error"].is_null());
    assert!(json["rows"][1]["ns_per_logit"].is_f64() && json["rows"][1]["left_out"].is_null());
    let table = place.ok("gradients --batch 1 --classes 17000 --out plot");
    assert!(table.contains("left out: its matrix takes 1.1 GiB a thread"), "{table}");
    assert_eq!(place.names("plot"), ["gradients.svg"]);
}

#[test]
fn doctor_finds_the_products_right() {
    let place = Place::new();
    let text = place.ok("doctor");
    assert!(text.contains("BLAS") && text.trim_end().ends_with("ok"), "{text}");
    assert!(place.json("doctor --json").is_object());
}

#[test]
fn doctor_names_what_limits_simd() {
    let doctor = |level: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        let output = command.arg("doctor").env("CHAINRULE_SIMD", level).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = doctor("portable");
    assert!(code == Some(0) && text.contains("SIMD           portable"), "{text}");
    assert!(!doctor("").1.contains("limited"));
    let message = "error: CHAINRULE_SIMD: expected portable, avx2 or avx512, found \"AVX9\"\n";
    assert_eq!(doctor("AVX9"), (Some(2), message.to_owned()));
}

#[test]
fn doctor_names_what_chose_the_kernel_of_blas() {
    let doctor = |arguments: &[&str], coretype: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        let output =
            command.arg("doctor").args(arguments).env("OPENBLAS_CORETYPE", coretype).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let json = |coretype| serde_json::from_str::<Value>(&doctor(&["--json"], coretype)).unwrap();
    let plain = json("");
    assert!(plain["blas"]["coretype"].is_null() && !doctor(&[], "").contains("CORETYPE"), "{plain}");
    // Without BLAS there is none, and elsewhere its own name chooses it.
    let kernel = plain["blas"]["kernel"].as_str().unwrap();
    if !kernel.is_empty() {
        let text = doctor(&[], kernel);
        assert!(text.contains(&format!("kernel {kernel}, by OPENBLAS_CORETYPE, threads")), "{text}");
        assert_eq!(json(kernel)["blas"]["coretype"], kernel);
        let text = doctor(&[], "nothing");
        assert!(text.contains(&format!("kernel {kernel}, not nothing as OPENBLAS_CORETYPE says")), "{text}");
    }
}

/// As `chainrule predict … | head -1` does.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = with_model();
    place.write("rows.csv", format!("{}\n", vec!["1"; 64].join(",")).repeat(5000));
    let program = env!("CARGO_BIN_EXE_chainrule");
    let script =
        format!("{{ '{program}' predict --model {MODEL} --input rows.csv; echo $? >code; }} | head -1");
    let output = Command::new("sh").current_dir(place.0.path()).args(["-c", &script]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("class,"));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(place.path("code")).unwrap().trim(), "0");
}

/// The lines are news, the files are the result: nobody reading the news is no reason to lose the result.
#[cfg(unix)]
#[test]
fn training_outlives_the_reader_of_its_lines() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_chainrule");
    let script = format!("'{program}' train --hidden 8 --epochs 20 --out m | true");
    let output = Command::new("sh").current_dir(place.0.path()).args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.names("m").len(), 5);
}

/// Linux's `/dev/full` takes nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let place = with_model();
    place.write("rows.csv", vec!["1"; 64].join(","));
    let before = place.names(".");
    let predict = format!("predict --model {MODEL} --input rows.csv");
    let regression = "train --classifier softmax-regression --out m";
    for arguments in ["train --epochs 1 --out m", regression, "doctor", "gradients", &predict] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        command.current_dir(place.0.path()).args(arguments.split_whitespace()).stdout(full);
        let output = command.output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {message}");
        assert!(message.starts_with("error: standard output: ") && message.lines().count() == 1, "{message}");
        assert_eq!(place.names("."), before, "{arguments} left something behind");
    }
}

/// Others may read what is written, as far as the umask lets them.
#[cfg(unix)]
#[test]
fn files_have_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = with_model();
    place.write("plain", "");
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    for name in place.names("model") {
        assert_eq!(mode(&format!("model/{name}")), mode("plain"), "{name}");
    }
}

#[test]
fn help_shows_examples() {
    let place = Place::new();
    assert_eq!(place.ok("--version").trim(), concat!("chainrule ", env!("CARGO_PKG_VERSION")));
    for command in
        ["train", "evaluate", "predict", "report", "inspect", "export", "gradients", "doctor", "completions"]
    {
        let help = place.ok(&format!("{command} --help"));
        assert!(help.contains("Examples:") && help.contains(&format!("chainrule {command}")), "{help}");
    }
}
