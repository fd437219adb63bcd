//! Paths that lead out, around in circles, or to too many places.

use super::{Outcome::Refused, Row, Tree, app, config_map, lines};

pub(crate) const CASES: &[Row] = &[
    ("self reference", Refused("cycle"), || app("resources: [.]\n")),
    ("self reference by a component", Refused("cycle"), || app("components: [.]\n")),
    ("cycle of bases", Refused("cycle"), || {
        app("resources: [../a]\n")
            .with("a/kustomization.yaml", "resources: [../b]\n")
            .with("b/kustomization.yaml", "resources: [../app]\n")
    }),
    ("cycle through a link", Refused("cycle"), || app("resources: [again]\n").link("app/again", ".")),
    ("the directory around", Refused("cycle"), || {
        app("resources: [..]\n").with("kustomization.yaml", "resources: [app]\n")
    }),
    ("out of the root", Refused("leads out of the repository"), || {
        app(format!("resources: [{}etc/passwd]\n", "../".repeat(40)))
    }),
    ("out of the root by a patch", Refused("leads out of the repository"), || {
        app(format!("patches: [{{path: {}etc/passwd}}]\n", "../".repeat(40)))
    }),
    ("out of the root by a generator", Refused("leads out of the repository"), || {
        app(format!("configMapGenerator: [{{name: a, files: [{}etc/passwd]}}]\n", "../".repeat(40)))
    }),
    ("out of the root by a link", Refused("must stay inside the repository"), || {
        app("resources: [link.yaml]\n").link("app/link.yaml", format!("{}etc/passwd", "../".repeat(40)))
    }),
    ("out of the root by an absolute link", Refused("must stay inside the repository"), || {
        app("resources: [link.yaml]\n").link("app/link.yaml", "/etc/passwd")
    }),
    ("out of the root by a linked directory", Refused("must stay inside the repository"), || {
        app("resources: [link]\n").link("app/link", "../../../../../../../../../../etc")
    }),
    ("a kustomization that is a link out", Refused("must stay inside the repository"), || {
        Tree::default().with("app/x", "").link("app/kustomization.yaml", "../../../../../../../../../../etc/passwd")
    }),
    ("an absolute path", Refused("absolute path"), || app("resources: [/etc/passwd]\n")),
    ("an absolute path of a generator", Refused("absolute path"), || {
        app("secretGenerator: [{name: a, files: [/etc/passwd]}]\n")
    }),
    ("a link to itself", Refused("symbolic links"), || app("resources: [link]\n").link("app/link", "link")),
    ("a chain of links", Refused("symbolic links"), || {
        (0..100).fold(app("resources: [l0]\n"), |tree, n| tree.link(format!("app/l{n}"), format!("l{}", n + 1)))
    }),
    ("a long path", Refused("4096"), || app(format!("resources: [{}]\n", "a/".repeat(100_000)))),
    ("a file above", Refused("outside of the directory"), || {
        app("resources: [../objects.yaml]\n").with("objects.yaml", config_map("a", "{}"))
    }),
    ("many nested bases", Refused("nested"), || {
        let base = |n: usize| format!("resources: [../b{}]\n", n + 1);
        (0..200).fold(app("resources: [../b0]\n"), |tree, n| tree.with(format!("b{n}/kustomization.yaml"), base(n)))
    }),
    ("one base 100,000 times", Refused("kustomizations"), || {
        app(format!("resources:\n{}", "- ../base\n".repeat(100_000)))
            .with("base/kustomization.yaml", "namePrefix: a-\n")
    }),
    ("100,000 times one base that is missing", Refused("does not exist"), || {
        app(format!("resources:\n{}", "- ../base\n".repeat(100_000)))
    }),
    ("bases that double in each layer", Refused("kustomizations"), || {
        let base = |n: usize| format!("resources: [../b{}, ../b{}]\n", n + 1, n + 1);
        let tree =
            (0..30).fold(app("resources: [../b0]\n"), |tree, n| tree.with(format!("b{n}/kustomization.yaml"), base(n)));
        tree.with("b30/kustomization.yaml", "namePrefix: a-\n")
    }),
    ("objects that double in each layer", Refused("more than"), || {
        let layer = |tree: Tree, n: usize| {
            let next = n + 1;
            tree.with(format!("b{n}/kustomization.yaml"), format!("resources: [../x{next}, ../y{next}]\n"))
                .with(format!("x{n}/kustomization.yaml"), format!("resources: [../b{n}]\nnamePrefix: x-\n"))
                .with(format!("y{n}/kustomization.yaml"), format!("resources: [../b{n}]\nnamePrefix: y-\n"))
        };
        let tree = (0..25).fold(app("resources: [../b0]\n"), layer);
        tree.with("x25/kustomization.yaml", "resources: [a.yaml]\n")
            .with("x25/a.yaml", config_map("a", "{}"))
            .with("y25/kustomization.yaml", "resources: [a.yaml]\nnamePrefix: y-\n")
            .with("y25/a.yaml", config_map("a", "{}"))
    }),
    ("many components", Refused("kustomizations"), || {
        app(format!("components:\n{}", "- ../c\n".repeat(20_000))).with(
            "c/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: a-\n",
        )
    }),
    ("a long name for each of many paths", Refused("does not exist"), || {
        app(format!("resources:\n{}", lines(10_000, |n| format!("- {}{n}\n", "a".repeat(1000)))))
    }),
];
