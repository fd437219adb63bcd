//! Where a render is written, with `--output`.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use plumb_kustomize::{Object, Rendered};

/// Writes each object into a file of its own, as `kustomize build --output DIRECTORY` does.
///
/// # Errors
/// When one can't be written; those before it are there then.
pub(super) fn write_each(
    directory: &Path,
    rendered: &Rendered,
    print: impl Fn(&Object) -> anyhow::Result<String>,
    extension: &str,
) -> anyhow::Result<()> {
    let mut namespaces: Vec<&str> = rendered.objects.iter().filter_map(|object| object.namespace.as_deref()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    for object in &rendered.objects {
        let path = file(directory, object, namespaces.len() > 1, extension)?;
        write(&path, [print(object)?])?;
    }
    Ok(())
}

/// Writes a text, which comes in parts, into a file, which is made or replaced.
///
/// # Errors
/// When it can't be written.
pub(super) fn write(path: &Path, parts: impl IntoIterator<Item = String>) -> anyhow::Result<()> {
    File::create(path)
        .and_then(|mut file| parts.into_iter().try_for_each(|part| file.write_all(part.as_bytes())))
        .with_context(|| format!("{} can't be written", path.display()))
}

/// The file of an object: its namespace if there are several, group, version, kind and name.
fn file(directory: &Path, object: &Object, with_namespace: bool, extension: &str) -> anyhow::Result<PathBuf> {
    let text = |pointer: &str| object.value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
    let namespace = object.namespace.as_deref().filter(|_| with_namespace).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let parts = [namespace, group, version, text("/kind"), text("/metadata/name")];
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_").to_lowercase();
    anyhow::ensure!(
        !name.contains('/'),
        "{name} can't be the name of a file, because there is a slash in the name of the object; write all into one file"
    );
    Ok(directory.join(format!("{name}.{extension}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use plumb_kustomize::{MemoryFs, Options, build};

    use super::*;

    fn render(objects: &str) -> Rendered {
        let fs = MemoryFs::from([("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", objects)]);
        build(&fs, "", &Options::default()).unwrap()
    }

    fn names(objects: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let print = |object: &Object| Ok(object.value.to_string());
        write_each(directory.path(), &render(objects), print, "yaml").unwrap();
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_named_as_kustomize_names_them() {
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n---\n";
        let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: WeB}\n---\n";
        let one = format!("{namespace}{deployment}");
        assert_eq!(names(&one), ["apps_v1_deployment_web.yaml", "v1_namespace_prod.yaml"]);
        let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: Two}\n";
        assert_eq!(
            names(&format!("{one}{other}")),
            ["default_apps_v1_deployment_web.yaml", "two_v1_configmap_c.yaml", "v1_namespace_prod.yaml"]
        );
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let rendered = render("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../x}\n");
        let directory = tempfile::tempdir().unwrap();
        let error = write_each(directory.path(), &rendered, |_| Ok(String::new()), "yaml").unwrap_err();
        assert!(error.to_string().contains("slash"), "{error}");
    }
}
