//! A chainrule model behind HTTP. The route of a request: [`server`] takes the connection, [`service`] the request,
//! [`workers`] compute in their own threads, [`predict`] is what they compute, [`error`] what may go wrong.

mod args;
mod error;
mod predict;
mod server;
mod service;
mod workers;

use anyhow::Context;
use args::Args;
use chainrule::prelude::*;
use clap::Parser;
use std::io::Write;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let predictor = Classifier::<f32>::load(&args.model)?.predictor();
    let listener = TcpListener::bind(args.address)
        .await
        .with_context(|| format!("{}: the address cannot be listened on", args.address))?;
    let shutdown = server::shutdown_signal()?;
    let router = service::router(predictor, &args)?;
    // Whoever starts the program waits for this line.
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    server::serve(listener, router, &args, shutdown).await;
    Ok(())
}
