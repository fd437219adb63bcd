//! Whatever stands in the files, a render ends without a panic, and twice in the same way.

use plumb_kustomize::{MemoryFs, Options, build};
use proptest::prelude::*;

const OBJECTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {note: a}}
spec:
  replicas: 1
  template: {spec: {containers: [{name: web, image: 'nginx:1', ports: [{containerPort: 80}]}, {name: side, image: busybox}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {json: '{\"a\": [1, {\"b\": 2}]}', yaml: 'a: {b: c}', text: one-two-three}
";

/// Words that mean something in paths, selectors and patterns, with some that break them.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "spec",
        "template",
        "containers",
        "[name=web]",
        "[=x]",
        "[name=",
        "*",
        "-",
        "0",
        "-1",
        "99999999999999999999",
        "a\\.b",
        "\\",
        "~1",
        "~",
        "data",
        "json",
        "yaml",
        "text",
        "a",
        "b",
        "metadata",
        "name",
        "labels",
        "image",
        "$(A)",
        "",
        " ",
        "[]",
        "é",
        "(",
        ".*",
        "[a-z]{2}",
        "app=web",
        "!x",
        "in (a,b)",
        ",",
        "ports",
        "null",
        "{}",
        "\u{1F389}",
        "|",
        ":",
        "'",
        "\"",
        "#",
        "\t",
    ];
    prop_oneof![8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,6}"]
}

fn path(separator: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 0..6).prop_map(move |words| words.join(separator))
}

/// A text as a YAML scalar.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace(|c: char| c.is_control(), " "))
}

fn renders_alike(kustomization: &str) -> Result<(), TestCaseError> {
    let fs = MemoryFs::from([("kustomization.yaml", kustomization), ("objects.yaml", OBJECTS)]);
    let render =
        || build(&fs, "", &Options::default()).map(|rendered| rendered.to_yaml()).map_err(|errors| errors.to_string());
    prop_assert_eq!(render(), render(), "{}", kustomization);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_a_kustomization(lines in prop::collection::vec((word(), word(), word()), 0..8)) {
        let fields = ["resources", "patches", "images", "replicas", "labels", "namePrefix", "vars", "replacements", "components", "configMapGenerator"];
        let line = |(index, (a, b, c)): (usize, (String, String, String))| {
            format!("{}: [{a}, {{{b}: {c}}}]\n", fields[(index + a.len()) % fields.len()])
        };
        let text: String = lines.into_iter().enumerate().map(line).collect();
        renders_alike(&text)?;
    }

    #[test]
    fn of_a_pointer_of_a_json_patch(op in 0..6usize, path in path("/"), from in path("/"), value in word()) {
        let op = ["add", "remove", "replace", "move", "copy", "test"][op];
        let (path, from, value) = (quoted(&format!("/{path}")), quoted(&format!("/{from}")), quoted(&value));
        let patch = format!("- {{op: {op}, path: {path}, from: {from}, value: {value}}}");
        let entry = format!("patches:\n- target: {{kind: .*}}\n  patch: |-\n    {patch}\n");
        renders_alike(&format!("resources: [objects.yaml]\n{entry}"))?;
    }

    #[test]
    fn of_a_field_spec(path in path("/"), create: bool) {
        let path = quoted(&path);
        renders_alike(&format!("resources: [objects.yaml]\nlabels: [{{pairs: {{k: v}}, fields: [{{path: {path}, create: {create}}}]}}]\n"))?;
    }

    #[test]
    fn of_a_replacement(source in path("."), targets in prop::collection::vec(path("."), 1..3), delimiter in word(), index in -2..4i64, create: bool) {
        let (source, delimiter) = (quoted(&source), quoted(&delimiter));
        let paths: Vec<String> = targets.iter().map(|path| quoted(path)).collect();
        let options = format!("options: {{delimiter: {delimiter}, index: {index}, create: {create}}}");
        let text = format!(
            "resources: [objects.yaml]\nreplacements:\n- source: {{kind: ConfigMap, fieldPath: {source}}}\n  targets:\n  - select: {{kind: .*}}\n    fieldPaths: [{}]\n    {options}\n",
            paths.join(", ")
        );
        renders_alike(&text)?;
    }

    #[test]
    fn of_a_target(name in word(), labels in path(","), annotations in path(" ")) {
        let (name, labels, annotations) = (quoted(&name), quoted(&labels), quoted(&annotations));
        let target = format!("{{name: {name}, labelSelector: {labels}, annotationSelector: {annotations}}}");
        let patch = "'{apiVersion: v1, kind: ConfigMap, metadata: {name: any}, data: {k: v}}'";
        renders_alike(&format!("resources: [objects.yaml]\npatches: [{{target: {target}, patch: {patch}}}]\n"))?;
    }

    #[test]
    fn of_a_strategic_patch(field in word(), value in word(), directive in word()) {
        let (field, value, directive) = (quoted(&field), quoted(&value), quoted(&directive));
        let patch = format!("{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{{field}: {value}, template: {{spec: {{containers: [{{name: web, $patch: {directive}}}, {value}]}}}}}}}}");
        renders_alike(&format!("resources: [objects.yaml]\npatches:\n- patch: |-\n    {patch}\n"))?;
    }

    #[test]
    fn of_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for path in ["kustomization.yaml", "objects.yaml"] {
            let mut fs = MemoryFs::from([("kustomization.yaml", "resources: [objects.yaml]\n"), ("objects.yaml", OBJECTS)]);
            fs.insert(path, &bytes);
            let _ = build(&fs, "", &Options::default());
        }
    }
}
