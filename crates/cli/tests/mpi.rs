//! `mpirun … chainrule train …`: the same training on several ranks, what stops it, and who says what.

#![allow(clippy::unwrap_used)]
#![cfg(all(feature = "mpi", unix))]

mod place;

use place::Place;
use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const TRAIN: &str =
    "train --hidden 32 --epochs 4 --batch 50 --dropout 0.2 --clip-norm 1 --patience 3 --quiet";

fn mpirun(place: &Place, arguments: &str) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "--bind-to", "none"]);
    // Each ":" begins another program.
    let program = env!("CARGO_BIN_EXE_chainrule");
    for word in arguments.split_whitespace() {
        command.arg(if word == "chainrule" { program } else { word });
    }
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.current_dir(place.path(".")).stdin(Stdio::null());
    command
}

fn run(place: &Place, arguments: &str) -> Output {
    mpirun(place, arguments).output().unwrap()
}

fn start(place: &Place, arguments: &str) -> Child {
    mpirun(place, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn ok(place: &Place, arguments: &str) -> String {
    let output = run(place, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments}: {out}{err}");
    out.into_owned()
}

/// The lines of an error; mpirun adds some of its own.
#[track_caller]
fn errors(output: &Output) -> Vec<String> {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    message.lines().filter(|line| line.starts_with("error: ")).map(str::to_owned).collect()
}

fn outcome(place: &Place, directory: &str) -> (Value, Value) {
    let metrics = place.metrics(directory);
    (metrics["parameters_sha256"].clone(), metrics["test_accuracy"].clone())
}

const FILES: [&str; 5] = ["config.toml", "curves.svg", "history.csv", "metrics.json", "model.safetensors"];

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn several_ranks_train_what_one_would() {
    let place = Place::new();
    place.ok(&format!("{TRAIN} --out alone"));
    let (_, accuracy) = outcome(&place, "alone");
    for ranks in 1..=4 {
        let lines = ok(&place, &format!("-n {ranks} chainrule {TRAIN} --out a{ranks}"));
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert_eq!(place.names(&format!("a{ranks}")), FILES);
        let first = outcome(&place, &format!("a{ranks}"));
        assert_eq!(first.1, accuracy, "{ranks} ranks");
        assert_eq!(place.metrics(&format!("a{ranks}"))["ranks"], ranks);
        ok(&place, &format!("-n {ranks} chainrule {TRAIN} --out b{ranks}"));
        assert_eq!(outcome(&place, &format!("b{ranks}")), first, "{ranks} ranks, again");
    }
    assert_eq!(outcome(&place, "a1"), outcome(&place, "alone"));
    let shown = ok(&place, "-n 2 chainrule train --hidden 8 --epochs 2 --out shown");
    for words in ["rows to train on", "epoch   2", "2 ranks of", "Next: chainrule report"] {
        assert_eq!(shown.matches(words).count(), 1, "{words}: {shown}");
    }
    let model = place.ok("evaluate --model a3/model.safetensors");
    assert!(model.contains("accuracy"), "{model}");
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn several_ranks_fit_the_same_regression() {
    const FIT: &str = "train --classifier softmax-regression --tolerance 1e-8 --quiet";
    let place = Place::new();
    let objective = |directory: &str| place.metrics(directory)["objective"].as_f64().unwrap();
    for solver in ["newton-cg", "newton-cholesky", "lbfgs"] {
        let fit = format!("{FIT} --solver {solver}");
        place.ok(&format!("{fit} --out alone-{solver}"));
        let whole = objective(&format!("alone-{solver}"));
        for ranks in 1..=4 {
            let (first, again) = (format!("{solver}{ranks}a"), format!("{solver}{ranks}b"));
            let lines = ok(&place, &format!("-n {ranks} chainrule {fit} --out {first}"));
            assert_eq!(lines.lines().count(), 1, "{lines}");
            assert_eq!(place.names(&first), FILES);
            let metrics = place.metrics(&first);
            assert_eq!((&metrics["ranks"], &metrics["converged"]), (&ranks.into(), &true.into()));
            assert!(((objective(&first) - whole) / whole).abs() < 1e-12, "{solver}, {ranks} ranks");
            ok(&place, &format!("-n {ranks} chainrule {fit} --out {again}"));
            assert_eq!(outcome(&place, &first), outcome(&place, &again), "{solver}, {ranks} ranks, again");
        }
        assert_eq!(outcome(&place, &format!("{solver}1a")), outcome(&place, &format!("alone-{solver}")));
    }
    let go_on = "train --classifier softmax-regression --warm-start newton-cg1a/model.safetensors --out warm";
    let shown = ok(&place, &format!("-n 3 chainrule {go_on}"));
    for words in ["rows to train on", "converged in", "3 ranks of", "Next: chainrule report"] {
        assert_eq!(shown.matches(words).count(), 1, "{words}: {shown}");
    }
    assert!(place.metrics("warm")["iterations"].as_u64() <= Some(2), "{shown}");
}

/// Ranks on processors of which OpenBLAS thinks otherwise: the last bits of its factors then differ, and nothing else may.
#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn ranks_on_other_processors_fit_together() {
    let place = Place::new();
    // Columns that nearly repeat others take many products.
    let row = |i: usize| {
        let draw = |j: usize| ((i * (37 + 11 * j) + j * j) % 101) as f64 / 50.0 - 1.0;
        let near = |j: usize| draw(j % 3) + 1e-4 * draw(j + 3);
        let numbers: String = (0..12).map(|j| format!("{},", near(j))).collect();
        let class = ["a", "b", "c"][((draw(0) + draw(1) * draw(9) + 2.0) as usize) % 3];
        format!("{numbers}{class}\n")
    };
    let header: String = (0..12).map(|j| format!("x{j},")).collect();
    place.write("near.csv", format!("{header}class\n{}", (0..400).map(row).collect::<String>()));
    for (solver, l2) in [("newton-cg", "1e-6"), ("newton-cg", "1e-10"), ("newton-cholesky", "1e-9")] {
        let fit = |out: &str| {
            format!(
                "chainrule train --classifier softmax-regression --data near.csv --solver {solver} --l2 {l2} --tolerance 1e-13 \
                 --max-iterations 200 --quiet --out {out}-{solver}-{l2}"
            )
        };
        let mixed = fit("mixed");
        let ranks =
            format!("-n 1 -x OPENBLAS_CORETYPE=Haswell {mixed} : -n 2 -x OPENBLAS_CORETYPE=Nehalem {mixed}");
        ok(&place, &ranks);
        place.ok(fit("alone").strip_prefix("chainrule ").unwrap());
        let objective =
            |out: &str| place.metrics(&format!("{out}-{solver}-{l2}"))["objective"].as_f64().unwrap();
        let (mixed, alone) = (objective("mixed"), objective("alone"));
        assert!(((mixed - alone) / alone).abs() < 1e-6, "{solver}, {l2}: {mixed} {alone}");
    }
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {what}");
        sleep(Duration::from_millis(5));
    }
}

/// The ranks' processes, in the order in which they were started.
fn children(parent: u32) -> Vec<u32> {
    let of_thread = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap();
    let threads = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let lists: Vec<String> = threads.map(|thread| of_thread(thread.unwrap())).collect();
    let mut ids: Vec<u32> =
        lists.iter().flat_map(|list| list.split_whitespace()).map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn signal(process: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

const LONG: &str = "train --hidden 128 --epochs 20000 --batch 16 --quiet --checkpoint-every 0.05";

#[test]
#[ignore = "needs mpirun: make test-mpi"]
#[cfg(target_os = "linux")]
fn a_killed_rank_ends_all_and_the_checkpoint_goes_on() {
    let place = Place::new();
    let whole = LONG.replace("20000", "100");
    ok(&place, &format!("-n 3 chainrule {whole} --out whole"));
    let child = start(&place, &format!("-n 3 chainrule {LONG} --out part"));
    wait_for("checkpoint", || place.path("part/checkpoint.safetensors").exists());
    let ranks = children(child.id());
    assert_eq!(ranks.len(), 3, "{ranks:?}");
    let killed = Instant::now();
    signal(ranks[1], "-KILL");
    let output = child.wait_with_output().unwrap();
    println!("all ranks ended {:?} after one was killed", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && message.contains("signal 9"), "{message}");
    // Wherever that was, it goes on to the same bits on as many ranks; and on others to the same accuracy.
    fs::create_dir(place.path("other")).unwrap();
    for file in ["checkpoint.safetensors", "checkpoint.toml"] {
        let text = fs::read(place.path("part").join(file)).unwrap();
        let text = if file.ends_with("toml") {
            String::from_utf8(text).unwrap().replace("epochs = 20000", "epochs = 100").into_bytes()
        } else {
            text
        };
        place.write(&format!("part/{file}"), &text);
        place.write(&format!("other/{file}"), &text);
    }
    ok(&place, "-n 3 chainrule train --quiet --resume part");
    assert_eq!(outcome(&place, "part"), outcome(&place, "whole"));
    ok(&place, "-n 2 chainrule train --quiet --resume other");
    assert_eq!(outcome(&place, "other").1, outcome(&place, "whole").1);
    assert_eq!(place.names("other"), FILES);
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn ctrl_c_keeps_the_training() {
    let place = Place::new();
    let child = start(&place, &format!("-n 2 chainrule {LONG} --out part"));
    wait_for("checkpoint", || place.path("part/checkpoint.safetensors").exists());
    signal(child.id(), "-INT");
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{message}");
    assert_eq!(place.names("part"), ["checkpoint.safetensors", "checkpoint.toml"]);
    let told = message.split_once("interrupted in epoch ").unwrap().1;
    let epoch: usize = told.split(';').next().unwrap().parse().unwrap();
    assert!(told.contains("go on with: chainrule train --resume part"), "{message}");
    place.ok(&format!("train --quiet --resume part --epochs {}", epoch + 1));
    assert_eq!(place.metrics("part")["history"]["epochs"].as_array().unwrap().len(), epoch + 1);
    assert_eq!(place.names("part"), FILES);
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn ranks_of_other_minds() {
    let place = Place::new();
    let rows = |last: &str| {
        let rows = (0..60).map(|i| format!("{},{},{}\n", i % 7, i % 5, ["a", "b"][i % 2]));
        format!("x,y,class\n{}1,2,{last}\n", rows.collect::<String>())
    };
    place.write("a.csv", rows("a"));
    place.write("b.csv", rows("b"));
    place.write("few.csv", "x,class\n1,a\n2,b\n3,a\n4,b\n");
    let train = "chainrule train --hidden 8 --epochs 2";
    let fit = "chainrule train --classifier softmax-regression";
    fs::create_dir(place.path("part")).unwrap();
    place.write("part/checkpoint.safetensors", "");
    place.write("part/checkpoint.toml", "[training]\nepochs = 2\n");
    for (arguments, words) in [
        (format!("-n 1 {train} --data a.csv : -n 1 {train} --data b.csv"), "SHA-256 of the training data"),
        (
            format!("-n 2 {train} --data a.csv : -n 1 {train} --data a.csv --batch 9"),
            "batch_size: expected 32",
        ),
        (format!("-n 1 {train} : -n 1 {train} --epochs 3"), "epochs: expected 2, as on rank 0, found 3"),
        (format!("-n 1 {train} --data a.csv : -n 1 {train} --data none.csv"), "rank 1: none.csv"),
        (format!("-n 4 {train} --data few.csv --test-fraction 0.5"), "4 ranks for 2 rows"),
        (
            format!("-n 1 {train} : -n 2 {fit}"),
            "--classifier: expected a network, as on rank 0, found a softmax regression",
        ),
        (format!("-n 1 {fit} : -n 1 {fit} --l2 2"), "l2"),
        (format!("-n 1 {fit} --data a.csv : -n 1 {fit} --data b.csv"), "SHA-256 of the training data"),
        (format!("-n 1 {fit} --data a.csv : -n 2 {fit} --data none.csv"), "rank 1: none.csv"),
        (format!("-n 4 {fit} --data few.csv --test-fraction 0.5"), "4 ranks for 2 rows"),
        (
            format!("-n 1 {train} : -n 1 chainrule train --resume part"),
            "--resume: expected not given, as on rank 0, found given",
        ),
        ("-n 3 chainrule train --data none.csv".to_owned(), "none.csv"),
        ("-n 3 chainrule train --epochs 0".to_owned(), "--epochs"),
        ("-n 3 chainrule train --hidden 4 --optimizer sgd --learning-rate 1e38".to_owned(), "epoch 1"),
    ] {
        let begin = Instant::now();
        let errors = errors(&run(&place, &arguments));
        assert_eq!(errors.len(), 1, "{arguments}: {errors:?}");
        assert!(errors[0].contains(words), "{arguments}: {errors:?}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{arguments}: {:?}", begin.elapsed());
    }
    assert!(!place.path("chainrule-out").exists());
}
