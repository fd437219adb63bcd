//! Work that is the product of two large numbers.

use super::{Outcome::Refused, Outcome::Rendered, Row, Tree, app, app_with, config_map, config_maps, lines};

const TOO_MUCH: super::Outcome = Refused("the render");
const MANY: usize = 9_000;

pub(crate) const CASES: &[Row] = &[
    ("a regular expression that explodes", Refused("too large"), || {
        app_with(
            config_maps(10),
            "patches: [{target: {name: '((a{100}){100}){100}'}, patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'}]\n",
        )
    }),
    ("a regular expression that would backtrack", Rendered, || {
        let name = "a".repeat(5_000);
        app_with(
            config_map(&name, "{k: v}"),
            "patches: [{target: {name: '(a*)*(a*)*(a|aa)+b'}, patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'}]\n",
        )
    }),
    ("a regular expression with many states on long names", TOO_MUCH, || {
        let object = |n: usize| config_map(&format!("{n}{}", "ab".repeat(25_000)), "{}") + "---\n";
        app_with(
            lines(100, object),
            "patches: [{target: {name: '.*[ab]*a[ab]{1000}b[ab]{1000}'}, patch: '[{\"op\": \"remove\", \"path\": \"/x\"}]'}]\n",
        )
    }),
    ("a large regular expression many times", TOO_MUCH, || {
        app_with(
            config_maps(10),
            &format!(
                "patches:\n{}",
                "- {target: {name: '.{900}'}, patch: '[{\"op\": \"remove\", \"path\": \"/x\"}]'}\n".repeat(2_000)
            ),
        )
    }),
    ("a regular expression for images that explodes", Refused("too large"), || {
        app_with(config_maps(10), "images: [{name: '((a{100}){100}){100}', newTag: x}]\n")
    }),
    ("a regular expression of a replacement that explodes", Refused("regular expression"), || {
        let fields = "replacements: [{sourceValue: x, targets: [{select: {kind: Pod}, fieldPaths: ['spec.containers.[name=((a{100}){100}){100}].image']}]}]\n";
        app_with("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: b}]}\n", fields)
    }),
    ("many labels in a selector", TOO_MUCH, || {
        let selector = vec!["!x"; 20_000].join(",");
        app_with(config_maps(MANY), &format!("patches: [{{target: {{labelSelector: '{selector}'}}, patch: '[{{\"op\": \"remove\", \"path\": \"/x\"}}]'}}]\n").replace("!x", "x!=y"))
    }),
    ("10,000 patches by name on many objects", TOO_MUCH, || {
        let patch = |n: usize| {
            format!(
                "- patch: '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{}}}, data: {{k: w}}}}'\n",
                n % MANY
            )
        };
        app_with(config_maps(MANY), &format!("patches:\n{}", lines(10_000, patch)))
    }),
    ("10,000 old patches by name on many objects", TOO_MUCH, || {
        let patch = |n: usize| {
            format!("- '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{}}}, data: {{k: w}}}}'\n", n % MANY)
        };
        app_with(config_maps(MANY), &format!("patchesStrategicMerge:\n{}", lines(10_000, patch)))
    }),
    ("10,000 patches with a target on many objects", TOO_MUCH, || {
        let patch = |n: usize| {
            format!("- {{target: {{name: c{n}}}, patch: '[{{\"op\": \"remove\", \"path\": \"/data/k\"}}]'}}\n")
        };
        app_with(config_maps(MANY), &format!("patches:\n{}", lines(10_000, patch)))
    }),
    ("500 patches on 1,000 objects", Rendered, || {
        let patch = |n: usize| {
            format!("- patch: '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{n}}}, data: {{k: w}}}}'\n")
        };
        app_with(config_maps(1_000), &format!("patches:\n{}", lines(500, patch)))
    }),
    ("10,000 images on many objects", TOO_MUCH, || {
        app_with(
            config_maps(MANY),
            &format!("images:\n{}", lines(10_000, |n| format!("- {{name: i{n}, newTag: t}}\n"))),
        )
    }),
    ("10,000 labels entries on many objects", TOO_MUCH, || {
        app_with(config_maps(MANY), &format!("labels:\n{}", lines(10_000, |n| format!("- {{pairs: {{l: v{n}}}}}\n"))))
    }),
    ("10,000 replicas on many objects", TOO_MUCH, || {
        let deployment = |n: usize| {
            format!("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{n}}}\nspec: {{replicas: 1}}\n")
        };
        app_with(
            lines(MANY, deployment),
            &format!("replicas:\n{}", lines(10_000, |n| format!("- {{name: d{}, count: 2}}\n", n % MANY))),
        )
    }),
    ("10,000 replacements on many objects", TOO_MUCH, || {
        let replacement =
            |n: usize| format!("- {{sourceValue: x, targets: [{{select: {{name: c{n}}}, fieldPaths: [data.k]}}]}}\n");
        app_with(config_maps(MANY), &format!("replacements:\n{}", lines(10_000, replacement)))
    }),
    ("10,000 generators", Rendered, || {
        app(format!("configMapGenerator:\n{}", lines(3_000, |n| format!("- {{name: g{n}, literals: [a=b]}}\n"))))
    }),
    ("generators that merge into many objects", TOO_MUCH, || {
        let generator = |n: usize| format!("- {{name: c{}, behavior: merge, literals: [a=b]}}\n", n % MANY);
        app_with(config_maps(MANY), &format!("configMapGenerator:\n{}", lines(20_000, generator)))
    }),
    ("labels of many fields on many objects", Refused("field specs"), || {
        let fields = lines(10_000, |n| format!("  - {{path: spec/f{n}}}\n"));
        app_with(config_maps(MANY), &format!("labels:\n- pairs: {{a: b}}\n  fields:\n{fields}"))
    }),
    ("a merged list of many elements", TOO_MUCH, || {
        let pod = |container: &str| {
            let container = |n: usize| format!("  - {{name: c{n}, image: {container}}}\n");
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n{}",
                lines(20_000, container)
            )
        };
        app_with(pod("a"), "patches: [{path: patch.yaml}]\n").with("app/patch.yaml", pod("b"))
    }),
    ("a merged set of many texts", TOO_MUCH, || {
        let object = |prefix: &str| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  finalizers:\n{}",
                lines(20_000, |n| format!("  - {prefix}{n}\n"))
            )
        };
        app_with(object("a"), "patches: [{path: patch.yaml}]\n").with("app/patch.yaml", object("b"))
    }),
    ("a JSON patch that inserts at the front of a long list", TOO_MUCH, || {
        let object = format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: [{}]\n", "a,".repeat(100_000));
        json_patch(object, "- {op: add, path: /spec/0, value: b}\n".repeat(20_000))
    }),
    ("many JSON patches of a large object", TOO_MUCH, || {
        let object = format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: [{}]\n", "a,".repeat(100_000));
        let patches = lines(10_000, |n| {
            format!("- {{target: {{kind: A}}, patch: '[{{\"op\": \"add\", \"path\": \"/x{n}\", \"value\": 1}}]'}}\n")
        });
        app_with(object, &format!("patches:\n{patches}"))
    }),
    ("many patches of a large object", TOO_MUCH, || {
        let object = format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: [{}]\n", "a,".repeat(100_000));
        app_with(
            object,
            &format!(
                "patches:\n{}",
                "- patch: '{apiVersion: v1, kind: A, metadata: {name: a}, x: y}'\n".repeat(10_000)
            ),
        )
    }),
    ("replacements in a large JSON text", TOO_MUCH, || {
        let json = format!("{{\"a\": 1, \"l\": [{}0]}}", "1,".repeat(500_000));
        let paths = "data.k.a, ".repeat(2_000);
        app_with(
            config_map("a", &format!("{{k: '{json}'}}")),
            &format!(
                "replacements: [{{sourceValue: '2', targets: [{{select: {{kind: ConfigMap}}, fieldPaths: [{paths}]}}]}}]\n"
            ),
        )
    }),
    ("names that many objects had", TOO_MUCH, || {
        let namespaces = lines(4_000, |n| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: same, namespace: n{n}}}\n")
        });
        let references = lines(4_000, |n| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec: {{volumes: [{{name: v, configMap: {{name: same}}}}]}}\n"
            )
        });
        app_with(namespaces + &references, "namePrefix: a-\n")
    }),
    ("subjects of a binding by the thousand", TOO_MUCH, || {
        let accounts = lines(5_000, |n| {
            format!("---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: s{n}, namespace: n}}\n")
        });
        let subjects = lines(40_000, |n| format!("- {{kind: ServiceAccount, name: s{n}, namespace: m}}\n"));
        let binding = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\nsubjects:\n";
        app_with(accounts + binding + &subjects, "namePrefix: a-\n")
    }),
    ("long lists of the order of kinds", Rendered, || {
        let object = |n: usize| format!("---\napiVersion: v1\nkind: K{n}\nmetadata: {{name: a}}\n");
        let kinds = lines(100_000, |n| format!("K{n}, "));
        app_with(
            lines(MANY, object),
            &format!("sortOptions: {{order: legacy, legacySortOptions: {{orderFirst: [{kinds}], orderLast: []}}}}\n"),
        )
    }),
];

fn json_patch(object: String, patch: impl Into<Vec<u8>>) -> Tree {
    app_with(object, "patches: [{path: patch.yaml, target: {kind: A}}]\n").with("app/patch.yaml", patch)
}
