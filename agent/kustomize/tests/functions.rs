//! KRM functions, run by a stand-in: what they are given, and what becomes of what they print.

use std::cell::RefCell;
use std::sync::Arc;

use expect_test::expect;
use plumb_kustomize::{Builder, Errors, Fetch, FetchError, FunctionCall, MemoryFs, Repository, RepositoryRequest};

/// Prints the same whatever it is asked, and keeps what it was asked.
#[derive(Default)]
struct Printer {
    prints: &'static str,
    calls: RefCell<Vec<FunctionCall>>,
}

impl Fetch for Printer {
    fn repository(&self, _: &RepositoryRequest) -> Result<Repository, FetchError> {
        Err(FetchError::disabled("no"))
    }

    fn file(&self, _: &str) -> Result<Arc<[u8]>, FetchError> {
        Err(FetchError::disabled("no"))
    }

    fn functions_enabled(&self) -> Result<(), FetchError> {
        Ok(())
    }

    fn function(&self, call: &FunctionCall) -> Result<Vec<u8>, FetchError> {
        self.calls.borrow_mut().push(call.clone());
        if self.prints.is_empty() { Err(FetchError::refused("exit status 3")) } else { Ok(self.prints.into()) }
    }
}

const FUNCTION: &str = "\
apiVersion: example.org/v1
kind: Maker
metadata:
  name: maker
  annotations:
    config.kubernetes.io/function: |
      exec: {path: ./run.sh, args: [a, 2], envs: [A=1, B, C=2=3]}
";

fn render(printer: &Printer, kustomization: &str) -> Result<String, Errors> {
    let fs = MemoryFs::from([
        ("app/kustomization.yaml", kustomization),
        ("app/function.yaml", FUNCTION),
        ("app/cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm, namespace: sea}\n"),
    ]);
    let rendered = Builder::new(&fs).fetch(printer).build("app")?;
    assert_eq!(rendered.read.fetched().count(), printer.calls.borrow().len());
    Ok(rendered.to_yaml())
}

#[test]
fn a_generator_says_what_it_wants_in_annotations() {
    let prints = "\
kind: ResourceList
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: cm
    namespace: sea
    annotations: {kustomize.config.k8s.io/behavior: merge}
  data: {a: b}
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: made
    annotations: {kustomize.config.k8s.io/needs-hash: 'true', kept: 'yes'}
";
    let printer = Printer { prints, ..Printer::default() };
    let rendered = render(&printer, "resources: [cm.yaml]\ngenerators: [function.yaml]\nnamePrefix: a-\n").unwrap();
    expect![[r#"
        apiVersion: v1
        data:
          a: b
        kind: ConfigMap
        metadata:
          name: a-cm
          namespace: sea
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata:
          annotations:
            kept: "yes"
          name: a-made-6ct58987ht
    "#]]
    .assert_eq(&rendered);
    let call = printer.calls.take().remove(0);
    assert_eq!((call.path.as_str(), call.directory.as_str()), ("./run.sh", "app"));
    assert_eq!(call.args, ["a", "2"]);
    assert_eq!(call.env, [("A".to_owned(), "1".to_owned())]);
    expect![[r#"
        apiVersion: config.kubernetes.io/v1
        functionConfig:
          apiVersion: example.org/v1
          kind: Maker
          metadata:
            annotations:
              config.kubernetes.io/function: |
                exec: {path: ./run.sh, args: [a, 2], envs: [A=1, B, C=2=3]}
              config.kubernetes.io/local-config: "true"
            name: maker
        items:
        - apiVersion: example.org/v1
          kind: Maker
          metadata:
            annotations:
              config.k8s.io/id: "1"
              config.kubernetes.io/function: |
                exec: {path: ./run.sh, args: [a, 2], envs: [A=1, B, C=2=3]}
              config.kubernetes.io/index: "0"
              config.kubernetes.io/local-config: "true"
              internal.config.kubernetes.io/annotations-migration-resource-id: "0"
              internal.config.kubernetes.io/id: "1"
              internal.config.kubernetes.io/index: "0"
            name: maker
        kind: ResourceList
    "#]]
    .assert_eq(std::str::from_utf8(&call.input).unwrap());
}

#[test]
fn a_transformer_puts_objects_in_the_place_of_others() {
    // The names that an object had stay known only if the function gives the annotations back.
    let prints = "\
apiVersion: v1
kind: Pod
metadata: {name: new}
spec: {volumes: [{name: v, configMap: {name: g}}]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: a-g
  annotations:
    internal.config.kubernetes.io/previousNames: g
    internal.config.kubernetes.io/previousNamespaces: default
    internal.config.kubernetes.io/previousKinds: ConfigMap
    internal.config.kubernetes.io/needsHashSuffix: enabled
    kustomize.config.k8s.io/id: gone
    config.kubernetes.io/index: '1'
data: {changed: 'yes'}
";
    let printer = Printer { prints, ..Printer::default() };
    let kustomization =
        "namePrefix: a-\nresources: [cm.yaml]\nconfigMapGenerator: [{name: g}]\ntransformers: [function.yaml]\n";
    expect![[r#"
        apiVersion: v1
        data:
          changed: "yes"
        kind: ConfigMap
        metadata:
          name: a-g-6df74424m2
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: new
        spec:
          volumes:
          - configMap:
              name: a-g-6df74424m2
            name: v
    "#]]
    .assert_eq(&render(&printer, kustomization).unwrap());
    let calls = printer.calls.take();
    let input = std::str::from_utf8(&calls[0].input).unwrap();
    for part in [
        "previousNames: cm\n",
        "prefixes: a-\n",
        "kustomize.config.k8s.io/id: |\n        kind: ConfigMap\n        name: a-cm\n        namespace: sea\n        version: v1\n",
    ] {
        assert!(input.contains(part), "{part} is missing in {input}");
    }
}

#[test]
fn without_objects_a_transformer_is_given_its_configuration() {
    let prints = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n";
    let printer = Printer { prints, ..Printer::default() };
    let rendered = render(&printer, "resources: []\ntransformers: [function.yaml]\n").unwrap();
    assert_eq!(rendered, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: new\n");
    let calls = printer.calls.take();
    let input = std::str::from_utf8(&calls[0].input).unwrap();
    assert!(input.contains("items:\n- apiVersion: example.org/v1\n  kind: Maker\n"), "{input}");
}

#[test]
fn a_function_that_fails_is_an_error() {
    let errors = render(&Printer::default(), "resources: [cm.yaml]\ntransformers: [function.yaml]\n").unwrap_err();
    expect![[
        r#"app/function.yaml:1: Maker "maker": can not fetch the output of the function ./run.sh: exit status 3"#
    ]]
    .assert_eq(&errors.to_string());
    let printer = Printer { prints: "kind: Pod\n", ..Printer::default() };
    let errors = render(&printer, "resources: [cm.yaml]\ntransformers: [function.yaml]\n").unwrap_err();
    expect![[r#"app/function.yaml:1: Maker "maker": what the function prints is wrong in line 1: the Pod has no metadata.name; each object needs a name"#]].assert_eq(&errors.to_string());
}

#[test]
fn containers_are_refused() {
    let fs = MemoryFs::from([(
        "kustomization.yaml",
        "resources: []\ntransformers:\n- |\n  apiVersion: a/b\n  kind: C\n  metadata:\n    name: d\n    annotations: {config.k8s.io/function: 'container: {image: example.org/image}'}\n",
    )]);
    let errors = Builder::new(&fs).fetch(&Printer::default()).build("").unwrap_err();
    expect![[r#"kustomization.yaml:3: C "d": the function runs in a container of example.org/image, and containers are not run here; use exec"#]].assert_eq(&errors.to_string());
}
