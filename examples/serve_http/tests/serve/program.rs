use crate::client::connect;
use chainrule::prelude::*;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program, serving a small model on a free port until it is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
    pub(crate) classifier: Classifier<f32>,
    _directory: tempfile::TempDir,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let model = directory.path().join("model.safetensors");
        let scaling = Scaling::new(0.5, 2.0).unwrap();
        let builder = Classifier::builder(4, 3).hidden(&[8]).scaling(&scaling);
        let classifier = builder.class_names(["ant", "bee", "“cat”"]).build().unwrap();
        classifier.save(&model).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve_http"))
            .args(["--address", "127.0.0.1:0", "--model"])
            .arg(&model)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
        Program { child, address, classifier, _directory: directory }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Whether it ends by itself in time, without an error.
    pub(crate) fn ended_within(&mut self, time: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < time {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
