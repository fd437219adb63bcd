//! What the server counts about itself.

use prometheus::{IntCounterVec, Opts, Registry};

/// The path label of a request that no route matches: the path itself is the caller's choice, and would make series without end.
pub(crate) const NO_ROUTE: &str = "none";

/// What the server counts about itself.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    webhooks: IntCounterVec,
}

impl Metrics {
    /// Registers the counters.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "plumb_http_requests_total",
                "HTTP requests answered, by the route's template and the status code.",
            ),
            &["path", "code"],
        )?;
        let webhooks = IntCounterVec::new(
            Opts::new(
                "plumb_webhooks_total",
                "Webhooks received, by Repository (empty when there is none by that name) and result.",
            ),
            &["repository", "result"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(webhooks.clone()))?;
        Ok(Self { requests, webhooks })
    }

    /// Counts a request. `path` is a route's template or [`NO_ROUTE`].
    pub(crate) fn request(&self, path: &str, code: u16) {
        self.requests.with_label_values(&[path, &code.to_string()]).inc();
    }

    /// Counts a webhook. `repository` is the name of one that exists, or empty.
    pub(crate) fn webhook(&self, repository: &str, result: &str) {
        self.webhooks.with_label_values(&[repository, result]).inc();
    }
}
