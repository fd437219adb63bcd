//! What is deleted, and above all what is not.

use anyhow::{Result, ensure};
use e2e::stage::{PATIENCE, Stage, config_map};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, Patch, PatchParams};
use plumb_api::Environment;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_moves_to_another_environment_is_not_deleted() -> Result<()> {
    let stage = Stage::new("move").await?;
    stage.environment("one", json!({})).await?;
    stage.environment("two", json!({})).await?;
    stage.push_config_maps("two", &["b"], "one").await?;
    let revision = stage.push_config_maps("one", &["a", "moved"], "one").await?;
    stage.ready_at("one", &revision).await?;
    stage.ready_at("two", &revision).await?;
    let uid = stage.api::<ConfigMap>().get("moved").await?.metadata.uid;

    // First into the second, then out of the first, so that the second has it when the first lets go.
    let revision = stage.push_config_maps("two", &["b", "moved"], "one").await?;
    stage.ready_at("two", &revision).await?;
    let revision = stage.push_config_maps("one", &["a"], "one").await?;
    stage.ready_at("one", &revision).await?;
    let moved = stage.api::<ConfigMap>().get("moved").await?;
    ensure!(moved.metadata.uid == uid, "it was deleted and made anew");
    let labels = moved.metadata.labels.unwrap_or_default();
    ensure!(labels.get("plumb.dev/environment").map(String::as_str) == Some("two"), "{labels:?}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_before_what_takes_its_place_is_there() -> Result<()> {
    let stage = Stage::new("replace").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a", "old"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let kustomization = format!("namespace: {}\nresources: [a.yaml, new.yaml]\n", stage.ns());
    let refused =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"not a key": "x"}});
    let refused = refused.to_string();
    stage
        .push(
            "dev: new instead of old",
            &[("overlays/dev/kustomization.yaml", Some(&kustomization)), ("overlays/dev/new.yaml", Some(&refused))],
        )
        .await?;
    stage.not_ready("dev", "ApplyFailed").await?;
    stage.has_value("old", "one").await?;
    let revision = stage.push("dev: mended", &[("overlays/dev/new.yaml", Some(&config_map("new", "one")))]).await?;
    stage.ready_at("dev", &revision).await?;
    stage.is_gone("old").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_made_anew_knows_what_it_owns() -> Result<()> {
    let stage = Stage::new("anew").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    stage.api::<Environment>().delete("dev", &DeleteParams::default()).await?;
    stage
        .wait("the Environment to be gone", async || {
            ensure!(stage.api::<Environment>().get_opt("dev").await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
    stage.has_value("b", "one").await?;
    stage.environment("dev", json!({})).await?;
    stage.ready_at("dev", &revision).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    stage.is_gone("b").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_leaves_a_secret_leaves_the_cluster() -> Result<()> {
    let stage = Stage::new("keys").await?;
    stage.environment("dev", json!({})).await?;
    let secret = |data: serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": data}).to_string()
    };
    let kustomization = format!("namespace: {}\nresources: [s.yaml]\n", stage.ns());
    let both = secret(json!({"a": "1", "b": "2"}));
    let files =
        [("overlays/dev/kustomization.yaml", Some(kustomization.as_str())), ("overlays/dev/s.yaml", Some(&*both))];
    let revision = stage.push("dev: two keys", &files).await?;
    stage.ready_at("dev", &revision).await?;
    let one = secret(json!({"a": "1"}));
    let revision = stage.push("dev: one key", &[("overlays/dev/s.yaml", Some(&one))]).await?;
    stage.ready_at("dev", &revision).await?;
    let found = e2e::cluster::eventually(PATIENCE, "the key to be gone", async || {
        let data = stage.api::<Secret>().get("s").await?.data.unwrap_or_default();
        ensure!(data.keys().eq(["a"]), "{:?}", data.keys());
        Ok(())
    });
    found.await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_limit_is_pruned_only_with_consent() -> Result<()> {
    let stage = Stage::new("limit").await?;
    stage.environment("dev", json!({"prune": {"limit": 1}})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b", "c"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let revision = stage.push_config_maps("dev", &["a"], "two").await?;
    let message = stage.not_ready("dev", "PruneLimited").await?;
    ensure!(message.contains("2 objects") && message.contains("plumb.dev/allow-prune"), "{message}");
    for (name, value) in [("a", "one"), ("b", "one"), ("c", "one")] {
        stage.has_value(name, value).await?;
    }
    let consent = json!({"metadata": {"annotations": {"plumb.dev/allow-prune": revision}}});
    stage.api::<Environment>().patch("dev", &PatchParams::default(), &Patch::Merge(&consent)).await?;
    stage.ready_at("dev", &revision).await?;
    stage.is_gone("b").await?;
    stage.is_gone("c").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_go_with_their_environment_if_it_says_so() -> Result<()> {
    let stage = Stage::new("delete").await?;
    stage.environment("dev", json!({"deletionPolicy": "Delete"})).await?;
    stage.environment("other", json!({})).await?;
    stage.push_config_maps("other", &["stays"], "one").await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    stage.ready_at("other", &revision).await?;
    for name in ["dev", "other"] {
        stage.api::<Environment>().delete(name, &DeleteParams::default()).await?;
        stage
            .wait("the Environment to be gone", async || {
                ensure!(stage.api::<Environment>().get_opt(name).await?.is_none(), "it is there");
                Ok(())
            })
            .await?;
    }
    stage.is_gone("a").await?;
    stage.is_gone("b").await?;
    stage.has_value("stays", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_never_ends_does_not_hold_its_environment_for_ever() -> Result<()> {
    let stage = Stage::new("stuck").await?;
    stage.environment("dev", json!({"deletionPolicy": "Delete", "timeout": "2s", "retryInterval": "1s"})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let finalizers = |list: serde_json::Value| json!({"metadata": {"finalizers": list}});
    let maps = stage.api::<ConfigMap>();
    maps.patch("a", &PatchParams::default(), &Patch::Merge(&finalizers(json!(["example.com/never"])))).await?;
    stage.api::<Environment>().delete("dev", &DeleteParams::default()).await?;
    stage
        .wait("the Environment to be gone", async || {
            ensure!(stage.api::<Environment>().get_opt("dev").await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
    maps.patch("a", &PatchParams::default(), &Patch::Merge(&finalizers(json!(null)))).await?;
    stage.end().await
}
