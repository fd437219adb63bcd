//! What the commands ask a cluster for.

use anyhow::Context as _;
use kube::{Api, ResourceExt as _, api::ListParams};
use plumb_api::Environment;
use plumb_cluster::Cluster;

/// Where Environments are looked for.
#[derive(Debug, clap::Args)]
pub(super) struct Namespace {
    /// Namespace of the Environments
    #[arg(short, long, default_value = "plumb-system", env = "PLUMB_NAMESPACE")]
    pub(super) namespace: String,
}

/// Connects with `KUBECONFIG`, as kubectl does.
///
/// # Errors
/// When there is no configuration, or the API server does not answer.
pub(super) async fn connect() -> anyhow::Result<Cluster> {
    Ok(Cluster::connect().await?)
}

/// Reads one Environment.
///
/// # Errors
/// When it isn't there: then those that are there are named.
pub(super) async fn environment(cluster: &Cluster, namespace: &str, name: &str) -> anyhow::Result<Environment> {
    let api: Api<Environment> = Api::namespaced(cluster.client().clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(environment)) => Ok(environment),
        Ok(None) => {
            let all = environments(&api).await?;
            let names: Vec<_> = all.iter().map(kube::ResourceExt::name_any).collect();
            anyhow::bail!(unknown(&format!("namespace {namespace}"), name, &names))
        }
        Err(error) => Err(error).with_context(|| format!("Environment {namespace}/{name} can't be read")),
    }
}

/// The cluster of an Environment that has a kubeconfig; `None` when it is for the one that it is in.
///
/// # Errors
/// When the Secret can't be read, something in the kubeconfig is refused, or the cluster does not answer.
pub(super) async fn of(home: &Cluster, environment: &Environment) -> anyhow::Result<Option<Cluster>> {
    let Some(kube_config) = &environment.spec.kube_config else { return Ok(None) };
    let reference = &kube_config.secret_ref;
    let secret = home.secret(&environment.namespace().unwrap_or_default(), &reference.name).await?;
    let text = secret.text(&reference.key);
    let text = text.with_context(|| format!("Secret {} has no key {}", reference.name, reference.key))?;
    Ok(Some(home.remote(&text).await?))
}

/// Reads all Environments, by namespace and name.
///
/// # Errors
/// When the API server does not answer, may not be asked, or does not know the kind.
pub(super) async fn environments(api: &Api<Environment>) -> anyhow::Result<Vec<Environment>> {
    let listed = api.list(&ListParams::default()).await;
    let mut all = match listed {
        Ok(list) => list.items,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            anyhow::bail!(
                "the cluster does not know Environments: install Plumb there, or choose another cluster with KUBECONFIG"
            )
        }
        Err(error) => return Err(error).context("the Environments can't be read"),
    };
    all.sort_by_key(|environment| (environment.namespace(), environment.name_any()));
    Ok(all)
}

/// Says that there is no such Environment, and which ones there are.
pub(super) fn unknown(place: &str, name: &str, names: &[String]) -> String {
    let there = if names.is_empty() {
        "there is none at all; name another namespace with -n".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    format!("there is no Environment {name} in {place}; {there}")
}
