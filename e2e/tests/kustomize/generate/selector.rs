//! Selectors of objects, as patches and replacements have them.

use serde_json::{Value as Json, json};

use super::random::Random;
use super::resources::Resource;
use super::words;

/// Selects an object, and perhaps others with it.
pub(crate) fn of(random: &mut Random, resource: &Resource) -> Json {
    let (group, version) = resource.group_version();
    let mut json = json!({});
    if random.chance(75) {
        json["kind"] = json!(resource.kind());
    }
    if random.chance(60) || json["kind"].is_null() {
        json["name"] = json!(resource.name());
    }
    if random.chance(20) {
        json["version"] = json!(version);
    }
    if random.chance(15) && !group.is_empty() {
        json["group"] = json!(group);
    }
    if let Some(namespace) = resource.namespace()
        && random.chance(30)
    {
        json["namespace"] = json!(namespace);
    }
    json
}

/// The same with regular expressions and selectors of labels.
pub(crate) fn pattern(random: &mut Random, resource: &Resource) -> Json {
    let mut json = of(random, resource);
    match random.below(8) {
        0 => json["name"] = json!(random.pick(&[".*", "web|db", "w.b", "web.*", "(?i)WEB", "^web$", "[a-d].*"])),
        1 => json["kind"] = json!(random.pick(&["Deployment|StatefulSet", ".*Set", "Config.*"])),
        2 => {
            json["labelSelector"] =
                json!(random.pick(&["app=web", "app!=web", "app in (web, db)", "tier", "!tier", "app=web,tier=db"]));
        }
        3 => json["annotationSelector"] = json!(random.pick(&["app=one", "zone"])),
        4 => json["namespace"] = json!(words::namespace(random)),
        _ => {}
    }
    json
}
