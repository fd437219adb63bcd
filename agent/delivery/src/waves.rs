//! In which order objects are applied.

use crate::GroupKind;

/// Objects of one wave are applied side by side; a wave starts when all answers of the one before are in.
///
/// Between two numbers all objects must be healthy as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wave {
    /// From the object's annotation.
    pub number: i32,
    /// From its kind.
    pub stage: Stage,
}

/// The order of kinds within a wave's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What other objects need to exist at all: namespaces and custom resource definitions.
    Definitions,
    /// What workloads read when they start: accounts, rights, configuration, storage.
    Configuration,
    /// Services and workloads, and every kind that is not known here.
    Workloads,
    /// What acts on workloads or on later requests: ingress, autoscaling, webhooks, aggregated APIs.
    Routing,
}

/// The stage of a kind.
///
/// The order is that of Helm's install order, with the steps that do not depend on one another made one
/// (<https://github.com/helm/helm/blob/main/pkg/release/v1/util/kind_sorter.go>).
#[must_use]
pub fn stage(kind: &GroupKind) -> Stage {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => Stage::Definitions,
        (
            "",
            "ServiceAccount"
            | "Secret"
            | "ConfigMap"
            | "PersistentVolume"
            | "PersistentVolumeClaim"
            | "LimitRange"
            | "ResourceQuota",
        )
        | ("rbac.authorization.k8s.io" | "storage.k8s.io" | "scheduling.k8s.io" | "node.k8s.io", _)
        | ("networking.k8s.io", "NetworkPolicy" | "IngressClass") => Stage::Configuration,
        (
            "networking.k8s.io" | "autoscaling" | "policy" | "admissionregistration.k8s.io" | "apiregistration.k8s.io",
            _,
        ) => Stage::Routing,
        _ => Stage::Workloads,
    }
}

/// Whether objects of this kind are kept in the cluster when they leave the overlay, because with them would go what nobody can bring back.
///
/// Deleting a Namespace or a CustomResourceDefinition deletes all that is in it, and a PersistentVolumeClaim may take its data along.
#[must_use]
pub fn kept_when_removed(kind: &GroupKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        ("", "Namespace" | "PersistentVolumeClaim" | "PersistentVolume")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_and_definitions_come_first_and_webhooks_last() {
        let order = [
            "v1/Namespace",
            "v1/ConfigMap",
            "apps/v1/Deployment",
            "example.com/v1/Widget",
            "networking.k8s.io/v1/Ingress",
        ];
        let stages: Vec<_> = order
            .iter()
            .map(|text| {
                let (api_version, kind) = text.rsplit_once('/').unwrap();
                stage(&GroupKind::new(api_version, kind))
            })
            .collect();
        assert_eq!(
            stages,
            [Stage::Definitions, Stage::Configuration, Stage::Workloads, Stage::Workloads, Stage::Routing]
        );
    }

    #[test]
    fn the_number_counts_before_the_kind() {
        let late = Wave { number: 1, stage: Stage::Definitions };
        assert!(late > Wave { number: 0, stage: Stage::Routing } && late < Wave { stage: Stage::Routing, ..late });
    }
}
