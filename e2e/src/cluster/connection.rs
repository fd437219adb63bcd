//! The connection of a test to the cluster.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use http::{HeaderName, HeaderValue};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::audit::AuditLog;
use super::layout::Layout;
use super::namespace::Namespace;

/// Names the file of the API server's audit log, which a kubeconfig doesn't.
pub const AUDIT_LOG_VARIABLE: &str = "PLUMB_E2E_AUDIT_LOG";

const HOW: &str =
    "run e2e/test.sh, which starts a cluster, or start one with: eval \"$(cargo run -p e2e -- local-cluster up)\"";

/// A connection to the cluster as its administrator.
#[derive(Clone)]
pub struct Connection {
    /// The administrator's client. It belongs to the runtime that made it: each test wants its own.
    pub client: Client,
    /// How the client connects; a copy with other credentials is another user.
    pub config: Config,
    /// The administrator's kubeconfig.
    pub kubeconfig: Kubeconfig,
    /// Where that is, as the variable `KUBECONFIG` has it.
    pub kubeconfig_path: OsString,
    audit: Option<AuditLog>,
}

/// Connects to the cluster of `KUBECONFIG`. `PLUMB_E2E_AUDIT_LOG` may name its audit log.
pub async fn shared() -> Result<Connection> {
    let kubeconfig = Kubeconfig::from_env()
        .with_context(|| format!("KUBECONFIG can't be read: {HOW}"))?
        .with_context(|| format!("KUBECONFIG is not set: {HOW}"))?;
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config.clone())?;
    client
        .apiserver_version()
        .await
        .with_context(|| format!("the cluster of KUBECONFIG, {}, doesn't answer: {HOW}", config.cluster_url))?;
    let audit = env::var_os(AUDIT_LOG_VARIABLE).map(|path| AuditLog::new(PathBuf::from(path)));
    let kubeconfig_path = env::var_os("KUBECONFIG").unwrap_or_default();
    Ok(Connection { client, config, kubeconfig, kubeconfig_path, audit })
}

/// A client for the kubeconfig at `path`.
pub(super) async fn connect(path: &Path) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

impl Connection {
    /// Connects to a local cluster.
    pub async fn to(layout: &Layout) -> Result<Self> {
        let kubeconfig = Kubeconfig::read_from(layout.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?;
        let audit = Some(AuditLog::new(layout.audit_log()));
        let client = Client::try_from(config.clone())?;
        Ok(Self { client, config, kubeconfig, kubeconfig_path: layout.kubeconfig().into(), audit })
    }

    /// The audit log, where this cluster has one that can be read here. A cluster of the user's own may have none.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.audit.as_ref()
    }

    /// A new namespace, whose name begins with `prefix` and that nothing else uses.
    pub async fn fresh_namespace(&self, prefix: &str) -> Result<Namespace> {
        Namespace::create(self, prefix).await
    }

    /// The same user with this `User-Agent`, to tell its requests from others in the audit log.
    pub fn with_user_agent(&self, user_agent: &str) -> Result<Client> {
        let mut config = self.config.clone();
        config.headers.push((HeaderName::from_static("user-agent"), HeaderValue::from_str(user_agent)?));
        Ok(Client::try_from(config)?)
    }

    /// Creates a service account and connects as it, with a token that is valid for an hour. It has no rights of its own.
    pub async fn as_new_service_account(&self, namespace: &str, name: &str) -> Result<Client> {
        let api = Api::<ServiceAccount>::namespaced(self.client.clone(), namespace);
        let account = ServiceAccount {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..ServiceAccount::default()
        };
        api.create(&PostParams::default(), &account).await?;
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let token = api.create_token_request(name, &PostParams::default(), &request).await?;
        let token = token.status.context("the token request was answered without a token")?.token;
        let mut config = self.config.clone();
        config.auth_info = AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
        Ok(Client::try_from(config)?)
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Result<Client> {
        let mut config = self.config.clone();
        config.auth_info = AuthInfo::default();
        Ok(Client::try_from(config)?)
    }
}
