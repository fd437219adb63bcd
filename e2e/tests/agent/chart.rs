//! The chart and the overlays of this repository, before the API server.

use anyhow::{Result, ensure};
use e2e::{
    agent::{Installation, chart, kubectl, root, tool},
    cluster::shared,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_the_chart() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("chart").await?;
    kubectl(&["label", "namespace", namespace.name(), "pod-security.kubernetes.io/enforce=restricted"], "").await?;
    let installation = Installation::new(&connection, namespace.name()).await?;
    for arguments in [
        &[][..],
        &["--set", "replicas=2"],
        &["--set", "rbac.clusterAdmin=true"],
        &["--set", "ingress.enabled=true,ingress.host=plumb.example.com"],
    ] {
        let rendered = chart(namespace.name(), arguments).await?;
        kubectl(&["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-"], &rendered).await?;
        ensure!(rendered.contains("kind: Deployment") && rendered.contains("runAsNonRoot: true"), "{rendered}");
    }
    let lint = tokio::process::Command::new(tool("helm")?)
        .args(["lint", "--strict"])
        .arg(root().join("charts/plumb"))
        .output()
        .await?;
    ensure!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    installation.delete().await?;
    namespace.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overlays_render_as_kubectl_renders_them_and_the_api_server_takes_them() -> Result<()> {
    shared().await?;
    for environment in ["dev", "staging", "prod"] {
        let path = root().join("overlays").join(environment);
        let path = path.to_string_lossy();
        let expected = kubectl(&["kustomize", &path], "").await?;
        let output = tokio::process::Command::new(e2e::agent::binary()?).args(["render", &path]).output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ensure!(
            output.stdout == expected.as_bytes(),
            "overlays/{environment} renders differently:\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
        // A dry run makes no namespace, so its objects are tried where there is one: the names stay, and only the namespace is another.
        kubectl(&["apply", "--server-side", "--dry-run=server", "-f", "-"], &without_namespaces(&expected)).await?;
    }
    Ok(())
}

/// The same objects in `default`, without the Namespaces.
fn without_namespaces(rendered: &str) -> String {
    let documents =
        rendered.split("\n---\n").filter(|document| !document.lines().any(|line| line == "kind: Namespace"));
    let moved = documents.map(|document| {
        document.lines().filter(|line| !line.starts_with("  namespace: ")).collect::<Vec<_>>().join("\n")
    });
    moved.collect::<Vec<_>>().join("\n---\n")
}
