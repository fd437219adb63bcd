//! The kubeconfig of a client certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::certificates::Credentials;

/// A kubeconfig with everything in it, for the API server on `port` of loopback.
pub(super) fn kubeconfig(cluster: &str, port: u16, authority: &str, user: &str, credentials: &Credentials) -> String {
    let authority = STANDARD.encode(authority);
    let certificate = STANDARD.encode(&credentials.certificate);
    let key = STANDARD.encode(&credentials.key);
    format!(
        "apiVersion: v1
kind: Config
current-context: {cluster}
clusters:
- name: {cluster}
  cluster:
    server: https://127.0.0.1:{port}
    certificate-authority-data: {authority}
contexts:
- name: {cluster}
  context:
    cluster: {cluster}
    user: {user}
users:
- name: {user}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kube_reads_what_is_written() {
        let credentials = Credentials { certificate: "certificate".into(), key: "key".into() };
        let text = kubeconfig("plumb-default", 1234, "authority", "system:kwok", &credentials);
        let read = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(read.current_context.as_deref(), Some("plumb-default"));
        assert_eq!(read.clusters[0].cluster.as_ref().unwrap().server.as_deref(), Some("https://127.0.0.1:1234"));
        assert_eq!(read.auth_infos[0].name, "system:kwok");
    }
}
