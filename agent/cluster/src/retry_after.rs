//! `Retry-After`: an API server that has too much to do (API priority and fairness, KEP-1040) says when it wants to be asked again.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, header::RETRY_AFTER};
use kube::{Client, client::Body};

/// How often one request is sent again because the API server said when.
const ATTEMPTS: u32 = 3;
/// The longest pause that is waited out here; what takes longer fails, and its environment tries again.
const LONGEST: Duration = Duration::from_secs(10);

/// Sends a request, and sends it again when the API server says when it wants that.
pub(crate) async fn send(client: &Client, request: Request<Body>) -> kube::Result<Response<Body>> {
    let mut request = request;
    for _ in 0..ATTEMPTS {
        let again = copy(&request);
        let answer = client.send(request).await?;
        let (Some(pause), Some(copy)) = (pause(answer.status(), answer.headers()), again) else { return Ok(answer) };
        tokio::time::sleep(pause).await;
        request = copy;
    }
    client.send(request).await
}

/// How long to wait before the request is sent again; `None` when that is not for us to decide.
fn pause(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|pause| *pause <= LONGEST)
}

fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    Some(copy)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_pause_is_what_the_api_server_says_within_reason() {
        let of = |status: u16, value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(value.map(|value| (RETRY_AFTER, HeaderValue::from_static(value))));
            pause(StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert_eq!(of(429, Some("1")), Some(Duration::from_secs(1)));
        assert_eq!(of(503, Some("10")), Some(Duration::from_secs(10)));
        for (status, value) in
            [(429, None), (429, Some("3600")), (429, Some("soon")), (500, Some("1")), (200, Some("1"))]
        {
            assert_eq!(of(status, value), None, "{status} {value:?}");
        }
    }

    #[test]
    fn a_copy_is_the_same_request() {
        let request =
            Request::builder().method("PATCH").uri("/api/v1?x=y").header("a", "b").body(Body::from(b"c".to_vec()));
        let copy = copy(&request.unwrap()).unwrap();
        assert_eq!((copy.method().as_str(), copy.uri().to_string().as_str()), ("PATCH", "/api/v1?x=y"));
        assert_eq!(copy.headers()["a"], "b");
    }
}
