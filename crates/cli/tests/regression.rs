//! `train --classifier softmax-regression`, and all that is done with its model.

#![allow(clippy::unwrap_used)]

mod place;

use place::Place;
use serde_json::Value;
use std::fs;

const TRAIN: &str = "train --classifier softmax-regression";
const FILES: [&str; 5] = ["config.toml", "curves.svg", "history.csv", "metrics.json", "model.safetensors"];

/// The optimum for all digits, pixels by 16, λ = 1. scikit-learn 1.9 (newton-cg, C = 1, tol = 1e-6) comes to 358.548948.
const OPTIMUM: f64 = 358.548_947_734;

fn number(metrics: &Value, key: &str) -> f64 {
    metrics[key].as_f64().unwrap()
}

/// One line on standard error, and the exit code.
#[track_caller]
fn fails(place: &Place, arguments: &str, words: &[&str]) {
    let output = place.run(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{arguments}: {message}");
    for word in words {
        assert!(message.contains(word), "{arguments}: {message:?} does not say {word:?}");
    }
}

#[test]
fn the_optimum_of_the_digits() {
    let place = Place::new();
    let out = place.ok(&format!("{TRAIN} --test-fraction 0 --tolerance 1e-9 --out m"));
    assert_eq!(place.names("m"), FILES);
    let metrics = place.metrics("m");
    let objective = number(&metrics, "objective");
    assert!((objective - OPTIMUM).abs() < 1e-9 * OPTIMUM, "{objective}");
    assert!(number(&metrics, "relative_gradient") <= 1e-9 && metrics["converged"] == true);
    assert!(metrics["test_accuracy"].is_null() && metrics["ending"] == "converged");
    assert_eq!(
        (&metrics["solver"], &metrics["history"]["solver"]),
        (&"newton-cg".into(), &"newton-cg".into())
    );
    assert_eq!(metrics["settings"]["softmax-regression"]["tolerance"], 1e-9);
    assert!(metrics["settings"]["training"]["epochs"].is_null() && metrics["blas"]["library"].is_string());

    let history = fs::read_to_string(place.path("m/history.csv")).unwrap();
    let mut lines = history.lines();
    let header = "iteration,objective,gradient_norm,relative_gradient,step,products,seconds";
    assert_eq!(lines.next(), Some(header));
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    let iterations = metrics["iterations"].as_u64().unwrap() as usize;
    assert_eq!(rows.len(), iterations + 1);
    assert_eq!((rows[iterations][0], rows[iterations][1]), (iterations as f64, objective));
    assert!(rows.windows(2).all(|pair| pair[1][1] <= pair[0][1] && pair[1][5] > pair[0][5]), "{history}");
    // Each is shown, the last one too.
    assert_eq!(out.lines().filter(|line| line.starts_with("iteration ")).count(), iterations + 1, "{out}");
    for words in ["softmax regression 64 → 10, 650 parameters", "converged", "no test part", "curves.svg"] {
        assert!(out.contains(words), "{words:?}: {out}");
    }
    let curves = fs::read_to_string(place.path("m/curves.svg")).unwrap();
    assert!(["Objective", "Gradient", "iteration", "1e-8"].iter().all(|word| curves.contains(word)));
}

#[test]
fn every_solver_ends_at_the_same_point() {
    let place = Place::new();
    let results = ["newton-cg", "newton-cholesky", "lbfgs"].map(|solver| {
        let metrics = place.json(&format!("{TRAIN} --solver {solver} --tolerance 1e-8 --json"));
        assert_eq!((&metrics["solver"], &metrics["converged"]), (&solver.into(), &true.into()));
        ["objective", "test_accuracy", "test_loss"].map(|key| number(&metrics, key))
    });
    for [objective, accuracy, loss] in results {
        assert!((objective - results[0][0]).abs() < 1e-9 * objective, "{results:?}");
        assert!(accuracy == results[0][1] && accuracy > 0.95, "{results:?}");
        assert!((loss - results[0][2]).abs() < 1e-5, "{results:?}");
    }
    let metrics = place.json(&format!("{TRAIN} --data spiral --json"));
    assert_eq!(metrics["solver"], "newton-cholesky", "the choice for few parameters");
}

#[test]
fn settings_change_what_they_say() {
    let place = Place::new();
    let metrics = |options: &str| place.json(&format!("{TRAIN} --json {options}"));
    let plain = metrics("");
    assert_eq!(plain["parameters_sha256"], metrics("--threads 1")["parameters_sha256"]);
    for options in ["--l2 0.1", "--class-weights balanced", "--preprocess standard", "--seed 1"] {
        let other = metrics(options);
        assert_ne!(plain["objective"], other["objective"], "{options}");
        assert_ne!(plain["parameters_sha256"], other["parameters_sha256"], "{options}");
    }
    assert!(number(&metrics("--l2 0.01"), "objective") < number(&plain, "objective"));
    let calibrated = metrics("--calibrate");
    assert!(plain["temperature"].is_null() && (0.05..20.0).contains(&number(&calibrated, "temperature")));
    assert_eq!(calibrated["settings"]["data"]["validation-fraction"], 0.1);
    let quiet = place.ok(&format!("{TRAIN} --quiet"));
    assert!(quiet.lines().count() == 1 && quiet.contains("newton-cg converged in"), "{quiet}");
}

#[test]
fn what_means_nothing_for_the_other_kind_is_refused() {
    let place = Place::new();
    let of_networks = [
        ("hidden", "8", "[8]", "network"),
        ("activation", "tanh", "\"tanh\"", "network"),
        ("initializer", "he", "\"he\"", "network"),
        ("dropout", "0.1", "0.1", "network"),
        ("gradient", "fused", "\"fused\"", "network"),
        ("epochs", "3", "3", "training"),
        ("batch", "16", "16", "training"),
        ("optimizer", "adam", "\"adam\"", "training"),
        ("learning-rate", "0.1", "0.1", "training"),
        ("schedule", "cosine", "\"cosine\"", "training"),
        ("weight-decay", "0.1", "0.1", "training"),
        ("clip-norm", "1", "1.0", "training"),
        ("label-smoothing", "0.1", "0.1", "training"),
        ("patience", "3", "3", "training"),
        ("monitor", "loss", "\"loss\"", "training"),
        ("checkpoint-every", "5", "5.0", "run"),
    ];
    for (name, option, toml, section) in of_networks {
        let nothing = "means nothing for a softmax regression, ";
        fails(&place, &format!("{TRAIN} --{name} {option}"), &[&format!("--{name}: "), nothing]);
        let kind = "[training]\nclassifier = \"softmax-regression\"\n";
        let text = match section {
            "training" => format!("{kind}{name} = {toml}\n"),
            _ => format!("{kind}[{section}]\n{name} = {toml}\n"),
        };
        place.write("c.toml", text);
        fails(&place, "train --config c.toml", &["c.toml", &format!("[{section}] {name}: "), nothing]);
    }
    fails(&place, &format!("{TRAIN} --resume there"), &["--resume: ", "softmax regression", "--warm-start"]);

    let of_regressions = [
        ("l2", "1", "1.0"),
        ("solver", "lbfgs", "\"lbfgs\""),
        ("tolerance", "1e-3", "1e-3"),
        ("max-iterations", "9", "9"),
        ("warm-start", "x", "\"x\""),
    ];
    for (name, option, toml) in of_regressions {
        fails(
            &place,
            &format!("train --{name} {option}"),
            &[&format!("--{name}: "), "nothing for a network"],
        );
        place.write("c.toml", format!("[softmax-regression]\n{name} = {toml}\n"));
        let words = ["c.toml", &format!("[softmax-regression] {name}: "), "nothing for a network"];
        fails(&place, "train --config c.toml", &words);
    }
    assert_eq!(place.names("."), ["c.toml"]);
}

#[test]
fn settings_out_of_range_are_told() {
    let place = Place::new();
    for (option, value, words) in [
        ("l2", "-1.0", "at least 0"),
        ("l2", "nan", "at least 0"),
        ("tolerance", "0.0", "above 0"),
        ("tolerance", "inf", "above 0"),
        ("max-iterations", "0", "at least 1"),
    ] {
        fails(&place, &format!("{TRAIN} --{option}={value}"), &[&format!("--{option}"), words]);
        place.write(
            "c.toml",
            format!(
                "[training]\nclassifier = \"softmax-regression\"\n[softmax-regression]\n{option} = {value}\n"
            ),
        );
        fails(&place, "train --config c.toml", &["c.toml", option, words]);
    }
    fails(&place, &format!("{TRAIN} --solver sgd"), &["--solver", "newton-cholesky"]);
    fails(&place, "train --classifier forest", &["--classifier", "softmax-regression"]);
    fails(
        &place,
        &format!("{TRAIN} --calibrate --validation-fraction 0"),
        &["--calibrate", "--validation-fraction"],
    );
}

#[test]
fn a_configuration_says_what_flags_say() {
    let place = Place::new();
    place.ok(&format!(
        "{TRAIN} --l2 0.5 --solver lbfgs --tolerance 1e-3 --max-iterations 500 --class-weights balanced --seed 2 --quiet --out a"
    ));
    place.ok("train --config a/config.toml --quiet --out b");
    let hash = |directory: &str| place.metrics(directory)["parameters_sha256"].clone();
    assert_eq!(hash("a"), hash("b"));
    let text = |directory: &str| fs::read_to_string(place.path(directory).join("config.toml")).unwrap();
    assert_eq!(text("a"), text("b").replace("\"b\"", "\"a\""));
    for words in ["classifier = \"softmax-regression\"", "[softmax-regression]\nl2 = 0.5\nsolver = \"lbfgs\""]
    {
        assert!(text("a").contains(words), "{}", text("a"));
    }
    assert!(!["epochs", "hidden", "checkpoint-every"].iter().any(|word| text("a").contains(word)));
    // Flags go before it.
    place.ok("train --config a/config.toml --solver newton-cg --quiet --out c");
    assert_eq!(
        (&place.metrics("c")["solver"], place.metrics("a")["objective"].is_f64()),
        (&"newton-cg".into(), true)
    );
    place.write("part.toml", "[softmax-regression]\nmax-iterations = 2\n");
    let output = place.run(&format!("{TRAIN} --config part.toml --quiet --out d"));
    assert_eq!((output.status.code(), &place.metrics("d")["iterations"]), (Some(0), &2.into()));

    // Files from before there were two kinds are of networks.
    place.ok("train --hidden 8 --epochs 1 --quiet --out n");
    let old = text("n").replace("classifier = \"network\"\n", "");
    assert_ne!(old, text("n"));
    place.write("old.toml", old);
    place.ok("train --config old.toml --quiet --out o");
    assert_eq!(hash("n"), hash("o"));
    fails(&place, &format!("{TRAIN} --config old.toml"), &["old.toml", "[network] hidden"]);
}

#[test]
fn a_warm_start_is_nearly_there() {
    let place = Place::new();
    let iterations = |directory: &str| place.metrics(directory)["iterations"].as_u64().unwrap();
    place.ok(&format!("{TRAIN} --quiet --out a"));
    place.ok(&format!("{TRAIN} --warm-start a/model.safetensors --quiet --out b"));
    assert!(iterations("a") > 3 && iterations("b") <= 2, "{} {}", iterations("a"), iterations("b"));
    let (a, b) = (place.metrics("a"), place.metrics("b"));
    assert!((number(&a, "objective") - number(&b, "objective")).abs() < 1e-9 * number(&a, "objective"));
    assert_eq!(b["settings"]["softmax-regression"]["warm-start"], "a/model.safetensors");
    // Inputs that are scaled otherwise begin at the same probabilities, though the penalty is another.
    let standard = format!("{TRAIN} --preprocess standard --l2 0 --max-iterations 1 --quiet");
    place.run(&format!("{standard} --out c --warm-start a/model.safetensors"));
    place.run(&format!("{TRAIN} --l2 0 --max-iterations 1 --quiet --out d --warm-start a/model.safetensors"));
    let start =
        |directory: &str| place.metrics(directory)["history"]["iterations"][0]["objective"].as_f64().unwrap();
    assert!((start("c") - start("d")).abs() < 1e-4 * start("d"), "{} {}", start("c"), start("d"));
    // Also into its own directory.
    place.ok(&format!("{TRAIN} --warm-start a/model.safetensors --quiet --out a"));
    assert!(iterations("a") <= 2);

    place.ok("train --hidden 8 --epochs 1 --quiet --out hidden");
    place.ok("train --hidden none --epochs 1 --quiet --out network");
    place.ok(&format!("{TRAIN} --warm-start network/model.safetensors --quiet --out e"));
    place.write("text", "not a model");
    place.write(
        "letters.csv",
        (0..40).map(|i| format!("{},{}\n", i % 7, ["a", "b"][i % 2])).collect::<String>(),
    );
    place.write(
        "others.csv",
        (0..40).map(|i| format!("{},{}\n", i % 7, ["a", "c"][i % 2])).collect::<String>(),
    );
    place.ok(&format!("{TRAIN} --data letters.csv --quiet --out letters"));
    let before = place.names(".");
    let warm = |file: &str| format!("{TRAIN} --out f --warm-start {file}");
    fails(&place, &warm("none"), &["none"]);
    fails(&place, &warm("text"), &["text", "safetensors"]);
    fails(&place, &warm("hidden/model.safetensors"), &["hidden/model.safetensors", "nothing before"]);
    fails(
        &place,
        &format!("{} --data spiral", warm("a/model.safetensors")),
        &["a/model.safetensors", "2 columns and 3 classes", "64 columns and 10 classes"],
    );
    let words = ["letters/model.safetensors", "expected the class \"c\", found \"b\""];
    fails(&place, &format!("{} --data others.csv", warm("letters/model.safetensors")), &words);
    assert_eq!(place.names("."), before);
}

#[test]
fn a_model_that_is_not_at_the_optimum_says_so() {
    let place = Place::new();
    let output = place.run(&format!("{TRAIN} --max-iterations 3 --quiet --out m"));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), message.lines().count()), (Some(0), 1), "{message}");
    let metrics = place.metrics("m");
    assert_eq!((&metrics["converged"], &metrics["ending"]), (&false.into(), &"iterations".into()));
    let norm = format!("{:.3e}", number(&metrics, "gradient_norm"));
    let go_on = "train --config m/config.toml --warm-start m/model.safetensors";
    for words in ["warning: not converged", &norm, "--max-iterations", "1e-6", go_on] {
        assert!(message.contains(words), "{message:?} does not say {words:?}");
    }
    assert!(String::from_utf8(output.stdout).unwrap().contains("not converged"));
    assert_eq!(place.names("m"), FILES);
    place.ok(&format!("{go_on} --max-iterations 100 --quiet"));
    assert_eq!(place.metrics("m")["converged"], true);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_model_so_far() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    // Some tenths of a second for each iteration.
    let train = format!(
        "{TRAIN} --solver newton-cholesky --l2 1e-4 --tolerance 1e-12 --threads 1 --calibrate --out m"
    );
    command.current_dir(place.path(".")).args(train.split_whitespace());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("iteration   0 ")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    lines.for_each(|line| assert!(line.unwrap().starts_with("iteration ")));
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!((child.wait().unwrap().code(), message.lines().count()), (Some(130), 1), "{message}");
    let go_on = "train --config m/config.toml --warm-start m/model.safetensors";
    for words in ["interrupted after iteration", "not converged", "gradient", go_on] {
        assert!(message.contains(words), "{message:?} does not say {words:?}");
    }
    assert_eq!(place.names("m"), FILES);
    let metrics = place.metrics("m");
    assert!(metrics["ending"] == "callback" && metrics["temperature"].is_null(), "{metrics}");
    place.ok(&format!("{go_on} --tolerance 1e-6 --quiet"));
    assert!(place.metrics("m")["converged"] == true && place.metrics("m")["temperature"].is_f64());
}

#[cfg(unix)]
#[test]
fn a_directory_is_of_one_training_at_a_time() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    // Some tenths of a second for each iteration.
    let slow = format!("{TRAIN} --solver newton-cholesky --l2 1e-4 --tolerance 1e-12 --threads 1 --out m");
    command.current_dir(place.path(".")).args(slow.split_whitespace()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("softmax regression"));
    let words = ["error: m: another training is under way in this directory; name another --out"];
    fails(&place, &format!("{TRAIN} --data spiral --quiet --out m"), &words);
    fails(&place, "train --data spiral --hidden 8 --epochs 1 --quiet --out m", &words);

    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was still under way");
    assert_eq!(place.names("m"), [] as [&str; 0]);
    place.ok(&format!("{TRAIN} --data spiral --quiet --out m"));
    assert_eq!(place.names("m"), FILES);
}

#[test]
fn inputs_of_any_size_give_a_model_or_an_error() {
    let place = Place::new();
    for size in ["1e-30", "1e30"] {
        let row = |i: usize| format!("{},{}{size},5,{}\n", i % 7, ["", "-"][i % 2], ["a", "b"][i % 2]);
        place.write("t.csv", (0..60).map(row).collect::<String>());
        place.ok(&format!("{TRAIN} --data t.csv --quiet --out {size}"));
        assert_eq!(place.metrics(size)["test_accuracy"], 1.0, "{size}");
    }
    place.write(
        "t.csv",
        (0..60).map(|i| format!("{}1e-42,{}\n", ["", "-"][i % 2], i % 2)).collect::<String>(),
    );
    let words = ["single precision", "--preprocess standard"];
    fails(&place, &format!("{TRAIN} --data t.csv --preprocess none --l2 0 --out m"), &words);
    assert!(!place.path("m").exists());
}

#[test]
fn an_interrupted_network_is_not_written_over() {
    let place = Place::new();
    fs::create_dir(place.path("m")).unwrap();
    place.write("m/checkpoint.safetensors", "");
    fails(&place, &format!("{TRAIN} --out m"), &["m/checkpoint.safetensors", "--resume"]);
    assert_eq!(place.names("m"), ["checkpoint.safetensors"]);
}

#[test]
fn every_command_takes_the_model() {
    let place = Place::new();
    place.ok(&format!("{TRAIN} --quiet --out m"));
    let model = "--model m/model.safetensors";
    let (metrics, evaluation) = (place.metrics("m"), place.json(&format!("evaluate {model} --json")));
    assert_eq!(evaluation["accuracy"], metrics["test_accuracy"]);
    assert_eq!(evaluation["loss"], metrics["test_loss"]);

    place.write("rows.csv", format!("{}\n", vec!["1"; 64].join(",")).repeat(3));
    let predicted = place.ok(&format!("predict {model} --input rows.csv"));
    assert!(predicted.lines().count() == 4 && predicted.starts_with("class,0,1,2"), "{predicted}");
    let inspected = place.json(&format!("inspect {model} --json"));
    assert_eq!((&inspected["parameters"], &inspected["layers"][0]["kind"]), (&650.into(), &"dense".into()));
    assert_eq!(inspected["settings"], metrics["settings"]);
    for file in ["m.onnx", "m.safetensors"] {
        place.ok(&format!("export {model} --out {file}"));
        assert!(fs::metadata(place.path(file)).unwrap().len() > 650 * 4);
    }

    place.ok(&format!("report {model}"));
    let page = fs::read_to_string(place.path("m/report.html")).unwrap();
    let objective = format!("Objective {:.9}", number(&metrics, "objective"));
    for words in
        ["converged", &objective, "norm, by that at 0", "classifier = &quot;softmax-regression&quot;"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(page.matches("<svg").count(), 2);
    place.write("m/metrics.json", "{}");
    place.ok(&format!("report {model}"));
    let page = fs::read_to_string(place.path("m/report.html")).unwrap();
    assert!(page.contains("The curves are not known: m/metrics.json: ") && !page.contains(&objective));
}

#[test]
fn a_table_with_names_becomes_a_model() {
    let place = Place::new();
    let row = |i: usize| format!("{},{},{}\n", i % 9, ["red", "blue"][i % 2], ["cat", "dog"][i % 2]);
    let rows: String = (0..60).map(row).collect();
    place.write("t.csv", format!("size,colour,kind\n{rows}"));
    let out = place.ok(&format!("{TRAIN} --data t.csv --target kind --categorical colour --out m"));
    assert!(
        out.starts_with("target \"kind\": \"cat\", \"dog\"\n") && out.contains("newton-cholesky"),
        "{out}"
    );
    assert_eq!(place.metrics("m")["test_accuracy"], 1.0);
    place.write("new.csv", "colour,size\nred,3\nblue,4\n");
    let predicted = place.ok("predict --model m/model.safetensors --input new.csv");
    let classes: Vec<&str> = predicted.lines().skip(1).map(|line| &line[..4]).collect();
    assert_eq!(classes, ["cat,", "dog,"]);
}
