//! Values that grow with each step.

use super::{Outcome::Refused, Row, Tree, app, app_with, config_map, config_maps, lines};

const TOO_LARGE: super::Outcome = Refused("the render");

pub(crate) const CASES: &[Row] = &[
    ("a JSON patch that copies twice as much each time", TOO_LARGE, || {
        let patch = lines(60, |n| {
            format!(
                "- {{op: copy, from: /data, path: /copy{n}}}\n- {{op: move, from: /copy{n}, path: /data/copy{n}}}\n"
            )
        });
        json_patch(&config_map("a", "{k: v}"), &patch)
    }),
    ("a JSON patch that copies a list into itself", TOO_LARGE, || {
        json_patch(&config_map("a", "{k: []}"), &"- {op: copy, from: /data/k, path: /data/k/-}\n".repeat(1000))
    }),
    ("a JSON patch that copies a large text many times", TOO_LARGE, || {
        let object = config_map("a", &format!("{{k: {}}}", "x".repeat(1 << 20)));
        json_patch(&object, &lines(1000, |n| format!("- {{op: copy, from: /data/k, path: /data/k{n}}}\n")))
    }),
    ("replacements that join a text to itself", TOO_LARGE, || {
        let replacement = "- source: {kind: ConfigMap, fieldPath: data.k}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.k], options: {delimiter: '|', index: -1}}]\n";
        app_with(config_map("a", "{k: some text}"), &format!("replacements:\n{}", replacement.repeat(60)))
    }),
    ("replacements that copy a map into many others", TOO_LARGE, || {
        let field = |n: usize| format!("k{n}: v, ");
        let objects =
            format!("{}---\n{}", config_maps(5_000), config_map("source", &format!("{{{}}}", lines(5_000, field))));
        let replacement = "replacements:\n- source: {kind: ConfigMap, name: source, fieldPath: data}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data]}]\n";
        app_with(objects, replacement)
    }),
    ("labels by the thousand on objects by the thousand", TOO_LARGE, || {
        let labels = lines(5_000, |n| format!("  l{n}: v\n"));
        app_with(config_maps(5_000), &format!("commonLabels:\n{labels}"))
    }),
    ("annotations that are long", TOO_LARGE, || {
        app_with(config_maps(5_000), &format!("commonAnnotations: {{a: {}}}\n", "x".repeat(1 << 20)))
    }),
    ("a long prefix in each layer", TOO_LARGE, || {
        let layer = |tree: Tree, n: usize| {
            let text = format!("resources: [../b{}]\nnamePrefix: {}-\n", n + 1, "p".repeat(10_000));
            tree.with(format!("b{n}/kustomization.yaml"), text)
        };
        let tree = (0..50).fold(app("resources: [../b0]\n"), layer);
        tree.with("b50/kustomization.yaml", "resources: [objects.yaml]\n").with("b50/objects.yaml", config_maps(1_000))
    }),
    ("a long prefix on many objects", TOO_LARGE, || {
        app_with(config_maps(9_000), &format!("namePrefix: {}-\n", "p".repeat(1 << 20)))
    }),
    ("a long namespace on many objects", TOO_LARGE, || {
        app_with(config_maps(9_000), &format!("namespace: {}\n", "n".repeat(1 << 20)))
    }),
    ("a long image on many containers", TOO_LARGE, || {
        let container = |n: usize| format!("  - {{name: c{n}, image: a}}\n");
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n{}",
            lines(10_000, container)
        );
        app_with(pod, &format!("images: [{{name: a, newName: {}}}]\n", "i".repeat(1 << 20)))
    }),
    ("a patch of many values for each of many objects", TOO_LARGE, || {
        let field = |n: usize| format!("  k{n}: v\n");
        let patch = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: any\ndata:\n{}", lines(10_000, field));
        app_with(config_maps(9_000), "patches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n")
            .with("app/patch.yaml", patch)
    }),
    ("merged elements without their keys", super::Outcome::Rendered, || {
        let port = |n: usize| format!("    - {{name: p{n}}}\n");
        let pod = |ports: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    ports:\n{ports}"
            )
        };
        let fields = format!("patches:\n{}", "- path: patch.yaml\n".repeat(500));
        app_with(pod(&lines(500, port)), &fields).with("app/patch.yaml", pod("    - {name: x}\n"))
    }),
];

fn json_patch(object: &str, patch: &str) -> Tree {
    let fields = "patches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n";
    app_with(object, fields).with("app/patch.yaml", patch)
}
