//! The parts of a local cluster and how each is called.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::layout::Layout;

/// One program of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The database of the API server.
    Etcd,
    /// `kube-apiserver`.
    ApiServer,
    /// `kube-controller-manager`, with all its controllers.
    ControllerManager,
    /// `kube-scheduler`.
    Scheduler,
    /// Plays the nodes: see `e2e/cluster/config/stages.yaml`.
    Kwok,
}

/// A port of loopback for each listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) api_server: u16,
    etcd: u16,
    etcd_peers: u16,
    controller_manager: u16,
    scheduler: u16,
}

impl Ports {
    /// Five ports that were free a moment ago.
    pub(super) fn free() -> Result<Self> {
        // All are held at once, else the system may give the same one twice.
        let mut held = Vec::new();
        let mut next = || -> Result<u16> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        Ok(Self {
            api_server: next()?,
            etcd: next()?,
            etcd_peers: next()?,
            controller_manager: next()?,
            scheduler: next()?,
        })
    }
}

impl Component {
    /// In the order in which they start; they stop in the reverse of it.
    pub const ALL: [Self; 5] = [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Kwok];

    /// The file name of the program.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
        }
    }

    /// The user that it is for the API server, if it is a client of it. RBAC of the API server itself gives the first two their rights.
    pub(super) fn user(self) -> Option<&'static str> {
        match self {
            Self::Etcd | Self::ApiServer => None,
            Self::ControllerManager => Some("system:kube-controller-manager"),
            Self::Scheduler => Some("system:kube-scheduler"),
            Self::Kwok => Some("system:kwok"),
        }
    }

    /// Its command line. Each one names a file below the run directory: that is how its process is found again.
    pub(super) fn arguments(self, layout: &Layout, ports: &Ports) -> Vec<String> {
        match self {
            Self::Etcd => etcd(layout, ports),
            Self::ApiServer => api_server(layout, ports),
            Self::ControllerManager => controller_manager(layout, ports),
            Self::Scheduler => scheduler(layout, ports),
            Self::Kwok => kwok(layout),
        }
    }
}

fn etcd(layout: &Layout, ports: &Ports) -> Vec<String> {
    let clients = format!("https://127.0.0.1:{}", ports.etcd);
    let peers = format!("https://127.0.0.1:{}", ports.etcd_peers);
    let certificate = show(&layout.certificate("etcd"));
    let key = show(&layout.key("etcd"));
    let authority = show(&layout.certificate("etcd-ca"));
    vec![
        "--name=local".into(),
        format!("--data-dir={}", layout.data("etcd").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=local={peers}"),
        format!("--cert-file={certificate}"),
        format!("--key-file={key}"),
        format!("--trusted-ca-file={authority}"),
        "--client-cert-auth=true".into(),
        format!("--peer-cert-file={certificate}"),
        format!("--peer-key-file={key}"),
        format!("--peer-trusted-ca-file={authority}"),
        "--peer-client-cert-auth=true".into(),
        // The data is thrown away with the cluster, and waiting for the disk is most of the time of a write.
        "--unsafe-no-fsync=true".into(),
        "--log-level=warn".into(),
    ]
}

fn api_server(layout: &Layout, ports: &Ports) -> Vec<String> {
    let certificate = |name| show(&layout.certificate(name));
    let key = |name| show(&layout.key(name));
    vec![
        "--bind-address=127.0.0.1".into(),
        "--advertise-address=127.0.0.1".into(),
        format!("--secure-port={}", ports.api_server),
        // A loopback address may not be in an Endpoints object, and nothing here routes to the service anyway.
        "--endpoint-reconciler-type=none".into(),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        format!("--etcd-servers=https://127.0.0.1:{}", ports.etcd),
        format!("--etcd-cafile={}", certificate("etcd-ca")),
        format!("--etcd-certfile={}", certificate("apiserver-etcd-client")),
        format!("--etcd-keyfile={}", key("apiserver-etcd-client")),
        format!("--tls-cert-file={}", certificate("apiserver")),
        format!("--tls-private-key-file={}", key("apiserver")),
        format!("--client-ca-file={}", certificate("ca")),
        "--anonymous-auth=false".into(),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-key-file={}", certificate("service-accounts")),
        format!("--service-account-signing-key-file={}", key("service-accounts")),
        format!("--requestheader-client-ca-file={}", certificate("front-proxy-ca")),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        format!("--proxy-client-cert-file={}", certificate("front-proxy-client")),
        format!("--proxy-client-key-file={}", key("front-proxy-client")),
        // There is no kube-proxy: webhooks and aggregated servers are reached at their endpoints.
        "--enable-aggregator-routing=true".into(),
        format!("--audit-policy-file={}", layout.config("audit-policy.yaml").display()),
        format!("--audit-log-path={}", layout.audit_log().display()),
        // Megabytes. A rotated log would lose the place that a test has marked.
        "--audit-log-maxsize=10000".into(),
        "--profiling=false".into(),
    ]
}

fn controller_manager(layout: &Layout, ports: &Ports) -> Vec<String> {
    let mut arguments = client(layout, Component::ControllerManager, ports.controller_manager);
    arguments.extend([
        format!("--client-ca-file={}", layout.certificate("ca").display()),
        format!("--root-ca-file={}", layout.certificate("ca").display()),
        format!("--cluster-signing-cert-file={}", layout.certificate("ca").display()),
        format!("--cluster-signing-key-file={}", layout.key("ca").display()),
        format!("--requestheader-client-ca-file={}", layout.certificate("front-proxy-ca").display()),
        format!("--service-account-private-key-file={}", layout.key("service-accounts").display()),
        "--use-service-account-credentials=true".into(),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
    ]);
    arguments
}

fn scheduler(layout: &Layout, ports: &Ports) -> Vec<String> {
    client(layout, Component::Scheduler, ports.scheduler)
}

fn client(layout: &Layout, component: Component, port: u16) -> Vec<String> {
    let kubeconfig = show(&layout.component_kubeconfig(component));
    vec![
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        // There is one of each, and a Lease would only delay the start.
        "--leader-elect=false".into(),
        // The defaults hold back tests that make hundreds of objects.
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
        "--profiling=false".into(),
    ]
}

fn kwok(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.component_kubeconfig(Component::Kwok).display()),
        format!("--config={}", layout.config("stages.yaml").display()),
        "--manage-all-nodes=true".into(),
        "--node-lease-duration-seconds=40".into(),
        "--cidr=10.64.0.0/16".into(),
        "--node-ip=10.63.0.1".into(),
    ]
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_lines() -> Vec<(Component, Vec<String>)> {
        let layout = Layout::new("unit").unwrap();
        let ports = Ports::free().unwrap();
        Component::ALL.into_iter().map(|component| (component, component.arguments(&layout, &ports))).collect()
    }

    #[test]
    fn nothing_is_open_to_anybody() {
        for (component, arguments) in command_lines() {
            let line = arguments.join(" ");
            for open in ["insecure", "AlwaysAllow", "http://", "0.0.0.0", "anonymous-auth=true"] {
                assert!(!line.contains(open), "{component:?} has {open}: {line}");
            }
        }
    }

    #[test]
    fn every_command_line_names_the_run_directory() {
        let run = format!("{}/", Layout::new("unit").unwrap().run().display());
        for (component, arguments) in command_lines() {
            assert!(arguments.iter().any(|argument| argument.contains(&run)), "{component:?}: {arguments:?}");
        }
    }

    #[test]
    fn ports_differ() {
        let ports = Ports::free().unwrap();
        let mut all = [ports.api_server, ports.etcd, ports.etcd_peers, ports.controller_manager, ports.scheduler];
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
    }
}
