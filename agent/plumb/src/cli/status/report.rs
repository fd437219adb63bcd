//! The state of Environments and Repositories in the form that scripts read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;
use plumb_api::{DriftRecord, Environment, ObjectCounts, PromotionRecord, Repository, condition_type};
use serde::Serialize;

/// All that is shown. The help of the command describes the fields, and scripts rely on them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) environments: Vec<EnvironmentReport>,
    pub(super) repositories: Vec<RepositoryReport>,
}

/// One Environment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentReport {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempted_revision: Option<String>,
    pub(super) ready: Option<bool>,
    pub(super) healthy: Option<bool>,
    pub(super) drifted: Option<bool>,
    pub(super) suspended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<String>,
    pub(super) message: String,
    pub(super) objects: ObjectCounts,
    pub(super) conditions: Vec<Condition>,
    pub(super) drifts: Vec<DriftRecord>,
    pub(super) promotions: Vec<PromotionRecord>,
}

/// One Repository.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryReport {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fetched_at: Option<Time>,
    pub(super) ready: Option<bool>,
    pub(super) message: String,
    pub(super) conditions: Vec<Condition>,
}

impl Report {
    pub(super) fn new(environments: &[Environment], repositories: &[Repository]) -> Self {
        Self {
            environments: environments.iter().map(EnvironmentReport::new).collect(),
            repositories: repositories.iter().map(RepositoryReport::new).collect(),
        }
    }

    /// Whether every environment and every repository is ready.
    pub(super) fn all_ready(&self) -> bool {
        let mut all = self
            .environments
            .iter()
            .map(|environment| environment.ready)
            .chain(self.repositories.iter().map(|repository| repository.ready));
        all.all(|ready| ready == Some(true))
    }
}

impl EnvironmentReport {
    fn new(environment: &Environment) -> Self {
        let status = environment.status.clone().unwrap_or_default();
        let generation = environment.metadata.generation;
        let (ready, message) = ready(&status.conditions, generation);
        // An environment with promotion tries what its pin names, and nothing else.
        let pinned = environment
            .spec
            .promotion
            .as_ref()
            .filter(|it| it.is_pinned())
            .and(status.attempted_revision.clone().or(status.revision.clone()));
        Self {
            namespace: environment.namespace().unwrap_or_default(),
            name: environment.name_any(),
            path: environment.spec.path.clone(),
            repository: environment.spec.repository.name.clone(),
            revision: status.revision,
            pin: pinned,
            attempted_revision: status.attempted_revision,
            ready,
            healthy: truth(&status.conditions, condition_type::HEALTHY),
            drifted: truth(&status.conditions, condition_type::DRIFTED),
            suspended: environment.spec.suspend,
            hold: status.hold,
            message,
            objects: status.objects.unwrap_or_default(),
            conditions: status.conditions,
            drifts: status.drifts,
            promotions: status.promotions,
        }
    }
}

impl RepositoryReport {
    fn new(repository: &Repository) -> Self {
        let status = repository.status.clone().unwrap_or_default();
        let (ready, message) = ready(&status.conditions, repository.metadata.generation);
        Self {
            namespace: repository.namespace().unwrap_or_default(),
            name: repository.name_any(),
            url: repository.spec.url.clone(),
            branch: repository.spec.branch.clone(),
            revision: status.revision,
            fetched_at: status.fetched_at,
            ready,
            message,
            conditions: status.conditions,
        }
    }
}

/// The condition Ready, with its message. What was said of an older generation of the spec says nothing of this one.
fn ready(conditions: &[Condition], generation: Option<i64>) -> (Option<bool>, String) {
    match conditions.iter().find(|condition| condition.type_ == condition_type::READY) {
        Some(condition) if condition.observed_generation.is_some() && condition.observed_generation < generation => {
            (None, "the agent has not looked at the changed spec yet".into())
        }
        Some(condition) => (truth(conditions, condition_type::READY), condition.message.clone()),
        None => (None, "the agent has not reported yet; does it run?".into()),
    }
}

fn truth(conditions: &[Condition], type_: &str) -> Option<bool> {
    match conditions.iter().find(|condition| condition.type_ == type_)?.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod examples {
    use serde_json::json;

    use super::*;

    fn condition(type_: &str, status: &str, message: &str) -> serde_json::Value {
        json!({
            "type": type_, "status": status, "reason": "Progressing", "message": message,
            "lastTransitionTime": "2026-11-21T08:00:00Z", "observedGeneration": 1,
        })
    }

    fn environment(name: &str, promotion: &serde_json::Value, status: &serde_json::Value) -> Environment {
        serde_json::from_value(json!({
            "apiVersion": "plumb.dev/v1alpha1", "kind": "Environment", "metadata": {"name": name, "namespace": "plumb-system", "generation": 1},
            "spec": {"repository": {"name": "platform"}, "path": format!("overlays/{name}"), "promotion": promotion}, "status": status,
        }))
        .unwrap()
    }

    pub(crate) fn report() -> Report {
        let revision = "0123456789abcdef0123456789abcdef01234567";
        let dev = environment(
            "dev",
            &json!(null),
            &json!({
                "revision": revision, "objects": {"total": 3, "healthy": 3, "progressing": 0, "degraded": 0},
                "conditions": [condition("Ready", "True", "all 3 objects are healthy"), condition("Healthy", "True", ""), condition("Drifted", "False", "")],
            }),
        );
        let staging = environment(
            "staging",
            &json!({"from": ["dev"]}),
            &json!({
                "revision": revision,
                "conditions": [condition("Ready", "False", "2 problems:\n- a\n- b"), condition("Drifted", "True", "")],
                "drifts": [{"object": "ConfigMap shop/a", "fields": [".data.level"], "writer": "kubectl-edit", "values": [{"field": ".data.level", "expected": "\"info\"", "found": "\"debug\"", "manager": "kubectl-edit", "operation": "Update", "time": "2026-11-21T07:59:59Z"}], "time": "2026-11-21T08:00:00Z", "repaired": true}],
                "promotions": [{
                    "request": "fedcba9876543210fedcba9876543210fedcba98", "revision": revision, "state": "Waiting", "message": "upstream: dev is\nnot healthy",
                }],
            }),
        );
        let prod = environment("prod", &json!({"from": ["staging"]}), &json!(null));
        let repository: Repository = serde_json::from_value(json!({
            "apiVersion": "plumb.dev/v1alpha1", "kind": "Repository", "metadata": {"name": "platform", "namespace": "plumb-system", "generation": 2},
            "spec": {"url": "https://git.example.com/platform.git"},
            "status": {"revision": revision, "conditions": [condition("Ready", "True", "branch main is there")]},
        }))
        .unwrap();
        Report::new(&[dev, staging, prod], &[repository])
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_json_is_stable() {
        let mut report = examples::report();
        report.environments.retain(|environment| environment.name == "staging");
        expect![[r#"
            {
              "environments": [
                {
                  "namespace": "plumb-system",
                  "name": "staging",
                  "path": "overlays/staging",
                  "repository": "platform",
                  "revision": "0123456789abcdef0123456789abcdef01234567",
                  "pin": "0123456789abcdef0123456789abcdef01234567",
                  "ready": false,
                  "healthy": null,
                  "drifted": true,
                  "suspended": false,
                  "message": "2 problems:\n- a\n- b",
                  "objects": {
                    "total": 0,
                    "healthy": 0,
                    "progressing": 0,
                    "degraded": 0
                  },
                  "conditions": [
                    {
                      "lastTransitionTime": "2026-11-21T08:00:00Z",
                      "message": "2 problems:\n- a\n- b",
                      "observedGeneration": 1,
                      "reason": "Progressing",
                      "status": "False",
                      "type": "Ready"
                    },
                    {
                      "lastTransitionTime": "2026-11-21T08:00:00Z",
                      "message": "",
                      "observedGeneration": 1,
                      "reason": "Progressing",
                      "status": "True",
                      "type": "Drifted"
                    }
                  ],
                  "drifts": [
                    {
                      "object": "ConfigMap shop/a",
                      "fields": [
                        ".data.level"
                      ],
                      "writer": "kubectl-edit",
                      "values": [
                        {
                          "field": ".data.level",
                          "expected": "\"info\"",
                          "found": "\"debug\"",
                          "manager": "kubectl-edit",
                          "operation": "Update",
                          "time": "2026-11-21T07:59:59Z"
                        }
                      ],
                      "time": "2026-11-21T08:00:00Z",
                      "repaired": true
                    }
                  ],
                  "promotions": [
                    {
                      "request": "fedcba9876543210fedcba9876543210fedcba98",
                      "revision": "0123456789abcdef0123456789abcdef01234567",
                      "state": "Waiting",
                      "message": "upstream: dev is\nnot healthy"
                    }
                  ]
                }
              ],
              "repositories": [
                {
                  "namespace": "plumb-system",
                  "name": "platform",
                  "url": "https://git.example.com/platform.git",
                  "branch": "main",
                  "revision": "0123456789abcdef0123456789abcdef01234567",
                  "ready": null,
                  "message": "the agent has not looked at the changed spec yet",
                  "conditions": [
                    {
                      "lastTransitionTime": "2026-11-21T08:00:00Z",
                      "message": "branch main is there",
                      "observedGeneration": 1,
                      "reason": "Progressing",
                      "status": "True",
                      "type": "Ready"
                    }
                  ]
                }
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
    }

    #[test]
    fn everything_must_be_ready() {
        let mut report = examples::report();
        assert!(!report.all_ready());
        report.environments.truncate(1);
        assert!(!report.all_ready(), "the repository's condition is about an older generation");
        report.repositories[0].ready = Some(true);
        assert!(report.all_ready());
    }
}
