//! The local copy of a repository, or a person's checkout.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::address::Address;
use crate::fetch::References;
use crate::remote::Call;
use crate::worker::{Pulse, Workers};
use crate::{Credentials, Error, SigningKey};

/// libgit2 never repacks, and every fetch adds a pack: past this many, a cache is fetched anew when it is opened.
const MOST_PACKS: usize = 200;

/// A handle is opened for each concurrent call; this many are kept for the next ones.
const IDLE_HANDLES: usize = 4;

/// What a repository may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A server that sends nothing for so long is given up.
    pub silence: Duration,
    /// A fetch or push that takes longer is given up.
    pub total: Duration,
    /// The largest file that is read, in bytes.
    pub file_bytes: usize,
    /// How many bytes one fetch may bring.
    pub fetch_bytes: usize,
}

impl Default for Limits {
    /// 60 s, 30 min, 16 MiB and 2 GiB.
    fn default() -> Self {
        let (silence, total) = (Duration::from_mins(1), Duration::from_mins(30));
        Self { silence, total, file_bytes: 16 << 20, fetch_bytes: 2 << 30 }
    }
}

/// A git repository. Cloning is cheap, and all clones share one store; calls from several threads run side by side.
#[derive(Clone)]
pub struct Repository {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    path: PathBuf,
    /// A cache knows nothing but what was fetched; in a checkout, people have branches and tags of their own.
    pub(crate) checkout: bool,
    /// The remote's name and address; a checkout may have none.
    pub(crate) remote: Option<(String, Address)>,
    credentials: Credentials,
    /// What commits are signed with.
    pub(crate) key: Option<SigningKey>,
    pub(crate) limits: Limits,
    idle: Mutex<Vec<git2::Repository>>,
    /// Where the server had the references besides the branch when they were taken over last.
    taken_over: Mutex<Arc<References>>,
    workers: Workers,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("path", &self.inner.path)
            .field("remote", &self.inner.remote)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens the cache `directory` for the repository at `url`, without any network.
    ///
    /// The directory belongs to Plumb: it is made when it is missing, and made anew when it is broken, holds another
    /// repository, or has collected too many packs.
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::Cache`].
    pub fn open(directory: &Path, url: &str, credentials: Credentials) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let failed = |message: String| Error::Cache { path: directory.to_owned(), message };
        let handle = match open_cache(directory, &address) {
            Ok(handle) => handle,
            Err(reason) => {
                if directory.exists() {
                    tracing::info!(cache = %directory.display(), url = address.shown, reason, "the git cache is made anew");
                }
                if directory.join(".git").exists() {
                    return Err(failed("it is the checkout of a person; name another directory".into()));
                }
                remove(directory).map_err(|error| failed(error.to_string()))?;
                init_cache(directory, &address).map_err(|error| failed(error.message().to_owned()))?
            }
        };
        // Another server must not be handed the credentials of this one.
        let open = credentials == Credentials::None && address.username.is_none() && address.password.is_none();
        let follow = if open { "initial" } else { "false" };
        let set = handle.config().and_then(|mut config| config.set_str("http.followRedirects", follow));
        set.map_err(|error| failed(error.message().to_owned()))?;
        Ok(Self::new(directory.to_owned(), false, Some(("origin".into(), address)), credentials, handle))
    }

    /// Opens the checkout that `path` is in, as git does, with the credentials of its owner. The remote is `origin`, or
    /// else the only one that there is.
    ///
    /// # Errors
    /// [`Error::NoRepository`], and [`Error::Url`] when the remote's URL can't be used.
    pub fn discover(path: &Path) -> Result<Self, Error> {
        let failed = |error: &git2::Error| {
            let message = match error.code() {
                git2::ErrorCode::NotFound => {
                    "neither this nor any parent directory is a git repository; run it inside of one".into()
                }
                git2::ErrorCode::Owner => {
                    format!("{}; allow it with `git config --global --add safe.directory <path>`", error.message())
                }
                _ => error.message().to_owned(),
            };
            Error::NoRepository { path: path.to_owned(), message }
        };
        let handle = git2::Repository::discover(path).map_err(|error| failed(&error))?;
        let remote = checkout_remote(&handle).map_err(|error| failed(&error))?;
        let remote = remote.map(|(name, url)| Ok::<_, Error>((name, Address::parse(&url)?))).transpose()?;
        Ok(Self::new(handle.path().to_owned(), true, remote, Credentials::Ambient, handle))
    }

    fn new(
        path: PathBuf,
        checkout: bool,
        remote: Option<(String, Address)>,
        credentials: Credentials,
        handle: git2::Repository,
    ) -> Self {
        let inner = Inner {
            path,
            checkout,
            remote,
            credentials,
            key: None,
            limits: Limits::default(),
            idle: Mutex::new(vec![handle]),
            taken_over: Mutex::default(),
            workers: Workers::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same repository with other limits; call it before the repository is shared.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let key = self.inner.key.clone();
        self.with(limits, key)
    }

    /// The same repository, whose commits are signed from now on; call it before the repository is shared.
    #[must_use]
    pub fn with_signing_key(self, key: SigningKey) -> Self {
        let limits = self.inner.limits;
        self.with(limits, Some(key))
    }

    fn with(self, limits: Limits, key: Option<SigningKey>) -> Self {
        let inner = &self.inner;
        let mut fresh = Inner {
            path: inner.path.clone(),
            checkout: inner.checkout,
            remote: inner.remote.clone(),
            credentials: inner.credentials.clone(),
            key,
            limits,
            idle: Mutex::default(),
            taken_over: Mutex::default(),
            workers: Workers::default(),
        };
        fresh.idle = Mutex::new(std::mem::take(&mut *inner.idle.lock().unwrap_or_else(PoisonError::into_inner)));
        Self { inner: Arc::new(fresh) }
    }

    /// The remote's URL without credentials; `None` for a checkout without a remote.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.inner.remote.as_ref().map(|(_, address)| address.shown.as_str())
    }

    /// The directory that a checkout's files are in; `None` for a bare repository.
    #[must_use]
    pub fn workdir(&self) -> Option<PathBuf> {
        self.inner.with(|handle| Ok(handle.workdir().map(Path::to_owned))).ok().flatten()
    }
}

impl Inner {
    /// Runs `work` with a handle that no other thread uses.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&git2::Repository) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handle = match idle {
            Some(handle) => handle,
            None => self.open()?,
        };
        let result = work(&handle);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_HANDLES {
            idle.push(handle);
        }
        result
    }

    fn open(&self) -> Result<git2::Repository, Error> {
        let failed = |error: git2::Error| Error::Cache { path: self.path.clone(), message: error.message().to_owned() };
        git2::Repository::open(&self.path).map_err(failed)
    }

    /// Runs `work` with a handle whose new objects are kept in memory and written as one pack in the end.
    pub(crate) fn with_pack<T>(&self, work: impl FnOnce(&git2::Repository) -> Result<T, Error>) -> Result<T, Error> {
        // The store in memory stays with its handle, so this one is nobody else's.
        let handle = self.open()?;
        let odb = handle.odb()?;
        let objects = odb.add_new_mempack_backend(i32::MAX)?;
        let result = work(&handle)?;
        let mut pack = git2::Buf::new();
        objects.dump(&handle, &mut pack)?;
        let mut writer = odb.packwriter()?;
        writer
            .write_all(&pack)
            .map_err(|error| Error::Cache { path: self.path.clone(), message: error.to_string() })?;
        writer.commit()?;
        Ok(result)
    }

    /// Where the server had the references besides the branch when they were taken over last.
    pub(crate) fn taken_over(&self) -> Arc<References> {
        self.taken_over.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take_over(&self, references: References) {
        *self.taken_over.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(references);
    }

    /// Runs a network call on a thread of its own, which may be left behind.
    pub(crate) fn call<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&git2::Repository, &Call) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Some((_, address)) = self.remote.clone() else {
            let message = "the repository has no remote; add one with `git remote add origin <url>`".into();
            return Err(Error::NoRepository { path: self.path.clone(), message });
        };
        // A credential helper may wait for a person.
        let silence = if self.credentials == Credentials::Ambient { self.limits.total } else { self.limits.silence };
        let (inner, shown) = (self.clone(), address.shown.clone());
        self.workers.run(&shown, silence, self.limits.total, move |pulse: &Pulse| {
            let call = Call::new(address, inner.credentials.clone(), inner.limits, pulse.clone());
            inner.with(|handle| work(handle, &call))
        })
    }

    /// The reference that keeps what was fetched of a branch.
    pub(crate) fn tracking(&self, branch: &str) -> String {
        let remote = self.remote.as_ref().map_or("origin", |(name, _)| name);
        format!("refs/remotes/{remote}/{branch}")
    }
}

fn checkout_remote(handle: &git2::Repository) -> Result<Option<(String, String)>, git2::Error> {
    let names = handle.remotes()?;
    let names: Vec<&str> = names.iter().filter_map(|name| name.ok().flatten()).collect();
    let name = match names.as_slice() {
        names if names.contains(&"origin") => "origin",
        [only] => only,
        _ => return Ok(None),
    };
    let remote = handle.find_remote(name)?;
    Ok(Some((name.to_owned(), String::from_utf8_lossy(remote.url_bytes()).into_owned())))
}

/// Opens a cache, or tells why it must be made anew.
fn open_cache(directory: &Path, address: &Address) -> Result<git2::Repository, String> {
    let words = |error: git2::Error| error.message().to_owned();
    let handle = git2::Repository::open_bare(directory).map_err(words)?;
    let url = handle
        .config()
        .and_then(|mut config| config.snapshot())
        .map_err(words)?
        .get_string("plumb.url")
        .unwrap_or_default();
    if url != address.url {
        return Err("it holds another repository".into());
    }
    let mut names = Vec::new();
    loose_references(directory, "refs/remotes", &mut names).map_err(|error| error.to_string())?;
    for name in names {
        handle.find_reference(&name).and_then(|reference| reference.peel_to_tree()).map_err(words)?;
    }
    let mut packs = 0;
    for entry in fs::read_dir(directory.join("objects/pack")).map_err(|error| error.to_string())?.flatten() {
        match entry.path().extension().and_then(|extension| extension.to_str()) {
            Some("pack") => packs += 1,
            Some("idx" | "rev") => {}
            // What a fetch left that was killed.
            _ => drop(fs::remove_file(entry.path())),
        }
    }
    if packs > MOST_PACKS {
        return Err(format!("it has {packs} packs"));
    }
    Ok(handle)
}

/// The names of the references that are files; libgit2 lists only those that are not broken.
fn loose_references(root: &Path, below: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    let directory = root.join(below);
    if !directory.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            loose_references(root, &name, names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

fn init_cache(directory: &Path, address: &Address) -> Result<git2::Repository, git2::Error> {
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).no_reinit(true).mkpath(true).external_template(false);
    let handle = git2::Repository::init_opts(directory, &options)?;
    let mut config = handle.config()?;
    // A cache that a power cut broke would be fetched anew; writing through is cheaper.
    config.set_bool("core.fsyncObjectFiles", true)?;
    // Written last: without it, the cache counts as broken.
    config.set_str("plumb.url", &address.url)?;
    Ok(handle)
}

fn remove(directory: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(directory) {
        Ok(metadata) if metadata.is_dir() => {
            // The directory itself may be a mount point, which can't be removed.
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        }
        Ok(_) => fs::remove_file(directory),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Remote;

    #[test]
    fn a_broken_cache_is_made_anew() {
        let remote = Remote::new();
        remote.push(&[("a", "1")], "first");
        remote.open().fetch("main").unwrap();
        let cache = remote.cache();
        let breakages: [(&str, &dyn Fn()); 4] = [
            ("no HEAD", &|| fs::remove_file(cache.join("HEAD")).unwrap()),
            ("no objects", &|| fs::remove_dir_all(cache.join("objects")).unwrap()),
            ("a broken reference", &|| fs::write(cache.join("refs/remotes/origin/main"), "nonsense").unwrap()),
            ("a file instead", &|| {
                fs::remove_dir_all(&cache).unwrap();
                fs::write(&cache, "").unwrap();
            }),
        ];
        for (what, break_it) in breakages {
            break_it();
            let fetched = remote.open().fetch("main").unwrap();
            assert_eq!(fetched.previous, None, "{what}");
            assert!(remote.open().fetch("main").unwrap().previous.is_some(), "{what}");
        }
    }

    #[test]
    fn another_url_gets_another_cache() {
        let (one, other) = (Remote::new(), Remote::new());
        one.push(&[("a", "1")], "first");
        other.push(&[("a", "2")], "first");
        one.open().fetch("main").unwrap();
        let repository = Repository::open(&one.cache(), &other.url(), Credentials::None).unwrap();
        assert_eq!(repository.fetch("main").unwrap().previous, None);
    }

    #[test]
    fn what_a_killed_fetch_left_is_removed() {
        let remote = Remote::new();
        remote.push(&[("a", "1")], "first");
        remote.open().fetch("main").unwrap();
        let leftover = remote.cache().join("objects/pack/pack_git2_x");
        fs::write(&leftover, "half").unwrap();
        remote.open();
        assert!(!leftover.exists());
    }

    #[test]
    fn a_checkout_is_never_taken_for_a_cache() {
        let remote = Remote::new();
        remote.push(&[("a", "1")], "first");
        let error = Repository::open(&remote.work(), &remote.url(), Credentials::None).unwrap_err();
        assert!(matches!(error, Error::Cache { .. }), "{error}");
        assert!(remote.work().join("a").exists());
    }

    #[test]
    fn a_cache_holds_no_credential() {
        let directory = tempfile::tempdir().unwrap();
        let repository =
            Repository::open(directory.path(), "https://me:secret@example.com/a", Credentials::None).unwrap();
        assert_eq!(repository.url(), Some("https://example.com/a"));
        assert!(!format!("{repository:?}").contains("secret"));
        assert!(!fs::read_to_string(directory.path().join("config")).unwrap().contains("secret"));
    }

    #[test]
    fn a_checkout_is_found_from_below() {
        let remote = Remote::new();
        let first = remote.push(&[("dir/a", "1")], "first");
        let second = remote.commit(&[("dir/a", "2")], "not pushed");
        let repository = Repository::discover(&remote.work().join("dir")).unwrap();
        assert_eq!(repository.resolve("HEAD~1").unwrap(), first);
        assert_eq!(repository.tree(&second).unwrap().read("dir/a").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(repository.head().unwrap().0, second);
        assert_eq!(repository.workdir().unwrap().canonicalize().unwrap(), remote.work().canonicalize().unwrap());

        let change = crate::FileChange { path: "pin".into(), content: Some("1".into()) };
        let pushed = repository.commit_and_push("main", &first, &[change], "pin", &crate::testing::ada()).unwrap();
        assert_eq!(repository.fetch("main").unwrap().head, pushed);
        assert_eq!(repository.head().unwrap().0, second, "the checkout itself stays where it is");
    }

    #[test]
    fn no_checkout_and_no_remote_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let error = Repository::discover(directory.path()).unwrap_err();
        assert!(error.to_string().contains("run it inside of one"), "{error}");
        git2::Repository::init(directory.path()).unwrap();
        let error = Repository::discover(directory.path()).unwrap().fetch("main").unwrap_err();
        assert!(error.to_string().contains("git remote add origin"), "{error}");
    }
}
