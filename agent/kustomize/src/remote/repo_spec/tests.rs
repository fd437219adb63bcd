use super::*;

/// URL, what is cloned, the directory in it, and the reference.
const REPOSITORIES: &[[&str; 4]] = &[
    // Two parts are the repository, unless something says otherwise.
    ["https://git.example.com/team/shop", "https://git.example.com/team/shop", "", ""],
    ["https://git.example.com/team/shop/", "https://git.example.com/team/shop", "", ""],
    ["https://git.example.com/team/shop/overlays/dev", "https://git.example.com/team/shop", "overlays/dev", ""],
    ["https://git.example.com/team/shop?ref=v1", "https://git.example.com/team/shop", "", "v1"],
    ["http://git.example.com:8080/team/shop/base", "http://git.example.com:8080/team/shop", "base", ""],
    ["https://git.example.com/team/", "https://git.example.com/team/", "", ""],
    ["https://git.example.com//base", "https://git.example.com//base", "", ""],
    // `//` is where the repository ends.
    ["https://git.example.com/shop//base", "https://git.example.com/shop", "base", ""],
    ["https://git.example.com/a/b/c/d//base/dev", "https://git.example.com/a/b/c/d", "base/dev", ""],
    ["https://git.example.com/a/b//", "https://git.example.com/a/b", "", ""],
    ["https://git.example.com/a/b///base", "https://git.example.com/a/b", "base", ""],
    ["https://git.example.com/a/b.git//base", "https://git.example.com/a/b.git", "base", ""],
    ["https://git.example.com/a//b.git/base", "https://git.example.com/a", "b.git/base", ""],
    ["https://git.example.com/a/b//c//d", "https://git.example.com/a/b", "c//d", ""],
    // So is `.git`, wherever it stands.
    ["https://git.example.com/a/b/c.git", "https://git.example.com/a/b/c.git", "", ""],
    ["https://git.example.com/a/b/c.git/base", "https://git.example.com/a/b/c.git", "base", ""],
    ["https://git.example.com/a/b.github/c", "https://git.example.com/a/b.git", "hub/c", ""],
    ["https://git.example.com/shop.git", "https://git.example.com/shop.git", "", ""],
    // Azure has the repository behind `_git/`.
    ["https://me@dev.example.com/org/proj/_git/shop/base", "https://me@dev.example.com/org/proj/_git/shop", "base", ""],
    ["https://dev.example.com/org/proj/_git/shop", "https://dev.example.com/org/proj/_git/shop", "", ""],
    ["https://dev.example.com/org/_git/shop.git//a/b", "https://dev.example.com/org/_git/shop.git", "a/b", ""],
    // Users and passwords.
    ["https://me:pass@git.example.com/a/b/c", "https://me:pass@git.example.com/a/b", "c", ""],
    ["https://me@git.example.com/a/b/c", "https://me@git.example.com/a/b", "c", ""],
    ["ssh://git@git.example.com/a/b/c", "ssh://git@git.example.com/a/b", "c", ""],
    ["ssh://git@git.example.com:2222/a/b//c", "ssh://git@git.example.com:2222/a/b", "c", ""],
    ["SSH://git@Git.example.com/a/b", "ssh://git@Git.example.com/a/b", "", ""],
    // What scp understands needs a user.
    ["git@git.example.com:team/shop.git/base?ref=v1", "git@git.example.com:team/shop.git", "base", "v1"],
    ["git@git.example.com:team/shop/base", "git@git.example.com:team/shop", "base", ""],
    ["git@git.example.com/team/shop/base", "git@git.example.com/team/shop", "base", ""],
    ["git@git.example.com/team:8/shop", "git@git.example.com/team:8/shop", "", ""],
    ["git-1@codecommit.example.com:v1/repos/shop//a", "git-1@codecommit.example.com:v1/repos/shop", "a", ""],
    ["git@:a/b/c/d", "git@:a/b/c", "d", ""],
    // GitHub needs no scheme, and loses the one that it has.
    ["github.com/team/shop", "https://github.com/team/shop", "", ""],
    ["GitHub.com/team/shop/base", "https://github.com/team/shop", "base", ""],
    ["github.com:team/shop.git", "https://github.com/team/shop.git", "", ""],
    ["http://github.com/team/shop", "https://github.com/team/shop", "", ""],
    ["git@github.com:team/shop", "git@github.com:team/shop", "", ""],
    ["https://git@github.com/team/shop", "git@github.com:team/shop", "", ""],
    ["ssh://github.com/team/shop", "github.com:team/shop", "", ""],
    ["git::https://git.example.com/team/shop", "https://git.example.com/team/shop", "", ""],
    ["GIT::git@github.com:team/shop", "git@github.com:team/shop", "", ""],
    // On this machine, all of the path is the repository.
    ["file:///srv/git/shop", "file:///srv/git/shop", "", ""],
    ["file:///srv/git/shop//base", "file:///srv/git/shop", "base", ""],
    ["file:///srv/git/shop.git/base", "file:///srv/git/shop.git", "base", ""],
    ["file://git@srv/shop", "file://git@srv/shop", "", ""],
    ["file://a", "file://a", "", ""],
    ["FILE:///srv/shop?version=v2", "file:///srv/shop", "", "v2"],
    // Directories that stay inside.
    ["https://git.example.com/a/b//c/../d", "https://git.example.com/a/b", "c/../d", ""],
    ["https://git.example.com/a/b//./", "https://git.example.com/a/b", "./", ""],
    // A name may begin with two dots.
    ["file://git@github¡com//..a", "file://git@github¡com", "..a", ""],
    ["https://git.example.com/a/b//..c/../d", "https://git.example.com/a/b", "..c/../d", ""],
    ["https://git.example.com/a/b////../c", "https://git.example.com/a/b", "/../c", ""],
];

/// What is a path to kustomize.
const PATHS: &[&str] = &[
    "",
    "base",
    "../base",
    "./base.git",
    "/srv/git/shop.git",
    "git.example.com/team/shop",
    "git.example.com:team/shop.git",
    "gh:team/shop",
    "ftp://git.example.com/a/b",
    "git://git.example.com/a/b",
    "github.com",
    "gitlab.com/team/shop?ref=v1",
    "https://",
    "https://git.example.com",
    "https://git.example.com/",
    "https://git.example.com/shop",
    "https://github.com",
    "https://github.com/team",
    "file://",
    "file:////base",
    "https://git.example.com/a/b//..",
    "https://git.example.com/a/b//c/../../d",
    "https://git.example.com/a/b/../../c",
    "git::base",
    "1me@git.example.com:a/b",
    "me_too@git.example.com:a/b",
    "@git.example.com:a/b",
];

#[test]
fn repositories_are_understood_as_kustomize_does() {
    for [url, clone_url, directory, reference] in REPOSITORIES {
        let found = RepoSpec::parse(url).unwrap_or_else(|| panic!("{url} was taken for a path"));
        assert_eq!(
            [found.clone_url().as_str(), &found.directory, &found.reference],
            [*clone_url, directory, reference],
            "{url}"
        );
        assert!(found.submodules && found.timeout == Duration::from_secs(27), "{url}");
    }
}

#[test]
fn paths_are_no_repositories() {
    for path in PATHS {
        assert_eq!(RepoSpec::parse(path), None, "{path}");
    }
}

#[test]
fn the_query_is_read() {
    let found = RepoSpec::parse("https://git.example.com/a/b?ref=x/y&submodules=false&timeout=90").unwrap();
    assert_eq!((found.reference.as_str(), found.submodules, found.timeout.as_secs()), ("x/y", false, 90));
}

/// Whether a directory lies in the root that it is relative to; what starts with a slash starts at this root, and stays there.
fn stays_inside(directory: &str) -> bool {
    let mut depth = 0_i32;
    directory.starts_with('/')
        || directory.split('/').all(|part| {
            depth += match part {
                "" | "." => 0,
                ".." => -1,
                _ => 1,
            };
            depth >= 0
        })
}

proptest::proptest! {
    /// No text makes it panic, and a repository is never empty nor left by its directory.
    #[test]
    fn any_text_is_read(url in "(git::|GIT::)?(ssh://|https://|http://|file://|)(git@|a:b@|)(github.com|h|ü|)[:/]{0,3}[a-c./:@?_gitü%=&;]{0,24}") {
        if let Some(found) = RepoSpec::parse(&url) {
            proptest::prop_assert!(!found.repository.is_empty());
            proptest::prop_assert!(stays_inside(&found.directory), "{}", found.directory);
            proptest::prop_assert!(url.contains(&found.repository) && url.contains(&found.directory));
        }
    }
}
