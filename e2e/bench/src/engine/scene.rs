//! What the parts have in common: overlays, environments, pushes.

use std::{fmt::Write as _, time::Instant};

use anyhow::{Result, ensure};
use e2e::stage::{HOOK_TOKEN, Stage};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

/// Writes an overlay of ConfigMaps that all have one value.
pub(super) fn overlay(
    stage: &Stage,
    environment: &str,
    names: impl Iterator<Item = String>,
    value: &str,
) -> Result<()> {
    let directory = format!("overlays/{environment}");
    let kustomization = format!("namespace: {}\nresources: [maps.yaml]\n", stage.ns());
    stage.worktree.write(&format!("{directory}/kustomization.yaml"), kustomization)?;
    maps(stage, &directory, names, value)
}

/// Writes ConfigMaps that all have one value into a file `maps.yaml`.
pub(super) fn maps(stage: &Stage, directory: &str, names: impl Iterator<Item = String>, value: &str) -> Result<()> {
    let mut maps = String::new();
    for name in names {
        write!(maps, "---\n{}", e2e::stage::config_map(&name, value))?;
    }
    stage.worktree.write(&format!("{directory}/maps.yaml"), maps)
}

/// Commits and pushes what was written, then lets the webhook tell. Gives the commit, and when the webhook was sent.
pub(super) async fn push(stage: &Stage) -> Result<(String, Instant)> {
    let revision = stage.worktree.commit("bench")?;
    stage.worktree.push()?;
    let sent = Instant::now();
    let (status, body) = stage.hook("platform", HOOK_TOKEN).await?;
    ensure!(status == 202, "the webhook was answered with {status}: {body}");
    Ok((revision, sent))
}

/// Makes environments of these names.
pub(super) async fn environments(stage: &Stage, names: impl Iterator<Item = String>) -> Result<()> {
    stream::iter(names)
        .map(async |name| stage.environment(&name, json!({})).await)
        .buffer_unordered(16)
        .try_for_each(async |_| Ok(()))
        .await
}

/// Ends the agent and waits until the namespace is gone, so that its deletion does not disturb what is measured next.
pub(super) async fn end(stage: Stage) -> Result<()> {
    let (client, name) = (stage.connection.client.clone(), stage.ns().to_owned());
    stage.api::<ConfigMap>().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    stage.end().await?;
    let namespaces: Api<Namespace> = Api::all(client);
    e2e::cluster::eventually(std::time::Duration::from_secs(120), "the namespace to be gone", async || {
        ensure!(namespaces.get_opt(&name).await?.is_none(), "it is there");
        Ok(())
    })
    .await
}
