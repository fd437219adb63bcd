//! Webhooks, metrics, health and the status page over HTTP.
//!
//! | Path | Answers |
//! |---|---|
//! | `GET /healthz` | 200 while the process is of use; 503 with the reasons when only a restart helps |
//! | `GET /readyz` | 200 once the caches are filled; 503 with the reasons until then |
//! | `GET /metrics` | the registry in Prometheus' text format |
//! | `POST /hooks/{repository}`, `POST /hooks/{namespace}/{repository}` | a forge's signed webhook; fetches at once |
//! | `GET /api/v1/environments`, `GET /api/v1/repositories` | what the page shows, as JSON |
//! | `GET /`, `GET /events` | the status page, and the event stream that keeps it fresh |
//!
//! The crate knows neither git nor Kubernetes: what it shows and triggers goes through the trait [`Agent`]. Only `/hooks` authenticates
//! its callers, so only `/hooks` belongs on the internet.

mod agent;
mod app;
mod events;
mod hook;
mod metrics;
mod page;
mod relative;
mod respond;
mod serve;
mod signature;
mod token;
mod view;

pub use agent::{Agent, NoHookToken};
pub use app::{App, Error};
pub use serve::{Limits, serve, serve_within};
pub use token::HookToken;
pub use view::{
    ConditionView, EnvironmentView, EventView, Mode, ObjectCounts, PromotionView, RepositoryView, Status, Verdict,
    VerdictView,
};

#[cfg(test)]
mod tests;
