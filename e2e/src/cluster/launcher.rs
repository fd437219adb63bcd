//! Starting a local cluster, and stopping it.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures::future::select_all;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt as _};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::{Child, Command};

use super::certificates::{Certificates, write};
use super::component::{Component, Ports};
use super::connection::connect;
use super::eventually::eventually;
use super::kubeconfig::kubeconfig;
use super::layout::Layout;
use super::process;

const READY: Duration = Duration::from_secs(120);
/// Lines of a failed component's log that an error shows.
const TAIL: usize = 20;

/// What kind of cluster to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Clusters with different names run side by side.
    pub name: String,
    /// How many nodes it has; half of them in zone-a, half in zone-b.
    pub nodes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { name: "default".to_owned(), nodes: 2 }
    }
}

/// A running cluster. Dropping it stops what this launcher started, unless it was told to [`LocalCluster::detach`].
#[derive(Debug)]
pub struct LocalCluster {
    layout: Layout,
    children: Vec<(Component, Child)>,
    started: Vec<Pid>,
    /// Where a cluster that this launcher started listens.
    ports: Option<Ports>,
    detached: bool,
}

impl LocalCluster {
    /// Builds what is missing, starts the cluster and waits until it can run pods, with progress on stderr. A cluster of this name that
    /// is running and ready is used as it is; what is left of one that is not is cleared away first.
    ///
    /// Dropping the future in the middle (for instance at Ctrl-C) stops what was started.
    pub async fn start(options: &Options) -> Result<Self> {
        let layout = Layout::new(&options.name)?;
        ensure!(options.nodes > 0, "a cluster of 0 nodes runs no pods: ask for at least 1");
        build(&layout).await?;
        let _lock = lock(&layout).await?;
        if is_ready(&layout).await? {
            return Ok(Self { layout, children: Vec::new(), started: Vec::new(), ports: None, detached: false });
        }
        // Another program may take a free port before the component that was to have it.
        for _ in 0..2 {
            match Self::launch(layout.clone(), options.nodes).await {
                Err(error) if error.to_string().contains("address already in use") => {
                    eprintln!("==> a port was taken meanwhile; trying again with others");
                }
                outcome => return outcome,
            }
        }
        Self::launch(layout, options.nodes).await
    }

    /// Whether this launcher started it; else it was running already.
    pub fn is_new(&self) -> bool {
        !self.started.is_empty()
    }

    /// Where its files are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Lets it run on after this program's end. [`stop`] stops it.
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// Waits for a component to end, which none does by itself, and tells which and what it said last.
    pub async fn failed(&mut self) -> anyhow::Error {
        if self.children.is_empty() {
            return std::future::pending().await;
        }
        let ends = self.children.iter_mut().map(|(component, child)| {
            Box::pin(async move {
                let status = child.wait().await;
                (*component, status)
            })
        });
        let ((component, status), _, _) = select_all(ends).await;
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let path = self.layout.log(component);
        anyhow!("{} ended ({how}); the end of {}:\n{}", component.binary(), path.display(), tail(&path))
    }

    /// Sends a signal to a component that this launcher started, for instance to pause it.
    pub fn signal(&self, component: Component, signal: Signal) -> Result<()> {
        let child = self.children.iter().find(|(started, _)| *started == component).map(|(_, child)| child);
        let pid = child.and_then(Child::id).with_context(|| format!("{component:?} was not started here"))?;
        kill(Pid::from_raw(pid.try_into()?), signal)?;
        Ok(())
    }

    /// Ends a component without a warning, and starts it again at the same address.
    pub async fn restart(&mut self, component: Component) -> Result<()> {
        let place = self.children.iter().position(|(started, _)| *started == component);
        let ports = self.ports.context("the cluster was not started here")?;
        let (_, mut child) =
            self.children.remove(place.with_context(|| format!("{component:?} was not started here"))?);
        child.kill().await?;
        self.spawn(component, &ports)
    }

    async fn launch(layout: Layout, nodes: u32) -> Result<Self> {
        let began = Instant::now();
        if process::stop(&layout, None)? > 0 {
            eprintln!("==> stopped what was left of the cluster {}", layout.name());
        }
        let ports = prepare(&layout)?;
        let mut cluster =
            Self { layout, children: Vec::new(), started: Vec::new(), ports: Some(ports), detached: false };
        let layout = cluster.layout.clone();

        progress(began, "starting etcd and the API server");
        cluster.spawn(Component::Etcd, &ports)?;
        cluster.spawn(Component::ApiServer, &ports)?;
        let client = connect(&layout.unfinished_kubeconfig()).await?;
        cluster.unless_it_fails(Component::ApiServer, api_server_ready(&client)).await?;

        progress(began, "starting the controller-manager, the scheduler and KWOK");
        cluster.unless_it_fails(Component::ApiServer, create_objects(&layout)).await?;
        for component in [Component::ControllerManager, Component::Scheduler, Component::Kwok] {
            cluster.spawn(component, &ports)?;
        }
        cluster.unless_it_fails(Component::ApiServer, create_nodes(&client, nodes)).await?;

        progress(began, &format!("waiting for {nodes} nodes and the default service account"));
        cluster.unless_it_fails(Component::Kwok, nodes_ready(&client, nodes)).await?;
        cluster.unless_it_fails(Component::ControllerManager, service_account_ready(&client)).await?;
        fs::rename(layout.unfinished_kubeconfig(), layout.kubeconfig()).context("can't write the kubeconfig")?;
        progress(began, &format!("the cluster {} is ready", layout.name()));
        Ok(cluster)
    }

    fn spawn(&mut self, component: Component, ports: &Ports) -> Result<()> {
        let child = process::spawn(component, &self.layout, ports)?;
        let pid = child.id().context("a process that was just started has no id")?;
        self.started.push(Pid::from_raw(pid.try_into()?));
        self.children.push((component, child));
        Ok(())
    }

    /// Waits for a step, or for the end of a component. A step that fails shows what `responsible` said last.
    async fn unless_it_fails<T>(&mut self, responsible: Component, step: impl Future<Output = Result<T>>) -> Result<T> {
        let path = self.layout.log(responsible);
        tokio::select! {
            done = step => done.map_err(|error| anyhow!("{error:#}; the end of {}:\n{}", path.display(), tail(&path))),
            error = self.failed() => Err(error),
        }
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        if self.detached || self.started.is_empty() {
            return;
        }
        eprintln!("==> stopping the cluster {}", self.layout.name());
        if let Err(error) = process::stop(&self.layout, Some(&self.started)) {
            eprintln!("{error:#}");
        }
    }
}

/// Stops the cluster of this name and removes its keys and data; its logs stay until the next start. Says how many processes there were.
pub async fn stop(name: &str) -> Result<usize> {
    let layout = Layout::new(name)?;
    let _lock = lock(&layout).await?;
    let stopped = process::stop(&layout, None)?;
    let run = layout.run();
    if run.exists() {
        for entry in fs::read_dir(&run)? {
            let path = entry?.path();
            if path == layout.logs() {
                continue;
            }
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
                .with_context(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(stopped)
}

impl Layout {
    /// Whether the cluster was started to the end and all of it is running, which is not yet to say that it answers.
    pub fn is_running(&self) -> Result<bool> {
        let found = process::find(self)?;
        Ok(self.kubeconfig().exists()
            && Component::ALL.iter().all(|component| found.iter().any(|(running, _)| running == component)))
    }
}

async fn is_ready(layout: &Layout) -> Result<bool> {
    if !layout.is_running()? {
        return Ok(false);
    }
    let client = connect(&layout.kubeconfig()).await?;
    Ok(eventually(Duration::from_secs(10), "the API server", async || api_server_answers(&client).await).await.is_ok())
}

fn progress(began: Instant, what: &str) {
    eprintln!("==> {what} ({:.1} s)", began.elapsed().as_secs_f32());
}

/// Runs the build script, which ends at once when there is nothing to build.
async fn build(layout: &Layout) -> Result<()> {
    /// `go build` has children: all of the group are to end with this future.
    struct Group(Option<Pid>);
    impl Drop for Group {
        fn drop(&mut self) {
            if let Some(group) = self.0 {
                // It fails when the group has ended meanwhile, and then there is nothing to do.
                let _ = killpg(group, Signal::SIGTERM);
            }
        }
    }
    let script = layout.build_script();
    let mut child = Command::new("bash")
        .arg(&script)
        .args(["controlplane", "kwok"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("can't run {}", script.display()))?;
    let pid = child.id().and_then(|pid| pid.try_into().ok()).map(Pid::from_raw);
    let mut group = Group(pid);
    let status = child.wait().await?;
    group.0 = None;
    ensure!(status.success(), "{} failed ({status}): see above", script.display());
    Ok(())
}

/// One command at a time changes a cluster. The lock ends with this program, however it ends.
async fn lock(layout: &Layout) -> Result<File> {
    let path = layout.lock();
    let parent = path.parent().context("the lock has no directory")?;
    fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        eprintln!("==> waiting for another command that starts or stops the cluster {}", layout.name());
        eventually(Duration::from_secs(600), "another local-cluster command", async || Ok(file.try_lock()?)).await?;
    }
    Ok(file)
}

/// Writes everything that the components read.
fn prepare(layout: &Layout) -> Result<Ports> {
    let run = layout.run();
    if run.exists() {
        fs::remove_dir_all(&run).with_context(|| format!("can't clear {}", run.display()))?;
    }
    // It holds keys.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(layout.data("etcd"))
        .and_then(|()| fs::create_dir_all(layout.logs()))
        .with_context(|| format!("can't make {}", run.display()))?;

    let ports = Ports::free()?;
    let certificates = Certificates::create(layout).context("can't make certificates")?;
    let context = format!("plumb-{}", layout.name());
    let write_kubeconfig = |path: &std::path::Path, user: &str, group: Option<&str>| -> Result<()> {
        let credentials = certificates.client(user, group)?;
        write(path, &kubeconfig(&context, ports.api_server, &certificates.authority, user, &credentials))
    };
    for component in Component::ALL {
        if let Some(user) = component.user() {
            write_kubeconfig(&layout.component_kubeconfig(component), user, None)?;
        }
    }
    write_kubeconfig(&layout.unfinished_kubeconfig(), "kubernetes-admin", Some("system:masters"))?;
    Ok(ports)
}

async fn api_server_ready(client: &Client) -> Result<()> {
    eventually(READY, "the API server to be ready", async || api_server_answers(client).await).await
}

async fn api_server_answers(client: &Client) -> Result<()> {
    let request = http::Request::get("/readyz").body(Vec::new())?;
    let answer = client.request_text(request).await?;
    ensure!(answer == "ok", "{answer}");
    Ok(())
}

async fn create_objects(layout: &Layout) -> Result<()> {
    let output = Command::new(layout.binary("kubectl"))
        .args(["apply", "--server-side", "--field-manager=local-cluster", "--filename"])
        .arg(layout.config("objects.yaml"))
        .arg("--kubeconfig")
        .arg(layout.unfinished_kubeconfig())
        .arg("--cache-dir")
        .arg(layout.data("kubectl-cache"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("can't run kubectl")?;
    ensure!(
        output.status.success(),
        "can't create the cluster's own objects: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

async fn create_nodes(client: &Client, nodes: u32) -> Result<()> {
    let api = Api::<Node>::all(client.clone());
    for number in 0..nodes {
        let name = format!("node-{number}");
        let zone = if number % 2 == 0 { "zone-a" } else { "zone-b" };
        let node: Node = serde_json::from_value(json!({
            "metadata": {
                "name": name,
                "annotations": { "kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0" },
                "labels": {
                    "kubernetes.io/arch": "amd64",
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "topology.kubernetes.io/region": "local",
                    "topology.kubernetes.io/zone": zone,
                },
            },
        }))?;
        api.create(&PostParams::default(), &node).await.with_context(|| format!("can't create {name}"))?;
    }
    Ok(())
}

async fn nodes_ready(client: &Client, nodes: u32) -> Result<()> {
    let api = Api::<Node>::all(client.clone());
    eventually(READY, "the nodes to be ready", async || {
        let mut ready = 0;
        let mut seen = String::new();
        for node in api.list(&ListParams::default()).await? {
            let name = node.name_any();
            let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
            let is_ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
            // The node controller takes this taint away when it has seen the node ready: pods are not scheduled before.
            let tainted = node.spec.and_then(|spec| spec.taints).is_some_and(|taints| !taints.is_empty());
            ready += u32::from(is_ready && !tainted);
            write!(seen, "{name} ready={is_ready} tainted={tainted} ")?;
        }
        if ready < nodes {
            bail!("{seen}");
        }
        Ok(())
    })
    .await
}

async fn service_account_ready(client: &Client) -> Result<()> {
    let api = Api::<ServiceAccount>::namespaced(client.clone(), "default");
    eventually(READY, "the service account of the namespace default", async || Ok(api.get("default").await?)).await?;
    Ok(())
}

fn tail(path: &std::path::Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
