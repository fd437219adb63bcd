//! Kinds that come with the objects that are defined by them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{GroupKind, Scope};

/// The kinds, with their versions, that the CustomResourceDefinitions among the objects define.
#[must_use]
pub fn definitions<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeMap<(GroupKind, String), Scope> {
    let mut defined = BTreeMap::new();
    for object in objects.into_iter().filter(|object| object["kind"] == "CustomResourceDefinition") {
        let spec = &object["spec"];
        let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else { continue };
        let scope = if spec["scope"] == "Namespaced" { Scope::Namespaced } else { Scope::Cluster };
        for version in spec["versions"].as_array().into_iter().flatten().filter_map(|version| version["name"].as_str())
        {
            defined.insert((GroupKind { group: group.into(), kind: kind.into() }, version.to_owned()), scope);
        }
    }
    defined
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_that_come_with_the_overlay_are_known() {
        let objects = [
            json!({"kind": "ConfigMap"}),
            json!({"kind": "CustomResourceDefinition", "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget"}, "versions": [{"name": "v1"}, {"name": "v1beta1"}],
            }}),
            json!({"kind": "CustomResourceDefinition", "spec": {"group": "broken"}}),
        ];
        let lines: Vec<_> = definitions(&objects)
            .iter()
            .map(|((kind, version), scope)| format!("{kind}/{version} {scope:?}"))
            .collect();
        expect![[r#"
            Widget.example.com/v1 Namespaced
            Widget.example.com/v1beta1 Namespaced"#]]
        .assert_eq(&lines.join("\n"));
    }
}
