//! plumb-git against real servers: `git http-backend` behind HTTP, OpenSSH's `sshd`, and `git daemon`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::git_server::{
    Access, DeployKey, GitDaemon, Hook, HttpOptions, HttpServer, Repositories, Setting, SshServer, Worktree,
};
use plumb_git::{Class, CommitId, Credentials, Error, FileChange, Repository, Signature};
use tempfile::TempDir;

const PASSWORD: &str = "p@ss:w/rd-hunter2";

fn access() -> Access {
    Access { username: "plumb".into(), password: PASSWORD.into() }
}

fn basic(password: &str) -> Credentials {
    Credentials::Basic { username: "plumb".into(), password: password.into() }
}

fn ssh(key: &DeployKey, known_hosts: Option<String>) -> Credentials {
    Credentials::Ssh { username: "git".into(), identity: key.identity.clone(), passphrase: None, known_hosts }
}

fn author() -> Signature {
    Signature { name: "Plumb".into(), email: "plumb@example.com".into() }
}

fn pin(content: &str) -> FileChange {
    FileChange { path: "overlays/staging/promoted.yaml".into(), content: Some(content.into()) }
}

/// A cache directory and a repository in it.
fn open(url: &str, credentials: Credentials) -> Result<(TempDir, Repository)> {
    let directory = tempfile::tempdir()?;
    let repository = Repository::open(&directory.path().join("cache"), url, credentials)?;
    Ok((directory, repository))
}

/// Fills a repository through its directory, without a server.
fn fill(repositories: &Repositories, name: &str) -> Result<(Worktree, CommitId)> {
    let path = repositories.create(name)?;
    let worktree = Worktree::clone(&path.display().to_string())?;
    let large = "0123456789abcde\n".repeat(65_536);
    let files =
        [("a.yaml", "a: 1\n"), ("dir with space/ünï cödé.yaml", "b: 2\n"), ("base/large.txt", &large), ("empty", "")];
    let id = worktree.push_files("first", &files)?;
    Ok((worktree, CommitId::parse(&id)?))
}

/// What every server must do: clone, read, see a push, push, see a rejection, see a force-push, name an unknown branch.
fn whole_loop(url: &str, credentials: Credentials, worktree: &Worktree, first: &CommitId) -> Result<()> {
    let (_directory, repository) = open(url, credentials)?;
    let fetched = repository.fetch("main")?;
    assert_eq!((&fetched.head, fetched.previous, fetched.rewritten), (first, None, false));
    let tree = repository.tree(first)?;
    assert_eq!(tree.read("dir with space/ünï cödé.yaml")?.as_deref(), Some("b: 2\n".as_bytes()));
    assert_eq!(tree.read("base/large.txt")?.map(|bytes| bytes.len()), Some(1 << 20));
    assert_eq!(tree.read("nothing")?, None);

    worktree.pull()?;
    let second = CommitId::parse(&worktree.push_files("second", &[("a.yaml", "a: 2\n")])?)?;
    let fetched = repository.fetch("main")?;
    assert_eq!((&fetched.head, fetched.previous.as_ref()), (&second, Some(first)));
    assert_eq!(repository.fetch("main")?.head, second, "a fetch of nothing new");

    let message = "promote\n\nPromoted-To: staging\n";
    let third = repository.commit_and_push("main", &second, &[pin("1")], message, &author())?;
    worktree.pull()?;
    assert_eq!(worktree.head()?, third.as_str());
    assert_eq!(worktree.read("overlays/staging/promoted.yaml")?, "1");
    assert_eq!(
        worktree.git(&["log", "-1", "--format=%an %(trailers:key=Promoted-To,valueonly)"])?.trim(),
        "Plumb staging"
    );

    let fourth = CommitId::parse(&worktree.push_files("fourth", &[("a.yaml", "a: 4\n")])?)?;
    let error = repository.commit_and_push("main", &third, &[pin("2")], "late", &author()).unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error}");
    assert_eq!(error.class(), Class::Transient);
    repository.fetch("main")?;
    let fifth = repository.commit_and_push("main", &fourth, &[pin("2")], "again", &author())?;

    worktree.git(&["fetch", "-q", "origin"])?;
    worktree.git(&["reset", "-q", "--hard", second.as_str()])?;
    let rewritten = CommitId::parse(&worktree.commit("rewritten")?)?;
    worktree.force_push()?;
    let fetched = repository.fetch("main")?;
    assert_eq!((fetched.head, fetched.previous, fetched.rewritten), (rewritten, Some(fifth), true));

    let error = repository.fetch("mian").unwrap_err();
    assert!(matches!(error, Error::UnknownBranch { .. }), "{error}");
    assert!(error.to_string().contains("it has main"), "{error}");
    Ok(())
}

#[test]
fn http_with_a_password() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (worktree, first) = fill(&repositories, "platform")?;
    let server = HttpServer::serve(repositories, HttpOptions { access: Some(access()), ..HttpOptions::default() })?;
    whole_loop(&server.url("platform"), basic(PASSWORD), &worktree, &first)?;
    // A person's git goes through the server as well, with the credentials in the URL.
    let person = Worktree::clone(&server.url_with_credentials("platform"))?;
    let id = person.push_files("from a person", &[("b", "1")])?;
    let (_directory, repository) = open(&server.url_with_credentials("platform"), Credentials::None)?;
    assert_eq!(repository.fetch("main")?.head.as_str(), id);
    Ok(())
}

#[test]
fn ssh_with_a_deploy_key() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (worktree, first) = fill(&repositories, "platform")?;
    let key = DeployKey::generate(None)?;
    let server = SshServer::start(&repositories, &[&key], &[])?;
    whole_loop(&server.url("platform"), ssh(&key, Some(server.known_hosts()?)), &worktree, &first)
}

#[test]
fn git_daemon() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (worktree, first) = fill(&repositories, "platform")?;
    let server = GitDaemon::start(&repositories)?;
    whole_loop(&server.url("platform"), Credentials::None, &worktree, &first)?;
    let (_directory, repository) = open(&server.url("nothing"), Credentials::None)?;
    let error = repository.fetch("main").unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
    Ok(())
}

#[test]
fn a_file_url() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (worktree, first) = fill(&repositories, "platform")?;
    let path = repositories.repository("platform");
    whole_loop(&format!("file://{}", path.display()), Credentials::None, &worktree, &first)
}

#[test]
fn wrong_credentials_are_told_without_showing_them() -> Result<()> {
    let repositories = Repositories::temporary()?;
    fill(&repositories, "platform")?;
    let server = HttpServer::serve(repositories, HttpOptions { access: Some(access()), ..HttpOptions::default() })?;
    let url = server.url("platform");
    let with_wrong = server.url_with_credentials("platform").replace("hunter2", "hunter3");
    for (url, credentials) in [
        (&url, basic("wrong-hunter3")),
        (&url, Credentials::None),
        (&with_wrong, Credentials::None),
        (&server.url_with_credentials("nothing"), basic("wrong-hunter3")),
    ] {
        let (directory, repository) = open(url, credentials)?;
        let error = repository.fetch("main").unwrap_err();
        assert!(matches!(error, Error::Authentication { .. }), "{error}");
        assert_eq!(error.class(), Class::Config);
        let shown = format!("{error} {error:?} {repository:?}");
        assert!(!shown.contains("hunter") && !shown.contains("plumb:") && !shown.contains('@'), "{shown}");
        let config = std::fs::read_to_string(directory.path().join("cache/config"))?;
        assert!(!config.contains("hunter"), "{config}");
    }
    let (_directory, repository) = open(&server.url("nothing"), basic(PASSWORD))?;
    let error = repository.fetch("main").unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
    Ok(())
}

#[test]
fn a_key_that_the_server_does_not_know_is_told() -> Result<()> {
    let repositories = Repositories::temporary()?;
    fill(&repositories, "platform")?;
    let (key, stranger) = (DeployKey::generate(None)?, DeployKey::generate(None)?);
    let server = SshServer::start(&repositories, &[&key], &[])?;
    let known_hosts = Some(server.known_hosts()?);
    let broken = DeployKey { identity: "no key at all".into(), public: String::new() };
    for wrong in [&stranger, &broken] {
        let (_directory, repository) = open(&server.url("platform"), ssh(wrong, known_hosts.clone()))?;
        let error = repository.fetch("main").unwrap_err();
        assert!(matches!(error, Error::Authentication { .. }), "{error}");
        assert!(!error.to_string().contains("no key at all"), "{error}");
    }
    for other in [Credentials::None, basic(PASSWORD)] {
        let (_directory, repository) = open(&server.url("platform"), other)?;
        let error = repository.fetch("main").unwrap_err();
        assert!(matches!(error, Error::Authentication { .. }), "{error}");
    }
    let (_directory, repository) = open(&server.url("nothing"), ssh(&key, known_hosts))?;
    let error = repository.fetch("main").unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
    Ok(())
}

#[test]
fn an_encrypted_key_and_other_kinds_of_keys_work() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (_worktree, first) = fill(&repositories, "platform")?;
    let encrypted = DeployKey::generate(Some("open sesame"))?;
    let (rsa, ecdsa) = (DeployKey::generate_kind("rsa", None)?, DeployKey::generate_kind("ecdsa", None)?);
    let server = SshServer::start(&repositories, &[&encrypted, &rsa], &[&ecdsa])?;
    let known_hosts = Some(server.known_hosts()?);
    for (key, passphrase) in [(&encrypted, Some("open sesame")), (&rsa, None), (&ecdsa, None)] {
        let credentials = Credentials::Ssh {
            username: "git".into(),
            identity: key.identity.clone(),
            passphrase: passphrase.map(str::to_owned),
            known_hosts: known_hosts.clone(),
        };
        let (_directory, repository) = open(&server.url("platform"), credentials)?;
        assert_eq!(repository.fetch("main")?.head, first);
    }
    let (_directory, repository) = open(&server.url("platform"), ssh(&encrypted, known_hosts.clone()))?;
    let error = repository.fetch("main").unwrap_err();
    assert!(matches!(error, Error::Authentication { .. }), "no passphrase: {error}");

    let (_directory, repository) = open(&server.url("platform"), ssh(&ecdsa, known_hosts))?;
    let error = repository.commit_and_push("main", &repository.fetch("main")?.head, &[pin("1")], "m", &author());
    let error = error.unwrap_err();
    assert_eq!(error.class(), Class::Config, "a key that may only read: {error}");
    assert!(error.to_string().contains("this key may only read"), "{error}");
    Ok(())
}

#[test]
fn only_a_known_host_is_trusted() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (_worktree, first) = fill(&repositories, "platform")?;
    let key = DeployKey::generate(None)?;
    let server = SshServer::start(&repositories, &[&key], &[])?;
    let fetch = |known_hosts: Option<String>| {
        let (_directory, repository) = open(&server.url("platform"), ssh(&key, known_hosts)).unwrap();
        repository.fetch("main")
    };
    assert_eq!(fetch(Some(server.hashed_known_hosts()?))?.head, first);
    let known = server.known_hosts()?;
    let (host, own) = known.split_once(' ').unwrap();
    let other = DeployKey::generate(None)?.public;
    let rsa = DeployKey::generate_kind("rsa", None)?.public;
    for (known_hosts, words) in [
        (None, "known_hosts is empty"),
        (Some("\n".to_owned()), "known_hosts is empty"),
        (Some(format!("example.com {own}")), "has no key for it"),
        (Some(format!("{host} {other}")), "shows another ssh-ed25519 key"),
        (Some(format!("{host} {rsa}")), "only has ssh-rsa; add what `ssh-keyscan -p"),
        (Some(format!("{known}\n@revoked * {own}")), "revoked"),
    ] {
        let error = fetch(known_hosts).unwrap_err();
        assert!(matches!(error, Error::HostKey { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.class(), Class::Config);
    }
    let accepted = server.log().matches("Accepted publickey").count();
    assert_eq!(accepted, 1, "only the trusted host was shown the key");
    Ok(())
}

#[test]
fn the_checkout_of_a_person_uses_their_credential_helper() -> Result<()> {
    let repositories = Repositories::temporary()?;
    fill(&repositories, "platform")?;
    let server = HttpServer::serve(repositories, HttpOptions { access: Some(access()), ..HttpOptions::default() })?;
    let worktree = Worktree::clone(&server.url_with_credentials("platform"))?;
    worktree.git(&["remote", "set-url", "origin", &server.url("platform")])?;
    let helper = format!("!f() {{ echo username=plumb; echo 'password={PASSWORD}'; }}; f");
    worktree.git(&["config", "credential.helper", &helper])?;
    let repository = Repository::discover(&worktree.path().join("base"))?;
    let head = repository.fetch("main")?.head;
    let pushed = repository.commit_and_push("main", &head, &[pin("1")], "promote", &author())?;
    assert_eq!(worktree.git(&["rev-parse", "origin/main"])?, pushed.as_str());

    worktree.git(&["config", "credential.helper", "!f() { echo username=plumb; echo password=hunter3; }; f"])?;
    let error = Repository::discover(&worktree.path())?.fetch("main").unwrap_err();
    assert!(matches!(error, Error::Authentication { .. }) && !error.to_string().contains("hunter"), "{error}");
    Ok(())
}

#[test]
fn a_hook_that_refuses_is_told_in_its_words() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (_worktree, first) = fill(&repositories, "platform")?;
    repositories.hook("platform", "pre-receive", "#!/bin/sh\necho 'only on weekdays' >&2\nexit 1\n")?;
    let server = HttpServer::serve(repositories, HttpOptions::default())?;
    let (_directory, repository) = open(&server.url("platform"), Credentials::None)?;
    repository.fetch("main")?;
    let error = repository.commit_and_push("main", &first, &[pin("1")], "m", &author()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("pre-receive hook declined"), "{error}");
    assert!(error.to_string().contains("only on weekdays"), "{error}");
    assert_eq!(repository.fetch("main")?.head, first);
    Ok(())
}

#[test]
fn one_of_two_writers_is_rejected_and_tries_again() -> Result<()> {
    let repositories = Repositories::temporary()?;
    let (worktree, _first) = fill(&repositories, "platform")?;
    let server = HttpServer::serve(repositories, HttpOptions::default())?;
    let writers = 3;
    let url = Arc::new(server.url("platform"));
    let threads: Vec<_> = (0..writers)
        .map(|writer| {
            let url = url.clone();
            std::thread::spawn(move || -> Result<()> {
                let (_directory, repository) = open(&url, Credentials::None)?;
                let deadline = Instant::now() + Duration::from_secs(60);
                loop {
                    let head = repository.fetch("main")?.head;
                    let change = FileChange { path: format!("writers/{writer}"), content: Some("x".into()) };
                    match repository.commit_and_push("main", &head, &[change], "write", &author()) {
                        Ok(_) => return Ok(()),
                        Err(Error::Rejected { .. }) if Instant::now() < deadline => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap()?;
    }
    worktree.pull()?;
    assert_eq!(worktree.git(&["ls-files", "writers"])?.lines().count(), writers);
    Ok(())
}

#[tokio::test]
async fn a_push_is_told_to_the_webhook() -> Result<()> {
    use axum::extract::State;
    use axum::http::HeaderMap;
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel::<(HeaderMap, String)>();
    let take = async |State(send): State<tokio::sync::mpsc::UnboundedSender<_>>, headers: HeaderMap, body: String| {
        send.send((headers, body)).ok();
        axum::http::StatusCode::ACCEPTED
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hooks/platform", listener.local_addr()?);
    let router = axum::Router::new().route("/hooks/platform", axum::routing::post(take)).with_state(send);
    let receiver = tokio::spawn(async move { axum::serve(listener, router).await });

    let hook = Hook { url: Setting::Value(url), token: Setting::Value("secret".into()) };
    let repositories = Repositories::temporary()?;
    let (worktree, first) = fill(&repositories, "platform")?;
    let server = HttpServer::serve(repositories, HttpOptions { hook: Some(hook), ..HttpOptions::default() })?;
    worktree.git(&["remote", "set-url", "origin", &server.url("platform")])?;
    let second = worktree.push_files("second", &[("a.yaml", "a: 2\n")])?;

    let (headers, body) = tokio::time::timeout(Duration::from_secs(30), receive.recv()).await?.unwrap();
    let event: serde_json::Value = serde_json::from_str(&body)?;
    assert_eq!((event["ref"].as_str(), event["before"].as_str()), (Some("refs/heads/main"), Some(first.as_str())));
    assert_eq!(event["after"], second.as_str());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret")?;
    mac.update(body.as_bytes());
    assert_eq!(headers["x-hub-signature-256"], format!("sha256={}", hex::encode(mac.finalize().into_bytes())));
    receiver.abort();
    Ok(())
}

#[test]
fn what_answers_is_no_git_server() -> Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/a", listener.local_addr()?);
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            // Whatever part of the request has come is enough to answer.
            let _ = stream.read(&mut request);
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    let (_directory, repository) = open(&url, Credentials::None)?;
    let error = repository.fetch("main").unwrap_err();
    assert!(error.to_string().contains("no git server"), "{error}");
    assert_eq!(error.class(), Class::Config);
    Ok(())
}
