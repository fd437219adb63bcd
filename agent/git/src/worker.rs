//! Network calls that can be given up.
//!
//! libgit2 waits for a silent server without end, and its timeouts are process-wide settings behind `unsafe`. So each network
//! call runs on a thread of its own that reports its progress; when none comes, the caller goes on without it. A thread that
//! was left behind only ever adds objects to the store: references are moved by the caller.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;

/// Shows that a network call goes on.
#[derive(Clone)]
pub(crate) struct Pulse(Arc<State>);

struct State {
    last: Mutex<Instant>,
    /// [`RUNNING`], [`ENDED`] or [`LEFT`]; whoever comes second sees what the first one did.
    stage: AtomicU8,
}

const RUNNING: u8 = 0;
const ENDED: u8 = 1;
const LEFT: u8 = 2;

/// Marks the end of a call, however it ends.
struct End {
    pulse: Pulse,
    left_behind: Arc<AtomicU32>,
}

impl Drop for End {
    fn drop(&mut self) {
        if self.pulse.0.stage.swap(ENDED, Ordering::AcqRel) == LEFT {
            self.left_behind.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Arc::new(State { last: Mutex::new(Instant::now()), stage: AtomicU8::new(RUNNING) }))
    }

    /// Tells that something came from the server. `false` when the call shall end.
    pub(crate) fn beat(&self) -> bool {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.stage.load(Ordering::Acquire) == RUNNING
    }

    fn silent_for(&self) -> Duration {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// The network calls of one repository.
#[derive(Default)]
pub(crate) struct Workers {
    left_behind: Arc<AtomicU32>,
    last: Mutex<Option<Instant>>,
}

impl Workers {
    /// Runs `job` until it ends, is silent for `silence`, or takes longer than `total`.
    ///
    /// # Errors
    /// What `job` returns, or [`Error::Timeout`].
    pub(crate) fn run<T: Send + 'static>(
        &self,
        url: &str,
        silence: Duration,
        total: Duration,
        job: impl FnOnce(&Pulse) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let timeout = |waited: Duration| Error::Timeout { url: url.to_owned(), seconds: waited.as_secs() };
        let hanging = self.left_behind.load(Ordering::Relaxed);
        let since = self.last.lock().unwrap_or_else(PoisonError::into_inner).map(|last| last.elapsed());
        // The more calls hang, the rarer the next one, so that a server which never answers does not fill the process with threads.
        if since.is_some_and(|since| since < silence.saturating_mul(hanging)) {
            return Err(timeout(silence));
        }

        let pulse = Pulse::new();
        let (done, result) = mpsc::sync_channel(1);
        let end = End { pulse: pulse.clone(), left_behind: self.left_behind.clone() };
        let thread = std::thread::Builder::new().name("git".into()).spawn(move || {
            // Nobody takes the result of a call that was given up.
            done.send(job(&end.pulse)).ok();
        });
        thread.map_err(|error| Error::internal(format!("no thread can be started: {error}")))?;

        let start = Instant::now();
        loop {
            let left = silence.saturating_sub(pulse.silent_for()).min(total.saturating_sub(start.elapsed()));
            match result.recv_timeout(left.max(Duration::from_millis(1))) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Disconnected) => return Err(Error::internal("a network call ended early")),
                Err(RecvTimeoutError::Timeout) if pulse.silent_for() < silence && start.elapsed() < total => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.left_behind.fetch_add(1, Ordering::Relaxed);
                    if pulse.0.stage.swap(LEFT, Ordering::AcqRel) == ENDED {
                        self.left_behind.fetch_sub(1, Ordering::Relaxed);
                        return result
                            .try_recv()
                            .unwrap_or_else(|_| Err(Error::internal("a network call ended early")));
                    }
                    *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    return Err(timeout(if start.elapsed() < total { silence } else { total }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn the_result_comes_back() {
        assert_eq!(Workers::default().run("x", LONG, LONG, |_| Ok(1)).unwrap(), 1);
        assert!(matches!(
            Workers::default().run("x", LONG, LONG, |_| Err::<(), _>(Error::internal("no"))),
            Err(Error::Internal { .. })
        ));
    }

    #[test]
    fn a_silent_call_is_given_up_and_ends_when_it_wakes() {
        let workers = Workers::default();
        let (wake, sleep) = mpsc::channel::<()>();
        let (told, tell) = mpsc::channel();
        let job = move |pulse: &Pulse| {
            sleep.recv().ok();
            told.send(pulse.beat()).ok();
            Ok(())
        };
        let error = workers.run("host/a", SHORT, LONG, job).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        assert_eq!(workers.left_behind.load(Ordering::Relaxed), 1);
        wake.send(()).unwrap();
        assert!(!tell.recv().unwrap(), "a call that was given up is told to end");
        let deadline = Instant::now() + LONG;
        while workers.left_behind.load(Ordering::Relaxed) > 0 {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(workers.run("host/a", LONG, LONG, |_| Ok(())).is_ok());
    }

    #[test]
    fn hanging_calls_make_the_next_one_wait() {
        let workers = Workers::default();
        workers.left_behind.store(1, Ordering::Relaxed);
        *workers.last.lock().unwrap() = Some(Instant::now());
        assert!(matches!(workers.run("x", LONG, LONG, |_| Ok(())), Err(Error::Timeout { .. })));
    }

    #[test]
    fn progress_keeps_a_call_alive_until_the_total() {
        let busy = |pulse: &Pulse| {
            while pulse.beat() {
                std::thread::yield_now();
            }
            Ok(())
        };
        let start = Instant::now();
        let error = Workers::default().run("x", LONG, Duration::from_millis(50), busy).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }) && start.elapsed() < LONG);
    }
}
