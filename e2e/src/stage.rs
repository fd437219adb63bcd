//! A stage for one test: a namespace, a git server with a repository, an agent with the rights of the chart.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use plumb_api::{Environment, EnvironmentStatus, Repository};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    agent::{Agent, Installation},
    cluster::{Connection, Namespace, Requests, eventually, shared},
    git_server::{Access, HttpServer, Worktree},
};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The secret of the webhook.
pub const HOOK_TOKEN: &str = "a-token-that-only-this-test-knows";
/// The password of the git server.
pub const PASSWORD: &str = "a-password-that-only-this-test-knows";

/// A stage for one test.
pub struct Stage {
    /// The administrator's connection.
    pub connection: Connection,
    /// The namespace of the agent, its resources and all that it applies.
    pub namespace: Namespace,
    /// The rights of the agent.
    pub installation: Installation,
    /// The git server.
    pub git: Arc<HttpServer>,
    /// A checkout of the repository.
    pub worktree: Worktree,
    /// The agent.
    pub agent: Agent,
}

impl Stage {
    /// Sets everything up, with an empty repository that is tracked as `platform`.
    pub async fn new(prefix: &str) -> Result<Self> {
        Self::on(shared().await?, prefix).await
    }

    /// The same on a cluster of its own.
    pub async fn on(connection: Connection, prefix: &str) -> Result<Self> {
        let namespace = connection.fresh_namespace(prefix).await?;
        let installation = Installation::new(&connection, namespace.name()).await?;
        Self::with(connection, namespace, installation).await
    }

    /// The same for an agent that is installed already.
    pub async fn with(connection: Connection, namespace: Namespace, installation: Installation) -> Result<Self> {
        let access = Access { username: "plumb".into(), password: PASSWORD.into() };
        let git = HttpServer::start(Some(access)).await?;
        git.create_repository("platform")?;
        Self::follow(connection, namespace, installation, Arc::new(git)).await
    }

    /// Another agent on another cluster, with the same repository.
    pub async fn beside(&self, connection: Connection, prefix: &str) -> Result<Self> {
        Self::served_by(self.git.clone(), connection, prefix).await
    }

    /// The same with a git server that is there already, and has a repository `platform`.
    pub async fn served_by(git: Arc<HttpServer>, connection: Connection, prefix: &str) -> Result<Self> {
        let namespace = connection.fresh_namespace(prefix).await?;
        let installation = Installation::new(&connection, namespace.name()).await?;
        Self::follow(connection, namespace, installation, git).await
    }

    async fn follow(
        connection: Connection,
        namespace: Namespace,
        installation: Installation,
        git: Arc<HttpServer>,
    ) -> Result<Self> {
        let worktree = Worktree::clone(&git.url_with_credentials("platform"))?;
        let agent = Agent::start(&installation).await?;
        let stage = Self { connection, namespace, installation, git, worktree, agent };
        stage.secret("git", &[("username", "plumb"), ("password", PASSWORD)]).await?;
        stage.secret("hook", &[("token", HOOK_TOKEN)]).await?;
        stage.repository("platform", json!({})).await?;
        Ok(stage)
    }

    /// The name of the namespace.
    pub fn ns(&self) -> &str {
        self.namespace.name()
    }

    /// Ends the agent and takes everything away that lives outside of the namespace.
    pub async fn end(self) -> Result<()> {
        ensure!(self.agent.stop().await?, "the agent did not end well");
        self.installation.delete().await?;
        self.namespace.delete().await
    }

    /// An API for objects of the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.connection.client.clone(), self.ns())
    }

    /// Makes a Secret.
    pub async fn secret(&self, name: &str, data: &[(&str, &str)]) -> Result<()> {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        self.api::<Secret>().patch(name, &PatchParams::apply("e2e").force(), &Patch::Apply(&body)).await?;
        Ok(())
    }

    /// Makes or changes the Repository; `spec` is merged over what works.
    pub async fn repository(&self, name: &str, spec: Value) -> Result<Repository> {
        let mut body = json!({
            "apiVersion": "plumb.dev/v1alpha1", "kind": "Repository", "metadata": {"name": name},
            "spec": {"url": self.git.url(name), "secretRef": {"name": "git"}, "webhook": {"secretRef": {"name": "hook"}}, "interval": "5m"},
        });
        merge(&mut body["spec"], spec);
        Ok(self.api::<Repository>().patch(name, &PatchParams::apply("e2e").force(), &Patch::Apply(&body)).await?)
    }

    /// Makes or changes an Environment of `overlays/<name>`; `spec` is merged over that.
    pub async fn environment(&self, name: &str, spec: Value) -> Result<Environment> {
        let mut body = json!({
            "apiVersion": "plumb.dev/v1alpha1", "kind": "Environment", "metadata": {"name": name},
            "spec": {"repository": {"name": "platform"}, "path": format!("overlays/{name}")},
        });
        merge(&mut body["spec"], spec);
        Ok(self.api::<Environment>().patch(name, &PatchParams::apply("e2e").force(), &Patch::Apply(&body)).await?)
    }

    /// Writes files (those without content are removed), commits, pushes, and lets the webhook tell the agent. Returns the commit.
    pub async fn push(&self, message: &str, files: &[(&str, Option<&str>)]) -> Result<String> {
        self.worktree.pull()?;
        for (path, content) in files {
            match content {
                Some(content) => self.worktree.write(path, content)?,
                None => self.worktree.remove(path)?,
            }
        }
        let revision = self.worktree.commit(message)?;
        self.worktree.push()?;
        // The agent reads the secret of a new Repository a moment after it was made.
        self.wait("the webhook to be accepted", async || {
            let (status, body) = self.hook("platform", HOOK_TOKEN).await?;
            ensure!(status == 202, "the webhook was answered with {status}: {body}");
            Ok(())
        })
        .await?;
        Ok(revision)
    }

    /// Writes an overlay that holds one ConfigMap for each name, all with the same data, and pushes it.
    pub async fn push_config_maps(&self, environment: &str, names: &[&str], value: &str) -> Result<String> {
        let mut kustomization = format!("namespace: {}\nresources: []\n", self.ns());
        let mut files = Vec::new();
        if !names.is_empty() {
            kustomization = format!("namespace: {}\nresources:\n", self.ns());
        }
        for name in names {
            writeln!(kustomization, "  - {name}.yaml")?;
            files.push((format!("overlays/{environment}/{name}.yaml"), config_map(name, value)));
        }
        files.push((format!("overlays/{environment}/kustomization.yaml"), kustomization));
        let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), Some(content.as_str()))).collect();
        self.push(&format!("{environment}: {} = {value}", names.join(", ")), &files).await
    }

    /// Posts a signed webhook, as GitHub does.
    pub async fn hook(&self, repository: &str, token: &str) -> Result<(u16, String)> {
        let body = json!({"ref": "refs/heads/main"}).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes())?;
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let headers = [
            ("X-Hub-Signature-256", signature.as_str()),
            ("X-GitHub-Event", "push"),
            ("Content-Type", "application/json"),
        ];
        self.agent.request("POST", &format!("/hooks/{repository}"), &headers, &body).await
    }

    /// The value of a ConfigMap, if it is there.
    pub async fn value(&self, config_map: &str) -> Result<Option<String>> {
        let map = self.api::<ConfigMap>().get_opt(config_map).await?;
        Ok(map.and_then(|map| map.data?.remove("value")))
    }

    /// Waits until a ConfigMap has a value.
    pub async fn has_value(&self, config_map: &str, value: &str) -> Result<()> {
        self.wait(&format!("ConfigMap {config_map} to have the value {value}"), async || {
            let found = self.value(config_map).await?;
            ensure!(found.as_deref() == Some(value), "{found:?}");
            Ok(())
        })
        .await
    }

    /// Waits until a ConfigMap is gone.
    pub async fn is_gone(&self, config_map: &str) -> Result<()> {
        self.wait(&format!("ConfigMap {config_map} to be gone"), async || {
            ensure!(self.value(config_map).await?.is_none(), "it is there");
            Ok(())
        })
        .await
    }

    /// The status of an environment.
    pub async fn status(&self, environment: &str) -> Result<EnvironmentStatus> {
        Ok(self.api::<Environment>().get(environment).await?.status.unwrap_or_default())
    }

    /// Waits until an environment is ready at a revision.
    pub async fn ready_at(&self, environment: &str, revision: &str) -> Result<EnvironmentStatus> {
        self.wait(&format!("{environment} to be ready at {revision}"), async || {
            let status = self.status(environment).await?;
            let ready = condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True");
            ensure!(ready && status.revision.as_deref() == Some(revision), "{}", serde_json::to_string(&status)?);
            Ok(status)
        })
        .await
    }

    /// Waits until an environment is not ready for this reason, and gives the message.
    pub async fn not_ready(&self, environment: &str, reason: &str) -> Result<String> {
        self.not_ready_saying(environment, reason, "").await
    }

    /// Waits until an environment is not ready for a reason and says so with this text, and returns all that it says.
    pub async fn not_ready_saying(&self, environment: &str, reason: &str, text: &str) -> Result<String> {
        self.wait(&format!("{environment} not to be ready: {reason}"), async || {
            let status = self.status(environment).await?;
            let Some(ready) = condition(&status.conditions, "Ready") else { bail!("no condition Ready") };
            ensure!(
                ready.status == "False" && ready.reason == reason && ready.message.contains(text),
                "{} {}: {}",
                ready.status,
                ready.reason,
                ready.message
            );
            Ok(ready.message.clone())
        })
        .await
    }

    /// Waits for a condition; what the agent logged is part of the error.
    pub async fn wait<T>(&self, what: &str, probe: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        eventually(PATIENCE, what, probe).await.with_context(|| {
            let log = self.agent.log();
            let lines: Vec<_> = log.lines().collect();
            format!("the agent said:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"))
        })
    }

    /// A metric of the agent: the sum over all series that hold each of these label values.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let (status, text) = self.agent.get("/metrics").await?;
        ensure!(status == 200, "/metrics was answered with {status}");
        let series = text.lines().filter(|line| {
            line.split(['{', ' ']).next() == Some(name)
                && labels.iter().all(|label| line.contains(&format!("\"{label}\"")))
        });
        Ok(series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Of these requests those that the agent sent for the objects of environments: not its lease, its events, the status of its own resources, nor watches
    /// that go on by themselves.
    pub fn work_of_the_agent(&self, requests: Requests) -> Requests {
        requests.by_user(&self.installation.user()).only(|request| {
            request.verb != "watch"
                && !matches!(request.resource.as_str(), "leases" | "events")
                && request.group != "plumb.dev"
        })
    }
}

/// A condition by its type.
pub fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// A ConfigMap with one value.
pub fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: {value}\n")
}

/// A Deployment that never becomes healthy: no node has the label that it asks for, so its pod stays pending.
pub fn unschedulable(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {"example.com/nowhere": "true"},
                    "containers": [{"name": name, "image": "web:1"}],
                },
            },
        },
    })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from,
    }
}
