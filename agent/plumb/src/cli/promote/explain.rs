//! What all gates say to the requests for an Environment.

use std::fmt::Write as _;

use plumb_api::{Environment, PromotionRecord};

use crate::cli::{cluster, output::printable};

/// Asks the cluster, and tells it in words.
///
/// # Errors
/// When there is no such Environment, or the API server does not answer.
pub(super) async fn explain(namespace: &str, name: &str) -> anyhow::Result<String> {
    let cluster = cluster::connect().await?;
    Ok(text(&cluster::environment(&cluster, namespace, name).await?))
}

fn text(environment: &Environment) -> String {
    let name = environment.metadata.name.as_deref().unwrap_or_default();
    let status = environment.status.clone().unwrap_or_default();
    let mut text = String::new();
    // Writing to a string can't fail, hence the discarded results.
    if let Some(hold) = &status.hold {
        let _ = writeln!(text, "{name} is held: {}", printable(hold));
    }
    if status.promotions.is_empty() {
        let _ = writeln!(text, "no request for {name} is open");
    }
    for PromotionRecord { request, revision, state, message, gates } in &status.promotions {
        let asked =
            if request.is_empty() { "by itself".to_owned() } else { format!("asked for in {}", short(request)) };
        let _ = writeln!(text, "{} {asked}: {state}: {}", short(revision), printable(message));
        let widest = gates.iter().map(|gate| gate.name.chars().count()).max().unwrap_or_default();
        for gate in gates {
            let until = gate.until.as_ref().map(|until| format!(" until {:.0}", until.0)).unwrap_or_default();
            let name = printable(&gate.name);
            let _ = writeln!(text, "  {:<4}  {name:<widest$}  {}{until}", gate.verdict, printable(&gate.message));
        }
    }
    text
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_gate_is_shown() {
        let environment = json!({
            "apiVersion": "plumb.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "prod"},
            "spec": {"repository": {"name": "platform"}, "path": "overlays/prod"},
            "status": {"hold": "until Monday", "promotions": [{
                "request": "1".repeat(40), "revision": "2".repeat(40), "state": "Waiting", "message": "hold: prod is held",
                "gates": [
                    {"name": "hold", "verdict": "wait", "message": "prod is held"},
                    {"name": "upstream/staging", "verdict": "wait", "message": "it soaks", "until": "2026-11-26T08:00:00Z"},
                    {"name": "drift", "verdict": "pass", "message": "no drift"},
                ],
            }]},
        });
        let mut environment: Environment = serde_json::from_value(environment).unwrap();
        expect![[r#"
            prod is held: until Monday
            222222222222 asked for in 111111111111: Waiting: hold: prod is held
              wait  hold              prod is held
              wait  upstream/staging  it soaks until 2026-11-26T08:00:00Z
              pass  drift             no drift
        "#]]
        .assert_eq(&text(&environment));
        environment.status = None;
        expect![[r#"
            no request for prod is open
        "#]]
        .assert_eq(&text(&environment));
    }
}
