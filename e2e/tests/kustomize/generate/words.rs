//! The words that generated files are made of: few, so that names meet.

use serde_json::{Value as Json, json};

use super::random::Random;
use crate::value::Value;

pub(crate) const NAMES: [&str; 6] = ["web", "db", "web-config", "api", "app", "db-0"];
pub(crate) const NAMESPACES: [&str; 4] = ["default", "prod", "team-a", "web"];
pub(crate) const KEYS: [&str; 7] = ["app", "tier", "example.com/part", "app.kubernetes.io/name", "b", "zone", "yes"];
pub(crate) const IMAGES: [&str; 9] = [
    "nginx",
    "nginx:1.25",
    "docker.io/nginx:1",
    "registry.example.com:5000/team/app:v1",
    "redis@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
    "busybox:1.36@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
    "app:latest",
    "registry.example.com:5000/team/app",
    "my-app",
];

/// Scalars that YAML and kustomize read in ways of their own, as they stand in a file.
const ODD: [&str; 46] = [
    "yes",
    "\"yes\"",
    "no",
    "on",
    "y",
    "\"y\"",
    "true",
    "\"true\"",
    "'false'",
    "null",
    "~",
    "",
    "\"null\"",
    "0777",
    "0o17",
    "0x1F",
    "1_000",
    "1.0",
    "1.50",
    "\"1.0\"",
    "1e3",
    "\"1e3\"",
    "-0",
    "12345678901234567890123",
    ".5",
    "+1",
    "2020-01-01",
    "\"2020-01-01\"",
    "1:30",
    "\"123\"",
    "'0123'",
    "!!str 5",
    "!!int \"7\"",
    "\"a: b\"",
    "\"- x\"",
    "\"#x\"",
    "'it''s'",
    "\"tab\\there\"",
    "\"\"",
    "\"héllo wörld\"",
    "\"🎉 party\"",
    "\"ends with space \"",
    "\"line one\\nline two\"",
    "\"=\"",
    "\"<<\"",
    "a rather long plain sentence that goes on and on until it is far longer than eighty columns and then some",
];

/// The names of vars, and texts that refer to them.
pub(crate) const VARS: [&str; 4] = ["HOST", "NAME", "LEVEL", "SIZE"];
const REFERENCES: [&str; 8] =
    ["$(HOST)", "$(NAME)", "$(LEVEL)", "$(SIZE)", "http://$(HOST):$(SIZE)/", "$$(HOST)", "$(NAME", "$(NAME)$$$(OTHER)"];

pub(crate) fn name(random: &mut Random) -> &'static str {
    random.pick(&NAMES)
}

pub(crate) fn namespace(random: &mut Random) -> &'static str {
    random.pick(&NAMESPACES)
}

pub(crate) fn image(random: &mut Random) -> &'static str {
    random.pick(&IMAGES)
}

pub(crate) fn key(random: &mut Random) -> &'static str {
    // kustomize reads a number as a key of its own type, and then often fails.
    if random.chance(1) { "1" } else { random.pick(&KEYS) }
}

pub(crate) fn odd(random: &mut Random) -> Json {
    json!(format!("\0{}", random.pick(&ODD)))
}

/// A word, now and then an odd one.
pub(crate) fn word(random: &mut Random) -> Json {
    match random.below(10) {
        0 => odd(random),
        1 => json!(format!("{}.{}.svc", name(random), namespace(random))),
        2 => json!("10"),
        3 => json!(random.pick(&REFERENCES)),
        _ => json!(random.pick(&["one", "two", "blue", "green", "info", "debug"])),
    }
}

pub(crate) fn scalar(random: &mut Random) -> Value {
    let json = match random.below(6) {
        0 => json!(random.below(100)),
        1 => json!(random.chance(50)),
        2 => odd(random),
        _ => word(random),
    };
    Value::from(json)
}

/// Strings by keys, as of labels.
pub(crate) fn labels(random: &mut Random) -> Json {
    let count = random.between(1, 2);
    (0..count)
        .map(|_| (key(random).to_owned(), json!(random.pick(&["web", "db", "blue", "7", "true"]))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Annotations of a kustomization, where a value that is no string is an error.
pub(crate) fn plain_annotations(random: &mut Random) -> Json {
    if random.chance(5) {
        return annotations(random);
    }
    json!({ (random.pick(&KEYS)): random.pick(&["web", "db", "blue", "7", "true"]) })
}

pub(crate) fn annotations(random: &mut Random) -> Json {
    let count = random.between(1, 2);
    (0..count).map(|_| (random.pick(&KEYS).to_owned(), word(random))).collect::<serde_json::Map<_, _>>().into()
}
