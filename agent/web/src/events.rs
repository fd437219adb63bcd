//! The event stream that tells an open page to look again.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::stream;

use crate::app::Context;

/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(3);

/// How often a comment is sent on a silent stream, so that proxies keep it and dead peers are noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Sends the number of the state at once, and again whenever it moves. What changed is for the page to fetch.
pub(crate) async fn stream(State(context): State<Context>) -> Response {
    let Ok(permit) = context.streams.try_acquire_owned() else {
        let answer = "too many event streams are open; reload the page from time to time instead\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")], answer).into_response();
    };
    let mut changes = context.app.agent.changes();
    changes.mark_changed();
    let gather = context.limits.gather;
    let start = (changes, context.shutdown, permit, true);
    let events = stream::unfold(start, move |(mut changes, shutdown, permit, first)| async move {
        let next = async {
            changes.changed().await.ok()?;
            if !first {
                tokio::time::sleep(gather).await;
            }
            Some(*changes.borrow_and_update())
        };
        let number = shutdown.run_until_cancelled(next).await??;
        let event = Event::default().event("change").retry(RECONNECT).data(number.to_string());
        Some((Ok::<_, Infallible>(event), (changes, shutdown, permit, false)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}
