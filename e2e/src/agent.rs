//! The agent under test: the real binary, as a process beside the cluster, with the rights that the chart gives it and no others.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams, config::Kubeconfig};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

use crate::{
    clock::Clock,
    cluster::{Connection, Layout, eventually},
    proxy::FaultyProxy,
};

/// Names the binary of the agent; without it, the one of the debug build is used.
pub const BINARY_VARIABLE: &str = "PLUMB_BIN";
/// What the agent logs; without it, all that it can.
pub const LOG_VARIABLE: &str = "PLUMB_LOG";

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// The binary of the agent.
pub fn binary() -> Result<PathBuf> {
    std::env::var_os(BINARY_VARIABLE).map_or_else(debug_build, |path| built(PathBuf::from(path)))
}

/// The debug build of the agent, which the C library loads.
fn debug_build() -> Result<PathBuf> {
    built(root().join("target/debug/plumb"))
}

fn built(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} is not there: run e2e/test.sh, or cargo build -p plumb", path.display());
    Ok(path)
}

/// One of the tools of `e2e/cluster/bin`.
pub fn tool(name: &str) -> Result<PathBuf> {
    Ok(Layout::new("tools")?.binary(name))
}

/// The chart, rendered by Helm for a release that is named like its namespace.
pub async fn chart(namespace: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(tool("helm")?)
        .args(["template", namespace, "--namespace", namespace, "--set", &format!("fullnameOverride={namespace}")])
        .args(arguments)
        .arg(root().join("charts/plumb"))
        .output()
        .await?;
    ensure!(output.status.success(), "helm template failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs kubectl as the administrator of the cluster of `KUBECONFIG`, with `input` at its standard input, and gives what it prints.
pub async fn kubectl(arguments: &[&str], input: &str) -> Result<String> {
    run_kubectl(Command::new(tool("kubectl")?), arguments, input).await
}

impl Connection {
    /// The same as [`kubectl`] for the cluster of this connection.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = Command::new(tool("kubectl")?);
        command.env("KUBECONFIG", &self.kubeconfig_path);
        run_kubectl(command, arguments, input).await
    }
}

async fn run_kubectl(mut command: Command, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("kubectl has no standard input")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "kubectl {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The rights of an agent: what the chart makes, and what it adds in the cluster as a whole is deleted at the end.
#[derive(Clone)]
pub struct Installation {
    namespace: String,
    connection: Connection,
    cluster_wide: String,
    kubeconfig: String,
    clock: Option<Clock>,
}

impl Installation {
    /// Makes the service account and its rights, and the custom resource definitions.
    pub async fn new(connection: &Connection, namespace: &str) -> Result<Self> {
        connection
            .kubectl(
                &[
                    "apply",
                    "--server-side",
                    "--force-conflicts",
                    "-f",
                    &root().join("charts/plumb/crds").display().to_string(),
                ],
                "",
            )
            .await?;
        // A definition that was made a moment ago has no conditions yet, which kubectl takes for an error.
        let wait = [
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd/repositories.plumb.dev",
            "crd/environments.plumb.dev",
            "crd/promotions.plumb.dev",
        ];
        eventually(Duration::from_secs(60), "the definitions to be established", async || {
            connection.kubectl(&wait, "").await.map(drop)
        })
        .await?;
        let rendered = chart(namespace, &[]).await?;
        let of_kinds = |kinds: &[&str]| {
            let is =
                |document: &&str| kinds.iter().any(|kind| document.lines().any(|line| line == format!("kind: {kind}")));
            rendered.split("\n---").filter(is).collect::<Vec<_>>().join("\n---\n")
        };
        connection
            .kubectl(
                &["apply", "--server-side", "-f", "-"],
                &of_kinds(&["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]),
            )
            .await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(connection.client.clone(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(7_200), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let token = accounts.create_token_request(namespace, &PostParams::default(), &request).await?;
        let token = token.status.context("the token request was answered without a token")?.token;
        Ok(Self {
            namespace: namespace.to_owned(),
            connection: connection.clone(),
            cluster_wide: of_kinds(&["ClusterRole", "ClusterRoleBinding"]),
            kubeconfig: kubeconfig(&connection.kubeconfig, &token)?,
            clock: None,
        })
    }

    /// From now on agents that are started go by this clock.
    pub fn go_by(&mut self, clock: &Clock) {
        self.clock = Some(clock.clone());
    }

    /// From now on agents that are started go through a proxy.
    pub fn go_through(&mut self, proxy: &FaultyProxy) -> Result<()> {
        let mut value: serde_json::Value = serde_json::from_str(&self.kubeconfig)?;
        for cluster in value["clusters"].as_array_mut().into_iter().flatten() {
            cluster["cluster"] = serde_json::json!({
                "server": proxy.url(), "certificate-authority-data": STANDARD.encode(proxy.authority()),
            });
        }
        self.kubeconfig = value.to_string();
        Ok(())
    }

    /// The user that the audit log shows.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{0}:{0}", self.namespace)
    }

    /// Takes the rights in the cluster as a whole away again.
    pub async fn delete(self) -> Result<()> {
        let arguments = ["delete", "--ignore-not-found", "--wait=false", "-f", "-"];
        self.connection.kubectl(&arguments, &self.cluster_wide).await.map(drop)
    }
}

/// The administrator's kubeconfig with the token of the agent instead of the administrator's certificate.
fn kubeconfig(admin: &Kubeconfig, token: &str) -> Result<String> {
    let mut value = serde_json::to_value(admin)?;
    let current = value["current-context"].as_str().unwrap_or_default().to_owned();
    let contexts = value["contexts"].as_array().cloned().unwrap_or_default();
    let context = contexts
        .iter()
        .find(|context| context["name"] == current.as_str())
        .context("KUBECONFIG has no current context")?;
    let cluster = context["context"]["cluster"].clone();
    value["users"] = serde_json::json!([{"name": "plumb", "user": {"token": token}}]);
    value["contexts"] = serde_json::json!([{"name": "plumb", "context": {"cluster": cluster, "user": "plumb"}}]);
    value["current-context"] = "plumb".into();
    Ok(value.to_string())
}

/// A running agent. Dropping it kills the process.
pub struct Agent {
    child: Child,
    directory: TempDir,
    port: u16,
    namespace: String,
    identity: String,
    clock: Option<Clock>,
}

impl Agent {
    /// Starts an agent that follows one namespace, and waits until it is ready.
    pub async fn start(installation: &Installation) -> Result<Self> {
        let agent = Self::spawn(installation, "one", &[])?;
        agent.ready().await?;
        Ok(agent)
    }

    /// Starts an agent without waiting for it.
    pub fn spawn(installation: &Installation, identity: &str, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("kubeconfig"), &installation.kubeconfig)?;
        // The port is free when it is asked for, and nothing else here takes ports of this range meanwhile.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (namespace, identity) = (installation.namespace.clone(), identity.to_owned());
        let clock = installation.clock.clone();
        let child = launch(directory.path(), port, &namespace, &identity, clock.as_ref(), arguments)?;
        Ok(Self { child, directory, port, namespace, identity, clock })
    }

    /// Ends the process without a warning; its files stay as they are.
    pub async fn crash(&mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Starts the process again after a crash, at the same address.
    pub fn start_again(&mut self, arguments: &[&str]) -> Result<()> {
        let (directory, clock) = (self.directory.path(), self.clock.as_ref());
        self.child = launch(directory, self.port, &self.namespace, &self.identity, clock, arguments)?;
        Ok(())
    }

    /// The id of the process.
    pub fn id(&self) -> Result<u32> {
        self.child.id().context("the agent has ended already")
    }

    /// Waits until the agent says that it is ready.
    pub async fn ready(&self) -> Result<()> {
        let ready = eventually(Duration::from_secs(60), "the agent to be ready", async || {
            let (status, body) = self.get("/readyz").await?;
            ensure!(status == 200, "{status}: {body}");
            Ok(())
        });
        ready.await.with_context(|| self.log())
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Asks for a page: the status and the body.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        self.request("GET", path, &[], "").await
    }

    /// Sends a request: the status and the body of the answer.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(u16, String)> {
        use tokio::io::AsyncReadExt as _;
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("no HTTP answer: {answer}"))?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        Ok((status, body))
    }

    /// Tells the agent to end, and waits until it did. `true` when it ended well.
    pub async fn stop(mut self) -> Result<bool> {
        self.signal(Signal::SIGTERM)?;
        match tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await {
            Ok(status) => Ok(status?.success()),
            Err(_) => bail!("the agent did not end within 30 s of SIGTERM:\n{}", self.log()),
        }
    }

    /// Ends the agent without a warning.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.id()?)?), signal)?;
        Ok(())
    }
}

/// Starts the process, which adds to the log of those before it.
fn launch(
    directory: &Path,
    port: u16,
    namespace: &str,
    identity: &str,
    clock: Option<&Clock>,
    arguments: &[&str],
) -> Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log"))?;
    let verbosity = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| "info,plumb=debug".into());
    let mut command = Command::new(if clock.is_some() { debug_build()? } else { binary()? });
    if let Some(clock) = clock {
        command.envs(clock.environment()?);
    }
    let child = command
        .args(["agent", "--listen", &format!("127.0.0.1:{port}"), "--namespace", namespace])
        .args(["--watch-namespace", namespace, "--identity", identity])
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(arguments)
        .env("KUBECONFIG", directory.join("kubeconfig"))
        .env("HOME", directory)
        .env(LOG_VARIABLE, verbosity)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}
