//! What must hold in the end: the cluster, git and the inventory say the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use e2e::stage::Stage;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _, api::ListParams};

/// The names and values of an environment's ConfigMaps, as the labels tell whose they are.
pub(crate) async fn labelled(stage: &Stage, environment: &str) -> Result<BTreeMap<String, String>> {
    let maps: Api<ConfigMap> = stage.api();
    let list = maps.list(&ListParams::default().labels(&format!("plumb.dev/environment={environment}"))).await?;
    let value =
        |map: ConfigMap| (map.name_any(), map.data.and_then(|mut data| data.remove("value")).unwrap_or_default());
    Ok(list.into_iter().map(value).collect())
}

/// The names of the ConfigMaps that the inventory lists.
pub(crate) async fn inventory(stage: &Stage, environment: &str) -> Result<BTreeSet<String>> {
    let maps: Api<ConfigMap> = stage.api();
    let list = maps.list(&ListParams::default().labels(&format!("plumb.dev/inventory-of={environment}"))).await?;
    let mut names = BTreeSet::new();
    for shard in list {
        let objects = shard.data.and_then(|mut data| data.remove("objects")).unwrap_or_default();
        for line in objects.lines() {
            names.insert(line.rsplit(' ').next().context("an empty line in the inventory")?.to_owned());
        }
    }
    Ok(names)
}

/// Waits until the cluster and the inventory hold exactly these objects with this value.
pub(crate) async fn settles(stage: &Stage, environment: &str, names: &BTreeSet<String>, value: &str) -> Result<()> {
    settles_beside(stage, environment, names, value, &[]).await
}

/// The same where others put our labels on objects of their own.
pub(crate) async fn settles_beside(
    stage: &Stage,
    environment: &str,
    names: &BTreeSet<String>,
    value: &str,
    strangers: &[&str],
) -> Result<()> {
    let wanted: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), value.to_owned())).collect();
    stage
        .wait("the cluster, git and the inventory to say the same", async || {
            let mut found = labelled(stage, environment).await?;
            found.retain(|name, _| !strangers.contains(&name.as_str()));
            ensure!(found == wanted, "the cluster has {found:?}, git {wanted:?}");
            let listed = inventory(stage, environment).await?;
            ensure!(listed == *names, "the inventory has {listed:?}, git {names:?}");
            Ok(())
        })
        .await
}

/// Names of the form `<prefix>-<number>`.
pub(crate) fn names(prefix: &str, numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("{prefix}-{number:03}")).collect()
}

/// Pushes an overlay of exactly these ConfigMaps, with one value.
pub(crate) async fn push(stage: &Stage, environment: &str, names: &BTreeSet<String>, value: &str) -> Result<String> {
    write(stage, environment, names, value)?;
    stage.push(value, &[]).await
}

/// The same without telling the agent.
pub(crate) fn push_quietly(stage: &Stage, environment: &str, names: &BTreeSet<String>, value: &str) -> Result<String> {
    stage.worktree.pull()?;
    write(stage, environment, names, value)?;
    let revision = stage.worktree.commit(value)?;
    stage.worktree.push()?;
    Ok(revision)
}

/// Writes the overlay without committing it.
pub(crate) fn write(stage: &Stage, environment: &str, names: &BTreeSet<String>, value: &str) -> Result<()> {
    let maps: Vec<_> = names.iter().map(|name| e2e::stage::config_map(name, value)).collect();
    let resources = if names.is_empty() { "[]" } else { "[maps.yaml]" };
    let kustomization = format!("namespace: {}\nresources: {resources}\n", stage.ns());
    stage.worktree.write(&format!("overlays/{environment}/kustomization.yaml"), kustomization)?;
    stage.worktree.write(&format!("overlays/{environment}/maps.yaml"), maps.join("---\n"))
}
