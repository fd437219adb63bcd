//! The cluster itself keeps what the other tests build on: controllers, scheduler, storage, RBAC and the audit log work as on any cluster.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::cluster::{Connection, eventually, shared};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
};
use kube::{Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("the object of a test has the fields of its kind")
}

fn pod_template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "web", "image": image }] },
    })
}

fn deployment(name: &str, replicas: u32, image: &str) -> Deployment {
    object(json!({
        "metadata": { "name": name },
        "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": "web" } }, "template": pod_template(image) },
    }))
}

async fn available(api: &Api<Deployment>, name: &str, replicas: i32) -> Result<()> {
    eventually(DEADLINE, &format!("the Deployment {name} to be available"), async || {
        let status = api.get_status(name).await?.status.unwrap_or_default();
        ensure!(status.available_replicas == Some(replicas), "{:?} of {replicas} available", status.available_replicas);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_deployment_becomes_available_scales_and_goes() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("deployment").await?;
    let api = Api::<Deployment>::namespaced(connection.client.clone(), namespace.name());
    api.create(&PostParams::default(), &deployment("web", 2, "registry.k8s.io/pause:3.10")).await?;
    available(&api, "web", 2).await?;

    api.patch_scale("web", &PatchParams::default(), &Patch::Merge(json!({ "spec": { "replicas": 3 } }))).await?;
    available(&api, "web", 3).await?;

    // The garbage collector deletes the ReplicaSet, and with it the pods.
    api.delete("web", &DeleteParams::background()).await?;
    let pods = Api::<Pod>::namespaced(connection.client.clone(), namespace.name());
    eventually(DEADLINE, "the pods to be gone", async || {
        let left = pods.list(&ListParams::default()).await?.items.len();
        ensure!(left == 0, "{left} pods");
        Ok(())
    })
    .await?;
    namespace.delete().await
}

#[tokio::test]
async fn an_image_that_can_not_be_pulled_never_becomes_ready() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("bad-image").await?;
    let api = Api::<Deployment>::namespaced(connection.client.clone(), namespace.name());
    api.create(&PostParams::default(), &deployment("web", 1, "registry.invalid/web:1")).await?;
    let pods = Api::<Pod>::namespaced(connection.client.clone(), namespace.name());
    let reason = eventually(DEADLINE, "the container to wait for its image", async || {
        let pod = pods.list(&ListParams::default()).await?.items.pop().context("no pod")?;
        let containers = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
        let reason =
            containers.into_iter().find_map(|container| container.state?.waiting?.reason).context("not waiting")?;
        ensure!(reason != "ContainerCreating", "{reason}");
        Ok(reason)
    })
    .await?;
    assert!(["ImagePullBackOff", "ErrImagePull"].contains(&reason.as_str()), "{reason}");
    assert_eq!(api.get_status("web").await?.status.and_then(|status| status.available_replicas), None);

    // A good image repairs it.
    let image = json!({ "spec": { "template": pod_template("registry.k8s.io/pause:3.10") } });
    api.patch("web", &PatchParams::default(), &Patch::Strategic(image)).await?;
    available(&api, "web", 1).await?;
    namespace.delete().await
}

#[tokio::test]
async fn a_stateful_set_gets_its_volumes() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("stateful-set").await?;
    let api = Api::<StatefulSet>::namespaced(connection.client.clone(), namespace.name());
    let mut template = pod_template("registry.k8s.io/pause:3.10");
    template["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    let set = object(json!({
        "metadata": { "name": "db" },
        "spec": {
            "replicas": 2,
            "serviceName": "db",
            "selector": { "matchLabels": { "app": "web" } },
            "template": template,
            "volumeClaimTemplates": [{
                "metadata": { "name": "data" },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
            }],
        },
    }));
    api.create(&PostParams::default(), &set).await?;
    eventually(DEADLINE, "the StatefulSet db to be ready", async || {
        let status = api.get_status("db").await?.status.unwrap_or_default();
        ensure!(status.ready_replicas == Some(2), "{:?} of 2 ready", status.ready_replicas);
        Ok(())
    })
    .await?;
    let claims = Api::<PersistentVolumeClaim>::namespaced(connection.client.clone(), namespace.name());
    for name in ["data-db-0", "data-db-1"] {
        let status = claims.get(name).await?.status.unwrap_or_default();
        assert_eq!(status.phase.as_deref(), Some("Bound"), "{name}");
    }
    namespace.delete().await
}

#[tokio::test]
async fn a_job_completes() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("job").await?;
    let api = Api::<Job>::namespaced(connection.client.clone(), namespace.name());
    let job = object(json!({
        "metadata": { "name": "migrate" },
        "spec": { "template": { "spec": {
            "restartPolicy": "Never",
            "containers": [{ "name": "migrate", "image": "busybox:1.37", "command": ["true"] }],
        } } },
    }));
    api.create(&PostParams::default(), &job).await?;
    eventually(DEADLINE, "the Job to complete", async || {
        let status = api.get_status("migrate").await?.status.unwrap_or_default();
        ensure!(status.completion_time.is_some(), "{:?} succeeded", status.succeeded);
        Ok(())
    })
    .await?;
    namespace.delete().await
}

async fn code_of<T>(answer: kube::Result<T>) -> Result<u16> {
    match answer {
        Ok(_) => bail!("the request was allowed"),
        Err(kube::Error::Api(status)) => Ok(status.code),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn a_service_account_has_only_the_rights_that_it_was_given() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("rbac").await?;
    let client = connection.as_new_service_account(namespace.name(), "nobody").await?;
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace.name());
    assert_eq!(code_of(secrets.list(&ListParams::default()).await).await?, 403);
    let rights = json!({ "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }] });
    give(&connection, namespace.name(), "nobody", rights).await?;
    eventually(DEADLINE, "the right to list", async || Ok(secrets.list(&ListParams::default()).await?)).await?;
    assert_eq!(code_of(secrets.get("token").await).await?, 403);
    namespace.delete().await
}

async fn give(connection: &Connection, namespace: &str, account: &str, mut role: Value) -> Result<()> {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    role["metadata"] = json!({ "name": account });
    let binding = json!({
        "metadata": { "name": account },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": namespace }],
    });
    let client = &connection.client;
    Api::<Role>::namespaced(client.clone(), namespace).create(&PostParams::default(), &object(role)).await?;
    Api::<RoleBinding>::namespaced(client.clone(), namespace).create(&PostParams::default(), &object(binding)).await?;
    Ok(())
}

#[tokio::test]
async fn nobody_in_particular_reads_nothing() -> Result<()> {
    let connection = shared().await?;
    let secrets = Api::<Secret>::all(connection.anonymous()?);
    let code = code_of(secrets.list(&ListParams::default()).await).await?;
    assert!([401, 403].contains(&code), "{code}");
    Ok(())
}

#[tokio::test]
async fn the_audit_log_counts_requests() -> Result<()> {
    let connection = shared().await?;
    let Some(audit) = connection.audit() else {
        // A cluster of the user's own need not have one.
        println!("PLUMB_E2E_AUDIT_LOG is not set: nothing to count");
        return Ok(());
    };
    let namespace = connection.fresh_namespace("audit").await?;
    let agent = format!("e2e-{}", namespace.name());
    let client = connection.with_user_agent(&agent)?;
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace.name());

    let mark = audit.mark()?;
    let unseen = audit.settled_since(&connection.client, mark).await?.by_user_agent(&agent);
    assert!(unseen.is_empty(), "{unseen}");

    let settings = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" } });
    api.patch("settings", &PatchParams::apply("e2e"), &Patch::Apply(settings)).await?;
    api.get("settings").await?;
    api.get("settings").await?;
    let requests =
        || async { Ok::<_, anyhow::Error>(audit.settled_since(&connection.client, mark).await?.by_user_agent(&agent)) };
    assert_eq!(requests().await?.len(), 3);
    assert_eq!(requests().await?.with_verb("patch").for_resource("configmaps").in_namespace(namespace.name()).len(), 1);
    let user = requests().await?.iter().next().context("no request")?.user.clone();
    assert_eq!(requests().await?.by_user(&user).with_verb("get").len(), 2);
    assert!(requests().await?.by_user("somebody-else").is_empty());
    namespace.delete().await
}

#[tokio::test]
async fn a_custom_resource_definition_is_served() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("crd").await?;
    let group = format!("{}.example.com", namespace.name());
    let name = format!("widgets.{group}");
    let definitions = Api::<CustomResourceDefinition>::all(connection.client.clone());
    let definition = object(json!({
        "metadata": { "name": name },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets", "singular": "widget" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                    "size": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self > 0" }] },
                } } },
            }],
        },
    }));
    definitions.create(&PostParams::default(), &definition).await?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&group, "v1", "Widget"));
    let api = Api::<DynamicObject>::namespaced_with(connection.client.clone(), namespace.name(), &resource);
    let mut widget = DynamicObject::new("w", &resource);
    widget.data = json!({ "size": 3 });
    eventually(DEADLINE, "the new kind to be served", async || Ok(api.create(&PostParams::default(), &widget).await?))
        .await?;
    let mut invalid = DynamicObject::new("x", &resource);
    invalid.data = json!({ "size": 0 });
    assert_eq!(code_of(api.create(&PostParams::default(), &invalid).await).await?, 422);
    definitions.delete(&name, &DeleteParams::default()).await?;
    namespace.delete().await
}

async fn terminating(client: &Client, name: &str) -> Result<()> {
    let api = Api::<Namespace>::all(client.clone());
    eventually(DEADLINE, &format!("the namespace {name} to be deleted"), async || match api.get_opt(name).await? {
        None => Ok(()),
        Some(left) if left.metadata.deletion_timestamp.is_some() => Ok(()),
        Some(left) => bail!("{} has no deletion time", left.name_any()),
    })
    .await
}

#[tokio::test]
async fn a_namespace_is_deleted_also_when_a_test_forgets_it() -> Result<()> {
    let connection = shared().await?;
    let one = connection.fresh_namespace("guard").await?;
    let two = connection.fresh_namespace("guard").await?;
    let names = [one.name().to_owned(), two.name().to_owned()];
    assert_ne!(names[0], names[1]);
    drop(one);
    two.delete().await?;
    for name in names {
        terminating(&connection.client, &name).await?;
    }
    Ok(())
}
