//! OpenSSH's `sshd` with deploy keys.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::port::{self, Running};
use super::{Repositories, git};

/// A key pair that no person has.
pub struct DeployKey {
    /// The private key, as `ssh-keygen` writes it.
    pub identity: String,
    /// The public key, one line.
    pub public: String,
}

impl DeployKey {
    /// Makes an Ed25519 key, encrypted if there is a passphrase.
    pub fn generate(passphrase: Option<&str>) -> Result<Self> {
        Self::generate_kind("ed25519", passphrase)
    }

    /// Makes a key of a kind that `ssh-keygen -t` knows.
    pub fn generate_kind(kind: &str, passphrase: Option<&str>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("key");
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", kind, "-N", passphrase.unwrap_or_default(), "-C", "plumb", "-f"]).arg(&path);
        git::run(&mut command).context("deploy keys need ssh-keygen: apt-get install openssh-client")?;
        let public = fs::read_to_string(path.with_extension("pub"))?.trim().to_owned();
        Ok(Self { identity: fs::read_to_string(&path)?, public })
    }
}

/// A running `sshd` that lets the user who runs the tests in, with these keys only, and only for git.
pub struct SshServer {
    running: Running,
    repositories: Repositories,
    directory: TempDir,
    user: String,
}

impl SshServer {
    /// Starts it on a free port: `writers` may fetch and push, `readers` may fetch.
    pub fn start(repositories: &Repositories, writers: &[&DeployKey], readers: &[&DeployKey]) -> Result<Self> {
        let program = find_sshd()?;
        let directory = tempfile::Builder::new().prefix("plumb-sshd-").tempdir()?;
        let path = directory.path();
        let user = git::run(Command::new("id").arg("-un"))?;
        if git::run(Command::new("id").arg("-u"))? == "0" {
            // sshd's own service makes this directory; without it, sshd does not start as root.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut keygen = Command::new("ssh-keygen");
        git::run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "host", "-f"]).arg(path.join("host")))?;

        let mut keys = String::new();
        for (key, services) in [(writers, "git-upload-pack*|git-receive-pack*"), (readers, "git-upload-pack*")]
            .into_iter()
            .flat_map(|(keys, services)| keys.iter().map(move |key| (key, services)))
        {
            let gate = path.join(if services.contains("receive") { "write" } else { "read" });
            let script = format!(
                "#!/bin/sh\nexport GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null\ncase \"$SSH_ORIGINAL_COMMAND\" in\n{services}) exec git shell -c \"$SSH_ORIGINAL_COMMAND\";;\nesac\necho 'this key may only read' >&2\nexit 1\n"
            );
            fs::write(&gate, script)?;
            writeln!(keys, "restrict,command=\"/bin/sh {}\" {}", gate.display(), key.public)?;
        }
        fs::write(path.join("authorized_keys"), keys)?;

        let log = path.join("log");
        let spawn = |port: u16| {
            let configuration = path.join("sshd_config");
            fs::write(&configuration, configure(path, port))?;
            let mut command = Command::new(&program);
            command.args(["-D", "-e", "-f"]).arg(&configuration);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
            command.spawn().with_context(|| format!("can't start {}", program.display()))
        };
        let running = port::start(spawn, || fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Self { running, repositories: repositories.clone(), directory, user })
    }

    /// The URL of a repository.
    pub fn url(&self, name: &str) -> String {
        let path = self.repositories.repository(name);
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.running.port, path.display())
    }

    /// The line for `known_hosts`.
    pub fn known_hosts(&self) -> Result<String> {
        let key = fs::read_to_string(self.directory.path().join("host.pub"))?;
        Ok(format!("[127.0.0.1]:{} {key}", self.running.port))
    }

    /// The same line with the host name hashed, as `ssh-keygen -H` and Debian's ssh write it.
    pub fn hashed_known_hosts(&self) -> Result<String> {
        let path = self.directory.path().join("known_hosts");
        fs::write(&path, self.known_hosts()?)?;
        git::run(Command::new("ssh-keygen").arg("-H").arg("-f").arg(&path))?;
        Ok(fs::read_to_string(&path)?)
    }

    /// What it serves.
    pub fn repositories(&self) -> &Repositories {
        &self.repositories
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

fn find_sshd() -> Result<PathBuf> {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd"];
    match places.iter().map(PathBuf::from).find(|path| path.exists()) {
        Some(path) => Ok(path),
        None => bail!("sshd is not installed: apt-get install openssh-server"),
    }
}

fn configure(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".into(),
        format!("HostKey {directory}/host"),
        format!("AuthorizedKeysFile {directory}/authorized_keys"),
        "PidFile none".into(),
        // Temporary directories are not owned as sshd wants it of a home.
        "StrictModes no".into(),
        "UsePAM no".into(),
        "PubkeyAuthentication yes".into(),
        "PasswordAuthentication no".into(),
        "KbdInteractiveAuthentication no".into(),
        "PermitRootLogin prohibit-password".into(),
        // Tests that run at the same time may open many connections at once.
        "MaxStartups 100".into(),
        "AcceptEnv GIT_PROTOCOL".into(),
        "LogLevel VERBOSE".into(),
        String::new(),
    ]
    .join("\n")
}
