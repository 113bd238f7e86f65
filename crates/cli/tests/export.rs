//! What the program writes for other programs.

#![allow(clippy::unwrap_used)]

mod place;

use place::{MODEL, Place, with_model};
use std::fs;

#[test]
fn a_model_is_exported_by_the_extension() {
    let place = with_model();
    place.ok(&format!("export --model {MODEL} --out model.onnx"));
    let onnx = fs::read(place.path("model.onnx")).unwrap();
    let has = |text: &str| onnx.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("Gemm") && has("Softmax") && has("probabilities"));

    place.ok(&format!("export --model {MODEL} --out weights.safetensors"));
    let file = fs::read(place.path("weights.safetensors")).unwrap();
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    assert_eq!(header["layers.0.weight"]["shape"], serde_json::json!([16, 64]));
    place.ok(&format!("export --model {MODEL} --format pytorch --out same.bin"));
    assert_eq!(fs::read(place.path("same.bin")).unwrap(), file);

    assert!(place.ok(&format!("export --model {MODEL} --out new/model.onnx")).contains("new/model.onnx"));
    place.write("file", "");
    let model = fs::read(place.path(MODEL)).unwrap();
    let onnx = "export --format onnx";
    for (command, out) in [(onnx, "file/model.onnx"), (onnx, MODEL), ("report", MODEL)] {
        let output = place.run(&format!("{command} --model {MODEL} --out {out}"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), message.lines().count()),
            (Some(2), 1),
            "{command} {out}: {message}"
        );
        assert!(message.contains("--out"), "{message}");
    }
    assert_eq!(fs::read(place.path(MODEL)).unwrap(), model, "the model is not written over");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.ok(&format!("completions {shell}"));
        assert!(script.contains("text-is-categorical") && script.contains("export"), "{shell}");
    }
    place.ok("completions --man pages");
    let pages = place.names("pages");
    assert_eq!(pages.len(), 10, "{pages:?}");
    let page = fs::read_to_string(place.path("pages/chainrule-train.1")).unwrap();
    assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{page}");
    assert!(page.contains("chainrule\\-train") && page.contains("\\-\\-resume"), "{page}");
}
