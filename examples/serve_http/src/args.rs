use clap::{Parser, value_parser};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Serves a chainrule model over HTTP: POST /predict {"rows": [[…], …]}, GET /health, GET /metadata.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    /// Model file that chainrule wrote, of f32.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Address and port; port 0 takes a free one. Other machines reach it only if it is not the loopback address.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) address: SocketAddr,
    /// Threads that predict.
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u16).range(1..))]
    pub(crate) threads: u16,
    /// Requests that may wait for a thread; one more is answered with 503.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..))]
    pub(crate) queue: u16,
    /// Most rows in a request.
    #[arg(long, default_value_t = 1024)]
    pub(crate) max_rows: usize,
    /// Most bytes in a request's body.
    #[arg(long, default_value_t = 2 << 20)]
    pub(crate) max_bytes: usize,
    /// Most connections at a time; others wait to be accepted.
    #[arg(long, default_value_t = 256, value_parser = value_parser!(u16).range(1..))]
    pub(crate) max_connections: u16,
    /// Milliseconds that a request may take from its headers to its answer, that its headers may take, that a client may read nothing
    /// of its answer, and that open requests are given when the program is told to end.
    #[arg(long, default_value_t = 5000, value_parser = value_parser!(u32).range(1..))]
    pub(crate) timeout: u32,
}

impl Args {
    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_millis(self.timeout.into())
    }
}
