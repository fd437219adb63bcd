//! A mutating admission webhook, as service meshes and secret injectors bring them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::extract::State;
use axum::{Json, Router, routing::post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::Connection;
use crate::tls::HttpsServer;

/// Changes each object of a namespace that passes: a function from the object to a JSON patch.
pub type Mutation = fn(&Value) -> Value;

/// A running webhook that the API server asks. [`MutatingWebhook::delete`] takes it away again.
pub struct MutatingWebhook {
    api: Api<MutatingWebhookConfiguration>,
    name: String,
    calls: Arc<AtomicUsize>,
    _server: HttpsServer,
}

impl MutatingWebhook {
    /// Starts it for ConfigMaps, Services and Deployments of one namespace. The API server must be on this machine.
    pub async fn start(connection: &Connection, namespace: &str, mutation: Mutation) -> Result<Self> {
        let calls = Arc::<AtomicUsize>::default();
        let router = Router::new().route("/", post(mutate)).with_state((mutation, calls.clone()));
        let server = HttpsServer::start(router).await?;
        let configuration = json!({
            "metadata": {"name": namespace},
            "webhooks": [{
                "name": "inject.e2e.plumb.dev",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "reinvocationPolicy": "IfNeeded",
                "clientConfig": {"url": format!("{}/", server.url()), "caBundle": STANDARD.encode(&server.authority)},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{
                    "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["configmaps", "services", "deployments"],
                }],
            }],
        });
        let api: Api<MutatingWebhookConfiguration> = Api::all(connection.client.clone());
        api.create(&PostParams::default(), &serde_json::from_value(configuration)?).await?;
        Ok(Self { api, name: namespace.to_owned(), calls, _server: server })
    }

    /// How often the API server asked.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Takes it out of the API server.
    pub async fn delete(self) -> Result<()> {
        self.api.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}

async fn mutate(
    State((mutation, calls)): State<(Mutation, Arc<AtomicUsize>)>,
    Json(review): Json<Value>,
) -> Json<Value> {
    calls.fetch_add(1, Ordering::SeqCst);
    let patch = mutation(&review["request"]["object"]);
    Json(json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {
            "uid": review["request"]["uid"], "allowed": true,
            "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string()),
        },
    }))
}
