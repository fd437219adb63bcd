//! The crate `plumb-forge` against a real Gitea, and against the published descriptions of the other forges.

mod bitbucket;
mod description;
mod gitea;
mod github;
