//! As little HTTP as the tests need.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads one answer, by its length.
    #[track_caller]
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            if let Some(answer) = Answer::parse(&bytes) {
                return answer;
            }
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the connection ended within an answer: {}", String::from_utf8_lossy(&bytes));
            bytes.extend(&chunk[..count]);
        }
    }

    /// The answer, if it is whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        })?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        (body.len() == length).then(|| Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.head.to_ascii_lowercase().contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[track_caller]
pub(crate) fn request(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = connect(address);
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body may close before it is all sent.
    let _ = stream.write_all(body.as_bytes());
    Answer::read(&mut stream)
}

#[track_caller]
pub(crate) fn get(address: &str, path: &str) -> Answer {
    request(address, "GET", path, "", "")
}

#[track_caller]
pub(crate) fn post(address: &str, body: &str) -> Answer {
    request(address, "POST", "/predict", "Content-Type: application/json; charset=utf-8\r\n", body)
}
