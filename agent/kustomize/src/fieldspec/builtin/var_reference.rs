//! The fields in which kustomize replaces `$(NAME)`.

use super::{FieldSpec, in_pods, specs};

/// The kinds with containers, and where their pod is.
const PODS: &[(&str, &str)] = &[
    ("CronJob", "spec/jobTemplate/spec/template/spec/"),
    ("DaemonSet", "spec/template/spec/"),
    ("Deployment", "spec/template/spec/"),
    ("Job", "spec/template/spec/"),
    ("Pod", "spec/"),
    ("ReplicaSet", "spec/template/spec/"),
    ("StatefulSet", "spec/template/spec/"),
];

const IN_POD: &[&str] = &[
    "containers/args",
    "containers/command",
    "containers/env/value",
    "containers/volumeMounts/mountPath",
    "initContainers/args",
    "initContainers/command",
    "initContainers/env/value",
    "initContainers/volumeMounts/mountPath",
];

/// The volumes of a `CronJob` are looked for in the wrong place, and those of a `StatefulSet` not at all: kustomize's bugs.
const ELSEWHERE: &str = "
CronJob - - . spec/jobTemplate/spec/template/volumes/nfs/server
DaemonSet - - . spec/template/spec/volumes/nfs/server
Deployment - - . spec/template/spec/volumes/nfs/server
Deployment - - . spec/template/metadata/annotations
Ingress - - . spec/rules/host
Ingress - - . spec/tls/hosts
Ingress - - . spec/tls/secretName
Job - - . spec/template/spec/volumes/nfs/server
Pod - - . spec/volumes/nfs/server
ReplicaSet - - . spec/template/spec/volumes/nfs/server
Service - - . spec/ports/port
Service - - . spec/ports/targetPort
StatefulSet - - . spec/volumeClaimTemplates/spec/nfs/server
PersistentVolume - - . spec/nfs/server
- - - . metadata/labels
- - - . metadata/annotations
";

pub(super) fn var_references() -> Vec<FieldSpec> {
    [in_pods(PODS, "-", IN_POD), specs(ELSEWHERE)].concat()
}
