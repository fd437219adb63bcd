//! A program that runs in an environment of its own, for a while.

use std::{collections::BTreeMap, ffi::OsString, io, process::Stdio, time::Duration};

use plumb_kustomize::FetchError;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

/// A program that takes longer is ended.
const TOTAL: Duration = Duration::from_mins(5);

/// So much of what it says on standard error is told.
const MOST_SAID: usize = 4 << 10;

/// Runs a program, and gives what it prints.
///
/// # Errors
/// When it can't be started, fails, prints more than `most` bytes, or does not end.
pub(super) fn run(
    program: &str,
    arguments: &[OsString],
    environment: &BTreeMap<String, OsString>,
    most: usize,
) -> Result<Vec<u8>, FetchError> {
    // The caller may be in a runtime already, where no other may block.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime =
                runtime.map_err(|error| FetchError::unreachable(format!("no process can be run: {error}")))?;
            runtime.block_on(async {
                let ended = tokio::time::timeout(TOTAL, end(program, arguments, environment, most)).await;
                ended.unwrap_or_else(|_| {
                    Err(FetchError::unreachable(format!("{program} did not end in {} s", TOTAL.as_secs())))
                })
            })
        });
        thread.join().unwrap_or_else(|_| Err(FetchError::unreachable(format!("{program} could not be waited for"))))
    })
}

async fn end(
    program: &str,
    arguments: &[OsString],
    environment: &BTreeMap<String, OsString>,
    most: usize,
) -> Result<Vec<u8>, FetchError> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "; install it, or name it with --helm-command",
            _ => "",
        };
        FetchError::refused(format!("{program} can't be started: {error}{hint}"))
    })?;
    let broken = |error: io::Error| FetchError::unreachable(format!("{program} can't be read: {error}"));
    let (printed, said) =
        tokio::try_join!(head(child.stdout.take(), most), head(child.stderr.take(), MOST_SAID)).map_err(broken)?;
    if printed.len() > most {
        return Err(FetchError::refused(format!("{program} prints more than {most} bytes")));
    }
    let status = child.wait().await.map_err(broken)?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        return Err(FetchError::refused(format!("{program} failed: {}", said.trim())));
    }
    Ok(printed)
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
