//! The fields `configMapGenerator`, `secretGenerator` and `generatorOptions`.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::words;
use crate::case::Content;
use crate::value::Value;

const LITERALS: [&str; 16] = [
    "level=info",
    "level=debug",
    "host=web.prod.svc",
    "key=a=b",
    "quoted=\"x y\"",
    "single='x'",
    "empty=",
    "half=\"x",
    "path=C:\\temp",
    "number=10",
    "number=010",
    "truth=true",
    "html=<a href=\"x\">&amp;</a>",
    "url=http://web:8080/x?y=z#w",
    "spaces=  x  ",
    "unicode=héllo 🎉",
];
const ENVIRONMENT: [&str; 5] = [
    "env-level=info\nenv-host=db\n",
    "# comment\n\nsecond=value # not a comment\n",
    "a=\"quoted\"\nb='single'\n",
    "UPPER_CASE=1\nlower.case-key=2\n",
    "\u{feff}bom=1\n  indented=x\n",
];
const TEXTS: [&[u8]; 8] = [
    b"plain\n",
    b"no newline",
    b"",
    b"a: 1\nb:\n- x\n",
    b"{\"a\": {\"b\": 1}}",
    b"trailing space \nnext\n",
    b"\xff\xfe\x00binary",
    b"tab\there\r\nwindows\r\n",
];

pub(crate) fn config_maps(layer: &mut Layer<'_>) {
    let count = layer.random.between(1, 2);
    let list = (0..count).map(|_| generator(layer, "ConfigMap")).collect();
    layer.field("configMapGenerator", Value::List(list));
}

pub(crate) fn secrets(layer: &mut Layer<'_>) {
    let mut generator = generator(layer, "Secret");
    if layer.random.chance(40) {
        generator.set("type", Value::string(layer.random.pick(&["Opaque", "kubernetes.io/tls", "example.com/x"])));
    }
    layer.field("secretGenerator", Value::List(vec![generator]));
}

fn generator(layer: &mut Layer<'_>, kind: &str) -> Value {
    let existing: Vec<_> = layer
        .known
        .iter()
        .filter(|resource| resource.kind() == kind && resource.api_version() == "v1")
        .cloned()
        .collect();
    let mut json = json!({});
    match layer.random.one(&existing) {
        // What is there already needs a behaviour; what is not must have none but `create`.
        Some(resource) if layer.random.chance(40) => {
            json["name"] = json!(resource.name());
            json["behavior"] = json!(layer.random.pick(&["merge", "replace", "merge"]));
            if let Some(namespace) = resource.namespace() {
                json["namespace"] = json!(namespace);
            }
        }
        _ => {
            let number = layer.files.len() + layer.random.below(30);
            json["name"] = if layer.random.chance(90) {
                json!(format!("generated-{}-{number}", layer.dir))
            } else {
                json!(words::name(layer.random))
            };
            if layer.random.chance(20) {
                json["behavior"] = json!("create");
            }
            if layer.random.chance(15) {
                json["namespace"] = json!(words::namespace(layer.random));
            }
        }
    }
    let mut value = Value::from(json);
    sources(layer, &mut value);
    if layer.random.chance(20) {
        let options = generator_options(layer);
        value.set("options", options.into());
    }
    value
}

fn sources(layer: &mut Layer<'_>, generator: &mut Value) {
    if layer.random.chance(70) {
        let count = layer.random.between(1, 3);
        let start = layer.random.below(LITERALS.len());
        // A key that comes twice is an error.
        let mut literals: Vec<&str> = (0..count).map(|step| LITERALS[(start + step * 3) % LITERALS.len()]).collect();
        if layer.random.chance(97) {
            literals.dedup_by_key(|literal| literal.split('=').next());
        }
        generator.set("literals", Value::List(literals.into_iter().map(Value::string).collect()));
    }
    if layer.random.chance(25) {
        let content = layer.random.pick(&TEXTS.each_ref().map(|text| *text)).to_vec();
        let path = layer.file("file", Content::Bytes(content)).text().unwrap_or_default();
        let entry = match layer.random.below(3) {
            0 => path,
            _ => format!("{}={path}", layer.random.pick(&["config.json", "text", "data_1"])),
        };
        generator.set("files", Value::List(vec![Value::string(&entry)]));
    }
    if layer.random.chance(20) {
        let content = layer.random.pick(&ENVIRONMENT).as_bytes().to_vec();
        let path = layer.file("env", Content::Bytes(content));
        if layer.random.chance(80) {
            generator.set("envs", Value::List(vec![path]));
        } else {
            generator.set("env", path);
        }
    }
}

/// The same as the configuration of a plugin.
pub(crate) fn plugin(layer: &mut Layer<'_>, kind: &str) -> Value {
    let mut plugin = generator(layer, kind);
    let mut metadata = Value::Map(Vec::new());
    if let Value::Map(entries) = &mut plugin {
        for (key, value) in std::mem::take(entries) {
            if key == "name" || key == "namespace" {
                metadata.set(&key, value);
            } else {
                entries.push((key, value));
            }
        }
    }
    plugin.set("apiVersion", Value::string("builtin"));
    plugin.set("kind", Value::string(if kind == "Secret" { "SecretGenerator" } else { "ConfigMapGenerator" }));
    plugin.set("metadata", metadata);
    plugin
}

fn generator_options(layer: &mut Layer<'_>) -> Json {
    let random = &mut *layer.random;
    let mut json = json!({});
    if random.chance(40) {
        json["disableNameSuffixHash"] = json!(random.chance(80));
    }
    if random.chance(30) {
        json["labels"] = words::labels(random);
    }
    if random.chance(30) {
        json["annotations"] = words::plain_annotations(random);
    }
    if random.chance(20) {
        json["immutable"] = json!(random.chance(80));
    }
    json
}

pub(crate) fn options(layer: &mut Layer<'_>) {
    let options = generator_options(layer);
    layer.field("generatorOptions", options.into());
}
