//! Ports on loopback for programs that can't be told to take any.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(10);

/// A server that runs as a process; it is killed, by its id, with this value.
pub(super) struct Running {
    child: Child,
    pub(super) port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts a server on a free port and waits until it accepts connections. Another process may take the port first, so it is
/// tried a few times.
pub(super) fn start(mut spawn: impl FnMut(u16) -> Result<Child>, log: impl Fn() -> String) -> Result<Running> {
    for _ in 0..5 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut running = Running { child: spawn(port)?, port };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if running.child.try_wait()?.is_some() {
                break;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(running);
            }
            if Instant::now() > deadline {
                bail!("the server did not accept connections in time:\n{}", log());
            }
            std::thread::sleep(POLL);
        }
    }
    bail!("the server ended at once:\n{}", log())
}
