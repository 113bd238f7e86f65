use crate::args::Args;
use crate::error::RequestError;
use crate::workers::Workers;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chainrule::prelude::*;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

/// What requests are answered with.
struct Service {
    workers: Workers,
    metadata: Value,
    args: Args,
}

type Shared = State<Arc<Service>>;

pub(crate) fn router(predictor: Predictor<f32>, args: &Args) -> io::Result<Router> {
    let service = Arc::new(Service {
        workers: Workers::start(&predictor, args.threads, args.queue, args.max_rows)?,
        metadata: json!({
            "inputs": predictor.inputs(),
            "classes": predictor.class_names(),
            "limits": { "rows": args.max_rows, "bytes": args.max_bytes, "milliseconds": args.timeout },
        }),
        args: args.clone(),
    });
    let router = Router::new()
        .route("/predict", post(predict))
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/metadata", get(async |State(service): Shared| Json(service.metadata.clone())))
        .fallback(async || RequestError::NoSuchPath)
        .method_not_allowed_fallback(async || RequestError::Method)
        .layer(DefaultBodyLimit::max(args.max_bytes))
        .layer(from_fn_with_state(Arc::clone(&service), in_time));
    Ok(router.with_state(service))
}

async fn predict(
    State(service): Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, RequestError> {
    check_content_type(&headers)?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => RequestError::TooLarge { limit: service.args.max_bytes },
        _ => RequestError::Body,
    })?;
    let answer = service.workers.answer(body).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

/// A page of another site cannot send JSON by a form, so asking for it keeps such pages out.
fn check_content_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let found = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let media_type = found.as_deref().and_then(|found| found.split(';').next()).map(str::trim);
    if media_type.is_some_and(|found| found.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(RequestError::ContentType { found: found.map(|found| found.into_owned()) })
}

/// From the headers to the answer: reading the body, waiting in the queue, predicting.
async fn in_time(State(service): Shared, request: Request, next: Next) -> Response {
    match tokio::time::timeout(service.args.time_limit(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => RequestError::Timeout { milliseconds: service.args.timeout }.into_response(),
    }
}
