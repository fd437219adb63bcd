//! Fetching one commit, by any name that `git fetch` takes, and without the history behind it.

use git2::{AutotagOption, Direction, FetchOptions, Oid};

use crate::address::Protocol;
use crate::fetch::names;
use crate::remote::Call;
use crate::repository::Repository;
use crate::{CommitId, Error};

/// Where the fetched commit is kept, so that it counts as used.
const KEPT: &str = "refs/plumb/fetched";

/// How `git fetch` completes a name, best first.
const RULES: [(&str, &str); 6] = [
    ("", ""),
    ("refs/", ""),
    ("refs/tags/", ""),
    ("refs/heads/", ""),
    ("refs/remotes/", ""),
    ("refs/remotes/", "/HEAD"),
];

impl Repository {
    /// Fetches what `reference` names at the server, and gives its commit: a branch, a tag, a full name such as
    /// `refs/pull/1/head`, or the full id of a commit; `HEAD` when it is empty. Of two, a tag wins over a branch, as in git.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], and all else that a server can do wrong.
    pub fn fetch_reference(&self, reference: &str) -> Result<CommitId, Error> {
        let wanted = if reference.is_empty() { "HEAD" } else { reference }.to_owned();
        let url = self.url().unwrap_or_default().to_owned();
        let id = self.inner.call(move |handle, call| download(handle, call, &wanted))?;
        self.inner.with(|handle| {
            let commit = handle.find_object(id, None).and_then(|object| object.peel_to_commit());
            commit.map(|commit| commit.id().into()).map_err(|error| {
                let message = format!("what it names is no commit: {}", error.message());
                Error::UnknownReference { url, reference: reference.to_owned(), message }
            })
        })
    }
}

fn download(handle: &git2::Repository, call: &Call, wanted: &str) -> Result<Oid, Error> {
    let explain = |error: git2::Error| call.explain(&error);
    let unknown = |message: &str| Error::UnknownReference {
        url: call.shown().to_owned(),
        reference: wanted.to_owned(),
        message: message.to_owned(),
    };
    let mut remote = handle.remote_anonymous(call.url()).map_err(explain)?;
    let mut connection =
        remote.connect_auth(Direction::Fetch, Some(call.callbacks(handle)), Some(Call::proxy())).map_err(explain)?;
    if let Some(id) = commit_id(wanted) {
        if handle.find_commit(id).is_ok() {
            return Ok(id);
        }
        let mut alone = options(handle, call, true);
        if connection.remote().download(&[format!("+{id}:{KEPT}")], Some(&mut alone)).is_ok() && has(handle, id) {
            return Ok(id);
        }
        // Not every server gives a commit by its id, but any gives its branches and tags.
        drop(connection);
        let all = ["+refs/heads/*:refs/plumb/heads/*", "+refs/tags/*:refs/plumb/tags/*"];
        remote.fetch(&all, Some(&mut options(handle, call, false)), None).map_err(explain)?;
        return if has(handle, id) { Ok(id) } else { Err(unknown("it is on no branch or tag of the server")) };
    }
    let names = names(&connection, call, unknown)?;
    let found = RULES.iter().find_map(|(before, after)| {
        let full = format!("{before}{wanted}{after}");
        names.iter().find(|(name, _)| *name == full)
    });
    let (name, id) = found.ok_or_else(|| unknown(&offer(&names)))?;
    if !has(handle, *id) {
        let mut alone = options(handle, call, true);
        connection.remote().download(&[format!("+{name}:{KEPT}")], Some(&mut alone)).map_err(explain)?;
    }
    Ok(*id)
}

/// Reads the store anew, for it may have come a moment ago.
fn has(handle: &git2::Repository, id: Oid) -> bool {
    handle.odb().is_ok_and(|odb| odb.exists(id))
}

fn options<'c>(handle: &git2::Repository, call: &Call, alone: bool) -> FetchOptions<'c> {
    let mut options = FetchOptions::new();
    options.remote_callbacks(call.callbacks(handle)).proxy_options(Call::proxy());
    options.download_tags(AutotagOption::None).update_fetchhead(false);
    // libgit2 can't cut the history of a repository on this machine, where it costs least.
    if alone && call.protocol() != Protocol::File {
        options.depth(1);
    }
    options
}

fn commit_id(text: &str) -> Option<Oid> {
    let id = CommitId::parse(text).ok()?;
    id.oid().ok()
}

/// Some of the names that there are.
fn offer(names: &[(String, Oid)]) -> String {
    let short: Vec<&str> = names
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")))
        .filter(|name| !name.ends_with("^{}"))
        .collect();
    match short.len() {
        0 => "it has no branches yet; push one".to_owned(),
        1..=10 => format!("it has {}", short.join(", ")),
        more => format!("it has {} and {} more", short[..10].join(", "), more - 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Remote;

    #[test]
    fn a_commit_is_fetched_by_any_of_its_names() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        remote.git(&["tag", "-a", "v1", "-m", "first"]);
        remote.git(&["push", "-q", "origin", "v1"]);
        let second = remote.push(&[("a", "2")], "second");
        remote.git(&["push", "-q", "origin", "HEAD:refs/pull/7/head"]);
        remote.git(&["push", "-q", "origin", "HEAD:release/1.0"]);
        for (reference, expected) in [
            ("", &second),
            ("HEAD", &second),
            ("main", &second),
            ("v1", &first),
            ("tags/v1", &first),
            ("refs/pull/7/head", &second),
            ("pull/7/head", &second),
            ("release/1.0", &second),
            (first.as_str(), &first),
            (&first.as_str().to_uppercase(), &first),
        ] {
            std::fs::remove_dir_all(remote.cache()).ok();
            let repository = remote.open();
            assert_eq!(repository.fetch_reference(reference).unwrap(), *expected, "{reference}");
            assert!(repository.tree(expected).unwrap().read("a").unwrap().is_some(), "{reference}");
        }
    }

    #[test]
    fn a_tag_wins_over_a_branch() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        remote.git(&["tag", "both"]);
        let second = remote.push(&[("a", "2")], "second");
        remote.git(&["push", "-q", "origin", "refs/tags/both", "HEAD:refs/heads/both"]);
        assert_eq!(remote.open().fetch_reference("both").unwrap(), first);
        assert_eq!(remote.open().fetch_reference("heads/both").unwrap(), second);
    }

    #[test]
    fn what_moves_is_followed() {
        let remote = Remote::new();
        remote.push(&[("a", "1")], "first");
        remote.open().fetch_reference("main").unwrap();
        let second = remote.push(&[("a", "2")], "second");
        assert_eq!(remote.open().fetch_reference("main").unwrap(), second);
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let error = remote.open().fetch_reference("v2").unwrap_err();
        assert!(error.to_string().ends_with(r#"has no branch, tag or commit "v2": it has main"#), "{error}");
        for reference in [&first.as_str()[..12], &"1".repeat(40), "--upload-pack=x", "a b", "main:x", "refs/heads/"] {
            let error = remote.open().fetch_reference(reference).unwrap_err();
            assert!(matches!(error, Error::UnknownReference { .. }), "{reference}: {error}");
        }
        let blob = remote.git(&["hash-object", "-w", "a"]);
        remote.git(&["push", "-q", "origin", &format!("{blob}:refs/tags/blob")]);
        let error = remote.open().fetch_reference("blob").unwrap_err();
        assert!(error.to_string().contains("what it names is no commit"), "{error}");
    }
}
