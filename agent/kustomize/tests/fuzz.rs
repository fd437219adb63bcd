//! Whatever stands in a file, a render ends within its bounds and without a panic, twice in the same way, and what it prints can be read.
//!
//! `cargo test` tries a bounded number of random inputs for each sort of file. `docs/guides/fuzzing.md` says how to run one of them for as long as one likes,
//! with feedback from the coverage of the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuzz/words.rs"]
mod words;

use plumb_kustomize::{MemoryFs, Options, build};
use words::text;

const OBJECTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {note: a}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    spec:
      containers: [{name: web, image: 'nginx:1', ports: [{containerPort: 80}], env: [{name: A, value: $(A)}]}, {name: side, image: busybox}]
      volumes: [{name: v, configMap: {name: settings}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {json: '{\"a\": [1, {\"b\": 2}]}', yaml: 'a: {b: c}', text: one-two-three}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: web, namespace: team}
spec: {configMapRef: {name: settings}, items: [{name: one, value: 1}], size: 3}
";

/// So much is enough for small files; what is refused for more is refused in time.
fn options() -> Options {
    Options { max_steps: 5_000_000, max_values: 50_000, max_bytes: 1 << 20, ..Options::default() }
}

/// Renders with an input in the place of one file.
fn check(kustomization: &str, path: &str, input: &[u8]) {
    let mut fs = MemoryFs::from([
        ("kustomization.yaml", kustomization),
        ("objects.yaml", OBJECTS),
        ("base/kustomization.yaml", "resources: [../component/a.yaml]\nnamePrefix: base-\n"),
        ("component/kustomization.yaml", "kind: Component\nnameSuffix: -c\n"),
    ]);
    fs.insert(path, input);
    let render = || match build(&fs, "", &options()) {
        Ok(rendered) => rendered.to_yaml(),
        Err(errors) => format!("error: {errors}"),
    };
    let once = render();
    assert_eq!(once, render(), "two renders differ");
    if !once.starts_with("error: ") {
        let limits = plumb_yaml::Limits::default();
        plumb_yaml::parse(once.as_bytes(), plumb_yaml::Schema::Resource, &limits).unwrap();
    }
}

/// A test for a sort of file, whose bytes are words.
macro_rules! fuzz {
    ($($name:ident: $kustomization:expr, $path:expr;)*) => {
        $(
            #[test]
            fn $name() {
                bolero::check!().with_iterations(400).for_each(|input: &[u8]| check($kustomization, $path, &text(input)));
            }
        )*
    };
}

fuzz! {
    a_kustomization_file: "", "kustomization.yaml";
    objects: "resources: [objects.yaml]\nnamePrefix: a-\nnamespace: n\ncommonLabels: {a: b}\nimages: [{name: nginx, newTag: v}]\n", "objects.yaml";
    a_patch: "resources: [objects.yaml]\npatches: [{path: patch.yaml}]\n", "patch.yaml";
    a_patch_with_a_target: "resources: [objects.yaml]\npatches: [{path: patch.yaml, target: {kind: .*}}]\n", "patch.yaml";
    a_json_patch: "resources: [objects.yaml]\npatchesJson6902: [{path: patch.yaml, target: {version: v1, kind: ConfigMap, name: settings}}]\n", "patch.yaml";
    replacements: "resources: [objects.yaml]\nreplacements: [{path: replacements.yaml}]\n", "replacements.yaml";
    configurations: "resources: [objects.yaml]\nconfigurations: [configuration.yaml]\nnamePrefix: a-\ncommonLabels: {a: b}\nvars: [{name: A, objref: {apiVersion: v1, kind: ConfigMap, name: settings}}]\n", "configuration.yaml";
    definitions: "resources: [objects.yaml]\ncrds: [crds.yaml]\nnamePrefix: a-\n", "crds.yaml";
    a_schema: "resources: [objects.yaml]\nopenapi: {path: schema.yaml}\npatches: [{patch: '{apiVersion: example.com/v1, kind: Widget, metadata: {name: web, namespace: team}, spec: {items: [{name: one}]}}'}]\n", "schema.yaml";
    a_plugin: "resources: [objects.yaml]\ntransformers: [plugin.yaml]\n", "plugin.yaml";
    a_generator: "generators: [plugin.yaml]\n", "plugin.yaml";
    an_environment_file: "configMapGenerator: [{name: a, envs: [a.env]}]\nsecretGenerator: [{name: a, files: [a.env]}]\n", "a.env";
}

/// Paths and patterns stand in a frame that lets them through.
fn quoted(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text(input)).into_owned();
    format!("'{}'", text.replace('\'', "''").replace(|c: char| c.is_control(), " "))
}

macro_rules! fuzz_text {
    ($($name:ident: $frame:expr;)*) => {
        $(
            #[test]
            fn $name() {
                bolero::check!().with_iterations(400).for_each(|input: &[u8]| {
                    // The first byte says where the second text begins.
                    let (at, rest) = input.split_first().map_or((0, input), |(first, rest)| (usize::from(*first), rest));
                    let (one, other) = rest.split_at(at.min(rest.len()));
                    let frame = $frame.replace("ONE", &quoted(one)).replace("OTHER", &quoted(other));
                    check("resources: [objects.yaml]", "kustomization.yaml", format!("resources: [objects.yaml]\n{frame}").as_bytes());
                });
            }
        )*
    };
}

fuzz_text! {
    a_path_of_a_json_patch: "patches:\n- target: {kind: .*}\n  patch: |-\n    [{op: add, path: '/data/x', value: 1}, {op: copy, from: ONE, path: OTHER}, {op: replace, path: ONE, value: OTHER}]\n";
    a_path_of_a_replacement: "replacements:\n- source: {kind: ConfigMap, fieldPath: ONE}\n  targets: [{select: {kind: .*}, fieldPaths: [OTHER], options: {create: true, delimiter: '-', index: 1}}]\n";
    a_created_field: "replacements:\n- sourceValue: ONE\n  targets: [{select: {kind: .*}, fieldPaths: [OTHER], options: {create: true}}]\n";
    a_path_of_labels: "labels: [{pairs: {k: v}, fields: [{path: ONE, create: true}, {path: OTHER}]}]\n";
    a_target: "patches:\n- target: {name: ONE, labelSelector: OTHER, annotationSelector: OTHER}\n  patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: any}, data: {k: v}}'\n";
    an_image: "images: [{name: ONE, newName: OTHER, newTag: OTHER}]\n";
    a_var: "vars: [{name: ONE, objref: {apiVersion: v1, kind: ConfigMap, name: settings}, fieldref: {fieldPath: OTHER}}]\n";
    a_path_of_a_resource: "components: [ONE]\nbases: [OTHER]\n";
}
