//! Values in values in values, and aliases of aliases.

use super::{Outcome::Refused, Row, Tree, app, app_with, config_map, lines, objects};

const DEEP: usize = 100_000;
const TOO_DEEP: super::Outcome = Refused("levels deep");
const TOO_DEEP_FOR_JSON: super::Outcome = Refused("recursion limit");

pub(crate) const CASES: &[Row] = &[
    ("alias bomb", Refused("aliases of this file expand"), || objects(bomb())),
    ("alias bomb in a kustomization", Refused("aliases of this file expand"), || app(bomb())),
    ("alias bomb in a patch", Refused("aliases of this file expand"), || {
        app_with(config_map("a", "{}"), "patches: [{path: patch.yaml}]\n").with("app/patch.yaml", bomb())
    }),
    ("one alias many times", Refused("aliases of this file expand"), || {
        objects(format!("x: &x [{}]\ny: [{}]\n", "a,".repeat(10_000), "*x,".repeat(10_000)))
    }),
    ("merge keys", Refused("aliases of this file expand"), || {
        objects(format!("x: &x {{{}}}\ny:\n{}", lines(1000, |n| format!("k{n}: v, ")), "- {<<: *x}\n".repeat(1000)))
    }),
    ("anchors in anchors", Refused("aliases of this file expand"), || {
        let open = lines(120, |n| format!("&a{n} ["));
        objects(format!("x: {open}{}{}\ny: *a1\n", "a,".repeat(100_000), "]".repeat(120)))
    }),
    ("lists in brackets", TOO_DEEP, || objects("[".repeat(DEEP))),
    ("maps in braces", TOO_DEEP, || objects("{a: ".repeat(DEEP))),
    ("lists in lines", TOO_DEEP, || objects("- ".repeat(DEEP))),
    ("maps in lines", TOO_DEEP, || objects(lines(3000, |n| format!("{}a:\n", " ".repeat(n))))),
    ("keys of keys", TOO_DEEP, || objects("? ".repeat(DEEP))),
    ("lists in a kustomization", TOO_DEEP, || app(format!("resources: {}", "[".repeat(DEEP)))),
    ("lists in a patch", TOO_DEEP, || {
        app_with(config_map("a", "{}"), "patches: [{path: patch.yaml}]\n").with("app/patch.yaml", "{a: ".repeat(DEEP))
    }),
    ("lists in a JSON patch", TOO_DEEP_FOR_JSON, || {
        json_patch(format!("[{{\"op\": \"add\", \"value\": {}", "[".repeat(DEEP)))
    }),
    ("lists in a JSON patch of YAML", TOO_DEEP, || json_patch("- ".repeat(DEEP))),
    ("lists in the text of a field", Refused("field data.k.0.0"), || {
        let text = format!("'{}'", "[".repeat(DEEP));
        replaced(&config_map("a", &format!("{{k: {text}}}")), "data.k.0.0")
    }),
    ("a path of a replacement that creates", TOO_DEEP, || {
        replaced(&config_map("a", "{k: v}"), &format!("spec{}", ".a".repeat(DEEP)))
    }),
    ("a path of labels that creates", Refused("path of a field spec"), || {
        let path = format!("spec{}", "/a".repeat(DEEP));
        app_with(
            config_map("a", "{k: v}"),
            &format!("labels: [{{pairs: {{a: b}}, fields: [{{path: {path}, create: true}}]}}]\n"),
        )
    }),
    ("a JSON patch that goes deeper and deeper", TOO_DEEP, || {
        json_patch(lines(2000, |n| format!("- {{op: add, path: /data{}, value: {{}}}}\n", "/a".repeat(n))))
    }),
    ("a JSON patch that puts an object into itself", TOO_DEEP, || {
        json_patch("- {op: copy, from: /data, path: /data/a}\n".repeat(200))
    }),
    ("a path of a JSON patch", TOO_DEEP, || {
        json_patch(format!("- {{op: test, path: {}, value: a}}\n", "/a".repeat(DEEP)))
    }),
    ("replacements that put an object into itself", TOO_DEEP, || {
        let fields = "replacements:\n".to_owned()
            + &"- {source: {kind: ConfigMap, fieldPath: data}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a], options: {create: true}}]}\n".repeat(200);
        app_with(config_map("a", "{k: v}"), &fields)
    }),
];

/// Nine levels of nine aliases are 3.8 * 10^8 strings.
fn bomb() -> String {
    let level = |n: usize| format!("a{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); 9].join(", "));
    format!("a0: &a0 lol\n{}", lines(9, level))
}

fn json_patch(patch: impl Into<Vec<u8>>) -> Tree {
    let fields = "patches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n";
    app_with(config_map("a", "{k: v}"), fields).with("app/patch.yaml", patch)
}

fn replaced(object: &str, path: &str) -> Tree {
    let fields = format!(
        "replacements:\n- sourceValue: x\n  targets:\n  - select: {{kind: ConfigMap}}\n    fieldPaths: ['{path}']\n    options: {{create: true}}\n"
    );
    app_with(object, &fields)
}
