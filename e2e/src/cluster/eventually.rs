//! Waiting for a condition, with a deadline.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Asks `probe` until it returns `Ok`, and gives that value. An `Err` means "not yet" and says what was seen; the last one is in the
/// error that this returns when `deadline` has passed. It asks often at first, then up to twice a second.
///
/// `description` completes the sentence "waiting for …".
pub async fn eventually<T>(
    deadline: Duration,
    description: &str,
    mut probe: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    let mut pause = FIRST_PAUSE;
    let mut seen = None;
    loop {
        match timeout_at(end, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(not_yet)) => seen = Some(format!("{not_yet:#}")),
            Err(_) => seen = Some(seen.unwrap_or_else(|| "no answer to the first question".to_owned())),
        }
        if Instant::now() + pause >= end {
            let seen = seen.unwrap_or_default();
            bail!("{deadline:?} passed waiting for {description}; last seen: {seen}");
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[tokio::test]
    async fn gives_the_value_of_the_first_success() {
        let mut asked = 0;
        let value = eventually(Duration::from_secs(10), "three", async || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err(anyhow!("{asked}")) }
        })
        .await;
        assert_eq!(value.unwrap(), 3);
    }

    #[tokio::test]
    async fn tells_what_it_last_saw() {
        let error = eventually(Duration::from_millis(50), "the moon", async || Err::<(), _>(anyhow!("2 of 3"))).await;
        assert_eq!(error.unwrap_err().to_string(), "50ms passed waiting for the moon; last seen: 2 of 3");
    }

    #[tokio::test]
    async fn a_question_without_an_answer_ends_at_the_deadline() {
        let error =
            eventually(Duration::from_millis(50), "an answer", async || std::future::pending::<Result<()>>().await)
                .await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "50ms passed waiting for an answer; last seen: no answer to the first question"
        );
    }
}
