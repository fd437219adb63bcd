//! A program that runs in an environment of its own, for a while.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::Stdio,
    time::Duration,
};

use plumb_kustomize::FetchError;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStdin, Command},
};

/// A program that takes longer is ended.
const TOTAL: Duration = Duration::from_mins(5);

/// So much of what it says on standard error is told.
const MOST_SAID: usize = 4 << 10;

/// What to run.
#[derive(Debug)]
pub(super) struct Run<'r> {
    pub(super) program: &'r OsStr,
    pub(super) arguments: &'r [OsString],
    /// All of the environment.
    pub(super) environment: &'r BTreeMap<OsString, OsString>,
    /// Where it runs, if it matters.
    pub(super) directory: Option<&'r Path>,
    pub(super) input: &'r [u8],
    /// It may print so many bytes.
    pub(super) most: usize,
    /// What a person can do when there is no such program.
    pub(super) hint: &'r str,
}

/// Runs a program, and gives what it prints.
///
/// # Errors
/// When it can't be started, fails, prints too much, or does not end.
pub(super) fn run(what: &Run<'_>) -> Result<Vec<u8>, FetchError> {
    // The caller may be in a runtime already, where no other may block.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime =
                runtime.map_err(|error| FetchError::unreachable(format!("no process can be run: {error}")))?;
            runtime.block_on(async {
                let ended = tokio::time::timeout(TOTAL, end(what)).await;
                ended.unwrap_or_else(|_| {
                    let program = what.program.display();
                    Err(FetchError::unreachable(format!("{program} did not end in {} s", TOTAL.as_secs())))
                })
            })
        });
        let program = what.program.display();
        thread.join().unwrap_or_else(|_| Err(FetchError::unreachable(format!("{program} could not be waited for"))))
    })
}

async fn end(what: &Run<'_>) -> Result<Vec<u8>, FetchError> {
    let program = what.program.display();
    let mut command = Command::new(what.program);
    command.args(what.arguments).env_clear().envs(what.environment).kill_on_drop(true);
    if let Some(directory) = what.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::NotFound { what.hint } else { "" };
        FetchError::refused(format!("{program} can't be started: {error}{hint}"))
    })?;
    let broken = |error: io::Error| FetchError::unreachable(format!("{program} can't be read: {error}"));
    let (input, printed, said) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let streams = tokio::try_join!(give(input, what.input), head(printed, what.most), head(said, MOST_SAID));
    let ((), printed, said) = streams.map_err(broken)?;
    if printed.len() > what.most {
        return Err(FetchError::refused(format!("{program} prints more than {} bytes", what.most)));
    }
    let status = child.wait().await.map_err(broken)?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        let why = if said.trim().is_empty() { status.to_string() } else { said.trim().to_owned() };
        return Err(FetchError::refused(format!("{program} failed: {why}")));
    }
    Ok(printed)
}

/// Gives a program what it reads. It need not read all.
async fn give(stream: Option<ChildStdin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    match stream.write_all(input).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Reads all, and keeps at most so many bytes and one more. More than that ends the read of what is kept whole.
async fn head(stream: Option<impl AsyncRead + Unpin>, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(mut stream) = stream else { return Ok(bytes) };
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(bytes);
        }
        let room = most.saturating_add(1).saturating_sub(bytes.len()).min(count);
        bytes.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
}
