//! What is rendered: directories with a kustomization, and the trees that they are in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use plumb_kustomize::MemoryFs;

/// A kustomization on disk.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    /// The root of its tree, which its bases do not leave.
    pub(crate) root: PathBuf,
    /// Its directory below the root.
    pub(crate) path: String,
}

impl Overlay {
    /// Its directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.root.join(&self.path)
    }

    /// The whole tree in memory.
    pub(crate) fn load(&self) -> Result<MemoryFs> {
        let mut tree = MemoryFs::new();
        add(&mut tree, &self.root, "")?;
        Ok(tree)
    }
}

fn add(tree: &mut MemoryFs, directory: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add(tree, &entry.path(), &format!("{path}/"))?;
        } else if kind.is_symlink() {
            tree.insert_symlink(path, fs::read_link(entry.path())?.to_string_lossy());
        } else {
            tree.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// All kustomizations below a directory, in order.
pub(crate) fn find(root: &Path) -> Result<Vec<Overlay>> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(path) = open.pop() {
        let directory = root.join(&path);
        let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
        if names.iter().any(|name| directory.join(name).is_file()) {
            found.push(Overlay { root: root.to_owned(), path: path.clone() });
        }
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                open.push(if path.is_empty() { name } else { format!("{path}/{name}") });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Writes a small overlay as most are: a workload with its service and configuration, and what one environment changes of them.
pub(crate) fn write_small(directory: &Path) -> Result<Overlay> {
    let files = [
        (
            "base/kustomization.yaml",
            "resources: [web.yaml]\nconfigMapGenerator:\n  - name: web\n    literals: [level=info]\n",
        ),
        (
            "base/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  selector:\n    matchLabels:\n      app: web\n  template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n        - name: web\n          image: web:1\n          envFrom:\n            - configMapRef:\n                name: web\n          ports:\n            - containerPort: 8080\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n    - port: 80\n      targetPort: 8080\n",
        ),
        (
            "overlay/kustomization.yaml",
            "namespace: shop\nnamePrefix: dev-\nresources: [../base]\nlabels:\n  - pairs: {env: dev}\nimages:\n  - {name: web, newTag: '2'}\npatches:\n  - path: patch.yaml\n",
        ),
        (
            "overlay/patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n        - name: web\n          resources:\n            requests:\n              cpu: 100m\n",
        ),
    ];
    for (path, content) in files {
        let path = directory.join(path);
        path.parent().map(fs::create_dir_all).transpose()?;
        fs::write(path, content)?;
    }
    Ok(Overlay { root: directory.canonicalize()?, path: "overlay".into() })
}
