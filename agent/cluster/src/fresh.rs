//! Lists that are as new as the moment in which they are asked for.
//!
//! kube asks for a list that is streamed (KEP-3157) with the resource version 0, which an API server may answer from a cache that is behind the others. What it lacks
//! then looks deleted. Without a resource version it waits until its cache has caught up.

use http::{Request, Uri};
use kube::{Client, client::Body};

/// The same client, but for the resource version of lists that are streamed.
pub(crate) fn client(client: &Client) -> Client {
    let inner = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        if let Some(uri) = without_version(request.uri()) {
            *request.uri_mut() = uri;
        }
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Client::new(service, client.default_namespace())
}

/// The URL of a list that is streamed, without its resource version; `None` for all others.
fn without_version(uri: &Uri) -> Option<Uri> {
    let query = uri.query()?;
    let is = |wanted: &str| query.split('&').any(|pair| pair == wanted);
    if !is("sendInitialEvents=true") || !is("resourceVersion=0") {
        return None;
    }
    let query: Vec<_> = query.split('&').filter(|pair| *pair != "resourceVersion=0").collect();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{}", uri.path(), query.join("&")).parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_that_is_streamed_from_anywhere_loses_its_version() {
        let of = |query: &str| {
            let uri = format!("https://example.com/api/v1/configmaps{query}").parse().unwrap();
            without_version(&uri).map(|uri| uri.to_string())
        };
        assert_eq!(
            of("?&watch=true&labelSelector=a&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0").unwrap(),
            "https://example.com/api/v1/configmaps?&watch=true&labelSelector=a&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        );
        for query in [
            "",
            "?watch=true&resourceVersion=0",
            "?sendInitialEvents=true&resourceVersion=07",
            "?sendInitialEvents=true",
        ] {
            assert_eq!(of(query), None, "{query}");
        }
    }
}
