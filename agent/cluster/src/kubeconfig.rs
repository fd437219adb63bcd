//! Kubeconfigs that come from a Secret: whoever can write one must not be able to run a program or to read a file where the agent runs.

use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::Error;

/// Names itself in audit logs.
pub(crate) fn agent() -> HeaderValue {
    HeaderValue::from_static(concat!("plumb/", env!("CARGO_PKG_VERSION")))
}

/// Reads a kubeconfig that holds all it needs.
///
/// # Errors
/// When it can't be read, names no cluster, or wants a program or a file: then all that is refused is named. No value of it is quoted.
pub(crate) async fn read(text: &str) -> Result<Config, Error> {
    let kubeconfig = Kubeconfig::from_yaml(text)
        // The words of the parser may quote what it read.
        .map_err(|_| Error::Kubeconfig("it is no kubeconfig in YAML or JSON".into()))?;
    let refused = refused(&kubeconfig)?;
    if !refused.is_empty() {
        return Err(Error::Kubeconfig(refused.join("; ")));
    }
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|error| Error::Kubeconfig(error.to_string()))?;
    config.headers.push((USER_AGENT, agent()));
    Ok(config)
}

/// What of the current context's cluster and user is refused, and what to use instead.
fn refused(kubeconfig: &Kubeconfig) -> Result<Vec<String>, Error> {
    let missing =
        |what: &str| Error::Kubeconfig(format!("{what}; write it with: kubectl config view --minify --flatten"));
    let current = kubeconfig.current_context.as_deref().ok_or_else(|| missing("it has no current-context"))?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == current);
    let context = context
        .and_then(|named| named.context.as_ref())
        .ok_or_else(|| missing(&format!("its current context {current} is not in it")))?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster);
    let cluster = cluster
        .and_then(|named| named.cluster.as_ref())
        .ok_or_else(|| missing(&format!("its cluster {} is not in it", context.cluster)))?;
    let name = context.user.as_deref().unwrap_or_default();
    let user = kubeconfig.auth_infos.iter().find(|user| user.name == name).and_then(|named| named.auth_info.as_ref());
    let user = user.ok_or_else(|| missing(&format!("its user {name} is not in it")))?;
    let instead = "put the data into the kubeconfig";
    let all = [
        (user.exec.is_some(), "exec", "no program is run; use a token or a client certificate"),
        (user.auth_provider.is_some(), "auth-provider", "use a token or a client certificate"),
        (user.token_file.is_some(), "tokenFile", instead),
        (user.client_certificate.is_some(), "client-certificate", instead),
        (user.client_key.is_some(), "client-key", instead),
        (cluster.certificate_authority.is_some(), "certificate-authority", instead),
    ];
    let refused = all.iter().filter(|(there, ..)| *there).map(|(_, field, instead)| {
        let of = if *field == "certificate-authority" {
            format!("cluster {}", context.cluster)
        } else {
            format!("user {name}")
        };
        format!("{field} of {of} is refused: {instead}")
    });
    Ok(refused.collect())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(cluster: &str, user: &str, expected: &Expect) {
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: far, user: me}}}}],
              clusters: [{{name: far, cluster: {cluster}}}], users: [{{name: me, user: {user}}}]}}"
        );
        let text = match Kubeconfig::from_yaml(&text).map_err(|error| error.to_string()) {
            Ok(kubeconfig) => refused(&kubeconfig).map_or_else(|error| error.to_string(), |refused| refused.join("\n")),
            Err(error) => error,
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn programs_and_files_are_refused() {
        check("{server: https://x, certificate-authority-data: eA==}", "{token: t}", &expect![[""]]);
        check(
            "{server: https://x, certificate-authority: /ca}",
            "{client-certificate: /c, client-key: /k, tokenFile: /t, exec: {command: sh}, auth-provider: {name: gcp, config: {}}}",
            &expect![[r#"
                exec of user me is refused: no program is run; use a token or a client certificate
                auth-provider of user me is refused: use a token or a client certificate
                tokenFile of user me is refused: put the data into the kubeconfig
                client-certificate of user me is refused: put the data into the kubeconfig
                client-key of user me is refused: put the data into the kubeconfig
                certificate-authority of cluster far is refused: put the data into the kubeconfig"#]],
        );
        check(
            "{server: https://x}",
            "{exec: {command: sh}}",
            &expect!["exec of user me is refused: no program is run; use a token or a client certificate"],
        );
    }

    #[test]
    fn a_kubeconfig_without_its_parts_says_which() {
        let text = |text: &str| refused(&Kubeconfig::from_yaml(text).unwrap()).unwrap_err().to_string();
        expect!["the kubeconfig can't be used: it has no current-context; write it with: kubectl config view --minify --flatten"].assert_eq(&text("{}"));
        expect!["the kubeconfig can't be used: its current context c is not in it; write it with: kubectl config view --minify --flatten"].assert_eq(&text("{current-context: c}"));
    }

    #[tokio::test]
    async fn nothing_of_a_text_that_is_no_kubeconfig_is_quoted() {
        let error = read("token: hunter2\n- [").await.unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
