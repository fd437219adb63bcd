//! The hash suffix of generated config maps and secrets.

use plumb_yaml::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::go_json;
use crate::error::Fault;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::Tree;

/// Adds the hash of its content to the name of each generated object that wants one.
pub(crate) fn apply(resources: &mut Resources) -> Result<(), Fault> {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        if !matches!(resource.kind(), "ConfigMap" | "Secret") {
            // kustomize hashes what its parser made of the file there, down to lines and comments.
            return Err(Fault::unsupported(format!(
                "{}: an annotation asks for a hash, which only a ConfigMap or Secret can have here",
                resource.id()
            )));
        }
        let hash = hash(resource);
        resource.store_previous_name();
        let name = format!("{}-{hash}", resource.name());
        resource.set_name(&name);
    }
    Ok(())
}

fn hash(resource: &Resource) -> String {
    let value_of = |name: &str| match resource.tree.get(name) {
        // What is missing is hashed as an empty string.
        None => Value::String(String::new()),
        Some(Tree::Scalar(scalar)) => Value::String(scalar.text.clone()),
        Some(Tree::Sequence(_)) => Value::Null,
        Some(tree) => tree.clone().into_value(),
    };
    let mut content = Map::new();
    let secret = resource.kind() == "Secret";
    content.insert("kind".to_owned(), Value::String(resource.kind().to_owned()));
    // kustomize looks for the name in a wrong place, so it is always empty.
    content.insert("name".to_owned(), Value::String(String::new()));
    content.insert("data".to_owned(), value_of("data"));
    if secret {
        content.insert("type".to_owned(), value_of("type"));
    }
    let optional = if secret { "stringData" } else { "binaryData" };
    if let value @ (Value::Object(_) | Value::Null) = value_of(optional) {
        content.insert(optional.to_owned(), value);
    }
    encode(&hex::encode(Sha256::digest(go_json::print(&Value::Object(content), false).as_bytes())))
}

/// Ten digits, without those that could form words.
fn encode(hex: &str) -> String {
    let digit = |digit| match digit {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    hex.chars().take(10).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use crate::{ErrorKind, MemoryFs, Options, build};

    #[test]
    fn other_kinds_have_no_hash() {
        let object = "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  annotations: {internal.config.kubernetes.io/needsHashSuffix: enabled}\n";
        let fs = MemoryFs::from([("kustomization.yaml", "resources: [s.yaml]\n"), ("s.yaml", object)]);
        let errors = build(&fs, "", &Options::default()).unwrap_err();
        assert_eq!(errors.0[0].kind, ErrorKind::Unsupported, "{errors}");
    }
}
