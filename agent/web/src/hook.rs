//! Webhooks: a forge says that something was pushed, and the agent fetches at once.
//!
//! A webhook is a hint and never data: its body is hashed for the signature as it streams by, and neither kept nor parsed.

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use hmac::Mac as _;
use serde::Serialize;

use crate::{HookToken, NoHookToken, app::Context, signature::Proof, token::HmacSha256};

/// The largest body that is read, in bytes. Forges cut their lists of commits long before.
const BODY_LIMIT: usize = 5 * 1024 * 1024;

/// The longest name of an object in Kubernetes (RFC 1123 subdomain).
const NAME_LIMIT: usize = 253;

/// What a webhook that is accepted gets for an answer.
#[derive(Serialize)]
struct Accepted {
    repository: String,
    fetch: &'static str,
}

/// How a webhook ended: the answer, and the label `result` of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Ping,
    Refused,
    TooLarge,
    TooSlow,
    Broken,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ping => "ping",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::TooSlow => "timeout",
            Self::Broken => "broken",
        }
    }
}

pub(crate) async fn in_own_namespace(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let name = path.map(|Path(repository)| (None, repository));
    receive(&context, name.unwrap_or_default(), &headers, body).await
}

pub(crate) async fn in_namespace(
    State(context): State<Context>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let name = path.map(|Path((namespace, repository))| (Some(namespace), repository));
    receive(&context, name.unwrap_or_default(), &headers, body).await
}

async fn receive(
    context: &Context,
    (namespace, repository): (Option<String>, String),
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let agent = &context.app.agent;
    // What can't be a name is not asked for, so that no line break or terminal sequence gets from the path into a log.
    let nameable = namespace.as_deref().is_none_or(is_name) && is_name(&repository);
    let token = if nameable {
        agent.hook_token(namespace.as_deref(), &repository)
    } else {
        Err(NoHookToken::UnknownRepository)
    };
    let name = namespace.as_ref().map_or_else(|| repository.clone(), |namespace| format!("{namespace}/{repository}"));

    let outcome = judge(context, token.as_ref().ok(), headers, body, &name).await;
    match (&token, outcome) {
        (Err(NoHookToken::NotConfigured), _) => {
            tracing::warn!(
                repository = name,
                "webhook refused: the Repository has no token; put one under the key `token` of a Secret and name it in spec.webhook.secretRef"
            );
        }
        (Err(NoHookToken::UnknownRepository), _) if nameable => {
            tracing::debug!(repository = name, "webhook refused: there is no such Repository");
        }
        (Err(NoHookToken::UnknownRepository), _) => tracing::debug!("webhook refused: its path names no Repository"),
        (Ok(_), Outcome::Accepted) => tracing::info!(repository = name, "webhook accepted: fetching"),
        (Ok(_), _) => {}
    }
    let known = !matches!(token, Err(NoHookToken::UnknownRepository));
    context.app.metrics.webhook(if known { &name } else { "" }, outcome.label());
    if outcome == Outcome::Accepted {
        agent.fetch(namespace.as_deref(), &repository);
    }
    answer(outcome, name)
}

/// Decides on a webhook. Without a token it takes the same steps, so that neither answer nor time tells which names exist.
async fn judge(context: &Context, token: Option<&HookToken>, headers: &HeaderMap, body: Body, name: &str) -> Outcome {
    let proof = match Proof::read(headers) {
        Ok(proof) => proof,
        Err(reason) => {
            if token.is_some() {
                tracing::warn!(repository = name, "webhook refused: {reason}");
            }
            return Outcome::Refused;
        }
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Outcome::TooLarge;
    }
    let stand_in = HookToken::stand_in();
    let key = token.unwrap_or(&stand_in);
    let Some(mac) = key.mac() else { return Outcome::Refused };
    let mac = match tokio::time::timeout(context.limits.body, hash(body, mac)).await {
        Ok(Ok(mac)) => mac,
        Ok(Err(outcome)) => return outcome,
        Err(_) => return Outcome::TooSlow,
    };
    match (proof.holds(key, mac), token) {
        (true, Some(_)) if is_ping(headers) => Outcome::Ping,
        (true, Some(_)) => Outcome::Accepted,
        (false, Some(_)) => {
            tracing::warn!(
                repository = name,
                "webhook refused: it is signed with another token; give the forge and the Secret the same"
            );
            Outcome::Refused
        }
        (_, None) => Outcome::Refused,
    }
}

/// Hashes a body without keeping it.
async fn hash(body: Body, mut mac: HmacSha256) -> Result<HmacSha256, Outcome> {
    let mut left = BODY_LIMIT;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Outcome::Broken)?;
        left = left.checked_sub(chunk.len()).ok_or(Outcome::TooLarge)?;
        mac.update(&chunk);
    }
    Ok(mac)
}

/// Whether the forge only tries the webhook out: GitHub's `ping`, and the `diagnostics:ping` of Bitbucket Data Center.
fn is_ping(headers: &HeaderMap) -> bool {
    headers.get("x-github-event").is_some_and(|event| event == "ping")
        || headers.get("x-event-key").is_some_and(|event| event == "diagnostics:ping")
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LIMIT).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
}

fn answer(outcome: Outcome, repository: String) -> Response {
    match outcome {
        Outcome::Accepted => (StatusCode::ACCEPTED, Json(Accepted { repository, fetch: "requested" })).into_response(),
        Outcome::Ping => (StatusCode::OK, Json(Accepted { repository, fetch: "not needed" })).into_response(),
        Outcome::Refused => {
            (StatusCode::UNAUTHORIZED, "the webhook is refused; the agent's log says why\n").into_response()
        }
        Outcome::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 5 MiB\n").into_response(),
        Outcome::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long\n").into_response(),
        Outcome::Broken => (StatusCode::BAD_REQUEST, "the body could not be read\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("config", true)]
    #[case("a.b-c.9", true)]
    #[case("", false)]
    #[case("Config", false)]
    #[case("a\nb", false)]
    #[case("../x", false)]
    #[case("\u{1b}[31m", false)]
    fn names(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(is_name(text), valid);
    }

    #[test]
    fn names_end_at_253_bytes() {
        assert!(is_name(&"a".repeat(253)) && !is_name(&"a".repeat(254)));
    }
}
