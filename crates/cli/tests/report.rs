//! The report page, and how a browser takes it.

#![allow(clippy::unwrap_used)]

mod place;

use place::{MODEL, Place, with_model};
use std::fs;
use std::process::Command;

/// What looks as if it went to a network: any address but that of a name space.
fn addresses(page: &str) -> Vec<&str> {
    let addresses =
        page.match_indices("http").map(|(at, _)| page[at..].split(['"', '\'', '<', ' ']).next().unwrap());
    addresses
        .filter(|address| address.contains("://") && !address.starts_with("http://www.w3.org/"))
        .collect()
}

#[test]
fn the_page_holds_all_that_it_shows() {
    let place = with_model();
    let out = place.ok(&format!("report --model {MODEL}"));
    assert!(out.contains("balanced accuracy") && out.contains("model/report.html"), "{out}");
    let page = fs::read_to_string(place.path("model/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert_eq!(addresses(&page), [] as [&str; 0]);
    for part in ["curves", "confusion", "classes", "calibration", "mistakes", "model", "settings"] {
        assert!(page.contains(&format!("<section id=\"{part}\">")), "{part}");
    }
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(page.contains("data:image/png;base64,") && page.contains("359 rows"));

    let json = place.json(&format!("report --model {MODEL} --out elsewhere.html --json"));
    assert_eq!(json["accuracy"], place.metrics("model")["test_accuracy"]);
    assert!(place.path("elsewhere.html").exists());
}

#[test]
fn what_a_file_says_stays_text() {
    let place = Place::new();
    let rows: String =
        (0..60).map(|i| format!("{},{}\n", i % 7, ["<script>alert(1)</script>", "a & b"][i % 2])).collect();
    place.write("t.csv", format!("<b>x</b>,kind\n{rows}"));
    place.ok("train --data t.csv --hidden none --epochs 1 --quiet --out m");
    place.ok("report --model m/model.safetensors");
    let page = fs::read_to_string(place.path("m/report.html")).unwrap();
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(
        !page.contains("<b>x</b>") && page.contains("&lt;b&gt;x&lt;/b&gt;") && page.contains("a &amp; b")
    );
}

#[test]
fn metrics_of_another_model_are_not_shown() {
    let place = with_model();
    place.ok("train --hidden 16 --epochs 2 --seed 1 --quiet --out other");
    fs::copy(place.path("other/model.safetensors"), place.path("model/old.safetensors")).unwrap();
    let report = |model: &str| {
        place.ok(&format!("report --model model/{model}.safetensors --out page.html"));
        fs::read_to_string(place.path("page.html")).unwrap()
    };
    let is_unknown = |page: &str, why: &str| {
        let text = format!("<p>The curves are not known: {why}");
        assert!(page.matches("<svg").count() == 1 && page.contains(&text), "{text}: {page}");
    };
    is_unknown(&report("old"), "model/metrics.json is of another model.</p>");
    let page = report("model");
    assert!(page.matches("<svg").count() == 2 && !page.contains("not known"), "{page}");

    let metrics = fs::read_to_string(place.path("model/metrics.json")).unwrap();
    place.write("model/metrics.json", r#"{"auc": 1}"#);
    is_unknown(&report("model"), "model/metrics.json: missing field");
    place.write("model/metrics.json", metrics.replace("\"epochs\": [", "\"epoch\": ["));
    is_unknown(&report("model"), "model/metrics.json: missing field");
    fs::remove_file(place.path("model/metrics.json")).unwrap();
    is_unknown(&report("model"), "there is no metrics.json beside the model.</p>");
}

/// Other systems have no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_page_has_the_very_name_that_was_given() {
    use std::os::unix::ffi::OsStrExt;
    let place = with_model();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    command.current_dir(place.path(".")).args(["report", "--model", MODEL, "--out"]).arg(name);
    assert!(command.output().unwrap().status.success());
    let names = fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, [name, "model".as_ref()]);
}

#[test]
fn a_page_that_cannot_be_written_is_told() {
    let place = with_model();
    fs::create_dir(place.path("taken.html")).unwrap();
    for (out, word) in
        [("taken.html", "taken.html"), ("model/model.safetensors/x.html", "model.safetensors"), ("/", "/")]
    {
        let output = place.run(&format!("report --model {MODEL} --out {out}"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn what_it_reads_is_not_written_over() {
    let place = Place::new();
    let table: String = (0..60).map(|i| format!("{},{}\n", i % 7, ["a", "b"][i % 2])).collect();
    place.write("flowers.csv", &table);
    place.write("test.csv", &table);
    // IDX files of bytes: 60 rows of two columns, and their labels.
    place.write(
        "x.idx",
        [[0, 0, 8, 2, 0, 0, 0, 60, 0, 0, 0, 2].as_slice(), &[1, 2, 3, 4].repeat(30)].concat(),
    );
    place.write("y.idx", [[0, 0, 8, 1, 0, 0, 0, 60].as_slice(), &[0, 1].repeat(30)].concat());
    let train = "train --hidden none --epochs 1 --quiet";
    place.ok(&format!("{train} --data flowers.csv --test-data test.csv --out table"));
    place.ok(&format!("{train} --data x.idx --labels y.idx --out array"));
    let (table, array) = ("--model table/model.safetensors", "--model array/model.safetensors");
    for (arguments, out) in [
        (table, "table/model.safetensors"),
        (table, "table/metrics.json"),
        (table, "flowers.csv"),
        (table, "table/../test.csv"),
        (array, "x.idx"),
        (array, "y.idx"),
        ("--model table/model.safetensors --data flowers.csv", "flowers.csv"),
        ("--model array/model.safetensors --data x.idx --labels y.idx", "y.idx"),
    ] {
        let before = fs::read(place.path(out)).unwrap();
        let output = place.run(&format!("report {arguments} --out {out}"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments} --out {out}: {message}");
        assert!(message.starts_with(&format!("error: --out {out}: it is read as well")), "{message}");
        assert_eq!(fs::read(place.path(out)).unwrap(), before, "{arguments} --out {out}");
    }
    // What is not read may be replaced.
    place.ok(&format!("report {table} --data test.csv --out flowers.csv"));
}

/// `make test` runs it, with Debian's Chromium; `CHROMIUM` names another.
#[test]
#[ignore = "needs Chromium"]
fn a_browser_renders_the_page_without_complaint() {
    let place = with_model();
    place.ok(&format!("report --model {MODEL}"));
    let (page, profile) = (place.path("model/report.html"), place.path("profile"));
    let browser = |arguments: &[&str], page: &std::path::Path| {
        let mut command = Command::new(std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into()));
        // No sandbox inside a container, and nothing that looks for a network.
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.args(["--enable-logging=stderr", "--hide-scrollbars", "--window-size=1180,3000"]);
        let output = command.args(arguments).arg(format!("file://{}", page.display())).output().unwrap();
        assert!(output.status.success());
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: Vec<String> =
            log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        (String::from_utf8_lossy(&output.stdout).into_owned(), complaints)
    };

    let (dom, complaints) = browser(&["--dump-dom"], &page);
    assert_eq!(complaints, [] as [&str; 0]);
    assert_eq!((dom.matches("<section").count(), dom.matches("<svg").count()), (7, 2));

    let picture = place.path("page.png");
    browser(&[&format!("--screenshot={}", picture.display())], &page);
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(fs::File::open(picture).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!((reader.info().width, reader.info().height), (1180, 3000));
    // Bars and cells are mixed with the white of the page.
    let is_blue = |p: &&[u8]| p[2] > p[0].saturating_add(40);
    let blue = pixels.chunks_exact(reader.info().bytes_per_pixel()).filter(is_blue).count();
    assert!(blue > 10_000, "{blue} pixels of the plots and the heat map are to be seen");

    // The check itself notices what a page complains of.
    let broken = place.path("broken.html");
    fs::write(&broken, "<!DOCTYPE html><script>console.error('broken'); nothing.there();</script>").unwrap();
    assert_eq!(browser(&["--dump-dom"], &broken).1.len(), 2);
}
