//! Overrides give what a kustomization around the rendered one would give.

use plumb_kustomize::{Builder, ImageOverride, MemoryFs, Options, Overrides, build};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - {name: web, image: 'registry.example/web:1', envFrom: [{configMapRef: {name: settings}}]}
      - {name: side, image: side}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: web, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: check}
webhooks:
- name: check.example.org
  clientConfig: {service: {name: web, namespace: default}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
";

const OVERLAY: &str = "
resources: [app.yaml]
namePrefix: dev-
configMapGenerator:
- {name: settings, literals: [a=b]}
";

fn files() -> MemoryFs {
    let mut fs = MemoryFs::from([("dev/kustomization.yaml", OVERLAY), ("dev/app.yaml", DEPLOYMENT)]);
    // The same as the overrides below, as a file.
    fs.insert(
        "around/kustomization.yaml",
        "
resources: [../dev]
namespace: target
labels: [{pairs: {team: shop, app: other}}]
images:
- {name: registry.example/web, newName: mirror.example/web, newTag: '2'}
- {name: side, digest: 'sha256:abc'}
transformers:
- |
  apiVersion: builtin
  kind: AnnotationsTransformer
  metadata: {name: notUsed}
  annotations: {owner: them}
  fieldSpecs: [{path: metadata/annotations, create: true}]
",
    );
    fs
}

fn overrides() -> Overrides {
    let map =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Overrides {
        namespace: "target".into(),
        labels: map(&[("team", "shop"), ("app", "other")]),
        annotations: map(&[("owner", "them")]),
        images: vec![
            ImageOverride {
                name: "registry.example/web".into(),
                new_name: "mirror.example/web".into(),
                new_tag: "2".into(),
                ..ImageOverride::default()
            },
            ImageOverride { name: "side".into(), digest: "sha256:abc".into(), ..ImageOverride::default() },
        ],
    }
}

#[test]
fn overrides_are_a_kustomization_around() {
    let fs = files();
    let around = build(&fs, "around", &Options::default()).unwrap().to_yaml();
    let overridden = Builder::new(&fs).overrides(&overrides()).build("dev").unwrap();
    assert_eq!(overridden.to_yaml(), around);
    assert!(around.contains("mirror.example/web:2") && around.contains("side@sha256:abc"), "{around}");
    assert!(around.contains("namespace: target") && around.contains("owner: them"), "{around}");
}

#[test]
fn selectors_and_templates_are_left_alone() {
    let rendered = Builder::new(&files()).overrides(&overrides()).build("dev").unwrap();
    let deployment = &rendered.objects.iter().find(|object| object.value["kind"] == "Deployment").unwrap().value;
    assert_eq!(deployment["metadata"]["labels"]["app"], "other");
    assert_eq!(deployment["spec"]["selector"]["matchLabels"]["app"], "web");
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["app"], "web");
    assert!(deployment["spec"]["template"]["metadata"].get("annotations").is_none());
}

#[test]
fn no_overrides_change_nothing() {
    let fs = files();
    let plain = build(&fs, "dev", &Options::default()).unwrap();
    assert_eq!(Builder::new(&fs).overrides(&Overrides::default()).build("dev").unwrap(), plain);
    let overridden = Builder::new(&fs).overrides(&overrides()).build("dev").unwrap();
    assert_eq!(overridden.read, plain.read, "the overrides are no file");
}

#[test]
fn what_is_wrong_is_told_with_its_field() {
    let image = ImageOverride { name: "a{1000}{1000}{1000}".into(), new_tag: "2".into(), ..ImageOverride::default() };
    let overrides = Overrides { images: vec![image], ..Overrides::default() };
    let errors = Builder::new(&files()).overrides(&overrides).build("dev").unwrap_err().to_string();
    assert!(errors.contains("dev") && errors.contains("images") && !errors.contains(":0"), "{errors}");
}
