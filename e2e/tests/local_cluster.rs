//! `e2e local-cluster` leaves no process, however it ends.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A cluster of one test, which is stopped in the end also when the test fails.
struct Cluster(&'static str);

impl Cluster {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_e2e"));
        command.arg("local-cluster").args(words).args(["--name", self.0]).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        let output = self.command(words).output()?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output)
    }

    /// Begins to start it, and goes on when stderr shows `line`.
    fn start_until(&self, words: &[&str], line: &str) -> Result<Started> {
        let mut child = self.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut progress = BufReader::new(child.stderr.take().context("no stderr")?);
        let mut seen = String::new();
        while !seen.contains(line) {
            ensure!(progress.read_line(&mut seen)? > 0, "it ended before {line:?}: {seen}");
        }
        let rest = thread::spawn(move || {
            let mut rest = String::new();
            progress.read_to_string(&mut rest).map(|_| rest)
        });
        Ok(Started { child, rest })
    }

    /// The ids and command lines of its processes.
    fn processes(&self) -> Vec<(i32, String)> {
        let run = format!("/e2e/cluster/run/{}/", self.0);
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
        let read = |id: i32| Some((id, fs::read(format!("/proc/{id}/cmdline")).ok()?));
        let lines = ids.filter_map(read).map(|(id, line)| (id, String::from_utf8_lossy(&line).replace('\0', " ")));
        lines.filter(|(_, line)| line.contains(&run)).collect()
    }

    fn assert_stopped(&self, when: &str) {
        assert_eq!(self.processes(), Vec::new(), "{when}");
    }
}

/// A launcher at work.
struct Started {
    child: Child,
    /// What it prints to stderr from then on.
    rest: JoinHandle<io::Result<String>>,
}

impl Started {
    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }

    /// Its exit code, and what it still said.
    fn wait(mut self) -> Result<(Option<i32>, String)> {
        let status = self.child.wait()?;
        let rest = self.rest.join().map_err(|_| anyhow!("the reader of stderr panicked"))??;
        Ok((status.code(), rest))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.run(&["down"]) {
            eprintln!("{error:#}");
        }
    }
}

#[test]
fn up_and_down_do_nothing_the_second_time() -> Result<()> {
    let cluster = Cluster("test-twice");
    let first = cluster.run(&["up", "--nodes", "1"])?;
    let processes = cluster.processes();
    assert_eq!(processes.len(), 5, "{processes:#?}");
    for (_, line) in processes {
        assert!(!line.contains("insecure") && !line.contains("AlwaysAllow"), "{line}");
    }

    let second = cluster.run(&["up"])?;
    assert_eq!(first.stdout, second.stdout);
    let variables = String::from_utf8(cluster.run(&["env"])?.stdout)?;
    assert_eq!(first.stdout, variables.as_bytes());
    assert!(variables.starts_with("export KUBECONFIG='/"), "{variables}");
    assert!(variables.contains("\nexport PLUMB_E2E_AUDIT_LOG='/"), "{variables}");
    let said = String::from_utf8(second.stderr)?;
    assert!(said.contains("already running"), "{said}");

    cluster.run(&["down"])?;
    cluster.assert_stopped("down");
    let said = String::from_utf8(cluster.run(&["down"])?.stderr)?;
    assert!(said.contains("is not running"), "{said}");
    assert!(!cluster.command(&["env"]).output()?.status.success());
    Ok(())
}

#[test]
fn an_interrupted_start_leaves_no_process() -> Result<()> {
    let cluster = Cluster("test-interrupted");
    for (line, signal, code) in [("starting etcd", Signal::SIGINT, 130), ("starting the con", Signal::SIGTERM, 143)] {
        let started = cluster.start_until(&["up"], line)?;
        started.signal(signal)?;
        let (ended, said) = started.wait()?;
        assert_eq!(ended, Some(code), "{signal} at {line:?}: {said}");
        cluster.assert_stopped(&format!("{signal} at {line:?}"));
    }
    Ok(())
}

#[test]
fn a_killed_start_is_cleared_by_down_and_by_up() -> Result<()> {
    let cluster = Cluster("test-killed");
    let kill = || -> Result<()> {
        let started = cluster.start_until(&["up"], "starting the con")?;
        started.signal(Signal::SIGKILL)?;
        started.wait()?;
        assert!(!cluster.processes().is_empty(), "they were to outlive their launcher");
        Ok(())
    };
    kill()?;
    cluster.run(&["down"])?;
    cluster.assert_stopped("down after a kill");

    kill()?;
    let said = String::from_utf8(cluster.run(&["up"])?.stderr)?;
    assert!(said.contains("stopped what was left") && said.contains("is ready"), "{said}");
    assert_eq!(cluster.processes().len(), 5);
    Ok(())
}

#[test]
fn the_end_of_a_component_ends_the_foreground_and_shows_its_log() -> Result<()> {
    let cluster = Cluster("test-failing");
    let started = cluster.start_until(&["up", "--foreground"], "Ctrl-C stops it")?;
    let etcd = cluster.processes().into_iter().find(|(_, line)| line.contains("/etcd --name"));
    let (etcd, _) = etcd.context("etcd is not running")?;
    kill(Pid::from_raw(etcd), Signal::SIGKILL)?;
    let (ended, said) = started.wait()?;
    assert_eq!(ended, Some(1), "{said}");
    assert!(said.contains("error: etcd ended (signal: 9 (SIGKILL)); the end of /"), "{said}");
    cluster.assert_stopped("etcd was killed");
    Ok(())
}
