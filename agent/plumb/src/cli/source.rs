//! Where the command line takes overlays from: a directory on disk, a revision of the repository around it, or a URL.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use plumb_git::{CommitId, Repository};
use plumb_kustomize::{Builder, Errors, Fetch, Fs, MemoryFs, Options, Order, Overrides, Rendered};

use super::{disk::Disk, output::Failures};

/// How to render. The default is what the agent does.
#[derive(Clone, Copy, Default)]
pub(super) struct How<'a> {
    /// What brings remote bases, charts and the like.
    pub(super) fetch: Option<&'a dyn Fetch>,
    /// Files may lie anywhere: outside of the directory of their kustomization, and on disk outside of the repository.
    pub(super) files_anywhere: bool,
    pub(super) order: Order,
    pub(super) managed_by_label: bool,
    /// What the Environment changes in all objects.
    pub(super) overrides: Option<&'a Overrides>,
}

impl<'a> How<'a> {
    fn builder(self, fs: &'a dyn Fs) -> Builder<'a> {
        let builder = Builder::new(fs).files_anywhere(self.files_anywhere).order(self.order);
        let builder = builder.managed_by_label(self.managed_by_label);
        let builder = self.overrides.map_or(builder, |overrides| builder.overrides(overrides));
        self.fetch.map_or(builder, |fetch| builder.fetch(fetch))
    }
}

/// Renders a directory on disk as it is now, committed or not.
///
/// Whatever it refers to must lie in the work tree of the git repository around it, as it must for the agent, or is fetched if
/// there is something to fetch with. Outside of any repository there is no such bound.
///
/// # Errors
/// When there is no such directory, and everything that is wrong with the overlay.
pub(super) fn from_disk(directory: &Path, how: How<'_>) -> anyhow::Result<Rendered> {
    let real = directory.canonicalize().with_context(|| format!("{} can't be read", directory.display()))?;
    let root = if how.files_anywhere { PathBuf::from("/") } else { root(directory)? };
    let path = below(&root, &real)?;
    let here = std::env::current_dir().unwrap_or_default();
    let disk = Disk::new(&root, Options::default().max_file_bytes);
    how.builder(&disk).build(&path).map_err(|errors| failures(errors, |file| shown(&root, &here, file)))
}

/// The root of what [`from_disk`] reads for a directory.
///
/// # Errors
/// When there is no such directory.
pub(super) fn root(directory: &Path) -> anyhow::Result<PathBuf> {
    let real = directory.canonicalize().with_context(|| format!("{} can't be read", directory.display()))?;
    Ok(work_tree(&real).unwrap_or_else(|| PathBuf::from("/")))
}

/// Renders a directory as it is at a revision of the git repository around it. Nothing is checked out, and the directory need not exist on disk.
///
/// # Errors
/// When there is no repository or no such revision, and everything that is wrong with the overlay.
pub(super) fn from_revision(directory: &Path, revision: &str, how: How<'_>) -> anyhow::Result<Rendered> {
    let real = resolve(directory)?;
    let root = work_tree(&real).with_context(|| {
        format!("{} is in no git repository, so it has no revisions; leave --revision out", directory.display())
    })?;
    let path = below(&root, &real)?;
    let git = Repository::discover(&root)?;
    let id = commit(&git, revision)?;
    let tree = git.tree(&id)?;
    how.builder(&tree).build(&path).map_err(|errors| failures(errors, |file| format!("{}:{file}", id.short())))
}

/// Renders a directory of a git repository that is fetched.
///
/// # Errors
/// Everything that is wrong with the overlay, or with the repository.
pub(super) fn from_url(url: &str, how: How<'_>) -> anyhow::Result<Rendered> {
    how.builder(&MemoryFs::new()).build_url(url).map_err(|errors| failures(errors, str::to_owned))
}

/// The commit that a revision names in a checkout.
///
/// # Errors
/// When it names none, or several.
pub(super) fn commit(git: &Repository, revision: &str) -> Result<CommitId, plumb_git::Error> {
    // Looked up as a name, it would be the branch that the remote's HEAD is on.
    if revision.trim() == "HEAD" { Ok(git.head()?.0) } else { git.resolve(revision) }
}

/// The work tree of the git repository around a directory, which must be a path without symbolic links.
pub(super) fn work_tree(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|ancestor| ancestor.join(".git").exists()).map(Path::to_path_buf)
}

/// The work tree of the git repository around a directory.
///
/// # Errors
/// When there is none.
pub(super) fn checkout(directory: &Path) -> anyhow::Result<PathBuf> {
    let real = directory.canonicalize().with_context(|| format!("{} can't be read", directory.display()))?;
    work_tree(&real)
        .with_context(|| format!("{} is in no git repository; name a checkout with -C", directory.display()))
}

/// The path without symbolic links, as far as it exists.
fn resolve(path: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(path).with_context(|| format!("{} is no usable path", path.display()))?;
    let mut missing: Vec<OsString> = Vec::new();
    for ancestor in absolute.ancestors() {
        if let Ok(mut real) = ancestor.canonicalize() {
            real.extend(missing.iter().rev());
            return Ok(real);
        }
        let name = ancestor
            .file_name()
            .with_context(|| format!("{} does not exist, and '..' can't be followed from there", path.display()))?;
        missing.push(name.to_owned());
    }
    anyhow::bail!("{} can't be read", path.display())
}

/// The path below a root, as the renderer wants it.
fn below(root: &Path, path: &Path) -> anyhow::Result<String> {
    let relative =
        path.strip_prefix(root).with_context(|| format!("{} is not below {}", path.display(), root.display()))?;
    relative.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// A file of the tree as a person at the terminal would name it.
fn shown(root: &Path, here: &Path, file: &str) -> String {
    // What was fetched is named by its URL, which no path on disk looks like.
    if file.contains("//") {
        return file.to_owned();
    }
    let path = root.join(file);
    let relative = here.canonicalize().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    match relative {
        Some(relative) if relative.as_os_str().is_empty() => ".".into(),
        Some(relative) => relative.display().to_string(),
        None => path.display().to_string().trim_end_matches('/').to_owned(),
    }
}

fn failures(errors: Errors, shown: impl Fn(&str) -> String) -> anyhow::Error {
    let messages = errors.0.into_iter().map(|mut error| {
        error.file = shown(&error.file);
        error.bases = error.bases.iter().map(|base| shown(base)).collect();
        error.to_string()
    });
    Failures(messages.collect()).into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n";

    #[test]
    fn an_overlay_reaches_as_far_as_its_repository() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        write(&root, "base/kustomization.yaml", "resources: [app.yaml]\n");
        write(&root, "base/app.yaml", CONFIG);
        write(&root, "inner/dev/kustomization.yaml", "resources: [../../base]\n");
        assert_eq!(from_disk(&root.join("inner/dev"), How::default()).unwrap().to_yaml(), CONFIG);
        fs::create_dir(root.join("inner/.git")).unwrap();
        let error = from_disk(&root.join("inner/dev"), How::default()).unwrap_err().to_string();
        assert!(error.contains("leads out of the repository"), "{error}");
        assert!(error.starts_with(&root.join("inner/dev/kustomization.yaml").display().to_string()), "{error}");
    }

    #[test]
    fn a_revision_is_rendered_from_git() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let handle = git2::Repository::init(&root).unwrap();
        let commit = |files: &[(&str, &str)]| {
            let mut index = git2::Index::new().unwrap();
            for (path, content) in files {
                write(&root, path, content);
            }
            handle.set_index(&mut index).unwrap();
            index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
            let tree = handle.find_tree(index.write_tree_to(&handle).unwrap()).unwrap();
            let me = git2::Signature::now("Ada", "ada@example.com").unwrap();
            let parent = handle.head().ok().map(|head| head.peel_to_commit().unwrap());
            handle.commit(Some("HEAD"), &me, &me, "commit", &tree, &parent.iter().collect::<Vec<_>>()).unwrap();
        };
        commit(&[("dev/kustomization.yaml", "resources: [app.yaml]\n"), ("dev/app.yaml", CONFIG)]);
        commit(&[("dev/kustomization.yaml", "resources: [app.yaml]\nnamePrefix: dev-\n")]);
        let dev = root.join("dev");
        fs::remove_dir_all(&dev).unwrap();
        assert_eq!(from_revision(&dev, "HEAD~1", How::default()).unwrap().to_yaml(), CONFIG);
        assert_eq!(from_revision(&dev, "HEAD", How::default()).unwrap().to_yaml(), CONFIG.replace("app", "dev-app"));
        assert!(from_revision(&dev, "nothing", How::default()).is_err());
        let error = from_revision(&root.join("prod"), "HEAD", How::default()).unwrap_err().to_string();
        assert!(error.contains("prod") && error.contains("does not exist"), "{error}");
        assert!(from_disk(&dev, How::default()).is_err());
    }

    #[test]
    fn every_error_is_told() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "kustomization.yaml", "resources: [a.yaml, b.yaml]\n");
        let error = from_disk(directory.path(), How::default()).unwrap_err();
        let failures = error.downcast_ref::<Failures>().unwrap();
        assert_eq!(failures.0.len(), 2, "{failures}");
    }

    #[test]
    fn files_are_named_as_seen_from_here() {
        let here = tempfile::tempdir().unwrap();
        let root = here.path().canonicalize().unwrap();
        assert_eq!(shown(&root, here.path(), "dev/a.yaml"), "dev/a.yaml");
        assert_eq!(shown(&root, here.path(), ""), ".");
        assert_eq!(shown(Path::new("/"), here.path(), "srv/a.yaml"), "/srv/a.yaml");
        assert_eq!(shown(&root, here.path(), "https://h/r//a.yaml"), "https://h/r//a.yaml");
    }

    #[test]
    fn a_path_need_not_exist_to_have_been_there() {
        let here = tempfile::tempdir().unwrap();
        let root = here.path().canonicalize().unwrap();
        assert_eq!(resolve(&here.path().join("gone/dev")).unwrap(), root.join("gone/dev"));
        assert!(resolve(&here.path().join("gone/../dev")).is_err());
    }
}
