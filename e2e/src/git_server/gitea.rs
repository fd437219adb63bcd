//! Gitea: a forge with accounts, pull requests and webhooks, on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::git;
use super::port::{self, Running};
use crate::cluster::Layout;

/// How long a request may take; the first ones compile templates.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Gitea with an administrator, all in a temporary directory. It is killed with this value.
pub struct Gitea {
    running: Running,
    directory: TempDir,
    administrator: User,
}

/// An account.
#[derive(Clone)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its token, which may do all that the account may, and serves git as a password.
    pub token: String,
}

impl Gitea {
    /// Starts it on a free port.
    pub fn start() -> Result<Self> {
        let layout = Layout::new("tools")?;
        let (program, pages) = (layout.binary("gitea"), layout.binary("gitea-pages"));
        ensure!(program.is_file(), "{} is not there: run e2e/cluster/build.sh gitea", program.display());
        let directory = tempfile::Builder::new().prefix("plumb-gitea-").tempdir()?;
        let home = directory.path().to_owned();
        let log = home.join("log");
        let spawn = |port: u16| {
            fs::write(home.join("app.ini"), configuration(&home, &pages, port))?;
            let output = fs::File::create(&log)?;
            let mut command = command(&program, &home);
            command.arg("web").stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
            command.spawn().with_context(|| format!("can't start {}", program.display()))
        };
        let running = port::start(spawn, || fs::read_to_string(&log).unwrap_or_default())?;
        let administrator = create_user(&program, &home, "root-user", true)?;
        Ok(Self { running, directory, administrator })
    }

    /// Where its pages are, such as `http://127.0.0.1:3000`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }

    /// The URL that git clones a repository of the administrator's from, without credentials.
    pub fn clone_url(&self, repository: &str) -> String {
        format!("{}/{}/{repository}.git", self.url(), self.administrator.name)
    }

    /// The same with the credentials of an account.
    pub fn clone_url_as(&self, user: &User, repository: &str) -> String {
        let authority = format!("http://{}:{}@127.0.0.1:{}", user.name, user.token, self.running.port);
        format!("{authority}/{}/{repository}.git", self.administrator.name)
    }

    /// The account that owns the repositories.
    pub fn administrator(&self) -> &User {
        &self.administrator
    }

    /// Makes an account that may push to a repository of the administrator's.
    pub fn collaborator(&self, name: &str, repository: &str) -> Result<User> {
        let user = create_user(&Layout::new("tools")?.binary("gitea"), self.directory.path(), name, false)?;
        let path = format!("repos/{}/{repository}/collaborators/{name}", self.administrator.name);
        self.call(&self.administrator, "PUT", &path, &json!({"permission": "write"}))?;
        Ok(user)
    }

    /// Makes an empty repository of the administrator's.
    pub fn create_repository(&self, name: &str) -> Result<()> {
        let body = json!({"name": name, "default_branch": "main", "private": true});
        self.call(&self.administrator, "POST", "user/repos", &body).map(drop)
    }

    /// Lets a repository of the administrator's announce all that happens in it.
    pub fn create_webhook(&self, repository: &str, url: &str, token: &str) -> Result<()> {
        let events =
            ["push", "pull_request", "pull_request_label", "pull_request_review_approved", "pull_request_sync"];
        let body = json!({
            "type": "gitea", "active": true, "events": events,
            "config": {"url": url, "content_type": "json", "secret": token},
        });
        let path = format!("repos/{}/{repository}/hooks", self.administrator.name);
        self.call(&self.administrator, "POST", &path, &body).map(drop)
    }

    /// Sends a request to the API in somebody's name, and gives the answer.
    pub fn call(&self, user: &User, method: &str, path: &str, body: &Value) -> Result<Value> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1/{path}", self.url()))
            .header("Authorization", format!("token {}", user.token))
            .header("Content-Type", "application/json");
        let mut answer =
            if method == "GET" { agent.run(request.body(())?)? } else { agent.run(request.body(body.to_string())?)? };
        let text = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "{method} {path} was answered with {}: {text}", answer.status());
        if text.trim().is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    /// A path of the API below a repository of the administrator's.
    pub fn path(&self, repository: &str, rest: &str) -> String {
        format!("repos/{}/{repository}/{rest}", self.administrator.name)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// A command of Gitea with nobody's configuration. A test may run as root, in a container; Gitea wants to be told that this is meant.
fn command(program: &PathBuf, home: &Path) -> Command {
    let mut command = git::command(program, home);
    // Gitea writes git's global configuration, below its own home. Where another file is named, that one is replaced, be it a device.
    command.env_remove("GIT_CONFIG_GLOBAL");
    command.env("GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true").env("GITEA_WORK_DIR", home);
    command.arg("--config").arg(home.join("app.ini"));
    command
}

fn create_user(program: &PathBuf, home: &Path, name: &str, administrator: bool) -> Result<User> {
    let mut create = command(program, home);
    create.args(["admin", "user", "create", "--username", name, "--email", &format!("{name}@example.com")]);
    create.args([
        "--random-password",
        "--must-change-password=false",
        "--access-token",
        "--access-token-scopes",
        "all",
    ]);
    if administrator {
        create.arg("--admin");
    }
    let said = git::run(&mut create)?;
    // "Access token was successfully created... 0123…"
    let token =
        said.split_whitespace().find(|word| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match token {
        Some(token) => Ok(User { name: name.to_owned(), token: token.to_owned() }),
        None => bail!("gitea made the account {name} and named no token: {said}"),
    }
}

/// Everything local, nothing that reaches out, and hooks to loopback only.
fn configuration(home: &Path, pages: &Path, port: u16) -> String {
    let (home, pages) = (home.display(), pages.display());
    format!(
        "APP_NAME = Forge of a test
RUN_MODE = prod
WORK_PATH = {home}

[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {pages}
APP_DATA_PATH = {home}/data
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
PATH = {home}/gitea.db
SQLITE_JOURNAL_MODE = WAL

[repository]
ROOT = {home}/repositories
DEFAULT_BRANCH = main

[security]
INSTALL_LOCK = true
SECRET_KEY = only-for-this-test
PASSWORD_HASH_ALGO = pbkdf2$1$4

[service]
DISABLE_REGISTRATION = true
REQUIRE_SIGNIN_VIEW = false

[webhook]
ALLOWED_HOST_LIST = loopback

[indexer]
ISSUE_INDEXER_TYPE = db

[actions]
ENABLED = false

[packages]
ENABLED = false

[cron]
ENABLED = false

[session]
PROVIDER = memory

[log]
MODE = console
LEVEL = Warn
"
    )
}
