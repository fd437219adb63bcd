//! Trees that are made to hurt: each must be refused, or rendered at little cost. The benchmark measures the same trees in processes.

pub(crate) mod growth;
pub(crate) mod nesting;
pub(crate) mod size;
pub(crate) mod ways;
pub(crate) mod work;

/// A tree of files; what is rendered is in `app`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Symbolic links with their targets.
    pub(crate) links: Vec<(String, String)>,
}

/// What must become of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// An error with this text in it.
    Refused(&'static str),
    Rendered,
}

/// A tree to try.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) tree: fn() -> Tree,
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    [nesting::CASES, size::CASES, ways::CASES, growth::CASES, work::CASES].into_iter().flat_map(of).collect()
}

/// Those of a part.
pub(crate) fn of(rows: &[Row]) -> impl Iterator<Item = Case> {
    rows.iter().map(|(name, outcome, tree)| Case { name, outcome: *outcome, tree: *tree })
}

/// A case as it stands in a table.
pub(crate) type Row = (&'static str, Outcome, fn() -> Tree);

impl Tree {
    fn with(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), content.into()));
        self
    }

    fn link(mut self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.links.push((path.into(), target.into()));
        self
    }
}

/// A tree with a kustomization in `app`.
fn app(kustomization: impl Into<Vec<u8>>) -> Tree {
    Tree::default().with("app/kustomization.yaml", kustomization)
}

/// A kustomization with one file of objects.
fn objects(objects: impl Into<Vec<u8>>) -> Tree {
    app("resources: [objects.yaml]\n").with("app/objects.yaml", objects)
}

/// A kustomization with one file of objects and other fields.
fn app_with(objects: impl Into<Vec<u8>>, fields: &str) -> Tree {
    app(format!("resources: [objects.yaml]\n{fields}")).with("app/objects.yaml", objects)
}

fn config_map(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata: {data}\n")
}

/// So many small objects.
fn config_maps(count: usize) -> String {
    let documents: Vec<String> = (0..count).map(|n| config_map(&format!("c{n}"), "{k: v}")).collect();
    documents.join("---\n")
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}
