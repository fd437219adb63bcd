//! Forges: pull requests, comments, labels, commit statuses and merges on GitHub, GitLab, Gitea (and Forgejo) and Bitbucket Cloud.
//!
//! [`Forge`] is what all of them can do; [`Forge::capabilities`] tells what one of them can't. [`connect`] makes one from an
//! [`Address`] and [`Credentials`]. Calls block, so callers on an async runtime wrap them in `spawn_blocking`. Each call has a
//! deadline, answers have a largest size, lists have a last page, and what a forge asks to try later is tried later.
//!
//! What this crate does not know: git, Kubernetes, environments and promotions.

mod address;
mod bitbucket;
mod credentials;
mod error;
mod forge;
mod gitea;
mod github;
mod gitlab;
mod http;
mod marker;
mod retry;

pub use address::{Address, Kind};
pub use credentials::{App, Credentials};
pub use error::{Class, Error};
pub use forge::{
    Capabilities, Change, Comment, Forge, Label, Merge, MergeMethod, NewPullRequest, PullRequest, Review, ReviewState,
    State, Status, StatusState, same_commit,
};
pub use http::Limits;
pub use marker::Marker;

use std::sync::Arc;

/// Speaks to the forge at `address`.
///
/// # Errors
/// [`Error::Credentials`] when the credentials are of a form that this forge does not take.
pub fn connect(address: &Address, credentials: Credentials) -> Result<Arc<dyn Forge>, Error> {
    connect_within(address, credentials, Limits::default())
}

/// Like [`connect`], with other limits.
///
/// # Errors
/// [`Error::Credentials`] when the credentials are of a form that this forge does not take.
pub fn connect_within(address: &Address, credentials: Credentials, limits: Limits) -> Result<Arc<dyn Forge>, Error> {
    Ok(match address.kind {
        Kind::GitHub => Arc::new(github::GitHub::new(address, credentials, limits)?),
        Kind::GitLab => Arc::new(gitlab::GitLab::new(address, credentials, limits)?),
        Kind::Gitea => Arc::new(gitea::Gitea::new(address, credentials, limits)?),
        Kind::Bitbucket => Arc::new(bitbucket::Bitbucket::new(address, credentials, limits)?),
    })
}
