//! Where a local cluster keeps its files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::Component;

/// The paths of one local cluster: programs and configuration from `e2e/cluster`, its own files below `e2e/cluster/run/<name>`.
#[derive(Clone, Debug)]
pub struct Layout {
    name: String,
    root: PathBuf,
}

impl Layout {
    /// The paths of the cluster `name`: lower-case letters, digits and hyphens, as it is a directory's name.
    pub fn new(name: &str) -> Result<Self> {
        let valid = !name.is_empty()
            && name.len() <= 40
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        ensure!(
            valid,
            "{name:?} can't name a cluster: use up to 40 lower-case letters, digits and hyphens, for example \"default\""
        );
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster");
        // A process is recognised by its paths, so a checkout that is reached over a symbolic link needs the same ones.
        let root =
            root.canonicalize().with_context(|| format!("the checkout was moved: {} is gone", root.display()))?;
        Ok(Self { name: name.to_owned(), root })
    }

    /// The name of the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The script that builds the programs.
    pub fn build_script(&self) -> PathBuf {
        self.root.join("build.sh")
    }

    /// A program that [`Layout::build_script`] builds, for instance `kubectl`, `kustomize` or `helm`.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// A file of `e2e/cluster/config`.
    pub(super) fn config(&self, file: &str) -> PathBuf {
        self.root.join("config").join(file)
    }

    /// The directory of this cluster: keys, data and logs.
    pub fn run(&self) -> PathBuf {
        self.root.join("run").join(&self.name)
    }

    /// Held while a command starts or stops this cluster.
    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("run").join(format!("{}.lock", self.name))
    }

    /// The administrator's kubeconfig. It is there when the cluster is ready, and not before.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run().join("kubeconfig")
    }

    /// The same while the cluster starts.
    pub(super) fn unfinished_kubeconfig(&self) -> PathBuf {
        self.run().join("unfinished.kubeconfig")
    }

    /// The API server's audit log: one JSON object per line.
    pub fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.log")
    }

    /// The directory of the logs.
    pub fn logs(&self) -> PathBuf {
        self.run().join("logs")
    }

    /// What a component printed.
    pub fn log(&self, component: Component) -> PathBuf {
        self.logs().join(format!("{}.log", component.binary()))
    }

    pub(super) fn component_kubeconfig(&self, component: Component) -> PathBuf {
        self.run().join(format!("{}.kubeconfig", component.binary()))
    }

    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.run().join("pki").join(format!("{name}.crt"))
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.run().join("pki").join(format!("{name}.key"))
    }

    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.run().join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_leave_the_run_directory() {
        for bad in ["", ".", "..", "../x", "a/b", "A", "a b", &"a".repeat(41)] {
            let error = Layout::new(bad).unwrap_err().to_string();
            assert!(error.contains("can't name a cluster"), "{error}");
        }
        assert!(Layout::new("default").unwrap().run().ends_with("e2e/cluster/run/default"));
    }
}
