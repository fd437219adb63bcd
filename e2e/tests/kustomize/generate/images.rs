//! The field `images`.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::random::Random;
use super::words;
use crate::value::Value;

const NAMES: [&str; 8] =
    ["nginx", "docker.io/nginx", "registry.example.com:5000/team/app", "redis", "busybox", "app", ".*app", "my-app"];
const DIGEST: &str = "sha256:9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f";

pub(crate) fn images(layer: &mut Layer<'_>) {
    let count = layer.random.between(1, 3);
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(Value::from(image(layer.random)));
    }
    let field = if layer.random.chance(4) { "imageTags" } else { "images" };
    layer.field(field, Value::List(list));
}

pub(crate) fn image(random: &mut Random) -> Json {
    let mut image = json!({ "name": random.pick(&NAMES) });
    if random.chance(40) {
        image["newName"] = json!(random.pick(&["mirror.example.com/nginx", "nginx", "localhost:5000/x"]));
    }
    if random.chance(60) {
        image["newTag"] = if random.chance(97) {
            json!(random.pick(&["v2", "1.27", "2024-01-01", "latest"]))
        } else {
            words::odd(random)
        };
    }
    if random.chance(20) {
        image["digest"] = json!(DIGEST);
    }
    if random.chance(10) {
        image["tagSuffix"] = json!("-alpine");
    }
    image
}
