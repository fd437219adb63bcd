//! The processes of a local cluster: starting, finding and stopping them.
//!
//! A process is found by what it runs (a program of `e2e/cluster/bin` with a file of the run directory on its command line), not by a
//! file with its id: such a file is missing when a launcher was killed between the start and the write, and wrong when the id was given to another process.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::component::{Component, Ports};
use super::layout::Layout;

/// How long a component may take to end by itself. The API server lets requests that are under way finish.
const GRACE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// Starts a component in a process group of its own, so that Ctrl-C in the terminal reaches the launcher alone and
/// the components stop in order.
pub(super) fn spawn(component: Component, layout: &Layout, ports: &Ports) -> Result<Child> {
    let path = layout.log(component);
    let log = fs::File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    Command::new(layout.binary(component.binary()))
        .args(component.arguments(layout, ports))
        .current_dir(layout.run())
        .env_remove("KUBECONFIG")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .with_context(|| format!("can't start {}", layout.binary(component.binary()).display()))
}

/// The running processes of the cluster. One that has ended but was not yet waited for has no command line any more and is not among them.
pub(super) fn find(layout: &Layout) -> Result<Vec<(Component, Pid)>> {
    let run = format!("{}/", layout.run().display());
    let mut found = Vec::new();
    for entry in
        fs::read_dir("/proc").context("a local cluster needs Linux's /proc; elsewhere set KUBECONFIG to kind or k3d")?
    {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while this reads.
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split('\0');
        let program = words.next().unwrap_or_default();
        let component =
            Component::ALL.into_iter().find(|component| layout.binary(component.binary()).to_str() == Some(program));
        if let Some(component) = component
            && words.any(|word| word.contains(&run))
        {
            found.push((component, Pid::from_raw(pid)));
        }
    }
    found.sort();
    Ok(found)
}

/// Stops the processes of the cluster, the last started first, and waits for each: first SIGTERM, after a while SIGKILL.
/// With `only`, those that are among these ids. Says how many there were.
pub(super) fn stop(layout: &Layout, only: Option<&[Pid]>) -> Result<usize> {
    let mut stopped = 0;
    // The controller-manager and the scheduler don't know each other: they may go at the same time.
    let steps: [&[Component]; 4] = [
        &[Component::Kwok],
        &[Component::Scheduler, Component::ControllerManager],
        &[Component::ApiServer],
        &[Component::Etcd],
    ];
    for step in steps {
        let running = || -> Result<Vec<Pid>> {
            let mut found = find(layout)?;
            found.retain(|(component, pid)| step.contains(component) && only.is_none_or(|only| only.contains(pid)));
            Ok(found.into_iter().map(|(_, pid)| pid).collect())
        };
        let first = running()?;
        stopped += first.len();
        for (signal, grace) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, GRACE)] {
            for pid in running()? {
                match kill(pid, signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => bail!("can't stop process {pid} ({step:?}): {error}"),
                }
            }
            let end = Instant::now() + grace;
            while !running()?.is_empty() && Instant::now() < end {
                std::thread::sleep(POLL);
            }
        }
        let left = running()?;
        if !left.is_empty() {
            bail!("processes {left:?} ({step:?}) don't end, even after SIGKILL");
        }
    }
    Ok(stopped)
}
