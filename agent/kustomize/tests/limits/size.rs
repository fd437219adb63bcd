//! Files that are large, many, or no text.

use super::{Outcome::Refused, Outcome::Rendered, Row, app, app_with, config_map, config_maps, lines, objects};

const MEGABYTE: usize = 1 << 20;

pub(crate) const CASES: &[Row] = &[
    ("a huge file", Refused("bytes"), || objects(vec![b'#'; 40 * MEGABYTE])),
    ("a huge kustomization", Refused("bytes"), || app(vec![b'#'; 40 * MEGABYTE])),
    ("a huge patch", Refused("bytes"), || {
        app_with(config_map("a", "{}"), "patches: [{path: patch.yaml}]\n")
            .with("app/patch.yaml", vec![b'#'; 40 * MEGABYTE])
    }),
    ("a huge file of a generator", Refused("bytes"), || {
        app("configMapGenerator: [{name: a, files: [big]}]\n").with("app/big", vec![b'x'; 40 * MEGABYTE])
    }),
    ("one large file under many keys", Refused("bytes of text"), || {
        let keys = lines(1000, |n| format!("  - k{n}=big\n"));
        app(format!("configMapGenerator:\n- name: a\n  files:\n{keys}")).with("app/big", vec![b'x'; 10 * MEGABYTE])
    }),
    ("one large patch many times", Refused("the render"), || {
        let patch = config_map("a", &format!("{{k: {}}}", "x".repeat(5 * MEGABYTE)));
        app_with(config_map("a", "{}"), &format!("patches:\n{}", "- path: patch.yaml\n".repeat(1000)))
            .with("app/patch.yaml", patch)
    }),
    ("a large text", Rendered, || objects(config_map("a", &format!("{{k: {}}}", "x".repeat(8 * MEGABYTE))))),
    ("a large text with line ends", Rendered, || {
        let text = "    some words of a line\n".repeat(MEGABYTE / 4);
        objects(format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {name}\ndata:\n  k: |\n{text}", name = "{name: a}"))
    }),
    ("many values", Refused("values"), || {
        objects(format!("apiVersion: v1\nkind: List\nmetadata: {{name: a}}\nitems: [{}]\n", "a,".repeat(4 * MEGABYTE)))
    }),
    ("many maps", Refused("values"), || {
        objects(format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: [{}]\n", "{a: b},".repeat(2 * MEGABYTE)))
    }),
    ("many values in many files", Refused("more than"), || {
        let file =
            |n: usize| format!("apiVersion: v1\nkind: A\nmetadata: {{name: a{n}}}\nspec: [{}]\n", "a,".repeat(100_000));
        let names: String = lines(50, |n| format!("- f{n}.yaml\n"));
        (0..50).fold(app(format!("resources:\n{names}")), |tree, n| tree.with(format!("app/f{n}.yaml"), file(n)))
    }),
    ("a list of many objects", Refused("more than"), || {
        let item = |n: usize| format!("- {{apiVersion: v1, kind: A, metadata: {{name: a{n}}}}}\n");
        objects(format!("apiVersion: v1\nkind: List\nitems:\n{}", lines(110_000, item)))
    }),
    ("100,000 documents", Refused("documents"), || objects("---\n".repeat(100_000))),
    ("100,000 objects", Refused("documents"), || objects(config_maps(100_000))),
    ("9,000 objects", Rendered, || objects(config_maps(9_000))),
    ("comments", Rendered, || objects(format!("{}{}", "# words\n".repeat(MEGABYTE), config_map("a", "{}")))),
    ("malformed UTF-8", Refused("UTF-8"), || objects(b"kind: \xff\n".to_vec())),
    ("malformed UTF-8 in a kustomization", Refused("UTF-8"), || app(b"namePrefix: \xc3\x28\n".to_vec())),
    ("malformed UTF-8 in a patch", Refused("UTF-8"), || {
        app_with(config_map("a", "{}"), "patches: [{path: patch.yaml, target: {kind: A}}]\n")
            .with("app/patch.yaml", b"- op: \xff\n".to_vec())
    }),
    ("malformed UTF-8 in an env file", Refused("UTF-8"), || {
        app("configMapGenerator: [{name: a, envs: [e]}]\n").with("app/e", b"A=\xff\n".to_vec())
    }),
    ("NUL", Refused("NUL"), || objects(b"kind: \0\n".to_vec())),
    ("many unknown fields", Refused("unknown field"), || app(lines(200_000, |n| format!("field{n}: a\n")))),
    ("many missing files", Refused("does not exist"), || {
        app(format!("resources:\n{}", lines(200_000, |n| format!("- f{n}.yaml\n"))))
    }),
    ("many wrong objects", Refused("no metadata.name"), || objects("---\napiVersion: v1\nkind: A\n".repeat(9_000))),
    ("an error about a long name", Refused("no object matches"), || {
        let name = "n".repeat(MEGABYTE);
        app_with(
            config_map("a", "{}"),
            &format!(
                "patches:\n{}",
                format!("- patch: '{{apiVersion: v1, kind: A, metadata: {{name: {name}}}}}'\n").repeat(3)
            ),
        )
    }),
];
