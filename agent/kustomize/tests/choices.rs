//! What a caller can choose besides the bounds, as the flags of `kustomize build` can.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use plumb_kustomize::{Builder, Entry, Fs, FsError, MemoryFs, Order};

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n";
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: app\n";

/// A tree that lies in `/srv/repository` on a disk.
struct Placed(MemoryFs);

impl Fs for Placed {
    fn lookup(&self, path: &str) -> Result<Entry, FsError> {
        self.0.lookup(path)
    }

    fn name(&self) -> Option<String> {
        Some("repository".to_owned())
    }

    fn inside(&self, absolute: &str) -> Option<String> {
        absolute.strip_prefix("/srv/repository/").map(str::to_owned)
    }
}

#[test]
fn files_may_lie_anywhere() {
    let fs = MemoryFs::from([("app/kustomization.yaml", "resources: [../app.yaml]\n"), ("app.yaml", CONFIG)]);
    let error = Builder::new(&fs).build("app").unwrap_err().to_string();
    assert!(error.contains("outside of the directory"), "{error}");
    assert_eq!(Builder::new(&fs).files_anywhere(true).build("app").unwrap().to_yaml(), CONFIG);
    let fs = MemoryFs::from([("app/kustomization.yaml", "resources: [../../app.yaml]\n")]);
    let error = Builder::new(&fs).files_anywhere(true).build("app").unwrap_err().to_string();
    assert!(error.contains("leads out of the repository"), "{error}");
}

#[test]
fn absolute_paths_need_a_tree_that_has_a_place() {
    let tree = |resource: &str| {
        let mut fs = MemoryFs::from([
            ("app/kustomization.yaml", format!("resources: [{resource}]\n").as_str()),
            ("app/app.yaml", CONFIG),
            ("base/kustomization.yaml", "resources: [app.yaml]\n"),
            ("base/app.yaml", CONFIG),
        ]);
        fs.insert_symlink("app/link", "/srv/repository/base");
        fs.insert_symlink("app/out", "/etc");
        fs
    };
    let placed = |resource: &str| Builder::new(&Placed(tree(resource))).build("app").map(|rendered| rendered.to_yaml());
    assert_eq!(placed("/srv/repository/app/../app/app.yaml").unwrap(), CONFIG);
    assert_eq!(placed("link").unwrap(), CONFIG);
    for (resource, expected) in [
        ("/srv/repository/base/app.yaml", "outside of the directory"),
        ("/srv/repository/base", "the absolute path of a directory"),
        ("/etc/passwd", "is an absolute path"),
        ("out", "must stay inside the repository"),
    ] {
        let error = placed(resource).unwrap_err().to_string();
        assert!(error.contains(expected), "{resource}: {error}");
    }
    let error = Builder::new(&tree("/srv/repository/app/app.yaml")).build("app").unwrap_err().to_string();
    assert!(error.contains("is an absolute path"), "{error}");
}

#[test]
fn a_value_may_be_the_name_of_the_root() {
    let plugin =
        "{apiVersion: builtin, kind: ValueAddTransformer, metadata: {name: v}, targets: [{fieldPath: data/root}]}";
    let kustomization = format!("resources: [a.yaml]\ntransformers: ['{plugin}']\n");
    let fs = MemoryFs::from([("kustomization.yaml", kustomization.as_str()), ("a.yaml", CONFIG)]);
    let error = Builder::new(&fs).build("").unwrap_err().to_string();
    assert!(error.contains("the root of the tree has no name"), "{error}");
    let rendered = Builder::new(&Placed(fs)).build("").unwrap().to_yaml();
    assert!(rendered.contains("data:\n  root: repository\n"), "{rendered}");
}

#[test]
fn the_order_is_that_of_the_kustomization_if_it_has_one() {
    let objects = format!("{CONFIG}---\n{NAMESPACE}");
    let sorted = format!("{NAMESPACE}---\n{CONFIG}");
    let tree = |more: &str| {
        MemoryFs::from([("kustomization.yaml", format!("resources: [a.yaml]\n{more}")), ("a.yaml", objects.clone())])
    };
    let render = |more: &str, order| Builder::new(&tree(more)).order(order).build("").unwrap().to_yaml();
    assert_eq!(render("", Order::Legacy), sorted);
    assert_eq!(render("", Order::Fifo), objects);
    assert_eq!(render("sortOptions: {order: legacy}\n", Order::Fifo), sorted);
    assert_eq!(render("sortOptions: {order: fifo}\n", Order::Legacy), objects);
}

#[test]
fn the_text_comes_in_parts_too() {
    let objects = format!("{NAMESPACE}---\n{CONFIG}");
    let fs = MemoryFs::from([("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", &objects)]);
    let parts: Vec<String> = Builder::new(&fs).build("").unwrap().into_yaml().collect();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts.concat(), objects);
}

#[test]
fn a_label_tells_who_made_the_objects() {
    let fs = MemoryFs::from([("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", CONFIG)]);
    let rendered = Builder::new(&fs).managed_by_label(true).build("").unwrap().to_yaml();
    assert!(rendered.contains("labels:\n    app.kubernetes.io/managed-by: kustomize-v5.8.2\n"), "{rendered}");
    assert!(!rendered.contains("annotations"), "{rendered}");
}

#[test]
fn an_object_says_in_which_namespace_it_is() {
    let objects = format!("{CONFIG}---\n{NAMESPACE}---\n{CONFIG}  namespace: team\n");
    let fs = MemoryFs::from([("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", &objects)]);
    let rendered = Builder::new(&fs).order(Order::Fifo).build("").unwrap();
    let namespaces: Vec<Option<&str>> = rendered.objects.iter().map(|object| object.namespace.as_deref()).collect();
    assert_eq!(namespaces, [Some("default"), None, Some("team")]);
    assert_eq!(rendered.objects[0].to_yaml(), CONFIG);
}
