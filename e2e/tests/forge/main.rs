//! The crate `plumb-forge` against a real Gitea, and against the published descriptions of the other forges.

mod description;
mod gitea;
mod github;
