//! A directory on disk as the renderer reads it.

use std::{
    fs, io,
    io::{
        ErrorKind::{InvalidFilename, NotADirectory, NotFound},
        Read as _,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use plumb_delivery::Digest;
use plumb_kustomize::{Entry, Fs, FsError};

/// A directory on disk. Nothing outside of it is ever read: symbolic links are told, not followed.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
    most: u64,
}

impl Disk {
    /// The tree below `root`. Of a file at most `most` bytes are read, and one more that shows that there are more.
    pub(super) fn new(root: impl Into<PathBuf>, most: usize) -> Self {
        Self { root: root.into(), most: u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1) }
    }

    fn entry(&self, path: &str) -> io::Result<Entry> {
        let mut at = self.root.clone();
        let mut metadata = fs::symlink_metadata(&at)?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            // The interface promises normalised paths; this keeps its promise that nothing outside is read.
            if matches!(part, "." | "..") || !metadata.is_dir() {
                return Ok(Entry::Missing);
            }
            at.push(part);
            metadata = fs::symlink_metadata(&at)?;
        }
        if metadata.is_symlink() {
            let target = fs::read_link(&at)?.into_os_string().into_string();
            let target = target.map_err(|_| io::Error::other("the symbolic link leads to a name that is not UTF-8"))?;
            Ok(Entry::Symlink { id: Digest::of(target.as_bytes()).to_string(), target })
        } else if metadata.is_dir() {
            // Nothing depends on the id of a directory here: what is read in it is told by itself.
            Ok(Entry::Directory { id: String::new() })
        } else if metadata.is_file() {
            let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(self.most)).unwrap_or_default());
            fs::File::open(&at)?.take(self.most).read_to_end(&mut bytes)?;
            Ok(Entry::File { id: Digest::of(&bytes).to_string(), bytes: Arc::from(bytes) })
        } else {
            Err(io::Error::other("it is neither a file nor a directory nor a symbolic link"))
        }
    }
}

impl Disk {
    fn failure(&self, path: &str, error: &io::Error) -> FsError {
        FsError { path: self.root.join(path).display().to_string(), message: error.to_string() }
    }
}

impl Fs for Disk {
    fn lookup(&self, path: &str) -> Result<Entry, FsError> {
        match self.entry(path) {
            Ok(entry) => Ok(entry),
            // A name that no file can have is that of no file.
            Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => Ok(Entry::Missing),
            Err(error) => Err(self.failure(path, &error)),
        }
    }

    fn inside(&self, absolute: &str) -> Option<String> {
        Path::new(absolute).strip_prefix(&self.root).ok()?.to_str().map(str::to_owned)
    }

    fn name(&self) -> Option<String> {
        self.root.file_name()?.to_str().map(str::to_owned)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(path)).map_err(|error| self.failure(path, &error))? {
            let name = entry.map_err(|error| self.failure(path, &error))?.file_name();
            let name = name.into_string();
            names.push(name.map_err(|_| self.failure(path, &io::Error::other("it holds a name that is not UTF-8")))?);
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use expect_test::{Expect, expect};
    use plumb_kustomize::{Options, build};

    use super::*;

    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        directory
    }

    fn check(root: &Path, path: &str, expected: &Expect) {
        let options = Options::default();
        let text = match build(&Disk::new(root, options.max_file_bytes), path, &options) {
            Ok(rendered) => rendered.to_yaml(),
            Err(errors) => format!("error: {errors}"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn a_directory_is_rendered() {
        let directory = tree(&[
            ("base/kustomization.yaml", "resources: [app.yaml]\n"),
            ("base/app.yaml", CONFIG),
            ("dev/kustomization.yaml", "resources: [../base]\nnamePrefix: dev-\n"),
        ]);
        check(
            directory.path(),
            "dev",
            &expect![[r#"
                apiVersion: v1
                kind: ConfigMap
                metadata:
                  name: dev-app
            "#]],
        );
    }

    #[test]
    fn a_link_inside_of_the_root_is_followed() {
        let directory = tree(&[("real/app.yaml", CONFIG), ("real/kustomization.yaml", "resources: [app.yaml]\n")]);
        symlink("real", directory.path().join("dev")).unwrap();
        check(
            directory.path(),
            "dev",
            &expect![[r#"
                apiVersion: v1
                kind: ConfigMap
                metadata:
                  name: app
            "#]],
        );
    }

    #[test]
    fn a_link_out_of_the_root_is_refused() {
        let outside = tree(&[("secret.yaml", CONFIG)]);
        let directory = tree(&[("root/dev/kustomization.yaml", "resources: [app.yaml]\n"), ("secret.yaml", CONFIG)]);
        let root = directory.path().join("root");
        let link = root.join("dev/app.yaml");
        symlink("../../secret.yaml", &link).unwrap();
        check(
            &root,
            "dev",
            &expect![
                "error: dev/kustomization.yaml:1: resources[0]: the symbolic link dev/app.yaml must stay inside the repository: ../../secret.yaml leads out of the repository"
            ],
        );
        fs::remove_file(&link).unwrap();
        symlink(outside.path().join("secret.yaml"), &link).unwrap();
        let options = Options::default();
        let errors = build(&Disk::new(&root, options.max_file_bytes), "dev", &options).unwrap_err().to_string();
        assert!(errors.contains("must stay inside the repository"), "{errors}");
    }

    #[test]
    fn what_lies_below_a_link_or_a_file_is_missing() {
        let directory = tree(&[("a/b.yaml", ""), ("c/d.yaml", "x")]);
        symlink("c", directory.path().join("link")).unwrap();
        let disk = Disk::new(directory.path(), 10);
        for path in ["a/b.yaml/c", "link/d.yaml", "nothing", "../a", "a/../a"] {
            assert_eq!(disk.lookup(path).unwrap(), Entry::Missing, "{path}");
        }
        assert!(matches!(disk.lookup("c/d.yaml").unwrap(), Entry::File { bytes, .. } if *bytes == *b"x"));
        assert!(matches!(disk.lookup("").unwrap(), Entry::Directory { .. }));
        assert_eq!(disk.list("").unwrap(), ["a", "c", "link"]);
        assert!(disk.list("nothing").is_err());
    }

    #[test]
    fn a_large_file_is_not_read_as_a_whole() {
        let directory = tree(&[("large", "0123456789")]);
        let Entry::File { bytes, .. } = Disk::new(directory.path(), 4).lookup("large").unwrap() else {
            panic!("no file")
        };
        assert_eq!(bytes.len(), 5);
    }
}
