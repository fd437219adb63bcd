//! A stage whose repository is on a real Gitea, with accounts for a person and for Plumb, and a webhook from Gitea to the agent.

use anyhow::{Context as _, Result, bail, ensure};
use plumb_api::Environment;
use serde_json::{Value, json};

use crate::git_server::{Gitea, User, Worktree};
use crate::stage::{HOOK_TOKEN, Stage, config_map};

/// The name of the Repository.
const REPOSITORY: &str = "forge";

/// A stage for one test of pull requests.
pub struct ForgeStage {
    /// Cluster, namespace and agent. The checkout is one of the repository on Gitea, with Ada's credentials.
    pub stage: Stage,
    /// The forge.
    pub gitea: Gitea,
    /// A person who may push and merge.
    pub ada: User,
}

/// A pull request as the API of Gitea gives it.
pub struct Pull(pub Value);

impl Pull {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.0["number"].as_u64().unwrap_or_default()
    }

    /// Its body.
    pub fn body(&self) -> &str {
        self.0["body"].as_str().unwrap_or_default()
    }

    /// Its title.
    pub fn title(&self) -> &str {
        self.0["title"].as_str().unwrap_or_default()
    }

    /// The commit at its head.
    pub fn head(&self) -> &str {
        self.0["head"]["sha"].as_str().unwrap_or_default()
    }
}

impl ForgeStage {
    /// Sets everything up, with an empty repository.
    pub async fn new(prefix: &str) -> Result<Self> {
        let mut stage = Stage::new(prefix).await?;
        let gitea = tokio::task::spawn_blocking(Gitea::start).await??;
        gitea.create_repository("platform")?;
        let plumb = gitea.collaborator("plumb", "platform")?;
        let ada = gitea.collaborator("ada", "platform")?;
        stage.worktree = Worktree::clone(&gitea.clone_url_as(&ada, "platform"))?;
        gitea.create_webhook("platform", &format!("{}/hooks/{REPOSITORY}", stage.agent.url()), HOOK_TOKEN)?;
        stage.secret("forge", &[("username", &plumb.name), ("password", &plumb.token)]).await?;
        let spec =
            json!({"url": gitea.clone_url("platform"), "secretRef": {"name": "forge"}, "forge": {"type": "Gitea"}});
        stage.repository(REPOSITORY, spec).await?;
        Ok(Self { stage, gitea, ada })
    }

    /// Makes or changes an Environment of `overlays/<name>`.
    pub async fn environment(&self, name: &str, spec: Value) -> Result<Environment> {
        let mut whole = json!({"repository": {"name": REPOSITORY}});
        for (key, value) in spec.as_object().context("a spec is an object")? {
            whole[key] = value.clone();
        }
        self.stage.environment(name, whole).await
    }

    /// Pushes a base with one ConfigMap and overlays for `dev` and `prod`. Only Gitea tells the agent.
    pub fn push(&self, value: &str, message: &str) -> Result<String> {
        self.stage.worktree.pull()?;
        self.write(value)?;
        let revision = self.stage.worktree.commit(message)?;
        self.stage.worktree.push()?;
        Ok(revision)
    }

    /// Writes the files of [`ForgeStage::push`].
    pub fn write(&self, value: &str) -> Result<()> {
        let worktree = &self.stage.worktree;
        worktree.write("base/kustomization.yaml", "resources: [a.yaml]\n")?;
        worktree.write("base/a.yaml", config_map("a", value))?;
        for name in ["dev", "prod"] {
            let overlay = format!("namespace: {}\nresources: [../../base]\nnameSuffix: -{name}\n", self.stage.ns());
            worktree.write(&format!("overlays/{name}/kustomization.yaml"), overlay)?;
        }
        Ok(())
    }

    /// Pushes a branch with the files as they are written by `write`, and opens a pull request for it.
    pub async fn open(&self, branch: &str, write: impl FnOnce(&Self) -> Result<()>) -> Result<Pull> {
        let worktree = &self.stage.worktree;
        worktree.pull()?;
        worktree.git(&["checkout", "-q", "-B", branch])?;
        write(self)?;
        worktree.commit(&format!("change of {branch}"))?;
        worktree.git(&["push", "-q", "--force", "origin", branch])?;
        worktree.git(&["checkout", "-q", "main"])?;
        let body = json!({"head": branch, "base": "main", "title": branch, "body": ""});
        let path = self.gitea.path("platform", "pulls");
        // Gitea knows no pull requests of a repository until it has noted the first push to it.
        let opened =
            self.stage.wait("the pull request to be opened", async || self.gitea.call(&self.ada, "POST", &path, &body));
        Ok(Pull(opened.await?))
    }

    /// The open pull requests.
    pub fn pulls(&self) -> Result<Vec<Pull>> {
        let path = self.gitea.path("platform", "pulls?state=open");
        let all = self.gitea.call(&self.ada, "GET", &path, &Value::Null)?;
        Ok(all.as_array().into_iter().flatten().cloned().map(Pull).collect())
    }

    /// Waits for the open pull request that promotes to `environment`, until `fits` is content with it.
    pub async fn promotion(&self, environment: &str, fits: impl Fn(&Pull) -> Result<()>) -> Result<Pull> {
        let branch = format!("plumb/promote/{environment}");
        let what = format!("the pull request of {environment}");
        self.stage
            .wait(&what, async || {
                let found = self.pulls()?.into_iter().find(|pull| pull.0["head"]["ref"] == branch.as_str());
                let Some(pull) = found else {
                    bail!("there is none: {:?}", self.stage.status(environment).await?.promotions)
                };
                fits(&pull)?;
                Ok(pull)
            })
            .await
    }

    /// Merges a pull request as a person does, who leaves the message to Gitea: `merge`, `squash` or `rebase`.
    pub async fn merge(&self, number: u64, method: &str) -> Result<()> {
        let path = self.gitea.path("platform", &format!("pulls/{number}/merge"));
        // Gitea looks for conflicts after each push, and merges nothing before it has.
        let merged =
            self.stage.wait("the merge", async || self.gitea.call(&self.ada, "POST", &path, &json!({"Do": method})));
        merged.await.map(drop)
    }

    /// The state of each commit status, by name.
    pub fn statuses(&self, commit: &str) -> Result<std::collections::BTreeMap<String, String>> {
        let path = self.gitea.path("platform", &format!("commits/{commit}/status"));
        let combined = self.gitea.call(&self.ada, "GET", &path, &Value::Null)?;
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let all = combined["statuses"].as_array().into_iter().flatten();
        Ok(all.map(|it| (text(it, "context"), text(it, "status"))).collect())
    }

    /// The comments of a pull request.
    pub fn comments(&self, number: u64) -> Result<Vec<String>> {
        let path = self.gitea.path("platform", &format!("issues/{number}/comments"));
        let all = self.gitea.call(&self.ada, "GET", &path, &Value::Null)?;
        Ok(all.as_array().into_iter().flatten().filter_map(|it| Some(it["body"].as_str()?.to_owned())).collect())
    }

    /// Ends the agent, and then the forge.
    pub async fn end(self) -> Result<()> {
        self.stage.end().await?;
        ensure!(!self.gitea.log().contains("panic"), "Gitea panicked:\n{}", self.gitea.log());
        Ok(())
    }
}
