//! The field specs that kustomize has built in (its `builtinpluginconsts`), written as data.

mod var_reference;

use std::sync::{Arc, OnceLock};

use super::FieldSpec;
use super::config::{self, Config, NameReference};
use crate::id::Gvk;

/// The built-in field specs, read once.
pub(crate) fn builtin() -> &'static Arc<Config> {
    static BUILTIN: OnceLock<Arc<Config>> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        Arc::new(Config {
            name_prefix: sorted(specs(NAME)),
            name_suffix: sorted(specs(NAME)),
            namespace: sorted(specs(NAMESPACE)),
            common_labels: sorted([specs(SELECTORS), specs(TEMPLATE_LABELS), specs(CLAIM_LABELS)].concat()),
            labels: [].into(),
            template_labels: sorted(specs(TEMPLATE_LABELS)),
            claim_labels: sorted(specs(CLAIM_LABELS)),
            annotations: sorted(specs(ANNOTATIONS)),
            images: sorted(specs(IMAGES)),
            replicas: sorted(specs(REPLICAS)),
            name_references: name_references().into(),
            var_references: sorted(var_reference::var_references()),
        })
    })
}

fn sorted(mut specs: Vec<FieldSpec>) -> Arc<[FieldSpec]> {
    config::sort(&mut specs);
    specs.into()
}

/// Reads lines of `KIND GROUP VERSION CREATE PATH`; `-` stands for any, `+` for create.
fn specs(text: &str) -> Vec<FieldSpec> {
    text.lines().filter_map(spec).collect()
}

fn spec(line: &str) -> Option<FieldSpec> {
    let [kind, group, version, create, path] = line.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    Some(FieldSpec { selector: gvk(kind, group, version), path: path.to_owned(), create: create == "+" })
}

fn gvk(kind: &str, group: &str, version: &str) -> Gvk {
    let part = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
    Gvk { group: part(group), version: part(version), kind: part(kind) }
}

const NAME: &str = "
- - - . metadata/name
";

const NAMESPACE: &str = "
Namespace - - + metadata/name
APIService apiregistration.k8s.io - + spec/service/namespace
CustomResourceDefinition apiextensions.k8s.io - . spec/conversion/webhook/clientConfig/service/namespace
";

const TEMPLATE_LABELS: &str = "
- - - + metadata/labels
ReplicationController - v1 + spec/template/metadata/labels
Deployment - - + spec/template/metadata/labels
ReplicaSet - - + spec/template/metadata/labels
DaemonSet - - + spec/template/metadata/labels
StatefulSet apps - + spec/template/metadata/labels
Job batch - + spec/template/metadata/labels
CronJob batch - + spec/jobTemplate/metadata/labels
CronJob batch - + spec/jobTemplate/spec/template/metadata/labels
";

const CLAIM_LABELS: &str = "
StatefulSet apps - + spec/volumeClaimTemplates[]/metadata/labels
";

const SELECTORS: &str = "
Service - v1 + spec/selector
ReplicationController - v1 + spec/selector
Deployment - - + spec/selector/matchLabels
Deployment apps - . spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels
Deployment apps - . spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels
Deployment apps - . spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels
Deployment apps - . spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels
Deployment apps - . spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels
ReplicaSet - - + spec/selector/matchLabels
DaemonSet - - + spec/selector/matchLabels
StatefulSet apps - + spec/selector/matchLabels
StatefulSet apps - . spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels
StatefulSet apps - . spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels
StatefulSet apps - . spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels
StatefulSet apps - . spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels
StatefulSet apps - . spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels
Job batch - . spec/selector/matchLabels
CronJob batch - . spec/jobTemplate/spec/selector/matchLabels
PodDisruptionBudget policy - . spec/selector/matchLabels
NetworkPolicy networking.k8s.io - . spec/podSelector/matchLabels
NetworkPolicy networking.k8s.io - . spec/ingress/from/podSelector/matchLabels
NetworkPolicy networking.k8s.io - . spec/egress/to/podSelector/matchLabels
";

const ANNOTATIONS: &str = "
- - - + metadata/annotations
ReplicationController - v1 + spec/template/metadata/annotations
Deployment - - + spec/template/metadata/annotations
ReplicaSet - - + spec/template/metadata/annotations
DaemonSet - - + spec/template/metadata/annotations
StatefulSet - - + spec/template/metadata/annotations
Job batch - + spec/template/metadata/annotations
CronJob batch - + spec/jobTemplate/metadata/annotations
CronJob batch - + spec/jobTemplate/spec/template/metadata/annotations
";

const IMAGES: &str = "
- - - + spec/containers[]/image
- - - + spec/initContainers[]/image
- - - + spec/volumes[]/image/reference
- - - + spec/template/spec/containers[]/image
- - - + spec/template/spec/initContainers[]/image
- - - + spec/template/spec/volumes[]/image/reference
- - - + spec/jobTemplate/spec/template/spec/volumes[]/image/reference
";

const REPLICAS: &str = "
Deployment - - + spec/replicas
ReplicationController - - + spec/replicas
ReplicaSet - - + spec/replicas
StatefulSet - - + spec/replicas
";

/// The kinds that hold a pod, and where: what kustomize looks at for config maps and secrets.
const POD: &[(&str, &str)] = &[("Pod", "spec/")];
const POD_TEMPLATE: &[(&str, &str)] = &[("PodTemplate", "template/spec/")];
const WORKLOADS: &[(&str, &str)] = &[
    ("Deployment", "spec/template/spec/"),
    ("ReplicaSet", "spec/template/spec/"),
    ("DaemonSet", "spec/template/spec/"),
    ("StatefulSet", "spec/template/spec/"),
    ("Job", "spec/template/spec/"),
    ("CronJob", "spec/jobTemplate/spec/template/spec/"),
];
/// What kustomize looks at for service accounts, claims and priority classes: with the replication controller, without the
/// replica set and the pod template.
const RUNNERS: &[(&str, &str)] = &[
    ("Pod", "spec/"),
    ("StatefulSet", "spec/template/spec/"),
    ("Deployment", "spec/template/spec/"),
    ("ReplicationController", "spec/template/spec/"),
    ("CronJob", "spec/jobTemplate/spec/template/spec/"),
    ("Job", "spec/template/spec/"),
    ("DaemonSet", "spec/template/spec/"),
];

const CONFIG_MAP_IN_POD: &[&str] = &[
    "volumes/configMap/name",
    "containers/env/valueFrom/configMapKeyRef/name",
    "initContainers/env/valueFrom/configMapKeyRef/name",
    "containers/envFrom/configMapRef/name",
    "initContainers/envFrom/configMapRef/name",
    "volumes/projected/sources/configMap/name",
];
const SECRET_IN_POD: &[&str] = &[
    "volumes/secret/secretName",
    "containers/env/valueFrom/secretKeyRef/name",
    "initContainers/env/valueFrom/secretKeyRef/name",
    "containers/envFrom/secretRef/name",
    "initContainers/envFrom/secretRef/name",
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
];

const CONFIG_MAP_ELSEWHERE: &str = r"
Node - - . spec/configSource/configMap
Role - - . rules/resourceNames
ClusterRole - - . rules/resourceNames
Ingress - - . metadata/annotations/nginx.ingress.kubernetes.io\/fastcgi-params-configmap
";
/// The secret of an Ingress is there twice, and so is followed twice: kustomize's bug.
const SECRET_ELSEWHERE: &str = r"
Ingress - - . spec/tls/secretName
Ingress - - . spec/tls/secretName
Ingress - - . metadata/annotations/ingress.kubernetes.io\/auth-secret
Ingress - - . metadata/annotations/nginx.ingress.kubernetes.io\/auth-secret
Ingress - - . metadata/annotations/nginx.ingress.kubernetes.io\/auth-tls-secret
ServiceAccount - - . imagePullSecrets/name
StorageClass - - . parameters/secretName
StorageClass - - . parameters/adminSecretName
StorageClass - - . parameters/userSecretName
StorageClass - - . parameters/secretRef
Role - - . rules/resourceNames
ClusterRole - - . rules/resourceNames
Service serving.knative.dev v1 . spec/template/spec/containers/env/valueFrom/secretKeyRef/name
PersistentVolume - - . spec/azureFile/secretName
";
const SERVICE: &str = "
StatefulSet apps - . spec/serviceName
Ingress - - . spec/rules/http/paths/backend/serviceName
Ingress - - . spec/backend/serviceName
Ingress - - . spec/rules/http/paths/backend/service/name
Ingress - - . spec/defaultBackend/service/name
APIService apiregistration.k8s.io - . spec/service/name
ValidatingWebhookConfiguration admissionregistration.k8s.io - . webhooks/clientConfig/service
MutatingWebhookConfiguration admissionregistration.k8s.io - . webhooks/clientConfig/service
";
const STORAGE_CLASS: &str = "
PersistentVolume - - . spec/storageClassName
PersistentVolumeClaim - - . spec/storageClassName
StatefulSet - - . spec/volumeClaimTemplates/spec/storageClassName
";
const ROLE: &str = "
RoleBinding rbac.authorization.k8s.io - . roleRef/name
";
const CLUSTER_ROLE: &str = "
RoleBinding rbac.authorization.k8s.io - . roleRef/name
ClusterRoleBinding rbac.authorization.k8s.io - . roleRef/name
";
const SUBJECTS: &str = "
RoleBinding rbac.authorization.k8s.io - . subjects
ClusterRoleBinding rbac.authorization.k8s.io - . subjects
";
const PERSISTENT_VOLUME: &str = "
PersistentVolumeClaim - - . spec/volumeName
ClusterRole - - . rules/resourceNames
";
const SCALED: &str = "
HorizontalPodAutoscaler - - . spec/scaleTargetRef/name
";
const INGRESS_CLASS: &str = "
Ingress - - . spec/ingressClassName
";
const ADMISSION_POLICY: &str = "
ValidatingAdmissionPolicyBinding admissionregistration.k8s.io - . spec/policyName
";

/// In the order in which kustomize applies them: its legacy order of the target kinds.
fn name_references() -> Vec<NameReference> {
    let in_any_pod = |fields: &[&str]| {
        [in_pods(POD, "v1", fields), in_pods(POD_TEMPLATE, "-", fields), in_pods(WORKLOADS, "-", fields)].concat()
    };
    let runners = |path: &str| in_pods(RUNNERS, "-", &[path]);
    [
        ("StorageClass storage.k8s.io v1", specs(STORAGE_CLASS)),
        ("ServiceAccount - v1", [specs(SUBJECTS), runners("serviceAccountName")].concat()),
        ("Role rbac.authorization.k8s.io -", specs(ROLE)),
        ("ClusterRole rbac.authorization.k8s.io -", specs(CLUSTER_ROLE)),
        ("ConfigMap - v1", [in_any_pod(CONFIG_MAP_IN_POD), specs(CONFIG_MAP_ELSEWHERE)].concat()),
        ("Secret - v1", [in_any_pod(SECRET_IN_POD), specs(SECRET_ELSEWHERE)].concat()),
        ("Service - v1", specs(SERVICE)),
        ("PriorityClass scheduling.k8s.io v1", runners("priorityClassName")),
        ("PersistentVolume - v1", specs(PERSISTENT_VOLUME)),
        ("PersistentVolumeClaim - v1", runners("volumes/persistentVolumeClaim/claimName")),
        ("Deployment - -", specs(SCALED)),
        ("StatefulSet - -", specs(SCALED)),
        ("ValidatingAdmissionPolicy admissionregistration.k8s.io -", specs(ADMISSION_POLICY)),
        // kustomize's bug: no group has a slash in it, so the class of an Ingress is never followed.
        ("IngressClass networking.k8s.io/v1 v1", specs(INGRESS_CLASS)),
        ("ReplicaSet - -", specs(SCALED)),
        ("ReplicationController - -", specs(SCALED)),
    ]
    .into_iter()
    .filter_map(|(target, referrers)| {
        let [kind, group, version] = target.split(' ').collect::<Vec<_>>()[..] else { return None };
        Some(NameReference { target: gvk(kind, group, version), referrers })
    })
    .collect()
}

fn in_pods(kinds: &[(&str, &str)], version: &str, fields: &[&str]) -> Vec<FieldSpec> {
    kinds
        .iter()
        .flat_map(|(kind, pod)| {
            fields.iter().map(move |field| FieldSpec {
                selector: gvk(kind, "-", version),
                path: format!("{pod}{field}"),
                create: false,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_match_what_kustomize_has() {
        let references = &builtin().name_references;
        assert_eq!(references.len(), 16);
        assert_eq!(references.iter().map(|reference| reference.referrers.len()).sum::<usize>(), 167);
        assert_eq!(builtin().var_references.len(), 72);
    }

    /// The short cuts of a merge leave these as they are.
    #[test]
    fn a_merge_with_itself_changes_nothing() {
        let copy = Arc::new(Config::clone(builtin()));
        for name in ["common_labels", "annotations", "var_references", "images"] {
            let list = |config: &Config| match name {
                "common_labels" => config.common_labels.to_vec(),
                "annotations" => config.annotations.to_vec(),
                "images" => config.images.to_vec(),
                _ => config.var_references.to_vec(),
            };
            let own = list(&copy);
            let mut merged = Vec::new();
            for spec in own.iter().chain(&own) {
                crate::fieldspec::merge_one(&mut merged, spec).unwrap();
            }
            assert_eq!(merged, own, "{name}");
        }
    }
}
