//! The status page: one document, rendered here, with its style and script inside.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{EnvironmentView, RepositoryView, app::Context};

mod card;
mod group;

use card::Tone;
use group::Group;

const STYLE: &str = include_str!("../templates/page.css");
const SCRIPT: &str = include_str!("../templates/page.js");

/// What the page may load: its own style and script, told by their hashes, and the event stream. Nothing from elsewhere.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(crate) fn content_security_policy() -> HeaderValue {
    POLICY.clone()
}

/// Answers with the page.
pub(crate) async fn show(State(context): State<Context>) -> Response {
    let agent = &context.app.agent;
    // The number is read first: a change while the page is rendered makes the script look once more, rather than not at all.
    let number = *agent.changes().borrow();
    let missing = agent.ready().err().unwrap_or_default();
    match render(number, missing, agent.repositories(), &agent.environments(), Timestamp::now()) {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "can't render the status page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn render(
    number: u64,
    missing: Vec<String>,
    repositories: Vec<RepositoryView>,
    environments: &[EnvironmentView],
    now: Timestamp,
) -> Result<String, askama::Error> {
    let groups = group::groups(repositories, environments, now);
    let tones = || groups.iter().flat_map(Group::cards).map(|card| card.tone);
    let total = tones().count();
    let tally: Vec<Tally> = Tone::ALL
        .into_iter()
        .map(|tone| Tally { tone, count: tones().filter(|other| *other == tone).count() })
        .filter(|tally| tally.count > 0)
        .collect();
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        number,
        title: title(&tally, total),
        rendered_at: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        missing,
        tally,
        groups,
    };
    page.render()
}

/// The title of a tab: the bad news first, for a tab is narrow.
fn title(tally: &[Tally], total: usize) -> String {
    match tally.iter().find(|tally| matches!(tally.tone, Tone::Bad | Tone::Warn)) {
        Some(tally) => format!("{} of {total} {} · Plumb", tally.count, tally.tone.word()),
        None => "Plumb".to_owned(),
    }
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    style: &'static str,
    script: &'static str,
    number: u64,
    title: String,
    rendered_at: String,
    missing: Vec<String>,
    tally: Vec<Tally>,
    groups: Vec<Group>,
}

/// How many environments are in one state.
struct Tally {
    tone: Tone,
    count: usize,
}

/// A time, for people and for machines.
struct Moment {
    ago: String,
    iso: String,
}

impl Moment {
    fn new(now: Timestamp, then: Timestamp) -> Self {
        // Whole seconds: nobody reads the rest.
        Self { ago: crate::relative::ago(now, then), iso: then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() }
    }
}

/// A commit id as people write it.
struct Commit {
    short: String,
    full: String,
}

impl Commit {
    fn new(id: &str) -> Self {
        Self { short: id.chars().take(7).collect(), full: id.to_owned() }
    }
}

#[cfg(test)]
mod tests;
