//! The built program, from its first line to its end by a signal.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod client;
mod program;

use chainrule::prelude::*;
use client::{Answer, get, post, request};
use ndarray::{Array2, Axis, Slice};
use program::Program;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn inputs(rows: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, 4), |(i, j)| (i * 4 + j) as f32 / 8.0 - 3.0)
}

fn rows(x: &Array2<f32>) -> Value {
    json!({ "rows": x.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>() })
}

/// Makes sure that the answer is what the classifier itself says.
#[track_caller]
fn check_prediction(answer: &Answer, classifier: &Classifier<f32>, x: &Array2<f32>) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let expected = classifier.predict_proba(x).unwrap();
    let names =
        classifier.predict(x).unwrap().into_iter().map(|class| classifier.class_names()[class].clone());
    assert_eq!(body["classes"], json!(names.collect::<Vec<_>>()));
    for (row, expected) in expected.outer_iter().enumerate() {
        let found: Vec<f32> = serde_json::from_value(body["probabilities"][row].clone()).unwrap();
        assert_eq!(found, expected.to_vec());
    }
    assert_eq!(body["probabilities"].as_array().unwrap().len(), x.nrows());
}

#[test]
fn it_predicts_and_tells_of_itself() {
    let program = Program::start(&[]);
    for count in [1, 3, 1024] {
        let x = inputs(count);
        check_prediction(&post(&program.address, &rows(&x).to_string()), &program.classifier, &x);
    }
    let health = get(&program.address, "/health");
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    let metadata = get(&program.address, "/metadata").json();
    assert_eq!((&metadata["inputs"], &metadata["classes"]), (&json!(4), &json!(["ant", "bee", "“cat”"])));
    assert_eq!(metadata["limits"]["rows"], 1024);
}

#[test]
fn what_is_wrong_is_said() {
    let program = Program::start(&["--max-rows", "3", "--max-bytes", "2000", "--timeout", "400"]);
    let address = &program.address;
    let json_type = "Content-Type: application/json\r\n";
    for (answer, status, code) in [
        (post(address, ""), 400, "not_json"),
        (post(address, "{\"rows\": [[1, 2, 3"), 400, "not_json"),
        (post(address, "{\"rows\": [[1, 2, 3, NaN]]}"), 400, "not_json"),
        (post(address, "[[1, 2, 3, 4]]"), 422, "not_rows"),
        (post(address, "{\"row\": [[1, 2, 3, 4]]}"), 422, "not_rows"),
        (post(address, "{\"rows\": [[1, 2, 3, \"4\"]]}"), 422, "not_rows"),
        (post(address, "{\"rows\": []}"), 422, "no_rows"),
        (post(address, "{\"rows\": [[1, 2, 3, 4], [1, 2, 3]]}"), 422, "row_width"),
        (post(address, "{\"rows\": [[1, 2, 3, 1e39]]}"), 400, "not_json"),
        (post(address, &rows(&inputs(4)).to_string()), 413, "too_many_rows"),
        (post(address, &" ".repeat(2001)), 413, "body_too_large"),
        (request(address, "POST", "/predict", "Content-Type: text/plain\r\n", "{}"), 415, "content_type"),
        (request(address, "POST", "/predict", "", "{}"), 415, "content_type"),
        (get(address, "/predict"), 405, "method_not_allowed"),
        (request(address, "POST", "/health", json_type, "{}"), 405, "method_not_allowed"),
        (get(address, "/elsewhere"), 404, "no_such_path"),
    ] {
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{}",
            answer.body
        );
        assert!(answer.json()["error"]["message"].as_str().unwrap().len() > 10);
    }
    let answer = post(address, "{\"rows\": [[1, 2, 3, 4], [1, 2, 3]]}");
    assert_eq!(answer.json()["error"]["message"], "row 1 has 3 numbers, expected 4");
    // It is well after all that.
    check_prediction(&post(address, &rows(&inputs(2)).to_string()), &program.classifier, &inputs(2));
}

#[test]
fn who_is_slow_is_cut_off() {
    let program = Program::start(&["--timeout", "300"]);
    let mut slow = program.connect();
    slow.write_all(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
    )
    .unwrap();
    let answer = Answer::read(&mut slow);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (408, &json!("timeout")));
    let mut slower = program.connect();
    slower.write_all(b"POST /predict HTTP/1.1\r\nHost:").unwrap();
    let mut rest = Vec::new();
    // Closed, with or without an answer.
    slower.read_to_end(&mut rest).unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[test]
fn who_does_not_read_is_cut_off() {
    let program = Program::start(&["--timeout", "1000", "--max-connections", "1"]);
    let mut deaf = program.connect();
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let body = rows(&inputs(1024)).to_string();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = head + &body;
    // Until answers fill what lies between the two, and the program takes no more requests.
    let stalls = (0..10_000).any(|_| deaf.write_all(request.as_bytes()).is_err());
    assert!(stalls);
    // The only place is free again, though the connection is open at this end.
    assert_eq!(get(&program.address, "/health").status, 200);
    drop(deaf);
}

#[test]
fn many_clients_at_once_each_get_their_own_answer() {
    let program = Program::start(&[]);
    let x = inputs(64);
    std::thread::scope(|scope| {
        for client in 0..16 {
            let (program, x) = (&program, &x);
            scope.spawn(move || {
                for i in 0..20 {
                    let first = (client * 7 + i * 3) % 60;
                    let own = x.slice_axis(Axis(0), Slice::from(first..first + 1 + i % 4)).to_owned();
                    check_prediction(
                        &post(&program.address, &rows(&own).to_string()),
                        &program.classifier,
                        &own,
                    );
                }
            });
        }
    });
}

#[test]
fn a_full_queue_is_said_at_once() {
    let program =
        Program::start(&["--threads", "1", "--queue", "1", "--max-rows", "20000", "--max-bytes", "10000000"]);
    let body = rows(&inputs(20_000)).to_string();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(|| post(&program.address, &body))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert!(
        count(200) >= 1 && count(503) >= 1 && count(200) + count(503) == 16,
        "{} {}",
        count(200),
        count(503)
    );
    let refused = answers.iter().find(|answer| answer.status == 503).unwrap();
    assert_eq!(refused.json()["error"]["code"], "queue_full");
    assert!(refused.head.to_ascii_lowercase().contains("retry-after: 1"), "{}", refused.head);
}

#[test]
fn open_requests_are_finished_before_the_end() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(&["--timeout", "4000"]);
        let x = inputs(2);
        let body = rows(&x).to_string();
        let mut open = program.connect();
        let length = body.len();
        let head = format!(
            "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        open.write_all(head.as_bytes()).unwrap();
        open.write_all(&body.as_bytes()[..5]).unwrap();
        // So that the program has seen the head.
        std::thread::sleep(Duration::from_millis(200));
        // A connection on which nothing is asked does not hold the end up.
        let _idle = program.connect();
        program.signal(signal);
        std::thread::sleep(Duration::from_millis(200));
        assert!(TcpStream::connect(&program.address).is_err(), "it takes no more connections");
        open.write_all(&body.as_bytes()[5..]).unwrap();
        check_prediction(&Answer::read(&mut open), &program.classifier, &x);
        assert!(program.ended_within(Duration::from_secs(3)), "{signal}");
    }
}
