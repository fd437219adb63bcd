//! Fetching one branch.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use git2::{AutotagOption, Direction, FetchOptions, Oid};

use crate::remote::Call;
use crate::repository::{Inner, Repository};
use crate::{CommitId, Error};

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The head of the branch now.
    pub head: CommitId,
    /// The head that the fetch before found; `None` at the first fetch.
    pub previous: Option<CommitId>,
    /// The previous head is no ancestor of this one: somebody force-pushed.
    pub rewritten: bool,
}

/// Names of references, and what they lead to.
pub(crate) type References = BTreeMap<String, Oid>;

/// What the server has.
pub(crate) struct Listing {
    pub(crate) head: Oid,
    tags: Vec<(String, Oid)>,
    /// The other references that are wanted, as far as they are not where they were at the last fetch.
    also: Vec<(String, Oid)>,
    /// All of them.
    all: References,
}

impl Repository {
    /// Fetches `branch` with its full history and the tags on it.
    ///
    /// A branch that did not move costs one request for the list of references, and no more.
    ///
    /// # Errors
    /// All that a server can do wrong; see [`Error`].
    pub fn fetch(&self, branch: &str) -> Result<Fetched, Error> {
        self.fetch_with(branch, &[])
    }

    /// Fetches `branch` as [`Repository::fetch`] does, and with the same requests all references that begin with one of these, such as
    /// `refs/notes/plumb/` or `refs/tags/promote/`. Of notes, only what moved forwards is taken over.
    ///
    /// # Errors
    /// As [`Repository::fetch`].
    pub fn fetch_with(&self, branch: &str, also: &[&str]) -> Result<Fetched, Error> {
        let inner = &self.inner;
        let reference = format!("refs/heads/{branch}");
        if branch.is_empty() || !git2::Reference::is_valid_name(&reference) {
            let message = "this is no valid name of a branch".into();
            return Err(Error::UnknownBranch {
                url: self.url().unwrap_or_default().into(),
                branch: branch.into(),
                message,
            });
        }
        let tracking = inner.tracking(branch);
        let also = also.iter().map(|prefix| (*prefix).to_owned()).collect();
        let known = inner.taken_over();
        let wanted = Wanted { branch: branch.to_owned(), reference, also, known };
        let listing = inner.call(move |handle, call| download(handle, call, &wanted, &tracking))?;
        let fetched = inner.with(|handle| {
            record_notes(handle, &listing.also)?;
            record(inner, handle, branch, &listing)
        })?;
        inner.take_over(listing.all);
        Ok(fetched)
    }

    /// Brings references here as they are on the server, whatever was known of them; those that it does not have are forgotten.
    pub(crate) fn fetch_references(&self, references: &[String]) -> Result<(), Error> {
        let wanted = references.to_vec();
        let found = self.inner.call(move |handle, call| {
            let explain = |error: git2::Error| call.explain(&error);
            let mut remote = handle.remote_anonymous(call.url()).map_err(explain)?;
            let mut connection = remote
                .connect_auth(Direction::Fetch, Some(call.callbacks(handle)), Some(Call::proxy()))
                .map_err(explain)?;
            let unreadable =
                |message: &str| Error::RepositoryNotFound { url: call.shown().into(), message: message.into() };
            let mut found = names(&connection, call, unreadable)?;
            found.retain(|(name, _)| wanted.contains(name));
            download_references(handle, call, &mut connection, &found)?;
            Ok(found)
        })?;
        self.inner.with(|handle| {
            for name in references {
                match found.iter().find(|(found, _)| found == name) {
                    Some((_, id)) => drop(handle.reference(name, *id, true, "plumb: fetch")?),
                    None => {
                        if let Ok(mut gone) = handle.find_reference(name) {
                            gone.delete()?;
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// What is asked of a server.
pub(crate) struct Wanted {
    pub(crate) branch: String,
    pub(crate) reference: String,
    /// Beginnings of the names of other references.
    pub(crate) also: Vec<String>,
    /// Where those were that the last fetch took over. With a thousand ledgers, looking each of them up would take longer than the fetch.
    pub(crate) known: Arc<References>,
}

/// Brings what the references lead to, as far as it is not here.
fn download_references(
    handle: &git2::Repository,
    call: &Call,
    connection: &mut git2::RemoteConnection<'_, '_, '_>,
    references: &[(String, Oid)],
) -> Result<(), Error> {
    let odb = handle.odb()?;
    let missing = references.iter().filter(|(_, id)| !odb.exists(*id));
    let specs: Vec<String> = missing.map(|(name, _)| format!("+{name}:{name}")).collect();
    if specs.is_empty() {
        return Ok(());
    }
    let mut options = FetchOptions::new();
    options.remote_callbacks(call.callbacks(handle)).proxy_options(Call::proxy());
    options.download_tags(AutotagOption::None).update_fetchhead(false);
    connection.remote().download(&specs, Some(&mut options)).map_err(|error| call.explain(&error))
}

/// Takes over notes that moved forwards. Those of this side may be ahead, for a push of its own came between.
fn record_notes(handle: &git2::Repository, references: &[(String, Oid)]) -> Result<(), Error> {
    for (name, id) in references.iter().filter(|(name, _)| name.starts_with("refs/notes/")) {
        let known = handle.refname_to_id(name).ok();
        if known == Some(*id) || !git2::Reference::is_valid_name(name) {
            continue;
        }
        if let Some(known) = known
            && !handle.graph_descendant_of(*id, known)?
        {
            continue;
        }
        handle.reference(name, *id, true, "plumb: fetch")?;
    }
    Ok(())
}

pub(crate) fn download(
    handle: &git2::Repository,
    call: &Call,
    wanted: &Wanted,
    tracking: &str,
) -> Result<Listing, Error> {
    let explain = |error: git2::Error| call.explain(&error);
    let mut options = FetchOptions::new();
    options.remote_callbacks(call.callbacks(handle)).proxy_options(Call::proxy());
    options.download_tags(AutotagOption::Auto).update_fetchhead(false);
    let mut remote = handle.remote_anonymous(call.url()).map_err(explain)?;
    let mut connection =
        remote.connect_auth(Direction::Fetch, Some(call.callbacks(handle)), Some(Call::proxy())).map_err(explain)?;
    let listing = list(&connection, call, wanted)?;
    if handle.find_commit(listing.head).is_err() {
        let spec = format!("+{}:{tracking}", wanted.reference);
        connection.remote().download(&[spec], Some(&mut options)).map_err(explain)?;
    }
    download_references(handle, call, &mut connection, &listing.also)?;
    Ok(listing)
}

fn list(connection: &git2::RemoteConnection<'_, '_, '_>, call: &Call, wanted: &Wanted) -> Result<Listing, Error> {
    let Wanted { branch, reference, also, known } = wanted;
    let mut head = None;
    let (mut branches, mut tags, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = References::new();
    let unreadable = |message: &str| Error::UnknownBranch {
        url: call.shown().into(),
        branch: branch.clone(),
        message: message.into(),
    };
    let named = names(connection, call, unreadable)?;
    for (name, id) in named {
        if also.iter().any(|prefix| name.starts_with(prefix.as_str())) && !name.ends_with("^{}") {
            if known.get(&name) != Some(&id) {
                others.push((name.clone(), id));
            }
            all.insert(name.clone(), id);
        }
        if name == *reference {
            head = Some(id);
        } else if let Some(name) = name.strip_prefix("refs/heads/") {
            branches.push(name.to_owned());
        } else if name.starts_with("refs/tags/") && !name.ends_with("^{}") {
            tags.push((name, id));
        }
    }
    let head = head.ok_or_else(|| {
        let message = match branches.len() {
            0 => "it has no branches yet; push one".to_owned(),
            1..=10 => format!("it has {}", branches.join(", ")),
            more => format!("it has {} and {} more", branches[..10].join(", "), more - 10),
        };
        Error::UnknownBranch { url: call.shown().to_owned(), branch: branch.clone(), message }
    })?;
    Ok(Listing { head, tags, also: others, all })
}

/// What the server's references are called, and what they lead to.
pub(crate) fn names(
    connection: &git2::RemoteConnection<'_, '_, '_>,
    call: &Call,
    unreadable: impl FnOnce(&str) -> Error,
) -> Result<Vec<(String, Oid)>, Error> {
    let listed = connection.list().map_err(|error| call.explain(&error))?;
    // git2 has no way to ask for the name of a reference but one that panics when it is no UTF-8, and anybody who may push can make one.
    let named = catch_unwind(AssertUnwindSafe(|| {
        listed.iter().map(|remote| (remote.name().to_owned(), remote.oid())).collect::<Vec<_>>()
    }));
    named.map_err(|_| {
        unreadable("the server has a branch or tag whose name is no UTF-8, so its list can't be read; rename that one")
    })
}

/// Moves the local references to where the server's are.
fn record(inner: &Inner, handle: &git2::Repository, branch: &str, listing: &Listing) -> Result<Fetched, Error> {
    handle.find_commit(listing.head)?;
    let tracking = inner.tracking(branch);
    let previous = handle.refname_to_id(&tracking).ok();
    if previous != Some(listing.head) {
        handle.reference(&tracking, listing.head, true, "plumb: fetch")?;
    }
    if !inner.checkout {
        record_tags(handle, &listing.tags)?;
    }
    let rewritten = match previous {
        Some(previous) if previous != listing.head => !handle.graph_descendant_of(listing.head, previous)?,
        _ => false,
    };
    if rewritten {
        tracing::warn!(branch, head = %listing.head, previous = ?previous, "the branch was rewritten");
    }
    Ok(Fetched { head: listing.head.into(), previous: previous.map(CommitId::from), rewritten })
}

/// A cache has exactly those tags of the server whose commits it has.
fn record_tags(handle: &git2::Repository, tags: &[(String, Oid)]) -> Result<(), Error> {
    for reference in handle.references_glob("refs/tags/*")? {
        let mut reference = reference?;
        if !tags.iter().any(|(name, _)| reference.name_bytes() == name.as_bytes()) {
            reference.delete()?;
        }
    }
    let odb = handle.odb()?;
    for (name, id) in tags {
        if handle.refname_to_id(name).ok() != Some(*id) && odb.exists(*id) && git2::Reference::is_valid_name(name) {
            handle.reference(name, *id, true, "plumb: fetch")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;
    use crate::testing::Remote;

    #[test]
    fn a_fetch_follows_the_branch() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        assert_eq!(
            repository.fetch("main").unwrap(),
            Fetched { head: first.clone(), previous: None, rewritten: false }
        );
        let second = remote.push(&[("a", "2")], "second");
        let expected = Fetched { head: second.clone(), previous: Some(first), rewritten: false };
        assert_eq!(repository.fetch("main").unwrap(), expected);
        assert_eq!(
            repository.fetch("main").unwrap(),
            Fetched { head: second.clone(), previous: Some(second.clone()), rewritten: false }
        );
        assert_eq!(remote.open().fetch("main").unwrap().previous, Some(second), "the cache outlives the process");
    }

    #[test]
    fn a_plain_path_and_a_name_with_a_slash_work() {
        let remote = Remote::new();
        let id = remote.push(&[("a", "1")], "first");
        remote.git(&["push", "-q", "origin", "HEAD:release/1.0"]);
        let url = remote.path().display().to_string();
        let repository = Repository::open(&remote.cache(), &url, Credentials::None).unwrap();
        assert_eq!(repository.fetch("release/1.0").unwrap().head, id);
    }

    #[test]
    fn a_reference_whose_name_is_no_text_is_named_as_the_cause() {
        use std::os::unix::ffi::OsStrExt as _;
        let remote = Remote::new();
        let id = remote.push(&[("a", "1")], "first");
        let file = remote.path().join("refs/heads").join(std::ffi::OsStr::from_bytes(b"gr\xfcn"));
        std::fs::write(file, format!("{id}\n")).unwrap();
        let error = remote.open().fetch("main").unwrap_err();
        assert!(error.to_string().contains("no UTF-8"), "{error}");
    }

    #[test]
    fn a_force_push_is_noticed() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let second = remote.push(&[("a", "2")], "second");
        let repository = remote.open();
        repository.fetch("main").unwrap();

        remote.git(&["reset", "-q", "--hard", first.as_str()]);
        let other = remote.push(&[("a", "3")], "another second");
        let fetched = repository.fetch("main").unwrap();
        assert_eq!(fetched, Fetched { head: other, previous: Some(second), rewritten: true });

        remote.git(&["reset", "-q", "--hard", first.as_str()]);
        remote.git(&["push", "-q", "-f", "origin", "HEAD:main"]);
        assert!(repository.fetch("main").unwrap().rewritten, "a branch that was set back");
    }

    #[test]
    fn tags_come_move_and_go() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        remote.git(&["tag", "v1"]);
        remote.git(&["tag", "-a", "v1-notes", "-m", "notes"]);
        remote.git(&["push", "-q", "--tags"]);
        let repository = remote.open();
        repository.fetch("main").unwrap();
        assert_eq!(repository.resolve("v1").unwrap(), first);
        assert_eq!(repository.resolve("v1-notes").unwrap(), first);

        remote.git(&["push", "-q", "origin", ":v1-notes"]);
        let second = remote.push(&[("a", "2")], "second");
        remote.git(&["tag", "-f", "v1"]);
        remote.git(&["push", "-q", "-f", "--tags"]);
        remote.git(&["push", "-q", "origin", ":v1-notes"]);
        repository.fetch("main").unwrap();
        assert_eq!(repository.resolve("v1").unwrap(), second);
        assert!(matches!(repository.resolve("v1-notes"), Err(Error::UnknownRevision { .. })));
    }

    #[test]
    fn an_unknown_branch_is_told_with_those_that_there_are() {
        let remote = Remote::new();
        let error = remote.open().fetch("main").unwrap_err();
        assert!(error.to_string().ends_with(r#"has no branch "main": it has no branches yet; push one"#), "{error}");
        remote.push(&[("a", "1")], "first");
        let error = remote.open().fetch("mian").unwrap_err();
        assert!(error.to_string().ends_with(r#"has no branch "mian": it has main"#), "{error}");
        assert_eq!(error.class(), crate::Class::Config);
        for name in ["", "a b", "..", "x^", "a:b"] {
            let error = remote.open().fetch(name).unwrap_err();
            assert!(matches!(error, Error::UnknownBranch { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_missing_repository_is_told() {
        let directory = tempfile::tempdir().unwrap();
        for url in [format!("file://{}/nothing", directory.path().display()), directory.path().display().to_string()] {
            let repository = Repository::open(&directory.path().join("cache"), &url, Credentials::None).unwrap();
            let error = repository.fetch("main").unwrap_err();
            assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
        }
    }

    #[test]
    fn a_closed_port_is_transient() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        for scheme in ["http", "git", "ssh"] {
            let url = format!("{scheme}://me:secret@127.0.0.1:{port}/a");
            let error = Repository::open(directory.path(), &url, Credentials::None).unwrap().fetch("main").unwrap_err();
            assert_eq!(error.class(), crate::Class::Transient, "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_silent_server_is_given_up() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/a", listener.local_addr().unwrap().port());
        let directory = tempfile::tempdir().unwrap();
        let limits = crate::Limits { silence: std::time::Duration::from_millis(50), ..crate::Limits::default() };
        let repository = Repository::open(directory.path(), &url, Credentials::None).unwrap().with_limits(limits);
        let error = repository.fetch("main").unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
    }

    #[test]
    fn a_server_that_sends_too_much_is_given_up() {
        let remote = Remote::new();
        // Nothing that git could compress.
        let noise: Vec<String> = (0..2_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect();
        remote.push(&[("large", &noise.concat())], "large");
        let limits = crate::Limits { fetch_bytes: 1_000, ..crate::Limits::default() };
        let error = remote.open().with_limits(limits).fetch("main").unwrap_err();
        assert!(matches!(error, Error::TooLarge { most: 1_000, .. }), "{error}");
        assert!(remote.open().fetch("main").is_ok());
    }
}
