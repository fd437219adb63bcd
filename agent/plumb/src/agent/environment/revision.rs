//! Which revision shall run.

use plumb_api::Reason;
use plumb_delivery::pin::{self, Pin, Strategy};
use plumb_git::CommitId;

use super::{Worker, reconcile::Outcome};
use crate::agent::board::Head;

impl Worker {
    /// The revision that shall run, the head or what the pin says, and why it is held there, if it is.
    pub(super) async fn wanted(&self, head: &Head) -> Result<(CommitId, Option<String>), Outcome> {
        let Some(promotion) = &self.environment.spec.promotion else {
            return Ok((head.revision.clone(), None));
        };
        let file = pin::path(&self.environment.spec.path);
        if !promotion.is_pinned() {
            return Ok((head.revision.clone(), held(head, &file).await));
        }
        // A pin that was not touched says what it said.
        if let Some((at, revision, hold)) = &self.pinned
            && (*at == head.revision || head.changed_since(at).is_some_and(|paths| !paths.contains(&file)))
        {
            return Ok((revision.clone(), hold.clone()));
        }
        let (git, revision, path) = (head.git.clone(), head.revision.clone(), file.clone());
        let read = tokio::task::spawn_blocking(move || git.tree(&revision)?.read(&path)).await;
        let text = match read {
            Ok(Ok(Some(text))) => text,
            Ok(Ok(None)) => {
                let name = &self.key.name;
                let from = if promotion.from.is_empty() {
                    String::new()
                } else {
                    format!(" that is healthy in {}", promotion.from.join(", "))
                };
                let message = format!(
                    "nothing is promoted to {name} yet, so nothing is applied; push a commit with the trailer 'Promote-To: {name}', or run 'plumb promote {name}', with a revision{from}"
                );
                return Err(Outcome::config(Reason::NotPromoted, message));
            }
            Ok(Err(error)) => return Err(Outcome::transient(Reason::PinInvalid, format!("{file}: {error}"))),
            Err(error) => {
                return Err(Outcome::transient(Reason::PinInvalid, format!("{file}: reading ended early: {error}")));
            }
        };
        let Pin { revision, hold, strategy, .. } =
            pin::parse(&text, &file).map_err(|error| Outcome::config(Reason::PinInvalid, error.to_string()))?;
        if strategy != Strategy::Tree {
            let message = format!(
                "{file}: the pin was written by the strategy Fields and names the revision of values, not one to run; what runs stays as it is until a revision is promoted, or until somebody takes the line 'strategy: Fields' out"
            );
            return Err(Outcome::config(Reason::PinInvalid, message));
        }
        let (git, wanted) = (head.git.clone(), revision.clone());
        match tokio::task::spawn_blocking(move || git.resolve(&wanted)).await {
            Ok(Ok(revision)) => Ok((revision, hold.map(|hold| hold.reason))),
            Ok(Err(error)) => Err(Outcome::config(
                Reason::PinInvalid,
                format!(
                    "{file}: the pin names revision {revision}, which is not a commit of this repository ({error}); what runs stays as it is. Correct the pin, or revert the commit that moved it"
                ),
            )),
            Err(error) => Err(Outcome::transient(Reason::PinInvalid, format!("{file}: {error}"))),
        }
    }
}

/// Why an environment that follows the head takes no promotion, if it takes none.
async fn held(head: &Head, file: &str) -> Option<String> {
    let (git, revision, file) = (head.git.clone(), head.revision.clone(), file.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let text = git.tree(&revision).and_then(|tree| tree.read(&file)).map_err(|error| error.to_string())?;
        let pin = text.map(|text| pin::parse(&text, &file)).transpose().map_err(|error| error.to_string())?;
        Ok(pin.and_then(|pin| pin.hold).map(|hold| hold.reason))
    });
    let read = read.await.unwrap_or_else(|error| Err(format!("reading ended early: {error}")));
    read.unwrap_or_else(|why: String| Some(format!("its pin can't be read: {why}")))
}
