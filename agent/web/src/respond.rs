//! What every answer has: a span, a count, and headers that keep browsers from trusting it with more than it needs.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use crate::{app::Context, metrics::NO_ROUTE, page};

/// The headers of every answer. `no-store`, for every answer is about this moment.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
];

/// Wraps a request: a span with the route's template (the path is the caller's choice, and may hold anything), a count, the headers.
pub(crate) async fn observe(State(context): State<Context>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let span = tracing::info_span!("http", method = %request.method(), path, code = tracing::field::Empty);
    let mut response = next.run(request).instrument(span.clone()).await;

    let code = response.status().as_u16();
    span.record("code", code);
    span.in_scope(|| tracing::debug!("answered"));
    context.app.metrics.request(path, code);

    let headers = response.headers_mut();
    headers.extend(HEADERS);
    headers.insert(header::CONTENT_SECURITY_POLICY, page::content_security_policy());
    response
}
