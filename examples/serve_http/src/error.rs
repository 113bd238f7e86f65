use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request has no prediction. The answer is JSON, `{"error": {"code": …, "message": …}}`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("there is no such path; expected POST /predict, GET /health or GET /metadata")]
    NoSuchPath,
    #[error("this path does not take that method; expected POST /predict, GET /health or GET /metadata")]
    Method,
    #[error("expected the content type application/json, found {}", .found.as_deref().unwrap_or("none"))]
    ContentType { found: Option<String> },
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body cannot be read")]
    Body,
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("expected {{\"rows\": [[number, …], …]}}: {0}")]
    NotRows(serde_json::Error),
    #[error("there are no rows, expected at least one")]
    NoRows,
    #[error("there are {found} rows, expected at most {limit}")]
    TooManyRows { found: usize, limit: usize },
    #[error("row {row} has {found} numbers, expected {expected}")]
    RowWidth { row: usize, expected: usize, found: usize },
    #[error(transparent)]
    Inputs(chainrule::core::Error),
    #[error("too many requests are waiting; try again")]
    QueueFull,
    #[error("the request took longer than {milliseconds} ms")]
    Timeout { milliseconds: u32 },
    #[error("the answer cannot be written: {0}")]
    Answer(serde_json::Error),
    #[error("the thread that computed has ended")]
    Lost,
}

impl RequestError {
    /// The status, and a name that programs may compare.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            RequestError::NoSuchPath => (StatusCode::NOT_FOUND, "no_such_path"),
            RequestError::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            RequestError::ContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            RequestError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            RequestError::Body => (StatusCode::BAD_REQUEST, "body_unreadable"),
            RequestError::NotJson(_) => (StatusCode::BAD_REQUEST, "not_json"),
            RequestError::NotRows(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_rows"),
            RequestError::NoRows => (StatusCode::UNPROCESSABLE_ENTITY, "no_rows"),
            RequestError::TooManyRows { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows"),
            RequestError::RowWidth { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "row_width"),
            RequestError::Inputs(_) => (StatusCode::UNPROCESSABLE_ENTITY, "inputs"),
            RequestError::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, "queue_full"),
            RequestError::Timeout { .. } => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            RequestError::Answer(_) => (StatusCode::INTERNAL_SERVER_ERROR, "answer"),
            RequestError::Lost => (StatusCode::INTERNAL_SERVER_ERROR, "lost"),
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        let body = json!({"error": {"code": code, "message": self.to_string()}});
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
