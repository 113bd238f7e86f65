use crate::error::RequestError;
use crate::predict::answer;
use axum::body::Bytes;
use chainrule::prelude::*;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::oneshot;

/// A body, and where its answer goes.
struct Job {
    body: Bytes,
    reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

/// Threads that predict, so that those that serve connections never wait for a computation, and a queue before them.
///
/// The threads end when the last clone of this is dropped and the queue is empty.
#[derive(Clone)]
pub(crate) struct Workers(SyncSender<Job>);

impl Workers {
    pub(crate) fn start(
        predictor: &Predictor<f32>,
        threads: u16,
        queue: u16,
        max_rows: usize,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue.into());
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads {
            let (predictor, receiver) = (predictor.clone(), Arc::clone(&receiver));
            let work = move || work(&predictor, &receiver, max_rows);
            thread::Builder::new().name(format!("predict-{number}")).spawn(work)?;
        }
        Ok(Workers(sender))
    }

    /// The answer to a body.
    pub(crate) async fn answer(&self, body: Bytes) -> Result<Vec<u8>, RequestError> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Job { body, reply }).map_err(|error| match error {
            TrySendError::Full(_) => RequestError::QueueFull,
            TrySendError::Disconnected(_) => RequestError::Lost,
        })?;
        answer.await.map_err(|_| RequestError::Lost)?
    }
}

fn work(predictor: &Predictor<f32>, jobs: &Mutex<Receiver<Job>>, max_rows: usize) {
    let mut scratch = predictor.scratch();
    loop {
        // The lock is held while waiting, and given up before the work begins.
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            Err(_) => return,
        };
        let Ok(Job { body, reply }) = job else { return };
        // Whoever asked may have gone, or have waited too long.
        if !reply.is_closed() {
            let _ = reply.send(answer(predictor, &mut scratch, max_rows, &body));
        }
    }
}
