//! `bootstrap/cluster.sh` installs the agent, and a second run changes nothing.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e::{
    agent::{kubectl, root, tool},
    cluster::shared,
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::Api;
use plumb_api::{Environment, Repository};

/// Runs the script, and gives all that it prints.
async fn install(namespace: &str, arguments: &[&str]) -> Result<String> {
    let tools = tool("helm")?.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
    let output = tokio::process::Command::new(root().join("bootstrap/cluster.sh"))
        .args(["--namespace", namespace, "--replicas", "0"])
        .args(arguments)
        .env("PATH", format!("{tools}:{}", std::env::var("PATH")?))
        .output()
        .await?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{text}");
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_bootstrapped_and_a_second_run_keeps_keys_and_tokens() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("bootstrap").await?;
    let ns = namespace.name();
    let known_hosts = tempfile::NamedTempFile::new()?;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGa1jKqB0XW1fCqQwLkvHhQzjXc3kz0c5z5n8wR5pT2b";
    std::fs::write(known_hosts.path(), format!("git.example.com {key}\n"))?;
    let hosts = known_hosts.path().display().to_string();
    let arguments = [
        "--url",
        "ssh://git@git.example.com/team/platform.git",
        "--known-hosts",
        &hosts,
        "--environment",
        "dev",
        "--environment",
        "staging",
        "--promotes-from",
        "dev",
    ];
    let text = install(ns, &arguments).await?;
    ensure!(text.contains("ssh-ed25519 "), "the deploy key is not shown: {text}");

    let secrets: Api<Secret> = Api::namespaced(connection.client.clone(), ns);
    let data = async || {
        let mut all: BTreeMap<String, BTreeMap<String, ByteString>> = BTreeMap::new();
        for name in ["platform-git", "platform-webhook"] {
            all.insert(name.to_owned(), secrets.get(name).await?.data.unwrap_or_default());
        }
        Ok::<_, anyhow::Error>(all)
    };
    let before = data().await?;
    ensure!(before["platform-git"].contains_key("identity") && before["platform-git"].contains_key("known_hosts"));
    ensure!(before["platform-webhook"]["token"].0.len() == 64, "the token of the webhook is short");
    let repositories: Api<Repository> = Api::namespaced(connection.client.clone(), ns);
    let environments: Api<Environment> = Api::namespaced(connection.client.clone(), ns);
    let specs = async || {
        let repository = repositories.get("platform").await?;
        let (dev, staging) = (environments.get("dev").await?, environments.get("staging").await?);
        Ok::<_, anyhow::Error>((repository.spec, dev.spec, staging.spec))
    };
    let first = specs().await?;
    ensure!(first.2.promotion.as_ref().is_some_and(|promotion| promotion.from == ["dev"]), "{first:?}");

    let text = install(ns, &arguments).await?;
    ensure!(data().await? == before, "a second run made other keys or tokens");
    ensure!(specs().await? == first, "a second run changed the resources");
    for secret in before.values() {
        for (name, value) in secret.iter().filter(|(name, _)| !matches!(name.as_str(), "identity.pub" | "known_hosts"))
        {
            let value = String::from_utf8_lossy(&value.0);
            ensure!(!text.contains(value.trim()), "the script prints {name}");
        }
    }
    let deployment = kubectl(&["get", "deployment", "plumb", "-n", ns, "-o", "jsonpath={.spec.replicas}"], "").await?;
    ensure!(deployment == "0", "{deployment}");

    // What Helm made in the cluster as a whole goes with the release.
    let uninstalled =
        tokio::process::Command::new(tool("helm")?).args(["uninstall", "plumb", "-n", ns]).output().await?;
    ensure!(uninstalled.status.success(), "{}", String::from_utf8_lossy(&uninstalled.stderr));
    namespace.delete().await
}
